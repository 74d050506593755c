"""Contexts know the class of their sockets."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import zmq
import zmq.asyncio


class Counting(zmq.Socket[bytes]):
    """A socket of a user."""

    def send_counted(self, part: bytes) -> int:
        self.send(part)
        return 1


class CountingContext(zmq.Context[Counting]):
    """A context of a user, with sockets of the user's."""

    _socket_class = Counting


def plain() -> None:
    context = zmq.Context()
    assert_type(context, zmq.Context[zmq.Socket[bytes]])
    assert_type(context.socket(zmq.REQ), zmq.Socket[bytes])
    assert_type(context.socket(zmq.REQ, socket_class=Counting), Counting)
    assert_type(context.socket(zmq.REQ, Counting), Counting)
    assert_type(zmq.Context.instance(), zmq.Context[zmq.Socket[bytes]])
    assert_type(zmq.Context.instance().socket(zmq.PUSH), zmq.Socket[bytes])
    assert_type(zmq.Context.shadow(context.underlying), zmq.Context[zmq.Socket[bytes]])
    with zmq.Context(io_threads=2) as entered, entered.socket(zmq.PUB) as socket:
        assert_type(socket.send(b""), zmq.MessageTracker | None)
    context.linger = 0
    assert_type(context.closed, bool)
    context.set(zmq.MAX_SOCKETS, 10)
    context.setsockopt(zmq.LINGER, 0)
    context.destroy(linger=0)
    context.term()


def generic() -> None:
    context = CountingContext()
    assert_type(context.socket(zmq.PUSH), Counting)
    assert_type(context.socket(zmq.PUSH).send_counted(b""), int)
    assert_type(CountingContext.instance(), CountingContext)
    assert_type(CountingContext.instance().socket(zmq.PUSH), Counting)
    with context as entered:
        assert_type(entered, CountingContext)


def asynchronous() -> None:
    context = zmq.asyncio.Context()
    assert_type(context, zmq.asyncio.Context)
    assert_type(context.socket(zmq.REQ), zmq.asyncio.Socket)
    assert_type(zmq.asyncio.Context.instance(), zmq.asyncio.Context)
    assert_type(zmq.asyncio.Context.instance().socket(zmq.REQ), zmq.asyncio.Socket)
    assert_type(zmq.asyncio.Context.shadow(zmq.Context.instance()), zmq.asyncio.Context)
    synchronous: zmq.Socket[bytes] = context.socket(zmq.REQ, socket_class=zmq.Socket)
    assert_type(synchronous.recv(), bytes)


def take_any(context: zmq.Context[Any], socket: zmq.Socket[Any]) -> None:
    """Accept both kinds, as libraries do."""


def pass_any() -> None:
    for context in (zmq.Context(), zmq.asyncio.Context(), CountingContext()):
        take_any(context, context.socket(zmq.PUB))
