// get, set, and options as attributes.
#include "constants.hpp"
#include "errors.hpp"
#include "socket.hpp"

#include <cctype>
#include <cerrno>
#include <cstdint>
#include <string>

namespace cppyzmq {

namespace {

// An endpoint or a key is shorter.
constexpr std::size_t longest_value = 512;
constexpr std::size_t z85_key = 41;  // with the null at its end

PyObject* refused_option(int option, const std::string& what)
{
    const int error = zmq_errno();
    if (error != EINVAL) {
        return raise_error(error);
    }
    return raise_error_about(error, std::string(socket_option_name(option)) + " (" +
                                        std::to_string(option) + ") " + what);
}

PyObject* cannot_be_read(int option)
{
    return refused_option(option, "cannot be read from this socket");
}

// A value as an error shows it: keys and passwords not at all.
py::object shown(int option, PyObject* value)
{
    const bool secret = option == ZMQ_CURVE_SECRETKEY || option == ZMQ_PLAIN_PASSWORD ||
                        option == ZMQ_SOCKS_PASSWORD || option == ZMQ_WSS_KEY_PEM;
    return py::reinterpret_steal<py::object>(
        secret ? PyUnicode_FromFormat("(a secret %s)", Py_TYPE(value)->tp_name)
               : PyObject_Repr(value));
}

bool does_not_accept(int option, PyObject* value)
{
    const py::object text = shown(option, value);
    if (text) {
        refused_option(option, "of this socket does not accept " + text.cast<std::string>());
    }
    return false;
}

bool wrong_type(const char* expected, int option, PyObject* value)
{
    const py::object text = shown(option, value);
    if (text) {
        PyErr_Format(PyExc_TypeError, "expected %s, got: %U", expected, text.ptr());
    }
    return false;
}

// Runs `call` inside the socket, again after signals. False with errno, or with a
// Python exception.
template <class Call>
bool enter_for(State& state, Call call)
{
    for (;;) {
        {
            const Entered entered(state);
            if (!entered) {
                raise_refused(state);
                return false;
            }
            if (call() == 0) {
                return true;
            }
        }
        if (errno != EINTR || PyErr_CheckSignals() != 0) {
            return false;
        }
    }
}

// Reads an option of a fixed size.
template <class Value>
bool read_option(State& state, int option, Value& value)
{
    return enter_for(state, [&] {
        if (option == ZMQ_RCVMORE && state.more_returned != State::More::ask_libzmq) {
            value = state.more_returned == State::More::yes ? 1 : 0;
            return 0;
        }
        if (option == ZMQ_EVENTS) {
            const int events = state.events();
            value = static_cast<Value>(events);
            return events >= 0 ? 0 : -1;
        }
        std::size_t size = sizeof value;
        return zmq_getsockopt(state.handle(), option, &value, &size);
    });
}

template <class Value>
PyObject* get_number(State& state, int option)
{
    Value value = 0;
    if (read_option(state, option, value)) {
        return PyLong_FromLongLong(value);
    }
    if (PyErr_Occurred() != nullptr) {
        return nullptr;
    }
    return cannot_be_read(option);
}

bool is_curve_key(int option)
{
    return option == ZMQ_CURVE_PUBLICKEY || option == ZMQ_CURVE_SECRETKEY ||
           option == ZMQ_CURVE_SERVERKEY;
}

PyObject* get_bytes(State& state, int option)
{
    char value[longest_value];
    // A key comes as text only into a buffer of exactly its size.
    std::size_t size = is_curve_key(option) ? z85_key : sizeof value;
    {
        const Entered entered(state);
        if (!entered) {
            return raise_refused(state);
        }
        if (option == number::monitor) {
            return state.monitor == nullptr ? PyBytes_FromStringAndSize(nullptr, 0)
                                            : PyBytes_FromString(state.monitor->endpoint().c_str());
        }
        if (zmq_getsockopt(state.handle(), option, value, &size) != 0) {
            size = sizeof value + 1;
        }
    }
    if (size > sizeof value) {
        return cannot_be_read(option);
    }
    // Text comes with its null; a routing id is binary.
    if (option != ZMQ_ROUTING_ID && size > 0 && value[size - 1] == '\0') {
        --size;
    }
    return PyBytes_FromStringAndSize(value, static_cast<Py_ssize_t>(size));
}

bool write_option(State& state, int option, const void* value, std::size_t size, PyObject* shown)
{
    if (enter_for(state, [&] {
            const int result = zmq_setsockopt(state.handle(), option, value, size);
            if (result == 0 && option == ZMQ_REQ_RELAXED) {
                state.req_relaxed = *static_cast<const int*>(value) != 0;
            }
            return result;
        })) {
        return true;
    }
    return PyErr_Occurred() == nullptr && does_not_accept(option, shown);
}

bool set_bytes(State& state, int option, PyObject* value)
{
    if (!PyBytes_Check(value)) {
        return wrong_type("bytes", option, value);
    }
    return write_option(state, option, PyBytes_AS_STRING(value),
                        static_cast<std::size_t>(PyBytes_GET_SIZE(value)), value);
}

bool set_int64(State& state, int option, PyObject* value)
{
    std::int64_t number = PyLong_AsLongLong(value);
    if (number == -1 && PyErr_Occurred() != nullptr) {
        if (option != ZMQ_AFFINITY || PyErr_ExceptionMatches(PyExc_OverflowError) == 0) {
            return false;
        }
        PyErr_Clear();  // AFFINITY is a mask of 64 threads: its upper half is fine
        const unsigned long long mask = PyLong_AsUnsignedLongLong(value);
        if (PyErr_Occurred() != nullptr) {
            return false;
        }
        number = static_cast<std::int64_t>(mask);
    }
    return write_option(state, option, &number, sizeof number, value);
}

bool set_int32(State& state, int option, PyObject* value)
{
    int number = 0;
    return read_int(value, number) && write_option(state, option, &number, sizeof number, value);
}

bool set_monitor(Socket& socket, PyObject* value)
{
    const char* endpoint = "";
    if (PyBytes_Check(value)) {
        endpoint = PyBytes_AS_STRING(value);
    } else if (PyUnicode_Check(value)) {
        endpoint = PyUnicode_AsUTF8(value);
    } else if (value != Py_None) {
        PyErr_Format(PyExc_TypeError, "expected an endpoint (str or bytes) or None, got: %R",
                     value);
        return false;
    }
    return endpoint != nullptr && monitor_socket(socket, endpoint, ZMQ_EVENT_ALL);
}

const Signature<1> get_signature("get", {"option"}, 1);
const Signature<2> set_signature("set", {"option", "optval"}, 2);

PyObject* socket_get(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                     PyObject* keywords)
{
    Socket* socket = socket_of(self);
    std::array<PyObject*, 1> given;
    int option = 0;
    if (socket == nullptr || !get_signature.read(arguments, count, keywords, given) ||
        !read_int(given[0], option)) {
        return nullptr;
    }
    return get_socket_option(*socket, option);
}

PyObject* socket_set(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                     PyObject* keywords)
{
    Socket* socket = socket_of(self);
    std::array<PyObject*, 2> given;
    int option = 0;
    if (socket == nullptr || !set_signature.read(arguments, count, keywords, given) ||
        !read_int(given[0], option) || !set_socket_option(*socket, option, given[1])) {
        return nullptr;
    }
    Py_RETURN_NONE;
}

std::array<PyMethodDef, 2> methods{
    fast_method<socket_get>("get", R"(get($self, option)
--

Get a socket option (zmq_getsockopt(3)).

Parameters
----------
option
    A SocketOption.

Returns
-------
int or bytes
    By the option's type.

Raises
------
ZMQError
    EINVAL: no such option, or it can only be set; ENOTSOCK: the socket is
    closed.)"),
    fast_method<socket_set>("set", R"(set($self, option, optval)
--

Set a socket option (zmq_setsockopt(3)).

Parameters
----------
option
    A SocketOption.
optval
    int or bytes, by the option's type.

Raises
------
ZMQError
    EINVAL: no such option, or not this value; ENOTSOCK: the socket is closed.
TypeError
    The value is of the wrong type; text goes through set_string.)"),
};

// To see whether a subclass has its own.
PyObject* get_name = nullptr;
PyObject* set_name = nullptr;

// For spellings that are neither lower nor upper case.
int option_in_any_case(PyObject* name)
{
    const py::object upper =
        py::reinterpret_steal<py::object>(PyObject_CallMethod(name, "upper", nullptr));
    if (!upper) {
        PyErr_Clear();
        return -1;
    }
    return socket_option_number(upper.ptr());
}

void no_such_option(PyObject* self, PyObject* name)
{
    PyErr_Format(PyExc_AttributeError, "'%s' has no attribute or socket option '%U'",
                 Py_TYPE(self)->tp_name, name);
}

PyObject* get_as_attribute(PyObject* self, const char* name, int option)
{
    PyObject* value = nullptr;
    if (is_native(of_type(self, get_name), methods[0])) {
        Socket* socket = socket_of(self);
        value = socket != nullptr ? get_socket_option(*socket, option) : nullptr;
    } else {
        const py::object number = py::reinterpret_steal<py::object>(PyLong_FromLong(option));
        value = PyObject_CallMethodObjArgs(self, get_name, number.ptr(), nullptr);
    }
    if (value != nullptr || PyErr_ExceptionMatches(PyExc_Exception) == 0) {
        return value;
    }
    py::error_already_set error;
    const py::object code = py::getattr(error.value(), "errno", py::none());
    if (!code.is_none() && code.equal(py::int_(EINVAL))) {
        PyErr_Format(PyExc_AttributeError, "%s attribute is write-only", name);
    } else {
        error.restore();
    }
    return nullptr;
}

int set_as_attribute(PyObject* self, int option, PyObject* value)
{
    py::object topic;
    if ((option == ZMQ_SUBSCRIBE || option == ZMQ_UNSUBSCRIBE) && PyUnicode_Check(value)) {
        topic = py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(value));
        value = topic.ptr();
        if (value == nullptr) {
            return -1;
        }
    }
    if (is_native(of_type(self, set_name), methods[1])) {
        Socket* socket = socket_of(self);
        return socket != nullptr && set_socket_option(*socket, option, value) ? 0 : -1;
    }
    const py::object number = py::reinterpret_steal<py::object>(PyLong_FromLong(option));
    const py::object result = py::reinterpret_steal<py::object>(
        PyObject_CallMethodObjArgs(self, set_name, number.ptr(), value, nullptr));
    return result ? 0 : -1;
}

}  // namespace

