"""The document of the constants: its names and values, and its examples as they stand."""

from __future__ import annotations

import enum
import re
import signal
import subprocess
import sys
from typing import Union, get_type_hints

import pytest

import zmq
import zmq.constants
from support import free_port, run_script

MEMBERS = {
    "SocketType": """
        PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM XREQ XREP SERVER
        CLIENT RADIO DISH GATHER SCATTER DGRAM PEER CHANNEL
    """,
    "SocketOption": """
        AFFINITY ROUTING_ID SUBSCRIBE UNSUBSCRIBE RATE RECOVERY_IVL SNDBUF RCVBUF RCVMORE
        RCVHWM SNDHWM HWM LINGER RECONNECT_IVL RECONNECT_IVL_MAX BACKLOG MAXMSGSIZE FD
        EVENTS TYPE RCVTIMEO SNDTIMEO IPV6 IPV4ONLY IMMEDIATE DELAY_ATTACH_ON_CONNECT
        PLAIN_SERVER PLAIN_USERNAME PLAIN_PASSWORD CURVE_SERVER CURVE_PUBLICKEY
        CURVE_SECRETKEY CURVE_SERVERKEY ZAP_DOMAIN TCP_KEEPALIVE TCP_KEEPALIVE_CNT
        TCP_KEEPALIVE_IDLE TCP_KEEPALIVE_INTVL TCP_ACCEPT_FILTER MONITOR LAST_ENDPOINT
        ROUTER_MANDATORY ROUTER_RAW PROBE_ROUTER REQ_CORRELATE REQ_RELAXED MULTICAST_HOPS
        MULTICAST_MAXTPDU USE_FD ROUTER_HANDOVER TOS ROUTER_NOTIFY BINDTODEVICE
        GSSAPI_SERVER GSSAPI_PLAINTEXT
    """,
    "ContextOption": """
        IO_THREADS MAX_SOCKETS SOCKET_LIMIT THREAD_PRIORITY THREAD_SCHED_POLICY MAX_MSGSZ
        MSG_T_SIZE THREAD_AFFINITY_CPU_ADD THREAD_AFFINITY_CPU_REMOVE THREAD_NAME_PREFIX
    """,
    "Event": """
        CONNECTED CONNECT_DELAYED CONNECT_RETRIED LISTENING BIND_FAILED ACCEPTED
        ACCEPT_FAILED CLOSED CLOSE_FAILED DISCONNECTED MONITOR_STOPPED
        HANDSHAKE_FAILED_NO_DETAIL HANDSHAKE_SUCCEEDED HANDSHAKE_FAILED_PROTOCOL
        HANDSHAKE_FAILED_AUTH ALL
    """,
    "PollEvent": """
        POLLIN POLLOUT POLLERR
    """,
    "MessageOption": """
        MORE SRCFD SHARED PROBE_ROUTER ROUTING_ID GROUP
    """,
    "Errno": """
        EAGAIN EFAULT EINVAL EMSGSIZE ENOTSUP EPROTONOSUPPORT ENOBUFS ENETDOWN EADDRINUSE
        EADDRNOTAVAIL ECONNREFUSED EINPROGRESS ENOTSOCK EAFNOSUPPORT ENETUNREACH
        ECONNABORTED ECONNRESET ENOTCONN ETIMEDOUT EHOSTUNREACH ENETRESET EFSM
        ENOCOMPATPROTO ETERM EMTHREAD
    """,
    "DeviceType": """
        QUEUE FORWARDER STREAMER
    """,
    "SecurityMechanism": """
        NULL PLAIN CURVE GSSAPI
    """,
    "Flag": """
        NOBLOCK DONTWAIT SNDMORE
    """,
}

#: In the order of the table above.
NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 5, 6, 12, 13, 14, 15, 16, 17, 18, 19, 20]

FLAGS = {"Event", "PollEvent", "Flag"}

SOCKET_TYPES = dict(zip(MEMBERS["SocketType"].split(), NUMBERS, strict=True))

