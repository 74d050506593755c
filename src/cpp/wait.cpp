// The wait loop. Other threads' Python runs meanwhile; ours only in signal
// handlers, and then outside the socket.
#include "wait.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

namespace cppyzmq {

namespace {

// A thread-safe socket has no descriptor to sleep on: look again this often.
constexpr int no_descriptor_interval_ms = 10;

int timeout_for(const State& state, const Deadline& deadline)
{
    const int remaining = deadline.remaining();
    if (state.fd() >= 0) {
        return remaining;
    }
    return remaining < 0 ? no_descriptor_interval_ms
                         : std::min(remaining, no_descriptor_interval_ms);
}

}  // namespace

int Deadline::remaining() const
{
    if (endless_) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, INT_MAX));
}

bool sleep_on(pollfd* items, std::size_t count, const Deadline& deadline)
{
    return poll(items, static_cast<nfds_t>(count), deadline.remaining()) >= 0 || errno != EINTR;
}

// The GIL is given up and taken back by hand: at interpreter exit a daemon thread
// is unwound inside PyEval_RestoreThread, and no destructor here may ask for the
// GIL again. By then the waiter is unlinked.
Waited wait_until_done(State& state, Entered& entered, int events, long timeout_ms,
                       Attempt attempt)
{
    const Deadline deadline(timeout_ms);
    const WakeLease wake;
    Waiter waiter{&*wake, events, nullptr};
    state.link(waiter);
    entered.taken_over();
    state.leave(&waiter);
    PyThreadState* thread = PyEval_SaveThread();
    bool sleep = true;
    for (;;) {
        bool interrupted = false;
        if (sleep) {
            pollfd items[] = {{state.fd(), POLLIN, 0}, {wake->descriptor(), POLLIN, 0}};
            interrupted = poll(items, 2, timeout_for(state, deadline)) < 0;
            if (!interrupted && items[1].revents != 0) {
                wake->drain();
            }
            if (!state.enter(Gil::released)) {
                state.await_closed();
                PyEval_RestoreThread(thread);
                errno = ENOTSOCK;
                return Waited::failed;
            }
        }
        if (!interrupted) {
            // A DONTWAIT send may skip the commands that would let it succeed, and
            // the descriptor then stays readable: EVENTS processes them.
            const bool processed = (events & ZMQ_POLLOUT) == 0 || state.events() >= 0;
            const int result = processed ? attempt() : -1;
            const int error = errno;
            interrupted = result < 0 && error == EINTR;
            if (result >= 0 || (!interrupted && (error != EAGAIN || deadline.passed()))) {
                state.unlink(waiter);
                state.leave();
                PyEval_RestoreThread(thread);
                errno = error;
                return result >= 0 ? Waited::done : Waited::failed;
            }
        }
        if (!interrupted) {
            state.leave(&waiter);
            sleep = true;
            continue;
        }
        state.unlink(waiter);
        state.leave();
        PyEval_RestoreThread(thread);
        if (PyErr_CheckSignals() != 0) {
            return Waited::raised;
        }
        if (!state.enter()) {  // a handler closed it
            return Waited::failed;
        }
        state.link(waiter);
        thread = PyEval_SaveThread();
        sleep = false;
    }
}

Waited wait_until_woken(Wake& wake, const Deadline& deadline)
{
    for (;;) {
        pollfd item{wake.descriptor(), POLLIN, 0};
        PyThreadState* thread = PyEval_SaveThread();
        const bool uninterrupted = sleep_on(&item, 1, deadline);
        if (item.revents != 0) {
            wake.drain();
        }
        PyEval_RestoreThread(thread);
        if (item.revents != 0) {
            return Waited::done;
        }
        if (!uninterrupted && PyErr_CheckSignals() != 0) {
            return Waited::raised;
        }
        if (deadline.passed()) {
            errno = EAGAIN;
            return Waited::failed;
        }
    }
}

Waited wait_until_terminated(void* context)
{
    PyThreadState* thread = PyEval_SaveThread();
    const int result = zmq_ctx_term(context);
    const int error = errno;
    PyEval_RestoreThread(thread);
    if (result == 0) {
        return Waited::done;
    }
    if (error == EINTR && PyErr_CheckSignals() != 0) {
        return Waited::raised;
    }
    errno = error;
    return Waited::failed;
}

}  // namespace cppyzmq
