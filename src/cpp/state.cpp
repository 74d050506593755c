// The lock, the list of sleepers, close, and the table of all States.
#include "state.hpp"

#include "errors.hpp"

#include <cerrno>
#include <thread>
#include <unordered_map>

namespace cppyzmq {

std::atomic<int> inproc_sleepers{0};

namespace {

// All States by handle, so that a shadow finds the State of the socket it
// shadows. Never destroyed: sockets may outlive static destructors.
struct Registry {
    std::mutex mutex;
    std::unordered_map<void*, std::weak_ptr<State>> states;
    // Those of the parent process. They are never closed here, so that nothing else
    // gets their addresses.
    std::unordered_map<void*, std::weak_ptr<State>> inherited;
};

struct WakePool {
    std::mutex mutex;
    Wake* first = nullptr;
};

Registry& registry()
{
    static Registry* const instance = new Registry;
    return *instance;
}

WakePool& wake_pool()
{
    static WakePool* const instance = new WakePool;
    return *instance;
}

// Around fork both tables are quiet. The child gets a new generation and a pool
// of its own: the descriptors in the old one are the parent's too, and writing to
// them would wake its threads.
void before_fork()
{
    registry().mutex.lock();
    wake_pool().mutex.lock();
}

void after_fork_in_parent()
{
    wake_pool().mutex.unlock();
    registry().mutex.unlock();
}

void after_fork_in_child()
{
    process_generation.fetch_add(1);
    wake_pool().first = nullptr;
    wake_pool().mutex.unlock();
    registry().inherited.merge(registry().states);
    registry().states.clear();
    inproc_sleepers.store(0);
    registry().mutex.unlock();
}

const int fork_handlers = at_fork(before_fork, after_fork_in_parent, after_fork_in_child);

void pause_briefly()
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
}

}  // namespace

Wake::Wake() : ends_(open_wake()) {}

Wake::~Wake()
{
    close_wake(ends_);
}

void Wake::wake()
{
    pending_.store(true, std::memory_order_relaxed);
    write_wake(ends_.write);
}

void Wake::drain()
{
    // Where both ends are one, a read takes all of it.
    while (read_wake(ends_.read) && ends_.read != ends_.write) {
    }
    pending_.store(false, std::memory_order_relaxed);
}

WakeLease::WakeLease() : generation_(process_generation.load())
{
    WakePool& pool = wake_pool();
    {
        const std::lock_guard<std::mutex> guard(pool.mutex);
        wake_ = pool.first;
        if (wake_ != nullptr) {
            pool.first = wake_->next_;
            return;
        }
    }
    wake_ = new Wake;
}

WakeLease::~WakeLease()
{
    if (generation_ != process_generation.load()) {
        return;  // leased before fork: the parent's, left alone
    }
    if (wake_->pending_.load(std::memory_order_relaxed)) {
        wake_->drain();
    }
    WakePool& pool = wake_pool();
    const std::lock_guard<std::mutex> guard(pool.mutex);
    wake_->next_ = pool.first;
    pool.first = wake_;
}

State::State(void* handle, bool inherited)
    : handle_(handle), generation_(process_generation.load() - (inherited ? 1U : 0U))
{
    if (inherited) {
        return;
    }
    // A thread-safe socket has no such descriptor (EINVAL).
    std::size_t size = sizeof fd_;
    if (zmq_getsockopt(handle, ZMQ_FD, &fd_, &size) != 0) {
        fd_ = no_descriptor;
    }
}

// The signal is an eventfd, whose count may grow; elsewhere it is a pipe, which
// would fill up, and libzmq aborts then: there such sockets are looked at again
// and again instead.
void State::open_signals()
{
#if CPPYZMQ_DRAFTS && defined(__linux__)
    if (!blind()) {
        return;
    }
    poller_ = zmq_poller_new();
    if (poller_ == nullptr || zmq_poller_add(poller_, handle_, nullptr, 0) != 0 ||
        zmq_poller_fd(poller_, &fd_) != 0) {
        fd_ = no_descriptor;
        close_signals();
    }
#endif
}

