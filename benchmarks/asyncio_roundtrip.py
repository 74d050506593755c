"""Awaitable sockets and callbacks: asyncio, uvloop, tornado's ZMQStream, gevent.

Except for the streams, both ends are in one thread, so that what is timed is the way from a
libzmq socket to a task. Preparing a batch of messages is not part of a sample's time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from time import perf_counter

import zmq
from case import Case, Group, Opener, Sample
from peer import new_event_loop, python_peer

GROUP = Group("event loops", target=5.0)

BATCH = 500  # messages queued before a timed batch: below the high-water mark

Timed = Callable[[int], Awaitable[float]]
"""Does something so many times and returns the seconds it took."""


class Ends:
    """An asyncio PAIR socket, its peer, and that peer as an ordinary blocking socket."""

    def __init__(self) -> None:
        import zmq.asyncio

        self.context = zmq.asyncio.Context()
        self.socket = self.context.socket(zmq.PAIR)
        self.peer = self.context.socket(zmq.PAIR)
        self.socket.bind("inproc://ends")
        self.peer.connect("inproc://ends")
        self.plain: zmq.Socket[bytes] = zmq.Socket.shadow(self.peer.underlying)

    def close(self) -> None:
        """Close both ends and the context."""
        self.peer.close(0)
        self.socket.close(0)
        self.context.term()


def in_batches(count: int) -> Iterator[int]:
    """Split a count into batches."""
    while count > 0:
        yield min(count, BATCH)
        count -= BATCH


def ready_receive(ends: Ends) -> Timed:
    """Await messages that are there already."""
    data = b"x" * 100

    async def timed(count: int) -> float:
        total = 0.0
        for batch in in_batches(count):
            for _ in repeat(None, batch):
                ends.plain.send(data)
            started = perf_counter()
            for _ in repeat(None, batch):
                await ends.socket.recv()
            total += perf_counter() - started
        return total

    return timed


def ready_send(ends: Ends) -> Timed:
    """Await sends that never wait."""
    data = b"x" * 100

    async def timed(count: int) -> float:
        total = 0.0
        for batch in in_batches(count):
            started = perf_counter()
            for _ in repeat(None, batch):
                await ends.socket.send(data)
            total += perf_counter() - started
            for _ in repeat(None, batch):
                ends.plain.recv()
        return total

    return timed


def ping_pong(ends: Ends) -> Timed:
    """Let two tasks pass a message to and fro; one operation is there and back."""
    data = b"x" * 100

    async def echo(count: int) -> None:
        for _ in repeat(None, count):
            await ends.peer.send(await ends.peer.recv())

    async def timed(count: int) -> float:
        echoing = asyncio.ensure_future(echo(count))
        started = perf_counter()
        for _ in repeat(None, count):
            await ends.socket.send(data)
            await ends.socket.recv()
        elapsed = perf_counter() - started
        await echoing
        return elapsed

    return timed


def socket_poll(ends: Ends) -> Timed:
    """Await the poll of a socket that has a message."""
    ends.plain.send(b"waiting")

    async def timed(count: int) -> float:
        started = perf_counter()
        for _ in repeat(None, count):
            await ends.socket.poll(1000)
        return perf_counter() - started

    return timed


def poller_poll(ends: Ends) -> Timed:
    """Await a Poller of two sockets, one of which has a message."""
    import zmq.asyncio

    ends.plain.send(b"waiting")
    poller = zmq.asyncio.Poller()
    poller.register(ends.socket, zmq.POLLIN)
    poller.register(ends.peer, zmq.POLLIN)

    async def timed(count: int) -> float:
        started = perf_counter()
        for _ in repeat(None, count):
            await poller.poll(1000)
        return perf_counter() - started

    return timed


def on_loop(loop_name: str, prepare: Callable[[Ends], Timed]) -> Opener:
    """Make a case whose sample is one coroutine, run until complete."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        loop = new_event_loop(loop_name)

        async def start() -> tuple[Ends, Timed]:
            ends = Ends()
            return ends, prepare(ends)

        async def finish() -> None:
            ends.close()

        async def measure(count: int) -> float:
            return await timed(count)

        ends, timed = loop.run_until_complete(start())
        try:
            yield lambda iterations: (loop.run_until_complete(measure(iterations)) / iterations,)
        finally:
            loop.run_until_complete(finish())
            loop.close()

    return opened


