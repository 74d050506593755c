// What awaitable sockets can do at once, as finished Futures; and the Future that
// holds a received message until somebody has it.
//
// A Future costs more than the send or receive that it stands for, and a Python
// function around both as much again: so the calls that do not wait are made here.
// All else is Python's (zmq/_async.py, zmq/_future.py).
#include "fastcall.hpp"
#include "release_queue.hpp"
#include "watch.hpp"

#include <structmember.h>

#include <chrono>
#include <vector>

namespace cppyzmq {

namespace {

// What is looked up again and again.
struct Names {
    PyObject* lane = PyUnicode_InternFromString("_lane");
    PyObject* thread_id = PyUnicode_InternFromString("_thread_id");
    PyObject* is_running = PyUnicode_InternFromString("is_running");
    PyObject* loop = PyUnicode_InternFromString("loop");
    PyObject* set_result = PyUnicode_InternFromString("set_result");
    PyObject* finished = PyUnicode_InternFromString("finished");
    PyObject* cancel = PyUnicode_InternFromString("cancel");
    PyObject* pin = PyUnicode_InternFromString("pin");
    PyObject* receive_anyhow = PyUnicode_InternFromString("_receive_anyhow");
    PyObject* receive_later = PyUnicode_InternFromString("_receive_later");
    PyObject* send_anyhow = PyUnicode_InternFromString("_send_anyhow");
    PyObject* append = PyUnicode_InternFromString("append");
    PyObject* popleft = PyUnicode_InternFromString("popleft");
    PyObject* done = PyUnicode_InternFromString("done");
    PyObject* fail = PyUnicode_InternFromString("fail");
    PyObject* read = PyUnicode_InternFromString("read");
    PyObject* no_arguments = PyTuple_New(0);
};

const Names& names()
{
    static const Names* const instance = new Names;
    return *instance;
}

using Clock = std::chrono::steady_clock;

// What waits on one socket in one loop, as far as those need to know who do not
// wait. A Python class adds the rest.
struct Turns {
    PyObject_HEAD
    PyObject* loop;
    PyObject* waiting;   // the type of those that wait; it and the rest may be null
    PyObject* receives;  // those that wait, in deques
    PyObject* sends;
    PyObject* polls;
    PyObject* watch;         // None until something had to wait
    PyObject* loop_keyword;  // {"loop": loop}
    PyObject* weak_references;
    Clock::time_point until;  // so long nothing has to be done about the loop's turn
    unsigned long thread;     // where the loop was seen to run
    bool tells_thread;        // whether the loop has an attribute that says that
    int awaited;              // how many of those that wait somebody waits for
};

PyTypeObject* turns_type = nullptr;

Turns& turns_of(PyObject* object)
{
    return *reinterpret_cast<Turns*>(object);
}

// -- Received -----------------------------------------------------------------

// asyncio.Future, and the type that is made from it; set once, by Python.
PyTypeObject* future_type = nullptr;
PyTypeObject* received_type = nullptr;
PyObject* future_result = nullptr;
PyObject* future_cancel = nullptr;
PyObject* future_add_done_callback = nullptr;
// What is called when a Received cannot be cancelled, since it is finished.
PyObject* not_cancelled = nullptr;
Py_ssize_t received_offset = 0;

// What a Received has beside a Future. All but `taken` is for those that wait, and
// null in others.
struct Received {
    PyObject* taken;    // a Taken, or None
    PyObject* lane;     // where it waits; None when it does no more, as the others
    PyObject* queue;    // and in which of its queues
    PyObject* request;  // how to try again
    PyObject* socket;   // kept open and alive
    PyObject* load;     // makes the result of a message
    PyObject* timer;    // ends it
    int suspended;      // how many tasks are to run next with the result
    bool awaited;       // whether its lane counts it among those that somebody waits for
};

Received& received_of(PyObject* object)
{
    return *reinterpret_cast<Received*>(reinterpret_cast<char*>(object) + received_offset);
}

bool consume_message(PyObject* object)
{
    PyObject* taken = received_of(object).taken;
    return taken == nullptr || taken == Py_None || consume_taken(taken);
}

// A finished Received goes on without the loop: nothing can come between.
PyObject* received_await(PyObject* self)
{
    const DrainAfter drain;
    return consume_message(self) ? future_type->tp_as_async->am_await(self) : nullptr;
}

PyObject* received_result(PyObject* self, PyObject*)
{
    const DrainAfter drain;
    py::object value = py::reinterpret_steal<py::object>(PyObject_CallOneArg(future_result, self));
    if (!value) {
        return nullptr;
    }
    Received& received = received_of(self);
    if (received.taken == nullptr || received.taken == Py_None) {
        return value.release().ptr();
    }
    // A task that wakes up asks for the result too, and may then have to be
    // cancelled: it is only done with in __await__.
    if (received.suspended != 0) {
        return value.release().ptr();
    }
    return consume_taken(received.taken) ? value.release().ptr() : nullptr;
}

// A method of asyncio.Future, on the same arguments.
PyObject* call_future(PyObject* method, PyObject* self, PyObject* const* arguments,
                      Py_ssize_t count, PyObject* keywords)
{
    const std::size_t given =
        static_cast<std::size_t>(count) +
        static_cast<std::size_t>(keywords != nullptr ? PyTuple_GET_SIZE(keywords) : 0);
    std::vector<PyObject*> with_self{self};
    with_self.insert(with_self.end(), arguments, arguments + given);
    return PyObject_Vectorcall(method, with_self.data(), static_cast<std::size_t>(count) + 1,
                               keywords);
}

PyObject* received_add_done_callback(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                     PyObject* keywords)
{
    Received& received = received_of(self);
    PyObject* lane = received.lane;
    if (lane != nullptr && lane != Py_None && !received.awaited) {
        // From now on somebody waits for it, even if nobody holds on to it.
        received.awaited = true;
        const py::object none =
            py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(lane, names().pin));
        if (!none) {
            return nullptr;
        }
    }
    return call_future(future_add_done_callback, self, arguments, count, keywords);
}

void set_none(PyObject*& field)
{
    Py_INCREF(Py_None);
    Py_XSETREF(field, Py_None);
}

// It waits no more. False with a Python exception.
bool release(Received& received)
{
    if (received.awaited && PyObject_TypeCheck(received.lane, turns_type)) {
        --turns_of(received.lane).awaited;
    }
    received.awaited = false;
    set_none(received.lane);
    set_none(received.socket);
    set_none(received.request);
    set_none(received.load);
    if (received.timer == nullptr || received.timer == Py_None) {
        return true;
    }
    const py::object timer = py::reinterpret_steal<py::object>(received.timer);
    Py_INCREF(Py_None);
    received.timer = Py_None;
    return bool(
        py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(timer.ptr(), names().cancel)));
}

