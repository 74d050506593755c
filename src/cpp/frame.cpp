// Construction, properties and the buffer protocol of Frame.
#include "frame.hpp"

#include "constants.hpp"
#include "fastcall.hpp"
#include "gil.hpp"
#include "instance.hpp"
#include "release_queue.hpp"

#include <structmember.h>

#include <cctype>
#include <cstring>
#include <new>
#include <string>

namespace cppyzmq {

PyTypeObject* frame_type = nullptr;

namespace {

#if !CPPYZMQ_DRAFTS
PyObject* no_drafts(const char* sockets)
{
    PyErr_Format(PyExc_RuntimeError,
                 "libzmq must be built with draft support for %s; this one is not "
                 "(build cppyzmq with CPPYZMQ_LIBZMQ=bundled and CPPYZMQ_DRAFTS=ON)",
                 sockets);
    return nullptr;
}

constexpr const char* client_server = "CLIENT-SERVER";
constexpr const char* radio_dish = "RADIO-DISH";
#endif

Frame* self_of(PyObject* self)
{
    return reinterpret_cast<Frame*>(self);
}

// Without the GIL two threads may use one Frame, and libzmq writes to a message
// that it copies from.
#ifdef Py_GIL_DISABLED
class FrameLock {
public:
    explicit FrameLock(PyObject* frame) { PyCriticalSection_Begin(&section_, frame); }
    ~FrameLock() { PyCriticalSection_End(&section_); }
    FrameLock(const FrameLock&) = delete;
    FrameLock& operator=(const FrameLock&) = delete;

private:
    PyCriticalSection section_;
};
#else
class FrameLock {
public:
    explicit FrameLock(PyObject*) {}
    ~FrameLock() {}
    FrameLock(const FrameLock&) = delete;
    FrameLock& operator=(const FrameLock&) = delete;
};
#endif

PyObject* allocate(PyTypeObject* type)
{
    PyObject* self = type->tp_alloc(type, 0);
    if (self != nullptr) {
        new (&self_of(self)->part) zmq::message_t();
    }
    return self;
}

PyObject* frame_new(PyTypeObject* type, PyObject*, PyObject*)
{
    return allocate(type);
}

void frame_dealloc(PyObject* object)
{
    const DrainAfter drain;
    Frame* self = self_of(object);
    PyTypeObject* type = Py_TYPE(object);
    if (self->weak_references != nullptr) {
        PyObject_ClearWeakRefs(object);
    }
    self->part.~message_t();
    Py_XDECREF(self->data);
    Py_XDECREF(self->bytes);
    Py_XDECREF(self->tracker);
    type->tp_free(object);
    Py_DECREF(type);
}

void copy_view(const Py_buffer& view, zmq::message_t& part)
{
    const auto size = static_cast<std::size_t>(view.len);
    part.rebuild(size);
    copy_bytes(part.data(), view.buf, size);
}

// Copies, or lends, the memory of `data` into `frame`.
bool fill(Frame& frame, PyObject* data, bool track, PyObject* copy_given, Py_ssize_t threshold)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_ANY_CONTIGUOUS) != 0) {
        return false;
    }
    bool copy = view.len < threshold;
    if (copy_given != Py_None && !read_bool(copy_given, copy)) {
        PyBuffer_Release(&view);
        return false;
    }
    if (copy) {
        copy_view(view, frame.part);
    }
    PyBuffer_Release(&view);
    if (copy) {
        frame.tracker = track ? finished_message_tracker() : nullptr;
        return true;
    }
    SharedTracker tracker = track ? std::make_shared<Tracker>() : nullptr;
    if (!borrow(data, tracker, frame.part)) {
        return false;
    }
    frame.tracker = track ? new_message_tracker(std::move(tracker)) : nullptr;
    return !track || frame.tracker != nullptr;
}

