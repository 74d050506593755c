"""Every constant: the enums of the native core, and their members under flat names.

``zmq.SocketType.REQ`` is ``zmq.REQ``, ``zmq.Event.CONNECTED`` is ``zmq.EVENT_CONNECTED``.
The list of names is the native one; ``tools/generate_constants_stub.py`` writes it out for type
checkers and editors, in constants.pyi.
"""

from __future__ import annotations

from enum import Enum, IntEnum, IntFlag

from zmq._core import (
    ContextOption,
    DeviceType,
    Errno,
    Event,
    Flag,
    MessageOption,
    NormMode,
    PollEvent,
    ReconnectStop,
    RouterNotify,
    SecurityMechanism,
    SocketOption,
    SocketType,
    option_type,
    zmq_version_info,
)

# Names that the flat ones are derived from: an enum, and what goes before its names.
_PREFIXES: tuple[tuple[type[IntEnum] | type[IntFlag], str], ...] = (
    (SocketType, ""),
    (MessageOption, ""),
    (SocketOption, ""),
    (ContextOption, ""),
    (Event, "EVENT_"),
    (PollEvent, ""),
    (Errno, ""),
    (DeviceType, ""),
    (SecurityMechanism, ""),
    (Flag, ""),
    (NormMode, "NORM_"),
    (ReconnectStop, "RECONNECT_STOP_"),
    (RouterNotify, "NOTIFY_"),
)


def _flat_names() -> dict[str, int]:
    """Give all members by flat name. Where two enums have a name, the later one has it."""
    return {
        name if name.startswith("PROTOCOL_ERROR_") else prefix + name: member
        for enum, prefix in _PREFIXES
        for name, member in enum.__members__.items()
    }


class _OptType(Enum):
    """What libzmq exchanges for a socket option."""

    int = "int"
    int64 = "int64"
    bytes = "bytes"
    fd = "fd"


SocketOption._opt_type = property(
    lambda self: _OptType(option_type(self)), doc="What libzmq exchanges for the option."
)

_FLAT = _flat_names()
globals().update(_FLAT)

#: Version of the libzmq in use; VERSION is major * 10000 + minor * 100 + patch.
VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH = zmq_version_info()
VERSION = VERSION_MAJOR * 10000 + VERSION_MINOR * 100 + VERSION_PATCH

# The families of libzmq's protocol errors: the bits that all of a kind have in common.
PROTOCOL_ERROR_ZMTP_V1 = 0x10000000
PROTOCOL_ERROR_ZMTP_V3 = 0x10000000
PROTOCOL_ERROR_ZAP_V1 = 0x20000000

# Names for annotations.
ZMQConstant = int
ConstantValue = int | str | bytes
SocketTypeValue = int
SocketOptionValue = int
ContextOptionValue = int
EventValue = int
ErrorValue = int
MessageFlags = int
PollFlags = int
EventFlags = int
VersionTuple = tuple[int, int, int]
VersionNumber = int

__all__ = [
    "Enum",
    "IntEnum",
    "IntFlag",
    *(enum.__name__ for enum, _ in _PREFIXES),
    *_FLAT,
    "VERSION_MAJOR",
    "VERSION_MINOR",
    "VERSION_PATCH",
    "VERSION",
    "PROTOCOL_ERROR_ZMTP_V1",
    "PROTOCOL_ERROR_ZMTP_V3",
    "PROTOCOL_ERROR_ZAP_V1",
]