SOCKET_TYPE_USAGE = """\
import zmq

context = zmq.Context()

# Use socket type constants
publisher = context.socket(zmq.PUB)
subscriber = context.socket(zmq.SUB)
requester = context.socket(zmq.REQ)
replier = context.socket(zmq.REP)
dealer = context.socket(zmq.DEALER)
router = context.socket(zmq.ROUTER)

# Clean up
for socket in [publisher, subscriber, requester, replier, dealer, router]:
    socket.close()
context.term()
"""

SOCKET_OPTIONS_CONFIGURATION = """\
import zmq

context = zmq.Context()
socket = context.socket(zmq.PUB)

# Configure socket options
socket.setsockopt(zmq.SNDHWM, 1000)           # Send high water mark
socket.setsockopt(zmq.RCVHWM, 1000)           # Receive high water mark
socket.setsockopt(zmq.LINGER, 1000)           # Linger period
socket.setsockopt(zmq.RCVTIMEO, 5000)         # Receive timeout
socket.setsockopt(zmq.SNDTIMEO, 5000)         # Send timeout
socket.setsockopt(zmq.SNDBUF, 65536)          # Send buffer size
socket.setsockopt(zmq.RCVBUF, 65536)          # Receive buffer size

# Read socket options
hwm = socket.getsockopt(zmq.SNDHWM)
socket_type = socket.getsockopt(zmq.TYPE)
events = socket.getsockopt(zmq.EVENTS)

print(f"Send HWM: {hwm}")
print(f"Socket type: {socket_type}")
print(f"Events: {events}")

socket.close()
context.term()
"""

CONTEXT_CONFIGURATION = """\
import zmq

# Configure context options
context = zmq.Context()
context.set(zmq.IO_THREADS, 4)                # 4 I/O threads
context.set(zmq.MAX_SOCKETS, 1024)            # Max 1024 sockets
context.set(zmq.THREAD_PRIORITY, 1)           # Thread priority

# Read context options
io_threads = context.get(zmq.IO_THREADS)
max_sockets = context.get(zmq.MAX_SOCKETS)

print(f"I/O threads: {io_threads}")
print(f"Max sockets: {max_sockets}")

context.term()
"""

EVENT_MONITORING = """\
import zmq

context = zmq.Context()
socket = context.socket(zmq.REQ)

# Start monitoring all events
socket.monitor("inproc://monitor", zmq.EVENT_ALL)

# Or monitor specific events
socket.monitor("inproc://monitor",
               zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)

# Create monitor socket to receive events
monitor = context.socket(zmq.PAIR)
monitor.connect("inproc://monitor")

socket.connect("tcp://localhost:5555")

# Receive monitoring events
try:
    event = monitor.recv_pyobj(zmq.NOBLOCK)
    print(f"Event: {event}")
except zmq.Again:
    print("No events")

socket.close()
monitor.close()
context.term()
"""

POLLING_WITH_EVENT_CONSTANTS = """\
import zmq

context = zmq.Context()
socket = context.socket(zmq.REQ)
socket.connect("tcp://localhost:5555")

poller = zmq.Poller()
poller.register(socket, zmq.POLLIN | zmq.POLLOUT)

# Poll for events
events = poller.poll(1000)  # 1 second timeout

for sock, event in events:
    if event & zmq.POLLIN:
        print("Socket is readable")
    if event & zmq.POLLOUT:
        print("Socket is writable")
    if event & zmq.POLLERR:
        print("Socket has error")

socket.close()
context.term()
"""

ERROR_HANDLING_WITH_CONSTANTS = """\
import zmq

context = zmq.Context()
socket = context.socket(zmq.REQ)

try:
    # This will fail - no connection
    socket.recv(zmq.NOBLOCK)
except zmq.ZMQError as e:
    if e.errno == zmq.EAGAIN:
        print("No message available (non-blocking)")
    elif e.errno == zmq.EFSM:
        print("Finite state machine error")
    elif e.errno == zmq.ETERM:
        print("Context was terminated")
    else:
        print(f"Other ZMQ error: {e}")

socket.close()
context.term()
"""

