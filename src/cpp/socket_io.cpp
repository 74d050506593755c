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
    get_int_option(state.handle(), option, timeout_ms);
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

CPPYZMQ_ALWAYS_INLINE int send_copy(State& state, const void* data, std::size_t size, int flags)
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

// How a call waits.
struct Patience {
    int flags = 0;
    long timeout_ms = -1;
    bool by_option = true;  // RCVTIMEO or SNDTIMEO says how long

    // `timeout` null or None: not given.
    bool read(PyObject* flags_given, PyObject* timeout)
    {
        if (!read_int(flags_given, flags)) {
            return false;
        }
        by_option = timeout == nullptr || timeout == Py_None;
        return by_option || read_timeout(timeout, timeout_ms);
    }
    bool waits() const { return (flags & ZMQ_DONTWAIT) == 0 && timeout_ms != 0; }
};

// The rest of a call whose first attempt has failed, with errno. False with a Python
// exception.
PYBIND11_NOINLINE bool finish(State& state, Entered& entered, int events, const Patience& patience,
                              Attempt attempt)
{
    const int error = errno;
    const bool waits = patience.waits();
    if (error != EINTR && (error != EAGAIN || !waits)) {
        entered.leave();
        raise_error(error);
        return false;
    }
    const int option = events == ZMQ_POLLIN ? ZMQ_RCVTIMEO : ZMQ_SNDTIMEO;
    const long timeout_ms = !waits               ? 0
                            : patience.by_option ? timeout_of(state, option)
                                                 : patience.timeout_ms;
    errno = error;
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
CPPYZMQ_ALWAYS_INLINE bool run(State& state, int events, const Patience& patience, Call& attempt)
{
    Entered entered(state);
    if (!entered) {
        raise_refused(state);
        return false;
    }
    return attempt() >= 0 || finish(state, entered, events, patience, attempt);
}

// A thread of this process that sleeps wants the GIL as soon as the message wakes
// it: with the GIL in our hand it would wake in vain, on one processor every time.
PYBIND11_NOINLINE int attempt_without_gil(State& state, Attempt attempt)
{
    const ReleaseGil released;
    const Entered entered(state, Gil::released);
    return entered ? attempt() : -1;
}

template <class Call>
CPPYZMQ_ALWAYS_INLINE bool run_send(State& state, int flags, Call attempt)
{
    if (inproc_sleepers.load(std::memory_order_relaxed) > 0 &&
        state.inproc.load(std::memory_order_relaxed) && attempt_without_gil(state, attempt) >= 0) {
        return true;
    }
    return run(state, ZMQ_POLLOUT, Patience{flags}, attempt);
}

template <class Call>
CPPYZMQ_ALWAYS_INLINE bool run_receive(State& state, const Patience& patience, Call attempt)
{
    return run(state, ZMQ_POLLIN, patience, attempt);
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

PYBIND11_NOINLINE PyObject* long_bytes_from(zmq::message_t& part)
{
    const std::size_t size = part.size();
    PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
    if (bytes != nullptr) {
        copy_bytes(PyBytes_AS_STRING(bytes), part.data(), size);
    }
    return bytes;
}

// `received` is what receive_part returned: each question to libzmq is a call.
PyObject* bytes_from(zmq::message_t& part, int received)
{
    return static_cast<std::size_t>(received) < release_gil_from
               ? PyBytes_FromStringAndSize(part.data<char>(), received)
               : long_bytes_from(part);
}

bool refuse_text(PyObject* data)
{
    if (PyUnicode_Check(data) == 0) {
        return false;
    }
    PyErr_SetString(PyExc_TypeError, "unicode not allowed, use send_string");
    return true;
}

// From this size on lending a bytes object costs less than copying it (benchmarks/README.md).
constexpr auto lend_bytes_from = static_cast<Py_ssize_t>(release_gil_from);

// How the parts of a message are made.
struct Making {
    bool copy = true;
    bool lends_bytes = false;  // State::lends_bytes: a copy of bytes may be spared
    Py_ssize_t threshold = 0;  // without `copy`: smaller ones are copied all the same
    SharedTracker tracker;     // of what is lent; may be null
    bool lent = false;         // whether libzmq holds an object that was not to be copied
    bool spared = false;       // whether it holds one that was

    // To be called inside the socket, where nothing is connected meanwhile: while the
    // message was made, or waited, the socket may have got another transport.
    void settle(const State& state, zmq::message_t* parts, std::size_t count) const
    {
        if (!spared || state.lends_bytes.load(std::memory_order_relaxed)) {
            return;
        }
        for (std::size_t index = 0; index < count; ++index) {
            zmq::message_t copied(parts[index].data(), parts[index].size());
            parts[index].swap(copied);
        }
    }
};

bool bytes_to_part(PyObject* bytes, Making& making, zmq::message_t& part)
{
    const Py_ssize_t size = PyBytes_GET_SIZE(bytes);
    if (!making.copy && size >= making.threshold) {
        making.lent = true;
        return borrow(bytes, making.tracker, part);
    }
    if (making.lends_bytes && size >= lend_bytes_from) {
        making.spared = true;
        return borrow(bytes, nullptr, part);
    }
    part.rebuild(static_cast<std::size_t>(size));
    copy_bytes(part.data(), PyBytes_AS_STRING(bytes), static_cast<std::size_t>(size));
    return true;
}

// Makes a message part of what the user gave: shares a Frame's memory, copies a
// small or large buffer, or lends it. False with a Python exception.
bool part_from(PyObject* data, Making& making, zmq::message_t& part)
{
    if (PyBytes_CheckExact(data)) {
        return bytes_to_part(data, making, part);
    }
    if (is_frame(data)) {
        share_part(data, part);
        return true;
    }
    if (refuse_text(data)) {
        return false;
    }
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_ANY_CONTIGUOUS) != 0) {
        return false;
    }
    const bool lend = !making.copy && view.len >= making.threshold;
    if (!lend) {
        part.rebuild(static_cast<std::size_t>(view.len));
        copy_bytes(part.data(), view.buf, static_cast<std::size_t>(view.len));
    }
    PyBuffer_Release(&view);
    making.lent = making.lent || lend;
    return !lend || borrow(data, making.tracker, part);
}