int frame_init(PyObject* object, PyObject* arguments, PyObject* keywords)
{
    static const char* const names[] = {"data", "track", "copy", "copy_threshold", nullptr};
    PyObject* data = Py_None;
    int track = 0;
    PyObject* copy = Py_None;
    PyObject* threshold_given = Py_None;
    if (PyArg_ParseTupleAndKeywords(arguments, keywords, "|OpOO:Frame", const_cast<char**>(names),
                                    &data, &track, &copy, &threshold_given) == 0) {
        return -1;
    }
    // Only needed where `copy` does not say.
    Py_ssize_t threshold = 0;
    if (threshold_given != Py_None) {
        threshold = PyNumber_AsSsize_t(threshold_given, PyExc_OverflowError);
    } else if (copy == Py_None) {
        threshold = default_copy_threshold();
    }
    if (threshold == -1 && PyErr_Occurred() != nullptr) {
        return -1;
    }
    Frame* self = self_of(object);
    if (self->data != nullptr || self->part.size() != 0) {
        PyErr_SetString(PyExc_TypeError, "a Frame cannot be initialised twice");
        return -1;
    }
    if (data == Py_None) {
        self->tracker = track != 0 ? finished_message_tracker() : nullptr;
        return 0;
    }
    if (PyUnicode_Check(data)) {
        PyErr_SetString(PyExc_TypeError,
                        "str objects are not allowed, only bytes and other buffers; "
                        "encode the text first");
        return -1;
    }
    try {
        if (!fill(*self, data, track != 0, copy, threshold)) {
            return -1;
        }
    } catch (const std::exception&) {
        raise_current_exception();
        return -1;
    }
    Py_INCREF(data);
    self->data = data;
    return 0;
}

// Writable, as libzmq's own memory is: a receiver may work in place.
int frame_get_buffer(PyObject* object, Py_buffer* view, int flags)
{
    zmq::message_t& part = self_of(object)->part;
    return PyBuffer_FillInfo(view, object, part.data(), static_cast<Py_ssize_t>(part.size()), 0,
                             flags);
}

Py_ssize_t frame_length(PyObject* object)
{
    return static_cast<Py_ssize_t>(self_of(object)->part.size());
}

PyObject* frame_bytes(PyObject* object, void*)
{
    const FrameLock locked(object);
    Frame* self = self_of(object);
    if (self->bytes == nullptr) {
        const std::size_t size = self->part.size();
        PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
        if (bytes == nullptr) {
            return nullptr;
        }
        copy_bytes(PyBytes_AS_STRING(bytes), self->part.data(), size);
        if (self->bytes != nullptr) {  // another thread, while the GIL was released
            Py_DECREF(bytes);
        } else {
            self->bytes = bytes;
        }
    }
    Py_INCREF(self->bytes);
    return self->bytes;
}

PyObject* frame_buffer(PyObject* object, void*)
{
    return PyMemoryView_FromObject(object);
}

PyObject* or_none(PyObject* object)
{
    PyObject* value = object != nullptr ? object : Py_None;
    Py_INCREF(value);
    return value;
}

PyObject* frame_tracker(PyObject* object, void*)
{
    return or_none(self_of(object)->tracker);
}

PyObject* frame_tracker_event(PyObject* object, void*)
{
    PyObject* tracker = self_of(object)->tracker;
    if (tracker == nullptr) {
        return or_none(nullptr);
    }
    try {
        return tracker_event(tracker).release().ptr();
    } catch (const std::exception&) {
        raise_current_exception();
        return nullptr;
    }
}

PyObject* get_routing_id([[maybe_unused]] Frame* self)
{
#if CPPYZMQ_DRAFTS
    return PyLong_FromUnsignedLong(zmq_msg_routing_id(self->part.handle()));
#else
    return no_drafts(client_server);
#endif
}

PyObject* get_group([[maybe_unused]] Frame* self)
{
#if CPPYZMQ_DRAFTS
    return PyUnicode_FromString(zmq_msg_group(self->part.handle()));
#else
    return no_drafts(radio_dish);
#endif
}

PyObject* frame_routing_id(PyObject* object, void*)
{
    return get_routing_id(self_of(object));
}

PyObject* frame_group(PyObject* object, void*)
{
    return get_group(self_of(object));
}

