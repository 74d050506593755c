// zmq_poll over sockets and file descriptors.
//
// EVENTS is read first: a socket that is ready costs one system call. Only when
// nothing is ready do we sleep, as a waiter of every socket, in poll(2) on their
// descriptors, the plain ones and a wake descriptor.
#include "poll.hpp"

#include "errors.hpp"
#include "socket.hpp"
#include "wait.hpp"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

namespace cppyzmq {

namespace {

// One thing to look at: a socket, or a plain descriptor where state is null.
struct Item {
    PyObject* object;  // what is reported; borrowed from the caller's list
    std::shared_ptr<State> state;
    Descriptor descriptor = no_descriptor;
    int events = 0;
    int ready = 0;
    Waiter waiter;
    bool linked = false;
};

}  // namespace

short to_system(int events)
{
    int system = 0;
    system |= (events & ZMQ_POLLIN) != 0 ? poll_in : 0;
    system |= (events & ZMQ_POLLOUT) != 0 ? poll_out : 0;
    system |= (events & ZMQ_POLLPRI) != 0 ? poll_priority : 0;
    return static_cast<short>(system);
}

int from_system(short system)
{
    int events = 0;
    events |= (system & poll_in) != 0 ? ZMQ_POLLIN : 0;
    events |= (system & poll_out) != 0 ? ZMQ_POLLOUT : 0;
    events |= (system & poll_priority) != 0 ? ZMQ_POLLPRI : 0;
    events |= (system & ~(poll_in | poll_out | poll_priority)) != 0 ? ZMQ_POLLERR : 0;
    return events;
}

bool report(PyObject* list, PyObject* socket, Descriptor descriptor, int ready)
{
    const py::object first = socket != nullptr
                                 ? py::reinterpret_borrow<py::object>(socket)
                                 : py::reinterpret_steal<py::object>(descriptor_object(descriptor));
    const py::object second = py::reinterpret_steal<py::object>(PyLong_FromLong(ready));
    const py::object pair = py::reinterpret_steal<py::object>(
        first && second ? PyTuple_Pack(2, first.ptr(), second.ptr()) : nullptr);
    return pair && PyList_Append(list, pair.ptr()) == 0;
}

Descriptor descriptor_of(PyObject* object)
{
    const py::object number =
        PyLong_Check(object)
            ? py::reinterpret_borrow<py::object>(object)
            : py::reinterpret_steal<py::object>(PyObject_CallMethod(object, "fileno", nullptr));
    if (!number || !PyLong_Check(number.ptr())) {
        if (number || PyErr_ExceptionMatches(PyExc_AttributeError) != 0) {
            PyErr_Clear();
            PyErr_Format(PyExc_TypeError,
                         "can poll a zmq.Socket, a file descriptor or an object with a "
                         "fileno() method, got: %R",
                         object);
        }
        return no_descriptor;
    }
    // A Python socket that was closed says -1, which is never ready.
    int descriptor = -1;
    return read_int(number.ptr(), descriptor) ? static_cast<Descriptor>(descriptor) : no_descriptor;
}

namespace {

// A round of polling over a fixed set of items.
class Round {
public:
    void reserve(std::size_t count) { items_.reserve(count); }
    // `object` must be kept alive by the caller. False with a Python exception.
    bool add(PyObject* object, int events);
    // False with a Python exception.
    bool wait(long timeout_ms);
    // [(object, events), ...] of what is ready, in order.
    PyObject* result() const;

private:
    enum class Look { ready, nothing, failed };

    // Reads EVENTS of every socket. With a wake, becomes a waiter of each that has
    // nothing, in the same turn: no event can slip between.
    Look look(Wake* wake, Gil gil);
    bool sleep(Wake& wake, const Deadline& deadline);
    void look_at_descriptors();
    void unlink_all(Gil gil);
    bool raise_failure() const;

