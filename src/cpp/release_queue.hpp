// Python owners of memory that libzmq uses without a copy, handed back.
//
// libzmq is done with a buffer in an I/O thread, which must not need the GIL: it
// pushes the owner on a lock-free stack. Whoever holds the GIL next lets go of
// what lies there: each call that sends or receives, a MessageTracker that is
// asked, a pending call of the interpreter, or, where none of these comes, a
// thread of our own after a tenth of a second.
#pragma once

#include "core.hpp"
#include "tracker.hpp"

#include <atomic>

namespace cppyzmq {

struct Released {
    Released* next;
    PyObject* owner;  // null in a ReleasedBuffer
};

extern std::atomic<Released*> released_owners;

// Makes `part` a message over the memory of `data`, which stays exported until
// libzmq is done with it; `tracker` (or null) is told then. False with a Python
// exception where `data` is no contiguous buffer. `part` must be empty.
bool borrow(PyObject* data, SharedTracker tracker, zmq::message_t& part);

// Lets go of everything on the stack. With the GIL, outside every lock; any
// exception that is set stays set.
void drain_released();

// At the top of a function that may free messages: frees by this thread need no
// wake-up call, since the end of the scope drains. Declare it before any message.
class DrainAfter {
public:
    DrainAfter() { draining_here_ = true; }
    ~DrainAfter()
    {
        draining_here_ = false;
        if (released_owners.load(std::memory_order_relaxed) != nullptr) {
            drain_released();
        }
    }
    DrainAfter(const DrainAfter&) = delete;
    DrainAfter& operator=(const DrainAfter&) = delete;

    static bool draining_here() { return draining_here_; }

private:
#if defined(__GNUC__) && !defined(_WIN32)
    // The dynamic model costs a call for each look.
    __attribute__((tls_model("initial-exec")))
#endif
    static inline thread_local bool draining_here_ = false;
};

}  // namespace cppyzmq
