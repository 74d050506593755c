// poll, duplicate and the wake descriptor, on each system.
#include "descriptor.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#ifdef _WIN32
#include <windows.h>

#include <utility>
#include <vector>
#else
#include <fcntl.h>
#include <sys/un.h>
#include <unistd.h>
#endif

#ifdef __linux__
#include <sys/eventfd.h>
#endif

namespace cppyzmq {

#ifdef _WIN32

// Not every SDK has afunix.h, where this is sizeof sockaddr_un::sun_path.
const std::size_t longest_ipc_path = 107;

namespace {

[[noreturn]] void throw_socket_error(const char* what)
{
    throw std::system_error(WSAGetLastError(), std::system_category(), what);
}

// libzmq starts Winsock with its first context, and stops it with the last: a wake
// descriptor may live longer than both.
void start_winsock()
{
    static const int failure = [] {
        WSADATA data;
        return WSAStartup(MAKEWORD(2, 2), &data);
    }();
    if (failure != 0) {
        throw std::system_error(failure, std::system_category(), "cannot start Winsock");
    }
}

class OwnSocket {
public:
    explicit OwnSocket(SOCKET socket) : socket_(socket)
    {
        if (socket == INVALID_SOCKET) {
            throw_socket_error("cannot make a wake descriptor");
        }
        // Not for the programs that this one starts.
        SetHandleInformation(reinterpret_cast<HANDLE>(socket), HANDLE_FLAG_INHERIT, 0);
    }
    ~OwnSocket()
    {
        if (socket_ != INVALID_SOCKET) {
            closesocket(socket_);
        }
    }
    OwnSocket(const OwnSocket&) = delete;
    OwnSocket& operator=(const OwnSocket&) = delete;

    SOCKET get() const { return socket_; }
    SOCKET release() { return std::exchange(socket_, INVALID_SOCKET); }

private:
    SOCKET socket_;
};

void check(int result)
{
    if (result != 0) {
        throw_socket_error("cannot make a wake descriptor");
    }
}

// One end: never waits, sends at once, and leaves nothing behind when it is closed.
void set_up_end(SOCKET end)
{
    u_long without_waiting = 1;
    check(ioctlsocket(end, FIONBIO, &without_waiting));
    const BOOL at_once = TRUE;
    check(setsockopt(end, IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&at_once),
                     sizeof at_once));
    const linger nothing{1, 0};
    check(setsockopt(end, SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&nothing),
                     sizeof nothing));
}

bool same_address(const sockaddr_in& one, const sockaddr_in& other)
{
    return one.sin_port == other.sin_port && one.sin_addr.s_addr == other.sin_addr.s_addr;
}

}  // namespace

int poll_descriptors(pollfd* items, std::size_t count, int timeout_ms)
{
    // WSAPoll fails where it is asked for nothing, and says POLLNVAL of negative ones.
    std::vector<pollfd> asked;
    for (std::size_t index = 0; index < count; ++index) {
        items[index].revents = 0;
        if (is_descriptor(items[index].fd)) {
            asked.push_back(items[index]);
        }
    }
    if (asked.empty()) {
        Sleep(timeout_ms < 0 ? INFINITE : static_cast<DWORD>(timeout_ms));
        return 0;
    }
    int ready = WSAPoll(asked.data(), static_cast<ULONG>(asked.size()), timeout_ms);
    if (ready == SOCKET_ERROR) {
        // One that is closed may fail them all: each by itself, then.
        ready = 0;
        for (pollfd& item : asked) {
            if (WSAPoll(&item, 1, 0) == SOCKET_ERROR) {
                item.revents = POLLNVAL;
            }
            ready += item.revents != 0 ? 1 : 0;
        }
    }
    auto answer = asked.begin();
    for (std::size_t index = 0; index < count; ++index) {
        if (!is_descriptor(items[index].fd)) {
            continue;
        }
        short events = answer->revents;
        // The end of a stream can be read, as poll(2) has it.
        if ((events & POLLHUP) != 0 && (events & POLLERR) == 0 &&
            (answer->events & POLLRDNORM) != 0) {
            events = static_cast<short>((events & ~POLLHUP) | POLLRDNORM);
        }
        items[index].revents = events;
        ++answer;
    }
    return ready;
}

