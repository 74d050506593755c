// Facts about libzmq itself.
#include "core.hpp"

#include <string>

#include <sys/un.h>

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

}  // namespace

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
    module.attr("IPC_PATH_MAX_LEN") = sizeof(sockaddr_un::sun_path) - 1;
    module.attr("DRAFT_API") = CPPYZMQ_DRAFTS == 1 && has("draft");
}

}  // namespace cppyzmq
