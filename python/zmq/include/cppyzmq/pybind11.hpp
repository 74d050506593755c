// Python's sockets, contexts, frames and constants in functions that pybind11 exports, as cppzmq's
// types; and sockets that C++ threads and Python use at the same time.
//
// Call cppyzmq::import() first in PYBIND11_MODULE. pybind11 2.9 or newer, cppzmq 4.9 or newer.
#pragma once

#include <pybind11/pybind11.h>

#include "import.hpp"

#include <zmq.hpp>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace cppyzmq {

namespace py = pybind11;

// Connects to the libzmq that Python uses. Throws ImportError where cppyzmq is missing or does not
// fit. Afterwards a zmq::error_t that leaves a function of this module is a zmq.ZMQError in Python.
inline void import()
{
    if (!capi::import_table()) {
        throw py::error_already_set();
    }
    static bool translates = false;
    if (translates) {
        return;
    }
    translates = true;
    py::register_local_exception_translator([](std::exception_ptr raised) {
        try {
            if (raised) {
                std::rethrow_exception(raised);
            }
        } catch (const zmq::error_t& error) {
            // After Ctrl-C the handler's exception is the one to raise.
            if (error.num() != EINTR || PyErr_CheckSignals() == 0) {
                capi::objects().raise_error(error.num());
            }
        }
    });
}

// A socket that Python code and C++ threads use at the same time. Copies refer to the same socket.
//
// It does not keep the socket open: once that is closed, by whomever, every call here ends with
// zmq::error_t(ENOTSOCK), also one that waits. May be used and dropped in any thread, with or
// without the GIL; a call that waits lets Python run meanwhile.
class shared_socket {
public:
    static constexpr std::chrono::milliseconds forever{-1};

    shared_socket() = default;
    // A Python socket. Needs the GIL.
    explicit shared_socket(py::handle socket)
    {
        capi::StateReference* state = nullptr;
        switch (capi::objects().socket_state(socket.ptr(), &state)) {
            case capi::Answer::done:
                state_ = owned(state);
                break;
            case capi::Answer::wrong_type:
                throw py::type_error("expected a zmq.Socket, got: " +
                                     py::repr(socket).cast<std::string>());
            case capi::Answer::raised:
                throw py::error_already_set();
        }
    }
    // A socket that C++ owns: it must be closed after the last use of this, and of every wrapper
    // that Python has of it.
    explicit shared_socket(zmq::socket_ref socket)
        : state_(owned(capi::objects().state_of_handle(socket.handle())))
    {
    }

    explicit operator bool() const { return state_ != nullptr; }

    // Sends one message of so many parts, as a whole. False when the time was up; otherwise the
    // parts are empty. Throws zmq::error_t: EINTR after a signal, ETERM, ENOTSOCK, ...
    bool send(std::vector<zmq::message_t>& parts, std::chrono::milliseconds timeout = forever)
    {
        return send(parts.data(), parts.size(), timeout);
    }
    bool send(zmq::message_t& message, std::chrono::milliseconds timeout = forever)
    {
        return send(&message, 1, timeout);
    }
    bool send(zmq::const_buffer data, std::chrono::milliseconds timeout = forever)
    {
        zmq::message_t message(data.data(), data.size());
        return send(message, timeout);
    }

    // Receives a whole message. False when the time was up. Throws as send() does.
    bool receive(std::vector<zmq::message_t>& parts, std::chrono::milliseconds timeout = forever)
    {
        parts.clear();
        return receive(
            true,
            [](void* with, zmq_msg_t* part) {
                auto* to = static_cast<std::vector<zmq::message_t>*>(with);
                to->emplace_back();
                zmq_msg_move(to->back().handle(), part);
            },
            &parts, timeout);
    }
    // One part; message.more() says whether others follow.
    bool receive(zmq::message_t& message, std::chrono::milliseconds timeout = forever)
    {
        return receive(
            false,
            [](void* with, zmq_msg_t* part) {
                zmq_msg_move(static_cast<zmq::message_t*>(with)->handle(), part);
            },
            &message, timeout);
    }

