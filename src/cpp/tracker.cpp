// MessageTracker(*towatch): done, wait.
#include "tracker.hpp"

#include "errors.hpp"
#include "instance.hpp"
#include "release_queue.hpp"

#include <algorithm>
#include <string>

namespace cppyzmq {

void Tracker::finish()
{
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) != 1) {
        return;
    }
    const std::lock_guard<std::mutex> guard(mutex_);
    for (Wake* wake : waiting_) {
        wake->wake();
    }
}

Waited Tracker::wait(const Deadline& deadline)
{
    if (finished()) {
        return Waited::done;
    }
    const WakeLease wake;
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        waiting_.push_back(&*wake);
    }
    Waited outcome = Waited::done;
    while (!finished() && outcome == Waited::done) {
        outcome = wait_until_woken(*wake, deadline);
    }
    const std::lock_guard<std::mutex> guard(mutex_);
    waiting_.erase(std::find(waiting_.begin(), waiting_.end(), &*wake));
    return outcome;
}

namespace {

// Looks like threading.Event to those who ask a Frame for its tracker_event.
struct TrackerEvent {
    SharedTracker tracker;
};

// What one MessageTracker watches: our own messages, and whatever has is_set()
// and wait(), such as threading.Event.
struct MessageTracker {
    std::vector<SharedTracker> trackers;
    std::vector<py::object> events;
    std::vector<py::object> peers;
};

PyObject* finished_tracker = nullptr;

bool finished(const SharedTracker& tracker)
{
    // Owners first: who is told "done" may count on their release.
    const bool done = tracker->finished();
    drain_released();
    return done;
}

bool done(const MessageTracker& self)
{
    return std::all_of(self.trackers.begin(), self.trackers.end(), finished) &&
           std::all_of(
               self.events.begin(), self.events.end(),
               [](const py::object& event) { return event.attr("is_set")().cast<bool>(); }) &&
           std::all_of(self.peers.begin(), self.peers.end(),
                       [](const py::object& peer) { return peer.attr("done").cast<bool>(); });
}

long milliseconds(const py::object& timeout)
{
    if (timeout.is_none()) {
        return -1;
    }
    const double seconds = PyFloat_AsDouble(timeout.ptr());
    if (seconds == -1.0 && PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        throw py::type_error("a timeout is a number of seconds or None, got: " +
                             py::repr(timeout).cast<std::string>());
    }
    constexpr double longest = 1e9;
    return seconds < 0 ? -1 : static_cast<long>(std::min(seconds * 1000, longest) + 0.999);
}

// Where `outcome` is not done: false on time-out, else throws what is set.
bool completed(Waited outcome)
{
    if (outcome == Waited::raised) {
        throw py::error_already_set();
    }
    return outcome == Waited::done;
}

void raise_if(bool late)
{
    if (late) {
        raise_not_done();
        throw py::error_already_set();
    }
}

void wait(const MessageTracker& self, const py::object& timeout)
{
    const long timeout_ms = milliseconds(timeout);
    const Deadline deadline(timeout_ms);
    for (const SharedTracker& tracker : self.trackers) {
        raise_if(!completed(tracker->wait(deadline)));
    }
    drain_released();
    const auto remaining = [&]() -> py::object {
        if (timeout_ms < 0) {
            return py::none();
        }
        return py::float_(deadline.remaining() / 1000.0);
    };
    for (const py::object& event : self.events) {
        raise_if(!event.attr("wait")(remaining()).cast<bool>());
    }
    for (const py::object& peer : self.peers) {
        peer.attr("wait")(timeout_ms < 0 ? py::object(py::int_(-1)) : remaining());
    }
}

void initialise(MessageTracker& made, const py::args& towatch, const py::kwargs& keywords)
{
    if (!keywords.empty()) {
        throw py::type_error("MessageTracker() takes no keyword arguments");
    }
    for (const py::handle item : towatch) {
        if (py::isinstance<MessageTracker>(item)) {
            made.peers.push_back(py::reinterpret_borrow<py::object>(item));
        } else if (py::isinstance<TrackerEvent>(item)) {
            made.trackers.push_back(item.cast<TrackerEvent&>().tracker);
        } else if (py::hasattr(item, "tracker")) {  // a Frame
            py::object tracker = item.attr("tracker");
            if (!py::isinstance<MessageTracker>(tracker)) {
                throw py::value_error("Not a tracked message");
            }
            made.peers.push_back(std::move(tracker));
        } else if (py::hasattr(item, "is_set") && py::hasattr(item, "wait")) {
            made.events.push_back(py::reinterpret_borrow<py::object>(item));
        } else {
            throw py::type_error("Require Events or Message Frames, not " +
                                 py::str(py::type::of(item)).cast<std::string>());
        }
    }
}

py::set events(const MessageTracker& self)
{
    py::set all;
    for (const SharedTracker& tracker : self.trackers) {
        all.add(py::cast(TrackerEvent{tracker}));
    }
    for (const py::object& event : self.events) {
        all.add(event);
    }
    return all;
}

py::set peers(const MessageTracker& self)
{
    py::set all;
    for (const py::object& peer : self.peers) {
        all.add(peer);
    }
    return all;
}

bool wait_for_event(const TrackerEvent& self, const py::object& timeout)
{
    const bool done = completed(self.tracker->wait(Deadline(milliseconds(timeout))));
    drain_released();
    return done;
}

}  // namespace

