// Watch and Taken: how awaitable sockets and event loops wait beside everybody
// else, and lose nothing when they are cancelled.
//
// A loop cannot sleep in our wait loop; it watches descriptors. A Watch gives it
// two: a duplicate of the socket's own, so that closing or watching by somebody
// else does not unhook it, and a wake descriptor, since any call on the socket may
// process the commands that the first would have told of. While armed, the Watch
// is a waiter of the socket's State like a thread that blocks.
//
// What is received for an awaitable is Taken: it goes back to the socket unless
// somebody consumes it.
#include "watch.hpp"
#include "errors.hpp"
#include "fastcall.hpp"
#include "frame.hpp"
#include "gil.hpp"
#include "release_queue.hpp"

#include <structmember.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <iterator>

namespace cppyzmq {

namespace {

// -- Taken --------------------------------------------------------------------

// A received message between libzmq and whoever awaits it. Its parts are held
// until it is consumed; else they return to the socket, at the latest when this
// is collected.
struct Taken {
    PyObject_HEAD
    PyObject* message;  // as the receiver wants it
    std::shared_ptr<State> state;
    zmq::message_t part;  // the first part, or the only one
    Parts rest;
    std::uint64_t order;  // among what was taken from this socket
    bool more;            // whether its last part has successors in the socket
    bool framed;          // the parts belong to the Frames of `message`
    std::atomic<bool> held;
};

PyTypeObject* taken_type = nullptr;

Taken* taken_of(PyObject* object)
{
    return reinterpret_cast<Taken*>(object);
}

PyObject* bytes_of(zmq::message_t& part)
{
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(part.size()));
    if (bytes != nullptr) {
        copy_bytes(PyBytes_AS_STRING(bytes), part.data(), part.size());
    }
    return bytes;
}

// Second messages over the memory of the Frames that were made of it.
Parts parts_of_frames(PyObject* message)
{
    Parts parts;
    if (is_frame(message)) {
        parts.emplace_back();
        share_part(message, parts.back());
        return parts;
    }
    for (Py_ssize_t index = 0; index < PyList_GET_SIZE(message); ++index) {
        parts.emplace_back();
        share_part(PyList_GET_ITEM(message, index), parts.back());
    }
    return parts;
}

Parts parts_of_bytes(Taken& taken)
{
    Parts parts;
    parts.reserve(1 + taken.rest.size());
    parts.push_back(std::move(taken.part));
    std::move(taken.rest.begin(), taken.rest.end(), std::back_inserter(parts));
    return parts;
}

// Back to the socket, before everything that was taken from it later.
void give_back(Taken& taken)
{
    if (!taken.held.exchange(false)) {
        return;
    }
    State& state = *taken.state;
    Parts parts = taken.framed ? parts_of_frames(taken.message) : parts_of_bytes(taken);
    const Entered entered(state);
    if (!entered) {
        return;  // closed meanwhile: nobody can receive any more
    }
    auto place =
        std::find_if(state.returned.begin(), state.returned.end(),
                     [&](const State::Returned& other) { return other.order > taken.order; });
    for (std::size_t index = 0; index < parts.size(); ++index) {
        const bool more = index + 1 < parts.size() || taken.more;
        place = state.returned.insert(place, {std::move(parts[index]), more, taken.order});
        ++place;
    }
}

void taken_dealloc(PyObject* object)
{
    const DrainAfter drain;
    Taken* self = taken_of(object);
    if (self->held.load(std::memory_order_relaxed)) {
        py::error_scope keep;  // whatever is under way when this is collected
        try {
            give_back(*self);
        } catch (const std::exception&) {
            raise_current_exception();
            PyErr_WriteUnraisable(nullptr);
        }
    }
    Py_XDECREF(self->message);
    self->state.~shared_ptr();
    self->part.~message_t();
    self->rest.~Parts();
    PyTypeObject* type = Py_TYPE(object);
    type->tp_free(object);
    Py_DECREF(type);
}

void consume(Taken& taken)
{
    if (taken.held.exchange(false)) {
        taken.part.rebuild();
        taken.rest.clear();
    }
}

PyObject* taken_consume(PyObject* object, PyObject*)
{
    const DrainAfter drain;
    consume(*taken_of(object));
    Py_RETURN_NONE;
}

PyObject* taken_give_back(PyObject* object, PyObject*)
{
    const DrainAfter drain;
    try {
        give_back(*taken_of(object));
    } catch (const std::exception&) {
        raise_current_exception();
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyMethodDef taken_methods[] = {
    {"consume", taken_consume, METH_NOARGS, R"(consume($self, /)
--

The message has reached whoever asked for it, and stays there.)"},
    {"give_back", taken_give_back, METH_NOARGS, R"(give_back($self, /)
--

Put the message back in front, unless it was consumed; the next receive gets it.)"},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef taken_members[] = {
    {"message", T_OBJECT_EX, offsetof(Taken, message), READONLY,
     "The part, or the list of parts, as the receiver wants it."},
    {nullptr, 0, 0, 0, nullptr},
};

PyObject* item_of(zmq::message_t& part, bool more, const Wanted& wanted)
{
    return wanted.copy ? bytes_of(part) : new_frame(std::move(part), more, wanted.track);
}

// Fills in what is delivered. False with a Python exception.
bool set_message(Taken& taken, const Wanted& wanted)
{
    if (!wanted.multipart) {
        taken.message = item_of(taken.part, taken.more, wanted);
        return taken.message != nullptr;
    }
    const std::size_t size = 1 + taken.rest.size();
    taken.message = PyList_New(static_cast<Py_ssize_t>(size));
    for (std::size_t index = 0; taken.message != nullptr && index < size; ++index) {
        zmq::message_t& part = index == 0 ? taken.part : taken.rest[index - 1];
        PyObject* item = item_of(part, index + 1 < size, wanted);
        if (item == nullptr) {
            return false;
        }
        PyList_SET_ITEM(taken.message, static_cast<Py_ssize_t>(index), item);
    }
    return taken.message != nullptr;
}

// Inside the socket: one part, or all of a message. Less than 0 with errno.
int receive(State& state, Taken& taken, bool multipart)
{
    const bool again = !state.returned.empty();
    taken.order = again ? state.returned.front().order : ++state.taken;
    if (receive_part(state, taken.part, taken.more) < 0) {
        return -1;
    }
    // The other parts of a message are there as soon as the first is.
    while (multipart && taken.more) {
        taken.rest.emplace_back();
        while (receive_part(state, taken.rest.back(), taken.more) < 0) {
            if (errno != EINTR && errno != EAGAIN) {
                return -1;
            }
        }
    }
    return 0;
}

PyObject* new_taken(const std::shared_ptr<State>& state)
{
    PyObject* object = taken_type->tp_alloc(taken_type, 0);
    if (object != nullptr) {
        Taken* self = taken_of(object);
        new (&self->state) std::shared_ptr<State>(state);
        new (&self->part) zmq::message_t();
        new (&self->rest) Parts();
        new (&self->held) std::atomic<bool>(false);
    }
    return object;
}

// Whether a receive that failed may succeed later: nothing is there, or a REQ has
// not sent and a REP not answered yet.
bool not_yet(int error)
{
    return error == EAGAIN || error == EFSM;
}

// -- Watch --------------------------------------------------------------------

class Watch {
public:
    Watch() = default;  // __init__ fills it
    ~Watch()
    {
        if (state_ != nullptr) {
            close();
        }
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void open(const std::shared_ptr<State>& state)
    {
        auto wake = std::make_unique<Wake>();
        const Descriptor descriptor = state->blind() ? no_descriptor : duplicate(state->fd());
        if (state_ != nullptr) {
            close();
        }
        state_ = state;
        wake_ = std::move(wake);
        descriptor_ = descriptor;
    }

    const std::shared_ptr<State>& state() const { return state_; }
    const Waiter* waiter() const { return &waiter_; }

    // no_descriptor where the socket has none (thread-safe sockets).
    Descriptor descriptor() const { return descriptor_; }
    Descriptor wake_descriptor() const { return wake_->descriptor(); }

    // Inside the socket: from here on the descriptors tell, of these events too.
    void arm_for(int events)
    {
        waiter_.events |= events;
        if (!armed_) {
            waiter_.wake = wake_.get();
            state_->link(waiter_);
            armed_ = true;
        }
    }

    // Inside the socket.
    void disarm_inside()
    {
        if (armed_) {
            state_->unlink(waiter_);
            armed_ = false;
        }
        waiter_.events = 0;
    }

    // Those of `events` that are there now; where none is, from here on the
    // descriptors tell of these as well.
    int look(int events)
    {
        const Entered entered(*state_, Gil::held, &waiter_);
        if (!entered) {
            raise_refused(*state_);
            throw py::error_already_set();
        }
        const int ready = state_->events();
        if (ready < 0 && errno != EINTR) {
            throw zmq::error_t();
        }
        if (ready >= 0 && (ready & events) != 0) {
            return ready & events;
        }
        if (events != 0) {
            arm_for(events);
        }
        return 0;
    }

    // The same, and nothing else is told any more.
    int arm(int events)
    {
        disarm();
        return look(events);
    }

    // `woken`: whether the wake descriptor is readable.
    void disarm(bool woken = false)
    {
        if (armed_) {
            const Entered entered(*state_, Gil::held, &waiter_);
            if (entered) {
                disarm_inside();
            } else if (state_->of_this_process()) {
                // Who closes it may wait for the GIL.
                const ReleaseGil released;
                state_->await_closed();
            }
            armed_ = false;
            waiter_.events = 0;
        }
        // The parent's sleepers share it after a fork.
        if ((woken || wake_->pending()) && state_->of_this_process()) {
            wake_->drain();
        }
    }

    // After that it watches nothing; its descriptors are invalid.
    void close()
    {
        disarm();
        if (is_descriptor(descriptor_)) {
            close_descriptor(descriptor_);
            descriptor_ = no_descriptor;
        }
    }

private:
    std::shared_ptr<State> state_;
    std::unique_ptr<Wake> wake_;
    Waiter waiter_;
    Descriptor descriptor_ = no_descriptor;
    bool armed_ = false;
};

PyTypeObject* watch_type = nullptr;

// Null with a Python exception where __init__ did not succeed.
Watch* watch_of(PyObject* self)
{
    Watch* watch = object_of<Watch>(self);
    if (watch->state() == nullptr) {
        PyErr_SetString(PyExc_TypeError, "Watch.__init__() was not called");
        return nullptr;
    }
    return watch;
}

// Null with a Python exception where this is no Watch either.
Watch* checked_watch(PyObject* object)
{
    if (!PyObject_TypeCheck(object, watch_type)) {
        PyErr_Format(PyExc_TypeError, "expected a Watch, got: %R", object);
        return nullptr;
    }
    return watch_of(object);
}

// The same, in a function of pybind11.
Watch& made(Watch& watch)
{
    if (watch.state() == nullptr) {
        throw py::type_error("Watch.__init__() was not called");
    }
    return watch;
}

void initialise(Watch& self, const py::args& arguments, const py::kwargs& keywords)
{
    if (arguments.size() != 1 || !keywords.empty()) {
        throw py::type_error("Watch() takes one argument, a socket");
    }
    const py::object object = arguments[0];
    if (!is_socket(object.ptr())) {
        throw py::type_error("expected a zmq.Socket, got: " + py::repr(object).cast<std::string>());
    }
    Socket* socket = socket_of(object.ptr());
    if (socket == nullptr) {
        throw py::error_already_set();
    }
    if (socket->state->closed()) {
        raise_refused(*socket->state);
        throw py::error_already_set();
    }
    self.open(socket->state);
}

// A Taken, or None where nothing is there: then `watch`, if any, is armed, and
// `timeout_ms`, if any, is RCVTIMEO. With `last` it is disarmed by success.
// `insist` makes nothing an error.
PyObject* take_from(const std::shared_ptr<State>& shared, const Wanted& wanted, Watch* watch,
                    bool last, bool insist, int* timeout_ms = nullptr)
{
    State& state = *shared;
    const py::object made = py::reinterpret_steal<py::object>(new_taken(shared));
    if (!made) {
        return nullptr;
    }
    Taken& taken = *taken_of(made.ptr());
    int error = 0;
    {
        const Entered entered(state, Gil::held, watch != nullptr ? watch->waiter() : nullptr);
        if (!entered) {
            return raise_refused(state);
        }
        int result = receive(state, taken, wanted.multipart);
        while (result < 0 && errno == EINTR && taken.rest.empty()) {
            result = receive(state, taken, wanted.multipart);
        }
        error = result < 0 ? errno : 0;
        if (timeout_ms != nullptr && not_yet(error)) {
            *timeout_ms = timeout_of(state, ZMQ_RCVTIMEO);
        }
        if (watch != nullptr && not_yet(error)) {
            watch->arm_for(ZMQ_POLLIN);
        } else if (watch != nullptr && last) {
            watch->disarm_inside();
        }
    }
    if (not_yet(error) && !insist) {
        Py_RETURN_NONE;
    }
    if (error != 0) {
        return raise_error(error);
    }
    taken.framed = !wanted.copy;
    taken.held.store(true, std::memory_order_relaxed);
    if (set_message(taken, wanted)) {
        return made.inc_ref().ptr();
    }
    // No memory. Parts that went into Frames are gone with them.
    taken.held.store(!taken.framed, std::memory_order_relaxed);
    return nullptr;
}

bool refuse_count(const char* function, Py_ssize_t expected, Py_ssize_t given)
{
    if (expected == given) {
        return false;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments (%zd given)", function, expected,
                 given);
    return true;
}

PyObject* take(PyObject*, PyObject* const* arguments, Py_ssize_t count)
{
    const DrainAfter drain;
    Wanted wanted;
    bool insist = false;
    if (refuse_count("take", 5, count) || !read_wanted(arguments + 1, wanted) ||
        !read_bool(arguments[4], insist)) {
        return nullptr;
    }
    if (!is_socket(arguments[0])) {
        PyErr_Format(PyExc_TypeError, "expected a zmq.Socket, got: %R", arguments[0]);
        return nullptr;
    }
    Socket* socket = socket_of(arguments[0]);
    return socket != nullptr ? take_from(socket->state, wanted, nullptr, false, insist) : nullptr;
}

PyObject* watch_take(PyObject* self, PyObject* const* arguments, Py_ssize_t count)
{
    const DrainAfter drain;
    Watch* watch = watch_of(self);
    Wanted wanted;
    bool last = false;
    if (watch == nullptr || refuse_count("take", 4, count) || !read_wanted(arguments, wanted) ||
        !read_bool(arguments[3], last)) {
        return nullptr;
    }
    return take_from(watch->state(), wanted, watch, last, false);
}

PyObject* watch_look(PyObject* self, PyObject* const* arguments, Py_ssize_t count)
{
    Watch* watch = watch_of(self);
    int events = 0;
    if (watch == nullptr || refuse_count("look", 1, count) || !read_int(arguments[0], events)) {
        return nullptr;
    }
    return PyLong_FromLong(watch->look(events));
}

PyObject* watch_send(PyObject* self, PyObject* const* arguments, Py_ssize_t count)
{
    const DrainAfter drain;
    Watch* watch = watch_of(self);
    int flags = 0;
    if (watch == nullptr || refuse_count("send", 2, count) || !read_int(arguments[1], flags)) {
        return nullptr;
    }
    const py::object frames = py::reinterpret_steal<py::object>(
        PySequence_Fast(arguments[0], "the parts of a message are a sequence of Frames"));
    if (!frames) {
        return nullptr;
    }
    Parts parts;
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(frames.ptr()); ++index) {
        PyObject* frame = PySequence_Fast_GET_ITEM(frames.ptr(), index);
        if (!is_frame(frame)) {
            PyErr_Format(PyExc_TypeError, "expected a zmq.Frame, got: %R", frame);
            return nullptr;
        }
        parts.emplace_back();
        share_part(frame, parts.back());
    }
    if (parts.empty()) {
        PyErr_SetString(PyExc_ValueError, "a message has at least one part, got none");
        return nullptr;
    }
    State& state = *watch->state();
    int error = 0;
    {
        const Entered entered(state, Gil::held, watch->waiter());
        if (!entered) {
            return raise_refused(state);
        }
        // A DONTWAIT send may skip the commands that would let it succeed.
        error = state.events() < 0 ? errno : 0;
        while (error == 0 || error == EINTR) {
            error = send_parts(state, parts, flags) < 0 ? errno : -1;
        }
        if (error == EAGAIN) {
            watch->arm_for(ZMQ_POLLOUT);
        }
    }
    if (error != -1 && error != EAGAIN) {
        return raise_error(error);
    }
    return PyBool_FromLong(error == -1 ? 1 : 0);
}

using PositionalFunction = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t);

template <PositionalFunction function>
PyObject* guarded(PyObject* self, PyObject* const* arguments, Py_ssize_t count)
{
    try {
        return function(self, arguments, count);
    } catch (const std::exception&) {
        raise_current_exception();
        return nullptr;
    }
}

template <PositionalFunction function>
constexpr PyMethodDef positional_method(const char* name, const char* doc)
{
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&guarded<function>)),
            METH_FASTCALL, doc};
}