    // libzmq's socket, for `use` and for what only needs its address.
    zmq::socket_ref handle() const
    {
        return zmq::socket_ref(zmq::from_handle, capi::objects().state_handle(state_.get()));
    }

private:
    friend class use;

    static_assert(sizeof(zmq::message_t) == sizeof(zmq_msg_t),
                  "an array of one is one of the other");

    // Lets Python run where the calling thread has the GIL.
    class release_gil {
    public:
        release_gil()
            : thread_(Py_IsInitialized() != 0 && PyGILState_Check() != 0 ? PyEval_SaveThread()
                                                                         : nullptr)
        {
        }
        ~release_gil()
        {
            if (thread_ != nullptr) {
                const int error = errno;
                PyEval_RestoreThread(thread_);
                errno = error;
            }
        }
        release_gil(const release_gil&) = delete;
        release_gil& operator=(const release_gil&) = delete;

    private:
        PyThreadState* thread_;
    };

    static std::shared_ptr<capi::StateReference> owned(capi::StateReference* state)
    {
        return std::shared_ptr<capi::StateReference>(state, capi::objects().release_state);
    }

    static long milliseconds(std::chrono::milliseconds timeout)
    {
        return timeout.count() < 0 ? -1L : static_cast<long>(timeout.count());
    }

    static bool told(int result)
    {
        if (result == 0) {
            return true;
        }
        if (errno == EAGAIN) {
            return false;
        }
        throw zmq::error_t();
    }

    bool send(zmq::message_t* parts, std::size_t count, std::chrono::milliseconds timeout)
    {
        int result = 0;
        {
            const release_gil released;
            result = capi::objects().send(state_.get(), reinterpret_cast<zmq_msg_t*>(parts), count,
                                          milliseconds(timeout));
        }
        return told(result);
    }

    bool receive(bool whole, capi::TakePart take, void* with, std::chrono::milliseconds timeout)
    {
        int result = 0;
        {
            const release_gil released;
            result = capi::objects().receive(state_.get(), whole ? 1 : 0, take, with,
                                             milliseconds(timeout));
        }
        return told(result);
    }

    std::shared_ptr<capi::StateReference> state_;
};

// Takes a shared socket for calls of cppzmq until the end of the scope, and then wakes whoever
// waits for it in Python: a blocked call, a Poller, an event loop.
//
//     cppyzmq::use socket(shared);
//     socket->set(zmq::sockopt::subscribe, "topic");
//
// Keep it short: nobody else gets at the socket meanwhile. Do not wait in it (send and receive with
// zmq::*_flags::dontwait), and do not ask for the GIL or call Python.
class use {
public:
    explicit use(const shared_socket& socket) : state_(socket.state_)
    {
        if (capi::objects().enter(state_.get()) != 0) {
            throw zmq::error_t();
        }
        socket_ = socket.handle();
    }
    ~use() { capi::objects().leave(state_.get()); }
    use(const use&) = delete;
    use& operator=(const use&) = delete;

    zmq::socket_ref& operator*() { return socket_; }
    zmq::socket_ref* operator->() { return &socket_; }

private:
    std::shared_ptr<capi::StateReference> state_;
    zmq::socket_ref socket_;
};

// Another wrapper of a libzmq socket or context that C++ owns: zmq.Socket.shadow,
// zmq.Context.shadow. C++ closes it after Python has dropped the wrapper.
inline py::object shadow(zmq::socket_ref socket)
{
    return py::module_::import("zmq").attr("Socket").attr("shadow")(
        reinterpret_cast<std::uintptr_t>(socket.handle()));
}

