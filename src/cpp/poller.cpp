// Poller: what a program polls again and again.
//
// Asking every socket for its EVENTS costs a system call each. With more than one
// socket, and where there is epoll, a Poller therefore remembers what each
// answered, and asks again only where something can have changed: its descriptor
// is readable, a call was made on it, or it was ready before.
#include "constants.hpp"
#include "errors.hpp"
#include "instance.hpp"
#include "poll.hpp"
#include "socket.hpp"
#include "wait.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

// Without the GIL a set would need a lock of its own.
#if defined(__linux__) && !defined(Py_GIL_DISABLED)
#define CPPYZMQ_EPOLL 1
#include <sys/epoll.h>
#else
#define CPPYZMQ_EPOLL 0
#endif

namespace cppyzmq {

namespace {

#if CPPYZMQ_EPOLL

// The descriptors in the epoll are duplicates of our own: they can always be
// removed, whatever became of the socket. A forked child must never edit it, since
// it is the parent's too: there a new set is made.
class WatchedSet {
public:
    WatchedSet();
    ~WatchedSet();
    WatchedSet(const WatchedSet&) = delete;
    WatchedSet& operator=(const WatchedSet&) = delete;

    bool of_this_process() const { return generation_ == process_generation.load(); }
    std::size_t size() const { return entries_.size(); }

    int traverse(visitproc visit, void* arg) const
    {
        for (const auto& entry : entries_) {
            Py_VISIT(entry->object.ptr());
        }
        return 0;
    }

    // False with a Python exception.
    bool add(const py::object& object, int events);
    void modify(std::size_t place, int events) { entries_[place]->events = events; }
    void remove(std::size_t place);
    // What is ready, in the order of registration; null with an exception.
    PyObject* poll(long timeout_ms);

private:
    struct Entry {
        py::object object;
        std::shared_ptr<State> state;
        int descriptor = -1;  // of a file, or our duplicate of the socket's
        int events = 0;
        int known = 0;  // what the socket last answered, whatever was asked
        std::uint32_t operations = 0;
        bool look = true;
        bool linked = false;
        Waiter waiter;
        int ready() const { return known & events; }
    };

    enum class Look { ready, nothing, failed };

    void mark_readable();
    Look look(Wake* wake);
    bool look_at(Entry& entry, Wake* wake);
    bool look_at_files();
    void unlink_all();
    bool sleep(Wake& wake, const Deadline& deadline);
    PyObject* result() const;

    std::vector<std::unique_ptr<Entry>> entries_;
    std::size_t files_ = 0;
    int epoll_;
    const unsigned generation_;
    const State* refused_ = nullptr;
    std::vector<pollfd> system_;
};

WatchedSet::WatchedSet()
    : epoll_(epoll_create1(EPOLL_CLOEXEC)), generation_(process_generation.load())
{
    if (epoll_ < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot make an epoll");
    }
}

WatchedSet::~WatchedSet()
{
    for (const auto& entry : entries_) {
        if (entry->state != nullptr && entry->descriptor >= 0) {
            close_descriptor(entry->descriptor);
        }
    }
    close_descriptor(epoll_);
}

bool WatchedSet::add(const py::object& object, int events)
{
    auto entry = std::make_unique<Entry>();
    entry->object = object;
    entry->events = events;
    if (!is_socket(object.ptr())) {
        entry->descriptor = descriptor_of(object.ptr());
        if (entry->descriptor < 0 && PyErr_Occurred() != nullptr) {
            return false;
        }
        ++files_;
        entries_.push_back(std::move(entry));
        return true;
    }
    Socket* socket = socket_of(object.ptr());
    if (socket == nullptr) {
        return false;
    }
    entry->state = socket->state;
    // A closed socket has no descriptor to duplicate any more; poll() says so.
    if (!entry->state->closed() && entry->state->fd() >= 0) {
        entry->descriptor = duplicate(entry->state->fd());
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = entry.get();
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, entry->descriptor, &event) != 0) {
            PyErr_SetFromErrno(PyExc_OSError);
            return false;
        }
    }
    entries_.push_back(std::move(entry));
    return true;
}

void WatchedSet::remove(std::size_t place)
{
    const Entry& entry = *entries_[place];
    if (entry.state == nullptr) {
        --files_;
    } else if (entry.descriptor >= 0) {
        epoll_ctl(epoll_, EPOLL_CTL_DEL, entry.descriptor, nullptr);
        close_descriptor(entry.descriptor);
    }
    entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
}

