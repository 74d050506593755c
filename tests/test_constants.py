"""The enums and their flat names: every value, what members are, and the stub that lists them."""

from __future__ import annotations

import copy
import enum
import errno
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import zmq
from zmq import _core, constants
from zmq.constants import Event, MessageOption, PollEvent, SocketOption, SocketType

#: Names and values that programs and peers rely on, whatever header this was built with.
MEMBERS = {
    "SocketType": """
        CHANNEL=20 CLIENT=13 DEALER=5 DGRAM=18 DISH=15 GATHER=16 PAIR=0 PEER=19 PUB=1 PULL=7
        PUSH=8 RADIO=14 REP=4 REQ=3 ROUTER=6 SCATTER=17 SERVER=12 STREAM=11 SUB=2 XPUB=9 XREP=6
        XREQ=5 XSUB=10
    """,
    "SocketOption": """
        AFFINITY=4 BACKLOG=19 BINDTODEVICE=92 BLOCKY=70 BUSY_POLL=113 CONFLATE=54 CONNECT_RID=61
        CONNECT_ROUTING_ID=61 CONNECT_TIMEOUT=79 CURVE_PUBLICKEY=48 CURVE_SECRETKEY=49
        CURVE_SERVER=47 CURVE_SERVERKEY=50 DELAY_ATTACH_ON_CONNECT=39 DISCONNECT_MSG=111
        EVENTS=15 FAIL_UNROUTABLE=33 FD=14 GSSAPI_PLAINTEXT=65 GSSAPI_PRINCIPAL=63
        GSSAPI_PRINCIPAL_NAMETYPE=90 GSSAPI_SERVER=62 GSSAPI_SERVICE_PRINCIPAL=64
        GSSAPI_SERVICE_PRINCIPAL_NAMETYPE=91 HANDSHAKE_IVL=66 HEARTBEAT_IVL=75
        HEARTBEAT_TIMEOUT=77 HEARTBEAT_TTL=76 HELLO_MSG=110 HICCUP_MSG=114 HWM=1 IDENTITY=5
        IMMEDIATE=39 INVERT_MATCHING=74 IN_BATCH_SIZE=101 IPC_FILTER_GID=60 IPC_FILTER_PID=58
        IPC_FILTER_UID=59 IPV4ONLY=31 IPV6=42 LAST_ENDPOINT=32 LINGER=17 LOOPBACK_FASTPATH=94
        MAXMSGSIZE=22 MECHANISM=43 METADATA=95 MULTICAST_HOPS=25 MULTICAST_LOOP=96
        MULTICAST_MAXTPDU=84 NORM_BLOCK_SIZE=121 NORM_BUFFER_SIZE=119 NORM_MODE=117
        NORM_NUM_AUTOPARITY=123 NORM_NUM_PARITY=122 NORM_PUSH=124 NORM_SEGMENT_SIZE=120
        NORM_UNICAST_NACK=118 ONLY_FIRST_SUBSCRIBE=108 OUT_BATCH_SIZE=102 PLAIN_PASSWORD=46
        PLAIN_SERVER=44 PLAIN_USERNAME=45 PRIORITY=112 PROBE_ROUTER=51 RATE=8 RCVBUF=12
        RCVHWM=24 RCVMORE=13 RCVTIMEO=27 RECONNECT_IVL=18 RECONNECT_IVL_MAX=21
        RECONNECT_STOP=109 RECOVERY_IVL=9 REQ_CORRELATE=52 REQ_RELAXED=53 ROUTER_BEHAVIOR=33
        ROUTER_HANDOVER=56 ROUTER_MANDATORY=33 ROUTER_NOTIFY=97 ROUTER_RAW=41 ROUTING_ID=5
        SNDBUF=11 SNDHWM=23 SNDTIMEO=28 SOCKS_PASSWORD=100 SOCKS_PROXY=68 SOCKS_USERNAME=99
        STREAM_NOTIFY=73 SUBSCRIBE=6 TCP_ACCEPT_FILTER=38 TCP_KEEPALIVE=34 TCP_KEEPALIVE_CNT=35
        TCP_KEEPALIVE_IDLE=36 TCP_KEEPALIVE_INTVL=37 TCP_MAXRT=80 THREAD_SAFE=81
        TOPICS_COUNT=116 TOS=57 TYPE=16 UNSUBSCRIBE=7 USE_FD=89 VMCI_BUFFER_MAX_SIZE=87
        VMCI_BUFFER_MIN_SIZE=86 VMCI_BUFFER_SIZE=85 VMCI_CONNECT_TIMEOUT=88 WSS_CERT_PEM=104
        WSS_HOSTNAME=106 WSS_KEY_PEM=103 WSS_TRUST_PEM=105 WSS_TRUST_SYSTEM=107 XPUB_MANUAL=71
        XPUB_MANUAL_LAST_VALUE=98 XPUB_NODROP=69 XPUB_VERBOSE=40 XPUB_VERBOSER=78
        XPUB_WELCOME_MSG=72 XSUB_VERBOSE_UNSUBSCRIBE=115 ZAP_DOMAIN=55 ZAP_ENFORCE_DOMAIN=93
    """,
    "ContextOption": """
        IO_THREADS=1 MAX_MSGSZ=5 MAX_SOCKETS=2 MSG_T_SIZE=6 SOCKET_LIMIT=3
        THREAD_AFFINITY_CPU_ADD=7 THREAD_AFFINITY_CPU_REMOVE=8 THREAD_NAME_PREFIX=9
        THREAD_PRIORITY=3 THREAD_SCHED_POLICY=4
    """,
    "Event": """
        ACCEPTED=32 ACCEPT_FAILED=64 ALL=65535 ALL_V1=65535 ALL_V2=0x1ffff BIND_FAILED=16
        CLOSED=128 CLOSE_FAILED=256 CONNECTED=1 CONNECT_DELAYED=2 CONNECT_RETRIED=4
        DISCONNECTED=512 HANDSHAKE_FAILED_AUTH=16384 HANDSHAKE_FAILED_NO_DETAIL=2048
        HANDSHAKE_FAILED_PROTOCOL=8192 HANDSHAKE_SUCCEEDED=4096 LISTENING=8 MONITOR_STOPPED=1024
        PIPES_STATS=0x10000 PROTOCOL_ERROR_WS_UNSPECIFIED=0x30000000
        PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID=0x20000002 PROTOCOL_ERROR_ZAP_BAD_VERSION=0x20000003
        PROTOCOL_ERROR_ZAP_INVALID_METADATA=0x20000005
        PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE=0x20000004
        PROTOCOL_ERROR_ZAP_MALFORMED_REPLY=0x20000001 PROTOCOL_ERROR_ZAP_UNSPECIFIED=0x20000000
        PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC=0x11000001
        PROTOCOL_ERROR_ZMTP_INVALID_METADATA=0x10000018
        PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE=0x10000002
        PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE=0x10000003
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR=0x10000015
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO=0x10000013
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE=0x10000014
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE=0x10000012
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY=0x10000016
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED=0x10000011
        PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME=0x10000017
        PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH=0x11000002
        PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND=0x10000001
        PROTOCOL_ERROR_ZMTP_UNSPECIFIED=0x10000000
    """,
    "PollEvent": """
        POLLERR=4 POLLIN=1 POLLOUT=2 POLLPRI=8
    """,
    "MessageOption": """
        MORE=1 SHARED=3 SRCFD=2
    """,
    "DeviceType": """
        FORWARDER=2 QUEUE=3 STREAMER=1
    """,
    "SecurityMechanism": """
        CURVE=2 GSSAPI=3 NULL=0 PLAIN=1
    """,
    "Flag": """
        DONTWAIT=1 NOBLOCK=1 SNDMORE=2
    """,
    "NormMode": """
        CC=1 CCE=3 CCE_ECNONLY=4 CCL=2 FIXED=0
    """,
    "ReconnectStop": """
        AFTER_DISCONNECT=4 CONN_REFUSED=1 HANDSHAKE_FAILED=2
    """,
    "RouterNotify": """
        CONNECT=1 DISCONNECT=2
    """,
}

