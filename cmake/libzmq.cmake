# Finds libzmq and cppzmq's headers, or builds the pinned ones, and defines `cppyzmq::libzmq`.
#
# CPPYZMQ_LIBZMQ says which: `system` (its CMake package, else where pkg-config or CMake find it),
# `bundled` (the release below, static, with nothing exported), `auto` (the first that works).
# Without a network, point FETCHCONTENT_SOURCE_DIR_LIBZMQ (and _CPPZMQ) at an unpacked source.
# Sets CPPYZMQ_LTO_TARGETS to what should be optimised together with the module,
# CPPYZMQ_LIBZMQ_KIND to `system` or `bundled`, and CPPYZMQ_SHIPPED_HEADERS to the headers that the
# package brings for C++ projects.

include_guard(GLOBAL)
include(CheckCXXSourceCompiles)
include(FetchContent)

set(libzmq_minimum 4.3.0)
set(libzmq_pinned 4.3.5)
set(libzmq_url "https://github.com/zeromq/libzmq/releases/download/v4.3.5/zeromq-4.3.5.tar.gz")
set(libzmq_sha256 6653ef5910f17954861fe72332e68b03ca6e4d9c7160eb3a8de5a5a913bfab43)

set(cppzmq_minimum 4.9.0)
set(cppzmq_pinned 4.11.0)
set(cppzmq_url "https://github.com/zeromq/cppzmq/archive/refs/tags/v4.11.0.tar.gz")
set(cppzmq_sha256 0fff4ff311a7c88fdb76fceefba0e180232d56984f577db371d505e4d4c91afd)

set(CPPYZMQ_LTO_TARGETS)

# Ends configure with what was looked for and the command that installs it.
function(cppyzmq_missing what)
  message(
    FATAL_ERROR
      "${what}\n"
      "Install libzmq and cppzmq with the command of your system:\n"
      "  apt:    sudo apt-get install libzmq3-dev cppzmq-dev pkg-config\n"
      "  dnf:    sudo dnf install zeromq-devel cppzmq-devel pkgconf-pkg-config\n"
      "  brew:   brew install zeromq cppzmq pkgconf\n"
      "  conda:  conda install -c conda-forge zeromq cppzmq pkg-config\n"
      "or build libzmq ${libzmq_pinned} into the module with -DCPPYZMQ_LIBZMQ=bundled; without a "
      "network add -DFETCHCONTENT_SOURCE_DIR_LIBZMQ=<unpacked libzmq source> and "
      "-DFETCHCONTENT_SOURCE_DIR_CPPZMQ=<unpacked cppzmq source>.")
endfunction()

# Unpacks a pinned archive, or takes the directory that FETCHCONTENT_SOURCE_DIR_<NAME> names, and
# sets <name>_SOURCE_DIR; leaves it empty, with the reason in <name>_error, when that is not to be had.
function(cppyzmq_fetch name url sha256)
  string(TOUPPER "${name}" upper)
  set(${name}_SOURCE_DIR "" PARENT_SCOPE)
  set(${name}_error "" PARENT_SCOPE)
  set(source URL "${url}")
  if(NOT FETCHCONTENT_SOURCE_DIR_${upper})
    # Downloaded here first, because FetchContent's own failure could not be explained.
    set(archive "${CMAKE_BINARY_DIR}/_deps/${name}-${sha256}.tar.gz")
    set(have "")
    if(EXISTS "${archive}")
      file(SHA256 "${archive}" have)
    endif()
    if(NOT have STREQUAL sha256)
      message(STATUS "Downloading ${url}")
      file(DOWNLOAD "${url}" "${archive}" STATUS status INACTIVITY_TIMEOUT 30)
      list(GET status 0 code)
      if(NOT code EQUAL 0)
        list(GET status 1 reason)
        file(REMOVE "${archive}")
        set(${name}_error "${url}: ${reason}" PARENT_SCOPE)
        return()
      endif()
    endif()
    set(source URL "${archive}" URL_HASH "SHA256=${sha256}" DOWNLOAD_EXTRACT_TIMESTAMP ON)
    if(CMAKE_VERSION VERSION_LESS 3.24)
      list(REMOVE_ITEM source DOWNLOAD_EXTRACT_TIMESTAMP ON)
    endif()
  endif()
  # A SOURCE_SUBDIR that does not exist: unpack only, the caller adds what it needs.
  fetchcontent_declare(${name} ${source} SOURCE_SUBDIR only-unpack)
  fetchcontent_makeavailable(${name})
  set(${name}_SOURCE_DIR "${${name}_SOURCE_DIR}" PARENT_SCOPE)
  set(${name}_BINARY_DIR "${${name}_BINARY_DIR}" PARENT_SCOPE)