// What send returns: the tracker of a Frame or of lent memory; None for a copy, and
// where nobody can tell when libzmq is done.
PyObject* sent(PyObject* data, Making& making)
{
    if (!PyBytes_CheckExact(data) && is_frame(data)) {
        PyObject* known = reinterpret_cast<Frame*>(data)->tracker;
        PyObject* result = known != nullptr ? known : Py_None;
        Py_INCREF(result);
        return result;
    }
    if (making.copy || (making.lent && making.tracker == nullptr)) {
        Py_RETURN_NONE;
    }
    return making.lent ? new_message_tracker(std::move(making.tracker))
                       : finished_message_tracker();
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
    Making making(const Socket& socket) const
    {
        Making made;
        made.copy = copy;
        // An address is not copied with the rest by settle().
        made.lends_bytes = routing_id == nullptr && group == nullptr &&
                           socket.state->lends_bytes.load(std::memory_order_relaxed);
        made.threshold = socket.copy_threshold;
        if (track && !copy) {
            made.tracker = std::make_shared<Tracker>();
        }
        return made;
    }
};

// Whether it is sent by zmq_send(3), which copies.
bool is_small(PyObject* data)
{
    return PyBytes_CheckExact(data) && PyBytes_GET_SIZE(data) < lend_bytes_from;
}

CPPYZMQ_ALWAYS_INLINE PyObject* send_small(State& state, PyObject* bytes, int flags)
{
    const char* data = PyBytes_AS_STRING(bytes);
    const auto size = static_cast<std::size_t>(PyBytes_GET_SIZE(bytes));
    if (!run_send(state, flags, [=, &state] { return send_copy(state, data, size, flags); })) {
        return nullptr;
    }
    Py_RETURN_NONE;
}

PYBIND11_NOINLINE PyObject* send_anything(Socket& socket, PyObject* const* arguments,
                                          Py_ssize_t count, PyObject* keywords)
{
    SendArguments given;
    if (!given.read(send_signature, arguments, count, keywords)) {
        return nullptr;
    }
    if (given.copy && is_small(given.data) && given.routing_id == nullptr &&
        given.group == nullptr) {
        return send_small(*socket.state, given.data, given.flags);
    }
    if (refuse_untracked(given.data, given.track)) {
        return nullptr;
    }
    State& state = *socket.state;
    if (state.closed()) {
        return raise_refused(state);
    }
    zmq::message_t part;
    Making making = given.making(socket);
    if (!part_from(given.data, making, part) ||
        !address_part(part, given.routing_id, given.group) || !run_send(state, given.flags, [&] {
            making.settle(state, &part, 1);
            return send_part(state, part, given.flags);
        })) {
        return nullptr;
    }
    return sent(given.data, making);
}

