// The one place that sleeps: time-outs, signals, wake descriptors, term.
//
// libzmq's own blocking calls are not used, since nothing but a message can end
// them. Instead every blocking operation is tried without waiting, and on EAGAIN
// sleeps in poll(2) on the socket's descriptor and a wake descriptor, without the
// GIL and outside the socket, then tries again. So another thread may use or
// close the socket meanwhile, and Ctrl-C works.
#pragma once

#include "state.hpp"

#include <chrono>
#include <memory>

namespace cppyzmq {

// When a wait ends: `timeout` milliseconds from now, never where it is negative.
class Deadline {
public:
    explicit Deadline(long timeout_ms);
    Deadline(long timeout_ms, bool handles_signals);
    bool passed() const { return !endless_ && Clock::now() >= end_; }
    // Milliseconds that are left, rounded up so that nothing ends early; -1 for
    // ever.
    int remaining() const;
    // The same for one sleep. A signal that comes just before a sleep does not end
    // it: the thread that runs Python's handlers looks up now and then.
    int sleep() const;
    bool handles_signals() const { return handles_signals_; }

private:
    using Clock = std::chrono::steady_clock;
    bool endless_;
    bool handles_signals_;
    Clock::time_point end_;
};

enum class Waited {
    done,
    failed,  // see errno; EAGAIN when the time was up
    raised,  // a Python exception is set: a signal handler's
};

// A reference to something that can be called with no arguments and returns an
// int: less than 0 for failure, with errno.
class Attempt {
public:
    template <class Call>
    Attempt(Call& call)  // NOLINT(google-explicit-constructor)
        : call_([](void* with) { return (*static_cast<Call*>(with))(); }),
          with_(std::addressof(call))
    {
    }
    int operator()() const { return call_(with_); }

private:
    int (*call_)(void*);
    void* with_;
};

// Repeats `attempt` until it says something else than EAGAIN, or the time is up.
// To be called with the GIL, inside the socket, after an attempt said EAGAIN or
// EINTR (see errno); leaves the socket, and returns with the GIL. `events` are those that let
// the attempt succeed (POLLIN, POLLOUT).
Waited wait_until_done(State& state, Entered& entered, int events, long timeout_ms,
                       Attempt attempt);

// The same for C++ code, which runs no signal handlers: without the GIL, and outside
// the socket. `failed` with EINTR after a signal.
Waited wait_in_cpp(State& state, int events, long timeout_ms, Attempt attempt);

// Sleeps without the GIL until `wake` is woken. Its signal handlers run.
Waited wait_until_woken(Wake& wake, const Deadline& deadline);

// poll(2). False when the caller has to look for signals: one came, or may have.
// `blind`: one of the sockets has no descriptor, and is to be looked at now and then.
bool sleep_on(pollfd* items, std::size_t count, const Deadline& deadline, bool blind = false);

// One zmq_ctx_term, without the GIL. `failed` with EINTR after a signal: to be
// called again, unless a handler terminated the context itself.
Waited wait_until_terminated(void* context);

}  // namespace cppyzmq
