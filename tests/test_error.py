"""Errors: which exception, with which errno, saying what; and nothing is sent or lost by one."""

from __future__ import annotations

import contextlib
import copy
import errno
import os
import pickle
import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import zmq
from support import run_script

TOO_LARGE = "too large" if sys.platform == "win32" else "too large.*1099511627776"
NO_SOCKET = "socket|Unknown error" if sys.platform == "win32" else "non-socket"
TOO_LONG = "ipc:///tmp/" + "x" * zmq.IPC_PATH_MAX_LEN

TEXT = r"a bytes-like object is required, not '{}'"
INTEGER = r"'str' object cannot be interpreted as an integer|an integer is required"
CLOSED = "the socket is closed"

needs_no_drafts = pytest.mark.skipif(zmq.DRAFT_API, reason="libzmq has the draft sockets")


@dataclass(frozen=True)
class Scene:
    """What a mistake is made with: a message waits in `socket`, whose peer has none."""

    context: zmq.Context
    socket: zmq.Socket
    peer: zmq.Socket
    closed: zmq.Socket
    endpoint: str

    def other(self, socket_type: int) -> zmq.Socket:
        return self.context.socket(socket_type)


@dataclass(frozen=True)
class Mistake:
    """Something that raises."""

    does: Callable[[Scene], object]
    raises: type[BaseException] | tuple[type[BaseException], ...]
    number: int | None
    says: str


def unconnected(scene: Scene, socket_type: int = zmq.PAIR, **options: int) -> zmq.Socket:
    socket = scene.other(socket_type)
    for name, value in options.items():
        setattr(socket, name, value)
    return socket


def every_other(data: bytes | bytearray) -> memoryview:
    return memoryview(data)[::2]


