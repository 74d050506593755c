// Frame: one message part. A heap type with the zmq::message_t inline: a third of
// the cost of a pybind11 class, and this is what every recv(copy=False) makes.
#pragma once

#include "core.hpp"
#include "tracker.hpp"

namespace cppyzmq {

struct Frame {
    PyObject_HEAD
    zmq::message_t part;
    PyObject* data;     // what it was made from, or null
    PyObject* bytes;    // the value of .bytes, once asked for
    PyObject* tracker;  // a MessageTracker, or null
    PyObject* weak_references;
    bool more;
};

extern PyTypeObject* frame_type;

inline bool is_frame(PyObject* object)
{
    return PyObject_TypeCheck(object, frame_type) != 0;
}

// A Frame of the type zmq.Frame, empty, or one that takes over `part`; null with an
// exception.
PyObject* new_frame(bool track);
PyObject* new_frame(zmq::message_t&& part, bool more, bool track);

// A second message over the memory of a Frame; libzmq counts. Writes to the
// Frame's own message.
void share_part(PyObject* frame, zmq::message_t& part);

// Copies what a buffer holds into a message; false with a Python exception.
bool copy_buffer(PyObject* data, zmq::message_t& part);

// zmq.COPY_THRESHOLD: below, in bytes, copying is cheaper than lending. -1 with a
// Python exception.
Py_ssize_t default_copy_threshold();

// Sets routing_id (0: none) or group (null: none) of a part; false with an
// exception where libzmq was built without drafts.
bool address_part(zmq::message_t& part, PyObject* routing_id, PyObject* group);

}  // namespace cppyzmq
