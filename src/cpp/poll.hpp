// What zmq_poll and Poller share.
#pragma once

#include "descriptor.hpp"

namespace cppyzmq {

// ZMQ_POLLIN and so on as poll(2) has them, and back: whatever else it reports is
// POLLERR.
short to_system(int events);
int from_system(short system);

// The file descriptor of an int, or of an object with fileno(). May be negative
// without an exception: poll(2) passes such over.
Descriptor descriptor_of(PyObject* object);

// Appends (socket or, where that is null, descriptor, events) to a list. False
// with a Python exception.
bool report(PyObject* list, PyObject* socket, Descriptor descriptor, int ready);

// One round over [(object, events), ...]; null with a Python exception.
PyObject* poll_pairs(PyObject* pairs, long timeout_ms);

}  // namespace cppyzmq
