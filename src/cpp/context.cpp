// Lifetime and options of Context.
#include "context.hpp"

#include "errors.hpp"
#include "gil.hpp"
#include "instance.hpp"
#include "wait.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace cppyzmq {

namespace {

int finalizing()
{
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

using SharedState = std::shared_ptr<ContextState>;

// All states by address, for shadows. A new context gets a new one, since libzmq
// uses addresses again: also for a context of C++, of which we hear only by a shadow.
class ContextTable {
public:
    SharedState made(void* handle)
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        auto state = std::make_shared<ContextState>();
        entries_[handle] = state;
        return state;
    }
    SharedState shadowed(void* handle)
    {
        {
            const std::lock_guard<std::mutex> guard(mutex_);
            const auto found = entries_.find(handle);
            if (found != entries_.end()) {
                const SharedState state = found->second.lock();
                if (state != nullptr && !state->terminated) {
                    return state;
                }
            }
        }
        return made(handle);
    }
    void forget(void* handle, const SharedState& state)
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        const auto found = entries_.find(handle);
        if (found != entries_.end() && state.use_count() == 1 && found->second.lock() == state) {
            entries_.erase(found);
        }
    }

private:
    std::mutex mutex_;
    std::unordered_map<void*, std::weak_ptr<ContextState>> entries_;
};

ContextTable& context_table()
{
    static ContextTable* const table = new ContextTable;
    return *table;
}

// Throws what a raise_... function has set.
[[noreturn]] void throw_raised(PyObject*)
{
    throw py::error_already_set();
}

// Terminates a context that nobody has a name for any more. The thread is
// detached: it ends with the last lingering message, or with the process.
void terminate_in_background(void* handle)
{
    const SignalsBlocked blocked;
    try {
        std::thread([handle] {
            while (zmq_ctx_term(handle) != 0 && zmq_errno() == EINTR) {
            }
        }).detach();
    } catch (const std::system_error&) {
        zmq_ctx_shutdown(handle);  // no thread to be had: leaked, but quiet
    }
}

int checked_int(const py::object& value, const char* what)
{
    if (!PyLong_Check(value.ptr())) {
        throw py::type_error("expected int, got: " + py::repr(value).cast<std::string>());
    }
    const long number = PyLong_AsLong(value.ptr());
    if (number == -1 && PyErr_Occurred() != nullptr) {
        throw py::error_already_set();
    }
    if (number < INT_MIN || number > INT_MAX) {
        PyErr_Format(PyExc_OverflowError, "%s is too large for a C int: %ld", what, number);
        throw py::error_already_set();
    }
    return static_cast<int>(number);
}

void* new_context(int io_threads)
{
    void* handle = zmq_ctx_new();
    if (handle == nullptr) {
        throw zmq::error_t();
    }
    if (zmq_ctx_set(handle, ZMQ_IO_THREADS, io_threads) != 0) {
        const int error = zmq_errno();
        zmq_ctx_term(handle);
        throw_raised(raise_error_about(error, "io_threads=" + std::to_string(io_threads) +
                                                  "; 0 or more threads are possible"));
    }
    return handle;
}

}  // namespace

void ContextState::add_monitor(const std::shared_ptr<Monitor>& monitor)
{
    const std::lock_guard<std::mutex> guard(mutex_);
    monitors_.erase(std::remove_if(monitors_.begin(), monitors_.end(),
                                   [](const auto& old) { return !old->in_use(); }),
                    monitors_.end());
    monitors_.push_back(monitor);
}

void ContextState::add_listener(const std::string& endpoint, const std::shared_ptr<State>& listener)
{
    const std::lock_guard<std::mutex> guard(mutex_);
    // The newest is the one that can be bound there.
    const auto found = std::find_if(monitors_.rbegin(), monitors_.rend(), [&](const auto& monitor) {
        return monitor->endpoint() == endpoint;
    });
    if (found != monitors_.rend()) {
        (*found)->set_listener(listener);
    }
}

void ContextState::end_monitors()
{
    std::vector<std::shared_ptr<Monitor>> ending;
    {
        const std::lock_guard<std::mutex> guard(mutex_);
        ending = monitors_;
    }
    for (const auto& monitor : ending) {
        monitor->end(Gil::held);
    }
}

void Context::open(int io_threads, std::uintptr_t shadow)
{
    if (state_ != nullptr) {
        throw py::type_error("a Context cannot be initialised twice");
    }
    handle_ = shadow != 0 ? reinterpret_cast<void*>(shadow) : new_context(io_threads);
    shadow_ = shadow != 0;
    state_ = shadow_ ? context_table().shadowed(handle_) : context_table().made(handle_);
}

Context::~Context()
{
    // At interpreter exit nothing is terminated: the process ends anyway.
    if (!shadow_ && !closed() && of_this_process() && finalizing() == 0) {
        state_->terminating = state_->terminated = true;
        terminate_in_background(handle_);
    }
    if (state_ != nullptr) {
        context_table().forget(handle_, state_);
    }
}

Context::Use::Use(const Context& context) : state_(context.state_), handle_(context.handle_)
{
    if (state_ == nullptr) {
        throw py::type_error("Context.__init__() was not called");
    }
    if (!context.of_this_process()) {
        throw_raised(raise_foreign_context());
    }
    if (context.closed()) {
        throw_raised(raise_closed_context());
    }
    // Counted before the look at `terminating`, which term() sets before it looks
    // at the count: one of the two sees the other.
    state_->users.fetch_add(1);
    if (state_->terminating) {
        state_->users.fetch_sub(1);
        throw_raised(raise_error(ETERM));
    }
}