// Which sockets have commands to process.
void WatchedSet::mark_readable()
{
    std::array<epoll_event, 64> events;
    // Level-triggered: what does not fit now is there at the next round, but then
    // nothing may be left out of this one either.
    const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 0);
    for (int index = 0; index < count; ++index) {
        static_cast<Entry*>(events[static_cast<std::size_t>(index)].data.ptr)->look = true;
    }
    if (count == static_cast<int>(events.size())) {
        for (const auto& entry : entries_) {
            entry->look = true;
        }
    }
}

bool WatchedSet::look_at(Entry& entry, Wake* wake)
{
    const Entered entered(*entry.state, Gil::released, &entry.waiter);
    if (!entered) {
        refused_ = entry.state.get();
        return false;
    }
    int events = entry.state->events();
    while (events < 0 && errno == EINTR) {
        events = entry.state->events();
    }
    if (events < 0) {
        return false;
    }
    entry.known = events;
    entry.look = false;
    entry.operations = entry.state->operations() + 1;  // with this call
    if (wake != nullptr && !entry.linked && entry.ready() == 0) {
        entry.waiter = {wake, entry.events, nullptr};
        entry.state->link(entry.waiter);
        entry.linked = true;
    }
    return true;
}

// With a wake, becomes a waiter of each socket in the turn in which it answered.
WatchedSet::Look WatchedSet::look(Wake* wake)
{
    mark_readable();
    bool any = false;
    for (const auto& place : entries_) {
        Entry& entry = *place;
        if (entry.state == nullptr) {
            continue;
        }
        if (entry.state->closed()) {
            refused_ = entry.state.get();
            return Look::failed;
        }
        const bool changed = entry.look || entry.ready() != 0 || entry.descriptor < 0 ||
                             entry.operations != entry.state->operations();
        if ((changed || (wake != nullptr && !entry.linked)) && !look_at(entry, wake)) {
            return Look::failed;
        }
        any = any || entry.ready() != 0;
    }
    return any ? Look::ready : Look::nothing;
}

bool WatchedSet::look_at_files()
{
    if (files_ == 0) {
        return false;
    }
    system_.clear();
    for (const auto& entry : entries_) {
        if (entry->state == nullptr) {
            system_.push_back({entry->descriptor, to_system(entry->events), 0});
        }
    }
    const bool any = poll_descriptors(system_.data(), system_.size(), 0) > 0;
    auto item = system_.begin();
    for (const auto& entry : entries_) {
        if (entry->state == nullptr) {
            // An error is reported whether it was asked for or not.
            entry->known = any ? from_system(item->revents) : 0;
            ++item;
        }
    }
    return any;
}

void WatchedSet::unlink_all()
{
    for (const auto& entry : entries_) {
        if (!entry->linked) {
            continue;
        }
        entry->linked = false;
        const Entered entered(*entry->state, Gil::released, &entry->waiter);
        if (entered) {
            entry->state->unlink(entry->waiter);
            entry->operations += entry->operations == entry->state->operations() ? 1U : 0U;
        } else if (entry->state->of_this_process()) {
            entry->state->await_closed();
        }
    }
}

// False when a signal came.
bool WatchedSet::sleep(Wake& wake, const Deadline& deadline)
{
    system_.clear();
    system_.push_back({epoll_, POLLIN, 0});
    system_.push_back({wake.descriptor(), POLLIN, 0});
    bool blind = false;
    for (const auto& entry : entries_) {
        if (entry->state == nullptr) {
            system_.push_back({entry->descriptor, to_system(entry->events), 0});
        } else {
            blind = blind || entry->descriptor < 0;
        }
    }
    const bool uninterrupted = sleep_on(system_.data(), system_.size(), deadline, blind);
    if (system_[1].revents != 0) {
        wake.drain();
    }
    return uninterrupted;
}

PyObject* WatchedSet::result() const
{
    PyObject* list = PyList_New(0);
    for (const auto& entry : entries_) {
        const int ready = entry->state != nullptr ? entry->ready() : entry->known;
        if (list != nullptr && ready != 0 &&
            !report(list, entry->state != nullptr ? entry->object.ptr() : nullptr,
                    entry->descriptor, ready)) {
            Py_CLEAR(list);
        }
    }
    return list;
}

