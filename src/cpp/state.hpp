// What all wrappers of one libzmq socket share: its lock, who sleeps on it, and
// whether it is closed.
//
// libzmq allows one thread at a time in a socket. Wrappers come and go (shadows,
// asyncio over a synchronous socket), so the lock lives here, one per handle. It
// is held around libzmq calls that do not wait, and never while waiting, while
// asking for the GIL or while Python can run: threads take turns call by call.
//
// A socket's file descriptor (ZMQ_FD) is edge-triggered: any call may process the
// commands that made it readable, and whoever sleeps on it would sleep on.
// Therefore every sleeper is a Waiter here, and every call that leaves the socket
// wakes the others whose events are there.
#pragma once

#include "descriptor.hpp"
#include "process.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

namespace cppyzmq {

// A socket option that is an int. False with errno; then `value` is as it was.
inline bool get_int_option(void* socket, int option, int& value)
{
    std::size_t size = sizeof value;
    return zmq_getsockopt(socket, option, &value, &size) == 0;
}

// How many threads sleep on a socket that has an inproc endpoint.
extern std::atomic<int> inproc_sleepers;

// A descriptor that ends somebody's poll(2). Leased from a pool.
class Wake {
public:
    Wake();
    ~Wake();
    Wake(const Wake&) = delete;
    Wake& operator=(const Wake&) = delete;

    Descriptor descriptor() const { return ends_.read; }
    void wake();   // from any thread
    void drain();  // by the sleeper
    // Whether somebody woke it. Its descriptor may be readable without: drain() can
    // come between the two steps of wake().
    bool pending() const { return pending_.load(std::memory_order_relaxed); }

private:
    friend class WakeLease;
    const WakeEnds ends_;
    std::atomic<bool> pending_{false};
    Wake* next_ = nullptr;  // in the pool
};

class WakeLease {
public:
    WakeLease();
    ~WakeLease();
    WakeLease(const WakeLease&) = delete;
    WakeLease& operator=(const WakeLease&) = delete;

    Wake& operator*() const { return *wake_; }
    Wake* operator->() const { return wake_; }

private:
    Wake* wake_;
    unsigned generation_;
};

// One sleeper on a socket: linked under the State's lock before it lets go.
struct Waiter {
    Wake* wake = nullptr;
    int events = 0;
    Waiter* next = nullptr;
};

enum class Gil { held, released };

class State;

// The monitor of a socket, and the PAIR socket that listens to it. While the
// context lives, the listener may read the last events of a socket that is closed;
// it must not keep the context from ending.
class Monitor {
public:
    // `terminating`: whether the context of both is.
    Monitor(std::string endpoint, const std::shared_ptr<State>& watched,
            std::shared_ptr<const std::atomic<bool>> terminating);

    const std::string& endpoint() const { return endpoint_; }
    bool in_use() const { return !watched_.expired() || listener() != nullptr; }
    void set_listener(const std::shared_ptr<State>& listener);
    // Closes the listener where the context is terminating and the watched socket
    // closed. To be called after either has become so.
    void end(Gil gil);

private:
    std::shared_ptr<State> listener() const;

    const std::string endpoint_;
    const std::weak_ptr<State> watched_;
    const std::shared_ptr<const std::atomic<bool>> terminating_;
    mutable std::mutex mutex_;
    std::weak_ptr<State> listener_;
};

class State {
public:
    // For a socket that was made here: always a new State, since libzmq uses
    // addresses again.
    static std::shared_ptr<State> made(void* handle);
    // For a handle that somebody else made or wrapped: the State that lives, or
    // a new one.
    static std::shared_ptr<State> shadowed(void* handle);

    // `inherited` over fork: libzmq is not asked about it.
    explicit State(void* handle, bool inherited = false);
    ~State();
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void* handle() const { return handle_; }
    // no_descriptor where libzmq gives none.
    Descriptor fd() const { return fd_; }
    bool blind() const { return fd_ == no_descriptor; }

    // Takes the socket for one call. False once it is closed, with errno
    // ENOTSOCK, or when it belongs to the parent process.
    CPPYZMQ_ALWAYS_INLINE bool enter(Gil gil = Gil::held)
    {
        if (closing_.load(std::memory_order_relaxed) || !of_this_process()) {
            errno = ENOTSOCK;
            return false;
        }
        std::uintptr_t free = 0;
        if (word_.compare_exchange_strong(free, held_, std::memory_order_acquire)) {
            return true;
        }
        return enter_contended(gil);
    }

    // Wakes whoever can go on now, `self` apart, and lets the next one in. Keeps
    // errno.
    CPPYZMQ_ALWAYS_INLINE void leave(const Waiter* self = nullptr)
    {
        if (waiters_ != nullptr) {
            notify(self);
        }
        operations_.store(operations_.load(std::memory_order_relaxed) + 1,
                          std::memory_order_relaxed);
        word_.store(0, std::memory_order_release);
    }

