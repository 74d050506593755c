// Whether libzmq still uses memory it was lent, and MessageTracker.
#pragma once

#include "core.hpp"
#include "wait.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

namespace cppyzmq {

// Counts the buffers of one message that libzmq has not given back yet.
class Tracker {
public:
    void add() { pending_.fetch_add(1, std::memory_order_relaxed); }
    // One buffer less; from any thread, without the GIL.
    void finish();
    bool finished() const { return pending_.load(std::memory_order_acquire) == 0; }
    // With the GIL: sleeps until all are back. `failed` when the time is up.
    Waited wait(const Deadline& deadline);

private:
    std::atomic<int> pending_{0};
    std::mutex mutex_;
    std::vector<Wake*> waiting_;
};

using SharedTracker = std::shared_ptr<Tracker>;

// The zmq.MessageTracker of a message, and the one of all that were copied: done
// from the start. New references; null with a Python exception.
PyObject* new_message_tracker(SharedTracker tracker);
PyObject* finished_message_tracker();

// The Event-like view of a MessageTracker made for one message, else None.
py::object tracker_event(py::handle message_tracker);

}  // namespace cppyzmq