MISTAKES = {
    # -- what is no message part
    "send text": Mistake(lambda on: on.socket.send("text"), TypeError, None, "send_string"),
    "send text without copying": Mistake(
        lambda on: on.socket.send("text", copy=False), TypeError, None, "send_string"
    ),
    "send a number": Mistake(lambda on: on.socket.send(5), TypeError, None, TEXT.format("int")),
    "send None": Mistake(
        lambda on: on.socket.send(None, copy=False), TypeError, None, TEXT.format("NoneType")
    ),
    "send a list": Mistake(
        lambda on: on.socket.send([b"part"]), TypeError, None, TEXT.format("list")
    ),
    "send every other byte": Mistake(
        lambda on: on.socket.send(every_other(b"abcdef")), BufferError, None, "contiguous"
    ),
    "send every other byte without copying": Mistake(
        lambda on: on.socket.send(every_other(bytes(200_000)), copy=False),
        BufferError,
        None,
        "contiguous",
    ),
    "send a Frame that is not tracked": Mistake(
        lambda on: on.socket.send(zmq.Frame(b"part"), track=True),
        ValueError,
        None,
        "Not a tracked message",
    ),
    "send with flags as text": Mistake(
        lambda on: on.socket.send(b"part", "flags"), TypeError, None, INTEGER
    ),
    "send with huge flags": Mistake(
        lambda on: on.socket.send(b"part", 2**40), OverflowError, None, "too large"
    ),
    "send nothing": Mistake(lambda on: on.socket.send(), TypeError, None, "'data'"),
    "send with an unknown keyword": Mistake(
        lambda on: on.socket.send(b"part", nosuch=1), TypeError, None, "'nosuch'"
    ),
    "send_string bytes": Mistake(
        lambda on: on.socket.send_string(b"bytes"), TypeError, None, "str.*not bytes"
    ),
    "send_json what has no JSON": Mistake(
        lambda on: on.socket.send_json(object()), TypeError, None, "not JSON serializable"
    ),
    "send_pyobj what has no pickle": Mistake(
        lambda on: on.socket.send_pyobj(threading.Lock()), TypeError, None, "pickle"
    ),
    "send_serialized what is no part": Mistake(
        lambda on: on.socket.send_serialized(5, lambda message: [b"part", message]),
        TypeError,
        None,
        r"1.*5",
    ),
    # -- one bad part
    "send_multipart with text": Mistake(
        lambda on: on.socket.send_multipart([b"one", "two", b"three"]), TypeError, None, "1.*'two'"
    ),
    "send_multipart with a number": Mistake(
        lambda on: on.socket.send_multipart([b"one", b"two", 3]), TypeError, None, "2.*3"
    ),
    "send_multipart with None, not copying": Mistake(
        lambda on: on.socket.send_multipart([b"x" * 100_000, None], copy=False),
        TypeError,
        None,
        "1.*None",
    ),
    "send_multipart with every other byte": Mistake(
        lambda on: on.socket.send_multipart([b"one", every_other(b"abcdef")]),
        BufferError,
        None,
        "contiguous",
    ),
    "send_multipart with an untracked Frame": Mistake(
        lambda on: on.socket.send_multipart([b"one", zmq.Frame(b"two")], copy=False, track=True),
        ValueError,
        None,
        "Not a tracked message",
    ),
    "send_multipart bytes": Mistake(
        lambda on: on.socket.send_multipart(b"abc"), TypeError, None, "0.*97"
    ),
    "send_multipart a number": Mistake(
        lambda on: on.socket.send_multipart(5), TypeError, None, "iterable"
    ),
    "send_multipart no part": Mistake(
        lambda on: on.socket.send_multipart([]), (ValueError, IndexError), None, "part|range"
    ),
    "send_multipart from what raises": Mistake(
        lambda on: on.socket.send_multipart(1 / part for part in [1, 0]),
        (ZeroDivisionError, TypeError),
        None,
        "division",
    ),
    # -- receiving
    "recv with flags as text": Mistake(
        lambda on: on.socket.recv("flags"), TypeError, None, INTEGER
    ),
    "recv when nothing is there": Mistake(
        lambda on: on.peer.recv(zmq.NOBLOCK), zmq.Again, zmq.EAGAIN, "temporarily unavailable"
    ),
    "recv when nothing comes in time": Mistake(
        lambda on: unconnected(on, rcvtimeo=1).recv(), zmq.Again, zmq.EAGAIN, "temporarily"
    ),
    "send when nobody is there in time": Mistake(
        lambda on: unconnected(on, sndtimeo=1).send(b"part"), zmq.Again, zmq.EAGAIN, "temporarily"
    ),
    "send_multipart when nobody is there": Mistake(
        lambda on: unconnected(on).send_multipart([b"one", b"two"], zmq.NOBLOCK),
        zmq.Again,
        zmq.EAGAIN,
        "temporarily",
    ),
    "recv_into bytes": Mistake(
        lambda on: on.socket.recv_into(b"read-only"), BufferError, None, "not writable|read-only"
    ),
    "recv_into every other byte": Mistake(
        lambda on: on.socket.recv_into(every_other(bytearray(20))), BufferError, None, "contiguous"
    ),
    "recv_into text": Mistake(
        lambda on: on.socket.recv_into("text"), TypeError, None, TEXT.format("str")
    ),
    "recv_into a negative number of bytes": Mistake(
        lambda on: on.socket.recv_into(bytearray(3), nbytes=-1), ValueError, None, "nbytes=-1"
    ),
    "recv_into more bytes than there are": Mistake(
        lambda on: on.socket.recv_into(bytearray(3), nbytes=9), ValueError, None, "nbytes=9.*3"
    ),
    "recv_into bytes as text": Mistake(
        lambda on: on.socket.recv_into(bytearray(3), nbytes="3"), TypeError, None, INTEGER
    ),
    # -- what the type of the socket does not do
    "recv on PUSH": Mistake(
        lambda on: on.other(zmq.PUSH).recv(), zmq.ZMQError, zmq.ENOTSUP, "(?i)not supported"
    ),
    "send on SUB": Mistake(
        lambda on: on.other(zmq.SUB).send(b"part"), zmq.ZMQError, zmq.ENOTSUP, "(?i)not supported"
    ),
    "recv on REQ before send": Mistake(
        lambda on: on.other(zmq.REQ).recv(), zmq.ZMQError, zmq.EFSM, "current state"
    ),
    "send on REP before recv": Mistake(
        lambda on: on.other(zmq.REP).send(b"part"), zmq.ZMQError, zmq.EFSM, "current state"
    ),
    "subscribe on PAIR": Mistake(
        lambda on: on.socket.subscribe(b"topic"), zmq.ZMQError, errno.EINVAL, "Invalid argument"
    ),
    "subscribe to a number": Mistake(
        lambda on: on.other(zmq.SUB).subscribe(5), TypeError, None, "expected bytes.*5"
    ),
    # -- options
    "get an unknown option": Mistake(
        lambda on: on.socket.get(9999), zmq.ZMQError, errno.EINVAL, "9999"
    ),
    "get a negative option": Mistake(
        lambda on: on.socket.get(-1), zmq.ZMQError, errno.EINVAL, "-1"
    ),
    "get an option by name": Mistake(lambda on: on.socket.get("linger"), TypeError, None, INTEGER),
    "get a huge option": Mistake(lambda on: on.socket.get(2**40), OverflowError, None, TOO_LARGE),
    "get an option for writing": Mistake(
        lambda on: on.socket.get(zmq.SUBSCRIBE), zmq.ZMQError, errno.EINVAL, "SUBSCRIBE"
    ),
    "set an unknown option": Mistake(
        lambda on: on.socket.set(9999, 1), zmq.ZMQError, errno.EINVAL, "9999"
    ),
    "set an option for reading": Mistake(
        lambda on: on.socket.set(zmq.TYPE, zmq.PUB), zmq.ZMQError, errno.EINVAL, "TYPE"
    ),
    "set a number to text": Mistake(
        lambda on: on.socket.set(zmq.LINGER, "1"), TypeError, None, "setsockopt_string"
    ),
    "set a number to bytes": Mistake(
        lambda on: on.socket.set(zmq.LINGER, b"1"), TypeError, None, "expected int, got: b'1'"
    ),
    "set a number to a fraction": Mistake(
        lambda on: on.socket.set(zmq.LINGER, 1.5), TypeError, None, "expected int, got: 1.5"
    ),
    "set a number to None": Mistake(
        lambda on: on.socket.set(zmq.MAXMSGSIZE, None), TypeError, None, "expected int, got: None"
    ),
    "set a number out of range": Mistake(
        lambda on: on.socket.set(zmq.LINGER, -5), zmq.ZMQError, errno.EINVAL, "LINGER.*-5"
    ),
    "set a negative high-water mark": Mistake(
        lambda on: on.socket.set(zmq.SNDHWM, -1), zmq.ZMQError, errno.EINVAL, "SNDHWM.*-1"
    ),
    "set a number too large for C": Mistake(
        lambda on: on.socket.set(zmq.LINGER, 2**31), OverflowError, None, "too large"
    ),
    "set a large number too large for C": Mistake(
        lambda on: on.socket.set(zmq.MAXMSGSIZE, 2**63), OverflowError, None, "too (large|big)"
    ),
    "set bytes to text": Mistake(
        lambda on: on.socket.set(zmq.ROUTING_ID, "text"), TypeError, None, "setsockopt_string"
    ),
    "set bytes to a number": Mistake(
        lambda on: on.socket.set(zmq.ROUTING_ID, 1), TypeError, None, "expected bytes, got: 1"
    ),
    "set a routing id that is too long": Mistake(
        lambda on: on.socket.set(zmq.ROUTING_ID, bytes(256)),
        zmq.ZMQError,
        errno.EINVAL,
        "ROUTING_ID",
    ),
    "set an empty routing id": Mistake(
        lambda on: on.socket.set(zmq.ROUTING_ID, b""), zmq.ZMQError, errno.EINVAL, "ROUTING_ID.*b''"
    ),
    "set a key that is no key": Mistake(
        lambda on: on.socket.set(zmq.CURVE_PUBLICKEY, b"short"),
        zmq.ZMQError,
        errno.EINVAL,
        "CURVE_PUBLICKEY",
    ),
    "get_string of a number": Mistake(
        lambda on: on.socket.get_string(zmq.LINGER), TypeError, None, "17"
    ),
    "get_string of an unknown option": Mistake(
        lambda on: on.socket.get_string(9999), ValueError, None, "9999"
    ),
    "set_string to bytes": Mistake(
        lambda on: on.socket.set_string(zmq.ROUTING_ID, b"x"), TypeError, None, "strings only.*b'x'"
    ),
    "set_hwm to text": Mistake(
        lambda on: on.socket.set_hwm("5"), TypeError, None, "setsockopt_string"
    ),
    # -- attributes
    "get an unknown attribute": Mistake(
        lambda on: on.socket.nosuch, AttributeError, None, "(?i)nosuch"
    ),
    "set an unknown attribute": Mistake(
        lambda on: setattr(on.socket, "nosuch", 1), AttributeError, None, "(?i)nosuch"
    ),
    "set a private attribute": Mistake(
        lambda on: setattr(on.socket, "_private", 1), AttributeError, None, "(?i)_private"
    ),
    "get a write-only attribute": Mistake(
        lambda on: on.socket.tcp_accept_filter,
        AttributeError,
        None,
        "tcp_accept_filter.*write-only",
    ),
    "delete an option": Mistake(
        lambda on: delattr(on.socket, "linger"), AttributeError, None, "linger"
    ),
    "set a read-only attribute": Mistake(
        lambda on: setattr(on.socket, "closed", True),
        AttributeError,
        None,
        "closed|setter|can't set attribute",
    ),
    "get an unknown attribute of a context": Mistake(
        lambda on: on.context.nosuch, AttributeError, None, "NOSUCH"
    ),
    "set an unknown attribute of a context": Mistake(
        lambda on: setattr(on.context, "nosuch", 1), AttributeError, None, "NOSUCH"
    ),
    "get a default that a context does not have": Mistake(
        lambda on: on.context.linger, AttributeError, None, "LINGER"
    ),
    # -- endpoints
    "bind to a number": Mistake(lambda on: on.socket.bind(5), TypeError, None, "str.*5"),
    "connect to None": Mistake(
        lambda on: on.socket.connect(None), TypeError, None, "(?i)expected.*None"
    ),
    "bind to no endpoint": Mistake(
        lambda on: on.socket.bind("nothing"), zmq.ZMQError, errno.EINVAL, "nothing"
    ),
    "connect by an unknown transport": Mistake(
        lambda on: on.socket.connect("pigeon://post"),
        zmq.ZMQError,
        zmq.EPROTONOSUPPORT,
        "(?i)not supported.*pigeon",
    ),
    "bind to a transport for others": Mistake(
        lambda on: on.socket.bind("pgm://127.0.0.1;239.0.0.1:5555"),
        zmq.ZMQError,
        zmq.ENOCOMPATPROTO if zmq.has("pgm") else zmq.EPROTONOSUPPORT,
        "pgm",
    ),
    "bind where somebody is": Mistake(
        lambda on: on.peer.bind(on.endpoint), zmq.ZMQError, zmq.EADDRINUSE, "in use.*inproc://"
    ),
    "bind to another machine": Mistake(
        lambda on: on.socket.bind("tcp://192.0.2.1:5555"),
        zmq.ZMQError,
        zmq.EADDRNOTAVAIL,
        r"192\.0\.2\.1",
    ),
    "bind to an unknown interface": Mistake(
        lambda on: on.socket.bind("tcp://nosuch0:5555"), zmq.ZMQError, errno.ENODEV, "nosuch0"
    ),
    "bind without a port": Mistake(
        lambda on: on.socket.bind("tcp://127.0.0.1"), zmq.ZMQError, errno.EINVAL, "127"
    ),
    "bind to a path that is too long": Mistake(
        lambda on: on.socket.bind(TOO_LONG), zmq.ZMQError, errno.ENAMETOOLONG, "107|103"
    ),
    "connect to a path that is too long": Mistake(
        lambda on: on.socket.connect(TOO_LONG), zmq.ZMQError, errno.ENAMETOOLONG, "107|103"
    ),
    "bind in a directory that is missing": Mistake(
        lambda on: on.socket.bind("ipc:///nosuchdirectory/socket"),
        zmq.ZMQError,
        errno.ENOENT,
        "/nosuchdirectory/socket",
    ),
    "unbind what is not bound": Mistake(
        lambda on: on.socket.unbind("inproc://nosuch"), zmq.ZMQError, errno.ENOENT, "No such"
    ),
    "disconnect what is not connected": Mistake(
        lambda on: on.socket.disconnect("tcp://127.0.0.1:1"), zmq.ZMQError, errno.ENOENT, "No such"
    ),
    "bind_to_random_port without ports": Mistake(
        lambda on: on.socket.bind_to_random_port("ipc:///tmp/socket"), ValueError, None, "ipc"
    ),
    "bind_to_random_port of an empty range": Mistake(
        lambda on: on.socket.bind_to_random_port("tcp://127.0.0.1", 5000, 5000),
        ValueError,
        None,
        "empty range",
    ),
    "monitor over the network": Mistake(
        lambda on: on.socket.monitor("tcp://127.0.0.1:5555"),
        zmq.ZMQError,
        zmq.EPROTONOSUPPORT,
        "inproc",
    ),
    # -- polling
    "poll for text": Mistake(lambda on: on.socket.poll("soon"), TypeError, None, "'soon'|'str'"),
    "poll for text as events": Mistake(
        lambda on: on.socket.poll(0, "in"), TypeError, None, INTEGER
    ),
    "poll for longer than there are numbers": Mistake(
        lambda on: on.socket.poll(2**80), OverflowError, None, "too (large|long)"
    ),
    "poll what cannot be polled": Mistake(
        lambda on: zmq.zmq_poll([("text", zmq.POLLIN)], 0), TypeError, None, r"fileno\(\).*'text'"
    ),
    "poll a closed socket": Mistake(
        lambda on: zmq.zmq_poll([(on.socket, zmq.POLLIN), (on.closed, zmq.POLLIN)], 0),
        zmq.ZMQError,
        zmq.ENOTSOCK,
        CLOSED,
    ),
    "unregister what is not registered": Mistake(
        lambda on: zmq.Poller().unregister(on.socket), KeyError, None, "zmq.PAIR"
    ),
    # -- Frames and trackers
    "make a Frame of text": Mistake(lambda on: zmq.Frame("text"), TypeError, None, "(?i)str"),
    "make a Frame of a number": Mistake(
        lambda on: zmq.Frame(5), TypeError, None, TEXT.format("int")
    ),
    "make a Frame of every other byte": Mistake(
        lambda on: zmq.Frame(every_other(b"abcdef")), BufferError, None, "contiguous"
    ),
    "get an unknown property": Mistake(
        lambda on: zmq.Frame(b"").get("nosuch"), zmq.ZMQError, errno.EINVAL, "nosuch"
    ),
    "get an unknown number of a Frame": Mistake(
        lambda on: zmq.Frame(b"").get(9999), zmq.ZMQError, errno.EINVAL, "Invalid argument"
    ),
    "get PROBE_ROUTER of a Frame": Mistake(
        lambda on: zmq.Frame(b"").get(zmq.MessageOption.PROBE_ROUTER),
        zmq.ZMQError,
        errno.EINVAL,
        "socket option",
    ),
    "pickle a Frame": Mistake(
        lambda on: pickle.dumps(zmq.Frame(b"")), TypeError, None, "pickle|Frame"
    ),
    "track a number": Mistake(lambda on: zmq.MessageTracker(5), TypeError, None, "'int'"),
    "track an untracked Frame": Mistake(
        lambda on: zmq.MessageTracker(zmq.Frame(b"")), ValueError, None, "Not a tracked message"
    ),
    "wait for what is not done": Mistake(
        lambda on: zmq.MessageTracker(threading.Event()).wait(0.001), zmq.NotDone, None, ""
    ),
    "wait for text": Mistake(
        lambda on: zmq.MessageTracker(threading.Event()).wait("long"), TypeError, None, "str|'long'"
    ),
    # -- making things
    "make a context with -1 threads": Mistake(
        lambda on: zmq.Context(-1), zmq.ZMQError, errno.EINVAL, "Invalid argument"
    ),
    "make a context with text": Mistake(lambda on: zmq.Context("one"), TypeError, None, INTEGER),
    "make a context with far too many threads": Mistake(
        lambda on: zmq.Context(2**40), OverflowError, None, "too large|too big|maximum"
    ),
    "make a socket of an unknown type": Mistake(
        lambda on: on.context.socket(9999), zmq.ZMQError, errno.EINVAL, "9999"
    ),
    "make a socket of text": Mistake(lambda on: on.context.socket("REQ"), TypeError, None, INTEGER),
    "make a socket without a context": Mistake(
        lambda on: zmq.Socket(), TypeError, None, "context must be specified"
    ),
    "make a socket with a wrong context": Mistake(
        lambda on: zmq.Socket(5, zmq.REQ), TypeError, None, "Context"
    ),
    "shadow text": Mistake(lambda on: zmq.Socket.shadow("text"), ValueError, None, "'text'"),
    "shadow a closed socket": Mistake(
        lambda on: zmq.Socket.shadow(on.closed), (zmq.ZMQError, TypeError), None, "closed|context"
    ),
    "get an unknown option of a context": Mistake(
        lambda on: on.context.get(9999), zmq.ZMQError, errno.EINVAL, "9999"
    ),
    "set an unknown option of a context": Mistake(
        lambda on: on.context.set(9999, 1), zmq.ZMQError, errno.EINVAL, "9999"
    ),
    "set an option of a context to text": Mistake(
        lambda on: on.context.set(zmq.IO_THREADS, "2"), TypeError, None, "expected int.*'2'"
    ),
    "set an option of a context out of range": Mistake(
        lambda on: on.context.set(zmq.IO_THREADS, -1), zmq.ZMQError, errno.EINVAL, "-1"
    ),
    "make a key of too little": Mistake(
        lambda on: zmq.curve_public(b"short"), ValueError, None, "40"
    ),
    "make a key of no Z85": Mistake(
        lambda on: zmq.curve_public(b"\x7f" * 40), zmq.ZMQError, errno.EINVAL, "Invalid argument"
    ),
    "proxy between nothing": Mistake(
        lambda on: zmq.proxy(None, on.socket), TypeError, None, "frontend"
    ),
    "proxy with a closed socket": Mistake(
        lambda on: zmq.proxy(on.socket, on.closed), zmq.ZMQError, zmq.ENOTSOCK, CLOSED
    ),
}
if not zmq.has("ipc"):
    for text in ("bind to a path", "connect to a path", "bind in a directory"):
        del MISTAKES[next(name for name in MISTAKES if name.startswith(text))]

