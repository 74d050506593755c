// The hot path: send, recv, recv_into, their multipart forms, and poll.
//
// Everything is first tried without waiting, with the GIL held: giving the GIL up
// and taking it back costs more than a send or receive that succeeds. Only EAGAIN
// goes to wait.cpp.
#include "errors.hpp"
#include "frame.hpp"
#include "gil.hpp"
#include "release_queue.hpp"
#include "socket.hpp"
#include "wait.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <string>

namespace cppyzmq {

bool read_timeout(PyObject* value, long& timeout_ms)
{
    if (value == nullptr || value == Py_None) {
        timeout_ms = -1;
        return true;
    }
    if (PyLong_CheckExact(value)) {
        timeout_ms = PyLong_AsLong(value);
        return timeout_ms != -1 || PyErr_Occurred() == nullptr;
    }
    const double number = PyFloat_AsDouble(value);
    if (number == -1.0 && PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        PyErr_Format(PyExc_TypeError, "a timeout is a number of milliseconds or None, got: %R",
                     value);
        return false;
    }
    constexpr double longest = 1e15;
    if (!(number < longest)) {
        PyErr_Format(PyExc_OverflowError, "timeout is too long: %R milliseconds", value);
        return false;
    }
    timeout_ms = number < 0 ? -1 : static_cast<long>(std::ceil(number));
    return true;
}

namespace {

// As zmq_msg_recv has it.
int size_of(const zmq::message_t& part)
{
    return static_cast<int>(std::min<std::size_t>(part.size(), INT_MAX));
}

// Whether the message goes on after the part that was received last.
bool has_more(const State& state, zmq::message_t& part)
{
    return state.more_returned == State::More::ask_libzmq ? zmq_msg_more(part.handle()) != 0
                                                          : state.more_returned == State::More::yes;
}

}  // namespace

int timeout_of(State& state, int option)
{
    int timeout_ms = -1;
    std::size_t size = sizeof timeout_ms;
    zmq_getsockopt(state.handle(), option, &timeout_ms, &size);
    return timeout_ms;
}

int receive_part(State& state, zmq::message_t& part)
{
    if (!state.returned.empty()) {
        part = std::move(state.returned.front().part);
        state.more_returned = state.returned.front().more ? State::More::yes : State::More::no;
        state.returned.pop_front();
        return size_of(part);
    }
    int size = zmq_msg_recv(part.handle(), state.handle(), ZMQ_DONTWAIT);
    if (size < 0 && errno == EAGAIN && state.signalled() && state.quieten()) {
        size = zmq_msg_recv(part.handle(), state.handle(), ZMQ_DONTWAIT);
    }
    if (size >= 0) {
        state.more_returned = State::More::ask_libzmq;
    }
    return size;
}

int receive_part(State& state, zmq::message_t& part, bool& more)
{
    const int size = receive_part(state, part);
    if (size >= 0) {
        more = has_more(state, part);
    }
    return size;
}

int receive_parts(State& state, Parts& parts)
{
    // Moving a message is a call of libzmq.
    constexpr std::size_t usual = 8;
    parts.reserve(usual);
    bool more = false;
    do {
        parts.emplace_back();
        // The other parts of a message are there as soon as the first is.
        while (receive_part(state, parts.back(), more) < 0) {
            if (parts.size() == 1 || (errno != EINTR && errno != EAGAIN)) {
                parts.pop_back();
                return -1;
            }
        }
    } while (more);
    return 0;
}

namespace {

// Only the first part of a message may be refused for want of room: from then on
// libzmq neither waits nor refuses.
int flags_for(const State& state, int flags)
{
    return state.mid_send ? flags & ~ZMQ_DONTWAIT : flags | ZMQ_DONTWAIT;
}

int send_copy(State& state, const void* data, std::size_t size, int flags)
{
    if (!state.may_send()) {
        return -1;
    }
    const int result = zmq_send(state.handle(), data, size, flags_for(state, flags));
    if (result >= 0) {
        state.part_sent((flags & ZMQ_SNDMORE) != 0);
    }
    return result;
}

}  // namespace

int send_part(State& state, zmq::message_t& part, int flags)
{
    if (!state.may_send()) {
        return -1;
    }
    const int result = zmq_msg_send(part.handle(), state.handle(), flags_for(state, flags));
    if (result >= 0) {
        state.part_sent((flags & ZMQ_SNDMORE) != 0);
    }
    return result;
}

int send_parts(State& state, zmq::message_t* parts, std::size_t count, int flags)
{
    const std::size_t last = count - 1;
    for (std::size_t index = 0; index <= last; ++index) {
        const int part_flags = index < last ? flags | ZMQ_SNDMORE : flags;
        int result = send_part(state, parts[index], part_flags);
        while (result < 0 && index > 0 && errno == EINTR) {
            result = send_part(state, parts[index], part_flags);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

namespace {

// The rest of a call whose first attempt found nothing to do.
__attribute__((noinline)) bool finish_waiting(State& state, Entered& entered, int events,
                                              long timeout_ms, Attempt attempt)
{
    switch (wait_until_done(state, entered, events, timeout_ms, attempt)) {
        case Waited::done:
            return true;
        case Waited::raised:
            return false;
        case Waited::failed:
            break;
    }
    if (errno == ENOTSOCK && state.closed()) {
        raise_refused(state);
    } else {
        raise_last_error();
    }
    return false;
}

// Makes `attempt` inside the socket, again and again where it may wait, for as
// long as was given or the option says. False with a Python exception.
template <class Call>
bool run(State& state, int events, int timeout_option, const long* given_ms, bool may_wait,
         Call& attempt)
{
    Entered entered(state);
    if (!entered) {
        raise_refused(state);
        return false;
    }
    if (attempt() >= 0) {
        return true;
    }
    const int error = errno;
    if (error == EINTR || (error == EAGAIN && may_wait)) {
        const long timeout_ms = !may_wait             ? 0
                                : given_ms != nullptr ? *given_ms
                                                      : timeout_of(state, timeout_option);
        errno = error;
        return finish_waiting(state, entered, events, timeout_ms, attempt);
    }
    entered.leave();
    raise_error(error);
    return false;
}

// A thread of this process that sleeps wants the GIL as soon as the message wakes
// it: with the GIL in our hand it would wake in vain, on one processor every time.
template <class Call>
int attempt_without_gil(State& state, Call& attempt)
{
    const ReleaseGil released;
    const Entered entered(state, Gil::released);
    return entered ? attempt() : -1;
}

template <class Call>
bool run_send(State& state, int flags, Call attempt)
{
    if (inproc_sleepers.load(std::memory_order_relaxed) > 0 &&
        state.inproc.load(std::memory_order_relaxed) && attempt_without_gil(state, attempt) >= 0) {
        return true;
    }
    return run(state, ZMQ_POLLOUT, ZMQ_SNDTIMEO, nullptr, (flags & ZMQ_DONTWAIT) == 0, attempt);
}

// How a receive waits.
struct Patience {
    int flags = 0;
    long timeout_ms = -1;
    bool by_option = true;  // RCVTIMEO says how long

    // `timeout` null or None: not given.
    bool read(PyObject* flags_given, PyObject* timeout)
    {
        if (!read_int(flags_given, flags)) {
            return false;
        }
        by_option = timeout == nullptr || timeout == Py_None;
        return by_option || read_timeout(timeout, timeout_ms);
    }
};

template <class Call>
bool run_receive(State& state, const Patience& patience, Call attempt)
{
    const bool may_wait = (patience.flags & ZMQ_DONTWAIT) == 0 && patience.timeout_ms != 0;
    return run(state, ZMQ_POLLIN, ZMQ_RCVTIMEO, patience.by_option ? nullptr : &patience.timeout_ms,
               may_wait, attempt);
}

// Puts parts that were received, but could not be delivered, back in front.
void give_back(State& state, Parts& parts, bool last_more)
{
    const Entered entered(state);
    if (!entered) {
        return;  // closed meanwhile: nobody can receive any more
    }
    for (std::size_t index = parts.size(); index-- > 0;) {
        const bool more = index + 1 < parts.size() || last_more;
        state.returned.push_front({std::move(parts[index]), more});
    }
}

// `received` is what receive_part returned: each question to libzmq is a call.
PyObject* bytes_from(zmq::message_t& part, int received)
{
    if (static_cast<std::size_t>(received) < release_gil_from) {
        return PyBytes_FromStringAndSize(part.data<char>(), received);
    }
    const std::size_t size = part.size();
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    if (bytes != nullptr) {
        copy_bytes(PyBytes_AS_STRING(bytes), part.data(), size);
    }
    return bytes;
}

bool refuse_text(PyObject* data)
{
    if (PyUnicode_Check(data) == 0) {
        return false;
    }
    PyErr_SetString(PyExc_TypeError, "unicode not allowed, use send_string");
    return true;
}

// Makes a message part of what the user gave: shares a Frame's memory, copies a
// small or large buffer, or lends it. `lent` says whether libzmq holds the
// object. False with a Python exception.
bool part_from(PyObject* data, bool copy, Py_ssize_t threshold, const SharedTracker& tracker,
               zmq::message_t& part, bool& lent)
{
    if (is_frame(data)) {
        share_part(data, part);
        return true;
    }
    if (PyBytes_CheckExact(data)) {
        const Py_ssize_t size = PyBytes_GET_SIZE(data);
        if (!copy && size >= threshold) {
            lent = true;
            return borrow(data, tracker, part);
        }
        part.rebuild(static_cast<std::size_t>(size));
        copy_bytes(part.data(), PyBytes_AS_STRING(data), static_cast<std::size_t>(size));
        return true;
    }
    if (refuse_text(data)) {
        return false;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_ANY_CONTIGUOUS) != 0) {
        return false;
    }
    const bool lend = !copy && view.len >= threshold;
    if (!lend) {
        part.rebuild(static_cast<std::size_t>(view.len));
        copy_bytes(part.data(), view.buf, static_cast<std::size_t>(view.len));
    }
    PyBuffer_Release(&view);
    lent = lent || lend;
    return !lend || borrow(data, tracker, part);
}

// What send returns: the tracker of a Frame or of lent memory; None for a copy, and
// where nobody can tell when libzmq is done.
PyObject* sent(PyObject* data, bool copy, bool lent, SharedTracker tracker)
{
    if (is_frame(data)) {
        PyObject* known = reinterpret_cast<Frame*>(data)->tracker;
        PyObject* result = known != nullptr ? known : Py_None;
        Py_INCREF(result);
        return result;
    }
    if (copy || (lent && tracker == nullptr)) {
        Py_RETURN_NONE;
    }
    return lent ? new_message_tracker(std::move(tracker)) : finished_message_tracker();
}

bool refuse_untracked(PyObject* data, bool track)
{
    if (!track || !is_frame(data) || reinterpret_cast<Frame*>(data)->tracker != nullptr) {
        return false;
    }
    PyErr_SetString(PyExc_ValueError, "Not a tracked message: make the Frame with track=True");
    return true;
}

const Signature<6> send_signature("send", {"data", "flags", "copy", "track", "routing_id", "group"},
                                  1);
const Signature<6>
    send_multipart_signature("send_multipart",
                             {"msg_parts", "flags", "copy", "track", "routing_id", "group"}, 1, 4);
const Signature<4> recv_signature("recv", {"flags", "copy", "track", "timeout"}, 0, 3);
const Signature<4> recv_multipart_signature("recv_multipart", {"flags", "copy", "track", "timeout"},
                                            0, 3);
const Signature<4> recv_into_signature("recv_into", {"buffer", "nbytes", "flags", "timeout"}, 1, 1);
const Signature<2> give_back_signature("_give_back", {"parts", "more"}, 1);
const Signature<2> poll_signature("poll", {"timeout", "flags"}, 0);

struct SendArguments {
    PyObject* data = nullptr;
    PyObject* routing_id = nullptr;
    PyObject* group = nullptr;
    int flags = 0;
    bool copy = true;
    bool track = false;

    bool read(const Signature<6>& signature, PyObject* const* arguments, Py_ssize_t count,
              PyObject* keywords)
    {
        if (count == 1 && keywords == nullptr) {
            data = arguments[0];
            return true;
        }
        std::array<PyObject*, 6> given;
        if (!signature.read(arguments, count, keywords, given)) {
            return false;
        }
        data = given[0];
        routing_id = given[4];
        group = given[5];
        return read_int(given[1], flags) && read_bool(given[2], copy) && read_bool(given[3], track);
    }
    bool addressed() const { return routing_id != nullptr || group != nullptr; }
};

PyObject* socket_send(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    SendArguments given;
    if (socket == nullptr || !given.read(send_signature, arguments, count, keywords)) {
        return nullptr;
    }
    State& state = *socket->state;
    if (given.copy && PyBytes_CheckExact(given.data) && !given.addressed()) {
        const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(given.data));
        if (size < release_gil_from) {
            const char* bytes = PyBytes_AS_STRING(given.data);
            if (!run_send(state, given.flags,
                          [&] { return send_copy(state, bytes, size, given.flags); })) {
                return nullptr;
            }
            Py_RETURN_NONE;
        }
    }
    if (refuse_untracked(given.data, given.track)) {
        return nullptr;
    }
    if (state.closed()) {
        return raise_refused(state);
    }
    zmq::message_t part;
    bool lent = false;
    SharedTracker tracker = given.track && !given.copy ? std::make_shared<Tracker>() : nullptr;
    if (!part_from(given.data, given.copy, socket->copy_threshold, tracker, part, lent) ||
        !address_part(part, given.routing_id, given.group) ||
        !run_send(state, given.flags, [&] { return send_part(state, part, given.flags); })) {
        return nullptr;
    }
    return sent(given.data, given.copy, lent, std::move(tracker));
}

PyObject* refuse_part(Py_ssize_t index, PyObject* part)
{
    if (PyErr_ExceptionMatches(PyExc_TypeError) == 0) {
        return nullptr;
    }
    PyErr_Clear();
    const py::object shown = py::reinterpret_steal<py::object>(PyObject_Repr(part));
    if (!shown) {
        return nullptr;
    }
    constexpr Py_ssize_t longest = 80;
    const py::object start =
        py::reinterpret_steal<py::object>(PyUnicode_Substring(shown.ptr(), 0, longest));
    PyErr_Format(PyExc_TypeError,
                 "part %zd of the message (%U) is not a bytes-like object; nothing was sent", index,
                 start ? start.ptr() : shown.ptr());
    return nullptr;
}

PyObject* socket_send_multipart(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    SendArguments given;
    if (socket == nullptr || !given.read(send_multipart_signature, arguments, count, keywords)) {
        return nullptr;
    }
    const py::object sequence = py::reinterpret_steal<py::object>(PySequence_Fast(
        given.data, "the parts of a message are an iterable of bytes-like objects"));
    if (!sequence) {
        return nullptr;
    }
    State& state = *socket->state;
    const SharedTracker tracker =
        given.track && !given.copy ? std::make_shared<Tracker>() : nullptr;
    bool lent = false;
    Parts parts;
    parts.reserve(static_cast<std::size_t>(PySequence_Fast_GET_SIZE(sequence.ptr())));
    py::object item;
    // All parts are made before the first is sent. The size is looked at each time
    // round: while a copy is under way others may change the list.
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(sequence.ptr()); ++index) {
        item = py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(sequence.ptr(), index));
        if (refuse_untracked(item.ptr(), given.track)) {
            return nullptr;
        }
        parts.emplace_back();
        if (!part_from(item.ptr(), given.copy, socket->copy_threshold, tracker, parts.back(),
                       lent)) {
            return refuse_part(index, item.ptr());
        }
        if (!address_part(parts.back(), given.routing_id, given.group)) {
            return nullptr;
        }
    }
    if (parts.empty()) {
        return raise_empty_message();
    }
    if (!run_send(state, given.flags, [&] { return send_parts(state, parts, given.flags); })) {
        return nullptr;
    }
    return sent(item.ptr(), given.copy, lent, tracker);
}

struct ReceiveArguments {
    Patience patience;
    bool copy = true;
    bool track = false;