int set_address(PyObject* object, PyObject* routing_id, PyObject* group)
{
    if (routing_id == nullptr && group == nullptr) {
        PyErr_SetString(PyExc_AttributeError, "cannot delete a property of a message");
        return -1;
    }
    return address_part(self_of(object)->part, routing_id, group) ? 0 : -1;
}

int frame_set_routing_id(PyObject* object, PyObject* value, void*)
{
    return set_address(object, value, nullptr);
}

int frame_set_group(PyObject* object, PyObject* value, void*)
{
    return set_address(object, nullptr, value);
}

PyObject* get_by_name(Frame* self, const char* name)
{
    if (std::strcmp(name, "routing_id") == 0) {
        return get_routing_id(self);
    }
    if (std::strcmp(name, "group") == 0) {
        return get_group(self);
    }
    const char* value = zmq_msg_gets(self->part.handle(), name);
    if (value == nullptr) {
        return raise_error_about(zmq_errno(),
                                 std::string("the message has no property '") + name + "'");
    }
    return PyUnicode_FromString(value);
}

PyObject* get_by_number(Frame* self, int option)
{
    switch (option) {
        case number::routing_id:
            return get_routing_id(self);
        case number::group:
            return get_group(self);
        case number::probe_router:
            return raise_error_about(EINVAL,
                                     "PROBE_ROUTER is a socket option, not a property of messages");
        case ZMQ_MORE:
            return PyLong_FromLong(self->more ? 1 : 0);
        default:
            break;
    }
    const int value = zmq_msg_get(self->part.handle(), option);
    if (value < 0) {
        return raise_last_error();
    }
    return PyLong_FromLong(value);
}

PyObject* get_option(PyObject* object, PyObject* option)
{
    Frame* self = self_of(object);
    if (PyLong_Check(option)) {
        int value = 0;
        return read_int(option, value) ? get_by_number(self, value) : nullptr;
    }
    if (PyBytes_Check(option)) {
        return get_by_name(self, PyBytes_AS_STRING(option));
    }
    if (!PyUnicode_Check(option)) {
        PyErr_Format(PyExc_TypeError, "expected str or int, got: %R", option);
        return nullptr;
    }
    const char* name = PyUnicode_AsUTF8(option);
    return name != nullptr ? get_by_name(self, name) : nullptr;
}

const Signature<1> get_signature("get", {"option"}, 1);
const Signature<2> set_signature("set", {"option", "value"}, 2);

PyObject* frame_get(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords)
{
    std::array<PyObject*, 1> given;
    return get_signature.read(arguments, count, keywords, given) ? get_option(self, given[0])
                                                                 : nullptr;
}

PyObject* frame_set(PyObject* self, PyObject* const* arguments, Py_ssize_t count,
                    PyObject* keywords)
{
    std::array<PyObject*, 2> given;
    if (!set_signature.read(arguments, count, keywords, given)) {
        return nullptr;
    }
    const bool named = PyUnicode_Check(given[0]);
    int option = 0;
    int value = 0;
    if (named) {
        const bool routing_id = PyUnicode_CompareWithASCIIString(given[0], "routing_id") == 0;
        const bool group = PyUnicode_CompareWithASCIIString(given[0], "group") == 0;
        option = routing_id ? number::routing_id : group ? number::group : 0;
    } else if (!read_int(given[0], option)) {
        return nullptr;
    }
    if (option == number::routing_id || option == number::group) {
        const bool by_id = option == number::routing_id;
        if (set_address(self, by_id ? given[1] : nullptr, by_id ? nullptr : given[1]) != 0) {
            return nullptr;
        }
        Py_RETURN_NONE;
    }
    if (named) {
        PyErr_Format(PyExc_TypeError,
                     "an integer option, 'routing_id' or 'group' is required, got: %R", given[0]);
        return nullptr;
    }
    if (!read_int(given[1], value)) {
        return nullptr;
    }
    if (zmq_msg_set(self_of(self)->part.handle(), option, value) != 0) {
        return raise_last_error();
    }
    Py_RETURN_NONE;
}