inline py::object shadow(zmq::context_t& context)
{
    return py::module_::import("zmq").attr("Context").attr("shadow")(
        reinterpret_cast<std::uintptr_t>(context.handle()));
}

}  // namespace cppyzmq

namespace pybind11 {
namespace detail {

// For a load() of a caster: true for done, false for another type, or throws.
inline bool cppyzmq_loaded(cppyzmq::capi::Answer answer)
{
    if (answer == cppyzmq::capi::Answer::raised) {
        throw error_already_set();
    }
    return answer == cppyzmq::capi::Answer::done;
}

// A socket of any kind: synchronous, asynchronous, gevent's, a shadow. Out: a shadow.
template <>
struct type_caster<zmq::socket_ref> {
    PYBIND11_TYPE_CASTER(zmq::socket_ref, _("zmq.Socket"));

    bool load(handle source, bool)
    {
        void* found = nullptr;
        if (!cppyzmq_loaded(cppyzmq::capi::objects().socket_handle(source.ptr(), &found))) {
            return false;
        }
        value = zmq::socket_ref(zmq::from_handle, found);
        return true;
    }

    static handle cast(zmq::socket_ref socket, return_value_policy, handle)
    {
        return cppyzmq::shadow(socket).release();
    }
};

template <>
struct type_caster<cppyzmq::shared_socket> {
    PYBIND11_TYPE_CASTER(cppyzmq::shared_socket, _("zmq.Socket"));

    bool load(handle source, bool)
    {
        void* found = nullptr;
        if (!cppyzmq_loaded(cppyzmq::capi::objects().socket_handle(source.ptr(), &found))) {
            return false;
        }
        value = cppyzmq::shared_socket(source);
        return true;
    }

    static handle cast(const cppyzmq::shared_socket& socket, return_value_policy, handle)
    {
        return cppyzmq::shadow(socket.handle()).release();
    }
};

// zmq.Context as zmq::context_t& or zmq::context_t*, until the function returns: make sockets of
// it, do not keep it.
//
// cppzmq has no context that does not own, and makes one from no handle. So this is a context_t
// that was never constructed and is never destroyed, over the one pointer that it consists of.
template <>
struct type_caster<zmq::context_t> {
    static constexpr auto name = _("zmq.Context");

    bool load(handle source, bool)
    {
        void* found = nullptr;
        if (!cppyzmq_loaded(cppyzmq::capi::objects().context_handle(source.ptr(), &found))) {
            return false;
        }
        std::memcpy(&storage_, &found, sizeof found);
        return true;
    }

    static handle cast(zmq::context_t& context, return_value_policy, handle)
    {
        return cppyzmq::shadow(context).release();
    }
    static handle cast(zmq::context_t* context, return_value_policy, handle)
    {
        return context != nullptr ? cppyzmq::shadow(*context).release() : none().release();
    }

    template <class Wanted>
    using cast_op_type = typename std::conditional<
        std::is_pointer<typename std::remove_reference<Wanted>::type>::value, zmq::context_t*,
        zmq::context_t&>::type;
    operator zmq::context_t*() { return reinterpret_cast<zmq::context_t*>(&storage_); }
    operator zmq::context_t&() { return *reinterpret_cast<zmq::context_t*>(&storage_); }

private:
    static_assert(sizeof(zmq::context_t) == sizeof(void*) &&
                      std::is_standard_layout<zmq::context_t>::value,
                  "this cppzmq's context_t is not a single pointer");
    alignas(zmq::context_t) unsigned char storage_[sizeof(zmq::context_t)];
};

// In: a zmq.Frame shares its memory; large bytes lend theirs (read it only); any other buffer is
// copied. Out: a zmq.Frame, without a copy.
template <>
struct type_caster<zmq::message_t> {
    PYBIND11_TYPE_CASTER(zmq::message_t, _("zmq.Frame"));

    bool load(handle source, bool)
    {
        return cppyzmq_loaded(cppyzmq::capi::objects().message_of(source.ptr(), value.handle()));
    }

