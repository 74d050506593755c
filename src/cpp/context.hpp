// Context: owns a libzmq context, or shadows one.
#pragma once

#include "core.hpp"
#include "state.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cppyzmq {

// Shared by all wrappers of one libzmq context: none of them hands a freed context
// to libzmq.
struct ContextState {
    std::atomic<bool> terminating{false};
    std::atomic<bool> terminated{false};
    std::atomic<int> users{0};  // calls under way, term() apart
    const unsigned generation = process_generation.load();
    // libzmq allows one zmq_ctx_term at a time. Recursive for a signal handler that
    // calls term() during term().
    std::recursive_timed_mutex one_term;

    void add_monitor(const std::shared_ptr<Monitor>& monitor);
    // A PAIR socket was connected to an inproc endpoint: maybe to a monitor.
    void add_listener(const std::string& endpoint, const std::shared_ptr<State>& listener);
    // term() has begun.
    void end_monitors();

private:
    std::mutex mutex_;
    std::vector<std::shared_ptr<Monitor>> monitors_;
};

class Context {
public:
    Context() = default;  // not yet a context: __init__ opens it
    // A new libzmq context, or with `shadow` a reference to somebody else's.
    void open(int io_threads, std::uintptr_t shadow);
    // Ends what is still open in a thread of its own: messages that linger are
    // delivered as long as the process lives, and nobody waits for them.
    ~Context();
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    // libzmq's context for one call: term() waits for the end of the scope. Throws
    // once it is being terminated, or where it belongs to the parent process.
    class Use {
    public:
        explicit Use(const Context& context);
        ~Use() { state_->users.fetch_sub(1); }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        void* handle() const { return handle_; }

    private:
        std::shared_ptr<ContextState> state_;
        void* handle_;
    };

    bool closed() const { return let_go_ || state_ == nullptr || state_->terminated; }
    std::uintptr_t underlying() const;
    const std::shared_ptr<ContextState>& state() const { return state_; }
    int get(int option) const;
    void set(int option, int value);
    // Every call on a socket of this context ends with ETERM.
    void shutdown();
    // Waits until all sockets are closed and their messages sent or LINGER over.
    // The context has ended then for all its wrappers.
    void term();

private:
    bool of_this_process() const
    {
        return state_ == nullptr || state_->generation == process_generation.load();
    }

    void* handle_ = nullptr;
    bool shadow_ = false;
    std::shared_ptr<ContextState> state_;
    std::atomic<bool> let_go_{false};  // term() of what the parent process has made
};

}  // namespace cppyzmq
