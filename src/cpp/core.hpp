// First include of every source file: Python, then libzmq.
#pragma once

#include <pybind11/pybind11.h>

#include "libzmq.hpp"

// What the hot path needs is in it. (What it does not need: PYBIND11_NOINLINE.)
#ifdef _MSC_VER
#define CPPYZMQ_ALWAYS_INLINE __forceinline
#else
#define CPPYZMQ_ALWAYS_INLINE __attribute__((always_inline)) inline
#endif

namespace cppyzmq {

namespace py = pybind11;

// Each adds its room to the module; module.cpp calls them in this order.
void register_process(py::module_& module);
void register_constants(py::module_& module);
void register_errors(py::module_& module);
void register_release_queue(py::module_& module);
void register_tracker(py::module_& module);
void register_frame(py::module_& module);
void register_context(py::module_& module);
void register_socket(py::module_& module);
void register_watch(py::module_& module);
void register_awaitable(py::module_& module);
void register_poll(py::module_& module);
void register_poller(py::module_& module);
void register_proxy(py::module_& module);
void register_curve(py::module_& module);
void register_library(py::module_& module);
void register_capi(py::module_& module);

}  // namespace cppyzmq
