// Tables -> Python enums, native ones: IntEnum and IntFlag of the standard library.
#include "constants.hpp"

#include <pybind11/native_enum.h>

#include <array>

namespace cppyzmq {

namespace {

// Everything that is looked up per call, filled once when the module is made.
constexpr int known_options = 128;
std::array<OptionType, known_options> option_types{};

constexpr int cached_members = 32;
std::array<PyObject*, cached_members> socket_type_members{};
std::array<PyObject*, cached_members> poll_event_members{};

// Names as they are mostly written, lower and upper case, to numbers.
PyObject* option_numbers = nullptr;

void fill_option_numbers()
{
    py::dict numbers;
    for (const Row& row : socket_options) {
        const py::str upper(row.name);
        numbers[upper] = row.value;
        numbers[upper.attr("lower")()] = row.value;
    }
    option_numbers = numbers.release().ptr();
}

template <class Enum, std::size_t count>
void make_enum(py::module_& module, const char* name, const char* base, const char* doc,
               const Row (&rows)[count])
{
    py::native_enum<Enum> type(module, name, base, doc);
    for (const Row& row : rows) {
        type.value(row.name, static_cast<Enum>(row.value));
    }
    type.finalize();
    // Members are pickled by module and name: those of pyzmq.
    module.attr(name).attr("__module__") = "zmq.constants";
}

void cache_members(std::array<PyObject*, cached_members>& members, const py::object& type,
                   bool flags)
{
    for (int value = 0; value < cached_members; ++value) {
        PyObject* member = PyObject_CallFunction(type.ptr(), "i", value);
        if (member == nullptr) {
            if (flags || PyErr_ExceptionMatches(PyExc_ValueError) == 0) {
                throw py::error_already_set();
            }
            PyErr_Clear();  // ValueError: not every number is a socket type
        }
        members[static_cast<std::size_t>(value)] = member;
    }
}

PyObject* member_of(const std::array<PyObject*, cached_members>& members, int value)
{
    if (value >= 0 && value < cached_members) {
        PyObject* member = members[static_cast<std::size_t>(value)];
        if (member != nullptr) {
            Py_INCREF(member);
            return member;
        }
    }
    return PyLong_FromLong(value);
}

const char* option_type_name(int option)
{
    switch (option_type(option)) {
        case OptionType::int64:
            return "int64";
        case OptionType::bytes:
            return "bytes";
        case OptionType::fd:
            return "fd";
        case OptionType::int32:
            break;
    }
    return "int";
}

}  // namespace

OptionType option_type(int option)
{
    if (option == number::monitor) {
        return OptionType::bytes;
    }
    if (option < 0 || option >= known_options) {
        return OptionType::int32;
    }
    return option_types[static_cast<std::size_t>(option)];
}

int socket_option_number(PyObject* name)
{
    PyObject* number = PyDict_GetItemWithError(option_numbers, name);
    return number != nullptr ? static_cast<int>(PyLong_AsLong(number)) : -1;
}

const char* socket_option_name(int option)
{
    for (const Row& row : socket_options) {
        if (row.value == option) {
            return row.name;
        }
    }
    return "option";
}

PyObject* socket_type_member(int value)
{
    return member_of(socket_type_members, value);
}

PyObject* poll_event_member(int value)
{
    return member_of(poll_event_members, value);
}

void register_constants(py::module_& module)
{
    fill_option_numbers();
    for (const Row& row : socket_options) {
        if (row.value < known_options) {
            option_types[static_cast<std::size_t>(row.value)] = row.type;
        }
    }
    constexpr const char* plain = "enum.IntEnum";
    constexpr const char* flag = "enum.IntFlag";
    make_enum<zmq::socket_type>(module, "SocketType", plain, "Socket types (zmq_socket(3)).",
                                socket_types);
    make_enum<SocketOption>(module, "SocketOption", plain,
                            "Socket options (zmq_setsockopt(3), zmq_getsockopt(3)).",
                            socket_options);
    make_enum<zmq::ctxopt>(module, "ContextOption", plain, "Context options (zmq_ctx_set(3)).",
                           context_options);
    make_enum<Event>(module, "Event", flag, "Events of a socket monitor (zmq_socket_monitor(3)).",
                     events);
    make_enum<PollEvent>(module, "PollEvent", flag, "Events to poll for (zmq_poll(3)).",
                         poll_events);
    make_enum<MessageOption>(module, "MessageOption", plain,
                             "Properties of a message part (zmq_msg_get(3)).", message_options);
    make_enum<Errno>(module, "Errno", plain, "Error numbers of libzmq (zmq_errno(3)).", errnos);
    make_enum<DeviceType>(module, "DeviceType", plain, "Kinds of devices.", device_types);
    make_enum<SecurityMechanism>(module, "SecurityMechanism", plain,
                                 "Security mechanisms (ZMQ_MECHANISM of zmq_getsockopt(3)).",
                                 security_mechanisms);
    make_enum<zmq::send_flags>(module, "Flag", flag, "Flags of send and receive (zmq_msg_send(3)).",
                               flags);
    make_enum<NormMode>(module, "NormMode", plain, "Congestion control of NORM (zmq_norm(7)).",
                        norm_modes);
    make_enum<ReconnectStop>(module, "ReconnectStop", plain,
                             "When to stop reconnecting (ZMQ_RECONNECT_STOP).", reconnect_stops);
    make_enum<RouterNotify>(module, "RouterNotify", plain,
                            "Which peers a ROUTER announces (ZMQ_ROUTER_NOTIFY).", router_notifies);
    cache_members(socket_type_members, module.attr("SocketType"), false);
    cache_members(poll_event_members, module.attr("PollEvent"), true);
    module.def("option_type", &option_type_name, py::arg("option"),
               R"doc(option_type(option)
--

How libzmq exchanges a socket option: 'int', 'int64', 'bytes' or 'fd'.)doc");
}

}  // namespace cppyzmq
