// proxy, proxy_steerable and monitored_queue, on a loop of our own.
//
// zmq_proxy can be ended by nothing but its context; this loop also ends by
// close() of a socket and by Ctrl-C. It runs without the GIL, moves whole messages
// in bursts, and takes no message that it could not pass on.
#include "errors.hpp"
#include "release_queue.hpp"
#include "socket.hpp"
#include "wait.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

namespace cppyzmq {

namespace {

struct Traffic {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;

    void add(std::uint64_t size)
    {
        ++messages;
        bytes += size;
    }
};

// One of the proxy's sockets, and our place among those who wait on it.
struct Side {
    State* state = nullptr;
    Traffic received;
    Traffic sent;
    Waiter waiter;
    int events = 0;  // as last read
};

// One way through the proxy.
struct Direction {
    Side* from;
    Side* to;
    std::optional<std::string> prefix;  // first part of what the monitor gets
    bool swap_ids = false;
    Parts message{};        // received, not yet passed on
    bool captured = false;  // the capture socket has its copy of it
    std::uint64_t size = 0;
};

enum class Moved { something, nothing, failed };

class Proxy {
public:
    Proxy(Socket& frontend, Socket& backend, Socket* capture, Socket* control);
    // Copies go to the capture socket with a first part that names the direction.
    void monitor(const std::string& in_prefix, const std::string& out_prefix, bool swap_ids);
    // Runs until it is ended. False with a Python exception; true after TERMINATE.
    bool run();

private:
    Moved move_all();
    Moved move(Direction& direction);
    // These answer false with errno: EAGAIN and EINTR mean that nothing was done.
    bool read_events(Side& side);
    bool receive(Direction& direction);
    bool capture(Direction& direction);
    bool pass_on(Direction& direction);
    // Carries out what came on the control socket. False with errno.
    bool obey();
    bool obey(const std::string& text);
    Parts statistics() const;

    void link_all();
    void unlink_all();
    // False when a signal came.
    bool sleep(const Deadline& deadline);
    void return_messages();
    bool fail(const State& state)
    {
        refused_ = &state;
        return false;
    }

    static constexpr int burst_ = 200;
    static constexpr long try_again_ms = 10;