std::array<PyMethodDef, 3> watch_methods{
    positional_method<watch_look>("look", R"(look($self, events, /)
--

Ask for events, and to be told of them where none is there.

Parameters
----------
events
    POLLIN, POLLOUT or both, in addition to what this is armed for; 0 only to
    quieten the socket's descriptor.

Returns
-------
int
    Those that are there; else 0, and this is armed.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed; ETERM: its context was terminated.)"),
    positional_method<watch_take>("take", R"(take($self, multipart, copy, track, last, /)
--

Receive without waiting, or be told when it is worth trying again.

Parameters
----------
multipart
    Whether to receive all parts of a message, or one.
copy
    Whether bytes are wanted, or Frames.
track
    Whether Frames have trackers.
last
    Whether this watches nothing any more once there was a message.

Returns
-------
Taken or None
    The message. None where there is none yet: then this is armed.

Raises
------
ZMQError
    With the errno of zmq_msg_recv, EAGAIN and EFSM apart.)"),
    positional_method<watch_send>("send", R"(send($self, frames, flags, /)
--

Send without waiting, or be told when it is worth trying again.

Parameters
----------
frames
    The parts of the message, a sequence of Frames.
flags
    Any flags for zmq_msg_send.

Returns
-------
bool
    Whether it was sent, whole. If not this is armed.

Raises
------
ZMQError
    With the errno of zmq_msg_send, EAGAIN apart.)"),
};