PyObject* frame_copy(PyObject* object, PyObject*)
{
    const DrainAfter drain;
    Frame* self = self_of(object);
    PyTypeObject* type = Py_TYPE(object);
    PyObject* made = allocate(type);
    if (made == nullptr) {
        return nullptr;
    }
    Frame* copy = self_of(made);
    try {
        share_part(object, copy->part);
    } catch (const std::exception&) {
        Py_DECREF(made);
        raise_current_exception();
        return nullptr;
    }
    Py_XINCREF(self->data);
    copy->data = self->data;
    Py_XINCREF(self->bytes);
    copy->bytes = self->bytes;
    Py_XINCREF(self->tracker);
    copy->tracker = self->tracker;
    copy->more = self->more;
    return made;
}

PyObject* refuse_pickling(PyObject* object, PyObject*)
{
    PyErr_Format(PyExc_TypeError,
                 "cannot pickle or deep-copy '%s': its memory is libzmq's; use frame.bytes",
                 Py_TYPE(object)->tp_name);
    return nullptr;
}

PyObject* frame_item(PyObject* object, PyObject* key)
{
    if (!PyUnicode_Check(key) && !PyLong_Check(key)) {
        PyErr_Format(PyExc_TypeError, "expected str, got: %R", key);
        return nullptr;
    }
    return get_option(object, key);
}

// The first bytes, and the size where that is not all: in kilobytes and
// megabytes of 1000 as one reads them.
PyObject* frame_repr(PyObject* object)
{
    constexpr std::size_t shown = 12;
    constexpr std::size_t shown_whole = 16;
    Frame* self = self_of(object);
    const std::size_t size = self->part.size();
    const bool all = size <= shown_whole;
    const py::object start = py::reinterpret_steal<py::object>(PyBytes_FromStringAndSize(
        self->part.data<char>(), static_cast<Py_ssize_t>(all ? size : shown)));
    if (!start) {
        return nullptr;
    }
    const py::object module = py::reinterpret_steal<py::object>(
        PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(object)), "__module__"));
    if (!module) {
        return nullptr;
    }
    const bool ours = PyUnicode_Check(module.ptr()) != 0 &&
                      PyUnicode_Tailmatch(module.ptr(), py::str("zmq").ptr(), 0, 3, -1) == 1;
    const py::object prefix = ours ? py::object(py::str("zmq")) : module;
    const char* type_name = std::strrchr(Py_TYPE(object)->tp_name, '.');
    type_name = type_name != nullptr ? type_name + 1 : Py_TYPE(object)->tp_name;
    if (all) {
        return PyUnicode_FromFormat("<%S.%s(%R)>", prefix.ptr(), type_name, start.ptr());
    }
    std::size_t number = size;
    const char* unit = "B";
    if (size >= 1000 * 1000) {
        number = size / (1000 * 1000);
        unit = "MB";
    } else if (size >= 1000) {
        number = size / 1000;
        unit = "kB";
    }
    return PyUnicode_FromFormat("<%S.%s(%R...%zu%s)>", prefix.ptr(), type_name, start.ptr(), number,
                                unit);
}

const Row* message_option_of(PyObject* name)
{
    const char* text = PyUnicode_AsUTF8(name);
    if (text == nullptr) {
        PyErr_Clear();  // a lone surrogate: no option has it
        return nullptr;
    }
    std::string upper(text);
    for (char& letter : upper) {
        letter = static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    }
    for (const Row& row : message_options) {
        if (upper == row.name) {
            return &row;
        }
    }
    return nullptr;
}

// frame.srcfd and the other properties, in any case.
PyObject* frame_getattr(PyObject* object, PyObject* name)
{
    PyObject* value = PyObject_GenericGetAttr(object, name);
    if (value != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) {
        return value;
    }
    const Row* row = message_option_of(name);
    if (row == nullptr) {
        return nullptr;
    }
    PyErr_Clear();
    value = get_by_number(self_of(object), row->value);
    // A message that came from no connection has no SRCFD. A RuntimeError says that
    // this libzmq has no drafts.
    if (value == nullptr && PyErr_ExceptionMatches(PyExc_RuntimeError) == 0) {
        PyErr_Clear();
        PyErr_Format(PyExc_AttributeError, "this message has no %s", row->name);
    }
    return value;
}