DRAFT_MISTAKES = {
    "send to a group": Mistake(
        lambda on: on.socket.send(b"part", group="group"), RuntimeError, None, "draft.*RADIO-DISH"
    ),
    "send to a routing id": Mistake(
        lambda on: on.socket.send(b"part", routing_id=5), RuntimeError, None, "draft.*CLIENT-SERVER"
    ),
    "send_multipart to a group": Mistake(
        lambda on: on.socket.send_multipart([b"part"], group="group"), RuntimeError, None, "draft"
    ),
    "join a group": Mistake(lambda on: on.socket.join("group"), RuntimeError, None, "draft"),
    "leave a group": Mistake(lambda on: on.socket.leave("group"), RuntimeError, None, "draft"),
    "get the group of a Frame": Mistake(
        lambda on: zmq.Frame(b"").group, RuntimeError, None, "draft.*RADIO-DISH"
    ),
    "set the routing id of a Frame": Mistake(
        lambda on: setattr(zmq.Frame(b""), "routing_id", 5),
        RuntimeError,
        None,
        "draft.*CLIENT-SERVER",
    ),
}

ON_A_CLOSED_SOCKET: dict[str, Callable[[zmq.Socket], object]] = {
    "send": lambda closed: closed.send(b"part"),
    "send a large part": lambda closed: closed.send(bytes(100_000)),
    "send without copying": lambda closed: closed.send(bytes(100_000), copy=False),
    "send text": lambda closed: closed.send("text"),
    "send_string": lambda closed: closed.send_string("text"),
    "send_multipart": lambda closed: closed.send_multipart([b"one", b"two"]),
    "recv": lambda closed: closed.recv(),
    "recv without waiting": lambda closed: closed.recv(zmq.NOBLOCK),
    "recv_into": lambda closed: closed.recv_into(bytearray(8)),
    "recv_multipart": lambda closed: closed.recv_multipart(),
    "get": lambda closed: closed.get(zmq.LINGER),
    "getsockopt": lambda closed: closed.getsockopt(zmq.LAST_ENDPOINT),
    "get_hwm": lambda closed: closed.get_hwm(),
    "get an attribute": lambda closed: closed.rcvtimeo,
    "set": lambda closed: closed.set(zmq.LINGER, 0),
    "set an attribute": lambda closed: setattr(closed, "rcvtimeo", 0),
    "subscribe": lambda closed: closed.subscribe(b""),
    "bind": lambda closed: closed.bind("inproc://anywhere"),
    "bind_to_random_port": lambda closed: closed.bind_to_random_port("tcp://127.0.0.1"),
    "connect": lambda closed: closed.connect("inproc://anywhere"),
    "unbind": lambda closed: closed.unbind("inproc://anywhere"),
    "disconnect": lambda closed: closed.disconnect("inproc://anywhere"),
    "fileno": lambda closed: closed.fileno(),
    "FD": lambda closed: closed.FD,
    "monitor": lambda closed: closed.monitor("inproc://monitor"),
    "get_monitor_socket": lambda closed: closed.get_monitor_socket(),
    "Poller.poll": lambda closed: poll_one(closed),
}