PyMethodDef take_function =
    positional_method<take>("take", R"(take(socket, multipart, copy, track, insist, /)
--

Receive without waiting, so that the message can be given back.

Parameters
----------
socket
    The Socket.
multipart
    Whether to receive all parts of a message, or one.
copy
    Whether bytes are wanted, or Frames.
track
    Whether Frames have trackers.
insist
    Whether to raise where there is no message.

Returns
-------
Taken or None
    The message, or None where there is none.

Raises
------
ZMQError
    With the errno of zmq_msg_recv; EAGAIN and EFSM only with `insist`.)");

void register_taken(py::module_& module)
{
    PyType_Slot slots[] = {
        {Py_tp_dealloc, reinterpret_cast<void*>(taken_dealloc)},
        {Py_tp_methods, taken_methods},
        {Py_tp_members, taken_members},
        {Py_tp_doc, const_cast<char*>(R"(A message that was received for an awaitable.

It goes back to its socket, in front, when it is collected without having been
consumed.)")},
        {0, nullptr},
    };
    PyType_Spec spec{"zmq._core.Taken", sizeof(Taken), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
    taken_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (taken_type == nullptr) {
        throw py::error_already_set();
    }
    module.add_object("Taken", reinterpret_cast<PyObject*>(taken_type));
    const py::object name = module.attr("__name__");
    const py::object function =
        py::reinterpret_steal<py::object>(PyCFunction_NewEx(&take_function, nullptr, name.ptr()));
    if (!function) {
        throw py::error_already_set();
    }
    module.add_object("take", function);
}

}  // namespace

bool read_wanted(PyObject* const* arguments, Wanted& wanted)
{
    return read_bool(arguments[0], wanted.multipart) && read_bool(arguments[1], wanted.copy) &&
           read_bool(arguments[2], wanted.track);
}

PyObject* take_message(Socket& socket, const Wanted& wanted, PyObject* watch, int& timeout_ms)
{
    if (watch == Py_None) {
        return take_from(socket.state, wanted, nullptr, false, false, &timeout_ms);
    }
    Watch* armed = checked_watch(watch);
    return armed != nullptr ? take_from(socket.state, wanted, armed, false, false, &timeout_ms)
                            : nullptr;
}

PyObject* take_watched(PyObject* watch, const Wanted& wanted, bool last)
{
    Watch* armed = checked_watch(watch);
    return armed != nullptr ? take_from(armed->state(), wanted, armed, last, false) : nullptr;
}

bool is_taken(PyObject* object)
{
    return Py_TYPE(object) == taken_type;
}

PyObject* message_of_taken(PyObject* taken)
{
    return taken_of(taken)->message;
}

bool consume_taken(PyObject* taken)
{
    if (!is_taken(taken)) {
        PyErr_Format(PyExc_TypeError, "expected what a receive has taken, got: %R", taken);
        return false;
    }
    consume(*taken_of(taken));
    return true;
}

void register_watch(py::module_& module)
{
    register_taken(module);
    py::class_<Watch> type(module, "Watch", plain_metaclass(),
                           py::custom_type_setup(set_up_instance<Watch, initialise>), R"doc(
Lets an event loop wait on a socket, whatever else is done with that meanwhile.

Parameters
----------
socket
    The Socket.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed.)doc");
    watch_type = reinterpret_cast<PyTypeObject*>(type.ptr());
    type.def_property_readonly(
            "descriptor", [](Watch& self) { return made(self).descriptor(); }, R"doc(
To be watched for reading; negative where the socket has none.)doc")
        .def_property_readonly(
            "wake_descriptor", [](Watch& self) { return made(self).wake_descriptor(); },
            "To be watched for reading as well.")
        .def(
            "arm", [](Watch& self, int events) { return made(self).arm(events); },
            py::arg("events"), R"doc(arm($record, self, events)
--

Ask to be told when one of some events is there.

Parameters
----------
events
    POLLIN, POLLOUT or both.

Returns
-------
int
    Those that are there already, and then nothing is armed; else 0, and one of
    the descriptors becomes readable when it is worth looking again, or when the
    socket is closed.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed; ETERM: its context was terminated.)doc")
        .def(
            "disarm", [](Watch& self) { made(self).disarm(); }, R"doc(disarm($record, self)
--

Take arm() back: nothing is told any more.)doc")
        .def(
            "woken", [](Watch& self) { made(self).disarm(true); }, R"doc(woken($record, self)
--

The same, when the wake descriptor is readable: quietens that.)doc")
        .def("close", [](Watch& self) { made(self).close(); }, R"doc(close($record, self)
--

Watch nothing any more; frees the descriptors.)doc");
    install_methods(type, watch_methods);
}

}  // namespace cppyzmq
