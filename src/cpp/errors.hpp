// libzmq's errno -> Python exception: the only translator.
//
// The classes are Python's (zmq/error.py), which hands them over at import.
#pragma once

#include "core.hpp"

#include <string>

namespace cppyzmq {

// Sets the exception for an errno of libzmq and returns null, so that a C
// function can `return raise_error(...)`. An empty message stands for
// zmq_strerror's, which is then built only when somebody asks for it.
PyObject* raise_error(int number, const std::string& message = {});

// The same for the errno that the last call in this thread left behind.
PyObject* raise_last_error();

// zmq_strerror's text, then what was wrong with what: "Invalid argument: ...".
PyObject* raise_error_about(int number, const std::string& what);

PyObject* raise_closed_socket();
PyObject* raise_closed_context();
PyObject* raise_empty_message();
// An object that this process inherited over fork: libzmq would answer EINTR for
// ever or lose what is sent, so it is never asked.
PyObject* raise_foreign_socket();
PyObject* raise_foreign_context();

// zmq.NotDone, of a MessageTracker.
PyObject* raise_not_done();

// zmq.DraftFDWarning. False where warnings are errors.
bool warn_draft_descriptor();

// Sets the Python exception for whatever is being handled (a `catch (...)`).
void raise_current_exception() noexcept;

}  // namespace cppyzmq
