"""Fixtures: a context per test, fresh endpoints, connected pairs, and no descriptor left behind."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zmq

OPEN_DESCRIPTORS = "/proc/self/fd"

#: What libzmq and event loops are made of. Not eventfds: those that end a wait are kept in a pool.
WATCHED = ("socket:", "anon_inode:[eventpoll]")

#: Far longer than a context takes to end.
LONGEST_END_S = 5


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "leaves_descriptors: something that the test uses keeps sockets for the whole process",
    )
    if sys.platform == "win32":
        # That the system's usual loop needs a thread of ours.
        config.addinivalue_line(
            "filterwarnings", "ignore::zmq.asyncio.ProactorSelectorThreadWarning"
        )


def watched_descriptors() -> Counter[str]:
    """Count the open sockets and epolls of this process."""
    found: Counter[str] = Counter()
    for descriptor in os.listdir(OPEN_DESCRIPTORS):
        # The descriptor that lists the directory is closed again by now.
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"{OPEN_DESCRIPTORS}/{descriptor}")
            found.update(kind for kind in WATCHED if target.startswith(kind))
    return found


@pytest.fixture(autouse=True)
def _no_descriptor_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test after which more sockets or epolls are open: a context was not terminated."""
    if sys.platform != "linux" or request.node.get_closest_marker("leaves_descriptors"):
        yield
        return
    before = watched_descriptors()
    yield
    end = time.monotonic() + LONGEST_END_S
    while left := watched_descriptors() - before:
        # What was dropped, and not closed, may take a while to end.
        gc.collect()
        assert time.monotonic() < end, f"the test has left open: {dict(left)}"


class KeepingContext(zmq.Context):
    """A context that keeps its sockets, so that a test may leave them to the fixture."""

    _kept: list[zmq.Socket]

    def socket(self, *arguments: Any, **keywords: Any) -> Any:
        made = super().socket(*arguments, **keywords)
        self.__dict__.setdefault("_kept", []).append(made)
        return made


@pytest.fixture
def context() -> Iterator[zmq.Context]:
    """A fresh context; it is destroyed after the test, with all of its sockets."""
    made = KeepingContext()
    yield made
    made.destroy(linger=0)


@pytest.fixture
def make_endpoint() -> Iterator[Callable[..., str]]:
    """Give a function that makes up an endpoint to bind to: "inproc", "ipc" or "tcp"."""
    numbers = itertools.count(1)
    with contextlib.ExitStack() as stack:
        directory: list[str] = []

        def make(transport: str = "inproc") -> str:
            if transport == "tcp":
                return "tcp://127.0.0.1:*"
            name = f"endpoint-{next(numbers)}"
            if transport == "inproc":
                return f"inproc://{name}"
            assert transport == "ipc", f"unknown transport: {transport}"
            if sys.platform == "win32":
                pytest.skip("no ipc transport here")
            if not directory:
                # Not below tmp_path, whose long names may not fit into a socket's address.
                directory.append(
                    stack.enter_context(tempfile.TemporaryDirectory(prefix="zmq-", dir="/tmp"))
                )
            return f"ipc://{directory[0]}/{name}"

        yield make


@pytest.fixture
def make_pair(
    context: zmq.Context, make_endpoint: Callable[..., str]
) -> Callable[..., tuple[zmq.Socket, zmq.Socket]]:
    """Give a function that makes two sockets: one bound, and one connected to it."""

    def make(
        bound_type: int = zmq.PAIR, connected_type: int = zmq.PAIR, transport: str = "inproc"
    ) -> tuple[zmq.Socket, zmq.Socket]:
        bound = context.socket(bound_type)
        connected = context.socket(connected_type)
        bound.bind(make_endpoint(transport))
        connected.connect(bound.get_string(zmq.LAST_ENDPOINT))
        return bound, connected

    return make
