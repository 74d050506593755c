"""The other ends of the cases that need another process.

A case starts a :class:`Peer`: this file, run by the same interpreter, in one of the roles
below. The peer says on its first line that it is ready, takes its orders on standard input,
and ends when that is closed.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from types import TracebackType

import zmq
from case import move_other_end

END_LIMIT_S = 5.0


class Peer:
    """A process that plays the other end.

    Parameters
    ----------
    command
        The program and its arguments; :func:`python_peer` makes it for a role below.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.ready = self.answer()

    def order(self, *words: object) -> None:
        """Send one order."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        """Wait for one line of the peer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait(END_LIMIT_S)
            raise RuntimeError(f"the peer process ended with status {status}")
        return line.strip()

    def close(self) -> None:
        """End the process, by force when it does not end by itself."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def python_peer(role: str, *arguments: object) -> Peer:
    """Start a peer in one of the roles of this file."""
    return Peer([sys.executable, __file__, role, *map(str, arguments)])


@contextmanager
def fresh_address(transport: str) -> Iterator[str]:
    """Give an address to bind on that nobody else uses.

    For tcp the system picks the port: ask the socket for its LAST_ENDPOINT.
    """
    if transport == "tcp":
        yield "tcp://127.0.0.1:*"
    elif transport == "ipc":
        with tempfile.TemporaryDirectory(prefix="bench") as directory:
            yield f"ipc://{directory}/s"
    else:
        yield "inproc://benchmark"


def high_water_mark(size: int) -> int:
    """Messages that may be queued on each side: libzmq's default, or 16 MiB of large ones."""
    return max(16, min(1000, (16 << 20) // size))


def exit_with_parent() -> None:
    """End this process when its standard input is closed, whatever it is doing then."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def push(address: str, size: str, parts: str, kind: str) -> None:
    """PUSH so many messages, at each order, as fast as possible.

    Parameters
    ----------
    address
        Where the PULL socket is bound.
    size, parts
        Bytes of a part, parts of a message.
    kind
        ``bytes``, or ``array`` for a numpy array sent without a copy.
    """
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.sndhwm = high_water_mark(int(size))
        socket.linger = 0
        socket.connect(address)
        print("ready", flush=True)
        for line in sys.stdin:
            push_messages(socket, int(line), int(size), int(parts), kind)


def push_messages(socket: zmq.Socket[bytes], count: int, size: int, parts: int, kind: str) -> None:
    """Send ``count`` messages in a row."""
    if kind == "array":
        import numpy

        array = numpy.ones(size, dtype=numpy.uint8)
        for _ in repeat(None, count):
            socket.send(array, copy=False)
    elif parts > 1:
        message = [b"x" * size] * parts
        for _ in repeat(None, count):
            socket.send_multipart(message)
    else:
        data = b"x" * size
        for _ in repeat(None, count):
            socket.send(data)


def push_async(address: str, size: str, loop_name: str) -> None:
    """PUSH so many messages, at each order, from a coroutine."""
    import zmq.asyncio

    data = b"x" * int(size)

    async def serve() -> None:
        with zmq.asyncio.Context() as context:
            socket = context.socket(zmq.PUSH)
            socket.linger = 0
            socket.connect(address)
            print("ready", flush=True)
            for line in sys.stdin:
                for _ in repeat(None, int(line)):
                    await socket.send(data)
            socket.close()

    loop = new_event_loop(loop_name)
    try:
        loop.run_until_complete(serve())
    finally:
        loop.close()


def new_event_loop(name: str) -> asyncio.AbstractEventLoop:
    """Make an event loop of asyncio's default kind or of uvloop's."""
    if name == "uvloop":
        import uvloop

        loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        return loop
    return asyncio.new_event_loop()


def reply(address: str) -> None:
    """Send every request back, until standard input is closed."""
    exit_with_parent()
    with zmq.Context() as context, context.socket(zmq.REP) as socket:
        socket.linger = 0
        socket.connect(address)
        print("ready", flush=True)
        while True:
            socket.send(socket.recv())


def proxy(kind: str, frontend_type: str, backend_type: str, size: str) -> None:
    """Run a proxy between two new tcp ports, which the ready line names.

    Parameters
    ----------
    kind
        ``proxy``, ``capture``, ``steerable`` or ``monitored``.
    frontend_type, backend_type
        Names of socket types.
    size
        Bytes of a message, for the high-water marks.
    """
    from zmq.devices import monitored_queue

    exit_with_parent()
    context = zmq.Context()
    sockets = [context.socket(zmq.SocketType[name]) for name in (frontend_type, backend_type)]
    for socket in sockets:
        socket.set_hwm(high_water_mark(int(size)))
        socket.linger = 0
        socket.bind("tcp://127.0.0.1:*")
    frontend, backend = sockets
    addresses = [socket.get_string(zmq.LAST_ENDPOINT) for socket in sockets]
    print(*addresses, flush=True)
    if kind == "proxy":
        zmq.proxy(frontend, backend)
        return
    side = context.socket(zmq.PAIR if kind == "steerable" else zmq.PUB)
    side.bind("tcp://127.0.0.1:*")
    if kind == "capture":
        zmq.proxy(frontend, backend, side)
    elif kind == "monitored":
        monitored_queue(frontend, backend, side)
    else:
        zmq.proxy_steerable(frontend, backend, None, side)


ROLES: dict[str, Callable[..., None]] = {
    "push": push,
    "push_async": push_async,
    "reply": reply,
    "proxy": proxy,
}


if __name__ == "__main__":
    move_other_end()
    gc.disable()
    faulthandler.enable()
    ROLES[sys.argv[1]](*sys.argv[2:])
