"""Many threads in one socket: they take turns, nothing is lost, doubled or torn."""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_cases, run_function

# An endpoint of its own for each: libzmq puts a closed socket away a little later.
_names = itertools.count()

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
SECONDS = 50 * FACTOR
TRANSPORTS = ("inproc", "tcp")
THREADS = 3

pytestmark = pytest.mark.timeout(60 * FACTOR)


def connect(
    context: zmq.Context, bound_type: int, connected_type: int, transport: str
) -> tuple[zmq.Socket, zmq.Socket]:
    bound, connected = context.socket(bound_type), context.socket(connected_type)
    connected.connect(
        bound.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://{next(_names)}").addr
    )
    return bound, connected


class Threads:
    """Threads whose exceptions are told."""

    def __init__(self, *targets: Callable[[], Any]) -> None:
        self.failed: list[BaseException] = []
        self.threads = [threading.Thread(target=self.run, args=(target,)) for target in targets]
        for thread in self.threads:
            thread.start()

    def run(self, target: Callable[[], Any]) -> None:
        try:
            target()
        except BaseException as error:
            self.failed.append(error)

    def join(self) -> None:
        for thread in self.threads:
            thread.join()
        if self.failed:
            raise self.failed[0]


def all_send_and_receive(transport: str) -> None:
    """On both ends some threads send and others receive, on the same two sockets."""
    sys.setswitchinterval(1e-4)
    number = 2000 * FACTOR
    context = zmq.Context()
    ends = connect(context, zmq.DEALER, zmq.DEALER, transport)
    received: list[list[tuple[bytes, ...]]] = [[], []]
    end_of_messages = (b"end", b"")

    def send(end: int, index: int) -> None:
        for message in range(number):
            ends[end].send_multipart([b"%d" % index, b"%d" % message])

    def receive(end: int) -> None:
        while True:
            parts = tuple(ends[end].recv_multipart())
            if parts == end_of_messages:
                return
            received[end].append(parts)

    receivers = Threads(*(lambda end=end: receive(end) for end in (0, 1) for _ in range(THREADS)))
    Threads(
        *(
            lambda end=end, index=index: send(end, index)
            for end in (0, 1)
            for index in range(THREADS)
        )
    ).join()
    for end in (0, 1):
        for _ in range(THREADS):
            ends[end].send_multipart(end_of_messages)
    receivers.join()
    expected = Counter(
        (b"%d" % index, b"%d" % message) for index in range(THREADS) for message in range(number)
    )
    assert Counter(received[0]) == expected
    assert Counter(received[1]) == expected
    context.destroy(linger=0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_threads_send_and_receive_on_one_socket_at_once(transport: str) -> None:
    run_function(all_send_and_receive, transport, seconds=SECONDS)


class Operations:
    """What a thread may do to a socket that others use as well. Nothing of it waits for long."""

    def __init__(self, socket: zmq.Socket, index: int, seed: int) -> None:
        self.socket = socket
        self.chance = random.Random(seed)
        self.name = b"%d" % index
        self.shadow = zmq.Socket.shadow(socket)
        self.poller = zmq.Poller()
        self.poller.register(socket, zmq.POLLIN | zmq.POLLOUT)
        self.sent: list[tuple[bytes, ...]] = []
        self.received: list[tuple[bytes, ...]] = []
        self.buffer = bytearray(64)

    def message(self) -> list[bytes]:
        parts = self.chance.randrange(4)
        number = b"%d" % len(self.sent)
        # The size of a part decides how libzmq and we keep it.
        sizes = self.chance.choices((0, 1, 30, 200, 70_000), (3, 3, 3, 3, 1), k=parts)
        return [self.name, number, b"%d" % parts, *(bytes(size) for size in sizes)]

    def send(self, how: Callable[[list[bytes]], Any]) -> None:
        message = self.message()
        try:
            how(message)
        except zmq.Again:
            return
        self.sent.append(tuple(message))

    def receive(self, how: Callable[[], list[Any]]) -> None:
        try:
            parts = how()
        except zmq.Again:
            return
        self.received.append(tuple(bytes(part) for part in parts))

    def one(self) -> None:
        socket, shadow = self.socket, self.shadow
        self.chance.choice(
            [
                lambda: self.send(socket.send_multipart),
                lambda: self.send(lambda parts: socket.send_multipart(parts, zmq.NOBLOCK)),
                lambda: self.send(lambda parts: shadow.send_multipart(parts, copy=False)),
                lambda: self.send(lambda parts: socket.send_multipart(map(zmq.Frame, parts))),
                lambda: self.receive(socket.recv_multipart),
                lambda: self.receive(lambda: socket.recv_multipart(zmq.NOBLOCK)),
                lambda: self.receive(lambda: shadow.recv_multipart(zmq.NOBLOCK, copy=False)),
                lambda: socket.poll(0),
                lambda: socket.poll(1, zmq.POLLIN | zmq.POLLOUT),
                lambda: self.poller.poll(1),
                lambda: zmq.zmq_poll([(shadow, zmq.POLLIN)], 0),
                lambda: socket.get(zmq.EVENTS),
                lambda: socket.rcvmore,
                lambda: shadow.last_endpoint,
                lambda: setattr(socket, "linger", self.chance.randrange(100)),
                lambda: repr(shadow),
                lambda: zmq.Socket.shadow(socket.underlying).get(zmq.TYPE),
            ]
        )()


def do_at_random(transport: str, seed: int) -> None:
    """Three threads do what they like to both ends; in the end every message has arrived once."""
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    # Neither end may wait for ever: all threads may want to receive, or to send, at once.
    context.rcvtimeo = context.sndtimeo = 2
    ends = connect(context, zmq.PAIR, zmq.PAIR, transport)
    workers = [Operations(ends[index % 2], index, seed + index) for index in range(2 * THREADS)]

    def work(worker: Operations) -> None:
        for _ in range(2500 * FACTOR):
            worker.one()

    Threads(*(lambda worker=worker: work(worker) for worker in workers)).join()
    for end, socket in enumerate(ends):
        socket.rcvtimeo = 20_000
        sent = Counter(message for worker in workers[1 - end :: 2] for message in worker.sent)
        received = Counter(message for worker in workers[end::2] for message in worker.received)
        for _ in range(sent.total() - received.total()):
            received[tuple(socket.recv_multipart())] += 1
        assert received == sent, f"seed {seed}, {transport}"
        assert socket.poll(0) == 0
        assert all(int(message[2]) == len(message) - 3 for message in received)
    context.destroy(linger=0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_random_operations_of_threads_keep_every_message_whole(transport: str) -> None:
    cases = [[transport, seed] for seed in (1, 100)]
    run_cases(do_at_random, cases, seconds=SECONDS)


def requests_from_threads(transport: str) -> None:
    """A ROUTER that several threads serve, each with requests of its own."""
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    endpoint = router.bind("tcp://127.0.0.1:*" if transport == "tcp" else "inproc://router").addr
    requests = 1000 * FACTOR

    def serve() -> None:
        while True:
            identity, empty, question = router.recv_multipart()
            if question == b"end":
                return
            router.send_multipart([identity, empty, question.upper()])

    def ask(index: int) -> None:
        with context.socket(zmq.REQ) as requester:
            requester.connect(endpoint)
            for number in range(requests):
                question = f"question {number} of {index}"
                requester.send_string(question)
                assert requester.recv_string() == question.upper()

    servers = Threads(*([serve] * THREADS))
    Threads(*(lambda index=index: ask(index) for index in range(THREADS))).join()
    with context.socket(zmq.DEALER) as ending:
        ending.connect(endpoint)
        for _ in range(THREADS):
            ending.send_multipart([b"", b"end"])
        servers.join()
    context.destroy(linger=0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_threads_share_the_work_of_a_router(transport: str) -> None:
    run_function(requests_from_threads, transport, seconds=SECONDS)


def share_frames() -> None:
    """Several threads read, copy and send the same Frames."""
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    bound, connected = connect(context, zmq.PULL, zmq.PUSH, "inproc")
    contents = [bytes([index]) * size for index, size in enumerate((0, 10, 29, 30, 5000, 100_000))]
    frames = [zmq.Frame(content, copy=copy) for content in contents for copy in (True, False)]
    rounds = 400 * FACTOR

    def use() -> None:
        import copy

        for _ in range(rounds):
            for frame in frames:
                content = frame.bytes
                assert bytes(frame) == bytes(copy.copy(frame)) == content
                assert frame.buffer.nbytes == len(frame) == len(content)
                connected.send(frame, copy=False)

    received: Counter[bytes] = Counter()

    def receive() -> None:
        for _ in range(rounds * len(frames) * THREADS):
            received[bound.recv(copy=False).bytes] += 1

    Threads(receive, *([use] * THREADS)).join()
    assert received == dict.fromkeys(contents, rounds * 2 * THREADS)
    context.destroy(linger=0)


def test_threads_share_frames() -> None:
    run_function(share_frames, seconds=SECONDS)


def make_and_destroy() -> None:
    """Contexts and sockets are made and dropped by all threads at once."""
    sys.setswitchinterval(1e-4)
    shared = zmq.Context()

    def make(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(150 * FACTOR):
            context = shared if chance.random() < 0.5 else zmq.Context()
            first, second = connect(context, zmq.PAIR, zmq.PAIR, chance.choice(TRANSPORTS))
            first.send(b"message")
            assert second.recv() == b"message"
            assert zmq.Context.instance() is zmq.Context.instance()
            for socket in chance.sample((first, second), 2):
                socket.close(linger=0)
            if context is not shared:
                context.term()

    Threads(*(lambda seed=seed: make(seed) for seed in range(THREADS))).join()
    shared.term()
    zmq.Context.instance().term()


def test_threads_make_contexts_and_sockets() -> None:
    run_function(make_and_destroy, seconds=SECONDS)
