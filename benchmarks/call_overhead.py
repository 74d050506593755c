"""What one call costs when libzmq itself has next to nothing to do: a PAIR over inproc.

Both ends are in one thread, so nothing waits; each statement is timed as a program would
write it, attribute look-up included.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import repeat
from time import perf_counter

import zmq
from case import Case, Group, Sample, Unavailable

GROUP = Group("cost of one call, PAIR inproc", target=6.0)

Names = Callable[[], AbstractContextManager[dict[str, object]]]


def pair(**given: object) -> Names:
    """Make two connected PAIR sockets ``a`` and ``b``, and what else a statement needs."""

    @contextmanager
    def names() -> Iterator[dict[str, object]]:
        with (
            zmq.Context() as context,
            context.socket(zmq.PAIR) as a,
            context.socket(zmq.PAIR) as b,
        ):
            a.linger = b.linger = 0
            a.bind("inproc://pair")
            b.connect("inproc://pair")
            yield {"zmq": zmq, "context": context, "a": a, "b": b, **given}

    return names


def pair_with_message() -> AbstractContextManager[dict[str, object]]:
    """Make the same pair with one message waiting at ``b``."""

    @contextmanager
    def names() -> Iterator[dict[str, object]]:
        with pair()() as namespace:
            sender = namespace["a"]
            assert isinstance(sender, zmq.Socket)
            sender.send(b"waiting")
            yield namespace

    return names()


def identified() -> AbstractContextManager[dict[str, object]]:
    """Make a DEALER ``a`` with a routing id of 8 bytes."""

    @contextmanager
    def names() -> Iterator[dict[str, object]]:
        with zmq.Context() as context, context.socket(zmq.DEALER) as a:
            a.setsockopt(zmq.ROUTING_ID, b"routing!")
            yield {"zmq": zmq, "a": a}

    return names()


def polled(count: int, *, ready: bool) -> Names:
    """Make a Poller of ``count`` connected DEALER sockets, of which the last may be ready."""

    @contextmanager
    def names() -> Iterator[dict[str, object]]:
        allow_descriptors(count + 200)
        with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
            context.max_sockets = count + 10
            router.linger = 0
            router.bind("inproc://polled")
            poller = zmq.Poller()
            sockets = []
            for number in range(count):
                socket = context.socket(zmq.DEALER)
                sockets.append(socket)
                socket.linger = 0
                socket.setsockopt(zmq.ROUTING_ID, b"%d" % (number + 1))
                socket.connect("inproc://polled")
                poller.register(socket, zmq.POLLIN)
            router.poll(0)
            if ready:
                router.send_multipart([b"%d" % count, b"waiting"])
            found = poller.poll(100 if ready else 0)
            if [socket for socket, _ in found] != (sockets[-1:] if ready else []):
                raise RuntimeError(f"{len(found)} sockets ready, of {count}")
            yield {"zmq": zmq, "poller": poller}
            for socket in sockets:
                socket.close()

    return names


def allow_descriptors(count: int) -> None:
    """Raise the limit of open files of this process as far as needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Unavailable(f"needs {count} open files, the hard limit is {hard}")
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@contextmanager
def create_and_close() -> Iterator[Sample]:
    """Make and close sockets, in batches of one context each.

    libzmq's own thread frees closed sockets later, and slower than they can be made. The end
    of the context waits for it, and is part of the time.
    """
    batch = 500

    def sample(iterations: int) -> tuple[float]:
        total = 0.0
        left = iterations
        while left > 0:
            context = zmq.Context()
            context.socket(zmq.PAIR).close(0)  # starts the threads of the context
            count = min(left, batch)
            started = perf_counter()
            for _ in repeat(None, count):
                context.socket(zmq.PAIR).close(0)
            context.term()
            total += perf_counter() - started
            left -= count
        return (total / iterations,)

    yield sample


RECEIVE_NOTHING = """\
try:
    b.recv(zmq.NOBLOCK)
except zmq.Again:
    pass"""

for label, size in (("16 B", 16), ("64 B", 64), ("1 KiB", 1024)):
    GROUP.add_statement(
        f"send+recv {label}",
        "a.send(data); b.recv()",
        pair(data=b"x" * size),
        target=3.5,
        most_times_c=1.6,
    )
for label, size in (("64 KiB", 1 << 16), ("1 MiB", 1 << 20)):
    GROUP.add_statement(
        f"send+recv copy=False {label}",
        "a.send(data, copy=False); b.recv(copy=False)",
        pair(data=b"x" * size),
        target=40,
    )
GROUP.add_statement(
    "send+recv into a Frame 16 B", "a.send(data); b.recv(copy=False)", pair(data=b"x" * 16)
)
for count in (3, 10):
    GROUP.add_statement(
        f"multipart {count} parts",
        "a.send_multipart(parts); b.recv_multipart()",
        pair(parts=[b"x" * 16] * count),
        target=15,
    )
GROUP.add_statement("recv(NOBLOCK) raising Again", RECEIVE_NOTHING, pair(), target=3.5)
GROUP.add_statement("getsockopt int", "a.getsockopt(zmq.RCVTIMEO)", pair(), target=15)
GROUP.add_statement("getsockopt bytes", "a.getsockopt(zmq.ROUTING_ID)", identified, target=15)
GROUP.add_statement("getsockopt EVENTS", "a.getsockopt(zmq.EVENTS)", pair())
GROUP.add_statement("option attribute read", "a.rcvtimeo", pair(), target=15)
GROUP.add_statement("option attribute write", "a.linger = 0", pair(), target=15)
GROUP.add_statement("Socket.poll(0) ready", "b.poll(0)", pair_with_message)
GROUP.add_statement("Socket.poll(0) not ready", "b.poll(0)", pair())
for count, least in ((1, None), (2, None), (10, None), (100, 40.0), (1000, 200.0)):
    for ready in (True, False):
        GROUP.add_statement(
            f"Poller of {count}, {'one' if ready else 'none'} ready",
            "poller.poll(0)",
            polled(count, ready=ready),
            target=least,
        )
GROUP.add_statement(
    "send_string+recv_string", "a.send_string(text); b.recv_string()", pair(text="a short text")
)
GROUP.add_statement(
    "send_json+recv_json",
    "a.send_json(record); b.recv_json()",
    pair(record={"id": 17, "name": "a record", "values": [1, 2.5, None]}),
)
GROUP.add_statement(
    "send_pyobj+recv_pyobj",
    "a.send_pyobj(record); b.recv_pyobj()",
    pair(record={"id": 17, "name": "a record", "values": [1, 2.5, None]}),
)
GROUP.add_statement(
    "send+recv_into 64 B",
    "a.send(data); b.recv_into(buffer)",
    pair(data=b"x" * 64, buffer=bytearray(64)),
)
GROUP.add(Case("socket create+close", create_and_close))
GROUP.add_statement("Frame creation 16 B", "zmq.Frame(data)", pair(data=b"x" * 16))