ERRNOS = [
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EAFNOSUPPORT",
    "EAGAIN",
    "ECONNABORTED",
    "ECONNREFUSED",
    "ECONNRESET",
    "EFAULT",
    "EHOSTUNREACH",
    "EINPROGRESS",
    "EINVAL",
    "EMSGSIZE",
    "ENETDOWN",
    "ENETRESET",
    "ENETUNREACH",
    "ENOBUFS",
    "ENOTCONN",
    "ENOTSOCK",
    "ENOTSUP",
    "EPROTONOSUPPORT",
    "ETIMEDOUT",
]

OWN_ERRNOS = {"EFSM": 51, "ENOCOMPATPROTO": 52, "ETERM": 53, "EMTHREAD": 54}
#: Where errno has numbers of Windows' sockets.
WINSOCK_ERRNOS = 10000
HAUSNUMERO = 156384712

PREFIXES = {
    "Event": "EVENT_",
    "NormMode": "NORM_",
    "ReconnectStop": "RECONNECT_STOP_",
    "RouterNotify": "NOTIFY_",
}

FLAGS = ("Event", "PollEvent", "Flag")

EVERY_MEMBER = [
    (name, *entry.split("=")) for name, entries in MEMBERS.items() for entry in entries.split()
]

STUB_TOOL = Path(__file__).parent.parent / "tools" / "generate_constants_stub.py"


