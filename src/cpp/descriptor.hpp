// Descriptors: what a thread sleeps on, and what ends its sleep.
//
// A descriptor is a file's number; on Windows a SOCKET, the only thing that can be
// polled there. With process.hpp the only room that knows which system this is.
#pragma once

#include "core.hpp"

#include <cstddef>

#ifdef _WIN32
#include <winsock2.h>
#else
#include <poll.h>
#endif

namespace cppyzmq {

#ifdef _WIN32
using Descriptor = SOCKET;
// WSAPoll knows POLLIN as two, of which one stands for urgent data, and refuses POLLPRI.
inline constexpr short poll_in = POLLRDNORM;
inline constexpr short poll_priority = POLLRDBAND;
#else
using Descriptor = int;
inline constexpr short poll_in = POLLIN;
inline constexpr short poll_priority = POLLPRI;
#endif
inline constexpr short poll_out = POLLOUT;

inline constexpr auto no_descriptor = static_cast<Descriptor>(-1);

// The longest path behind ipc://, without the null at its end.
extern const std::size_t longest_ipc_path;

// Negative ones are no_descriptor's kin: nothing to poll.
constexpr bool is_descriptor(Descriptor descriptor)
{
    return static_cast<std::ptrdiff_t>(descriptor) >= 0;
}

// As Python has it.
inline PyObject* descriptor_object(Descriptor descriptor)
{
    return PyLong_FromSsize_t(static_cast<Py_ssize_t>(descriptor));
}

// poll(2): passes over what is no descriptor, and says POLLNVAL of what is closed.
// Less than 0 with errno; on Windows no signal ends it.
int poll_descriptors(pollfd* items, std::size_t count, int timeout_ms);

// Another descriptor of the same thing, for nobody else's eyes; not inherited by
// programs that are started. Throws std::system_error.
Descriptor duplicate(Descriptor descriptor);

void close_descriptor(Descriptor descriptor);

// What is written to one end makes the other readable. They may be the same.
struct WakeEnds {
    Descriptor read = no_descriptor;
    Descriptor write = no_descriptor;
};

// Neither end ever waits. Throws std::system_error.
WakeEnds open_wake();
void close_wake(const WakeEnds& ends);
void write_wake(Descriptor write_end);
// Takes some of what was written. False where nothing is left.
bool read_wake(Descriptor read_end);

}  // namespace cppyzmq