    // Inside only.
    void link(Waiter& waiter);
    void unlink(Waiter& waiter);
    // EVENTS, or -1 with errno. Processes all commands, which a DONTWAIT send
    // does not always do.
    int events();
    // A thread-safe socket has no descriptor of its own; where libzmq can signal
    // to another one, that is fd(). It stays readable until it is quietened: to be
    // done before the last look at the socket. False where there was no need.
    bool signalled() const { return poller_ != nullptr; }
    bool quieten();

    // Closes the socket, once; false if somebody did already. Waits for nobody:
    // whoever sleeps on it is outside libzmq, and wakes to ENOTSOCK. `linger` in
    // milliseconds, null to leave LINGER alone.
    bool close(const int* linger, Gil gil = Gil::held);
    bool closed() const { return closing_.load(std::memory_order_acquire); }
    // Closes it because its context ends: calls on it say ETERM.
    void end_with_context(Gil gil);
    bool ended_with_context() const { return ended_with_context_; }
    // After enter() said closed: returns when close() no longer touches the list
    // of waiters.
    void await_closed() const;

    bool of_this_process() const
    {
        return generation_ == process_generation.load(std::memory_order_relaxed);
    }

    // Counts the calls made: a Poller need not ask again what has not moved.
    std::uint32_t operations() const { return operations_.load(std::memory_order_relaxed); }

    // Inside only: parts that were received but not delivered; they are the next
    // to be received, by whatever wrapper.
    struct Returned {
        zmq::message_t part;
        bool more;
        std::uint64_t order = 0;  // of a message that was Taken: when that was
    };
    std::deque<Returned> returned;
    // Inside only: how many messages were Taken (watch.cpp).
    std::uint64_t taken = 0;
    // Inside only: what was given back to a REQ or REP has to be received before
    // the next send; with REQ_RELAXED that drops it, as libzmq drops late replies.
    // False with errno EFSM.
    bool may_send() { return returned.empty() || may_send_over_returned(); }
    bool req_relaxed = false;
    // Inside only: RCVMORE of the last part, where that came from `returned`.
    enum class More : char { ask_libzmq, no, yes };
    More more_returned = More::ask_libzmq;
    // Inside only: the last part sent said SNDMORE. The rest of the message goes
    // out without DONTWAIT: libzmq never waits in the middle of a message, and a
    // refused later part would tear it.
    bool mid_send = false;
    void part_sent(bool more)
    {
        mid_send = more;
        if (more) {
            sent_parts_ = true;
        }
    }
    // Inside only: null where the socket is not monitored.
    std::shared_ptr<Monitor> monitor;
    // It has had an inproc endpoint: its peers may be threads of this process.
    std::atomic<bool> inproc{false};
    // Whether bytes objects may be lent to libzmq instead of copied, though nobody asked
    // for it: its transports only read what they send, and nobody else can give it one
    // that does not. (An inproc peer gets the very memory, and may write to it; ws masks
    // it in place.)
    std::atomic<bool> lends_bytes{false};

private:
    static constexpr std::uintptr_t held_ = 1;
    static constexpr std::uintptr_t closed_ = 2;

    bool enter_contended(Gil gil);
    bool takes_turns() const;
    bool may_send_over_returned();
    bool sends_parts() const;
    bool acquire(bool closer, Gil gil);
    void notify(const Waiter* self);
    static std::shared_ptr<State> registered(std::shared_ptr<State> state);
    void open_signals();
    void close_signals();

    std::atomic<std::uintptr_t> word_{0};
    std::atomic<bool> closing_{false};
    std::atomic<bool> ended_with_context_{false};
    std::atomic<std::uint32_t> operations_{0};
    Waiter* waiters_ = nullptr;
    bool sent_parts_ = false;  // ever: part_sent()
    void* const handle_;
    Descriptor fd_ = no_descriptor;
    void* poller_ = nullptr;  // libzmq's, that only has the descriptor signalled
    const unsigned generation_;
};

// Holds a socket from enter() to leave(), or to the end of the scope. `self` is
// the caller's own waiter, if it has one: it is not woken.
class Entered {
public:
    explicit Entered(State& state, Gil gil = Gil::held, const Waiter* self = nullptr)
        : state_(state), self_(self), inside_(state.enter(gil))
    {
    }
    ~Entered() { leave(); }
    Entered(const Entered&) = delete;
    Entered& operator=(const Entered&) = delete;

    explicit operator bool() const { return inside_; }
    void leave()
    {
        if (inside_) {
            inside_ = false;
            state_.leave(self_);
        }
    }
    void leave(const Waiter* self)
    {
        self_ = self;
        leave();
    }

private:
    State& state_;
    const Waiter* self_;
    bool inside_;
};

// Sets the exception for an enter() that was refused; returns null.
PyObject* raise_refused(const State& state);

}  // namespace cppyzmq
