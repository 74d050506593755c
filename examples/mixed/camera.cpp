// The C++ half of acquire.py: a camera, whose thread sends frames into a socket of the Python
// program's context, and a consumer, whose thread receives from a socket that Python made.
#include <cppyzmq/pybind11.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace py = pybind11;

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start)
{
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// What a frame begins with: the first part of its message. The second part are the pixels.
struct Header {
    std::uint64_t number;
    std::uint32_t width;
    std::uint32_t height;
};

constexpr std::size_t levels = 65536;

// The brightness of the first pixel; each next one is brighter by one, modulo 65536. So every
// frame differs from its neighbours, and whoever receives it knows what must be in it.
std::size_t first_level(std::uint64_t number)
{
    return static_cast<std::size_t>(number * 7919 % levels);
}

class Camera {
public:
    // The socket is made here, of Python's context. The thread uses it, and closes it at the end:
    // the context waits for that when it is terminated.
    Camera(zmq::context_t& context, const std::string& endpoint, std::uint32_t width,
           std::uint32_t height)
        : socket_(context, zmq::socket_type::push),
          width_(width),
          height_(height),
          ramp_(std::size_t{width} * height + levels)
    {
        std::uint16_t level = 0;
        std::generate(ramp_.begin(), ramp_.end(), [&level] { return level++; });
        socket_.set(zmq::sockopt::sndhwm, 8);
        socket_.connect(endpoint);
    }
    ~Camera() { join(); }

    // Sends so many frames; to be called once.
    void start(std::uint64_t frames)
    {
        thread_ = std::thread([this, frames] { run(frames); });
    }

    // Waits for the end; the frames a second that were sent.
    double join()
    {
        if (thread_.joinable()) {
            thread_.join();
        }
        return rate_;
    }

private:
    void run(std::uint64_t frames)
    {
        const auto start = Clock::now();
        const std::size_t size = std::size_t{width_} * height_ * sizeof(std::uint16_t);
        std::uint64_t number = 0;
        try {
            for (; number < frames; ++number) {
                const Header header{number, width_, height_};
                zmq::message_t first(&header, sizeof header);
                // Written where it is sent from: Python's array is over this very memory.
                zmq::message_t pixels(size);
                std::memcpy(pixels.data(), ramp_.data() + first_level(number), size);
                socket_.send(first, zmq::send_flags::sndmore);
                socket_.send(pixels, zmq::send_flags::none);
            }
        } catch (const zmq::error_t& error) {
            if (error.num() != ETERM) {
                throw;
            }
        }
        rate_ = static_cast<double>(number) / seconds_since(start);
        socket_.close();
    }

    zmq::socket_t socket_;
    std::uint32_t width_;
    std::uint32_t height_;
    std::vector<std::uint16_t> ramp_;
    double rate_ = 0.0;
    std::thread thread_;  // last: it uses the others
};

// What Python publishes of each frame.
struct Result {
    std::uint64_t number;
    std::uint64_t sum;
};

// Receives so many results on a socket that Python made and may go on using, or close.
class Consumer {
public:
    Consumer(cppyzmq::shared_socket socket, std::uint64_t results, std::uint64_t pixels)
        : thread_([this, socket, results, pixels]() mutable { run(socket, results, pixels); })
    {
    }
    ~Consumer()
    {
        if (thread_.joinable()) {
            thread_.join();
        }
    }

    // Waits for the last one; the results a second. Throws where one was wrong or missing.
    double join()
    {
        if (thread_.joinable()) {
            thread_.join();
        }
        if (!error_.empty()) {
            throw std::runtime_error(error_);
        }
        return rate_;
    }

private:
    static std::uint64_t sum_of(std::uint64_t number, std::uint64_t pixels)
    {
        std::uint64_t sum = 0;
        std::uint64_t level = first_level(number);
        for (std::uint64_t pixel = 0; pixel < pixels; ++pixel) {
            sum += level++ % levels;
        }
        return sum;
    }

    void run(cppyzmq::shared_socket& socket, std::uint64_t results, std::uint64_t pixels)
    {
        const auto start = Clock::now();
        try {
            for (std::uint64_t number = 0; number < results; ++number) {
                zmq::message_t message;
                if (!socket.receive(message, std::chrono::seconds(30))) {
                    throw std::runtime_error("no result came for 30 seconds");
                }
                Result result{};
                if (message.size() != sizeof result) {
                    throw std::runtime_error("a result of a wrong size");
                }
                std::memcpy(&result, message.data(), sizeof result);
                if (result.number != number || result.sum != sum_of(number, pixels)) {
                    throw std::runtime_error("result " + std::to_string(number) + " is wrong");
                }
            }
        } catch (const std::exception& error) {
            error_ = error.what();
        }
        rate_ = static_cast<double>(results) / seconds_since(start);
    }

    std::string error_;
    double rate_ = 0.0;
    std::thread thread_;  // last: it uses the others
};

}  // namespace

PYBIND11_MODULE(camera, module, py::mod_gil_not_used())
{
    cppyzmq::import();
    const auto released = py::call_guard<py::gil_scoped_release>();

    py::class_<Camera>(module, "Camera")
        .def(py::init<zmq::context_t&, const std::string&, std::uint32_t, std::uint32_t>(),
             py::arg("context"), py::arg("endpoint"), py::arg("width"), py::arg("height"))
        .def("start", &Camera::start, py::arg("frames"), released)
        .def("join", &Camera::join, released);

    py::class_<Consumer>(module, "Consumer")
        .def(py::init<cppyzmq::shared_socket, std::uint64_t, std::uint64_t>(), py::arg("socket"),
             py::arg("results"), py::arg("pixels"))
        .def("join", &Consumer::join, released);

    module.attr("HEADER") = "=QII";
    module.attr("RESULT") = "=QQ";
}
