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
// armed. Null with a Python exception.
PyObject* take_message(Socket& socket, const Wanted& wanted, PyObject* watch);

bool is_taken(PyObject* object);

// The message of a Taken; borrowed.
PyObject* message_of_taken(PyObject* taken);

// The message has reached whoever asked for it. False with a Python exception
// where this is no Taken.
bool consume_taken(PyObject* taken);

}  // namespace cppyzmq
