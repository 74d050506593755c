// Socket: creation, endpoints, groups, monitor, close.
#include "socket.hpp"

#include "constants.hpp"
#include "context.hpp"
#include "errors.hpp"
#include "frame.hpp"
#include "library.hpp"
#include "wait.hpp"

#include <cerrno>
#include <cstring>
#include <string>

namespace cppyzmq {

PyTypeObject* socket_type = nullptr;

Socket::~Socket()
{
    if (owner) {
        state->close(nullptr);
    }
}

namespace {

constexpr const char* ipc_scheme = "ipc://";
constexpr const char* inproc_scheme = "inproc://";
constexpr const char* tcp_scheme = "tcp://";

bool has_scheme(const std::string& endpoint, const char* scheme)
{
    return endpoint.compare(0, std::strlen(scheme), scheme) == 0;
}

// To be called before a socket gets the endpoint.
void note_transport(State& state, const std::string& endpoint)
{
    if (!has_scheme(endpoint, tcp_scheme) && !has_scheme(endpoint, ipc_scheme)) {
        state.lends_bytes = false;
    }
    if (has_scheme(endpoint, inproc_scheme)) {
        state.inproc = true;
    }
}

// What methods that are not on the hot path work on.
State& state_of(const Socket& self)
{
    if (self.state == nullptr) {
        throw py::type_error("Socket.__init__() was not called");
    }
    return *self.state;
}

[[noreturn]] void throw_refused(const State& state)
{
    raise_refused(state);
    throw py::error_already_set();
}

// Runs `call` inside the socket without the GIL (it looks up names, or starts
// threads), again after signals. -1 with errno, or throws.
template <class Call>
int call_without_gil(State& state, Call call)
{
    for (;;) {
        PyThreadState* thread = PyEval_SaveThread();
        const bool entered = state.enter(Gil::released);
        int result = -1;
        int error = ENOTSOCK;
        if (entered) {
            result = call(state.handle());
            error = errno;
            state.leave();
        }
        PyEval_RestoreThread(thread);
        if (!entered) {
            throw_refused(state);
        }
        if (result == 0 || error != EINTR) {
            errno = error;
            return result;
        }
        if (PyErr_CheckSignals() != 0) {
            throw py::error_already_set();
        }
    }
}

std::string endpoint_of(const py::object& address)
{
    std::string text;
    if (PyUnicode_Check(address.ptr()) != 0 || PyBytes_Check(address.ptr()) != 0) {
        text = address.cast<std::string>();
    } else {
        throw py::type_error("expected addr to be str, got addr=" +
                             py::repr(address).cast<std::string>());
    }
    if (text.find('\0') != std::string::npos) {
        throw py::value_error("an endpoint has no null characters, got addr=" +
                              py::repr(address).cast<std::string>());
    }
    return text;
}

// The error of an address: what libzmq says, with the address, and for ipc paths
// what would be right.
[[noreturn]] void throw_address_error(int error, const std::string& endpoint,
                                      const py::object& address)
{
    const std::string shown = " (addr=" + py::repr(address).cast<std::string>() + ")";
    const bool ipc = has_scheme(endpoint, ipc_scheme);
    const std::string path = ipc ? endpoint.substr(std::strlen(ipc_scheme)) : std::string();
    std::string message = zmq_strerror(error);
    if (ipc && error == ENAMETOOLONG) {
        message += ": the ipc path \"" + path + "\" is longer than " +
                   std::to_string(longest_ipc_path) + " bytes (zmq.IPC_PATH_MAX_LEN)";
    } else if (ipc && error == ENOENT) {
        message += " for ipc path \"" + path + "\": its directory must exist";
    } else if (error == ENODEV) {
        message += ": bind wants an interface or address of this machine, or *";
    }
    raise_error(error, message + shown);
    throw py::error_already_set();
}

using EndpointCall = int (*)(void*, const char*);

// zmq_bind, with LINGER 0 meanwhile. Accepted connections end with the linger time of
// the moment of binding, whatever is set or given to close() later: with -1, one that
// is lost while much is queued for it keeps zmq_ctx_term waiting for ever, though what
// is queued for a lost peer that had connected to us can go nowhere.
int bind_without_linger(void* handle, const char* endpoint)
{
    int linger = -1;
    const bool known = get_int_option(handle, ZMQ_LINGER, linger);
    const int none = 0;
    if (known) {
        zmq_setsockopt(handle, ZMQ_LINGER, &none, sizeof none);
    }
    const int result = zmq_bind(handle, endpoint);
    if (known) {
        const int error = errno;
        zmq_setsockopt(handle, ZMQ_LINGER, &linger, sizeof linger);
        errno = error;
    }
    return result;
}

template <EndpointCall call>
void with_endpoint(Socket& self, const py::object& address)
{
    const std::string endpoint = endpoint_of(address);
    State& state = state_of(self);
    note_transport(state, endpoint);
    const int result =
        call_without_gil(state, [&](void* handle) { return call(handle, endpoint.c_str()); });
    if (result != 0) {
        throw_address_error(errno, endpoint, address);
    }
    if (call == zmq_connect && self.type == ZMQ_PAIR && has_scheme(endpoint, inproc_scheme) &&
        !self.context.is_none()) {
        self.context.cast<const Context&>().state()->add_listener(endpoint, self.state);
    }
}

void open(Socket& self, Context& context, int type)
{
    const Context::Use parent(context);
    PyThreadState* thread = PyEval_SaveThread();
    void* handle = zmq_socket(parent.handle(), type);
    const int error = errno;
    PyEval_RestoreThread(thread);
    if (handle == nullptr) {
        std::string hint;
        if (error == EINVAL) {
            hint = "socket type " + std::to_string(type) +
                   " is not one that this libzmq has (draft types need a libzmq with drafts)";
        } else if (error == EMFILE) {
            hint = "the context has as many sockets as MAX_SOCKETS allows";
        }
        if (hint.empty()) {
            raise_error(error);
        } else {
            raise_error_about(error, hint);
        }
        throw py::error_already_set();
    }
    self.owner = true;
    self.state = State::made(handle);
}

int type_of(State& state)
{
    int type = -1;
    const Entered entered(state);
    if (!entered) {
        throw_refused(state);
    }
    if (!get_int_option(state.handle(), ZMQ_TYPE, type)) {
        const int error = zmq_errno();
        if (error == ENOTSOCK) {
            raise_error_about(error, "there is no libzmq socket at this address");
        } else {
            raise_error(error);
        }
        throw py::error_already_set();
    }
    return type;
}

// A socket of another libzmq in this process would end it.
void refuse_other_libzmq(const void* handle)
{
    const std::string file = file_of_socket(handle);
    if (!file.empty() && file != libzmq_file()) {
        raise_error_about(ENOTSOCK, "what is at this address belongs to " + file +
                                        ", and zmq uses " + libzmq_file());
        throw py::error_already_set();
    }
}

// A float is cut off, as pyzmq does.
py::object whole_number(const py::object& number)
{
    auto whole = py::reinterpret_steal<py::object>(
        PyFloat_Check(number.ptr()) ? PyLong_FromDouble(PyFloat_AS_DOUBLE(number.ptr()))
                                    : PyNumber_Index(number.ptr()));
    if (!whole) {
        throw py::error_already_set();
    }
    return whole;
}

Py_ssize_t copy_threshold_of(const py::object& given)
{
    const Py_ssize_t threshold = PyLong_AsSsize_t(whole_number(given).ptr());
    if (threshold == -1 && PyErr_Occurred() != nullptr) {
        throw py::error_already_set();
    }
    return threshold;
}

void initialise(Socket& self, const py::args& arguments, const py::kwargs& keywords)
{
    static const char* const names[] = {"context", "socket_type", "shadow", "copy_threshold",
                                        nullptr};
    PyObject* context_given = Py_None;
    int type = 0;
    PyObject* shadow_given = nullptr;
    PyObject* threshold_given = Py_None;
    if (PyArg_ParseTupleAndKeywords(arguments.ptr(), keywords.ptr(), "|Oi$OO:Socket",
                                    const_cast<char**>(names), &context_given, &type, &shadow_given,
                                    &threshold_given) == 0) {
        throw py::error_already_set();
    }
    if (self.state != nullptr) {
        throw py::type_error("a Socket cannot be initialised twice");
    }
    self.copy_threshold =
        threshold_given == Py_None
            ? default_copy_threshold()
            : copy_threshold_of(py::reinterpret_borrow<py::object>(threshold_given));
    const auto context = py::reinterpret_borrow<py::object>(context_given);
    if (shadow_given != nullptr && is_socket(shadow_given)) {
        // Not by its address, which may be free by now.
        const Socket* shadowed = socket_of(shadow_given);
        if (shadowed == nullptr) {
            throw py::error_already_set();
        }
        self.type = shadowed->type;
        self.state = shadowed->state;
        self.context = context;
        return;
    }
    void* shadow = shadow_given != nullptr ? PyLong_AsVoidPtr(shadow_given) : nullptr;
    if (PyErr_Occurred() != nullptr) {
        throw py::error_already_set();
    }
    if (shadow != nullptr) {
        refuse_other_libzmq(shadow);
        auto state = State::shadowed(shadow);
        self.type = type_of(*state);
        self.state = std::move(state);
        self.context = context;
        return;
    }
    if (!py::isinstance<Context>(context)) {
        throw py::type_error(context.is_none() ? std::string("context must be specified")
                                               : "expected a zmq.Context, got: " +
                                                     py::repr(context).cast<std::string>());
    }
    open(self, context.cast<Context&>(), type);
    self.type = type;
    self.context = context;
}

void close_socket(Socket& self, const py::object& linger)
{
    if (linger.is_none()) {
        state_of(self).close(nullptr);
        return;
    }
    int linger_ms = 0;
    const py::object whole = whole_number(linger);
    if (!read_int(whole.ptr(), linger_ms)) {
        throw py::error_already_set();
    }
    state_of(self).close(&linger_ms);
}

bool is_closed(const Socket& self)
{
    return self.state == nullptr || self.state->closed();
}

PyObject* get_closed(PyObject* self, void*)
{
    return PyBool_FromLong(is_closed(*object_of<Socket>(self)) ? 1 : 0);
}

// Programs ask before each call.
PyGetSetDef closed_property{"closed", get_closed, nullptr,
                            "Whether the libzmq socket was closed, by whatever wrapper.", nullptr};

std::uintptr_t underlying(const Socket& self)
{
    if (is_closed(self)) {
        return 0;
    }
    self.state->lends_bytes = false;
    return reinterpret_cast<std::uintptr_t>(self.state->handle());
}

Descriptor fileno(Socket& self)
{
    State& state = state_of(self);
    Descriptor descriptor = no_descriptor;
    {
        const Entered entered(state);
        if (!entered) {
            throw_refused(state);
        }
        descriptor = state.fd();
    }
    if (!is_descriptor(descriptor)) {
        raise_error_about(EINVAL, "a thread-safe socket has no file descriptor");
        throw py::error_already_set();
    }
    if (state.signalled() && !warn_draft_descriptor()) {
        throw py::error_already_set();
    }
    return descriptor;
}

// Through the `set` that a subclass may have.
void set_topic(const py::object& self, int option, const py::object& topic)
{
    const py::object bytes =
        PyUnicode_Check(topic.ptr()) != 0
            ? py::reinterpret_steal<py::object>(PyUnicode_AsUTF8String(topic.ptr()))
            : topic;
    if (!bytes) {
        throw py::error_already_set();
    }
    state_of(self.cast<const Socket&>());
    self.attr("set")(option, bytes);
}

#if CPPYZMQ_DRAFTS
template <EndpointCall call>
void with_group(Socket& self, const py::object& group)
{
    const std::string name = group.cast<std::string>();
    if (call_without_gil(state_of(self),
                         [&](void* handle) { return call(handle, name.c_str()); }) != 0) {
        throw zmq::error_t();
    }
}
std::uint32_t connect_peer(Socket& self, const py::object& address)
{
    const std::string endpoint = endpoint_of(address);
    std::uint32_t routing_id = 0;
    State& state = state_of(self);
    note_transport(state, endpoint);
    const int result = call_without_gil(state, [&](void* handle) {
        routing_id = zmq_connect_peer(handle, endpoint.c_str());
        return routing_id != 0 ? 0 : -1;
    });
    if (result != 0) {
        throw_address_error(errno, endpoint, address);
    }
    return routing_id;
}
#else
[[noreturn]] void throw_no_drafts(const char* sockets)
{
    throw std::runtime_error(std::string("libzmq must be built with draft support for ") + sockets +
                             "; this one is not (build cppyzmq with CPPYZMQ_LIBZMQ=bundled and "
                             "CPPYZMQ_DRAFTS=ON)");
}

template <int>
void no_groups(Socket&, const py::object&)
{
    throw_no_drafts("RADIO-DISH");
}

std::uint32_t connect_peer(Socket&, const py::object&)
{
    throw_no_drafts("PEER");
}
#endif

void monitor(Socket& self, const py::object& address, int events)
{
    state_of(self);
    const std::string endpoint = address.is_none() ? std::string() : endpoint_of(address);
    if (!monitor_socket(self, endpoint, events)) {
        throw py::error_already_set();
    }
}

// A socket refers to its Context, which users give attributes.
int socket_traverse(PyObject* object, visitproc visit, void* arg)
{
    if (const int stop = traverse_instance(object, socket_traverse, visit, arg)) {
        return stop;
    }
    const Socket* socket = object_of<Socket>(object);
    if (socket != nullptr) {  // null while it is being made
        Py_VISIT(socket->context.ptr());
    }
    return 0;
}

void set_up_type(PyHeapTypeObject* type)
{
    set_up_instance<Socket, initialise>(type);
    type->ht_type.tp_flags |= Py_TPFLAGS_HAVE_GC;
    type->ht_type.tp_traverse = socket_traverse;
    type->ht_type.tp_setattro = socket_setattr;
}

constexpr const char* socket_doc = R"doc(
A libzmq socket (zmq_socket(3)).

Parameters
----------
context
    The Context to make it in.
socket_type
    A SocketType.
shadow
    Address of an existing libzmq socket to refer to; 0 to make a new one.
copy_threshold
    Size in bytes from which send(copy=False) lends instead of copying.

Raises
------
ZMQError
    EINVAL: no such type; EMFILE: too many sockets; EFAULT: the context is
    terminated.)doc";

}  // namespace