ON_A_TERMINATED_CONTEXT: dict[str, Callable[[zmq.Socket], object]] = {
    name: does
    for name, does in ON_A_CLOSED_SOCKET.items()
    if name not in ("send text", "bind_to_random_port", "subscribe", "fileno")
}


def poll_one(socket: zmq.Socket) -> list[Any]:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    return poller.poll(0)


@pytest.fixture
def scene(context: zmq.Context, make_endpoint: Callable[..., str]) -> Scene:
    endpoint = make_endpoint("inproc")
    socket, peer, closed = (context.socket(zmq.PAIR) for _ in range(3))
    socket.bind(endpoint)
    peer.connect(endpoint)
    closed.close()
    peer.send_multipart([b"the message", b"that waits"])
    return Scene(context, socket, peer, closed, endpoint)


def check(raised: pytest.ExceptionInfo[BaseException], mistake: Mistake) -> None:
    error = raised.value
    if isinstance(mistake.raises, type):
        assert type(error) is mistake.raises
    assert getattr(error, "errno", None) == mistake.number or mistake.number is None
    assert re.search(mistake.says, str(error)), str(error)
    if isinstance(error, zmq.ZMQError):
        assert error.strerror == str(error)
        assert error.args[0] == mistake.number or mistake.number is None


def assert_nothing_was_sent_or_lost(scene: Scene) -> None:
    assert scene.peer.poll(0) == 0, scene.peer.recv_multipart()
    scene.socket.send_multipart([b"still", b"whole"])
    assert scene.peer.recv_multipart() == [b"still", b"whole"]
    assert scene.socket.recv_multipart() == [b"the message", b"that waits"]
    scene.peer.send(b"and more")
    assert scene.socket.recv() == b"and more"
    assert scene.socket.poll(0) == scene.peer.poll(0) == 0


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_mistake_says_what_was_wrong_and_changes_nothing(mistake: Mistake, scene: Scene) -> None:
    with pytest.raises(mistake.raises) as raised:
        mistake.does(scene)
    check(raised, mistake)
    assert_nothing_was_sent_or_lost(scene)


