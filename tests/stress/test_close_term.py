"""Closing and terminating at any moment, from any thread: whoever waits hears of it at once."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import queue
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_function

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
SECONDS = 50 * FACTOR
THREADS = 3

pytestmark = pytest.mark.timeout(60 * FACTOR)


def without_waiting(socket: zmq.Socket) -> None:
    socket.poll(0)
    for attempt in (
        lambda: socket.recv(zmq.NOBLOCK),
        lambda: socket.send_multipart([b"one", b"two"], zmq.NOBLOCK),
        lambda: socket.get(zmq.EVENTS),
    ):
        try:
            attempt()
        except zmq.Again:
            continue


def by_poller(socket: zmq.Socket) -> None:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.poll()


def zero_copy(socket: zmq.Socket) -> None:
    socket.send(bytes(100_000), copy=False, track=True)


OPERATIONS: dict[str, Callable[[zmq.Socket], Any]] = {
    "recv": lambda socket: socket.recv(),
    "recv_multipart": lambda socket: socket.recv_multipart(),
    "recv_into": lambda socket: socket.recv_into(bytearray(10)),
    "send": lambda socket: socket.send(b"message"),
    "send_multipart": lambda socket: socket.send_multipart([b"one", b"two"]),
    "zero copy": zero_copy,
    "poll": lambda socket: socket.poll(),
    "poll shortly": lambda socket: socket.poll(1),
    "Poller": by_poller,
    "zmq_poll": lambda socket: zmq.zmq_poll([(socket, zmq.POLLIN)]),
    "get": lambda socket: socket.get(zmq.EVENTS),
    "attribute": lambda socket: socket.linger,
    "without waiting": without_waiting,
    "shadow": lambda socket: zmq.Socket.shadow(socket).poll(1),
}


class Workers:
    """Threads that do something to a socket until it raises, and tell what."""

    def __init__(self) -> None:
        self.tasks: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in range(THREADS)]
        self.results: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.threads = [threading.Thread(target=self.run, args=(task,)) for task in self.tasks]
        for thread in self.threads:
            thread.start()

    def run(self, tasks: queue.SimpleQueue[Any]) -> None:
        while (task := tasks.get()) is not None:
            name, socket = task
            try:
                while True:
                    OPERATIONS[name](socket)
            except zmq.ZMQError as error:
                self.results.put((name, error.errno))
            except BaseException as error:
                self.results.put((name, repr(error)))

    def stop(self) -> None:
        for tasks in self.tasks:
            tasks.put(None)
        for thread in self.threads:
            thread.join()


def wait_at_random(chance: random.Random, meanwhile: Callable[[], Any]) -> None:
    end = time.perf_counter() + chance.choice((0, 1e-5, 1e-4, 5e-4)) * chance.random()
    while time.perf_counter() < end:
        meanwhile()


def end_at_random(how: str, transport: str, seed: int) -> None:
    sys.setswitchinterval(5e-4)
    chance = random.Random(seed)
    workers = Workers()
    told: Counter[tuple[str, Any]] = Counter()
    context = zmq.Context()
    for number in range(400 * FACTOR):
        socket, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        bound = socket.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://{number}")
        peer.connect(bound.addr)
        for tasks in workers.tasks:
            tasks.put((chance.choice(list(OPERATIONS)), socket))
        feeds = chance.random() < 0.5

        def feed(peer: zmq.Socket = peer, feeds: bool = feeds) -> None:
            if feeds and peer.poll(0, zmq.POLLOUT):
                peer.send(b"message", zmq.NOBLOCK)

        wait_at_random(chance, feed)
        if how == "close":
            socket.close(linger=0)
        elif how == "close a shadow":
            zmq.Socket.shadow(socket.underlying).close(linger=0)
        elif how == "destroy":
            context.destroy(linger=0)
        else:
            assert how == "term"
            socket.linger = peer.linger = 0
            ending = threading.Thread(target=context.term)
            ending.start()
        told.update(workers.results.get() for _ in range(THREADS))
        assert socket.closed == (how != "term")
        socket.close()
        peer.close(linger=0)
        if how == "term":
            ending.join()
        if how in ("term", "destroy"):
            assert context.closed
            context = zmq.Context()
    workers.stop()
    context.term()
    allowed = {
        "close": {errno.ENOTSOCK},
        "close a shadow": {errno.ENOTSOCK},
        "destroy": {errno.ENOTSOCK, zmq.ETERM},
        "term": {zmq.ETERM},
    }[how]
    if how != "term":
        # What poll() says of a socket that was closed before.
        allowed.add(errno.ENOTSUP)
    strange = {case: count for case, count in told.items() if case[1] not in allowed}
    assert not strange, f"{how}, {transport}, seed {seed}: {strange}"


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("how", ["close", "close a shadow", "destroy", "term"])
def test_whoever_uses_a_socket_hears_of_its_end(how: str, transport: str) -> None:
    run_function(end_at_random, how, transport, 1, seconds=SECONDS)


def end_by_many(seed: int) -> None:
    """All threads want to close the same sockets and to terminate the same context."""
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    for _ in range(100 * FACTOR):
        context = zmq.Context()
        sockets = [context.socket(zmq.PAIR) for _ in range(3)]
        start = threading.Barrier(THREADS + 1)
        failed: list[BaseException] = []

        def end(order: list[zmq.Socket], ways: list[Callable[[], Any]]) -> None:
            start.wait()  # noqa: B023
            try:
                for socket in order:
                    socket.close(linger=0)
                for way in ways:
                    way()
            except BaseException as error:
                failed.append(error)  # noqa: B023

        threads = [
            threading.Thread(
                target=end,
                args=(
                    chance.sample(sockets, 3),
                    chance.choices([context.term, lambda c=context: c.destroy(0)], k=2),
                ),
            )
            for _ in range(THREADS)
        ]
        for thread in threads:
            thread.start()
        start.wait()
        context.destroy(linger=0)
        for thread in threads:
            thread.join()
        assert not failed, failed
        assert context.closed
        assert all(socket.closed for socket in sockets)


def test_all_threads_may_close_and_terminate_at_once() -> None:
    run_function(end_by_many, 3, seconds=SECONDS)


def proxies_end(seed: int) -> None:
    """A proxy on a thread ends with either of its sockets, or with the context."""
    chance = random.Random(seed)
    numbers = itertools.count()
    for _ in range(150 * FACTOR):
        context = zmq.Context()
        router, dealer, capture = (
            context.socket(kind) for kind in (zmq.ROUTER, zmq.DEALER, zmq.PUB)
        )
        client, worker = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        client.connect(router.bind(f"inproc://{next(numbers)}").addr)
        worker.connect(dealer.bind(f"inproc://{next(numbers)}").addr)
        told: list[Any] = []

        def run(sockets: tuple[zmq.Socket, ...]) -> None:
            try:
                zmq.proxy(*sockets)
            except zmq.ZMQError as error:
                told.append(error.errno)  # noqa: B023
            else:
                told.append(None)  # noqa: B023

        running = threading.Thread(target=run, args=((router, dealer, capture),))
        running.start()

        def talk(client: zmq.Socket = client, worker: zmq.Socket = worker) -> None:
            client.send(b"message", zmq.NOBLOCK)
            while worker.poll(0):
                worker.recv_multipart()

        wait_at_random(chance, talk)
        victim = chance.choice((router, dealer, capture, None))
        if victim is None:
            context.destroy(linger=0)
        else:
            victim.close(linger=0)
            running.join()
            context.destroy(linger=0)
        running.join()
        assert set(told) <= {errno.ENOTSOCK, zmq.ETERM, None}, told


def test_proxy_ends_with_its_sockets() -> None:
    run_function(proxies_end, 4, seconds=SECONDS)


def end_both_while_much_is_unsent(parts: int, seed: int) -> None:
    """A sender whose queue is full, and its receiver, end at almost the same moment."""
    chance = random.Random(seed)
    message = [bytes(2000)] * parts
    for number in range(400 * FACTOR):
        context = zmq.Context()
        sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        receiver.connect(sender.bind("tcp://127.0.0.1:*").addr)
        wait_at_random(chance, lambda: time.sleep(chance.random() * 3e-3))
        with contextlib.suppress(zmq.Again):
            while True:
                sender.send_multipart(message, zmq.NOBLOCK)
        if number % 4:
            for socket in (receiver, sender) if number % 4 < 3 else (sender, receiver):
                socket.close(linger=0)
                wait_at_random(chance, lambda: None)
        context.destroy(linger=0)


@pytest.mark.parametrize("parts", [1, 2])
def test_peers_may_end_together_while_much_is_unsent(parts: int) -> None:
    run_function(end_both_while_much_is_unsent, parts, 5, seconds=SECONDS)