PyObject* get_socket_option(Socket& socket, int option)
{
    State& state = *socket.state;
    if (option == ZMQ_HWM) {
        option = ZMQ_SNDHWM;
    }
    switch (option_type(option)) {
        case OptionType::bytes:
            return get_bytes(state, option);
        case OptionType::int64:
            return get_number<std::int64_t>(state, option);
        case OptionType::fd:
            if (option == ZMQ_FD && state.signalled()) {
                return warn_draft_descriptor() ? descriptor_object(state.fd()) : nullptr;
            }
            return option == ZMQ_FD ? get_number<std::make_signed_t<Descriptor>>(state, option)
                                    : get_number<int>(state, option);
        case OptionType::int32:
            break;
    }
    return get_number<int>(state, option);
}

bool set_socket_option(Socket& socket, int option, PyObject* value)
{
    State& state = *socket.state;
    if (option == number::monitor) {
        return set_monitor(socket, value);
    }
    if (PyUnicode_Check(value)) {
        return wrong_type("bytes or int (unicode not allowed, use setsockopt_string)", option,
                          value);
    }
    const OptionType type = option_type(option);
    if (type == OptionType::bytes) {
        return set_bytes(state, option, value);
    }
    if (!PyLong_Check(value)) {
        return wrong_type("int", option, value);
    }
    if (option == ZMQ_HWM) {
        return set_int32(state, ZMQ_SNDHWM, value) && set_int32(state, ZMQ_RCVHWM, value);
    }
    return type == OptionType::int64 ? set_int64(state, option, value)
                                     : set_int32(state, option, value);
}