    std::vector<Item> items_;
    std::vector<pollfd> system_;
    bool has_descriptors_ = false;
    const State* refused_ = nullptr;
};

bool Round::add(PyObject* object, int events)
{
    Item item{object, nullptr, no_descriptor, events, 0, {}, false};
    if (is_socket(object)) {
        Socket* socket = socket_of(object);
        if (socket == nullptr) {
            return false;
        }
        item.state = socket->state;
    } else {
        item.descriptor = descriptor_of(object);
        if (item.descriptor == no_descriptor && PyErr_Occurred() != nullptr) {
            return false;
        }
        has_descriptors_ = true;
    }
    items_.push_back(std::move(item));
    return true;
}

Round::Look Round::look(Wake* wake, Gil gil)
{
    bool any = false;
    for (Item& item : items_) {
        if (item.state == nullptr) {
            continue;
        }
        const Entered entered(*item.state, gil);
        if (!entered) {
            refused_ = item.state.get();
            return Look::failed;
        }
        int events = item.state->events();
        while (events < 0 && errno == EINTR) {
            events = item.state->events();
        }
        if (events < 0) {
            return Look::failed;
        }
        item.ready = events & item.events;
        any = any || item.ready != 0;
        if (wake != nullptr && !item.linked && !any) {
            item.waiter = {wake, item.events, nullptr};
            item.state->link(item.waiter);
            item.linked = true;
        }
    }
    return any ? Look::ready : Look::nothing;
}

void Round::unlink_all(Gil gil)
{
    for (Item& item : items_) {
        if (!item.linked) {
            continue;
        }
        item.linked = false;
        const Entered entered(*item.state, gil);
        if (entered) {
            item.state->unlink(item.waiter);
        } else if (item.state->of_this_process()) {
            item.state->await_closed();
        }
    }
}

// Without waiting; the sockets' descriptors need not be asked, EVENTS says all.
void Round::look_at_descriptors()
{
    if (!has_descriptors_) {
        return;
    }
    system_.clear();
    for (const Item& item : items_) {
        system_.push_back(
            {item.state == nullptr ? item.descriptor : no_descriptor, to_system(item.events), 0});
    }
    if (poll_descriptors(system_.data(), system_.size(), 0) <= 0) {
        return;
    }
    for (std::size_t index = 0; index < items_.size(); ++index) {
        if (items_[index].state == nullptr) {
            items_[index].ready = from_system(system_[index].revents);
        }
    }
}

// False when a signal came.
bool Round::sleep(Wake& wake, const Deadline& deadline)
{
    system_.clear();
    bool blind = false;
    for (const Item& item : items_) {
        if (item.state != nullptr) {
            system_.push_back({item.state->fd(), poll_in, 0});
            blind = blind || item.state->blind();
        } else {
            system_.push_back({item.descriptor, to_system(item.events), 0});
        }
    }
    system_.push_back({wake.descriptor(), poll_in, 0});
    const bool uninterrupted = sleep_on(system_.data(), system_.size(), deadline, blind);
    if (system_.back().revents != 0) {
        wake.drain();
    }
    return uninterrupted;
}

bool Round::raise_failure() const
{
    if (refused_ != nullptr) {
        raise_refused(*refused_);
    } else {
        raise_last_error();
    }
    return false;
}

bool Round::wait(long timeout_ms)
{
    const auto ready = [&](Look seen) {
        look_at_descriptors();
        if (seen == Look::ready) {
            return true;
        }
        for (const Item& item : items_) {
            if (item.ready != 0) {
                return true;
            }
        }
        return false;
    };
    Look seen = look(nullptr, Gil::held);
    if (seen == Look::failed) {
        return raise_failure();
    }
    if (ready(seen) || timeout_ms == 0) {
        return true;
    }
    const Deadline deadline(timeout_ms);
    const WakeLease wake;
    for (;;) {
        if (PyErr_CheckSignals() != 0) {
            return false;
        }
        // As in wait.cpp: the GIL by hand, nothing linked when it is taken back.
        PyThreadState* thread = PyEval_SaveThread();
        bool interrupted = false;
        bool over = false;
        seen = look(&*wake, Gil::released);
        while (seen == Look::nothing && !over) {
            interrupted = !sleep(*wake, deadline);
            if (interrupted) {
                break;
            }
            seen = look(&*wake, Gil::released);
            over = (seen != Look::failed && ready(seen)) || deadline.passed();
        }
        const int error = errno;
        unlink_all(Gil::released);
        PyEval_RestoreThread(thread);
        errno = error;
        if (seen == Look::failed) {
            return raise_failure();
        }
        if (!interrupted) {
            ready(seen);
            return true;
        }
    }
}

PyObject* Round::result() const
{
    PyObject* list = PyList_New(0);
    for (const Item& item : items_) {
        if (list == nullptr || item.ready == 0) {
            continue;
        }
        if (!report(list, item.state != nullptr ? item.object : nullptr, item.descriptor,
                    item.ready)) {
            Py_CLEAR(list);
        }
    }
    return list;
}

}  // namespace

PyObject* poll_pairs(PyObject* pairs, long timeout_ms)
{
    // A tuple of our own: others may change the list while we sleep.
    const py::object kept = py::reinterpret_steal<py::object>(PySequence_Tuple(pairs));
    if (!kept) {
        return nullptr;
    }
    Round round;
    const Py_ssize_t count = PyTuple_GET_SIZE(kept.ptr());
    if (count == 0) {
        return PyList_New(0);  // nothing can come: as in pyzmq, that is not waited for
    }
    round.reserve(static_cast<std::size_t>(count));
    std::vector<py::object> unpacked;
    for (Py_ssize_t index = 0; index < count; ++index) {
        PyObject* pair = PyTuple_GET_ITEM(kept.ptr(), index);
        if (!PyTuple_Check(pair)) {
            unpacked.push_back(py::reinterpret_steal<py::object>(PySequence_Tuple(pair)));
            pair = unpacked.back().ptr();
            if (pair == nullptr) {
                return nullptr;
            }
        }
        if (PyTuple_GET_SIZE(pair) != 2) {
            PyErr_Format(PyExc_ValueError, "expected (socket, events), got: %R", pair);
            return nullptr;
        }
        int events = 0;
        if (!read_int(PyTuple_GET_ITEM(pair, 1), events) ||
            !round.add(PyTuple_GET_ITEM(pair, 0), events)) {
            return nullptr;
        }
    }
    return round.wait(timeout_ms) ? round.result() : nullptr;
}

namespace {

py::object zmq_poll_function(const py::object& sockets, const py::object& timeout)
{
    long timeout_ms = -1;
    if (timeout.is_none()) {
        throw py::type_error("zmq_poll: timeout is a number of milliseconds, got None");
    }
    if (!read_timeout(timeout.ptr(), timeout_ms)) {
        throw py::error_already_set();
    }
    PyObject* result = poll_pairs(sockets.ptr(), timeout_ms);
    if (result == nullptr) {
        throw py::error_already_set();
    }
    return py::reinterpret_steal<py::object>(result);
}

}  // namespace

void register_poll(py::module_& module)
{
    module.def("zmq_poll", &zmq_poll_function, py::arg("sockets"), py::arg("timeout") = -1,
               R"doc(zmq_poll(sockets, timeout=-1)
--

Wait until one of several sockets or files is ready (zmq_poll(3)).

Parameters
----------
sockets
    [(socket, events), ...]: a Socket, a file descriptor or an object with
    fileno(), and the events to wait for.
timeout
    Milliseconds to wait at most; for ever where it is negative.

Returns
-------
list of (socket, int)
    Those that are ready with their events; a file by its descriptor.)doc");
}

}  // namespace cppyzmq