    std::vector<Side> sides_;
    std::vector<Direction> directions_;
    Side* capture_ = nullptr;
    Side* control_ = nullptr;
    bool control_answers_ = false;  // what it sends goes to whoever sent the command
    bool paused_ = false;
    bool tried_ = false;  // a message that did not move, in the last pass
    bool terminated_ = false;
    const State* refused_ = nullptr;
    WakeLease wake_;
    std::vector<pollfd> system_;
};

Proxy::Proxy(Socket& frontend, Socket& backend, Socket* capture, Socket* control)
{
    sides_.reserve(4);
    const auto side_of = [this](Socket& socket) {
        for (Side& side : sides_) {
            if (side.state == socket.state.get()) {
                return &side;
            }
        }
        sides_.emplace_back();
        sides_.back().state = socket.state.get();
        return &sides_.back();
    };
    Side* front = side_of(frontend);
    Side* back = side_of(backend);
    directions_.push_back({front, back, {}});
    if (front != back) {
        directions_.push_back({back, front, {}});
    }
    capture_ = capture != nullptr ? side_of(*capture) : nullptr;
    if (control != nullptr) {
        control_ = side_of(*control);
        control_answers_ =
            control->type == ZMQ_PAIR || control->type == ZMQ_REP || control->type == ZMQ_DEALER;
    }
}

void Proxy::monitor(const std::string& in_prefix, const std::string& out_prefix, bool swap_ids)
{
    directions_.front().prefix = in_prefix;
    directions_.back().prefix = directions_.size() > 1 ? out_prefix : in_prefix;
    for (Direction& direction : directions_) {
        direction.swap_ids = swap_ids;
    }
}

bool Proxy::read_events(Side& side)
{
    const Entered entered(*side.state, Gil::released, &side.waiter);
    if (!entered) {
        return fail(*side.state);
    }
    const int events = side.state->events();
    if (events < 0) {
        return false;
    }
    side.events = events;
    return true;
}

bool Proxy::receive(Direction& direction)
{
    State& from = *direction.from->state;
    const Entered entered(from, Gil::released, &direction.from->waiter);
    if (!entered) {
        return fail(from);
    }
    if (receive_parts(from, direction.message) < 0) {
        return false;
    }
    direction.size = 0;
    for (const zmq::message_t& part : direction.message) {
        direction.size += part.size();
    }
    direction.from->received.add(direction.size);
    // Between two ROUTER sockets the first two parts are the peers: towards the
    // receiver its own id comes first.
    if (direction.swap_ids && direction.message.size() > 1) {
        direction.message[0].swap(direction.message[1]);
    }
    direction.captured = capture_ == nullptr;
    return true;
}

bool Proxy::capture(Direction& direction)
{
    Parts copy;
    if (direction.prefix) {
        copy.emplace_back(direction.prefix->data(), direction.prefix->size());
    }
    for (zmq::message_t& part : direction.message) {
        copy.emplace_back();
        copy.back().copy(part);
    }
    State& state = *capture_->state;
    const Entered entered(state, Gil::released, &capture_->waiter);
    if (!entered) {
        return fail(state);
    }
    direction.captured = send_parts(state, copy, 0) == 0;
    return direction.captured;
}

bool Proxy::pass_on(Direction& direction)
{
    State& to = *direction.to->state;
    const Entered entered(to, Gil::released, &direction.to->waiter);
    if (!entered) {
        return fail(to);
    }
    if (send_parts(to, direction.message, 0) < 0) {
        return false;
    }
    direction.to->sent.add(direction.size);
    direction.message.clear();
    return true;
}

// With the EVENTS of all sides just read: that processes what made a descriptor
// readable, and what a message that was refused waits for.
Moved Proxy::move(Direction& direction)
{
    // Nothing is taken that cannot be passed on. A socket that answers with what it
    // gets, such as a REP, cannot send before it has received.
    if (direction.message.empty() &&
        ((direction.from->events & ZMQ_POLLIN) == 0 ||
         (direction.from != direction.to && (direction.to->events & ZMQ_POLLOUT) == 0))) {
        return Moved::nothing;
    }
    tried_ = true;
    for (int round = 0; round < burst_; ++round) {
        if ((direction.message.empty() && !receive(direction)) ||
            (!direction.captured && !capture(direction)) || !pass_on(direction)) {
            if (errno != EAGAIN && errno != EINTR) {
                return Moved::failed;
            }
            return round > 0 ? Moved::something : Moved::nothing;
        }
    }
    return Moved::something;
}

Moved Proxy::move_all()
{
    tried_ = false;
    for (const Side& side : sides_) {
        if (side.state->closed()) {
            fail(*side.state);
            return Moved::failed;
        }
    }
    if (control_ != nullptr && !obey()) {
        return Moved::failed;
    }
    // Paused or not: what nobody processes keeps a descriptor readable.
    for (Side& side : sides_) {
        while (&side != control_ && !read_events(side)) {
            if (errno != EINTR) {
                return Moved::failed;
            }
        }
    }
    if (terminated_ || paused_) {
        return Moved::nothing;
    }
    bool any = false;
    for (Direction& direction : directions_) {
        switch (move(direction)) {
            case Moved::failed:
                return Moved::failed;
            case Moved::something:
                any = true;
                break;
            case Moved::nothing:
                break;
        }
    }
    return any ? Moved::something : Moved::nothing;
}

Parts Proxy::statistics() const
{
    // In the order of zmq_proxy_steerable(3).
    const Side& front = *directions_.front().from;
    const Side& back = *directions_.front().to;
    Parts parts;
    for (const Side* side : {&front, &back}) {
        for (const Traffic& traffic : {side->received, side->sent}) {
            parts.emplace_back(&traffic.messages, sizeof traffic.messages);
            parts.emplace_back(&traffic.bytes, sizeof traffic.bytes);
        }
    }
    return parts;
}

bool Proxy::obey()
{
    State& control = *control_->state;
    const Entered entered(control, Gil::released, &control_->waiter);
    if (!entered) {
        return fail(control);
    }
    for (;;) {
        Parts command;
        if (receive_parts(control, command) < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (!obey(command.front().to_string())) {
            return false;
        }
    }
}

// One command, inside the control socket. As in libzmq 4.3.5 each is answered, those
// that have nothing to say with an empty message.
bool Proxy::obey(const std::string& text)
{
    Parts answer;
    if (text == "PAUSE") {
        paused_ = true;
    } else if (text == "RESUME") {
        paused_ = false;
    } else if (text == "TERMINATE") {
        terminated_ = true;
    } else if (text == "STATISTICS") {
        answer = statistics();
    }
    if (answer.empty()) {
        answer.emplace_back();
    }
    if (!control_answers_) {
        return true;
    }
    // Who asks without listening gets nothing.
    return send_parts(*control_->state, answer, 0) == 0 || errno == EAGAIN;
}

void Proxy::link_all()
{
    for (Side& side : sides_) {
        const Entered entered(*side.state, Gil::released);
        if (entered) {
            side.waiter = {&*wake_, ZMQ_POLLIN | ZMQ_POLLOUT, nullptr};
            side.state->link(side.waiter);
        }
    }
}

void Proxy::unlink_all()
{
    for (Side& side : sides_) {
        const Entered entered(*side.state, Gil::released);
        if (entered) {
            side.state->unlink(side.waiter);
        } else if (side.state->of_this_process()) {
            side.state->await_closed();
        }
    }
}

bool Proxy::sleep(const Deadline& deadline)
{
    system_.clear();
    bool blind = false;
    for (const Side& side : sides_) {
        system_.push_back({side.state->fd(), poll_in, 0});
        blind = blind || side.state->blind();
    }
    system_.push_back({wake_->descriptor(), poll_in, 0});
    const bool uninterrupted = sleep_on(system_.data(), system_.size(), deadline, blind);
    if (system_.back().revents != 0) {
        wake_->drain();
    }
    return uninterrupted;
}

// What was taken, but could not be passed on, goes back in front.
void Proxy::return_messages()
{
    for (Direction& direction : directions_) {
        State& from = *direction.from->state;
        const Entered entered(from, Gil::released);
        if (!entered) {
            continue;
        }
        if (direction.swap_ids && direction.message.size() > 1) {
            direction.message[0].swap(direction.message[1]);
        }
        for (std::size_t index = direction.message.size(); index-- > 0;) {
            const bool more = index + 1 < direction.message.size();
            from.returned.push_front({std::move(direction.message[index]), more});
        }
        direction.message.clear();
    }
}

bool Proxy::run()
{
    using Clock = std::chrono::steady_clock;
    constexpr auto signals_every = std::chrono::milliseconds(50);
    for (;;) {
        if (PyErr_CheckSignals() != 0) {
            return_messages();
            return false;
        }
        // As in wait.cpp: the GIL by hand, nothing linked when it is taken back.
        PyThreadState* thread = PyEval_SaveThread();
        link_all();
        const auto look_at_signals = Clock::now() + signals_every;
        bool interrupted = false;
        Moved moved = Moved::nothing;
        while (!interrupted) {
            moved = move_all();
            if (moved == Moved::failed || terminated_) {
                break;
            }
            if (moved == Moved::nothing) {
                // A call that moved nothing may have processed what another one
                // waits for: then it is soon tried again.
                interrupted = !sleep(Deadline(tried_ ? try_again_ms : -1));
            } else {
                interrupted = Clock::now() > look_at_signals;
            }
        }
        const int error = errno;
        unlink_all();
        if (moved == Moved::failed || terminated_) {
            return_messages();
        }
        PyEval_RestoreThread(thread);
        if (terminated_) {
            return true;
        }
        if (moved == Moved::failed) {
            refused_ != nullptr ? raise_refused(*refused_) : raise_error(error);
            return false;
        }
    }
}

Socket& socket_argument(const py::object& object, const char* name)
{
    if (!is_socket(object.ptr())) {
        throw py::type_error(std::string(name) + " must be a zmq.Socket, got " +
                             py::repr(object).cast<std::string>());
    }
    Socket* socket = socket_of(object.ptr());
    if (socket == nullptr) {
        throw py::error_already_set();
    }
    return *socket;
}

Socket* optional_socket(const py::object& object, const char* name)
{
    return object.is_none() ? nullptr : &socket_argument(object, name);
}

void run_proxy(const py::object& frontend, const py::object& backend, const py::object& capture,
               const py::object& control)
{
    Proxy proxy(socket_argument(frontend, "frontend"), socket_argument(backend, "backend"),
                optional_socket(capture, "capture"), optional_socket(control, "control"));
    if (!proxy.run()) {
        throw py::error_already_set();
    }
}

void monitored_queue(const py::object& in_socket, const py::object& out_socket,
                     const py::object& mon_socket, const py::bytes& in_prefix,
                     const py::bytes& out_prefix)
{
    Socket& in = socket_argument(in_socket, "in_socket");
    Socket& out = socket_argument(out_socket, "out_socket");
    Proxy proxy(in, out, &socket_argument(mon_socket, "mon_socket"), nullptr);
    proxy.monitor(in_prefix, out_prefix, in.type == ZMQ_ROUTER && out.type == ZMQ_ROUTER);
    if (!proxy.run()) {
        throw py::error_already_set();
    }
}

}  // namespace

void register_proxy(py::module_& module)
{
    module.def(
        "proxy",
        [](const py::object& frontend, const py::object& backend, const py::object& capture) {
            run_proxy(frontend, backend, capture, py::none());
        },
        py::arg("frontend"), py::arg("backend"), py::arg("capture") = py::none(),
        R"doc(proxy(frontend, backend, capture=None)
--

Pass messages between two sockets until something ends it (zmq_proxy(3)).

Parameters
----------
frontend, backend
    The sockets; they may be the same one.
capture
    A socket that gets a copy of every message, or None.

Raises
------
ContextTerminated
    The context of the sockets was terminated.
ZMQError
    ENOTSOCK: a socket was closed.
KeyboardInterrupt
    Or what else a signal handler raises.)doc");
    module.def(
        "proxy_steerable",
        [](const py::object& frontend, const py::object& backend, const py::object& capture,
           const py::object& control) {
            run_proxy(frontend, backend, capture, control);
            return 0;
        },
        py::arg("frontend"), py::arg("backend"), py::arg("capture") = py::none(),
        py::arg("control") = py::none(),
        R"doc(proxy_steerable(frontend, backend, capture=None, control=None)
--

A proxy that obeys a control socket (zmq_proxy_steerable(3)).

Parameters
----------
frontend, backend, capture
    As for proxy().
control
    A socket on which PAUSE, RESUME, TERMINATE and STATISTICS come; or None.
    A PAIR, DEALER or REP answers each command: STATISTICS with eight parts,
    64-bit unsigned integers of this machine's byte order (messages and bytes
    received and sent by the frontend, then by the backend), the others with
    an empty message.

Returns
-------
int
    0, after TERMINATE.

Raises
------
ContextTerminated, ZMQError, KeyboardInterrupt
    As for proxy().)doc");
    module.def(
        "monitored_queue", &monitored_queue, py::arg("in_socket"), py::arg("out_socket"),
        py::arg("mon_socket"), py::arg("in_prefix") = py::bytes("in"),
        py::arg("out_prefix") = py::bytes("out"),
        R"doc(monitored_queue(in_socket, out_socket, mon_socket, in_prefix=b'in', out_prefix=b'out')
--

A proxy whose third socket gets every message with its direction.

Parameters
----------
in_socket, out_socket
    The sockets to pass messages between. Where both are ROUTER, the first two
    parts, the peers' routing ids, change places.
mon_socket
    Gets a copy of every message behind a part that names its direction.
in_prefix, out_prefix
    That part, for messages from in_socket and from out_socket.

Raises
------
ContextTerminated, ZMQError, KeyboardInterrupt
    As for proxy().)doc");
}

}  // namespace cppyzmq