PyObject* received_release(PyObject* self, PyObject*)
{
    if (!release(received_of(self))) {
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyObject* received_receive(PyObject* self, PyObject* taken)
{
    if (!is_taken(taken)) {
        PyErr_Format(PyExc_TypeError, "expected what a receive has taken, got: %R", taken);
        return nullptr;
    }
    Received& received = received_of(self);
    if (!release(received)) {
        return nullptr;
    }
    Py_INCREF(taken);
    Py_XSETREF(received.taken, taken);
    return PyObject_CallMethodOneArg(self, names().set_result, message_of_taken(taken));
}

int received_traverse(PyObject* self, visitproc visit, void* arg)
{
    Received& received = received_of(self);
    Py_VISIT(received.lane);
    Py_VISIT(received.queue);
    Py_VISIT(received.request);
    Py_VISIT(received.socket);
    Py_VISIT(received.load);
    Py_VISIT(received.timer);
#if PY_VERSION_HEX < 0x030C0000
    Py_VISIT(Py_TYPE(self));  // later, asyncio.Future does
#endif
    return future_type->tp_traverse(self, visit, arg);
}

int received_clear(PyObject* self)
{
    Received& received = received_of(self);
    Py_CLEAR(received.lane);
    Py_CLEAR(received.queue);
    Py_CLEAR(received.request);
    Py_CLEAR(received.socket);
    Py_CLEAR(received.load);
    Py_CLEAR(received.timer);
    return future_type->tp_clear(self);
}

PyObject* received_cancel(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                          PyObject* keywords)
{
    PyObject* result = call_future(future_cancel, self, arguments, count, keywords);
    PyObject* taken = received_of(self).taken;
    if (result == Py_False && taken != nullptr && taken != Py_None) {
        const py::object none = py::reinterpret_steal<py::object>(
            PyObject_CallFunctionObjArgs(not_cancelled, taken, nullptr));
        if (!none) {
            Py_CLEAR(result);
        }
    }
    return result;
}

PyMethodDef received_methods[] = {
    {"result", received_result, METH_NOARGS, R"(result($self, /)
--

The message, which is taken by that; or raises what went wrong.)"},
    fast_method<received_cancel>("cancel", R"(cancel($self, msg=None)
--

Cancel it, unless it is finished; says whether it was not.

Parameters
----------
msg
    For the CancelledError.

Returns
-------
bool
    Whether it was not finished.)"),
    fast_method<received_add_done_callback>("add_done_callback",
                                            R"(add_done_callback($self, fn, *, context=None)
--

Call a function when it is finished: see asyncio.Future.)"),
    {"receive", received_receive, METH_O, R"(receive($self, taken, /)
--

Finish with a message, and wait no more.)"},
    {"release", received_release, METH_NOARGS, R"(release($self, /)
--

Wait no more: let go of what was needed for that.)"},
    {nullptr, nullptr, 0, nullptr},
};

py::object make_received(const py::object& future, py::object refused)
{
    future_type = reinterpret_cast<PyTypeObject*>(py::object(future).release().ptr());
    future_result = py::object(future.attr("result")).release().ptr();
    future_cancel = py::object(future.attr("cancel")).release().ptr();
    future_add_done_callback = py::object(future.attr("add_done_callback")).release().ptr();
    not_cancelled = refused.release().ptr();
    received_offset = future_type->tp_basicsize;
    // Members of this kind are dropped with the object.
    constexpr int kind = T_OBJECT_EX;
    static PyMemberDef members[] = {
        {"_taken", kind, offsetof(Received, taken), 0, "What can be given back."},
        {"_lane", kind, offsetof(Received, lane), 0, "Where it waits, or None."},
        {"_queue", kind, offsetof(Received, queue), 0, "In which queue."},
        {"_request", kind, offsetof(Received, request), 0, "How to try again."},
        {"_socket", kind, offsetof(Received, socket), 0, "The socket, meanwhile."},
        {"_load", kind, offsetof(Received, load), 0, "Makes the result of a message."},
        {"_timer", kind, offsetof(Received, timer), 0, "What ends it, or None."},
        {"_suspended", T_INT, offsetof(Received, suspended), 0,
         "How many tasks are to run next with the result."},
        {nullptr, 0, 0, 0, nullptr},
    };
    for (PyMemberDef& member : members) {
        member.offset += received_offset;
    }
    PyType_Slot slots[] = {
        {Py_am_await, reinterpret_cast<void*>(received_await)},
        {Py_tp_iter, reinterpret_cast<void*>(received_await)},
        {Py_tp_traverse, reinterpret_cast<void*>(received_traverse)},
        {Py_tp_clear, reinterpret_cast<void*>(received_clear)},
        {Py_tp_methods, received_methods},
        {Py_tp_members, members},
        {Py_tp_doc, const_cast<char*>(R"(A message that has been received, as a Future.

It belongs to whoever awaits it or asks for its result. Until then the socket
can have it back: when the awaiting task is cancelled before it runs again, and
when this is dropped.)")},
        {0, nullptr},
    };
    PyType_Spec spec{"zmq._async.Received",
                     static_cast<int>(received_offset + static_cast<Py_ssize_t>(sizeof(Received))),
                     0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    const py::object type = py::reinterpret_steal<py::object>(
        PyType_FromSpecWithBases(&spec, py::make_tuple(future).ptr()));
    if (!type) {
        throw py::error_already_set();
    }
    received_type = reinterpret_cast<PyTypeObject*>(py::object(type).release().ptr());
    return type;
}

// -- Turns --------------------------------------------------------------------

// A Future that is finished already is awaited without the loop. For twice as long
// a task may go on with calls that never wait, then it is the loop's turn.
constexpr auto turn = std::chrono::milliseconds(4);

void note_turn(Turns& turns)
{
    turns.until = Clock::now() + turn;
    turns.thread = PyThread_get_thread_ident();
}

int turns_init(PyObject* object, PyObject* arguments, PyObject* keywords)
{
    static const char* const keyword_names[] = {"loop", nullptr};
    PyObject* loop = nullptr;
    if (PyArg_ParseTupleAndKeywords(arguments, keywords, "O", const_cast<char**>(keyword_names),
                                    &loop) == 0) {
        return -1;
    }
    Turns& self = turns_of(object);
    PyObject* keyword = Py_BuildValue("{OO}", names().loop, loop);
    if (keyword == nullptr) {
        return -1;
    }
    Py_INCREF(loop);
    Py_XSETREF(self.loop, loop);
    Py_XSETREF(self.loop_keyword, keyword);
    self.tells_thread = true;
    note_turn(self);
    return 0;
}

int turns_traverse(PyObject* object, visitproc visit, void* arg)
{
    Turns& self = turns_of(object);
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self.loop);
    Py_VISIT(self.receives);
    Py_VISIT(self.sends);
    Py_VISIT(self.polls);
    Py_VISIT(self.waiting);
    Py_VISIT(self.watch);
    Py_VISIT(self.loop_keyword);
    return 0;
}

int turns_clear(PyObject* object)
{
    Turns& self = turns_of(object);
    Py_CLEAR(self.loop);
    Py_CLEAR(self.receives);
    Py_CLEAR(self.sends);
    Py_CLEAR(self.polls);
    Py_CLEAR(self.waiting);
    Py_CLEAR(self.watch);
    Py_CLEAR(self.loop_keyword);
    return 0;
}

void turns_dealloc(PyObject* object)
{
    PyObject_GC_UnTrack(object);
    if (turns_of(object).weak_references != nullptr) {
        PyObject_ClearWeakRefs(object);
    }
    turns_clear(object);
    PyTypeObject* type = Py_TYPE(object);
    type->tp_free(object);
    Py_DECREF(type);
}

PyObject* turns_ran(PyObject* object, PyObject*)
{
    note_turn(turns_of(object));
    Py_RETURN_NONE;
}

PyObject* turns_lasting(PyObject* object, PyObject*)
{
    return PyBool_FromLong(Clock::now() < turns_of(object).until ? 1 : 0);
}

// A Future, on the loop; null, with a Python exception.
py::object new_future(const Turns& turns, PyTypeObject* type)
{
    py::object future =
        py::reinterpret_steal<py::object>(type->tp_new(type, names().no_arguments, nullptr));
    const bool made =
        future && type->tp_init(future.ptr(), names().no_arguments, turns.loop_keyword) == 0;
    return made ? future : py::object();
}

// A Future that waits here; null, with a Python exception.
py::object new_waiting(PyObject* lane, PyObject* queue, PyObject* request, PyObject* socket,
                       PyObject* load)
{
    const Turns& turns = turns_of(lane);
    if (turns.waiting == nullptr || !PyType_Check(turns.waiting) || received_type == nullptr ||
        PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(turns.waiting), received_type) == 0) {
        PyErr_SetString(PyExc_TypeError, "what waits is a kind of Received");
        return {};
    }
    py::object future = new_future(turns, reinterpret_cast<PyTypeObject*>(turns.waiting));
    if (!future) {
        return {};
    }
    const auto field = [](PyObject* value) {
        Py_INCREF(value);
        return value;
    };
    Received& received = received_of(future.ptr());
    received.taken = field(Py_None);
    received.timer = field(Py_None);
    received.lane = field(lane);
    received.queue = field(queue);
    received.request = field(request);
    received.socket = field(socket);
    received.load = field(load);
    return future;
}

PyObject* turns_new_waiting(PyObject* object, PyObject* const* arguments, Py_ssize_t count)
{
    if (count != 4) {
        PyErr_SetString(PyExc_TypeError, "new_waiting() takes 4 arguments");
        return nullptr;
    }
    return new_waiting(object, arguments[0], arguments[1], arguments[2], arguments[3])
        .release()
        .ptr();
}

bool is_empty(PyObject* queue)
{
    return queue != nullptr && PyObject_Size(queue) == 0;
}

// Takes the first out of a queue. Null with a Python exception.
py::object taken_out(PyObject* queue)
{
    return py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(queue, names().popleft));
}

// Has the first of a queue fail with the exception that is set. False where that
// is none for it, or another came.
bool fail_first(PyObject* queue)
{
    if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
        return false;
    }
    const py::error_already_set raised;
    const py::object future = taken_out(queue);
    return future && py::reinterpret_steal<py::object>(PyObject_CallMethodOneArg(
                         future.ptr(), names().fail, raised.value().ptr()));
}