bool monitor_socket(Socket& socket, const std::string& endpoint, int events)
{
    State& state = *socket.state;
    std::string before;
    {
        const Entered entered(state);
        if (!entered) {
            raise_refused(state);
            return false;
        }
        before = state.monitor != nullptr ? state.monitor->endpoint() : std::string();
    }
    void* listener = nullptr;
    if (!before.empty() && !socket.context.is_none()) {
        // libzmq tells the old monitor's peer that it stops, and waits for ever
        // where there is none: be one. A second peer is turned away.
        const Context::Use parent(socket.context.cast<Context&>());
        listener = zmq_socket(parent.handle(), ZMQ_PAIR);
        const int no_linger = 0;
        zmq_setsockopt(listener, ZMQ_LINGER, &no_linger, sizeof no_linger);
        zmq_connect(listener, before.c_str());
    }
    if (!before.empty()) {
        call_without_gil(state,
                         [](void* handle) { return zmq_socket_monitor(handle, nullptr, 0); });
    }
    if (listener != nullptr) {
        zmq_close(listener);
    }
    int result = 0;
    if (!endpoint.empty()) {
        // The old monitor gives its endpoint up in the reaper thread, soon.
        const Deadline deadline(endpoint == before ? 1000 : 0);
        WakeLease wake;
        do {
            result = call_without_gil(state, [&](void* handle) {
                return zmq_socket_monitor(handle, endpoint.c_str(), events);
            });
        } while (result != 0 && errno == EADDRINUSE && !deadline.passed() &&
                 wait_until_woken(*wake, Deadline(1)) != Waited::raised);
        if (PyErr_Occurred() != nullptr) {
            return false;
        }
    }
    const int error = errno;
    std::shared_ptr<Monitor> monitor;
    if (result == 0 && !endpoint.empty()) {
        // A bare shadow does not know its context.
        const auto context = socket.context.is_none()
                                 ? std::make_shared<ContextState>()
                                 : socket.context.cast<const Context&>().state();
        monitor = std::make_shared<Monitor>(
            endpoint, socket.state,
            std::shared_ptr<const std::atomic<bool>>(context, &context->terminating));
        context->add_monitor(monitor);
    }
    {
        const Entered entered(state);
        if (entered) {
            state.monitor = std::move(monitor);
        }
    }
    if (result != 0) {
        const std::string shown = " (addr='" + endpoint + "')";
        raise_error(
            error,
            std::string(zmq_strerror(error)) +
                (error == EPROTONOSUPPORT ? ": a monitor's endpoint must be inproc://" : "") +
                shown);
        return false;
    }
    return true;
}