// What a class of Frames declares can be set; a misspelt name cannot.
int frame_setattr(PyObject* object, PyObject* name, PyObject* value)
{
    try {
        if (value == nullptr || _PyType_Lookup(Py_TYPE(object), name) != nullptr ||
            is_declared(object, name)) {
            return PyObject_GenericSetAttr(object, name, value);
        }
    } catch (const std::exception&) {
        raise_current_exception();
        return -1;
    }
    PyErr_Format(PyExc_AttributeError, "'%s' has no attribute or message option '%U'",
                 Py_TYPE(object)->tp_name, name);
    return -1;
}

std::array<PyMethodDef, 2> fast_methods{
    fast_method<frame_get>("get", R"(get($self, option)
--

Get a property of the message (zmq_msg_get(3), zmq_msg_gets(3)).

Parameters
----------
option
    A MessageOption, or the name of a property such as 'Peer-Address',
    'User-Id', 'routing_id' or 'group'.

Returns
-------
int or str
    The value; str for properties given by name.

Raises
------
ZMQError
    EINVAL: the message has no such property.)"),
    fast_method<frame_set>("set", R"(set($self, option, value)
--

Set a property of the message (zmq_msg_set(3)).

Parameters
----------
option
    A MessageOption, 'routing_id' or 'group'.
value
    The new value.)"),
};

// For subclasses that call super().__getattr__.
PyObject* frame_getattr_method(PyObject* object, PyObject* name)
{
    return frame_getattr(object, name);
}

PyMethodDef methods[] = {
    {"__getattr__", frame_getattr_method, METH_O,
     "__getattr__($self, key, /)\n--\n\nA property of the message by its name, in any case."},
    {"__copy__", frame_copy, METH_NOARGS,
     "__copy__($self, /)\n--\n\nA second Frame over the same memory."},
    {"__reduce__", refuse_pickling, METH_NOARGS, nullptr},
    {"__deepcopy__", refuse_pickling, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyGetSetDef properties[] = {
    {"bytes", frame_bytes, nullptr, "The content as bytes; copied once, when first asked for.",
     nullptr},
    {"buffer", frame_buffer, nullptr, "The content as a writable memoryview, without a copy.",
     nullptr},
    {"tracker", frame_tracker, nullptr,
     "The MessageTracker, or None for a Frame that is not tracked.", nullptr},
    {"tracker_event", frame_tracker_event, nullptr,
     "What is set when libzmq is done with the memory, or None.", nullptr},
    {"routing_id", frame_routing_id, frame_set_routing_id, "The peer of a SERVER socket (draft).",
     nullptr},
    {"group", frame_group, frame_set_group, "The group of a RADIO or DISH message (draft).",
     nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyMemberDef members[] = {
    {"more", T_BOOL, offsetof(Frame, more), 0, "Whether further parts of the message follow."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Frame, weak_references), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr},
};

constexpr const char* frame_doc = R"(Frame(data=None, track=False, copy=None, copy_threshold=None)
--

One part of a message.

Parameters
----------
data
    bytes or any contiguous buffer; None for an empty part.
track
    Make a MessageTracker, which tells when libzmq is done with the memory.
copy
    True to copy `data`, False to lend its memory; None to decide by size.
copy_threshold
    Size in bytes from which None lends; zmq.COPY_THRESHOLD by default.

Raises
------
TypeError
    `data` is a str, or no buffer.
BufferError
    The buffer is not contiguous.)";

}  // namespace

PyObject* new_frame(bool track)
{
    Frame* self = PyObject_New(Frame, frame_type);
    if (self == nullptr) {
        return nullptr;
    }
    new (&self->part) zmq::message_t();
    self->data = nullptr;
    self->bytes = nullptr;
    self->tracker = track ? finished_message_tracker() : nullptr;
    self->weak_references = nullptr;
    self->more = false;
    return reinterpret_cast<PyObject*>(self);
}

PyObject* new_frame(zmq::message_t&& part, bool more, bool track)
{
    PyObject* made = new_frame(track);
    if (made != nullptr) {
        self_of(made)->part.swap(part);
        self_of(made)->more = more;
    }
    return made;
}

void share_part(PyObject* frame, zmq::message_t& part)
{
    const FrameLock locked(frame);
    part.copy(self_of(frame)->part);
}

bool copy_buffer(PyObject* data, zmq::message_t& part)
{
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_ANY_CONTIGUOUS) != 0) {
        return false;
    }
    copy_view(view, part);
    PyBuffer_Release(&view);
    return true;
}