endfunction()

# Reads `#define <prefix>_MAJOR 4` and so on out of a header.
function(cppyzmq_header_version header prefix result)
  set(numbers)
  foreach(part MAJOR MINOR PATCH)
    file(STRINGS "${header}" line REGEX "^#define ${prefix}_${part} +[0-9]+" LIMIT_COUNT 1)
    string(REGEX MATCH "[0-9]+$" number "${line}")
    list(APPEND numbers "${number}")
  endforeach()
  list(JOIN numbers "." version)
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

# Finds an installed libzmq; sets system_libzmq to its target, or to "" with system_libzmq_error.
function(cppyzmq_find_system)
  set(system_libzmq "" PARENT_SCOPE)
  find_package(ZeroMQ CONFIG QUIET)
  if(TARGET libzmq)
    set(target libzmq)
    get_target_property(include_dir libzmq INTERFACE_INCLUDE_DIRECTORIES)
    set(version ${ZeroMQ_VERSION})
  else()
    # pkg-config only says where: its flags carry what libzmq itself was built with.
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(CPPYZMQ_PKG_LIBZMQ QUIET libzmq)
    endif()
    find_path(CPPYZMQ_LIBZMQ_INCLUDE_DIR zmq.h HINTS ${CPPYZMQ_PKG_LIBZMQ_INCLUDEDIR})
    find_library(CPPYZMQ_LIBZMQ_LIBRARY zmq HINTS ${CPPYZMQ_PKG_LIBZMQ_LIBDIR})
    if(NOT CPPYZMQ_LIBZMQ_INCLUDE_DIR OR NOT CPPYZMQ_LIBZMQ_LIBRARY)
      set(system_libzmq_error
          "neither a CMake package named ZeroMQ, nor zmq.h and the library where pkg-config and CMake look"
          PARENT_SCOPE)
      return()
    endif()
    set(target CPPYZMQ::system_libzmq)
    set(include_dir "${CPPYZMQ_LIBZMQ_INCLUDE_DIR}")
    cppyzmq_header_version("${include_dir}/zmq.h" ZMQ_VERSION version)
    add_library(${target} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${CPPYZMQ_LIBZMQ_LIBRARY}"
                                               INTERFACE_INCLUDE_DIRECTORIES "${include_dir}")
  endif()
  if(version VERSION_LESS libzmq_minimum)
    set(system_libzmq_error "libzmq ${version} (${include_dir}) is older than ${libzmq_minimum}" PARENT_SCOPE)
    return()
  endif()
  if(CPPYZMQ_DRAFTS)
    set(CMAKE_REQUIRED_LIBRARIES ${target})
    set(CMAKE_REQUIRED_DEFINITIONS -DZMQ_BUILD_DRAFT_API)
    check_cxx_source_compiles(
      "#include <zmq.h>\nint main() { return zmq_join(nullptr, \"group\"); }"
      CPPYZMQ_SYSTEM_LIBZMQ_HAS_DRAFTS)
    if(NOT CPPYZMQ_SYSTEM_LIBZMQ_HAS_DRAFTS)
      set(system_libzmq_error
          "CPPYZMQ_DRAFTS asks for draft sockets, and libzmq ${version} (${include_dir}) was built without"
          PARENT_SCOPE)
      return()
    endif()
  endif()
  message(STATUS "libzmq ${version}: the system's (${include_dir})")
  set(system_libzmq ${target} PARENT_SCOPE)
  set(libzmq_include_dirs "${include_dir}" PARENT_SCOPE)
endfunction()

