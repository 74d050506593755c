// Fast native methods: METH_FASTCALL | METH_KEYWORDS functions put on a class.
//
// pybind11's own dispatch costs three times the call of libzmq that it leads to;
// send, recv, poll, get and set therefore read their arguments here
// (benchmarks/README.md).
#pragma once

#include "core.hpp"
#include "errors.hpp"

#include <array>
#include <climits>
#include <cstddef>
#include <initializer_list>

namespace cppyzmq {

// The parameters of one method. Made when the module is loaded, with the
// interpreter running.
template <std::size_t count>
class Signature {
public:
    Signature(const char* function, std::array<const char*, count> names, Py_ssize_t required,
              Py_ssize_t positional = count)
        : function_(function), required_(required), positional_(positional)
    {
        for (std::size_t index = 0; index < count; ++index) {
            names_[index] = PyUnicode_InternFromString(names[index]);
        }
    }

    // Puts each argument in its place (borrowed; null where it was not given).
    // False with TypeError where they do not fit.
    bool read(PyObject* const* arguments, Py_ssize_t given, PyObject* keywords,
              std::array<PyObject*, count>& values) const
    {
        if (given > positional_) {
            PyErr_Format(PyExc_TypeError, "%s() takes at most %zd positional arguments (%zd given)",
                         function_, positional_, given);
            return false;
        }
        for (std::size_t index = 0; index < count; ++index) {
            values[index] = static_cast<Py_ssize_t>(index) < given ? arguments[index] : nullptr;
        }
        if (keywords != nullptr && !read_keywords(arguments + given, keywords, values)) {
            return false;
        }
        for (Py_ssize_t index = 0; index < required_; ++index) {
            if (values[static_cast<std::size_t>(index)] == nullptr) {
                PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%U'", function_,
                             names_[static_cast<std::size_t>(index)]);
                return false;
            }
        }
        return true;
    }

private:
    bool read_keywords(PyObject* const* values_given, PyObject* keywords,
                       std::array<PyObject*, count>& values) const
    {
        const Py_ssize_t keyword_count = PyTuple_GET_SIZE(keywords);
        for (Py_ssize_t index = 0; index < keyword_count; ++index) {
            PyObject* keyword = PyTuple_GET_ITEM(keywords, index);
            const std::size_t place = find(keyword);
            if (place == count) {
                PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'",
                             function_, keyword);
                return false;
            }
            if (values[place] != nullptr) {
                PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'",
                             function_, keyword);
                return false;
            }
            values[place] = values_given[index];
        }
        return true;
    }

    std::size_t find(PyObject* keyword) const
    {
        for (std::size_t index = 0; index < count; ++index) {
            if (names_[index] == keyword) {
                return index;
            }
        }
        for (std::size_t index = 0; index < count; ++index) {
            if (PyUnicode_Compare(names_[index], keyword) == 0) {
                return index;
            }
        }
        return count;
    }

    const char* function_;
    Py_ssize_t required_;
    Py_ssize_t positional_;
    std::array<PyObject*, count> names_;
};

// An argument as a C int; the default where it was not given. False with
// TypeError or OverflowError.
inline bool read_int(PyObject* value, int& result)
{
    if (value == nullptr) {
        return true;
    }
    const long number = PyLong_AsLong(value);
    if (number == -1 && PyErr_Occurred() != nullptr) {
        return false;
    }
    if (number < INT_MIN || number > INT_MAX) {
        PyErr_Format(PyExc_OverflowError, "value too large to convert to int: %R", value);
        return false;
    }
    result = static_cast<int>(number);
    return true;
}

// An argument as a truth value; the default where it was not given.
inline bool read_bool(PyObject* value, bool& result)
{
    if (value == nullptr) {
        return true;
    }
    if (value == Py_True || value == Py_False) {
        result = value == Py_True;
        return true;
    }
    const int truth = PyObject_IsTrue(value);
    result = truth > 0;
    return truth >= 0;
}

// Milliseconds: any number, for ever where it is None or negative.
bool read_timeout(PyObject* value, long& timeout_ms);

using FastFunction = PyObject* (*)(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                                   PyObject* keywords);

// Nothing may be thrown out of a C function: what is, becomes a Python exception.
template <FastFunction function>
PyObject* no_throw(PyObject* self, PyObject* const* arguments, Py_ssize_t count, PyObject* keywords)
{
    try {
        return function(self, arguments, count, keywords);
    } catch (const std::exception&) {
        raise_current_exception();
        return nullptr;
    }
}

template <FastFunction function>
constexpr PyMethodDef fast_method(const char* name, const char* doc)
{
    return {name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&no_throw<function>)),
            METH_FASTCALL | METH_KEYWORDS, doc};
}

// What the type has under a name: borrowed, from the interpreter's cache.
inline PyObject* of_type(PyObject* self, PyObject* name)
{
    return _PyType_Lookup(Py_TYPE(self), name);
}

// Whether that is the native method, and none of a subclass.
inline bool is_native(PyObject* found, const PyMethodDef& method)
{
    return found != nullptr && Py_IS_TYPE(found, &PyMethodDescr_Type) &&
           reinterpret_cast<PyMethodDescrObject*>(found)->d_method == &method;
}

inline void put(py::handle type, const char* name, PyObject* descriptor)
{
    if (descriptor == nullptr) {
        throw py::error_already_set();
    }
    py::setattr(type, name, py::reinterpret_steal<py::object>(descriptor));
}

// Puts a read-only property on `type`. The definition must live as long as it.
inline void install_property(py::handle type, PyGetSetDef& definition)
{
    put(type, definition.name,
        PyDescr_NewGetSet(reinterpret_cast<PyTypeObject*>(type.ptr()), &definition));
}

// Puts each method on `type`. The definitions must live as long as it.
template <std::size_t count>
void install_methods(py::handle type, std::array<PyMethodDef, count>& definitions)
{
    for (PyMethodDef& definition : definitions) {
        put(type, definition.ml_name,
            PyDescr_NewMethod(reinterpret_cast<PyTypeObject*>(type.ptr()), &definition));
    }
}

}  // namespace cppyzmq