Py_ssize_t default_copy_threshold()
{
    // Users assign to zmq.COPY_THRESHOLD: looked up each time. The module, once
    // imported, stays the same object.
    static PyObject* module = nullptr;
    static PyObject* name = nullptr;
    if (module == nullptr) {
        name = PyUnicode_InternFromString("COPY_THRESHOLD");
        module = PyImport_ImportModule("zmq");
        if (module == nullptr || name == nullptr) {
            return -1;
        }
    }
    const py::object value = py::reinterpret_steal<py::object>(PyObject_GetAttr(module, name));
    return value ? PyNumber_AsSsize_t(value.ptr(), PyExc_OverflowError) : -1;
}

bool address_part([[maybe_unused]] zmq::message_t& part, PyObject* routing_id, PyObject* group)
{
    if (routing_id != nullptr && routing_id != Py_None) {
#if CPPYZMQ_DRAFTS
        const unsigned long value = PyLong_AsUnsignedLong(routing_id);
        if (value == static_cast<unsigned long>(-1) && PyErr_Occurred() != nullptr) {
            return false;
        }
        if (zmq_msg_set_routing_id(part.handle(), static_cast<std::uint32_t>(value)) != 0) {
            raise_last_error();
            return false;
        }
#else
        no_drafts(client_server);
        return false;
#endif
    }
    if (group != nullptr && group != Py_None) {
#if CPPYZMQ_DRAFTS
        const char* text =
            PyBytes_Check(group) ? PyBytes_AS_STRING(group) : PyUnicode_AsUTF8(group);
        if (text == nullptr) {
            return false;
        }
        if (zmq_msg_set_group(part.handle(), text) != 0) {
            raise_last_error();
            return false;
        }
#else
        no_drafts(radio_dish);
        return false;
#endif
    }
    return true;
}

void register_frame(py::module_& module)
{
    PyType_Slot slots[] = {
        {Py_tp_doc, const_cast<char*>(frame_doc)},
        {Py_tp_new, reinterpret_cast<void*>(frame_new)},
        {Py_tp_init, reinterpret_cast<void*>(frame_init)},
        {Py_tp_dealloc, reinterpret_cast<void*>(frame_dealloc)},
        {Py_tp_repr, reinterpret_cast<void*>(frame_repr)},
        {Py_tp_getattro, reinterpret_cast<void*>(frame_getattr)},
        {Py_tp_setattro, reinterpret_cast<void*>(frame_setattr)},
        {Py_tp_methods, methods},
        {Py_tp_getset, properties},
        {Py_tp_members, members},
        {Py_sq_length, reinterpret_cast<void*>(frame_length)},
        {Py_mp_length, reinterpret_cast<void*>(frame_length)},
        {Py_mp_subscript, reinterpret_cast<void*>(frame_item)},
        {Py_bf_getbuffer, reinterpret_cast<void*>(frame_get_buffer)},
        {0, nullptr},
    };
    PyType_Spec spec = {"zmq.sugar.frame.Frame", sizeof(Frame), 0,
                        Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
    frame_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&spec));
    if (frame_type == nullptr) {
        throw py::error_already_set();
    }
    const py::handle type(reinterpret_cast<PyObject*>(frame_type));
    install_methods(type, fast_methods);
    module.attr("Frame") = type;
}

}  // namespace cppyzmq