PyObject* socket_send(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    if (socket == nullptr) {
        return nullptr;
    }
    if (count == 1 && keywords == nullptr && is_small(arguments[0])) {
        return send_small(*socket->state, arguments[0], 0);
    }
    return send_anything(*socket, arguments, count, keywords);
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
    Making making = given.making(*socket);
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
        if (!part_from(item.ptr(), making, parts.back())) {
            return refuse_part(index, item.ptr());
        }
        if (!address_part(parts.back(), given.routing_id, given.group)) {
            return nullptr;
        }
    }
    if (parts.empty()) {
        return raise_empty_message();
    }
    if (!run_send(state, given.flags, [&] {
            making.settle(state, parts.data(), parts.size());
            return send_parts(state, parts, given.flags);
        })) {
        return nullptr;
    }
    return sent(item.ptr(), making);
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

// No memory for the object: the part is intact.
PYBIND11_NOINLINE void give_back(State& state, zmq::message_t& part)
{
    const bool more = has_more(state, part);
    Parts parts;
    parts.push_back(std::move(part));
    give_back(state, parts, more);
}

CPPYZMQ_ALWAYS_INLINE PyObject* receive_bytes(State& state, const Patience& patience)
{
    zmq::message_t part;
    int size = 0;
    if (!run_receive(state, patience, [&] { return size = receive_part(state, part); })) {
        return nullptr;
    }
    PyObject* bytes = bytes_from(part, size);
    if (bytes == nullptr) {
        give_back(state, part);
    }
    return bytes;
}

// Straight into the Frame: moving a message is a call of libzmq.
PYBIND11_NOINLINE PyObject* receive_frame(State& state, const Patience& patience, bool track)
{
    PyObject* made = new_frame(track);
    if (made == nullptr) {
        return nullptr;
    }
    auto* frame = reinterpret_cast<Frame*>(made);
    if (!run_receive(state, patience,
                     [&] { return receive_part(state, frame->part, frame->more); })) {
        Py_DECREF(made);
        return nullptr;
    }
    return made;
}

PYBIND11_NOINLINE PyObject* receive_as(Socket& socket, PyObject* const* arguments, Py_ssize_t count,
                                       PyObject* keywords)
{
    ReceiveArguments given;
    if (!given.read(recv_signature, arguments, count, keywords)) {
        return nullptr;
    }
    State& state = *socket.state;
    return given.copy ? receive_bytes(state, given.patience)
                      : receive_frame(state, given.patience, given.track);
}

PyObject* socket_recv(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    const DrainAfter drain;
    Socket* socket = socket_of(self);
    if (socket == nullptr) {
        return nullptr;
    }
    return count == 0 && keywords == nullptr ? receive_bytes(*socket->state, Patience())
                                             : receive_as(*socket, arguments, count, keywords);
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
        parts.emplace_back();
        Making making;
        if (!part_from(item.ptr(), making, parts.back())) {
            return nullptr;
        }
    }
    give_back(*socket->state, parts, more);
    Py_RETURN_NONE;
}

constexpr auto send_multipart_doc =
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
    There are no parts.)";

constexpr auto recv_multipart_doc =
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
    Nothing was there, and DONTWAIT was given or the time is up.)";

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
    fast_method<socket_send_multipart>("send_multipart", send_multipart_doc),
    fast_method<socket_recv_multipart>("recv_multipart", recv_multipart_doc),
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

// To see whether a class has its own.
PyObject* send_name = nullptr;
PyObject* recv_name = nullptr;

PyObject* call_method(PyObject* self, const char* name, PyObject* const* arguments,
                      Py_ssize_t count, PyObject* keywords)
{
    const py::object method = py::reinterpret_steal<py::object>(PyObject_GetAttrString(self, name));
    return method ? PyObject_Vectorcall(method.ptr(), arguments, static_cast<std::size_t>(count),
                                        keywords)
                  : nullptr;
}

// A class that has a send or recv of its own means it for each part of a message,
// also where its own send_multipart calls this one.
PyObject* send_multipart_or_parts(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                  PyObject* keywords)
{
    return is_native(of_type(self, send_name), methods[0])
               ? socket_send_multipart(self, arguments, count, keywords)
               : call_method(self, "_send_parts", arguments, count, keywords);
}

PyObject* recv_multipart_or_parts(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                  PyObject* keywords)
{
    return is_native(of_type(self, recv_name), methods[1])
               ? socket_recv_multipart(self, arguments, count, keywords)
               : call_method(self, "_receive_parts", arguments, count, keywords);
}

std::array<PyMethodDef, 2> multipart_methods{
    fast_method<send_multipart_or_parts>("send_multipart", send_multipart_doc),
    fast_method<recv_multipart_or_parts>("recv_multipart", recv_multipart_doc),
};

}  // namespace

void install_socket_io(py::handle type)
{
    install_methods(type, methods);
}

void install_multipart(py::handle type)
{
    install_methods(type, multipart_methods);
    send_name = PyUnicode_InternFromString("send");
    recv_name = PyUnicode_InternFromString("recv");
}

}  // namespace cppyzmq
