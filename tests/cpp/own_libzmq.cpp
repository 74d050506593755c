// A program that links a libzmq of its own, embeds Python, and loads an extension that uses
// Python's: prints whose functions each of them has, and what was sent through each.
#include <Python.h>

#include <zmq.hpp>

#include <dlfcn.h>

#include <iostream>

namespace {

constexpr const char* script = R"(
import zmq, casters
with zmq.Context() as context, context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
    pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.last_endpoint)
    casters.send(push, "through the extension", 0)
    print(pull.recv_string())
print(zmq._core.libzmq_file())
print(casters.file_of_zmq_send(), flush=True)
)";

}  // namespace

int main()
{
    Dl_info own{};
    dladdr(reinterpret_cast<void*>(&zmq_send), &own);
    zmq::context_t context;
    zmq::socket_t sender(context, zmq::socket_type::pair);
    zmq::socket_t receiver(context, zmq::socket_type::pair);
    sender.bind("inproc://own");
    receiver.connect("inproc://own");

    Py_Initialize();
    const int failed = PyRun_SimpleString(script);
    sender.send(zmq::str_buffer("through its own"), zmq::send_flags::none);
    zmq::message_t message;
    static_cast<void>(receiver.recv(message));
    std::cout << message.to_string() << '\n' << own.dli_fname << std::endl;
    return failed != 0 || Py_FinalizeEx() != 0 ? 1 : 0;
}
