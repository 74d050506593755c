"""Forks: a child cannot use what it inherited, is told so, and neither process is disturbed."""

from __future__ import annotations

import os
import random
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_cases, run_function, run_script

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
SECONDS = 50 * FACTOR

pytestmark = [
    pytest.mark.timeout(60 * FACTOR),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here"),
]

#: Forking beside threads is what is tested: since Python 3.12 it warns.
QUIET = "ignore::DeprecationWarning"


def in_child(does: Callable[[], Any]) -> None:
    """Fork, do something in the child, and let the child end as any program ends."""
    child = os.fork()
    if child == 0:
        try:
            does()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status == 0, f"status {status}"


def refused(does: Callable[[], Any]) -> None:
    """Assert that something is refused because of the fork."""
    try:
        told = f"not refused: {does()!r}"
    except zmq.ZMQError as error:
        told = str(error)
    assert "make a new Context" in told, told


class Inherited:
    """Sockets of all kinds that a child finds."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.endpoint = self.socket.bind("tcp://127.0.0.1:*").addr
        self.peer = self.context.socket(zmq.DEALER)
        self.peer.connect(self.endpoint)
        self.subscriber = self.context.socket(zmq.SUB)
        self.underlying = self.socket.underlying
        self.poller = zmq.Poller()
        for socket in (self.socket, self.peer, self.subscriber):
            self.poller.register(socket, zmq.POLLIN)
        self.peer.send(b"before the fork")
        assert self.poller.poll()

    def check(self) -> None:
        """In the parent: the fork changed nothing."""
        assert self.socket.recv() == b"before the fork"
        self.socket.send(b"after the fork")
        assert self.peer.recv() == b"after the fork"
        self.socket.close()
        self.peer.close()
        self.subscriber.close()
        self.context.term()


USES: dict[str, Callable[[Inherited], Any]] = {
    "send": lambda it: it.socket.send(b"message"),
    "send a large message": lambda it: it.socket.send(bytes(100_000)),
    "send without copying": lambda it: it.socket.send(bytes(100_000), copy=False),
    "send_multipart": lambda it: it.socket.send_multipart([b"one", b"two"]),
    "recv": lambda it: it.socket.recv(),
    "recv without waiting": lambda it: it.socket.recv(zmq.NOBLOCK),
    "recv_multipart": lambda it: it.socket.recv_multipart(),
    "recv_into": lambda it: it.socket.recv_into(bytearray(10)),
    "poll": lambda it: it.socket.poll(),
    "Poller.poll": lambda it: it.poller.poll(),
    "zmq_poll": lambda it: zmq.zmq_poll([(it.socket, zmq.POLLIN)]),
    "get": lambda it: it.socket.get(zmq.EVENTS),
    "set": lambda it: it.socket.set(zmq.LINGER, 0),
    "attribute": lambda it: it.socket.linger,
    "subscribe": lambda it: it.subscriber.subscribe(b""),
    "bind": lambda it: it.socket.bind("inproc://here"),
    "connect": lambda it: it.socket.connect("inproc://here"),
    "unbind": lambda it: it.socket.unbind(it.endpoint),
    "disconnect": lambda it: it.peer.disconnect(it.endpoint),
    "monitor": lambda it: it.socket.monitor("inproc://monitor"),
    "shadow": lambda it: zmq.Socket.shadow(it.socket).recv(),
    "shadow by address": lambda it: zmq.Socket.shadow(it.underlying).recv(zmq.NOBLOCK),
    "shadow of the context": lambda it: zmq.Context.shadow(it.context).socket(zmq.REQ),
    "proxy": lambda it: zmq.proxy(it.socket, it.peer),
    "make a socket": lambda it: it.context.socket(zmq.REQ),
    "get an option of the context": lambda it: it.context.get(zmq.IO_THREADS),
    "set an option of the context": lambda it: it.context.set(zmq.IO_THREADS, 2),
}


def use_what_was_inherited(name: str) -> None:
    inherited = Inherited()
    in_child(lambda: refused(lambda: USES[name](inherited)))
    inherited.check()


def test_child_cannot_use_what_it_inherited() -> None:
    run_cases(use_what_was_inherited, [[name] for name in USES], seconds=SECONDS)


ENDS: dict[str, Callable[[Inherited], Any]] = {
    "close": lambda it: [it.socket.close(), it.socket.close(linger=0), it.peer.close()],
    "term": lambda it: it.context.term(),
    "destroy": lambda it: it.context.destroy(),
    "close, then term": lambda it: [
        *(socket.close() for socket in (it.socket, it.peer, it.subscriber)),
        it.context.term(),
    ],
    "drop": lambda it: it.__dict__.clear(),
    "use after close": lambda it: [it.socket.close(), refused_or_closed(it.socket)],
    "leave the context": lambda it: it.context.__exit__(None, None, None),
}


def refused_or_closed(socket: zmq.Socket) -> None:
    assert socket.closed
    try:
        socket.recv()
    except zmq.ZMQError:
        return
    raise AssertionError("received")


def end_what_was_inherited(name: str) -> None:
    import gc
    import warnings

    inherited = Inherited()

    def end() -> None:
        # A context that is left with sockets warns, here as everywhere.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            ENDS[name](inherited)
            gc.collect()

    in_child(end)
    inherited.check()


def test_child_may_close_drop_and_terminate_what_it_inherited() -> None:
    run_cases(end_what_was_inherited, [[name] for name in ENDS], seconds=SECONDS)


def round_trip() -> None:
    """Use all that works without the parent."""
    context = zmq.Context.instance()
    sockets = [context.socket(zmq.PAIR) for _ in range(4)]
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
    sockets[1].connect(sockets[0].bind("tcp://127.0.0.1:*").addr)
    sockets[3].connect(sockets[2].bind("inproc://child").addr)
    for first, second in (sockets[:2], sockets[2:]):
        tracker = first.send(bytes(100_000), copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        assert dict(poller.poll()) == {second: zmq.POLLIN}
        assert len(second.recv()) == 100_000
        tracker.wait(20)
    waiting = threading.Thread(target=sockets[0].recv)
    waiting.start()
    sockets[1].send(b"message")
    waiting.join()
    for socket in sockets:
        socket.close()
    context.term()


def fork_beside_threads(seed: int) -> None:
    """Threads wait and work in all ways while the process forks, again and again."""
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    context = zmq.Context.instance()
    first, second = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    second.connect(first.bind("tcp://127.0.0.1:*").addr)
    parked = [context.socket(zmq.PULL) for _ in range(4)]
    poller = zmq.Poller()
    for socket in parked:
        poller.register(socket, zmq.POLLIN)
    held = context.socket(zmq.PUSH)
    held.bind("inproc://held")
    holder = context.socket(zmq.PULL)
    holder.connect("inproc://held")
    tracker = held.send(bytes(100_000), copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    told: list[Any] = []
    ended = threading.Event()
    talked = 0

    def until_it_ends(does: Callable[[], Any]) -> None:
        try:
            does()
        except zmq.ZMQError as error:
            told.append(error.errno)

    def talk() -> None:
        nonlocal talked
        while not ended.is_set():
            first.send_multipart([b"part", bytes(70_000)], copy=False)
            second.recv_multipart()
            talked += 1

    threads = [
        threading.Thread(target=until_it_ends, args=(does,))
        for does in (parked[0].recv, parked[1].poll, poller.poll, talk, tracker.wait)
    ]
    for thread in threads:
        thread.start()
    instance = zmq.Context.instance()

    def child() -> None:
        assert zmq.Context.instance() is not instance
        refused(lambda: first.send(b"message"))
        refused(lambda: parked[0].poll(0))
        for socket in chance.sample([first, second, *parked], 3):
            socket.close()
        round_trip()
        # A Poller with what was inherited cannot be used, but can be made to work again.
        refused(lambda: poller.poll(0))
        for socket in parked:
            poller.unregister(socket)
        assert poller.poll(0) == []

    for _ in range(25 * FACTOR):
        before = talked
        while talked == before:
            continue
        in_child(child)
    ended.set()
    threads[3].join()
    assert holder.recv() == bytes(100_000)
    threads[4].join()
    assert not told, told
    context.destroy(linger=0)
    for thread in threads:
        thread.join()
    assert len(told) == 3
    assert set(told) <= {zmq.ENOTSOCK, zmq.ETERM}


def test_forks_beside_threads_disturb_nobody() -> None:
    run_cases(fork_beside_threads, [[1], [2]], seconds=SECONDS)


def fork_of_forks(depth: int) -> None:
    inherited = Inherited()
    if depth:
        in_child(lambda: fork_of_forks(depth - 1))
    round_trip()
    inherited.check()


def test_children_of_children_work() -> None:
    run_function(fork_of_forks, 3, seconds=SECONDS)


def use_processes(transport: str) -> None:
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    context = zmq.Context()
    results = context.socket(zmq.PULL)
    endpoint = results.bind("tcp://127.0.0.1:*").addr
    workers = [fork.Process(target=send_result, args=(endpoint, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    assert sorted(results.recv_pyobj() for _ in workers) == [0, 1, 4, 9]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    results.close()
    context.term()


def send_result(endpoint: str, number: int) -> None:
    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(endpoint)
        socket.send_pyobj(number**2)


def test_processes_that_multiprocessing_forks_talk() -> None:
    run_function(use_processes, "tcp", seconds=SECONDS)


def test_child_that_ends_like_any_program_says_nothing() -> None:
    run_script(
        """
        import contextlib, os, sys, threading, zmq

        # Its thread is not in the child, which would wait for it at its end.
        faulthandler.cancel_dump_traceback_later()
        context = zmq.Context.instance()
        sockets = [context.socket(zmq.PAIR) for _ in range(2)]
        sockets[0].bind("inproc://pair")
        sockets[1].connect("inproc://pair")
        sockets[0].send(bytes(100_000), copy=False)


        def park():
            with contextlib.suppress(zmq.ZMQError):
                sockets[0].recv()

        threading.Thread(target=park, daemon=True).start()
        child = os.fork()
        if child == 0:
            own = zmq.Context()
            socket = own.socket(zmq.PUSH)
            socket.close()
            own.term()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert len(sockets[1].recv()) == 100_000
        context.destroy(linger=0)
        """,
        warnings=QUIET,
    )