PyObject* WatchedSet::poll(long timeout_ms)
{
    refused_ = nullptr;
    const auto failure = [&]() -> PyObject* {
        return refused_ != nullptr ? raise_refused(*refused_) : raise_last_error();
    };
    Look seen = look(nullptr);
    if (seen == Look::failed) {
        return failure();
    }
    if (look_at_files() || seen == Look::ready || timeout_ms == 0) {
        return result();
    }
    const Deadline deadline(timeout_ms);
    const WakeLease wake;
    for (;;) {
        if (PyErr_CheckSignals() != 0) {
            return nullptr;
        }
        // As in wait.cpp: the GIL by hand, nothing linked when it is taken back.
        PyThreadState* thread = PyEval_SaveThread();
        bool interrupted = false;
        bool over = false;
        seen = look(&*wake);
        while (seen == Look::nothing && !over && !interrupted) {
            interrupted = !sleep(*wake, deadline);
            if (!interrupted) {
                seen = look(&*wake);
                over = look_at_files() || deadline.passed();
            }
        }
        const int error = errno;
        unlink_all();
        PyEval_RestoreThread(thread);
        errno = error;
        if (seen == Look::failed) {
            return failure();
        }
        if (!interrupted) {
            return result();
        }
    }
}

#endif

// An ordered set of sockets and files, as Python sees it, and what makes polling
// many of them cheap.
struct Poller {
    py::list sockets;  // [(object, events), ...]
    py::dict places;   // object -> place in `sockets`
#if CPPYZMQ_EPOLL
    std::shared_ptr<WatchedSet> watched;  // the first of `sockets`; made when polled
    bool polled = false;                  // at least once

    // A set to change, or null where there is none: one that another thread is
    // polling, or that is the parent's, is left to itself.
    WatchedSet* editable()
    {
        if (watched != nullptr && (watched.use_count() > 1 || !watched->of_this_process())) {
            watched.reset();
        }
        return watched.get();
    }
#endif
};

// A poll that waits in an event loop refers to its Poller, and the sockets to it.
int poller_traverse(PyObject* object, visitproc visit, void* arg)
{
    if (const int stop = traverse_instance(object, poller_traverse, visit, arg)) {
        return stop;
    }
    const Poller* poller = object_of<Poller>(object);
    if (poller == nullptr) {  // while it is being made
        return 0;
    }
    Py_VISIT(poller->sockets.ptr());
    Py_VISIT(poller->places.ptr());
#if CPPYZMQ_EPOLL
    return poller->watched != nullptr ? poller->watched->traverse(visit, arg) : 0;
#else
    return 0;
#endif
}

void initialise(Poller&, const py::args& arguments, const py::kwargs& keywords)
{
    if (!arguments.empty() || !keywords.empty()) {
        throw py::type_error("Poller() takes no arguments");
    }
}

void unregister_socket(Poller& self, const py::object& socket)
{
    const py::object place = self.places[socket];
#if CPPYZMQ_EPOLL
    WatchedSet* watched = self.editable();
    if (watched != nullptr && place.cast<std::size_t>() < watched->size()) {
        watched->remove(place.cast<std::size_t>());
    }
#endif
    if (PyDict_DelItem(self.places.ptr(), socket.ptr()) != 0 ||
        PySequence_DelItem(self.sockets.ptr(), place.cast<Py_ssize_t>()) != 0) {
        throw py::error_already_set();
    }
    for (auto index = place.cast<std::size_t>(); index < self.sockets.size(); ++index) {
        self.places[self.sockets[index].cast<py::tuple>()[0]] = index;
    }
}

void set_up_type(PyHeapTypeObject* type)
{
    set_up_instance<Poller, initialise>(type);
    type->ht_type.tp_traverse = poller_traverse;
}

// The events as PollEvent where they are such.
py::object shown_events(const py::object& flags)
{
    int events = 0;
    if (!read_int(flags.ptr(), events)) {
        throw py::error_already_set();
    }
    return py::reinterpret_steal<py::object>(poll_event_member(events));
}

void register_socket_in(Poller& self, const py::object& socket, const py::object& flags)
{
    const py::object events = shown_events(flags);
    const bool known = self.places.contains(socket);
    if (events.equal(py::int_(0))) {
        if (known) {
            unregister_socket(self, socket);
        }
        return;
    }
    const py::tuple pair = py::make_tuple(socket, events);
    if (!known) {
        self.places[socket] = self.sockets.size();
        self.sockets.append(pair);
        return;
    }
    const auto place = self.places[socket].cast<std::size_t>();
    self.sockets[place] = pair;
#if CPPYZMQ_EPOLL
    WatchedSet* watched = self.editable();
    if (watched != nullptr && place < watched->size()) {
        watched->modify(place, events.cast<int>());
    }
#endif
}

#if CPPYZMQ_EPOLL

