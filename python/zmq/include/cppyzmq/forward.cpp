// Defines every function of libzmq, hidden, as a call of the libzmq that Python uses. To be
// compiled into each extension or program that uses it; it then links no libzmq.
//
// zmq.h is not included here: its declarations ask for default visibility, and definitions that see
// them would be exported. Then a program that links a libzmq of its own would take the calls.
#include "capi.hpp"

#include <cerrno>
#include <cstring>

namespace {

using cppyzmq::capi::Table;

// What a function says that the table does not have: before cppyzmq::import(), or a draft function
// of a libzmq that has none. errno is ENOTSUP.
template <class Result>
struct Absent {
    static Result value() { return static_cast<Result>(-1); }
};
template <class Pointed>
struct Absent<Pointed*> {
    static Pointed* value() { return nullptr; }
};
template <>
struct Absent<std::uint32_t> {
    static std::uint32_t value() { return 0; }
};
template <>
struct Absent<void> {
    static void value() {}
};

template <class Function>
struct AbsentFunction;
template <class Result, class... Parameters>
struct AbsentFunction<Result (*)(Parameters...)> {
    static Result call(Parameters...)
    {
        errno = ENOTSUP;
        return Absent<Result>::value();
    }
};

// How these are told in an error.
int last_errno()
{
    return errno;
}

const char* not_imported(int)
{
    return "libzmq is not there yet: call cppyzmq::import() first, in the init function of the "
           "module";
}

constexpr Table make_empty_table()
{
    Table table = {};
#define CPPYZMQ_FUNCTION(result, name, parameters, arguments)                                      \
    table.name = &AbsentFunction<decltype(table.name)>::call;
#define CPPYZMQ_DRAFT_FUNCTION(result, name, parameters, arguments)                                \
    table.name = &AbsentFunction<decltype(table.name)>::call;
#include "functions.inc"
#undef CPPYZMQ_FUNCTION
#undef CPPYZMQ_DRAFT_FUNCTION
    table.zmq_errno = &last_errno;
    table.zmq_strerror = &not_imported;
    return table;
}

}  // namespace

extern "C" {

CPPYZMQ_HIDDEN Table cppyzmq_table = make_empty_table();

CPPYZMQ_HIDDEN void cppyzmq_take_table(const Table* lent)
{
    // An older table is shorter, and an entry may be missing: these stay as they are.
    const auto* end = reinterpret_cast<const char*>(lent) + lent->size;
#define CPPYZMQ_FUNCTION(result, name, parameters, arguments)                                      \
    if (reinterpret_cast<const char*>(&lent->name + 1) <= end && lent->name != nullptr) {          \
        cppyzmq_table.name = lent->name;                                                           \
    }
#define CPPYZMQ_DRAFT_FUNCTION CPPYZMQ_FUNCTION
#include "functions.inc"
#undef CPPYZMQ_FUNCTION
#undef CPPYZMQ_DRAFT_FUNCTION
    cppyzmq_table.abi = lent->abi;
    cppyzmq_table.size = lent->size;
    std::memcpy(cppyzmq_table.libzmq_version, lent->libzmq_version, sizeof lent->libzmq_version);
    cppyzmq_table.drafts = lent->drafts;
    cppyzmq_table.libzmq_file = lent->libzmq_file;
    cppyzmq_table.objects = lent->objects;
}

#define CPPYZMQ_FUNCTION(result, name, parameters, arguments)                                      \
    CPPYZMQ_HIDDEN result name parameters                                                          \
    {                                                                                              \
        return cppyzmq_table.name arguments;                                                       \
    }
#define CPPYZMQ_DRAFT_FUNCTION CPPYZMQ_FUNCTION
#include "functions.inc"
#undef CPPYZMQ_FUNCTION
#undef CPPYZMQ_DRAFT_FUNCTION

}  // extern "C"
