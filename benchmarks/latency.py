"""One request and its reply, REQ/REP: two processes over tcp and ipc, two threads over inproc.

On two processors a round trip contains several wake-ups of an idle one, which is most of its
time; on one processor it contains none, but each thread's turn. So both are measured.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import zmq
from case import Case, Group, Opener, Placement, Sample, move_other_end
from peer import fresh_address, python_peer

GROUP = Group("REQ/REP round trip of 16 B", target=1.05)


@contextmanager
def replying_thread(context: zmq.Context[zmq.Socket[bytes]], address: str) -> Iterator[None]:
    """Run a thread that sends every request back; an empty one ends it."""

    def work() -> None:
        move_other_end()
        with context.socket(zmq.REP) as socket:
            socket.linger = 0
            socket.connect(address)
            while request := socket.recv():
                socket.send(request)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(5)


def percentile(sorted_values: list[float], percent: float) -> float:
    """Pick the value that ``percent`` of the others do not exceed."""
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * percent / 100))]


def round_trip(transport: str) -> Opener:
    """Make a case that times every round trip by itself."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        with (
            fresh_address(transport) as address,
            zmq.Context() as context,
            context.socket(zmq.REQ) as socket,
        ):
            socket.linger = 0
            socket.bind(address)
            bound = socket.get_string(zmq.LAST_ENDPOINT)

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

            if transport == "inproc":
                with replying_thread(context, bound):
                    yield sample
                    socket.send(b"")
            else:
                with python_peer("reply", bound):
                    yield sample

    return opened


placements: tuple[tuple[Placement, str], ...] = (("apart", "two"), ("one", "one"))
for placement, word in placements:
    for transport in ("tcp", "ipc", "inproc"):
        GROUP.add(
            Case(
                f"{transport}, {word} processor{'s' if word == 'two' else ''}",
                round_trip(transport),
                figures=("p50", "p99"),
                target=1.0,
                placement=placement,
            )
        )