@needs_no_drafts
@pytest.mark.parametrize("mistake", DRAFT_MISTAKES.values(), ids=DRAFT_MISTAKES)
def test_what_needs_drafts_says_how_to_get_them(mistake: Mistake, scene: Scene) -> None:
    with pytest.raises(mistake.raises) as raised:
        mistake.does(scene)
    check(raised, mistake)
    assert_nothing_was_sent_or_lost(scene)


@pytest.mark.parametrize("does", ON_A_CLOSED_SOCKET.values(), ids=ON_A_CLOSED_SOCKET)
def test_closed_socket_raises_enotsock(does: Callable[[zmq.Socket], object], scene: Scene) -> None:
    closed = scene.context.socket(zmq.SUB)
    closed.close()
    with pytest.raises(zmq.ZMQError) as raised:
        does(closed)
    check(raised, Mistake(does, zmq.ZMQError, zmq.ENOTSOCK, NO_SOCKET))
    assert_nothing_was_sent_or_lost(scene)


def test_poll_on_a_closed_socket_raises_enotsup(scene: Scene) -> None:
    with pytest.raises(zmq.ZMQError, match="closed") as raised:
        scene.closed.poll(0)
    assert raised.value.errno == zmq.ENOTSUP


def test_closed_socket_is_a_type_error_to_shadow(scene: Scene) -> None:
    for shadow in (zmq.Socket, zmq.Socket.shadow, copy.copy):
        with pytest.raises(zmq.ZMQError, match="closed") as raised:
            shadow(scene.closed)
        assert isinstance(raised.value, TypeError)
        assert raised.value.errno == zmq.ENOTSOCK