SECURITY_CONFIGURATION = """\
import zmq

context = zmq.Context()
server = context.socket(zmq.REP)

# Configure CURVE security
server.setsockopt(zmq.CURVE_SERVER, 1)
server.setsockopt(zmq.CURVE_SECRETKEY, server_secret_key)

# Configure PLAIN security
# server.setsockopt(zmq.PLAIN_SERVER, 1)

# Configure authentication domain
server.setsockopt_string(zmq.ZAP_DOMAIN, "global")

server.bind("tcp://*:5555")

# Client configuration
client = context.socket(zmq.REQ)
client.setsockopt(zmq.CURVE_PUBLICKEY, client_public_key)
client.setsockopt(zmq.CURVE_SECRETKEY, client_secret_key)
client.setsockopt(zmq.CURVE_SERVERKEY, server_public_key)

client.connect("tcp://localhost:5555")

server.close()
client.close()
context.term()
"""

MESSAGE_FLAGS_USAGE = """\
import zmq

context = zmq.Context()
socket = context.socket(zmq.PUSH)
socket.bind("tcp://*:5555")

# Send multipart message
socket.send(b"Part 1", zmq.SNDMORE)  # More parts follow
socket.send(b"Part 2", zmq.SNDMORE)  # More parts follow
socket.send(b"Part 3")               # Last part (no SNDMORE)

# Non-blocking send
try:
    socket.send(b"Message", zmq.NOBLOCK)
except zmq.Again:
    print("Send would block")

socket.close()
context.term()
"""

VERSION_CHECKING = """\
import zmq

# Check PyZMQ version
print(f"PyZMQ version: {zmq.pyzmq_version()}")

# Check libzmq version
print(f"libzmq version: {zmq.zmq_version()}")

# Version info as tuple
zmq_version_info = zmq.zmq_version_info()
print(f"libzmq version info: {zmq_version_info}")

# Check for specific features
if zmq.has("curve"):
    print("CURVE security available")

if zmq.has("ipc"):
    print("IPC transport available")

if zmq.has("pgm"):
    print("PGM multicast available")
"""

DEVICE_CONSTANTS = """\
import zmq
from zmq.devices import Device

context = zmq.Context()

frontend = context.socket(zmq.ROUTER)
frontend.bind("tcp://*:5559")

backend = context.socket(zmq.DEALER)
backend.bind("tcp://*:5560")

# Use device type constants
queue_device = Device(zmq.QUEUE, frontend, backend)
# forwarder_device = Device(zmq.FORWARDER, frontend, backend)
# streamer_device = Device(zmq.STREAMER, frontend, backend)

try:
    queue_device.run()
except KeyboardInterrupt:
    pass
finally:
    frontend.close()
    backend.close()
    context.term()
"""

ENUM_ACCESS_PATTERNS = """\
import zmq

# Access constants directly
socket = context.socket(zmq.REQ)
socket.setsockopt(zmq.LINGER, 1000)

# Access through enum classes (type-safe)
from zmq.constants import SocketType, SocketOption

socket = context.socket(SocketType.REQ)
socket.setsockopt(SocketOption.LINGER, 1000)

# Check if constant exists
if hasattr(zmq, 'CURVE_SERVER'):
    print("CURVE security available")

# Iterate over enum values
for socket_type in SocketType:
    print(f"Socket type: {socket_type.name} = {socket_type.value}")
"""

KEYS = """\
import zmq
server_public_key, server_secret_key = zmq.curve_keypair()
client_public_key, client_secret_key = zmq.curve_keypair()
"""

# PUSH waits for somebody who takes the message, so there has to be somebody.
PULL_BEFORE = """\
import zmq
receivers = zmq.Context()
receiver = receivers.socket(zmq.PULL)
receiver.connect("tcp://localhost:5555")
"""
PULL_AFTER = """
print(receiver.recv_multipart(), receiver.recv_multipart())
receiver.close()
receivers.term()
"""

CONTEXT = """\
import zmq
context = zmq.Context()
"""

VERSION_PATTERN = r"\d+\.\d+\.\d+"


