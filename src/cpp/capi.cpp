// The capsule that lends this process's libzmq, and what belongs to it, to other
// extensions: see python/zmq/include/cppyzmq.
#include "cppyzmq/capi.hpp"

#include "context.hpp"
#include "errors.hpp"
#include "frame.hpp"
#include "library.hpp"
#include "release_queue.hpp"
#include "socket.hpp"
#include "wait.hpp"

#include <cerrno>
#include <memory>
#include <system_error>

namespace cppyzmq {

namespace capi {

struct StateReference {
    std::shared_ptr<State> state;
};

}  // namespace capi

namespace {

using capi::Answer;
using capi::StateReference;

static_assert(sizeof(zmq::message_t) == sizeof(zmq_msg_t));

zmq::message_t& as_message(zmq_msg_t* message)
{
    return *reinterpret_cast<zmq::message_t*>(message);
}

// What a raise_... function leaves to say.
Answer refuse(PyObject*)
{
    return Answer::raised;
}

// The address in `underlying`, of an object of another package: null once it is closed.
Answer address_of(PyObject* object, void** handle)
{
    const py::object value =
        py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, "underlying"));
    if (!value) {
        if (PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
            return Answer::raised;
        }
        PyErr_Clear();  // nothing of the kind: an answer
        return Answer::wrong_type;
    }
    if (PyLong_Check(value.ptr()) == 0) {
        return Answer::wrong_type;
    }
    *handle = PyLong_AsVoidPtr(value.ptr());
    return PyErr_Occurred() == nullptr ? Answer::done : Answer::raised;
}

// A socket of another package, pyzmq's for one, with an address in `underlying`: good
// where it is of our libzmq.
Answer foreign_socket(PyObject* object, std::shared_ptr<State>& state)
{
    void* handle = nullptr;
    const Answer answer = address_of(object, &handle);
    if (answer != Answer::done) {
        return answer;
    }
    if (handle == nullptr) {
        return refuse(raise_closed_socket());
    }
    const std::string file = file_of_socket(handle);
    if (file.empty()) {
        return Answer::wrong_type;
    }
    if (file != libzmq_file()) {
        PyErr_Format(PyExc_TypeError,
                     "%R is a socket of another libzmq (%s) than zmq and this extension use (%s)",
                     object, file.c_str(), libzmq_file().c_str());
        return Answer::raised;
    }
    state = State::shadowed(handle);
    return Answer::done;
}

Answer state_of(PyObject* object, std::shared_ptr<State>& state)
{
    if (is_socket(object)) {
        const Socket* socket = socket_of(object);
        if (socket == nullptr) {
            return Answer::raised;
        }
        state = socket->state;
    } else {
        const Answer answer = foreign_socket(object, state);
        if (answer != Answer::done) {
            return answer;
        }
    }
    if (!state->of_this_process() || state->closed()) {
        return refuse(raise_refused(*state));
    }
    state->lends_bytes = false;
    return Answer::done;
}

Answer socket_handle(PyObject* object, void** handle)
{
    std::shared_ptr<State> state;
    const Answer answer = state_of(object, state);
    if (answer == Answer::done) {
        *handle = state->handle();
    }
    return answer;
}

Answer socket_state(PyObject* object, StateReference** reference)
{
    std::shared_ptr<State> state;
    const Answer answer = state_of(object, state);
    if (answer == Answer::done) {
        *reference = new StateReference{std::move(state)};
    }
    return answer;
}

Answer context_handle(PyObject* object, void** handle)
{
    if (py::isinstance<Context>(object)) {
        try {
            *handle = Context::Use(*object_of<Context>(object)).handle();
            return Answer::done;
        } catch (const std::exception&) {
            raise_current_exception();
            return Answer::raised;
        }
    }
    const Answer answer = address_of(object, handle);
    if (answer != Answer::done) {
        return answer;
    }
    if (*handle == nullptr) {
        return refuse(raise_closed_context());
    }
    // Sockets have an address too.
    if (!file_of_socket(*handle).empty()) {
        return Answer::wrong_type;
    }
    // Nothing in a context says which libzmq it is of.
    const std::vector<std::string> others = other_libzmq_files();
    if (!others.empty()) {
        PyErr_Format(PyExc_TypeError,
                     "%R may be a context of another libzmq (%s) than zmq and this extension use "
                     "(%s)",
                     object, others.front().c_str(), libzmq_file().c_str());
        return Answer::raised;
    }
    return Answer::done;
}