void State::close_signals()
{
#if CPPYZMQ_DRAFTS && defined(__linux__)
    if (poller_ != nullptr) {
        zmq_poller_destroy(&poller_);
    }
#endif
}

bool State::quieten()
{
    return poller_ != nullptr && read_wake(fd_);
}

State::~State()
{
    Registry& table = registry();
    const std::lock_guard<std::mutex> guard(table.mutex);
    const auto found = table.states.find(handle_);
    if (found != table.states.end() && found->second.expired()) {
        table.states.erase(found);
    }
}

std::shared_ptr<State> State::made(void* handle)
{
    auto state = std::make_shared<State>(handle);
    state->open_signals();
    state->lends_bytes = true;
    return registered(std::move(state));
}

std::shared_ptr<State> State::registered(std::shared_ptr<State> state)
{
    Registry& table = registry();
    const std::lock_guard<std::mutex> guard(table.mutex);
    table.states.insert_or_assign(state->handle(), state);
    return state;
}

std::shared_ptr<State> State::shadowed(void* handle)
{
    Registry& table = registry();
    {
        const std::lock_guard<std::mutex> guard(table.mutex);
        if (table.inherited.count(handle) != 0) {
            return std::make_shared<State>(handle, true);
        }
        const auto found = table.states.find(handle);
        if (found != table.states.end()) {
            auto state = found->second.lock();
            if (state != nullptr && !state->closed()) {
                return state;
            }
        }
    }
    // No signals: it may be gone before our wrapper is.
    return registered(std::make_shared<State>(handle));
}

// Asks for the socket until it is free. With the GIL held it lets go of it after
// a while, and of the socket before it takes it back: a thread that waits for the
// GIL with the socket in hand could stop everybody.
bool State::acquire(bool closer, Gil gil)
{
    constexpr int spins = 100;
    constexpr int yields = 200;
    PyThreadState* released = nullptr;
    bool acquired = false;
    for (int round = 0; !acquired; ++round) {
        std::uintptr_t free = 0;
        acquired = word_.compare_exchange_strong(free, held_, std::memory_order_acquire);
        if (acquired && released != nullptr) {
            word_.store(0, std::memory_order_release);
            PyEval_RestoreThread(released);
            released = nullptr;
            acquired = false;
            round = 0;
            continue;
        }
        if (acquired || free == closed_ || (!closer && closing_.load(std::memory_order_relaxed))) {
            break;
        }
        if (round < spins) {
            pause_briefly();
            continue;
        }
        if (gil == Gil::held && released == nullptr) {
            released = PyEval_SaveThread();
        }
        if (round < yields) {
            std::this_thread::yield();
        } else {
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        }
    }
    if (released != nullptr) {
        PyEval_RestoreThread(released);
    }
    if (!acquired) {
        errno = ENOTSOCK;
    }
    return acquired;
}

bool State::enter_contended(Gil gil)
{
    return acquire(false, gil);
}

void State::link(Waiter& waiter)
{
    waiter.next = waiters_;
    waiters_ = &waiter;
}

void State::unlink(Waiter& waiter)
{
    for (Waiter** place = &waiters_; *place != nullptr; place = &(*place)->next) {
        if (*place == &waiter) {
            *place = waiter.next;
            return;
        }
    }
}

int State::events()
{
    quieten();
    int ready = 0;
    if (!get_int_option(handle_, ZMQ_EVENTS, ready)) {
        return -1;
    }
    if (!returned.empty()) {
        ready |= ZMQ_POLLIN;
        if (takes_turns()) {
            ready &= ~ZMQ_POLLOUT;
        }
    }
    return ready;
}

// Whether libzmq makes the socket send and receive in turn.
bool State::takes_turns() const
{
    int type = -1;
    get_int_option(handle_, ZMQ_TYPE, type);
    return type == ZMQ_REP || (type == ZMQ_REQ && !req_relaxed);
}

