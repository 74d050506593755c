// Facts about libzmq itself.
#include "library.hpp"

#include "descriptor.hpp"
#include "process.hpp"

#include <algorithm>
#include <atomic>

#ifndef CPPYZMQ_LIBZMQ_KIND
#define CPPYZMQ_LIBZMQ_KIND ""
#define CPPYZMQ_BUILD_TYPE ""
#endif

namespace cppyzmq {

namespace {

py::tuple version_info()
{
    int major = 0;
    int minor = 0;
    int patch = 0;
    zmq_version(&major, &minor, &patch);
    return py::make_tuple(major, minor, patch);
}

bool has(const std::string& capability)
{
    return zmq_has(capability.c_str()) != 0;
}

const void* libzmq_address()
{
    return reinterpret_cast<const void*>(&zmq_version);
}

py::list as_list(const std::vector<std::string>& files)
{
    py::list list;
    for (const std::string& file : files) {
        list.append(file);
    }
    return list;
}

py::dict build_options()
{
    py::dict options;
    options["libzmq"] = CPPYZMQ_LIBZMQ_KIND;
    options["drafts"] = CPPYZMQ_DRAFTS == 1;
    options["build type"] = CPPYZMQ_BUILD_TYPE;
    options["libzmq headers"] = std::to_string(ZMQ_VERSION_MAJOR) + "." +
                                std::to_string(ZMQ_VERSION_MINOR) + "." +
                                std::to_string(ZMQ_VERSION_PATCH);
    options["cppzmq"] = std::to_string(CPPZMQ_VERSION_MAJOR) + "." +
                        std::to_string(CPPZMQ_VERSION_MINOR) + "." +
                        std::to_string(CPPZMQ_VERSION_PATCH);
    options["pybind11"] = std::to_string(PYBIND11_VERSION_MAJOR) + "." +
                          std::to_string(PYBIND11_VERSION_MINOR) + "." +
                          std::to_string(PYBIND11_VERSION_MICRO);
#if defined(__clang__)
    options["compiler"] = "Clang " __clang_version__;
#elif defined(__GNUC__)
    options["compiler"] = "GCC " __VERSION__;
#elif defined(_MSC_VER)
    options["compiler"] = "Visual C++ " + std::to_string(_MSC_FULL_VER);
#endif
    return options;
}

}  // namespace

const std::string& libzmq_file()
{
    static const std::string file = library_at(libzmq_address()).file;
    return file;
}

// A socket is a C++ object: its first word points to the table of its virtual
// functions, and that is in the library whose code made it.
std::string file_of_socket(const void* handle)
{
    return library_at(*static_cast<const void* const*>(handle)).file;
}

std::vector<std::string> other_libzmq_files()
{
    std::vector<const void*> seen{library_at(libzmq_address()).base};
    std::vector<std::string> others;
    for (const Library& library : libraries_with("zmq_version")) {
        if (std::find(seen.begin(), seen.end(), library.base) == seen.end()) {
            seen.push_back(library.base);
            others.push_back(library.file);
        }
    }
    return others;
}

bool warn_of_second_libzmq()
{
    static std::atomic<bool> warned{false};
    if (warned) {
        return true;
    }
    const std::vector<std::string> others = other_libzmq_files();
    if (others.empty() || warned.exchange(true)) {
        return true;
    }
    return PyErr_WarnFormat(
               PyExc_RuntimeWarning, 1,
               "there is more than one libzmq in this process: zmq uses %s, and %s is loaded too; "
               "a socket or context of one must not be given to the other",
               libzmq_file().c_str(), others.front().c_str()) == 0;
}

void register_library(py::module_& module)
{
    module.def("zmq_version_info", &version_info,
               R"doc(zmq_version_info()
--

The version of libzmq in use, a tuple (major, minor, patch).)doc");
    module.def("has", &has, py::arg("capability").noconvert(), R"doc(has(capability)
--

Whether libzmq was built with a capability (zmq_has(3)).

Parameters
----------
capability
    'ipc', 'pgm', 'tipc', 'norm', 'curve', 'gssapi', 'draft', 'ws', 'wss'.)doc");
    module.def(
        "strerror", [](int number) { return std::string(zmq_strerror(number)); }, py::arg("errno"),
        R"doc(strerror(errno)
--

The text of an errno of libzmq (zmq_strerror(3)).)doc");
    module.def("zmq_errno", &zmq_errno,
               R"doc(zmq_errno()
--

The errno of the last call of libzmq in this thread (zmq_errno(3)).)doc");
    module.def("libzmq_file", &libzmq_file,
               R"doc(libzmq_file()
--

The file that libzmq is loaded from; that of this module where it is built in.)doc");
    module.def(
        "other_libzmq_files", [] { return as_list(other_libzmq_files()); },
        R"doc(other_libzmq_files()
--

The files of every other libzmq that this process has loaded.)doc");
    module.def(
        "warn_of_second_libzmq",
        [] {
            if (!warn_of_second_libzmq()) {
                throw py::error_already_set();
            }
        },
        R"doc(warn_of_second_libzmq()
--

Warn, once in the life of the process, where there is another libzmq in it.)doc");
    module.def("build_options", &build_options,
               R"doc(build_options()
--

How this module was built, a dict of str to str or bool.)doc");
    module.attr("IPC_PATH_MAX_LEN") = has("ipc") ? longest_ipc_path : 0;
    module.attr("DRAFT_API") = CPPYZMQ_DRAFTS == 1 && has("draft");
}

}  // namespace cppyzmq