Answer message_of(PyObject* object, zmq_msg_t* message)
{
    const DrainAfter drain;
    zmq::message_t& part = as_message(message);
    try {
        if (is_frame(object)) {
            share_part(object, part);
            return Answer::done;
        }
        if (PyObject_CheckBuffer(object) == 0) {
            return Answer::wrong_type;
        }
        if (PyBytes_CheckExact(object)) {
            const Py_ssize_t threshold = default_copy_threshold();
            if (threshold == -1 && PyErr_Occurred() != nullptr) {
                return Answer::raised;
            }
            if (PyBytes_GET_SIZE(object) >= threshold) {
                return borrow(object, nullptr, part) ? Answer::done : Answer::raised;
            }
        }
        return copy_buffer(object, part) ? Answer::done : Answer::raised;
    } catch (const std::exception&) {
        raise_current_exception();
        return Answer::raised;
    }
}

PyObject* frame_of(zmq_msg_t* message, int more)
{
    const DrainAfter drain;
    return new_frame(std::move(as_message(message)), more != 0, false);
}

void raise_number(int number)
{
    raise_error(number);
}

int warn()
{
    return warn_of_second_libzmq() ? 0 : -1;
}

StateReference* state_of_handle(void* handle)
{
    return new StateReference{State::shadowed(handle)};
}

void release_state(StateReference* reference)
{
    delete reference;
}

void* handle_of(const StateReference* reference)
{
    return reference->state->handle();
}

int enter(StateReference* reference)
{
    return reference->state->enter(Gil::released) ? 0 : -1;
}

void leave(StateReference* reference)
{
    reference->state->leave();
}

// Makes `attempt` inside the socket until it says something else than EAGAIN, or the
// time is up. Whoever calls this may have the GIL, or not; nobody here asks for it.
template <class Call>
int run(State& state, int events, long timeout_ms, Call attempt)
{
    try {
        {
            const Entered entered(state, Gil::released);
            if (!entered) {
                return -1;
            }
            const int result = attempt();
            if (result >= 0 || errno != EAGAIN || timeout_ms == 0) {
                return result >= 0 ? 0 : -1;
            }
        }
        return wait_in_cpp(state, events, timeout_ms, attempt) == Waited::done ? 0 : -1;
    } catch (const std::system_error& error) {
        errno = error.code().value();
    } catch (const std::bad_alloc&) {
        errno = ENOMEM;
    }
    return -1;
}

int send(StateReference* reference, zmq_msg_t* parts, std::size_t count, long timeout_ms)
{
    if (count == 0) {
        errno = EINVAL;
        return -1;
    }
    State& state = *reference->state;
    return run(state, ZMQ_POLLOUT, timeout_ms,
               [&] { return send_parts(state, &as_message(parts), count, 0); });
}

int receive(StateReference* reference, int whole_message, capi::TakePart take, void* with,
            long timeout_ms)
{
    State& state = *reference->state;
    Parts parts;
    const int result = run(state, ZMQ_POLLIN, timeout_ms, [&] {
        if (whole_message != 0) {
            return receive_parts(state, parts);
        }
        zmq::message_t part;
        bool more = false;
        const int received = receive_part(state, part, more);
        if (received >= 0) {
            parts.push_back(std::move(part));
        }
        return received;
    });
    if (result == 0) {
        for (zmq::message_t& part : parts) {
            take(with, part.handle());
        }
    }
    return result;
}

constexpr capi::Objects objects{
    sizeof(capi::Objects),
    socket_handle,
    socket_state,
    context_handle,
    message_of,
    frame_of,
    raise_number,
    warn,
    state_of_handle,
    release_state,
    handle_of,
    enter,
    leave,
    send,
    receive,
};

// Draft functions that a libzmq of the version has not.
#if CPPYZMQ_DRAFTS && ZMQ_VERSION >= ZMQ_MAKE_VERSION(4, 3, 4)
#define CPPYZMQ_DRAFT_FUNCTION CPPYZMQ_FUNCTION
#if ZMQ_VERSION < ZMQ_MAKE_VERSION(4, 3, 5)
constexpr std::nullptr_t zmq_ppoll = nullptr;
#endif
#else
#define CPPYZMQ_DRAFT_FUNCTION(result, name, parameters, arguments)
#endif

capi::Table make_table()
{
    capi::Table table{};
    table.abi = capi::abi_version;
    table.size = sizeof table;
    ::zmq_version(&table.libzmq_version[0], &table.libzmq_version[1], &table.libzmq_version[2]);
    table.drafts = CPPYZMQ_DRAFTS;
    table.libzmq_file = libzmq_file().c_str();
    table.objects = &objects;
#define CPPYZMQ_FUNCTION(result, name, parameters, arguments) table.name = name;
#include "cppyzmq/functions.inc"
    return table;
}

}  // namespace

void register_capi(py::module_& module)
{
    static const capi::Table table = make_table();
    module.attr("capi") = py::capsule(static_cast<const void*>(&table), capi::capsule_name);
}

}  // namespace cppyzmq
