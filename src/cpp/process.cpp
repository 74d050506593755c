// What to ask each system about the process.
#include "process.hpp"

#ifdef _WIN32
#include <windows.h>
// After windows.h; 2: the functions are in kernel32.
#define PSAPI_VERSION 2
#include <psapi.h>
#else
#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>
#endif

#if defined(__APPLE__)
#include <mach-o/dyld.h>
#elif defined(__linux__)
#include <sys/syscall.h>
#endif

#if !defined(_WIN32) && !defined(__APPLE__)
#include <link.h>
#endif

#include <cerrno>
#include <cstdint>

namespace cppyzmq {

std::atomic<unsigned> process_generation{0};

#ifdef _WIN32

namespace {

unsigned long main_thread = 0;

std::string file_of(HMODULE module)
{
    std::wstring path(MAX_PATH, L'\0');
    for (;;) {
        const DWORD length =
            GetModuleFileNameW(module, path.data(), static_cast<DWORD>(path.size()));
        if (length < path.size()) {
            path.resize(length);
            break;
        }
        path.resize(2 * path.size());
    }
    const auto convert = [&](char* to, int size) {
        return WideCharToMultiByte(CP_UTF8, 0, path.data(), static_cast<int>(path.size()), to, size,
                                   nullptr, nullptr);
    };
    std::string file(static_cast<std::size_t>(convert(nullptr, 0)), '\0');
    convert(file.data(), static_cast<int>(file.size()));
    return file;
}

Library library_of(HMODULE module)
{
    return {module, file_of(module)};
}

std::vector<HMODULE> loaded_modules()
{
    std::vector<HMODULE> modules(256);
    for (;;) {
        const auto size = static_cast<DWORD>(modules.size() * sizeof(HMODULE));
        DWORD needed = 0;
        if (EnumProcessModules(GetCurrentProcess(), modules.data(), size, &needed) == 0) {
            return {};
        }
        const bool fits = needed <= size;
        modules.resize(needed / sizeof(HMODULE));
        if (fits) {
            return modules;
        }
    }
}

}  // namespace

int at_fork(void (*)(), void (*)(), void (*)())
{
    return 0;
}

bool is_main_thread()
{
    return GetCurrentThreadId() == main_thread;
}

SignalsBlocked::SignalsBlocked() = default;

SignalsBlocked::~SignalsBlocked() = default;

Library library_at(const void* address)
{
    HMODULE module = nullptr;
    if (address == nullptr ||
        GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                               GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                           static_cast<const wchar_t*>(address), &module) == 0) {
        return {};
    }
    return library_of(module);
}

std::vector<Library> libraries_with(const char* symbol)
{
    std::vector<Library> found;
    for (HMODULE module : loaded_modules()) {
        if (GetProcAddress(module, symbol) != nullptr) {
            found.push_back(library_of(module));
        }
    }
    return found;
}

void register_process(py::module_&)
{
    main_thread = py::module_::import("threading")
                      .attr("main_thread")()
                      .attr("native_id")
                      .cast<unsigned long>();
    // Everywhere here `errno` is libzmq's. That is true where both have one C library:
    // Visual C++'s do, and whatever is linked in.
    errno = 0;
    zmq_ctx_get(nullptr, ZMQ_IO_THREADS);
    if (errno != zmq_errno()) {
        throw py::import_error("libzmq and zmq._core were built for different C libraries");
    }
}

#else

int at_fork(void (*before)(), void (*in_parent)(), void (*in_child)())
{
    return pthread_atfork(before, in_parent, in_child);
}

bool is_main_thread()
{
#ifdef __linux__
    // Asked once for each thread, and again in a child: whoever forks becomes the main thread.
    thread_local unsigned asked_in = 0;
    thread_local int answer = -1;
    const unsigned generation = process_generation.load(std::memory_order_relaxed);
    if (answer < 0 || asked_in != generation) {
        asked_in = generation;
        answer = syscall(SYS_gettid) == getpid() ? 1 : 0;
    }
    return answer == 1;
#else
    return pthread_main_np() != 0;
#endif
}

SignalsBlocked::SignalsBlocked()
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
}

SignalsBlocked::~SignalsBlocked()
{
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Library library_at(const void* address)
{
    Dl_info info{};
    if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
        return {};
    }
    return {info.dli_fbase, info.dli_fname};
}

namespace {

std::vector<std::string> loaded_files()
{
    std::vector<std::string> files;
#ifdef __APPLE__
    for (std::uint32_t index = 0; index < _dyld_image_count(); ++index) {
        files.emplace_back(_dyld_get_image_name(index));
    }
#else
    dl_iterate_phdr(
        [](dl_phdr_info* info, std::size_t, void* found) {
            static_cast<std::vector<std::string>*>(found)->emplace_back(info->dlpi_name);
            return 0;
        },
        &files);
#endif
    return files;
}

}  // namespace

std::vector<Library> libraries_with(const char* symbol)
{
    std::vector<Library> found;
    for (const std::string& name : loaded_files()) {
        // The program itself has no name.
        void* library = dlopen(name.empty() ? nullptr : name.c_str(), RTLD_LAZY | RTLD_NOLOAD);
        if (library == nullptr) {
            continue;
        }
        // Found in what the library depends on, too: the address says whose it is.
        Library owner = library_at(dlsym(library, symbol));
        dlclose(library);
        if (owner.base != nullptr) {
            found.push_back(std::move(owner));
        }
    }
    return found;
}

void register_process(py::module_&) {}

#endif

}  // namespace cppyzmq