// Gives the first receive its message, if there is one. False where there is none,
// or with a Python exception.
bool serve_first_receive(const Turns& turns, PyObject* watch, PyObject* receives)
{
    const py::object future = py::reinterpret_steal<py::object>(PySequence_GetItem(receives, 0));
    if (!future) {
        return false;
    }
    if (PyObject_TypeCheck(future.ptr(), received_type) == 0) {
        PyErr_Format(PyExc_TypeError, "expected a kind of Received, got: %R", future.ptr());
        return false;
    }
    const py::object done =
        py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(future.ptr(), names().done));
    if (!done || done.ptr() == Py_True) {
        return done && taken_out(receives);
    }
    PyObject* request = received_of(future.ptr()).request;
    Wanted wanted;
    if (!PyTuple_Check(request) || PyTuple_GET_SIZE(request) != 3 ||
        !read_wanted(&PyTuple_GET_ITEM(request, 0), wanted)) {
        PyErr_Format(PyExc_TypeError, "expected multipart, copy and track, got: %R", request);
        return false;
    }
    const bool last =
        PyObject_Size(receives) == 1 && is_empty(turns.sends) && is_empty(turns.polls);
    const py::object taken = py::reinterpret_steal<py::object>(take_watched(watch, wanted, last));
    if (!taken) {
        return fail_first(receives);
    }
    if (taken.is_none() || !taken_out(receives)) {
        return false;
    }
    // Where nobody has them any more, the message goes back before another is taken.
    PyObject* load = received_of(future.ptr()).load;
    return bool(py::reinterpret_steal<py::object>(
        load == nullptr || load == Py_None
            ? received_receive(future.ptr(), taken.ptr())
            : PyObject_CallMethodOneArg(future.ptr(), names().read, taken.ptr())));
}

