# find_package(cppyzmq CONFIG): the target `cppyzmq::zmq`, for extensions and for programs that embed
# Python. It brings the headers (zmq.h, zmq.hpp, zmq_addon.hpp, cppyzmq/pybind11.hpp) and a source
# file that calls the libzmq that Python uses; nothing is linked. See docs/cpp.md.
#
#   find_package(cppyzmq CONFIG REQUIRED)     # with -Dcppyzmq_ROOT=$(python -m zmq --cmakedir)
#   target_link_libraries(my_module PRIVATE cppyzmq::zmq)

get_filename_component(cppyzmq_INCLUDE_DIR "${CMAKE_CURRENT_LIST_DIR}/../include" ABSOLUTE)

# An installed package has libzmq's headers; a checkout takes the system's.
set(cppyzmq_INCLUDE_DIRS "${cppyzmq_INCLUDE_DIR}")
foreach(header zmq.h zmq.hpp)
  if(NOT EXISTS "${cppyzmq_INCLUDE_DIR}/${header}")
    find_path(cppyzmq_${header}_INCLUDE_DIR ${header})
    if(NOT cppyzmq_${header}_INCLUDE_DIR)
      set(cppyzmq_FOUND FALSE)
      set(cppyzmq_NOT_FOUND_MESSAGE "${header} is not in ${cppyzmq_INCLUDE_DIR}, nor in the system")
      return()
    endif()
    list(APPEND cppyzmq_INCLUDE_DIRS "${cppyzmq_${header}_INCLUDE_DIR}")
  endif()
endforeach()
list(REMOVE_DUPLICATES cppyzmq_INCLUDE_DIRS)

if(NOT TARGET cppyzmq::zmq)
  add_library(cppyzmq::zmq INTERFACE IMPORTED)
  set_target_properties(
    cppyzmq::zmq
    PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${cppyzmq_INCLUDE_DIRS}"
               INTERFACE_SOURCES "${cppyzmq_INCLUDE_DIR}/cppyzmq/forward.cpp"
               # Windows: the functions are in the module itself, not imported from a DLL.
               INTERFACE_COMPILE_DEFINITIONS "ZMQ_STATIC;ZMQ_NO_EXPORT"
               INTERFACE_COMPILE_FEATURES cxx_std_17)
endif()
