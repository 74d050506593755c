// Socket: one wrapper of a libzmq socket. socket.cpp, socket_options.cpp and
// socket_io.cpp put their methods on the same class.
#pragma once

#include "core.hpp"
#include "fastcall.hpp"
#include "instance.hpp"
#include "state.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cppyzmq {

struct Socket {
    std::shared_ptr<State> state;     // null until __init__ has succeeded
    py::object context = py::none();  // the Python Context; None for a bare shadow
    Py_ssize_t copy_threshold = 0;
    int type = -1;
    bool owner = false;  // closes the libzmq socket when it is dropped

    Socket() = default;  // not yet a socket: __init__ fills it
    ~Socket();
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
};

extern PyTypeObject* socket_type;

inline bool is_socket(PyObject* object)
{
    return PyObject_TypeCheck(object, socket_type) != 0;
}

// The Socket inside a Python object of that class; null with a Python exception
// where __init__ did not succeed.
inline Socket* socket_of(PyObject* self)
{
    Socket* socket = object_of<Socket>(self);
    if (socket->state == nullptr) {
        PyErr_SetString(PyExc_TypeError, "Socket.__init__() was not called");
        return nullptr;
    }
    return socket;
}

// An option's value, a new reference; null with a Python exception.
PyObject* get_socket_option(Socket& socket, int option);
// False with a Python exception.
bool set_socket_option(Socket& socket, int option, PyObject* value);

// Monitors the socket at an inproc endpoint; with none, stops. False with a
// Python exception.
bool monitor_socket(Socket& socket, const std::string& endpoint, int events);

// Assigning to attributes: options in any case, and what a class declares.
int socket_setattr(PyObject* self, PyObject* name, PyObject* value);

// What the other files add to the class: the methods on the hot path.
void install_option_methods(py::handle type);
void install_option_attributes(py::handle type);
void install_socket_io(py::handle type);
// The multipart methods of the Socket of Python, whose subclasses may have a send
// and recv of their own.
void install_multipart(py::handle type);

// Parts of one message, in order.
using Parts = std::vector<zmq::message_t>;

// Inside the socket, without waiting. Each returns less than 0 with errno;
// receive_part the size, of at most INT_MAX.
int receive_part(State& state, zmq::message_t& part);
int receive_part(State& state, zmq::message_t& part, bool& more);
int receive_parts(State& state, Parts& parts);
int send_part(State& state, zmq::message_t& part, int flags);
int send_parts(State& state, zmq::message_t* parts, std::size_t count, int flags);
inline int send_parts(State& state, Parts& parts, int flags)
{
    return send_parts(state, parts.data(), parts.size(), flags);
}

// RCVTIMEO or SNDTIMEO, in milliseconds; inside the socket.
int timeout_of(State& state, int option);

}  // namespace cppyzmq