    bool read(const Signature<4>& signature, PyObject* const* arguments, Py_ssize_t count,
              PyObject* keywords)
    {
        if (count == 0 && keywords == nullptr) {
            return true;
        }
        std::array<PyObject*, 4> given;
        return signature.read(arguments, count, keywords, given) &&
               patience.read(given[0], given[3]) && read_bool(given[1], copy) &&
               read_bool(given[2], track);
    }
};

PyObject* socket_recv(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    ReceiveArguments given;
    if (socket == nullptr || !given.read(recv_signature, arguments, count, keywords)) {
        return nullptr;
    }
    State& state = *socket->state;
    zmq::message_t part;
    int size = 0;
    if (!run_receive(state, given.patience, [&] { return size = receive_part(state, part); })) {
        return nullptr;
    }
    // A failure (no memory) leaves the part intact.
    PyObject* result = given.copy ? bytes_from(part, size)
                                  : new_frame(std::move(part), has_more(state, part), given.track);
    if (result == nullptr) {
        const bool more = has_more(state, part);
        Parts parts;
        parts.push_back(std::move(part));
        give_back(state, parts, more);
    }
    return result;
}

PyObject* socket_recv_multipart(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    ReceiveArguments given;
    if (socket == nullptr || !given.read(recv_multipart_signature, arguments, count, keywords)) {
        return nullptr;
    }
    State& state = *socket->state;
    Parts parts;
    if (!run_receive(state, given.patience, [&] { return receive_parts(state, parts); })) {
        return nullptr;
    }
    const auto size = static_cast<Py_ssize_t>(parts.size());
    PyObject* list = PyList_New(size);
    if (list == nullptr) {
        give_back(state, parts, false);
        return nullptr;
    }
    for (Py_ssize_t index = 0; index < size; ++index) {
        zmq::message_t& part = parts[static_cast<std::size_t>(index)];
        PyObject* item = given.copy ? bytes_from(part, size_of(part))
                                    : new_frame(std::move(part), index + 1 < size, given.track);
        if (item == nullptr) {
            Py_DECREF(list);
            if (given.copy) {
                give_back(state, parts, false);
            }
            return nullptr;
        }
        PyList_SET_ITEM(list, index, item);
    }
    return list;
}

PyObject* socket_recv_into(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                           PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    std::array<PyObject*, 4> given;
    if (socket == nullptr || !recv_into_signature.read(arguments, count, keywords, given)) {
        return nullptr;
    }
    Patience patience;
    Py_ssize_t limit = given[1] != nullptr ? PyNumber_AsSsize_t(given[1], PyExc_OverflowError) : 0;
    if ((limit == -1 && PyErr_Occurred() != nullptr) || !patience.read(given[2], given[3])) {
        return nullptr;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(given[0], &view, PyBUF_WRITABLE) != 0) {
        return nullptr;
    }
    if (limit < 0 || limit > view.len) {
        PyErr_Format(PyExc_ValueError, "nbytes=%zd does not fit a buffer of %zd bytes", limit,
                     view.len);
        PyBuffer_Release(&view);
        return nullptr;
    }
    State& state = *socket->state;
    zmq::message_t part;
    PyObject* result = nullptr;
    if (run_receive(state, patience, [&] { return receive_part(state, part); })) {
        const auto room = static_cast<std::size_t>(limit == 0 ? view.len : limit);
        copy_bytes(view.buf, part.data(), std::min(room, part.size()));
        result = PyLong_FromSize_t(part.size());
    }
    PyBuffer_Release(&view);
    return result;
}

PyObject* socket_poll(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    Socket* socket = socket_of(self);
    std::array<PyObject*, 2> given;
    long timeout_ms = -1;
    int mask = ZMQ_POLLIN;
    if (socket == nullptr || !poll_signature.read(arguments, count, keywords, given) ||
        !read_timeout(given[0], timeout_ms) || !read_int(given[1], mask)) {
        return nullptr;
    }
    State& state = *socket->state;
    int ready = 0;
    auto attempt = [&] {
        const int events = state.events();
        ready = events < 0 ? 0 : events & mask;
        if (events >= 0 && ready == 0) {
            errno = EAGAIN;
        }
        return ready != 0 ? 0 : -1;
    };
    Entered entered(state);
    if (!entered) {
        // As pyzmq has it, unlike every other call on a closed socket.
        return state.closed() ? raise_error_about(ENOTSUP, "the socket is closed")
                              : raise_refused(state);
    }
    if (attempt() >= 0 || (errno == EAGAIN && timeout_ms == 0)) {
        return PyLong_FromLong(ready);
    }
    if (errno != EAGAIN && errno != EINTR) {
        const int error = errno;
        entered.leave();
        return raise_error(error);
    }
    if (wait_until_done(state, entered, mask, timeout_ms, attempt) == Waited::raised) {
        return nullptr;
    }
    if (ready == 0 && errno != EAGAIN) {
        return errno == ENOTSOCK && state.closed() ? raise_refused(state) : raise_last_error();
    }
    return PyLong_FromLong(ready);
}

// Parts that a receive took and nobody got: an awaitable that was cancelled.
PyObject* socket_give_back(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                           PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    std::array<PyObject*, 2> given;
    bool more = false;
    if (socket == nullptr || !give_back_signature.read(arguments, count, keywords, given) ||
        !read_bool(given[1], more)) {
        return nullptr;
    }
    const py::object sequence =
        py::reinterpret_steal<py::object>(PySequence_Fast(given[0], "parts are a sequence"));
    if (!sequence) {
        return nullptr;
    }
    Parts parts;
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(sequence.ptr()); ++index) {
        const py::object item =
            py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(sequence.ptr(), index));
        bool lent = false;
        parts.emplace_back();
        if (!part_from(item.ptr(), true, 0, nullptr, parts.back(), lent)) {
            return nullptr;
        }
    }
    give_back(*socket->state, parts, more);
    Py_RETURN_NONE;
}