# Adds libzmq's own build below ours, static and hidden. Its options are plain variables of this
# function, so nothing of them stays in the cache.
function(cppyzmq_add_bundled)
  set(CMAKE_POLICY_VERSION_MINIMUM 3.5) # libzmq asks for less than CMake 4 accepts
  set(CMAKE_POLICY_DEFAULT_CMP0063 NEW) # visibility of static libraries
  set(CMAKE_POLICY_DEFAULT_CMP0069 NEW) # link-time optimisation where a target asks for it
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW) # option() leaves the variables below alone
  set(CMAKE_WARN_DEPRECATED OFF)
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  set(CMAKE_CXX_VISIBILITY_PRESET hidden)
  set(CMAKE_C_VISIBILITY_PRESET hidden)
  set(BUILD_SHARED OFF)
  set(BUILD_STATIC ON)
  set(BUILD_TESTS OFF)
  set(ENABLE_CPACK OFF)
  set(ENABLE_CLANG OFF)
  set(ENABLE_CURVE ON)
  set(ENABLE_DRAFTS ${CPPYZMQ_DRAFTS})
  set(ENABLE_NO_EXPORT ON)
  set(ENABLE_PRECOMPILED OFF)
  set(ENABLE_WS OFF)
  set(LIBZMQ_PEDANTIC OFF)
  set(WITH_DOC OFF)
  set(WITH_DOCS OFF)
  set(WITH_LIBBSD OFF)
  set(WITH_LIBSODIUM ON)
  set(WITH_PERF_TOOL OFF)
  set(WITH_TLS OFF)
  if(WIN32)
    set(WITH_LIBSODIUM_STATIC ON)
  endif()
  if(MINGW)
    set(ZMQ_HAVE_IPC OFF) # libzmq takes its sockets from headers that only others have
  endif()
  add_subdirectory("${libzmq_SOURCE_DIR}" "${libzmq_BINARY_DIR}" EXCLUDE_FROM_ALL)
endfunction()

if(NOT CPPYZMQ_LIBZMQ MATCHES "^(auto|system|bundled)$")
  message(FATAL_ERROR "CPPYZMQ_LIBZMQ is '${CPPYZMQ_LIBZMQ}'; it must be auto, system or bundled.")
endif()

# The library.
set(system_libzmq "")
set(system_libzmq_error "")
if(NOT CPPYZMQ_LIBZMQ STREQUAL "bundled")
  cppyzmq_find_system()
  if(NOT system_libzmq AND CPPYZMQ_LIBZMQ STREQUAL "system")
    cppyzmq_missing("No libzmq for CPPYZMQ_LIBZMQ=system: ${system_libzmq_error}.")
  endif()
endif()

add_library(cppyzmq_libzmq INTERFACE)
add_library(cppyzmq::libzmq ALIAS cppyzmq_libzmq)

if(system_libzmq)
  set(CPPYZMQ_LIBZMQ_KIND system)
  target_link_libraries(cppyzmq_libzmq INTERFACE ${system_libzmq})
else()
  set(CPPYZMQ_LIBZMQ_KIND bundled)
  cppyzmq_fetch(libzmq "${libzmq_url}" ${libzmq_sha256})
  if(NOT libzmq_SOURCE_DIR)
    if(system_libzmq_error)
      cppyzmq_missing("No libzmq: ${system_libzmq_error}. Its source could not be had either (${libzmq_error}).")
    endif()
    cppyzmq_missing("The source of libzmq could not be had: ${libzmq_error}.")
  endif()
  cppyzmq_add_bundled()
  cppyzmq_header_version("${libzmq_SOURCE_DIR}/include/zmq.h" ZMQ_VERSION bundled_version)
  message(STATUS "libzmq ${bundled_version}: bundled (${libzmq_SOURCE_DIR})")
  set(libzmq_include_dirs "${libzmq_SOURCE_DIR}/include")
  target_include_directories(cppyzmq_libzmq SYSTEM INTERFACE ${libzmq_include_dirs})
  target_link_libraries(cppyzmq_libzmq INTERFACE libzmq-static)
  target_compile_definitions(cppyzmq_libzmq INTERFACE ZMQ_STATIC ZMQ_NO_EXPORT)
  foreach(target libzmq-static objects) # what libzmq calls its archive and what the archive is made of
    if(TARGET ${target})
      list(APPEND CPPYZMQ_LTO_TARGETS ${target})
      target_compile_options(${target} PRIVATE $<$<NOT:$<BOOL:${MSVC}>>:-w>) # its warnings are not ours
    endif()
  endforeach()