int socket_setattr(PyObject* self, PyObject* name, PyObject* value)
{
    PyObject* attribute = of_type(self, name);
    // subscribe is a method, but also an option that programs assign to.
    if (value != nullptr && attribute != nullptr && PyCallable_Check(attribute) != 0 &&
        (PyUnicode_CompareWithASCIIString(name, "subscribe") == 0 ||
         PyUnicode_CompareWithASCIIString(name, "unsubscribe") == 0)) {
        return set_as_attribute(self, socket_option_number(name), value);
    }
    if (value == nullptr || attribute != nullptr) {
        return PyObject_GenericSetAttr(self, name, value);
    }
    try {
        if (is_declared(self, name)) {
            return PyObject_GenericSetAttr(self, name, value);
        }
    } catch (const std::exception&) {
        raise_current_exception();
        return -1;
    }
    const int option = option_in_any_case(name);
    if (option >= 0) {
        return set_as_attribute(self, option, value);
    }
    no_such_option(self, name);
    return -1;
}

namespace {

// Each option is a pair of data descriptors, its name in lower and in upper case,
// and the type's own attribute look-up stays Python's: with another, CPython can
// neither find methods the fast way nor specialise calls of them, which costs more
// than a small send.
struct OptionDescriptor {
    std::string name;  // as it is spelt here
    int option;
    PyGetSetDef definition{};
};

PyObject* get_descriptor(PyObject* self, void* closure)
{
    const auto& descriptor = *static_cast<const OptionDescriptor*>(closure);
    return get_as_attribute(self, descriptor.name.c_str(), descriptor.option);
}

int set_descriptor(PyObject* self, PyObject* value, void* closure)
{
    const auto& descriptor = *static_cast<const OptionDescriptor*>(closure);
    if (value == nullptr) {
        PyErr_Format(PyExc_AttributeError, "cannot delete the socket option %s",
                     descriptor.name.c_str());
        return -1;
    }
    return set_as_attribute(self, descriptor.option, value);
}

void install_descriptor(PyTypeObject* type, std::string name, int option)
{
    if (PyDict_GetItemString(type->tp_dict, name.c_str()) != nullptr) {
        return;  // a method or property: subscribe, type
    }
    // Lives as long as the type: for ever.
    auto* descriptor = new OptionDescriptor{std::move(name), option};
    descriptor->definition = {descriptor->name.c_str(), get_descriptor, set_descriptor,
                              "A socket option, see zmq_getsockopt(3) and zmq_setsockopt(3).",
                              descriptor};
    const auto made =
        py::reinterpret_steal<py::object>(PyDescr_NewGetSet(type, &descriptor->definition));
    if (!made || PyDict_SetItemString(type->tp_dict, descriptor->name.c_str(), made.ptr()) != 0) {
        throw py::error_already_set();
    }
}

void install_descriptors(PyTypeObject* type)
{
    for (const Row& row : socket_options) {
        std::string lower(row.name);
        for (char& letter : lower) {
            letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
        }
        install_descriptor(type, row.name, row.value);
        install_descriptor(type, std::move(lower), row.value);
    }
    PyType_Modified(type);
}

}  // namespace

void install_option_methods(py::handle type)
{
    install_methods(type, methods);
}

void install_option_attributes(py::handle type)
{
    install_descriptors(reinterpret_cast<PyTypeObject*>(type.ptr()));
    get_name = PyUnicode_InternFromString("get");
    set_name = PyUnicode_InternFromString("set");
}

}  // namespace cppyzmq