    static handle cast(zmq::message_t&& message, return_value_policy, handle)
    {
        return frame(message, message.more());
    }
    static handle cast(const zmq::message_t& message, return_value_policy, handle)
    {
        zmq::message_t second;
        second.copy(const_cast<zmq::message_t&>(message));  // libzmq counts; the content stays
        return frame(second, message.more());
    }

    // Takes the content over.
    static handle frame(zmq::message_t& message, bool more)
    {
        PyObject* made = cppyzmq::capi::objects().new_frame(message.handle(), more ? 1 : 0);
        if (made == nullptr) {
            throw error_already_set();
        }
        return made;
    }
};

// The parts of one message: in from any sequence of what a message can be made from, out as a list
// of Frames.
template <>
struct type_caster<std::vector<zmq::message_t>> {
    PYBIND11_TYPE_CASTER(std::vector<zmq::message_t>, _("list[zmq.Frame]"));

    bool load(handle source, bool convert)
    {
        // Bytes and Frames are sequences too, but one part.
        if (PySequence_Check(source.ptr()) == 0 || PyObject_CheckBuffer(source.ptr()) != 0 ||
            PyUnicode_Check(source.ptr()) != 0) {
            return false;
        }
        value.clear();
        for (const handle part : reinterpret_borrow<sequence>(source)) {
            make_caster<zmq::message_t> loaded;
            if (!loaded.load(part, convert)) {
                return false;
            }
            value.push_back(cast_op<zmq::message_t&&>(std::move(loaded)));
        }
        return true;
    }

    static handle cast(std::vector<zmq::message_t>&& parts, return_value_policy, handle)
    {
        list frames;
        for (std::size_t index = 0; index < parts.size(); ++index) {
            frames.append(reinterpret_steal<object>(
                type_caster<zmq::message_t>::frame(parts[index], index + 1 < parts.size())));
        }
        return frames.release();
    }
};

// cppzmq's enum classes: in any int, out the member of zmq.constants. Not pybind11's own casters,
// which know the types of their own version only.
#define CPPYZMQ_ENUM_CASTER(Type, name_in_python)                                                  \
    template <>                                                                                    \
    struct type_caster<Type> {                                                                     \
        using Number = std::underlying_type<Type>::type;                                           \
        PYBIND11_TYPE_CASTER(Type, _("zmq." name_in_python));                                      \
                                                                                                   \
        bool load(handle source, bool)                                                             \
        {                                                                                          \
            if (PyIndex_Check(source.ptr()) == 0) {                                                \
                return false;                                                                      \
            }                                                                                      \
            const auto number = reinterpret_steal<object>(PyNumber_Index(source.ptr()));           \
            if (!number) {                                                                         \
                throw error_already_set();                                                         \
            }                                                                                      \
            value = static_cast<Type>(number.cast<Number>());                                      \
            return true;                                                                           \
        }                                                                                          \
                                                                                                   \
        static handle cast(Type member, return_value_policy, handle)                               \
        {                                                                                          \
            return module_::import("zmq.constants")                                                \
                .attr(name_in_python)(static_cast<Number>(member))                                 \
                .release();                                                                        \
        }                                                                                          \
    }

CPPYZMQ_ENUM_CASTER(zmq::socket_type, "SocketType");
CPPYZMQ_ENUM_CASTER(zmq::ctxopt, "ContextOption");
CPPYZMQ_ENUM_CASTER(zmq::send_flags, "Flag");
CPPYZMQ_ENUM_CASTER(zmq::recv_flags, "Flag");
#if defined(ZMQ_BUILD_DRAFT_API) && defined(ZMQ_HAVE_POLLER)
CPPYZMQ_ENUM_CASTER(zmq::event_flags, "PollEvent");
#endif

#undef CPPYZMQ_ENUM_CASTER

}  // namespace detail
}  // namespace pybind11