def test_terminated_context_is_a_runtime_error_to_ask() -> None:
    context = zmq.Context()
    context.term()
    for ask in (
        lambda: context.get(zmq.IO_THREADS),
        lambda: context.set(zmq.IO_THREADS, 1),
        lambda: context.io_threads,
        lambda: setattr(context, "max_sockets", 5),
    ):
        with pytest.raises(zmq.ZMQError, match="terminated") as raised:
            ask()
        assert isinstance(raised.value, RuntimeError)
        assert raised.value.errno == zmq.EFAULT


def test_errno_of_errors_with_a_class_of_their_own_is_a_member(scene: Scene) -> None:
    with pytest.raises(zmq.Again) as raised:
        scene.peer.recv(zmq.NOBLOCK)
    assert raised.value.errno is zmq.Errno.EAGAIN
    context = zmq.Context()
    with context.socket(zmq.PAIR) as socket:
        context.shutdown()
        with pytest.raises(zmq.ContextTerminated) as terminated:
            socket.recv()
    assert terminated.value.errno is zmq.Errno.ETERM
    context.term()


@pytest.mark.parametrize("does", ON_A_TERMINATED_CONTEXT.values(), ids=ON_A_TERMINATED_CONTEXT)
def test_socket_of_a_terminated_context_raises_eterm(does: Callable[[zmq.Socket], object]) -> None:
    context = zmq.Context()
    ending = threading.Thread(target=context.term)
    with context.socket(zmq.PAIR) as socket:
        ending.start()
        # Nothing is sent here: this is how the socket hears of it.
        with pytest.raises(zmq.ContextTerminated):
            socket.recv()
        with pytest.raises(zmq.ContextTerminated) as raised:
            does(socket)
        check(raised, Mistake(does, zmq.ContextTerminated, zmq.ETERM, "Context was terminated"))
    ending.join()
    assert context.closed