def stream(loop_name: str, role: str, *arguments: object) -> Opener:
    """Make a case that awaits 100-byte messages of another process, over tcp."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        loop = new_event_loop(loop_name)

        async def start() -> tuple[zmq.asyncio.Context, zmq.asyncio.Socket, str]:
            import zmq.asyncio

            context = zmq.asyncio.Context()
            socket = context.socket(zmq.PULL)
            socket.bind("tcp://127.0.0.1:*")
            return context, socket, socket.get_string(zmq.LAST_ENDPOINT)

        async def receive(count: int) -> float:
            await socket.recv()
            started = perf_counter()
            for _ in repeat(None, count):
                await socket.recv()
            return perf_counter() - started

        async def finish() -> None:
            socket.close(0)
            context.term()

        context, socket, address = loop.run_until_complete(start())
        try:
            with python_peer(role, address, 100, *arguments) as peer:

                def sample(iterations: int) -> tuple[float]:
                    peer.order(iterations + 1)
                    return (loop.run_until_complete(receive(iterations)) / iterations,)

                yield sample
        finally:
            loop.run_until_complete(finish())
            loop.close()

    return opened


@contextmanager
def zmqstream_echo() -> Iterator[Sample]:
    """Pass a message to and fro between two ZMQStreams of one loop."""
    from tornado.ioloop import IOLoop

    from zmq.eventloop.zmqstream import ZMQStream

    asyncio_loop = asyncio.new_event_loop()
    asyncio.set_event_loop(asyncio_loop)
    loop = IOLoop.current()
    with zmq.Context() as context:
        sockets = [context.socket(zmq.PAIR) for _ in range(2)]
        sockets[0].bind("inproc://echo")
        sockets[1].connect("inproc://echo")
        client, server = (ZMQStream(socket, loop) for socket in sockets)
        left = 0

        def received(message: list[bytes]) -> None:
            nonlocal left
            left -= 1
            if left:
                client.send_multipart(message)
            else:
                loop.stop()

        client.on_recv(received)
        server.on_recv(server.send_multipart)

        def sample(iterations: int) -> tuple[float]:
            nonlocal left
            left = iterations
            loop.add_callback(client.send_multipart, [b"x" * 100])
            started = perf_counter()
            loop.start()
            return ((perf_counter() - started) / iterations,)

        yield sample
        client.close(0)
        server.close(0)
    loop.close()
    asyncio.set_event_loop(None)


@contextmanager
def gevent_round_trip() -> Iterator[Sample]:
    """Exchange requests and replies between two greenlets."""
    import gevent

    import zmq.green

    with zmq.green.Context() as context:
        request, reply = context.socket(zmq.REQ), context.socket(zmq.REP)
        reply.bind("inproc://green")
        request.connect("inproc://green")

        def serve(count: int) -> None:
            for _ in repeat(None, count):
                reply.send(reply.recv())

        def sample(iterations: int) -> tuple[float]:
            data = b"x" * 100
            serving = gevent.spawn(serve, iterations)
            started = perf_counter()
            for _ in repeat(None, iterations):
                request.send(data)
                request.recv()
            elapsed = perf_counter() - started
            serving.join()
            return (elapsed / iterations,)

        yield sample
        request.close(0)
        reply.close(0)


for loop_name in ("asyncio", "uvloop"):
    for name, prepare, least in (
        ("ready receive", ready_receive, 10.0),
        ("ready send", ready_send, 4.0),
        ("ping-pong of two tasks", ping_pong, 3.5),
        ("Socket.poll ready", socket_poll, 4.0),
        ("Poller.poll ready", poller_poll, 4.0),
    ):
        GROUP.add(Case(f"{loop_name}: {name}", on_loop(loop_name, prepare), target=least))
    GROUP.add(
        Case(
            f"{loop_name}: tcp stream of 100 B",
            stream(loop_name, "push", 1, "bytes"),
            target=10.0,
            sample_s=0.15,
            placement="apart",
        )
    )
    GROUP.add(
        Case(
            f"{loop_name}: tcp stream of 100 B, awaited sends",
            stream(loop_name, "push_async", loop_name),
            target=10.0,
            sample_s=0.15,
            placement="apart",
        )
    )
GROUP.add(Case("tornado: ZMQStream echo", zmqstream_echo, target=2.0))
GROUP.add(Case("gevent: REQ/REP", gevent_round_trip, target=1.5))
