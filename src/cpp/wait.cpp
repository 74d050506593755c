// The wait loop. Other threads' Python runs meanwhile; ours only in signal
// handlers, and then outside the socket.
#include "wait.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>

namespace cppyzmq {

namespace {

// A thread-safe socket may have no descriptor to sleep on: look again this often.
constexpr int blind_interval_ms = 10;

constexpr int look_for_signals_every_ms = 100;

// The longest sleep that poll(2) knows.
constexpr long longest_ms = INT_MAX;

int earlier(int one_ms, int other_ms)
{
    return one_ms < 0 ? other_ms : std::min(one_ms, other_ms);
}

}  // namespace

Deadline::Deadline(long timeout_ms) : Deadline(timeout_ms, is_main_thread()) {}

Deadline::Deadline(long timeout_ms, bool handles_signals)
    : endless_(timeout_ms < 0), handles_signals_(handles_signals), end_(Clock::now())
{
    if (!endless_) {
        end_ += std::chrono::milliseconds(std::min(timeout_ms, longest_ms));
    }
}

int Deadline::remaining() const
{
    if (endless_) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, longest_ms));
}

int Deadline::sleep() const
{
    return handles_signals_ ? earlier(remaining(), look_for_signals_every_ms) : remaining();
}

bool sleep_on(pollfd* items, std::size_t count, const Deadline& deadline, bool blind)
{
    const int longest = blind ? earlier(deadline.sleep(), blind_interval_ms) : deadline.sleep();
    const int ready = poll_descriptors(items, count, longest);
    if (ready < 0) {
        return errno != EINTR;
    }
    return ready > 0 || deadline.passed() || !deadline.handles_signals();
}

namespace {

// The part of a wait without the GIL: until the attempt has an answer, the time is
// up, or it has to be looked for signals (`raised`, though nothing is yet). `tried`:
// inside the socket already, where the attempt has just said EAGAIN; it is left.
Waited wait_without_gil(State& state, Wake& wake, int events, const Deadline& deadline,
                        Attempt attempt, Entered* tried)
{
    Waiter waiter{&wake, events, nullptr};
    bool linked = false;
    for (;;) {
        if (tried != nullptr) {
            state.link(waiter);
            linked = true;
            tried->leave(&waiter);
            tried = nullptr;
        } else {
            const Entered inside(state, Gil::released, &waiter);
            if (!inside) {
                if (linked) {
                    state.await_closed();
                }
                errno = ENOTSOCK;
                return Waited::failed;
            }
            // A DONTWAIT send may skip the commands that would let it succeed, and the
            // descriptor then stays readable: EVENTS processes them.
            const bool processed = (events & ZMQ_POLLOUT) == 0 || state.events() >= 0;
            const int result = processed ? attempt() : -1;
            const bool again = result < 0 && errno == EAGAIN && !deadline.passed();
            if (!again) {
                if (linked) {
                    state.unlink(waiter);
                }
                if (result >= 0) {
                    return Waited::done;
                }
                return errno == EINTR ? Waited::raised : Waited::failed;
            }
            if (!linked) {
                state.link(waiter);
                linked = true;
            }
        }
        pollfd items[] = {{state.fd(), poll_in, 0}, {wake.descriptor(), poll_in, 0}};
        const bool inproc = state.inproc.load(std::memory_order_relaxed);
        inproc_sleepers.fetch_add(inproc ? 1 : 0);
        const bool slept = sleep_on(items, 2, deadline, state.blind());
        inproc_sleepers.fetch_sub(inproc ? 1 : 0);
        if (!slept) {
            const Entered back(state, Gil::released, &waiter);
            if (back) {
                state.unlink(waiter);
            } else {
                state.await_closed();
            }
            return Waited::raised;
        }
        if (items[1].revents != 0) {
            wake.drain();
        }
    }
}

}  // namespace

// The GIL is given up and taken back by hand: at interpreter exit a daemon thread
// is unwound inside PyEval_RestoreThread, and no destructor here may ask for the
// GIL again. By then the waiter is unlinked.
Waited wait_until_done(State& state, Entered& entered, int events, long timeout_ms, Attempt attempt)
{
    // A receive that found nothing has processed all commands; a send may not have.
    Entered* tried = errno == EAGAIN && (events & ZMQ_POLLOUT) == 0 ? &entered : nullptr;
    const Deadline deadline(timeout_ms);
    const WakeLease wake;
    if (tried == nullptr) {
        entered.leave();
    }
    for (;;) {
        // Not from inside the socket, which a handler may use.
        if (tried == nullptr && PyErr_CheckSignals() != 0) {
            return Waited::raised;
        }
        PyThreadState* thread = PyEval_SaveThread();
        const Waited outcome = wait_without_gil(state, *wake, events, deadline, attempt, tried);
        const int error = errno;
        PyEval_RestoreThread(thread);
        errno = error;
        if (outcome != Waited::raised) {
            return outcome;
        }
        tried = nullptr;
    }
}

Waited wait_in_cpp(State& state, int events, long timeout_ms, Attempt attempt)
{
    const WakeLease wake;
    const Waited outcome =
        wait_without_gil(state, *wake, events, Deadline(timeout_ms, false), attempt, nullptr);
    if (outcome != Waited::raised) {
        return outcome;
    }
    errno = EINTR;
    return Waited::failed;
}

Waited wait_until_woken(Wake& wake, const Deadline& deadline)
{
    for (;;) {
        if (PyErr_CheckSignals() != 0) {
            return Waited::raised;
        }
        pollfd item{wake.descriptor(), poll_in, 0};
        PyThreadState* thread = PyEval_SaveThread();
        sleep_on(&item, 1, deadline);
        if (item.revents != 0) {
            wake.drain();
        }
        PyEval_RestoreThread(thread);
        if (item.revents != 0) {
            return Waited::done;
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