endif()

# What a wheel carries of others, beside our own licence: libzmq's, pybind11's, and those that
# whoever bundles more names in CPPYZMQ_LICENSES (a list of name=file).
set(CPPYZMQ_LICENSES "" CACHE STRING "further licences for the wheel: a list of name=file")
if(SKBUILD_METADATA_DIR)
  set(licenses ${CPPYZMQ_LICENSES})
  file(GLOB pybind11_license "${pybind11_DIR}/../../../../pybind11-${pybind11_VERSION}*.dist-info/licenses/LICENSE")
  list(TRANSFORM pybind11_license PREPEND "pybind11=")
  list(APPEND licenses ${pybind11_license})
  if(NOT system_libzmq)
    foreach(name LICENSE COPYING COPYING.LESSER) # 4.3.5 has the first, older ones the others
      if(EXISTS "${libzmq_SOURCE_DIR}/${name}")
        list(APPEND licenses "libzmq=${libzmq_SOURCE_DIR}/${name}")
      endif()
    endforeach()
  endif()
  foreach(license IN LISTS licenses)
    string(REGEX MATCH "^([^=]+)=(.+)$" matched "${license}")
    install(FILES "${CMAKE_MATCH_2}" DESTINATION "${SKBUILD_METADATA_DIR}/licenses/${CMAKE_MATCH_1}" COMPONENT python)
  endforeach()
endif()

# cppzmq's headers.
if(NOT FETCHCONTENT_SOURCE_DIR_CPPZMQ)
  find_path(CPPYZMQ_CPPZMQ_INCLUDE_DIR zmq.hpp HINTS ${libzmq_include_dirs})
endif()
set(cppzmq_include_dir "")
if(CPPYZMQ_CPPZMQ_INCLUDE_DIR)
  cppyzmq_header_version("${CPPYZMQ_CPPZMQ_INCLUDE_DIR}/zmq.hpp" CPPZMQ_VERSION cppzmq_version)
  if(cppzmq_version VERSION_GREATER_EQUAL cppzmq_minimum)
    set(cppzmq_include_dir "${CPPYZMQ_CPPZMQ_INCLUDE_DIR}")
  else()
    message(STATUS "cppzmq ${cppzmq_version} in ${CPPYZMQ_CPPZMQ_INCLUDE_DIR} is older than ${cppzmq_minimum}")
  endif()
endif()
if(NOT cppzmq_include_dir)
  cppyzmq_fetch(cppzmq "${cppzmq_url}" ${cppzmq_sha256})
  if(NOT cppzmq_SOURCE_DIR)
    cppyzmq_missing("No cppzmq headers >= ${cppzmq_minimum} (zmq.hpp), and their source could not be had (${cppzmq_error}).")
  endif()
  set(cppzmq_include_dir "${cppzmq_SOURCE_DIR}")
  cppyzmq_header_version("${cppzmq_include_dir}/zmq.hpp" CPPZMQ_VERSION cppzmq_version)
endif()
message(STATUS "cppzmq ${cppzmq_version}: ${cppzmq_include_dir}")
target_include_directories(cppyzmq_libzmq SYSTEM INTERFACE "${cppzmq_include_dir}")

set(CPPYZMQ_SHIPPED_HEADERS)
foreach(header zmq.h zmq_utils.h)
  # A target may name several directories.
  find_file(CPPYZMQ_FOUND_${header} ${header} PATHS ${libzmq_include_dirs} NO_DEFAULT_PATH
            NO_CMAKE_FIND_ROOT_PATH NO_CACHE)
  if(CPPYZMQ_FOUND_${header}) # zmq_utils.h is empty, and gone some day
    list(APPEND CPPYZMQ_SHIPPED_HEADERS "${CPPYZMQ_FOUND_${header}}")
  endif()
endforeach()
list(APPEND CPPYZMQ_SHIPPED_HEADERS "${cppzmq_include_dir}/zmq.hpp" "${cppzmq_include_dir}/zmq_addon.hpp")