std::uintptr_t Context::underlying() const
{
    return closed() ? 0 : reinterpret_cast<std::uintptr_t>(handle_);
}

int Context::get(int option) const
{
    const Use context(*this);
    errno = 0;  // -1 is also a value: that of THREAD_SCHED_POLICY
    const int value = zmq_ctx_get(context.handle(), option);
    if (value < 0 && errno != 0) {
        throw_raised(raise_error_about(errno, "no context option " + std::to_string(option) +
                                                  " can be read"));
    }
    return value;
}

void Context::set(int option, int value)
{
    const Use context(*this);
    if (zmq_ctx_set(context.handle(), option, value) != 0) {
        throw_raised(raise_error_about(zmq_errno(), "context option " + std::to_string(option) +
                                                        " does not accept " +
                                                        std::to_string(value)));
    }
}

void Context::shutdown()
{
    const Use context(*this);
    if (zmq_ctx_shutdown(context.handle()) != 0) {
        throw zmq::error_t();
    }
}

void Context::term()
{
    if (state_ == nullptr || !of_this_process()) {
        let_go_ = true;  // leaked here on purpose
        return;
    }
    // Another thread's term() may be interrupted, by Ctrl-C: then this one goes on.
    constexpr auto look_again = std::chrono::milliseconds(50);
    for (;;) {
        bool ours = state_->one_term.try_lock();
        if (!ours) {
            const ReleaseGil released;
            ours = state_->one_term.try_lock_for(look_again);
        }
        if (ours) {
            break;
        }
        if (PyErr_CheckSignals() != 0) {
            throw py::error_already_set();
        }
    }
    const std::lock_guard<std::recursive_timed_mutex> guard(state_->one_term, std::adopt_lock);
    if (closed()) {
        return;
    }
    state_->terminating = true;
    while (state_->users != 0) {
        const ReleaseGil released;
        std::this_thread::yield();
    }
    state_->end_monitors();
    while (!closed()) {
        switch (wait_until_terminated(handle_)) {
            case Waited::done:
                state_->terminated = true;
                break;
            case Waited::failed:
                if (errno != EINTR) {
                    throw_raised(raise_last_error());
                }
                break;
            case Waited::raised:
                throw py::error_already_set();
        }
    }
}

namespace {

void initialise(Context& self, const py::args& arguments, const py::kwargs& keywords)
{
    static const char* const names[] = {"io_threads", "shadow", nullptr};
    PyObject* io_threads = nullptr;
    PyObject* shadow = nullptr;
    if (PyArg_ParseTupleAndKeywords(arguments.ptr(), keywords.ptr(), "|OO:Context",
                                    const_cast<char**>(names), &io_threads, &shadow) == 0) {
        throw py::error_already_set();
    }
    void* address = shadow != nullptr ? PyLong_AsVoidPtr(shadow) : nullptr;
    if (PyErr_Occurred() != nullptr) {
        throw py::error_already_set();
    }
    self.open(io_threads == nullptr
                  ? 1
                  : checked_int(py::reinterpret_borrow<py::object>(io_threads), "io_threads"),
              reinterpret_cast<std::uintptr_t>(address));
}

}  // namespace

void register_context(py::module_& module)
{
    py::class_<Context>(module, "Context", py::dynamic_attr(), plain_metaclass(),
                        py::custom_type_setup(set_up_instance<Context, initialise>), R"doc(
A libzmq context (zmq_ctx_new(3)).

Parameters
----------
io_threads
    How many I/O threads it may use; one per gigabyte of traffic a second.
shadow
    Address of an existing libzmq context to refer to; 0 to make a new one.

Raises
------
ZMQError
    EINVAL: `io_threads` is negative.)doc")
        .def_property_readonly("closed", &Context::closed, "Whether term() has returned.")
        .def_property_readonly("underlying", &Context::underlying,
                               "The address of the libzmq context; 0 once terminated.")
        .def(
            "get",
            [](const Context& self, const py::object& option) {
                return self.get(checked_int(option, "option"));
            },
            py::arg("option"), R"doc(get($record, self, option)
--

Get a context option (zmq_ctx_get(3)).

Parameters
----------
option
    A ContextOption.

Raises
------
ZMQError
    EINVAL: there is no such option; EFAULT: the context is terminated.)doc")
        .def(
            "set",
            [](Context& self, const py::object& option, const py::object& value) {
                self.set(checked_int(option, "option"), checked_int(value, "optval"));
            },
            py::arg("option"), py::arg("optval"), R"doc(set($record, self, option, optval)
--

Set a context option (zmq_ctx_set(3)).

Parameters
----------
option
    A ContextOption.
optval
    The new value.

Raises
------
ZMQError
    EINVAL: no such option or value; EFAULT: the context is terminated.
TypeError
    The value is not an int.)doc")
        .def("shutdown", &Context::shutdown, R"doc(shutdown($record, self)
--

End every call on its sockets with ContextTerminated (zmq_ctx_shutdown(3)).

term() still has to be called.)doc")
        .def("term", &Context::term, R"doc(term($record, self)
--

Close the context (zmq_ctx_term(3)).

Calls on its sockets end with ContextTerminated. Returns when all of them are
closed, and what they had to send is sent or their LINGER is over; the context has
ended for all its wrappers then. May be called again.)doc");
}

}  // namespace cppyzmq
