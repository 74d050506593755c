// Connects an extension, or a program that embeds Python, to the libzmq that Python uses. Needs
// only the C interface of Python; with pybind11 include pybind11.hpp instead.
#pragma once

#include <Python.h>

#include "capi.hpp"

#include <zmq.h>

#include <cstdarg>
#include <cstddef>

namespace cppyzmq {

namespace capi {

// Sets an ImportError, with the exception that is set as its cause; returns false.
inline bool refuse_import(const char* format, ...)
{
    PyObject* type = nullptr;
    PyObject* cause = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &cause, &traceback);
    PyErr_NormalizeException(&type, &cause, &traceback);
    va_list arguments;
    va_start(arguments, format);
    PyErr_FormatV(PyExc_ImportError, format, arguments);
    va_end(arguments);
    if (cause != nullptr) {
        PyObject* raised_type = nullptr;
        PyObject* raised = nullptr;
        PyObject* raised_traceback = nullptr;
        PyErr_Fetch(&raised_type, &raised, &raised_traceback);
        PyErr_NormalizeException(&raised_type, &raised, &raised_traceback);
        PyException_SetCause(raised, cause);  // takes the reference
        PyErr_Restore(raised_type, raised, raised_traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return false;
}

// What the table must be for this extension. False with an ImportError.
inline bool check_table(const Table& table)
{
    if (table.abi != abi_version) {
        return refuse_import(
            "this extension was built with the headers of cppyzmq's C++ interface %u, and the "
            "installed cppyzmq has version %u: build the extension again",
            static_cast<unsigned>(abi_version), static_cast<unsigned>(table.abi));
    }
    if (table.size < offsetof(Table, zmq_ctx_set_ext) || table.objects->size < sizeof(Objects)) {
        return refuse_import(
            "this extension was built with a newer cppyzmq than the installed one: "
            "upgrade cppyzmq");
    }
    if (table.libzmq_version[0] != ZMQ_VERSION_MAJOR) {
        return refuse_import(
            "this extension was built with the headers of libzmq %d.%d.%d, and Python uses "
            "libzmq %d.%d.%d (%s)",
            ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH,
            static_cast<int>(table.libzmq_version[0]), static_cast<int>(table.libzmq_version[1]),
            static_cast<int>(table.libzmq_version[2]), table.libzmq_file);
    }
#ifdef ZMQ_BUILD_DRAFT_API
    if (table.drafts == 0) {
        return refuse_import("this extension needs draft functions of libzmq (it was built with "
                             "ZMQ_BUILD_DRAFT_API), and the installed cppyzmq was built without");
    }
#endif
    return true;
}

// False with a Python exception. To be called with the GIL, in the init function of the module,
// before anything of libzmq is used; may be called again.
inline bool import_table()
{
    PyObject* core = PyImport_ImportModule("zmq._core");
    if (core == nullptr) {
        return refuse_import(
            "this extension needs cppyzmq (`pip install cppyzmq`), and `zmq` is missing or another "
            "package, such as pyzmq");
    }
    PyObject* capsule = PyObject_GetAttrString(core, "capi");
    Py_DECREF(core);
    const void* lent = capsule != nullptr ? PyCapsule_GetPointer(capsule, capsule_name) : nullptr;
    Py_XDECREF(capsule);  // the table lives as long as the process
    if (lent == nullptr) {
        return refuse_import("zmq._core has no capsule named %s: upgrade cppyzmq", capsule_name);
    }
    const Table& table = *static_cast<const Table*>(lent);
    if (!check_table(table) || table.objects->warn_of_second_libzmq() != 0) {
        return false;
    }
    cppyzmq_take_table(&table);
    return true;
}

// What the casters work with.
inline const Objects& objects()
{
    return *cppyzmq_table.objects;
}

}  // namespace capi

}  // namespace cppyzmq
