// The stack of released owners, and the ways to get it drained.
#include "release_queue.hpp"

#include "gil.hpp"
#include "process.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace cppyzmq {

std::atomic<Released*> released_owners{nullptr};

namespace {

struct ReleasedBuffer : Released {
    Py_buffer view;
    SharedTracker tracker;
};

// Callbacks come in I/O threads, also while the interpreter ends and after: they
// touch it only while the gate is open.
class ExitGate {
public:
    // Calls `action` unless the interpreter is ending.
    template <class Action>
    void pass(Action action)
    {
        inside_.fetch_add(1);
        if (open_.load()) {
            action();
        }
        inside_.fetch_sub(1);
    }
    void close()
    {
        open_.store(false);
        while (inside_.load() != 0) {
            std::this_thread::yield();
        }
    }

    // In a forked child the I/O threads that may have been inside are gone.
    void after_fork() { inside_.store(0); }

private:
    std::atomic<bool> open_{true};
    std::atomic<int> inside_{0};
};

ExitGate exit_gate;
std::atomic<bool> pending_call_queued{false};

// Drains what has lain for a while: pending calls run only when the main thread
// executes Python code.
class LateDrainer {
public:
    void start_once()
    {
        if (started_) {
            return;
        }
        started_ = true;
        const SignalsBlocked blocked;
        thread_ = std::thread([this] { run(); });
    }

    // From any thread, when something was pushed on an empty stack.
    void notice()
    {
        if (idle_.load()) {
            const std::lock_guard<std::mutex> guard(mutex_);
            idle_.store(false);
            condition_.notify_one();
        }
    }

    // With the GIL.
    void stop()
    {
        if (!started_) {
            return;
        }
        {
            const std::lock_guard<std::mutex> guard(mutex_);
            stopping_ = true;
            condition_.notify_one();
        }
        const ReleaseGil released;
        thread_.join();
    }

private:
    void run()
    {
        constexpr auto patience = std::chrono::milliseconds(100);
        std::unique_lock<std::mutex> lock(mutex_);
        while (!stopping_) {
            idle_.store(true);
            // Looked at after idle_ is set: whoever pushes before sees us awake,
            // whoever pushes after wakes us.
            condition_.wait(lock, [this] {
                return stopping_ || !idle_.load() || released_owners.load() != nullptr;
            });
            idle_.store(false);
            condition_.wait_for(lock, patience, [this] { return stopping_; });
            if (stopping_ || released_owners.load() == nullptr) {
                continue;
            }
            lock.unlock();
            const PyGILState_STATE gil = PyGILState_Ensure();
            drain_released();
            PyGILState_Release(gil);
            lock.lock();
        }
    }

    bool started_ = false;  // with the GIL, or in a free-threaded build under once
    std::thread thread_;
    std::mutex mutex_;
    std::condition_variable condition_;
    std::atomic<bool> idle_{false};
    bool stopping_ = false;
};

// Never destroyed; a forked child, where the thread is not, gets a new one.
std::atomic<LateDrainer*> late_drainer{nullptr};
std::mutex late_drainer_mutex;

void start_late_drainer()
{
    if (late_drainer.load(std::memory_order_acquire) != nullptr) {
        return;
    }
    const std::lock_guard<std::mutex> guard(late_drainer_mutex);
    if (late_drainer.load() == nullptr) {
        auto* drainer = new LateDrainer;
        drainer->start_once();
        late_drainer.store(drainer, std::memory_order_release);
    }
}

const int fork_handlers =
    at_fork([] { late_drainer_mutex.lock(); }, [] { late_drainer_mutex.unlock(); },
            [] {
                exit_gate.after_fork();
                late_drainer.store(nullptr);
                pending_call_queued.store(false);
                late_drainer_mutex.unlock();
            });

int drain_as_pending_call(void*)
{
    pending_call_queued.store(false);
    drain_released();
    return 0;
}

void push(Released* released)
{
    Released* first = released_owners.load(std::memory_order_relaxed);
    do {
        released->next = first;
    } while (!released_owners.compare_exchange_weak(first, released, std::memory_order_release,
                                                    std::memory_order_relaxed));
    if (first != nullptr || DrainAfter::draining_here()) {
        return;
    }
    exit_gate.pass([] {
        if (!pending_call_queued.exchange(true) &&
            Py_AddPendingCall(drain_as_pending_call, nullptr) != 0) {
            pending_call_queued.store(false);  // the interpreter's queue is full
        }
    });
    LateDrainer* drainer = late_drainer.load(std::memory_order_acquire);
    if (drainer != nullptr) {
        drainer->notice();
    }
}

// The two free functions given to libzmq; any thread.
void release_bytes(void*, void* hint)
{
    push(static_cast<Released*>(hint));
}

void release_buffer(void*, void* hint)
{
    auto* released = static_cast<ReleasedBuffer*>(hint);
    const SharedTracker tracker = std::move(released->tracker);
    push(released);
    if (tracker != nullptr) {
        tracker->finish();
    }
}

// From Python's atexit: no callback touches the interpreter from here on.
void close_exit_gate()
{
    LateDrainer* drainer = late_drainer.load();
    if (drainer != nullptr) {
        drainer->stop();
    }
    exit_gate.close();
    drain_released();
}

// Makes a reference one that every thread can give back. Without the GIL an object
// counts those of its first thread apart, and what others give back of them is taken
// into account only when that thread runs Python code again: it may be asleep.
void count_as_shared([[maybe_unused]] PyObject* object)
{
#ifdef Py_GIL_DISABLED
    _Py_atomic_add_ssize(&object->ob_ref_shared, Py_ssize_t{1} << _Py_REF_SHARED_SHIFT);
    Py_DECREF(object);
#endif
}

}  // namespace

bool borrow(PyObject* data, SharedTracker tracker, zmq::message_t& part)
{
    start_late_drainer();
    if (PyBytes_CheckExact(data) != 0 && tracker == nullptr) {
        Py_INCREF(data);
        count_as_shared(data);
        part.rebuild(PyBytes_AS_STRING(data), static_cast<std::size_t>(PyBytes_GET_SIZE(data)),
                     release_bytes, new Released{nullptr, data});
        return true;
    }
    auto released = std::make_unique<ReleasedBuffer>();
    released->owner = nullptr;
    if (PyObject_GetBuffer(data, &released->view, PyBUF_ANY_CONTIGUOUS) != 0) {
        return false;
    }
    if (released->view.obj != nullptr) {
        count_as_shared(released->view.obj);
    }
    if (tracker != nullptr) {
        tracker->add();
    }
    released->tracker = std::move(tracker);
    ReleasedBuffer* hint = released.release();
    part.rebuild(hint->view.buf, static_cast<std::size_t>(hint->view.len), release_buffer, hint);
    return true;
}

void drain_released()
{
    if (PyGILState_Check() == 0) {
        return;  // a daemon thread that is unwound at interpreter exit
    }
    Released* released = released_owners.exchange(nullptr, std::memory_order_acquire);
    if (released == nullptr) {
        return;
    }
    while (released != nullptr) {
        Released* next = released->next;
        if (released->owner != nullptr) {  // bytes: nothing of Python's runs
            Py_DECREF(released->owner);
            delete released;
        } else {
            const py::error_scope keep_exception;
            auto* buffer = static_cast<ReleasedBuffer*>(released);
            PyBuffer_Release(&buffer->view);
            delete buffer;
        }
        released = next;
    }
}

void register_release_queue(py::module_&)
{
    py::module_::import("atexit").attr("register")(py::cpp_function(&close_exit_gate));
}

}  // namespace cppyzmq