def test_terminated_context_raises() -> None:
    context = zmq.Context()
    context.term()
    with pytest.raises(zmq.ZMQError) as raised:
        context.socket(zmq.REQ)
    assert raised.value.errno == zmq.ENOTSUP
    for does in (
        lambda: context.get(zmq.IO_THREADS),
        lambda: context.set(zmq.IO_THREADS, 2),
        lambda: context.io_threads,
    ):
        with pytest.raises((zmq.ZMQError, RuntimeError), match=r"terminated|destroyed"):
            does()


def test_context_with_all_its_sockets_raises_emfile() -> None:
    context = zmq.Context()
    context.max_sockets = 3
    sockets = [context.socket(zmq.REQ) for _ in range(3)]
    with pytest.raises(zmq.ZMQError) as raised:
        context.socket(zmq.REQ)
    assert raised.value.errno == errno.EMFILE
    sockets.pop().close()
    # The place is free when a thread of libzmq has put the socket away.
    while len(sockets) < 3:
        with contextlib.suppress(zmq.ZMQError):
            sockets.append(context.socket(zmq.REQ))
    context.destroy()


def test_bind_to_a_port_in_use_names_the_endpoint(context: zmq.Context) -> None:
    first, second = context.socket(zmq.REP), context.socket(zmq.REP)
    port = first.bind_to_random_port("tcp://127.0.0.1")
    endpoint = f"tcp://127.0.0.1:{port}"
    with pytest.raises(zmq.ZMQError, match=re.escape(endpoint)) as raised:
        second.bind(endpoint)
    assert raised.value.errno == zmq.EADDRINUSE
    with pytest.raises(zmq.ZMQBindError, match="random port"):
        second.bind_to_random_port("tcp://127.0.0.1", port, port + 1, max_tries=3)
    second.bind_to_random_port("tcp://127.0.0.1")
    first.unbind(endpoint)
    # The place is free when a thread of libzmq has put the listener away.
    while True:
        try:
            second.bind(endpoint)
            break
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE:
                raise


def test_message_over_the_limit_ends_only_its_connection(context: zmq.Context) -> None:
    receiver, too_much, enough = (context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH))
    receiver.maxmsgsize = 1000  # much less, and no peer could shake hands
    endpoint = receiver.bind("tcp://127.0.0.1:*").addr
    monitor = receiver.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    too_much.connect(endpoint)
    too_much.send(bytes(1001))
    assert monitor.recv_pyobj()["event"] == zmq.EVENT_DISCONNECTED
    enough.connect(endpoint)
    enough.send(bytes(1000))
    assert receiver.recv() == bytes(1000)
    assert receiver.poll(0) == 0
    receiver.disable_monitor()
    monitor.close()


