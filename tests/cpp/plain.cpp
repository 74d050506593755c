// A module without pybind11, which uses libzmq in its init function.
#include <cppyzmq/import.hpp>

#include <zmq.hpp>

#define INIT_OF(name) PyInit_##name
#define INIT(name) INIT_OF(name)
#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

namespace {

PyModuleDef definition{
    PyModuleDef_HEAD_INIT, TEXT(NAME), nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC INIT(NAME)()
{
#ifdef OTHER_ABI
    cppyzmq::capi::Objects objects{};
    objects.size = sizeof objects;
    cppyzmq::capi::Table table{};
    table.abi = cppyzmq::capi::abi_version + 1;
    table.size = sizeof table;
    table.objects = &objects;
    if (!cppyzmq::capi::check_table(table)) {
        return nullptr;
    }
#else
    try {
        zmq::context_t context;
    } catch (const zmq::error_t& error) {
        PyErr_SetString(PyExc_ImportError, error.what());
        return nullptr;
    }
#endif
    PyObject* module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
