// pybind11 classes that cannot be caught half made.
//
// pybind11 makes the C++ object in __init__, and a method that is called before,
// or on an object whose __init__ has failed, works on raw memory. Ours exists from
// __new__ on, empty; __init__ only fills it. So a class needs no metaclass that
// watches __init__ either, and can be combined with abc.ABC and the like.
#pragma once

#include "core.hpp"
#include "errors.hpp"

#include <typeinfo>

namespace cppyzmq {

// The C++ object inside a Python object of its class.
template <class Object>
Object* object_of(PyObject* self)
{
    auto* instance = reinterpret_cast<py::detail::instance*>(self);
    return static_cast<Object*>(instance->simple_layout
                                    ? instance->simple_value_holder[0]
                                    : instance->get_value_and_holder().value_ptr());
}

template <class Object>
PyObject* new_instance(PyTypeObject* type, PyObject*, PyObject*)
{
    if ((type->tp_flags & Py_TPFLAGS_IS_ABSTRACT) != 0) {
        const py::tuple none;
        return PyBaseObject_Type.tp_new(type, none.ptr(), nullptr);  // raises, with the names
    }
    PyObject* self = py::detail::make_new_instance(type);
    if (self == nullptr) {
        return nullptr;
    }
    try {
        auto* instance = reinterpret_cast<py::detail::instance*>(self);
        const auto* known = py::detail::get_type_info(typeid(Object));
        instance->get_value_and_holder(known).value_ptr() = new Object();
        known->init_instance(instance, nullptr);
        return self;
    } catch (const std::exception&) {
        Py_DECREF(self);
        raise_current_exception();
        return nullptr;
    }
}

// __init__: `fill` reads its arguments into the object. It may throw.
template <class Object, void (*fill)(Object&, const py::args&, const py::kwargs&)>
int init_instance(PyObject* self, PyObject* arguments, PyObject* keywords)
{
    try {
        fill(*object_of<Object>(self), py::reinterpret_borrow<py::args>(arguments),
             keywords != nullptr ? py::reinterpret_borrow<py::kwargs>(keywords) : py::kwargs());
        return 0;
    } catch (const std::exception&) {
        raise_current_exception();
        return -1;
    }
}

// pybind11's traverse visits the __dict__. In Python 3.11, and only there, so does
// that of a class derived in Python, before it calls ours; visited twice, it looks
// as if somebody outside had it, and a cycle through it is never collected.
inline int traverse_instance(PyObject* object, traverseproc own, visitproc visit, void* arg)
{
#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030C0000
    if (Py_TYPE(object)->tp_traverse != own) {
        Py_VISIT(Py_TYPE(object));
        return 0;
    }
#else
    static_cast<void>(own);
#endif
    return py::detail::pybind11_traverse(object, visit, arg);
}

inline int traverse_attributes(PyObject* object, visitproc visit, void* arg)
{
    return traverse_instance(object, traverse_attributes, visit, arg);
}

// Weak references first: what the C++ object lets go of may run Python, which would
// find this object through them, and without the GIL revive it.
inline void dealloc_instance(PyObject* self)
{
    if (PyType_HasFeature(Py_TYPE(self), Py_TPFLAGS_HAVE_GC) != 0) {
        PyObject_GC_UnTrack(self);
    }
    if (reinterpret_cast<py::detail::instance*>(self)->weakrefs != nullptr) {
        PyObject_ClearWeakRefs(self);
    }
    py::detail::pybind11_object_dealloc(self);
}

template <class Object, void (*fill)(Object&, const py::args&, const py::kwargs&)>
void set_up_instance(PyHeapTypeObject* type)
{
    type->ht_type.tp_dealloc = dealloc_instance;
    type->ht_type.tp_new = new_instance<Object>;
    type->ht_type.tp_init = init_instance<Object, fill>;
    if (type->ht_type.tp_traverse != nullptr) {
        type->ht_type.tp_traverse = traverse_attributes;
    }
}

// Whether an instance may have the attribute although no class has a value for it:
// its __dict__ has it, or a class annotates it. May throw.
inline bool is_declared(PyObject* self, PyObject* name)
{
    if (py::getattr(self, "__dict__", py::tuple()).contains(py::handle(name))) {
        return true;
    }
    for (const py::handle type : py::reinterpret_borrow<py::tuple>(Py_TYPE(self)->tp_mro)) {
        if (py::getattr(type, "__annotations__", py::tuple()).contains(py::handle(name))) {
            return true;
        }
    }
    return false;
}

inline py::metaclass plain_metaclass()
{
    return py::metaclass(py::handle(reinterpret_cast<PyObject*>(&PyType_Type)));
}

}  // namespace cppyzmq
