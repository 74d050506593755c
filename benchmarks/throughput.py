"""Messages in a row, PUSH to PULL: two processes over tcp and ipc, two threads over inproc.

A sample lasts from the first message to the last, on the receiving side.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import repeat
from time import perf_counter

import zmq
from case import Case, Group, Opener, Sample, move_other_end
from peer import fresh_address, high_water_mark, push_messages, python_peer

GROUP = Group("PUSH/PULL, time per message", target=2.5)


@contextmanager
def pushing_thread(
    context: zmq.Context[zmq.Socket[bytes]], address: str, size: int, parts: int, kind: str
) -> Iterator[Callable[[int], None]]:
    """Run a thread that sends as many messages as it is told to."""
    orders: queue.SimpleQueue[int] = queue.SimpleQueue()

    def work() -> None:
        move_other_end()
        with context.socket(zmq.PUSH) as socket:
            socket.sndhwm = high_water_mark(size)
            socket.linger = 0
            socket.connect(address)
            while count := orders.get():
                push_messages(socket, count, size, parts, kind)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield orders.put
    finally:
        orders.put(0)
        thread.join(5)


@contextmanager
def pushing(
    context: zmq.Context[zmq.Socket[bytes]], address: str, size: int, parts: int, kind: str
) -> Iterator[Callable[[int], None]]:
    """Start the sending side where the address wants it: a thread, or another process."""
    if address.startswith("inproc:"):
        with pushing_thread(context, address, size, parts, kind) as order:
            yield order
    else:
        with python_peer("push", address, size, parts, kind) as peer:
            yield peer.order


def stream(transport: str, size: int, *, parts: int = 1, kind: str = "bytes") -> Opener:
    """Make a case that receives a stream of messages."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        if kind == "array":
            import numpy
        with (
            fresh_address(transport) as address,
            zmq.Context() as context,
            context.socket(zmq.PULL) as receiver,
        ):
            receiver.rcvhwm = high_water_mark(size)
            receiver.bind(address)
            bound = receiver.get_string(zmq.LAST_ENDPOINT)
            with pushing(context, bound, size, parts, kind) as order:

                def receive_parts(count: int) -> None:
                    for _ in repeat(None, count):
                        receiver.recv()

                def receive_multipart(count: int) -> None:
                    for _ in repeat(None, count):
                        receiver.recv_multipart()

                def receive_arrays(count: int) -> None:
                    for _ in repeat(None, count):
                        numpy.frombuffer(receiver.recv(copy=False), dtype=numpy.uint8)

                receive = receive_parts
                if kind == "array":
                    receive = receive_arrays
                elif parts > 1:
                    receive = receive_multipart

                def sample(iterations: int) -> tuple[float]:
                    order(iterations + 1)
                    receive(1)
                    started = perf_counter()
                    receive(iterations)
                    return ((perf_counter() - started) / iterations,)

                yield sample

    return opened


SIZES = (
    ("10 B", 10, 2.5),
    ("100 B", 100, 2.5),
    ("1 KiB", 1024, 1.1),
    ("64 KiB", 1 << 16, 1.0),
    ("1 MiB", 1 << 20, 1.0),
)

for transport in ("tcp", "ipc", "inproc"):
    # 0.9 of C's rate or better; inproc has two threads share one interpreter.
    most_times_c = None if transport == "inproc" else 1 / 0.9
    for label, size, least in SIZES:
        GROUP.add(
            Case(
                f"{transport} {label}",
                stream(transport, size),
                target=least,
                most_times_c=most_times_c,
                sample_s=0.15,
                placement="apart",
            )
        )
    GROUP.add(
        Case(
            f"{transport} 3 parts of 100 B",
            stream(transport, 100, parts=3),
            target=7.0,
            most_times_c=most_times_c,
            sample_s=0.15,
            placement="apart",
        )
    )
    GROUP.add(
        Case(
            f"{transport} numpy 1 MiB copy=False",
            stream(transport, 1 << 20, kind="array"),
            target=1.0,
            sample_s=0.15,
            placement="apart",
        )
    )
