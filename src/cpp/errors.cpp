// The map from errno to class.
#include "errors.hpp"

#include <cerrno>
#include <exception>

namespace cppyzmq {

namespace {

// The exception classes, and what a raise needs of them; held for the life of
// the process.
struct Classes {
    PyObject* zmq_error = nullptr;
    PyObject* again = nullptr;
    PyObject* context_terminated = nullptr;
    PyObject* interrupted = nullptr;
    PyObject* not_done = nullptr;
    PyObject* draft_fd_warning = nullptr;
    PyObject* closed_context = nullptr;
    PyObject* empty_message = nullptr;
    PyObject* errno_name = nullptr;
    PyObject* strerror_name = nullptr;
    PyObject* eagain_arguments = nullptr;
};
Classes classes;

PyObject* class_of(int number)
{
    switch (number) {
        case EAGAIN:
            return classes.again;
        case ETERM:
            return classes.context_terminated;
        case EINTR:
            return classes.interrupted;
        default:
            return classes.zmq_error;
    }
}

void register_classes(py::object zmq_error, py::object again, py::object context_terminated,
                      py::object interrupted, py::object not_done, py::object draft_fd_warning,
                      py::object closed_context, py::object empty_message)
{
    classes.zmq_error = zmq_error.release().ptr();
    classes.again = again.release().ptr();
    classes.context_terminated = context_terminated.release().ptr();
    classes.interrupted = interrupted.release().ptr();
    classes.not_done = not_done.release().ptr();
    classes.draft_fd_warning = draft_fd_warning.release().ptr();
    classes.closed_context = closed_context.release().ptr();
    classes.empty_message = empty_message.release().ptr();
}

// The exception of `type` for an errno; null.
PyObject* raise_as(PyObject* type, int number, const std::string& message)
{
    if (type == nullptr) {
        PyErr_Format(PyExc_RuntimeError, "%s (import zmq before zmq._core)", zmq_strerror(number));
        return nullptr;
    }
    // Again is the path of every receive that finds nothing: its class has the errno,
    // and an instance needs no __dict__.
    const bool again = number == EAGAIN;
    const bool of_class = again || number == ETERM;
    const py::object arguments =
        again ? py::reinterpret_borrow<py::object>(classes.eagain_arguments)
              : py::reinterpret_steal<py::object>(Py_BuildValue("(i)", number));
    if (!arguments) {
        return nullptr;
    }
    // Made without __init__: a third of the cost.
    auto* python_type = reinterpret_cast<PyTypeObject*>(type);
    py::object error = py::reinterpret_steal<py::object>(
        python_type->tp_new(python_type, arguments.ptr(), nullptr));
    if (!error || (!of_class && PyObject_SetAttr(error.ptr(), classes.errno_name,
                                                 PyTuple_GET_ITEM(arguments.ptr(), 0)) < 0)) {
        return nullptr;
    }
    if (!message.empty()) {
        const py::object text = py::reinterpret_steal<py::object>(PyUnicode_DecodeUTF8(
            message.data(), static_cast<Py_ssize_t>(message.size()), "replace"));
        if (!text || PyObject_SetAttr(error.ptr(), classes.strerror_name, text.ptr()) < 0) {
            return nullptr;
        }
    }
    PyErr_SetObject(type, error.ptr());
    return nullptr;
}

}  // namespace

PyObject* raise_error(int number, const std::string& message)
{
    return raise_as(class_of(number), number, message);
}

PyObject* raise_last_error()
{
    return raise_error(zmq_errno());
}

PyObject* raise_error_about(int number, const std::string& what)
{
    return raise_error(number, std::string(zmq_strerror(number)) + ": " + what);
}

PyObject* raise_closed_socket()
{
    return raise_error_about(ENOTSOCK, "the socket is closed");
}

PyObject* raise_closed_context()
{
    return raise_as(classes.closed_context, EFAULT,
                    std::string(zmq_strerror(EFAULT)) +
                        ": the context is terminated; make a new Context");
}

PyObject* raise_foreign_socket()
{
    return raise_error_about(ENOTSOCK,
                             "the socket belongs to the process that this one was forked from; "
                             "make a new Context and socket in this process");
}

PyObject* raise_foreign_context()
{
    return raise_error_about(EFAULT,
                             "the context belongs to the process that this one was forked from; "
                             "make a new Context in this process");
}

PyObject* raise_empty_message()
{
    PyErr_SetString(classes.empty_message, "a message has at least one part, got none");
    return nullptr;
}

PyObject* raise_not_done()
{
    PyErr_SetNone(classes.not_done);
    return nullptr;
}

bool warn_draft_descriptor()
{
    return PyErr_WarnEx(classes.draft_fd_warning, "", 1) == 0;  // the class has the text
}

void raise_current_exception() noexcept
{
    try {
        throw;
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const zmq::error_t& error) {
        raise_error(error.num());
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

void register_errors(py::module_& module)
{
    classes.errno_name = PyUnicode_InternFromString("errno");
    classes.strerror_name = PyUnicode_InternFromString("strerror");
    classes.eagain_arguments = Py_BuildValue("(i)", EAGAIN);
    if (PyErr_Occurred() != nullptr) {
        throw py::error_already_set();
    }
    module.def(
        "register_errors", &register_classes, py::arg("ZMQError"), py::arg("Again"),
        py::arg("ContextTerminated"), py::arg("InterruptedSystemCall"), py::arg("NotDone"),
        py::arg("DraftFDWarning"), py::arg("ClosedContextError"), py::arg("EmptyMessageError"),
        R"doc(register_errors(ZMQError, Again, ContextTerminated, InterruptedSystemCall, NotDone, DraftFDWarning, ClosedContextError, EmptyMessageError)
--

Hand the exception classes over; zmq.error does, once.)doc");
    py::register_local_exception_translator([](std::exception_ptr raised) {
        try {
            if (raised) {
                std::rethrow_exception(raised);
            }
        } catch (const zmq::error_t& error) {
            raise_error(error.num());
        }
    });
}

}  // namespace cppyzmq