namespace {

void install_hot_methods(const py::type& type)
{
    if (!PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(type.ptr()), socket_type)) {
        throw py::type_error("a subclass of zmq.Socket is required, got: " +
                             py::repr(type).cast<std::string>());
    }
    install_option_methods(type);
    install_socket_io(type);
}

}  // namespace

void register_socket(py::module_& module)
{
    py::class_<Socket> type(module, "Socket", py::dynamic_attr(), plain_metaclass(),
                            py::custom_type_setup(set_up_type), socket_doc);
    socket_type = reinterpret_cast<PyTypeObject*>(type.ptr());
    type.def("bind", &with_endpoint<bind_without_linger>, py::arg("addr"),
             R"doc(bind($record, self, addr)
--

Accept connections on an endpoint (zmq_bind(3)).

Parameters
----------
addr
    The endpoint, such as 'tcp://127.0.0.1:*' or 'ipc:///tmp/x'.

Raises
------
ZMQError
    With the errno of zmq_bind: EADDRINUSE, EINVAL, ENODEV, ...)doc")
        .def("unbind", &with_endpoint<zmq_unbind>, py::arg("addr"),
             R"doc(unbind($record, self, addr)
--

Stop accepting connections on an endpoint (zmq_unbind(3)).

Parameters
----------
addr
    The endpoint, as LAST_ENDPOINT gave it.

Raises
------
ZMQError
    ENOENT: not bound to it.)doc")
        .def("connect", &with_endpoint<zmq_connect>, py::arg("addr"),
             R"doc(connect($record, self, addr)
--

Connect to an endpoint (zmq_connect(3)); returns before there is a connection.

Parameters
----------
addr
    The endpoint, such as 'tcp://host:port'.

Raises
------
ZMQError
    With the errno of zmq_connect: EINVAL, EPROTONOSUPPORT, ...)doc")
        .def("disconnect", &with_endpoint<zmq_disconnect>, py::arg("addr"),
             R"doc(disconnect($record, self, addr)
--

Disconnect from an endpoint (zmq_disconnect(3)).

Parameters
----------
addr
    The endpoint given to connect.

Raises
------
ZMQError
    ENOENT: not connected to it.)doc")
#if CPPYZMQ_DRAFTS
        .def("join", &with_group<zmq_join>, py::arg("group"),
             R"doc(join($record, self, group)
--

Join a group of RADIO sockets (zmq_join(3), draft).)doc")
        .def("leave", &with_group<zmq_leave>, py::arg("group"),
             R"doc(leave($record, self, group)
--

Leave a group of RADIO sockets (zmq_leave(3), draft).)doc")
#else
        .def("join", &no_groups<0>, py::arg("group"),
             R"doc(join($record, self, group)
--

Join a group of RADIO sockets (zmq_join(3), draft).)doc")
        .def("leave", &no_groups<1>, py::arg("group"),
             R"doc(leave($record, self, group)
--

Leave a group of RADIO sockets (zmq_leave(3), draft).)doc")
#endif
        .def("connect_peer", &connect_peer, py::arg("addr"),
             R"doc(connect_peer($record, self, addr)
--

Connect a PEER socket (zmq_connect_peer(3), draft).

Parameters
----------
addr
    Where the other PEER is bound.

Returns
-------
int
    The routing id to send to.

Raises
------
ZMQError
    As connect() does; ENOTSUP: not a PEER.)doc")
        .def("close", &close_socket, py::arg("linger") = py::none(),
             R"doc(close($record, self, linger=None)
--

Close the socket (zmq_close(3)), from whatever thread; at once.

A call that waits on it ends with ZMQError ENOTSOCK. May be called again.

Parameters
----------
linger
    How long unsent messages are kept, in milliseconds: sets LINGER first.)doc")
        .def("monitor", &monitor, py::arg("addr"), py::arg("events") = ZMQ_EVENT_ALL,
             R"doc(monitor($record, self, addr, events=65535)
--

Publish what happens to its connections (zmq_socket_monitor(3)).

Parameters
----------
addr
    An inproc endpoint to which a PAIR socket can connect; None stops.
events
    Which events, a combination of Event members.

Raises
------
ZMQError
    EPROTONOSUPPORT: not an inproc endpoint; EADDRINUSE: somebody else's.)doc")
        .def("fileno", &fileno, R"doc(fileno($record, self)
--

The socket's file descriptor (ZMQ_FD): edge-triggered, see zmq_getsockopt(3).)doc")
        .def(
            "subscribe",
            [](const py::object& self, const py::object& topic) {
                set_topic(self, ZMQ_SUBSCRIBE, topic);
            },
            py::arg("topic"), R"doc(subscribe($record, self, topic)
--

Subscribe a SUB socket to messages that start with `topic`.

Parameters
----------
topic
    bytes, or str to be encoded as UTF-8; empty for all messages.)doc")
        .def(
            "unsubscribe",
            [](const py::object& self, const py::object& topic) {
                set_topic(self, ZMQ_UNSUBSCRIBE, topic);
            },
            py::arg("topic"), R"doc(unsubscribe($record, self, topic)
--

Undo one subscribe().

Parameters
----------
topic
    As given to subscribe().)doc")
        .def_property_readonly("underlying", &underlying,
                               "The address of the libzmq socket; 0 once closed.")
        .def_property_readonly(
            "type",
            [](const Socket& self) {
                return py::reinterpret_steal<py::object>(socket_type_member(self.type));
            },
            "The SocketType.")
        .def_property_readonly(
            "context", [](const Socket& self) { return self.context; },
            "The Context it was made in; None for a shadow of an address.")
        .def_property(
            "copy_threshold", [](const Socket& self) { return self.copy_threshold; },
            [](Socket& self, const py::object& size) {
                self.copy_threshold = copy_threshold_of(size);
            },
            "Size in bytes from which send(copy=False) lends instead of copying.");
    install_property(type, closed_property);
    install_hot_methods(type);
    install_option_attributes(type);
    module.def(
        "install_hot_methods",
        [](const py::type& cls) {
            install_hot_methods(cls);
            install_multipart(cls);
        },
        py::arg("cls"),
        R"doc(install_hot_methods(cls)
--

Put send, recv, get and the other fast methods of Socket on a subclass itself.

CPython calls a native method the fastest way where it stands in the very class of
the object. Its multipart methods go part by part, by _send_parts and _receive_parts,
for objects whose class has a send or recv of its own.

Parameters
----------
cls
    A subclass of Socket.)doc");
}

}  // namespace cppyzmq
