// The process: its forks, its main thread, its signals, and the libraries that it
// has loaded.
#pragma once

#include "core.hpp"

#include <atomic>
#include <string>
#include <vector>

#ifndef _WIN32
#include <csignal>
#endif

namespace cppyzmq {

// Raised in the child of every fork. What was made under another number belongs
// to the parent, and is never handed to libzmq here.
extern std::atomic<unsigned> process_generation;

// pthread_atfork. Returns 0, for a static that calls it; Windows has no fork.
int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)());

// Whether this thread is the one that runs Python's signal handlers.
bool is_main_thread();

// While it lives, the threads that this one starts get no signals: these are for
// Python's.
class SignalsBlocked {
public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

#ifndef _WIN32
private:
    sigset_t before_;
#endif
};

// A library that is loaded: where it begins, null where there is none, and its file.
struct Library {
    const void* base = nullptr;
    std::string file;
};

// The one that an address is in.
Library library_at(const void* address);

// Those that have a symbol. One may come more than once.
std::vector<Library> libraries_with(const char* symbol);

}  // namespace cppyzmq
