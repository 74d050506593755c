// Everything that cppyzmq/pybind11.hpp converts, and C++ threads on Python's sockets.
#include <cppyzmq/pybind11.hpp>

#include <zmq_addon.hpp>

#include <dlfcn.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace py = pybind11;

namespace {

using std::chrono::milliseconds;

std::uintptr_t address(const void* pointer)
{
    return reinterpret_cast<std::uintptr_t>(pointer);
}

// A thread of C++ that works on a shared socket until it has done so many messages.
class Worker {
public:
    template <class Work>
    explicit Worker(Work work)
        : thread_([this, work]() mutable {
              try {
                  work();
              } catch (const zmq::error_t& error) {
                  number_ = error.num();
              }
          })
    {
    }
    ~Worker() { join(); }

    // The errno it ended with.
    int join()
    {
        const py::gil_scoped_release released;
        if (thread_.joinable()) {
            thread_.join();
        }
        return number_;
    }

private:
    int number_ = 0;
    std::thread thread_;
};

std::unique_ptr<Worker> send_numbers(cppyzmq::shared_socket socket, int count)
{
    return std::make_unique<Worker>([socket, count]() mutable {
        for (int number = 0; number < count; ++number) {
            std::vector<zmq::message_t> parts;
            parts.emplace_back(std::string("cpp"));
            parts.emplace_back(std::to_string(number));
            socket.send(parts);
        }
    });
}

std::unique_ptr<Worker> echo(cppyzmq::shared_socket socket, int count)
{
    return std::make_unique<Worker>([socket, count]() mutable {
        for (int number = 0; number < count; ++number) {
            std::vector<zmq::message_t> parts;
            socket.receive(parts);
            socket.send(parts);
        }
    });
}

// The same with cppzmq's own calls.
std::unique_ptr<Worker> send_numbers_with_use(cppyzmq::shared_socket shared, int count)
{
    return std::make_unique<Worker>([shared, count] {
        for (int number = 0; number < count;) {
            zmq::message_t message(std::to_string(number));
            bool sent = false;
            {
                cppyzmq::use socket(shared);
                sent = socket->send(message, zmq::send_flags::dontwait).has_value();
            }
            number += sent ? 1 : 0;
            if (!sent) {
                std::this_thread::yield();
            }
        }
    });
}

// What a C++ program has that embeds Python, and lends to it.
class Owner {
public:
    Owner() : socket_(context_, zmq::socket_type::pair) { socket_.bind("inproc://owner"); }

    py::object context() { return cppyzmq::shadow(context_); }
    zmq::socket_ref socket() { return socket_; }
    void send(const std::string& text) { socket_.send(zmq::buffer(text), zmq::send_flags::none); }
    void end()
    {
        socket_.close();
        context_.close();
    }

private:
    zmq::context_t context_;
    zmq::socket_t socket_;
};

double nanoseconds_of(void (*call)(zmq::socket_ref, zmq::socket_ref), zmq::socket_ref one,
                      zmq::socket_ref other, int rounds)
{
    const auto start = std::chrono::steady_clock::now();
    for (int round = 0; round < rounds; ++round) {
        call(one, other);
    }
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    return taken.count() / rounds;
}

}  // namespace