PyObject* turns_serve_receives(PyObject* object, PyObject* watch)
{
    const DrainAfter drain;
    const Turns& turns = turns_of(object);
    const py::object receives = py::reinterpret_borrow<py::object>(turns.receives);
    if (receives) {
        // Any of them may run code of the user, who may close the socket.
        while (PyObject_Size(receives.ptr()) > 0 &&
               serve_first_receive(turns, watch, receives.ptr())) {
        }
    }
    if (PyErr_Occurred() != nullptr) {
        return nullptr;
    }
    Py_RETURN_NONE;
}

PyMethodDef turns_methods[] = {
    {"new_waiting", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(turns_new_waiting)),
     METH_FASTCALL,
     R"(new_waiting($self, queue, request, socket, load, /)
--

Make a Future that waits here; it is not put into the queue.

Parameters
----------
queue
    Which queue it is for.
request
    How to try again.
socket
    The socket.
load
    Makes the result of a message that was received, or None.

Returns
-------
Received
    The Future.)"},
    {"serve_receives", turns_serve_receives, METH_O, R"(serve_receives($self, watch, /)
--

Give messages to the receives that wait, as long as there are both; after that the
Watch is armed, or nobody waits any more.)"},
    {"ran", turns_ran, METH_NOARGS, R"(ran($self, /)
--

The loop runs, or is asked to: from here on the time is counted.)"},
    {"lasting", turns_lasting, METH_NOARGS, R"(lasting($self, /)
--

Whether nothing has to be done about the loop's turn yet.)"},
    {nullptr, nullptr, 0, nullptr},
};

