// A C++ program that embeds Python and shares its own context and sockets with it.
//
// It links no libzmq: Python's does the work, wherever it was installed from. So whatever it hands
// over fits, also if that libzmq is built into a wheel.
//
//     cmake -B build -Dcppyzmq_ROOT=$(python -m zmq --cmakedir) \
//           -Dpybind11_ROOT=$(python -m pybind11 --cmakedir)
//     cmake --build build
//     build/embed
//
// Order of the ends: Python's wrappers (shadows) own nothing, and are dropped first; then the
// sockets and the context of C++ end, as they always do; the interpreter may be gone by then, or
// not.
#include <cppyzmq/pybind11.hpp>

#include <pybind11/embed.h>

#include <iostream>
#include <memory>
#include <string>

namespace py = pybind11;
using namespace py::literals;

namespace {

// Works off what C++ sends to it, on a socket that it makes of the C++ program's own context, until
// an empty message comes.
constexpr const char* worker = R"(
import zmq

def square(context, endpoint):
    with context.socket(zmq.REP) as socket:
        socket.connect(endpoint)
        while text := socket.recv_string():
            socket.send_string(str(int(text) ** 2))
        socket.send(b"")
)";

std::string ask(cppyzmq::shared_socket& socket, const std::string& text)
{
    socket.send(zmq::buffer(text));
    zmq::message_t reply;
    socket.receive(reply);
    return reply.to_string();
}

// How many answers were wrong.
int ask_python(zmq::context_t& context)
{
    zmq::socket_t questions(context, zmq::socket_type::req);
    questions.bind("inproc://questions");
    py::dict scope;
    py::exec(worker, scope);
    const py::object thread =
        py::module_::import("threading")
            .attr("Thread")("target"_a = scope["square"],
                            "args"_a =
                                py::make_tuple(cppyzmq::shadow(context), "inproc://questions"));
    thread.attr("start")();
    int wrong = 0;
    // Lets Python run while it waits, as questions.recv() would not.
    cppyzmq::shared_socket shared{zmq::socket_ref(questions)};
    for (const int number : {2, 12, 111}) {
        const std::string answer = ask(shared, std::to_string(number));
        std::cout << number << " squared is " << answer << " (says Python)\n";
        wrong += answer != std::to_string(number * number) ? 1 : 0;
    }
    ask(shared, "");
    thread.attr("join")();
    return wrong;
}

}  // namespace

int main()
{
    auto interpreter = std::make_unique<py::scoped_interpreter>();
    try {
        cppyzmq::import();
    } catch (const py::error_already_set& error) {
        std::cerr << error.what() << std::endl;
        return 1;
    }
    zmq::context_t context;

    // 1. The context goes to Python, which makes a socket of it in a thread of its own.
    int wrong = ask_python(context);

    // 2. A socket goes to Python, for a while.
    zmq::socket_t events(context, zmq::socket_type::pair);
    zmq::socket_t log(context, zmq::socket_type::pair);
    log.bind("inproc://log");
    events.connect("inproc://log");
    {
        const py::object socket = cppyzmq::shadow(zmq::socket_ref(events));
        socket.attr("send_json")(py::dict("from"_a = "Python", "on"_a = "a socket of C++"));
        socket.attr("send_string")("the last words");
    }
    zmq::message_t message;
    static_cast<void>(log.recv(message));
    std::cout << message.to_string() << '\n';

    // 3. The interpreter may end first. What Python has sent, C++ still receives.
    interpreter.reset();
    static_cast<void>(log.recv(message));
    std::cout << message.to_string() << ", after the interpreter has ended\n";
    wrong += message.to_string() != "the last words" ? 1 : 0;

    std::cout << (wrong == 0 ? "OK" : "FAILED") << std::endl;
    return wrong;
}