Descriptor duplicate(Descriptor descriptor)
{
    WSAPROTOCOL_INFOW description;
    if (WSADuplicateSocketW(descriptor, GetCurrentProcessId(), &description) != 0) {
        throw_socket_error("cannot duplicate a socket");
    }
    const SOCKET made =
        WSASocketW(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO, &description, 0,
                   WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (made == INVALID_SOCKET) {
        throw_socket_error("cannot duplicate a socket");
    }
    return made;
}

void close_descriptor(Descriptor descriptor)
{
    closesocket(descriptor);
}

// Two ends of a connection through the loopback interface: of what can be polled,
// only that loses nothing.
WakeEnds open_wake()
{
    start_winsock();
    OwnSocket listener(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = sizeof address;
    check(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), size));
    check(getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size));
    check(listen(listener.get(), 1));
    OwnSocket write_end(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    check(connect(write_end.get(), reinterpret_cast<const sockaddr*>(&address), size));
    sockaddr_in ours{};
    size = sizeof ours;
    check(getsockname(write_end.get(), reinterpret_cast<sockaddr*>(&ours), &size));
    for (;;) {
        sockaddr_in peer{};
        size = sizeof peer;
        OwnSocket read_end(accept(listener.get(), reinterpret_cast<sockaddr*>(&peer), &size));
        // Another program of this machine may have been first.
        if (same_address(peer, ours)) {
            set_up_end(read_end.get());
            set_up_end(write_end.get());
            return {read_end.release(), write_end.release()};
        }
    }
}

void write_wake(Descriptor write_end)
{
    const char one = 1;
    // WSAEWOULDBLOCK, the only failure: it is readable already.
    send(write_end, &one, 1, 0);
}

bool read_wake(Descriptor read_end)
{
    char some[64];
    return recv(read_end, some, sizeof some, 0) > 0;
}

#else

const std::size_t longest_ipc_path = sizeof(sockaddr_un::sun_path) - 1;

int poll_descriptors(pollfd* items, std::size_t count, int timeout_ms)
{
    return poll(items, static_cast<nfds_t>(count), timeout_ms);
}

Descriptor duplicate(Descriptor descriptor)
{
    const int made = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (made < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot watch a socket");
    }
    return made;
}

void close_descriptor(Descriptor descriptor)
{
    close(descriptor);
}

WakeEnds open_wake()
{
    WakeEnds ends;
#ifdef __linux__
    ends.read = ends.write = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    const bool made = ends.read >= 0;
#else
    int both[2];
    const bool made = pipe(both) == 0;
    if (made) {
        ends = {both[0], both[1]};
        for (const int end : both) {
            fcntl(end, F_SETFL, O_NONBLOCK);
            fcntl(end, F_SETFD, FD_CLOEXEC);
        }
    }
#endif
    if (!made) {
        throw std::system_error(errno, std::generic_category(), "cannot make a wake descriptor");
    }
    return ends;
}

void write_wake(Descriptor write_end)
{
    const std::uint64_t one = 1;
    // EAGAIN, the only failure: it is readable already.
    [[maybe_unused]] const auto written = write(write_end, &one, sizeof one);
}

bool read_wake(Descriptor read_end)
{
    std::uint64_t some[8];
    return read(read_end, some, sizeof some) > 0;
}

#endif

void close_wake(const WakeEnds& ends)
{
    close_descriptor(ends.read);
    if (ends.write != ends.read) {
        close_descriptor(ends.write);
    }
}

}  // namespace cppyzmq