def flat_name(enum_name: str, name: str) -> str:
    if name.startswith("PROTOCOL_ERROR_"):
        return name
    return PREFIXES.get(enum_name, "") + name


@pytest.mark.parametrize(("enum_name", "name", "value"), EVERY_MEMBER)
def test_member_has_its_value_and_its_flat_name(enum_name: str, name: str, value: str) -> None:
    member = getattr(constants, enum_name)[name]
    assert member == int(value, 0)
    assert type(member) is getattr(constants, enum_name)
    flat = flat_name(enum_name, name)
    assert getattr(constants, flat) is member
    assert getattr(zmq, flat) is member
    assert flat in constants.__all__
    assert flat in zmq.__all__


@pytest.mark.parametrize("name", ERRNOS)
def test_errno_of_the_system_has_its_value(name: str) -> None:
    assert getattr(zmq, name) is constants.Errno[name]
    if getattr(errno, name) >= WINSOCK_ERRNOS:
        assert 100 <= constants.Errno[name] <= 140  # those of the C library
    else:
        assert constants.Errno[name] == getattr(errno, name)


@pytest.mark.parametrize(("name", "offset"), OWN_ERRNOS.items())
def test_errno_of_libzmq_has_its_value(name: str, offset: int) -> None:
    assert constants.Errno[name] == HAUSNUMERO + offset
    assert getattr(zmq, name) is constants.Errno[name]


@pytest.mark.parametrize("enum_name", [*MEMBERS, "Errno"])
def test_enum_is_of_the_standard_library_and_native(enum_name: str) -> None:
    cls = getattr(constants, enum_name)
    assert cls is getattr(_core, enum_name)
    assert cls is getattr(zmq, enum_name)
    assert issubclass(cls, enum.IntFlag if enum_name in FLAGS else enum.IntEnum)
    assert cls.__module__ == "zmq.constants"
    assert cls.__doc__


@pytest.mark.parametrize("enum_name", [*MEMBERS, "Errno"])
def test_every_member_is_public_under_its_flat_name(enum_name: str) -> None:
    # Two numbers of message properties are not theirs: sockets have options of these names.
    others = {"MessageOption": {"ROUTING_ID", "PROBE_ROUTER"}}.get(enum_name, set())
    for name, member in getattr(constants, enum_name).__members__.items():
        if name not in others:
            assert getattr(zmq, flat_name(enum_name, name)) is member


def test_flat_names_of_socket_and_message_options_do_not_collide() -> None:
    assert zmq.ROUTING_ID is SocketOption.ROUTING_ID
    assert zmq.PROBE_ROUTER is SocketOption.PROBE_ROUTER
    assert zmq.GROUP is MessageOption.GROUP
    assert zmq.MONITOR is SocketOption.MONITOR
    of_messages = {int(option) for option in MessageOption}
    assert len(of_messages) == len(MessageOption.__members__)