PyObject* new_message_tracker(SharedTracker tracker)
{
    try {
        MessageTracker made;
        made.trackers.push_back(std::move(tracker));
        return py::cast(std::move(made)).release().ptr();
    } catch (...) {
        raise_current_exception();
        return nullptr;
    }
}

PyObject* finished_message_tracker()
{
    Py_INCREF(finished_tracker);
    return finished_tracker;
}

py::object tracker_event(py::handle message_tracker)
{
    const auto& self = message_tracker.cast<MessageTracker&>();
    return self.trackers.size() == 1 ? py::cast(TrackerEvent{self.trackers.front()}) : py::none();
}

void register_tracker(py::module_& module)
{
    py::class_<TrackerEvent>(module, "TrackerEvent", R"doc(
Whether libzmq is done with one message, in the manner of threading.Event.)doc")
        .def(
            "is_set", [](const TrackerEvent& self) { return finished(self.tracker); },
            R"doc(is_set($record, self)
--

Whether libzmq is done with the message.)doc")
        .def("wait", &wait_for_event, py::arg("timeout") = py::none(),
             R"doc(wait($record, self, timeout=None)
--

Wait until libzmq is done, or for `timeout` seconds; False when the time is up.)doc")
        .def("__eq__",
             [](const TrackerEvent& self, const py::object& other) {
                 return py::isinstance<TrackerEvent>(other) &&
                        other.cast<TrackerEvent&>().tracker == self.tracker;
             })
        .def("__hash__",
             [](const TrackerEvent& self) { return std::hash<SharedTracker>{}(self.tracker); });
    py::class_<MessageTracker>(module, "MessageTracker", py::dynamic_attr(), plain_metaclass(),
                               py::custom_type_setup(set_up_instance<MessageTracker, initialise>),
                               R"doc(
Tells when libzmq is done with messages that were sent without a copy.

Parameters
----------
*towatch
    Tracked Frames, MessageTrackers, or objects like threading.Event.

Raises
------
ValueError
    A Frame is not tracked.
TypeError
    Something is none of these.)doc")
        .def_property_readonly("done", &done, "Whether libzmq is done with all of it.")
        .def("wait", &wait, py::arg("timeout") = -1, R"doc(wait($record, self, timeout=-1)
--

Wait until libzmq is done with all of it.

Parameters
----------
timeout
    Seconds to wait at most; for ever where it is negative or None.

Raises
------
NotDone
    The time is up.)doc")
        .def_property_readonly("events", &events, "The events it watches, a set.")
        .def_property_readonly("peers", &peers, "The trackers it watches, a set.");
    module.attr("MessageTracker").attr("__module__") = "zmq.sugar.tracker";
    finished_tracker = module.attr("MessageTracker")().release().ptr();
    module.attr("_FINISHED_TRACKER") = py::reinterpret_borrow<py::object>(finished_tracker);
}

}  // namespace cppyzmq