// Adds what was registered since the last poll. False with a Python exception.
bool complete(Poller& self)
{
    const auto count = static_cast<std::size_t>(PyList_GET_SIZE(self.sockets.ptr()));
    WatchedSet* watched = self.editable();
    if (watched == nullptr || watched->size() > count) {
        self.watched = std::make_shared<WatchedSet>();
        watched = self.watched.get();
    }
    while (watched->size() < count) {
        const py::tuple pair = self.sockets[watched->size()].cast<py::tuple>();
        if (!watched->add(pair[0], pair[1].cast<int>())) {
            return false;
        }
    }
    return true;
}

// More than two always, and two sockets from the second time on: the set needs
// descriptors, and many a Poller is made for one poll. With a file of the user's they
// would come between two polls, and one could get the number of a file that was closed.
bool is_worth_watching(Poller& self)
{
    constexpr Py_ssize_t few = 2;
    const Py_ssize_t count = PyList_GET_SIZE(self.sockets.ptr());
    const bool polled = std::exchange(self.polled, true);
    const auto is_socket_at = [&](Py_ssize_t place) {
        return is_socket(PyTuple_GET_ITEM(PyList_GET_ITEM(self.sockets.ptr(), place), 0));
    };
    return count > few || (count == few && polled && is_socket_at(0) && is_socket_at(1));
}

PyObject* poll_watched(Poller& self, long timeout_ms)
{
    if (!complete(self)) {
        self.watched.reset();
        return nullptr;
    }
    // Held while polling: who changes the Poller meanwhile sees that.
    const std::shared_ptr<WatchedSet> watched = self.watched;
    return watched->poll(timeout_ms);
}

#endif

const Signature<1> poll_signature("poll", {"timeout"}, 0);

PyObject* poller_poll(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                      PyObject* keywords)
{
    Poller* poller = object_of<Poller>(self);
    std::array<PyObject*, 1> given;
    long timeout_ms = -1;
    if (!poll_signature.read(arguments, count, keywords, given) ||
        !read_timeout(given[0], timeout_ms)) {
        return nullptr;
    }
#if CPPYZMQ_EPOLL
    const bool in_use = poller->watched != nullptr && poller->watched.use_count() > 1;
    if (is_worth_watching(*poller) && !in_use) {
        return poll_watched(*poller, timeout_ms);
    }
#endif
    return poll_pairs(poller->sockets.ptr(), timeout_ms);
}

std::array<PyMethodDef, 1> poller_methods{
    fast_method<poller_poll>("poll", R"(poll($self, timeout=None)
--

Wait until one of the sockets or files is ready.

Parameters
----------
timeout
    Milliseconds to wait at most; for ever where it is None or negative.

Returns
-------
list of (socket, int)
    Those that are ready with their events, in the order of registration; a
    file by its descriptor. Empty when the time was up.

Raises
------
ZMQError
    ENOTSOCK: one of the sockets is closed; ETERM: its context was terminated.)"),
};

}  // namespace

void register_poller(py::module_& module)
{
    py::class_<Poller> type(module, "Poller", py::dynamic_attr(), plain_metaclass(),
                            py::custom_type_setup(set_up_type), R"doc(
Waits for several sockets and files at once (zmq_poll(3)).)doc");
    const py::object both = module.attr("PollEvent")(ZMQ_POLLIN | ZMQ_POLLOUT);
    type.def("register", &register_socket_in, py::arg("socket"), py::arg("flags") = both,
             R"doc(register($record, self, socket, flags=3)
--

Add a socket or file, or change the events of one that is there.

Parameters
----------
socket
    A Socket, a file descriptor, or an object with fileno().
flags
    POLLIN, POLLOUT, POLLERR; 0 removes it.)doc")
        .def("modify", &register_socket_in, py::arg("socket"), py::arg("flags") = both,
             R"doc(modify($record, self, socket, flags=3)
--

Change the events of a socket or file, as register() does.)doc")
        .def("unregister", &unregister_socket, py::arg("socket"),
             R"doc(unregister($record, self, socket)
--

Remove a socket or file.

Parameters
----------
socket
    As given to register().

Raises
------
KeyError
    It is not registered.)doc")
        .def(
            "__contains__",
            [](const Poller& self, const py::object& socket) {
                return self.places.contains(socket);
            },
            py::arg("socket"))
        .def_readonly("sockets", &Poller::sockets, "[(socket, events), ...] as registered.")
        .def_readonly("_map", &Poller::places);
    install_methods(type, poller_methods);
}

}  // namespace cppyzmq