PyMemberDef turns_members[] = {
    {"loop", T_OBJECT, offsetof(Turns, loop), READONLY, "The loop."},
    {"receives", T_OBJECT, offsetof(Turns, receives), 0, "The receives that wait."},
    {"sends", T_OBJECT, offsetof(Turns, sends), 0, "The sends that wait."},
    {"polls", T_OBJECT, offsetof(Turns, polls), 0, "The polls that wait."},
    {"waiting", T_OBJECT, offsetof(Turns, waiting), 0, "The type of those that wait."},
    {"watch", T_OBJECT, offsetof(Turns, watch), 0, "The Watch; None until something had to wait."},
    {"awaited", T_INT, offsetof(Turns, awaited), 0,
     "How many of those that wait somebody waits for."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Turns, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

// Whether the loop is the one that runs in this thread. A thread runs one at a
// time. asyncio.get_running_loop() asks the system for the process as well, which
// can cost more than a receive.
bool runs_here(Turns& turns)
{
    const unsigned long here = PyThread_get_thread_ident();
    if (turns.tells_thread) {
        const py::object thread =
            py::reinterpret_steal<py::object>(PyObject_GetAttr(turns.loop, names().thread_id));
        if (thread) {
            return PyLong_Check(thread.ptr()) && PyLong_AsUnsignedLong(thread.ptr()) == here;
        }
        PyErr_Clear();
        turns.tells_thread = false;
    }
    if (turns.thread != here) {
        return false;
    }
    const py::object running = py::reinterpret_steal<py::object>(
        PyObject_CallMethodNoArgs(turns.loop, names().is_running));
    if (!running) {
        PyErr_Clear();
        return false;
    }
    return running.ptr() == Py_True;
}

// The lane of a socket in the loop that runs; null, without an exception, where it
// has none there.
py::object lane_here(PyObject* socket)
{
    py::object lane =
        py::reinterpret_steal<py::object>(PyObject_GenericGetAttr(socket, names().lane));
    if (!lane) {
        PyErr_Clear();
        return lane;
    }
    if (!PyObject_TypeCheck(lane.ptr(), turns_type) || !runs_here(turns_of(lane.ptr()))) {
        return {};
    }
    return lane;
}

py::object finished_future(Turns& turns, PyTypeObject* type, PyObject* result)
{
    py::object future = new_future(turns, type);
    if (!future) {
        return {};
    }
    const py::object none = py::reinterpret_steal<py::object>(
        PyObject_CallMethodOneArg(future.ptr(), names().set_result, result));
    return none ? future : py::object();
}

// -- the calls ----------------------------------------------------------------

const Signature<4> recv_signature("recv", {"flags", "copy", "track", "timeout"}, 0, 3);
const Signature<4> recv_multipart_signature("recv_multipart", {"flags", "copy", "track", "timeout"},
                                            0, 3);
const Signature<6> send_signature("send", {"data", "flags", "copy", "track", "routing_id", "group"},
                                  1);
const Signature<6>
    send_multipart_signature("send_multipart",
                             {"msg_parts", "flags", "copy", "track", "routing_id", "group"}, 1, 4);

py::object waiting_receive(PyObject* lane, PyObject* socket, const Wanted& wanted)
{
    const auto flag = [](bool value) { return value ? Py_True : Py_False; };
    const py::object request = py::reinterpret_steal<py::object>(
        PyTuple_Pack(3, flag(wanted.multipart), flag(wanted.copy), flag(wanted.track)));
    PyObject* receives = turns_of(lane).receives;
    py::object future =
        request ? new_waiting(lane, receives, request.ptr(), socket, Py_None) : py::object();
    if (future && !py::reinterpret_steal<py::object>(
                      PyObject_CallMethodOneArg(receives, names().append, future.ptr()))) {
        return {};
    }
    return future;
}

// A Future of what is there already; or, without a time limit, one that waits
// where the loop watches the socket. Null where neither can be had so; `tried`
// says whether that is since nothing is there, and then `timeout_ms` is RCVTIMEO.
py::object receive_now(PyObject* self, const Wanted& wanted, bool& tried, int& timeout_ms)
{
    Socket* socket = socket_of(self);
    const py::object lane = socket != nullptr ? lane_here(self) : py::object();
    if (!lane) {
        return {};
    }
    Turns& turns = turns_of(lane.ptr());
    if (!is_empty(turns.receives) || Clock::now() >= turns.until) {
        return {};
    }
    const py::object watch =
        py::reinterpret_borrow<py::object>(turns.watch != nullptr ? turns.watch : Py_None);
    const py::object taken =
        py::reinterpret_steal<py::object>(take_message(*socket, wanted, watch.ptr(), timeout_ms));
    if (!taken) {
        return {};
    }
    if (taken.is_none()) {
        tried = true;
        return timeout_ms < 0 && !watch.is_none() ? waiting_receive(lane.ptr(), self, wanted)
                                                  : py::object();
    }
    py::object future = finished_future(turns, received_type, message_of_taken(taken.ptr()));
    if (future) {
        received_of(future.ptr()).taken = taken.inc_ref().ptr();
    }
    return future;
}

PyObject* receive(PyObject* self, bool multipart, const Signature<4>& signature,
                  PyObject* const* arguments, Py_ssize_t count, PyObject* keywords)
{
    const DrainAfter drain;
    std::array<PyObject*, 4> given{};
    Wanted wanted;
    wanted.multipart = multipart;
    int flags = 0;
    if ((count != 0 || keywords != nullptr) &&
        (!signature.read(arguments, count, keywords, given) || !read_int(given[0], flags) ||
         !read_bool(given[1], wanted.copy) || !read_bool(given[2], wanted.track))) {
        return nullptr;
    }
    const bool timed = given[3] != nullptr && given[3] != Py_None;
    bool tried = false;
    int timeout_ms = -1;
    if (flags == 0 && !timed) {
        py::object future = receive_now(self, wanted, tried, timeout_ms);
        if (future) {
            return future.release().ptr();
        }
        // What went wrong will do so again.
        PyErr_Clear();
    }
    const py::object number =
        py::reinterpret_steal<py::object>(PyLong_FromLong(tried ? timeout_ms : flags));
    PyObject* const values[] = {self,
                                multipart ? Py_True : Py_False,
                                wanted.copy ? Py_True : Py_False,
                                wanted.track ? Py_True : Py_False,
                                number.ptr(),
                                timed ? given[3] : Py_None};
    return tried ? PyObject_VectorcallMethod(names().receive_later, values, 5, nullptr)
                 : PyObject_VectorcallMethod(names().receive_anyhow, values, 6, nullptr);
}

PyObject* awaitable_recv(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                         PyObject* keywords)
{
    return receive(self, false, recv_signature, arguments, count, keywords);
}

PyObject* awaitable_recv_multipart(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                   PyObject* keywords)
{
    return receive(self, true, recv_multipart_signature, arguments, count, keywords);
}

// The synchronous methods.
using FastCall = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
FastCall native_send = nullptr;
FastCall native_send_multipart = nullptr;

FastCall native_method(const char* name)
{
    PyObject* method = PyDict_GetItemString(socket_type->tp_dict, name);
    const PyCFunction function = reinterpret_cast<PyMethodDescrObject*>(method)->d_method->ml_meth;
    return reinterpret_cast<FastCall>(reinterpret_cast<void (*)()>(function));
}

// Whether it is the turn of this call, and what it needs besides is not rare.
bool may_send_now(const py::object& lane, bool multipart, const std::array<PyObject*, 6>& given)
{
    return lane && given[4] == nullptr && given[5] == nullptr &&
           is_empty(turns_of(lane.ptr()).sends) &&
           // Anything else can be iterated over only once.
           (!multipart || PyList_CheckExact(given[0]) || PyTuple_CheckExact(given[0]));
}

PyObject* send(PyObject* self, bool multipart, const Signature<6>& signature,
               PyObject* const* arguments, Py_ssize_t count, PyObject* keywords)
{
    const DrainAfter drain;
    std::array<PyObject*, 6> given{};
    int flags = 0;
    if (!signature.read(arguments, count, keywords, given) || !read_int(given[1], flags)) {
        return nullptr;
    }
    const py::object number =
        py::reinterpret_steal<py::object>(PyLong_FromLong(flags | ZMQ_DONTWAIT));
    PyObject* copy = given[2] != nullptr ? given[2] : Py_True;
    PyObject* track = given[3] != nullptr ? given[3] : Py_False;
    const py::object lane = lane_here(self);
    py::object error = py::none();
    if (may_send_now(lane, multipart, given)) {
        PyObject* const values[] = {given[0], number.ptr(), copy, track};
        const py::object result = py::reinterpret_steal<py::object>(
            (multipart ? native_send_multipart : native_send)(self, values, 4, nullptr));
        if (result) {
            Turns& turns = turns_of(lane.ptr());
            return Clock::now() < turns.until
                       ? finished_future(turns, future_type, result.ptr()).release().ptr()
                       : PyObject_CallMethodOneArg(lane.ptr(), names().finished, result.ptr());
        }
        if (PyErr_ExceptionMatches(PyExc_Exception) == 0) {
            return nullptr;
        }
        py::error_already_set raised;
        error = raised.value();
    }
    const py::object plain = py::reinterpret_steal<py::object>(PyLong_FromLong(flags));
    PyObject* const values[] = {self,
                                multipart ? Py_True : Py_False,
                                given[0],
                                plain.ptr(),
                                copy,
                                track,
                                given[4] != nullptr ? given[4] : Py_None,
                                given[5] != nullptr ? given[5] : Py_None,
                                error.ptr()};
    return PyObject_VectorcallMethod(names().send_anyhow, values, 9, nullptr);
}

PyObject* awaitable_send(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                         PyObject* keywords)
{
    return send(self, false, send_signature, arguments, count, keywords);
}

PyObject* awaitable_send_multipart(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                   PyObject* keywords)
{
    return send(self, true, send_multipart_signature, arguments, count, keywords);
}

std::array<PyMethodDef, 4> methods{
    fast_method<awaitable_recv>("recv",
                                R"(recv($self, flags=0, copy=True, track=False, *, timeout=None)
--

Receive one message part. Cancelling it, at any time, loses no message.

Parameters
----------
flags
    DONTWAIT not to wait.
copy
    False gives a Frame over libzmq's memory.
track
    With copy=False: the Frame has a MessageTracker.
timeout
    Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it is
    negative.

Returns
-------
Future of bytes or Frame
    The part. It fails with Again when the time is up.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed.)"),
    fast_method<awaitable_recv_multipart>(
        "recv_multipart",
        R"(recv_multipart($self, flags=0, copy=True, track=False, *, timeout=None)
--

Receive all parts of a message. Cancelling it, at any time, loses no message.

Parameters
----------
flags
    DONTWAIT not to wait.
copy
    False gives Frames over libzmq's memory.
track
    With copy=False: the Frames have MessageTrackers.
timeout
    Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it is
    negative.

Returns
-------
Future of list of bytes or Frame
    The parts. It fails with Again when the time is up.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed.)"),
    fast_method<awaitable_send>(
        "send", R"(send($self, data, flags=0, copy=True, track=False, routing_id=None, group=None)
--

Send one message part.

Where it has to wait for the high-water mark, what was asked for first is sent
first. Once cancelled it is not sent, or was sent already.

Parameters
----------
data
    bytes, any contiguous buffer, or a Frame.
flags
    DONTWAIT not to wait, SNDMORE where further parts follow.
copy
    False lends the memory of `data` to libzmq, from copy_threshold bytes on.
track
    With copy=False: give a MessageTracker that tells when libzmq is done.
routing_id
    The peer, for SERVER sockets (draft).
group
    The group, for RADIO sockets (draft).

Returns
-------
Future of None or MessageTracker
    What zmq.Socket.send returns. It fails with what that raises: Again when the
    time of SNDTIMEO is up, TypeError where `data` cannot be sent.)"),
    fast_method<awaitable_send_multipart>(
        "send_multipart",
        R"(send_multipart($self, msg_parts, flags=0, copy=True, track=False, **kwargs)
--

Send a message of several parts: all of them, or none.

Parameters
----------
msg_parts
    The parts, an iterable of what send() takes.
flags
    DONTWAIT not to wait.
copy
    As for send().
track
    As for send(); the tracker watches all parts.
**kwargs
    routing_id and group, as for send().

Returns
-------
Future of None or MessageTracker
    As for send().)"),
};

}  // namespace

void register_awaitable(py::module_& module)
{
    PyType_Slot slots[] = {
        {Py_tp_new, reinterpret_cast<void*>(PyType_GenericNew)},
        {Py_tp_init, reinterpret_cast<void*>(turns_init)},
        {Py_tp_dealloc, reinterpret_cast<void*>(turns_dealloc)},
        {Py_tp_traverse, reinterpret_cast<void*>(turns_traverse)},
        {Py_tp_clear, reinterpret_cast<void*>(turns_clear)},
        {Py_tp_methods, turns_methods},
        {Py_tp_members, turns_members},
        {Py_tp_doc, const_cast<char*>(R"(Sees to it that calls which never wait let the loop run.

Parameters
----------
loop
    The loop.)")},
        {0, nullptr},
    };
    PyType_Spec spec{"zmq._core.Turns", sizeof(Turns), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots};
    turns_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (turns_type == nullptr) {
        throw py::error_already_set();
    }
    module.add_object("Turns", reinterpret_cast<PyObject*>(turns_type));
    module.def("make_received", &make_received, py::arg("future"), py::arg("not_cancelled"),
               R"doc(make_received(future, not_cancelled)
--

Make the type of Futures that hold messages; to be called once.

Parameters
----------
future
    asyncio.Future.
not_cancelled
    Called when one of them that is finished should have been cancelled, with what
    was taken for it.

Returns
-------
type
    A subclass of asyncio.Future.)doc");
    native_send = native_method("send");
    native_send_multipart = native_method("send_multipart");
    py::dict made;
    for (PyMethodDef& definition : methods) {
        made[definition.ml_name] =
            py::reinterpret_steal<py::object>(PyDescr_NewMethod(socket_type, &definition));
    }
    module.attr("awaitable_methods") = made;
}

}  // namespace cppyzmq