def test_recv_into_a_buffer_that_is_too_small_cuts_and_tells_the_size(scene: Scene) -> None:
    buffer = bytearray(b"........")
    assert scene.socket.recv_into(buffer, nbytes=3) == len(b"the message")
    assert buffer == b"the....."
    assert scene.socket.rcvmore
    assert scene.socket.recv_into(buffer) == len(b"that waits")
    assert buffer == b"that wai"
    assert not scene.socket.rcvmore
    scene.peer.send(b"more than nothing")
    assert scene.socket.recv_into(bytearray()) == len(b"more than nothing")
    assert scene.socket.poll(0) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_context_and_socket_of_another_process_raise() -> None:
    run_script(
        """
        import os, sys, zmq

        context = zmq.Context()
        socket = context.socket(zmq.PAIR)
        socket.bind("inproc://anywhere")
        child = os.fork()
        if not child:
            for does in (
                lambda: socket.send(b"part"),
                lambda: socket.recv(),
                lambda: socket.get(zmq.LINGER),
                lambda: context.socket(zmq.PAIR),
                lambda: context.get(zmq.IO_THREADS),
            ):
                try:
                    does()
                except Exception as error:
                    assert "make a new Context" in str(error), error
                else:
                    os._exit(1)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        socket.close()
        context.term()
        """
    )


# -- the classes ---------------------------------------------------------------------------------


def test_classes_derive_as_programs_expect() -> None:
    assert issubclass(zmq.ZMQError, zmq.ZMQBaseError)
    assert issubclass(zmq.ZMQBindError, zmq.ZMQBaseError)
    assert issubclass(zmq.NotDone, zmq.ZMQBaseError)
    assert issubclass(zmq.Again, zmq.ZMQError)
    assert issubclass(zmq.ContextTerminated, zmq.ZMQError)
    assert issubclass(zmq.InterruptedSystemCall, zmq.ZMQError)
    assert issubclass(zmq.InterruptedSystemCall, InterruptedError)
    assert issubclass(zmq.ZMQVersionError, NotImplementedError)
    assert issubclass(zmq.DraftFDWarning, RuntimeWarning)
    assert not issubclass(zmq.ZMQError, OSError)


@pytest.mark.parametrize(
    ("arguments", "number", "text"),
    [
        ((errno.EINVAL,), errno.EINVAL, "Invalid argument"),
        ((errno.EINVAL, "told otherwise"), errno.EINVAL, "told otherwise"),
        ((zmq.EFSM,), zmq.EFSM, "Operation cannot be accomplished in current state"),
        (("only text",), None, "only text"),
        (((4, 3),), None, "(4, 3)"),
    ],
)
def test_zmq_error_has_errno_and_text(
    arguments: tuple[Any, ...], number: int | None, text: str
) -> None:
    error = zmq.ZMQError(*arguments)
    assert error.errno == number
    assert error.strerror == str(error) == text
    assert repr(error) == f"ZMQError({text!r})"
    assert error.args == arguments


def test_text_of_an_error_can_be_set(scene: Scene) -> None:
    with pytest.raises(zmq.Again) as raised:
        scene.peer.recv(zmq.NOBLOCK)
    raised.value.strerror = "not now"
    assert str(raised.value) == raised.value.strerror == "not now"
    assert str(zmq.Again()) != "not now"


def test_again_has_the_errno_whatever_it_is_made_of() -> None:
    for error in (zmq.Again(), zmq.Again(errno.EINVAL), zmq.Again(errno.EINVAL, "text")):
        assert error.errno is zmq.Errno.EAGAIN
        assert str(error) == zmq.strerror(zmq.EAGAIN)
    assert zmq.ContextTerminated().errno == zmq.ETERM
    assert zmq.InterruptedSystemCall().errno == errno.EINTR


def test_version_error_names_both_versions() -> None:
    error = zmq.ZMQVersionError("99.0", "Time travel")
    assert str(error) == f"Time travel requires libzmq >= 99.0, have {zmq.zmq_version()}"
    assert (error.min_version, error.msg) == ("99.0", "Time travel")


@pytest.mark.parametrize(
    "error",
    [
        zmq.ZMQError(errno.EINVAL),
        zmq.ZMQError(errno.EINVAL, "text"),
        zmq.Again(),
        zmq.NotDone(),
        zmq.ZMQBindError("text"),
        zmq.ZMQVersionError("99.0"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_survive_pickle_and_copy(error: Exception) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert getattr(again, "errno", None) == getattr(error, "errno", None)


def test_errors_that_are_raised_are_never_the_same_object(scene: Scene) -> None:
    raised = []
    for _ in range(3):
        with pytest.raises(zmq.Again) as caught:
            scene.peer.recv(zmq.NOBLOCK)
        raised.append(caught.value)
    assert len({id(error) for error in raised}) == 3


def test_error_inside_an_except_block_has_its_context(scene: Scene) -> None:
    try:
        raise KeyError("first")
    except KeyError:
        with pytest.raises(zmq.Again) as raised:
            scene.peer.recv(zmq.NOBLOCK)
    assert isinstance(raised.value.__context__, KeyError)
