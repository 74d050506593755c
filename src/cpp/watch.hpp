// What awaitable.cpp needs of watch.cpp.
#pragma once

#include "core.hpp"
#include "socket.hpp"

namespace cppyzmq {

// How a message is wanted.
struct Wanted {
    bool multipart = false;
    bool copy = true;
    bool track = false;
};

// A Taken, or None where nothing is there: then `watch` (a Watch, or None) is
// armed, and `timeout_ms` is RCVTIMEO. Null with a Python exception.
PyObject* take_message(Socket& socket, const Wanted& wanted, PyObject* watch, int& timeout_ms);

// The same from the socket of a Watch, which `last` disarms where there was a
// message.
PyObject* take_watched(PyObject* watch, const Wanted& wanted, bool last);

// From three arguments. False with a Python exception.
bool read_wanted(PyObject* const* arguments, Wanted& wanted);

bool is_taken(PyObject* object);

// The message of a Taken; borrowed.
PyObject* message_of_taken(PyObject* taken);

// The message has reached whoever asked for it. False with a Python exception
// where this is no Taken.
bool consume_taken(PyObject* taken);

}  // namespace cppyzmq