def with_free_ports(source: str) -> str:
    for port in ("5555", "5559", "5560"):
        source = source.replace(port, str(free_port()))
    return source


@pytest.mark.parametrize("name", MEMBERS)
def test_class_has_every_member_of_the_document(name: str) -> None:
    kind = getattr(zmq.constants, name)
    assert getattr(zmq, name) is kind
    assert issubclass(kind, enum.IntFlag if name in FLAGS else enum.IntEnum)
    for member in MEMBERS[name].split():
        value = getattr(kind, member)
        assert isinstance(value, kind)
        assert value == int(value)
        assert kind[member] is value
        assert kind(int(value)) is value


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_has_a_flat_name(name: str) -> None:
    kind = getattr(zmq.constants, name)
    prefix = "EVENT_" if name == "Event" else ""
    for member in MEMBERS[name].split():
        flat = prefix + member
        assert flat in zmq.__all__
        assert flat in zmq.constants.__all__
        assert getattr(zmq, flat) is getattr(zmq.constants, flat)
        if not (name == "MessageOption" and member in zmq.SocketOption.__members__):
            assert getattr(zmq, flat) is kind[member]


@pytest.mark.parametrize(("name", "number"), SOCKET_TYPES.items())
def test_socket_types_have_the_numbers_of_libzmq(name: str, number: int) -> None:
    assert zmq.SocketType[name] == number
    assert repr(zmq.SocketType(number)).endswith(f": {number}>")


def test_deprecated_names_are_aliases() -> None:
    assert zmq.XREQ is zmq.DEALER
    assert zmq.XREP is zmq.ROUTER
    assert zmq.IDENTITY is zmq.ROUTING_ID
    assert zmq.NOBLOCK is zmq.DONTWAIT
    assert zmq.DELAY_ATTACH_ON_CONNECT is zmq.IMMEDIATE


def test_flags_combine_into_flags() -> None:
    assert isinstance(zmq.POLLIN | zmq.POLLOUT, zmq.PollEvent)
    assert isinstance(zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED, zmq.Event)
    assert isinstance(zmq.DONTWAIT | zmq.SNDMORE, zmq.Flag)
    assert (zmq.POLLIN | zmq.POLLOUT) & zmq.POLLOUT is zmq.POLLOUT
    assert all(zmq.Event[event] in zmq.EVENT_ALL for event in MEMBERS["Event"].split())
    assert zmq.EVENT_ALL & ~zmq.EVENT_CONNECTED != zmq.EVENT_ALL


def test_options_of_messages_do_not_collide() -> None:
    numbers = [int(option) for option in zmq.MessageOption]
    assert len(set(numbers)) == len(numbers)


def test_version_is_that_of_the_libzmq_in_use() -> None:
    version = (zmq.VERSION_MAJOR, zmq.VERSION_MINOR, zmq.VERSION_PATCH)
    assert version == zmq.zmq_version_info()
    major, minor, patch = version
    assert major * 10000 + minor * 100 + patch == zmq.VERSION
    assert zmq.constants.VERSION == zmq.VERSION


def test_protocol_error_families() -> None:
    assert zmq.PROTOCOL_ERROR_ZMTP_V1 == 0x10000000
    assert zmq.PROTOCOL_ERROR_ZMTP_V3 == 0x10000000
    assert zmq.PROTOCOL_ERROR_ZAP_V1 == 0x20000000
    for name in zmq.constants.__all__:
        if re.fullmatch(r"PROTOCOL_ERROR_(ZMTP|ZAP)_(?!V\d$)\w+", name):
            family = 0x10000000 if "ZMTP" in name else 0x20000000
            assert getattr(zmq, name) & family == family


