// Releasing the GIL around work that touches no Python object: copies of large
// buffers, name look-ups. Waiting is wait.cpp's.
#pragma once

#include "core.hpp"

#include <cstddef>
#include <cstring>

namespace cppyzmq {

// From this size on a copy lets other Python threads run; below, giving the GIL
// up and taking it back costs more than it frees (benchmarks/README.md).
inline constexpr std::size_t release_gil_from = 32 * 1024;

// Lets other Python threads run until the end of the scope. At interpreter exit a
// daemon thread is unwound inside PyEval_RestoreThread: the destructor lets that
// pass. Not for wait.cpp, where something is linked meanwhile.
class ReleaseGil {
public:
    ReleaseGil() : state_(PyEval_SaveThread()) {}
    ~ReleaseGil() noexcept(false) { PyEval_RestoreThread(state_); }
    ReleaseGil(const ReleaseGil&) = delete;
    ReleaseGil& operator=(const ReleaseGil&) = delete;

private:
    PyThreadState* state_;
};

inline void copy_bytes(void* to, const void* from, std::size_t size)
{
    if (size == 0) {
        return;
    }
    if (size < release_gil_from) {
        std::memcpy(to, from, size);
        return;
    }
    const ReleaseGil released;
    std::memcpy(to, from, size);
}

}  // namespace cppyzmq