bool State::may_send_over_returned()
{
    if (takes_turns()) {
        errno = EFSM;
        return false;
    }
    if (req_relaxed) {
        returned.clear();
    }
    return true;
}

void State::notify(const Waiter* self)
{
    if (waiters_ == self && self != nullptr && self->next == nullptr) {
        return;
    }
    const int error = errno;
    int ready = events();
    if (ready < 0) {
        ready = ~0;  // ETERM and the like concern everybody
    }
    for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
        if (waiter != self && (waiter->events & ready) != 0) {
            waiter->wake->wake();
        }
    }
    errno = error;
}

// Whether what libzmq has begun to write to a peer may be a message of several parts.
bool State::sends_parts() const
{
    int type = -1;
    // REQ and REP put the envelope before what is sent.
    return sent_parts_ ||
           (get_int_option(handle_, ZMQ_TYPE, type) && (type == ZMQ_REQ || type == ZMQ_REP));
}

bool State::close(const int* linger, Gil gil)
{
    if (closing_.exchange(true)) {
        return false;
    }
    if (!of_this_process()) {
        return false;  // the parent's: leaked here on purpose
    }
    if (!acquire(true, gil)) {
        return false;
    }
    for (const Waiter* waiter = waiters_; waiter != nullptr; waiter = waiter->next) {
        waiter->wake->wake();
    }
    waiters_ = nullptr;
    returned.clear();
    if (linger != nullptr) {
        zmq_setsockopt(handle_, ZMQ_LINGER, linger, sizeof *linger);
    }
    // While libzmq drops a message that is written in part, it must not lose the peer:
    // that would end the process ("Resource temporarily unavailable", session_base.cpp).
    // Peers are often closed together; a moment later they are gone already, which is
    // harmless. Nobody waits for it but zmq_ctx_term, and only where much is unsent.
    constexpr int moment_ms = 50;
    int current = -1;
    if (get_int_option(handle_, ZMQ_LINGER, current) && current >= 0 && current < moment_ms &&
        sends_parts()) {
        zmq_setsockopt(handle_, ZMQ_LINGER, &moment_ms, sizeof moment_ms);
    }
    zmq_close(handle_);
    const std::shared_ptr<Monitor> ending = std::move(monitor);
    word_.store(closed_, std::memory_order_release);
    if (ending != nullptr) {
        ending->end(gil);
    }
    return true;
}

void State::end_with_context(Gil gil)
{
    ended_with_context_ = true;
    const int no_linger = 0;
    close(&no_linger, gil);
}

void State::await_closed() const
{
    while (word_.load(std::memory_order_acquire) != closed_) {
        std::this_thread::yield();
    }
}

Monitor::Monitor(std::string endpoint, const std::shared_ptr<State>& watched,
                 std::shared_ptr<const std::atomic<bool>> terminating)
    : endpoint_(std::move(endpoint)), watched_(watched), terminating_(std::move(terminating))
{
}

std::shared_ptr<State> Monitor::listener() const
{
    const std::lock_guard<std::mutex> guard(mutex_);
    return listener_.lock();
}

void Monitor::set_listener(const std::shared_ptr<State>& listener)
{
    const std::lock_guard<std::mutex> guard(mutex_);
    listener_ = listener;
}

void Monitor::end(Gil gil)
{
    const std::shared_ptr<State> watched = watched_.lock();
    if (!*terminating_ || (watched != nullptr && !watched->closed())) {
        return;
    }
    if (const std::shared_ptr<State> listening = listener()) {
        listening->end_with_context(gil);
    }
}

PyObject* raise_refused(const State& state)
{
    if (state.ended_with_context()) {
        return raise_error(ETERM);
    }
    return state.of_this_process() ? raise_closed_socket() : raise_foreign_socket();
}

}  // namespace cppyzmq