def test_names_for_annotations() -> None:
    from zmq.constants import (
        ConstantValue,
        ContextOptionValue,
        ErrorValue,
        EventFlags,
        EventValue,
        MessageFlags,
        PollFlags,
        SocketOptionValue,
        SocketTypeValue,
        VersionNumber,
        VersionTuple,
        ZMQConstant,
    )

    def annotated(constant: ConstantValue, version: VersionTuple) -> VersionNumber:
        raise NotImplementedError

    hints = get_type_hints(annotated, localns=locals())
    assert hints["constant"] == Union[int, str, bytes]  # noqa: UP007
    assert hints["version"] == tuple[int, int, int]
    numbers = {
        ContextOptionValue,
        ErrorValue,
        EventFlags,
        EventValue,
        MessageFlags,
        PollFlags,
        SocketOptionValue,
        SocketTypeValue,
        VersionNumber,
        ZMQConstant,
    }
    assert numbers == {int}


@pytest.mark.parametrize(
    ("example", "output"),
    [
        (SOCKET_TYPE_USAGE, ""),
        (SOCKET_OPTIONS_CONFIGURATION, r"Send HWM: 1000\nSocket type: 1\nEvents: 2\n"),
        (CONTEXT_CONFIGURATION, r"I/O threads: 4\nMax sockets: 1024\n"),
        (EVENT_MONITORING, r"No events\n"),
        (POLLING_WITH_EVENT_CONSTANTS, r"Socket is writable\n"),
        (ERROR_HANDLING_WITH_CONSTANTS, r"Finite state machine error\n"),
        (KEYS + SECURITY_CONFIGURATION, ""),
        (
            PULL_BEFORE + MESSAGE_FLAGS_USAGE + PULL_AFTER,
            r"\[b'Part 1', b'Part 2', b'Part 3'\] \[b'Message'\]\n",
        ),
        (
            VERSION_CHECKING,
            rf"PyZMQ version: {VERSION_PATTERN}\nlibzmq version: {VERSION_PATTERN}\n"
            r"libzmq version info: \(\d+, \d+, \d+\)\n(\w+ \w+ available\n)*",
        ),
        (
            CONTEXT + ENUM_ACCESS_PATTERNS,
            r"CURVE security available\n(Socket type: [A-Z]+ = \d+\n)+",
        ),
    ],
    ids=[
        "socket types",
        "socket options",
        "context options",
        "monitoring",
        "polling",
        "errors",
        "security",
        "flags",
        "versions",
        "enums",
    ],
)
def test_example_runs_as_it_stands(example: str, output: str) -> None:
    # The last example leaves its sockets to the end of the interpreter: no ResourceWarnings.
    printed = run_script(with_free_ports(example), warnings="error::DeprecationWarning")
    assert re.fullmatch(output, printed), printed


def test_example_of_monitoring_prints_a_typed_event() -> None:
    # The same with somebody who listens, and with time for it to happen.
    source = with_free_ports(EVENT_MONITORING)
    port = re.findall(r'tcp://localhost:(\d+)"', source)[0]
    listening = f"import zmq\npeer = zmq.Context.instance().socket(zmq.REP)\npeer.bind('tcp://127.0.0.1:{port}')\n"
    happened = source.replace("try:\n", "assert monitor.poll(20_000)\ntry:\n")
    ended = "\npeer.close()\nzmq.Context.instance().term()\n"
    printed = run_script(listening + happened + ended)
    assert printed.startswith("Event: {")
    assert repr(zmq.EVENT_CONNECTED) in printed
    assert f"tcp://localhost:{port}" in printed


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
def test_example_of_a_device_carries_messages_until_ctrl_c(context: zmq.Context) -> None:
    # A parent may have told it to ignore Ctrl-C.
    heeding = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    source = heeding + DEVICE_CONSTANTS
    frontend, backend = free_port(), free_port()
    source = source.replace("5559", str(frontend)).replace("5560", str(backend))
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", source],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            requester = context.socket(zmq.REQ)
            replier = context.socket(zmq.REP)
            requester.connect(f"tcp://127.0.0.1:{frontend}")
            replier.connect(f"tcp://127.0.0.1:{backend}")
            requester.send(b"question")
            assert replier.recv() == b"question"
            replier.send(b"answer")
            assert requester.recv() == b"answer"
            running.send_signal(signal.SIGINT)
            output, _ = running.communicate(timeout=30)
        finally:
            running.kill()
    assert (running.returncode, output) == (0, "")