PYBIND11_MODULE(casters, module, py::mod_gil_not_used())
{
    cppyzmq::import();

    module.attr("pybind11_version") = PYBIND11_VERSION_MAJOR * 100 + PYBIND11_VERSION_MINOR;

    // -- sockets
    module.def("type_of", [](zmq::socket_ref socket) {
        return static_cast<zmq::socket_type>(socket.get(zmq::sockopt::type));
    });
    module.def("same", [](zmq::socket_ref socket) { return socket; });
    module.def("address_of", [](zmq::socket_ref socket) { return address(socket.handle()); });
    module.def("send", [](zmq::socket_ref socket, const std::string& text, zmq::send_flags flags) {
        return socket.send(zmq::buffer(text), flags).has_value();
    });
    module.def(
        "receive",
        [](zmq::socket_ref socket, zmq::recv_flags flags) {
            zmq::message_t message;
            return socket.recv(message, flags) ? py::cast(std::move(message)) : py::none();
        },
        py::arg("socket"), py::arg("flags") = zmq::recv_flags::none);
    module.def("receive_all", [](zmq::socket_ref socket) {
        std::vector<zmq::message_t> parts;
        const auto received = zmq::recv_multipart(socket, std::back_inserter(parts));
        static_cast<void>(received);
        return parts;
    });

    // -- contexts
    module.def("context_address",
               [](zmq::context_t& context) { return address(context.handle()); });
    module.def("context_address_by_pointer",
               [](zmq::context_t* context) { return address(context->handle()); });
    module.def("max_sockets",
               [](zmq::context_t& context) { return context.get(zmq::ctxopt::max_sockets); });
    module.def("send_from_cpp", [](zmq::context_t& context, const std::string& endpoint) {
        zmq::socket_t socket(context, zmq::socket_type::push);
        socket.connect(endpoint);
        socket.send(zmq::buffer("made in C++", 11), zmq::send_flags::none);
    });

    // -- messages
    module.def("data_address", [](zmq::message_t& message) { return address(message.data()); });
    module.def("text", [](const zmq::message_t& message) { return message.to_string(); });
    module.def("text_of_value", [](zmq::message_t message) { return message.to_string(); });
    module.def("message", [](const std::string& text) { return zmq::message_t(text); });
    module.def("message_with_address", [](std::size_t size) {
        zmq::message_t message(size);
        const std::uintptr_t data = address(message.data());
        return py::make_tuple(py::cast(std::move(message)), data);
    });
    module.def("texts", [](const std::vector<zmq::message_t>& parts) {
        py::list list;
        for (const zmq::message_t& part : parts) {
            list.append(part.to_string());
        }
        return list;
    });
    module.def("messages", [](std::vector<zmq::message_t> parts) { return parts; });

    // -- enums
    module.def("next_type", [](zmq::socket_type type) { return type; });
    module.def("context_option", [](zmq::ctxopt option) { return option; });
    module.def("send_flag", [](zmq::send_flags flags) { return flags; });

    // -- sharing
    py::class_<Worker>(module, "Worker").def("join", &Worker::join);
    module.def("send_numbers", &send_numbers);
    module.def("send_numbers_with_use", &send_numbers_with_use);
    module.def("echo", &echo);
    module.def("receive_within", [](cppyzmq::shared_socket socket, int timeout_ms) {
        std::vector<zmq::message_t> parts;
        return socket.receive(parts, milliseconds(timeout_ms)) ? py::cast(std::move(parts))
                                                               : py::none();
    });
    module.def(
        "receive_without_gil",
        [](cppyzmq::shared_socket socket) {
            zmq::message_t message;
            socket.receive(message);
            return message;
        },
        py::call_guard<py::gil_scoped_release>());

    py::class_<Owner>(module, "Owner")
        .def(py::init<>())
        .def("context", &Owner::context)
        .def("socket", &Owner::socket)
        .def("send", &Owner::send)
        .def("end", &Owner::end, py::call_guard<py::gil_scoped_release>());

    // -- forwarding
    module.def("file_of_zmq_send", [] {
        Dl_info info{};
        dladdr(reinterpret_cast<void*>(&zmq_send), &info);
        return std::string(info.dli_fname);
    });
    module.def("libzmq_version", [] { return zmq::version(); });
    module.def("nanoseconds_a_pair", [](zmq::socket_ref one, zmq::socket_ref other, int rounds) {
        const auto pair = [](zmq::socket_ref from, zmq::socket_ref to) {
            char data[64] = {};
            zmq_send(from.handle(), data, sizeof data, 0);
            zmq_recv(to.handle(), data, sizeof data, 0);
        };
        return nanoseconds_of(pair, one, other, rounds);
    });
}