def test_alias_is_the_member_it_repeats() -> None:
    assert SocketType.XREQ is SocketType.DEALER
    assert zmq.IDENTITY is SocketOption.ROUTING_ID
    assert zmq.NOBLOCK is zmq.DONTWAIT
    assert zmq.EVENT_ALL is Event.ALL_V1
    assert SocketOption(61).name == "CONNECT_ROUTING_ID"


def test_member_is_an_int_in_every_respect() -> None:
    assert zmq.REQ == 3
    assert isinstance(zmq.REQ, int)
    assert zmq.REQ + 1 == 4
    assert {3: "three"}[zmq.REQ] == "three"
    assert repr(zmq.REQ) == "<SocketType.REQ: 3>"
    assert f"{zmq.REQ:d}" == "3"
    assert SocketType(3) is zmq.REQ
    with pytest.raises(ValueError, match="9999"):
        SocketType(9999)


def test_flags_combine_to_flags() -> None:
    both = zmq.POLLIN | zmq.POLLOUT
    assert type(both) is PollEvent
    assert both == 3
    assert both & zmq.POLLOUT is PollEvent.POLLOUT
    assert zmq.POLLIN in both
    assert isinstance(zmq.DONTWAIT | zmq.SNDMORE, constants.Flag)
    # A newer libzmq may know more events.
    assert isinstance(Event(1 << 20), Event)


def test_enum_is_iterable_in_the_order_of_the_table() -> None:
    assert list(SocketType)[:3] == [zmq.PAIR, zmq.PUB, zmq.SUB]
    assert len(set(SocketType)) == len(list(SocketType)) == 21


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_member_survives_pickle_and_copy(protocol: int) -> None:
    for member in (zmq.REQ, zmq.LINGER, zmq.EVENT_CONNECTED, zmq.EAGAIN, zmq.POLLIN):
        assert pickle.loads(pickle.dumps(member, protocol)) is member
        assert copy.deepcopy(member) is member


def test_pickle_names_the_public_module() -> None:
    assert b"zmq.constants" in pickle.dumps(zmq.REQ)


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        (SocketOption.LINGER, "int"),
        (SocketOption.MAXMSGSIZE, "int64"),
        (SocketOption.AFFINITY, "int64"),
        (SocketOption.ROUTING_ID, "bytes"),
        (SocketOption.LAST_ENDPOINT, "bytes"),
        (SocketOption.MONITOR, "bytes"),
        (SocketOption.FD, "fd"),
    ],
)
def test_option_tells_what_libzmq_exchanges_for_it(option: SocketOption, kind: str) -> None:
    assert option._opt_type is constants._OptType[kind]
    assert _core.option_type(option) == kind


def test_version_is_that_of_the_libzmq_in_use() -> None:
    version = (zmq.VERSION_MAJOR, zmq.VERSION_MINOR, zmq.VERSION_PATCH)
    assert version == zmq.zmq_version_info()
    assert version[0] * 10000 + version[1] * 100 + version[2] == zmq.VERSION
    assert ".".join(map(str, version)) == zmq.zmq_version()


def test_families_of_protocol_errors_are_the_bits_they_have_in_common() -> None:
    assert zmq.PROTOCOL_ERROR_ZMTP_V1 == zmq.PROTOCOL_ERROR_ZMTP_V3 == 0x10000000
    assert zmq.PROTOCOL_ERROR_ZAP_V1 == 0x20000000
    for name, member in Event.__members__.items():
        if name.startswith("PROTOCOL_ERROR_ZMTP_"):
            assert member & zmq.PROTOCOL_ERROR_ZMTP_V1
        elif name.startswith("PROTOCOL_ERROR_ZAP_"):
            assert member & zmq.PROTOCOL_ERROR_ZAP_V1


def test_public_names_are_unique_and_exist() -> None:
    assert len(set(constants.__all__)) == len(constants.__all__)
    for name in constants.__all__:
        assert hasattr(constants, name)


@pytest.mark.skipif(not STUB_TOOL.is_file(), reason="not a checkout")
def test_stub_lists_what_the_module_has() -> None:
    checked = subprocess.run(
        [sys.executable, STUB_TOOL, "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
