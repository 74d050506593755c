"""Constants are members of enums, and versions numbers and strings."""

from __future__ import annotations

from typing_extensions import assert_type

import zmq
from zmq.constants import Event, SocketOption, SocketType


def constants() -> None:
    kind: SocketType = zmq.PUB
    kind = zmq.SocketType.SUB
    option: SocketOption = zmq.LINGER
    flag: zmq.Flag = zmq.SNDMORE | zmq.NOBLOCK
    events: zmq.PollEvent = zmq.POLLIN | zmq.POLLOUT
    event: Event = zmq.EVENT_CONNECTED
    errno: int = zmq.ETERM
    number: int = zmq.PUB
    name: str = SocketType.PUB.name
    assert_type(zmq.SocketType(1), zmq.SocketType)
    print(kind, option, flag, events, event, errno, number, name)


def versions() -> None:
    assert_type(zmq.__version__, str)
    assert_type(zmq.pyzmq_version(), str)
    assert_type(zmq.zmq_version(), str)
    assert_type(zmq.zmq_version_info(), tuple[int, int, int])
    assert_type(zmq.has("curve"), bool)
    assert_type(zmq.curve_keypair(), tuple[bytes, bytes])
    assert_type(zmq.curve_public(b""), bytes)
    assert_type(zmq.strerror(11), str)


def errors(socket: zmq.Socket[bytes]) -> None:
    try:
        socket.recv(zmq.NOBLOCK)
    except zmq.Again as error:
        assert_type(error.errno, int | None)
    except zmq.ContextTerminated:
        return
    except zmq.ZMQError as error:
        if error.errno == zmq.ENOTSUP:
            print(error.strerror)