std::array<PyMethodDef, 7> methods{
    fast_method<socket_send>(
        "send",
        R"(send($self, data, flags=0, copy=True, track=False, routing_id=None, group=None)
--

Send one message part (zmq_msg_send(3)).

Parameters
----------
data
    bytes, any contiguous buffer, or a Frame.
flags
    DONTWAIT not to wait, SNDMORE where further parts follow.
copy
    False lends the memory of `data` to libzmq instead of copying it, from
    copy_threshold bytes on: it must not change until libzmq is done with it.
track
    With copy=False: return a MessageTracker that tells when libzmq is done.
routing_id
    The peer, for SERVER sockets (draft).
group
    The group, for RADIO sockets (draft).

Returns
-------
None or MessageTracker
    A tracker with copy=False, and for a tracked Frame.

Raises
------
Again
    It would have to wait, and DONTWAIT was given or SNDTIMEO ran out.
TypeError
    `data` is a str, or not a buffer.
ValueError
    track=True for a Frame that is not tracked.
ZMQError
    With the errno of zmq_msg_send: EFSM, EHOSTUNREACH, ENOTSUP, ETERM,
    ENOTSOCK.)"),
    fast_method<socket_recv>("recv",
                             R"(recv($self, flags=0, copy=True, track=False, *, timeout=None)
--

Receive one message part (zmq_msg_recv(3)).

Parameters
----------
flags
    DONTWAIT not to wait.
copy
    False returns a Frame over libzmq's memory.
track
    With copy=False: the Frame has a MessageTracker.
timeout
    Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it
    is negative.

Returns
-------
bytes or Frame
    The part.

Raises
------
Again
    Nothing was there, and DONTWAIT was given or the time is up.
ZMQError
    With the errno of zmq_msg_recv: EFSM, ENOTSUP, ETERM, ENOTSOCK.)"),
    fast_method<socket_recv_into>("recv_into",
                                  R"(recv_into($self, buffer, /, *, nbytes=0, flags=0, timeout=None)
--

Receive one message part into memory of the caller.

Parameters
----------
buffer
    A writable contiguous buffer. What does not fit is discarded.
nbytes
    Write at most so many bytes; 0 for the size of the buffer.
flags
    DONTWAIT not to wait.
timeout
    Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it
    is negative.

Returns
-------
int
    The size of the part in bytes: larger than the buffer where it was cut.

Raises
------
Again
    Nothing was there, and DONTWAIT was given or the time is up.
BufferError
    The buffer is read-only or not contiguous.
ValueError
    `nbytes` is negative or larger than the buffer.)"),
    fast_method<socket_send_multipart>(
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
None or MessageTracker
    As send().

Raises
------
Again
    It would have to wait, and DONTWAIT was given or SNDTIMEO ran out.
TypeError
    A part is not a buffer; nothing was sent.
ValueError
    There are no parts.)"),
    fast_method<socket_recv_multipart>(
        "recv_multipart",
        R"(recv_multipart($self, flags=0, copy=True, track=False, *, timeout=None)
--

Receive all parts of a message.

Parameters
----------
flags
    DONTWAIT not to wait.
copy
    False returns Frames over libzmq's memory.
track
    With copy=False: the Frames have MessageTrackers.
timeout
    Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it
    is negative.

Returns
-------
list of bytes or Frame
    The parts.

Raises
------
Again
    Nothing was there, and DONTWAIT was given or the time is up.)"),
    fast_method<socket_give_back>("_give_back", R"(_give_back($self, parts, more=False)
--

Put parts that were received, but not delivered, back in front.

The next receive, by whatever wrapper of the socket, gets them.

Parameters
----------
parts
    bytes or Frames, in order.
more
    Whether further parts of the message are still in the socket.)"),
    fast_method<socket_poll>("poll", R"(poll($self, timeout=None, flags=1)
--

Wait until the socket can receive or send.

Parameters
----------
timeout
    Milliseconds to wait at most; for ever where it is None or negative.
flags
    The events to wait for, POLLIN and POLLOUT.

Returns
-------
int
    The events that are there; 0 when the time was up.

Raises
------
ZMQError
    ENOTSUP: the socket is closed; ENOTSOCK: it is closed while this waits; ETERM:
    the context was terminated.)"),
};

}  // namespace

void install_socket_io(py::handle type)
{
    install_methods(type, methods);
}

}  // namespace cppyzmq
