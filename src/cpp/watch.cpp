// Watch: how an event loop waits on a socket beside everybody else.
//
// A loop cannot sleep in our wait loop; it watches descriptors. A Watch gives it
// two: a duplicate of the socket's own, so that closing or watching by somebody
// else does not unhook it, and a wake descriptor, since any call on the socket may
// process the commands that the first would have told of. While armed, the Watch
// is a waiter of the socket's State like a thread that blocks.
#include "errors.hpp"
#include "socket.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace cppyzmq {

namespace {

class Watch {
public:
    explicit Watch(Socket& socket) : state_(socket.state)
    {
        if (state_->fd() >= 0) {
            descriptor_ = fcntl(state_->fd(), F_DUPFD_CLOEXEC, 0);
            if (descriptor_ < 0) {
                throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
            }
        }
    }
    ~Watch() { close(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    // Negative where the socket has none (thread-safe sockets).
    int descriptor() const { return descriptor_; }
    int wake_descriptor() const { return wake_.descriptor(); }

    // Those of `events` that are there now; where none is, from here on the
    // descriptors tell.
    int arm(int events)
    {
        disarm();
        const Entered entered(*state_, Gil::held, &waiter_);
        if (!entered) {
            raise_refused(*state_);
            throw py::error_already_set();
        }
        const int ready = state_->events();
        if (ready < 0 && errno != EINTR) {
            throw zmq::error_t();
        }
        if (ready >= 0 && (ready & events) != 0) {
            return ready & events;
        }
        waiter_ = {&wake_, events, nullptr};
        state_->link(waiter_);
        armed_ = true;
        return 0;
    }

    void disarm()
    {
        if (armed_) {
            armed_ = false;
            const Entered entered(*state_, Gil::held, &waiter_);
            if (entered) {
                state_->unlink(waiter_);
            } else if (state_->of_this_process()) {
                state_->await_closed();
            }
        }
        wake_.drain();
    }

    // After that it watches nothing; its descriptors are invalid.
    void close()
    {
        disarm();
        if (descriptor_ >= 0) {
            ::close(descriptor_);
            descriptor_ = -1;
        }
    }

private:
    std::shared_ptr<State> state_;
    Wake wake_;
    Waiter waiter_;
    int descriptor_ = -1;
    bool armed_ = false;
};

std::unique_ptr<Watch> make_watch(const py::object& object)
{
    if (!is_socket(object.ptr())) {
        throw py::type_error("expected a zmq.Socket, got: " +
                             py::repr(object).cast<std::string>());
    }
    Socket* socket = socket_of(object.ptr());
    if (socket == nullptr) {
        throw py::error_already_set();
    }
    if (socket->state->closed()) {
        raise_refused(*socket->state);
        throw py::error_already_set();
    }
    return std::make_unique<Watch>(*socket);
}

}  // namespace

void register_watch(py::module_& module)
{
    py::class_<Watch>(module, "Watch", R"doc(
Lets an event loop wait on a socket, whatever else is done with that meanwhile.

Parameters
----------
socket
    The Socket.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed.)doc")
        .def(py::init(&make_watch), py::arg("socket"))
        .def_property_readonly("descriptor", &Watch::descriptor, R"doc(
To be watched for reading; negative where the socket has none.)doc")
        .def_property_readonly("wake_descriptor", &Watch::wake_descriptor,
                               "To be watched for reading as well.")
        .def("arm", &Watch::arm, py::arg("events"), R"doc(arm($self, events)
--

Ask to be told when one of some events is there.

Parameters
----------
events
    POLLIN, POLLOUT or both.

Returns
-------
int
    Those that are there already, and then nothing is armed; else 0, and one of
    the descriptors becomes readable when it is worth looking again, or when the
    socket is closed.

Raises
------
ZMQError
    ENOTSOCK: the socket is closed; ETERM: its context was terminated.)doc")
        .def("disarm", &Watch::disarm, R"doc(disarm($self)
--

Take arm() back, and quieten the wake descriptor.)doc")
        .def("close", &Watch::close, R"doc(close($self)
--

Watch nothing any more; frees the descriptors.)doc");
}

}  // namespace cppyzmq
