// Entry point of zmq._core.
#include "core.hpp"

PYBIND11_MODULE(_core, module, pybind11::mod_gil_not_used())
{
    // Each docstring brings its own signature line, which inspect understands.
    pybind11::options options;
    options.disable_function_signatures();
    module.doc() = "Native core: libzmq through cppzmq.";
    cppyzmq::register_process(module);
    cppyzmq::register_constants(module);
    cppyzmq::register_errors(module);
    cppyzmq::register_release_queue(module);
    cppyzmq::register_tracker(module);
    cppyzmq::register_frame(module);
    cppyzmq::register_context(module);
    cppyzmq::register_socket(module);
    cppyzmq::register_watch(module);
    cppyzmq::register_awaitable(module);
    cppyzmq::register_poll(module);
    cppyzmq::register_poller(module);
    cppyzmq::register_proxy(module);
    cppyzmq::register_curve(module);
    cppyzmq::register_library(module);
    cppyzmq::register_capi(module);
}
