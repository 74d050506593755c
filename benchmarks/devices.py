"""Messages through a proxy that is a process of its own, over tcp.

Three processes with two busy threads each: they are left to the scheduler, since a proxy whose
I/O thread has to share its processor wakes it for every message. In the cases marked *alone*
the ends are the C program, so that the proxy is what limits them; in the others both ends are
Python too, as in a real program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from time import perf_counter

import zmq
from case import Case, Group, Opener, Sample, Unavailable
from latency import percentile
from peer import Peer, high_water_mark, python_peer

GROUP = Group("proxies, PUSH -> PULL-PUSH -> PULL", target=2.0)

C_PROGRAM = "CPPYZMQ_BENCHMARK_LIMIT"
"""Environment variable by which ``run.py`` says where the compiled C program is."""


@contextmanager
def device(kind: str, frontend: str, backend: str, size: int) -> Iterator[list[str]]:
    """Start a proxy process and give its two addresses."""
    with python_peer("proxy", kind, frontend, backend, size) as peer:
        yield peer.ready.split()


def through(kind: str, size: int) -> Opener:
    """Make a case that receives a stream sent by another process through a proxy."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        with (
            device(kind, "PULL", "PUSH", size) as (frontend, backend),
            zmq.Context() as context,
            context.socket(zmq.PULL) as receiver,
        ):
            receiver.rcvhwm = high_water_mark(size)
            receiver.connect(backend)
            with python_peer("push", frontend, size, 1, "bytes") as sender:

                def sample(iterations: int) -> tuple[float]:
                    sender.order(iterations + 1)
                    receiver.recv()
                    started = perf_counter()
                    for _ in repeat(None, iterations):
                        receiver.recv()
                    return ((perf_counter() - started) / iterations,)

                yield sample

    return opened


def alone(kind: str, size: int) -> Opener:
    """Make a case that has C at both ends and a Python proxy between."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        program = os.environ.get(C_PROGRAM)
        if not program:
            raise Unavailable("needs the C program")
        with (
            device(kind, "PULL", "PUSH", size) as (frontend, backend),
            Peer([program, "pull", backend, str(size)]) as sink,
            Peer([program, "push", frontend, str(size)]) as source,
        ):

            def sample(iterations: int) -> tuple[float]:
                sink.order(iterations)
                source.order(iterations + 1)
                return (float(sink.answer()),)

            yield sample

    return opened


@contextmanager
def threaded() -> Iterator[Sample]:
    """Receive a stream through a device that is a thread of the receiving process."""
    from zmq.devices import ThreadProxy

    context = zmq.Context()
    proxy = ThreadProxy(zmq.PULL, zmq.PUSH)
    proxy.context_factory = lambda: context
    frontend = f"tcp://127.0.0.1:{proxy.bind_in_to_random_port('tcp://127.0.0.1')}"
    backend = f"tcp://127.0.0.1:{proxy.bind_out_to_random_port('tcp://127.0.0.1')}"
    proxy.setsockopt_in(zmq.LINGER, 0)
    proxy.setsockopt_out(zmq.LINGER, 0)
    proxy.start()
    with (
        context.socket(zmq.PULL) as receiver,
        python_peer("push", frontend, 100, 1, "bytes") as sender,
    ):
        receiver.connect(backend)

        def sample(iterations: int) -> tuple[float]:
            sender.order(iterations + 1)
            receiver.recv()
            started = perf_counter()
            for _ in repeat(None, iterations):
                receiver.recv()
            return ((perf_counter() - started) / iterations,)

        yield sample
    context.term()  # ends the device too


@contextmanager
def round_trip() -> Iterator[Sample]:
    """Exchange requests and replies with another process through a ROUTER-DEALER proxy."""
    with (
        device("proxy", "ROUTER", "DEALER", 16) as (frontend, backend),
        zmq.Context() as context,
        context.socket(zmq.REQ) as socket,
        python_peer("reply", backend),
    ):
        socket.linger = 0
        socket.connect(frontend)

        def sample(iterations: int) -> tuple[float, float]:
            request = b"x" * 16
            times = [0.0] * iterations
            for index in range(iterations):
                started = perf_counter()
                socket.send(request)
                socket.recv()
                times[index] = perf_counter() - started
            times.sort()
            return percentile(times, 50), percentile(times, 99)

        yield sample


def add(name: str, opener: Opener, *, most_times_c: float | None = None) -> None:
    """Add a case of the kind that all of these are."""
    GROUP.add(Case(name, opener, most_times_c=most_times_c, sample_s=0.2, placement="free"))


for kind, title in (
    ("proxy", "proxy"),
    ("capture", "proxy with capture"),
    ("steerable", "proxy_steerable"),
    ("monitored", "monitored queue"),
):
    add(f"{title} 100 B", through(kind, 100))
    add(f"{title} alone 100 B", alone(kind, 100), most_times_c=1 / 0.8)
add("proxy 64 KiB", through("proxy", 1 << 16))
add("proxy alone 64 KiB", alone("proxy", 1 << 16), most_times_c=1 / 0.8)
add("ThreadProxy 100 B", threaded)
GROUP.add(
    Case(
        "REQ/REP through ROUTER-DEALER",
        round_trip,
        figures=("p50", "p99"),
        placement="free",
    )
)
