// What zmq._core lends to other extensions through its capsule `zmq._core.capi`: the functions of
// the libzmq that Python uses, and what the casters need of Python's sockets, contexts and frames.
//
// Includes neither Python.h nor zmq.h (see forward.cpp); programs include pybind11.hpp.
#pragma once

#include <cstddef>
#include <cstdint>

#ifndef _WIN32
#include <signal.h>
#endif

extern "C" {
typedef struct _object PyObject;

struct iovec;
struct zmq_msg_t;
struct zmq_pollitem_t;
struct zmq_poller_event_t;
typedef void(zmq_free_fn)(void* data, void* hint);
typedef void(zmq_timer_fn)(int timer, void* with);
typedef void(zmq_thread_fn)(void*);
#if defined(_WIN64)
typedef unsigned __int64 cppyzmq_fd;
#elif defined(_WIN32)
typedef unsigned int cppyzmq_fd;
#else
typedef int cppyzmq_fd;
#endif
#if defined(_WIN32)
typedef void cppyzmq_signals;
#else
typedef sigset_t cppyzmq_signals;
#endif
}

#if defined(_WIN32)
#define CPPYZMQ_HIDDEN
#else
#define CPPYZMQ_HIDDEN __attribute__((visibility("hidden")))
#endif

namespace cppyzmq {
namespace capi {

constexpr const char* capsule_name = "zmq._core.capi";

// Raised when the meaning or the place of anything changes. What is only added, goes to the end of
// `Objects` or of functions.inc, and is known by the size.
constexpr std::uint32_t abi_version = 1;

enum class Answer : int {
    raised = -1,     // a Python exception is set
    wrong_type = 0,  // none is
    done = 1,
};

// What all wrappers of one socket share; an owned reference.
struct StateReference;

// Hands over one part of a message; whoever takes it moves the content out.
typedef void (*TakePart)(void* with, zmq_msg_t* part);

struct Objects {
    std::uint32_t size;

    // With the GIL. A closed socket or terminated context raises.
    Answer (*socket_handle)(PyObject* socket, void** handle);
    Answer (*socket_state)(PyObject* socket, StateReference** state);
    Answer (*context_handle)(PyObject* context, void** handle);
    // A Frame shares its memory, large bytes lend it, any other buffer is copied. `message` is
    // initialised and empty.
    Answer (*message_of)(PyObject* object, zmq_msg_t* message);
    // A new reference to a zmq.Frame that takes the content over; null with an exception.
    PyObject* (*new_frame)(zmq_msg_t* message, int more);
    // Sets the exception for an errno of libzmq.
    void (*raise_error)(int number);
    // 0, or -1 with an exception: warns, once, where the process has a second libzmq.
    int (*warn_of_second_libzmq)();

    // From any thread, with or without the GIL; the last four return -1 with errno.
    StateReference* (*state_of_handle)(void* handle);
    void (*release_state)(StateReference* state);
    void* (*state_handle)(const StateReference* state);
    int (*enter)(StateReference* state);
    void (*leave)(StateReference* state);
    int (*send)(StateReference* state, zmq_msg_t* parts, std::size_t count, long timeout_ms);
    int (*receive)(StateReference* state, int whole_message, TakePart take, void* with,
                   long timeout_ms);
};

struct Table {
    std::uint32_t abi;
    std::uint32_t size;
    std::int32_t libzmq_version[3];
    std::int32_t drafts;
    const char* libzmq_file;
    const Objects* objects;

#define CPPYZMQ_FUNCTION(result, name, parameters, arguments) result(*name) parameters;
#define CPPYZMQ_DRAFT_FUNCTION(result, name, parameters, arguments) result(*name) parameters;
#include "functions.inc"
#undef CPPYZMQ_FUNCTION
#undef CPPYZMQ_DRAFT_FUNCTION
};

}  // namespace capi
}  // namespace cppyzmq

// The copy of the table in this extension or program (forward.cpp).
extern "C" CPPYZMQ_HIDDEN cppyzmq::capi::Table cppyzmq_table;
// Fills it.
extern "C" CPPYZMQ_HIDDEN void cppyzmq_take_table(const cppyzmq::capi::Table* lent);
