"""No wake-up is lost: whatever others do to a socket, a thread that waits on it goes on.

A socket's descriptor is edge-triggered, so any call may take away what the sleeper waits for.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_cases, run_function

# An endpoint of its own for each: libzmq puts a closed socket away a little later.
_names = itertools.count()

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
ROUNDS = 250 * FACTOR
TRANSPORTS = ("inproc", "tcp")

pytestmark = pytest.mark.timeout(60 * FACTOR)

#: Far longer than any message takes.
PATIENCE_S = 20


def bind(socket: zmq.Socket, transport: str) -> str:
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://{next(_names)}"
    return socket.bind(endpoint).addr


def poller_of(*sockets: zmq.Socket, flags: int = zmq.POLLIN) -> zmq.Poller:
    poller = zmq.Poller()
    for socket in sockets:
        poller.register(socket, flags)
    return poller


class Receivers:
    """The ways to wait for a message. Each makes a function that receives one."""

    @staticmethod
    def recv(socket: zmq.Socket) -> Callable[[], Any]:
        return socket.recv

    @staticmethod
    def recv_multipart(socket: zmq.Socket) -> Callable[[], Any]:
        return socket.recv_multipart

    @staticmethod
    def recv_into(socket: zmq.Socket) -> Callable[[], Any]:
        buffer = bytearray(10)
        return lambda: socket.recv_into(buffer)

    @staticmethod
    def recv_of_a_shadow(socket: zmq.Socket) -> Callable[[], Any]:
        shadow = zmq.Socket.shadow(socket.underlying)
        return lambda: shadow.recv()

    @staticmethod
    def poll(socket: zmq.Socket) -> Callable[[], Any]:
        return lambda: (socket.poll(), socket.recv(zmq.NOBLOCK))

    @staticmethod
    def poller(socket: zmq.Socket) -> Callable[[], Any]:
        poller = poller_of(socket)
        return lambda: (poller.poll(), socket.recv(zmq.NOBLOCK))

    @staticmethod
    def poller_of_several(socket: zmq.Socket) -> Callable[[], Any]:
        assert socket.context is not None
        quiet = [socket.context.socket(zmq.PULL) for _ in range(4)]
        poller = poller_of(*quiet[:2], socket, *quiet[2:])
        return lambda: (poller.poll(), socket.recv(zmq.NOBLOCK))

    @staticmethod
    def zmq_poll(socket: zmq.Socket) -> Callable[[], Any]:
        return lambda: (zmq.zmq_poll([(socket, zmq.POLLIN)]), socket.recv(zmq.NOBLOCK))

    @staticmethod
    def select(socket: zmq.Socket) -> Callable[[], Any]:
        return lambda: (zmq.select([socket], [], []), socket.recv(zmq.NOBLOCK))


def meddlers(socket: zmq.Socket) -> list[Callable[[], Any]]:
    """What may process the socket's commands under the nose of the one who sleeps."""
    shadow = zmq.Socket.shadow(socket)
    poller = poller_of(socket)
    assert socket.context is not None
    others = [socket.context.socket(zmq.PULL) for _ in range(4)]
    several = poller_of(*others, socket)
    return [
        lambda: socket.get(zmq.EVENTS),
        lambda: socket.events,
        lambda: socket.poll(0),
        lambda: socket.poll(0, zmq.POLLOUT),
        lambda: shadow.get(zmq.EVENTS),
        lambda: poller.poll(0),
        lambda: several.poll(0),
        lambda: zmq.zmq_poll([(socket, zmq.POLLIN)], 0),
        lambda: zmq.select([socket], [], [], 0),
    ]


def receive_while_others_look(receiver: str, transport: str, seed: int) -> None:
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    context = zmq.Context()
    socket, peer = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    peer.connect(bind(socket, transport))
    receive = getattr(Receivers, receiver)(socket)
    received = 0
    failed: list[BaseException] = []

    def receive_all() -> None:
        nonlocal received
        try:
            for _ in range(ROUNDS):
                receive()
                received += 1
        except BaseException as error:
            failed.append(error)

    def answer() -> None:
        for _ in range(ROUNDS):
            peer.send(peer.recv())

    threads = [threading.Thread(target=target) for target in (receive_all, answer)]
    for thread in threads:
        thread.start()
    ways = meddlers(socket)
    for sent in range(1, ROUNDS + 1):
        look = chance.choice(ways)
        socket.send(b"message")
        end = time.monotonic() + PATIENCE_S
        while received < sent:
            look()
            assert not failed, failed
            assert time.monotonic() < end, f"{receiver}, {transport}: lost at message {sent}"
    for thread in threads:
        thread.join()
    context.destroy(linger=0)


def receive_while_others_send(receiver: str, transport: str) -> None:
    """Sending processes commands too: a second thread does, all the time."""
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    socket, peer = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    peer.connect(bind(socket, transport))
    receive = getattr(Receivers, receiver)(socket)
    received = threading.Event()

    def send_all() -> None:
        while not ended.is_set():
            socket.send(b"noise")
            if peer.poll(0):
                peer.recv()

    def receive_all() -> None:
        for _ in range(ROUNDS):
            receive()
            received.set()

    ended = threading.Event()
    threads = [threading.Thread(target=target) for target in (send_all, receive_all)]
    for thread in threads:
        thread.start()
    for number in range(ROUNDS):
        peer.send(b"message")
        assert received.wait(PATIENCE_S), f"{receiver}, {transport}: lost at message {number}"
        received.clear()
    ended.set()
    for thread in threads:
        thread.join()
    context.destroy(linger=0)


def send_while_others_look(transport: str, seed: int) -> None:
    """The same for a thread that waits until it may send."""
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    context = zmq.Context()
    socket, peer = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    socket.sndhwm = peer.rcvhwm = 1
    peer.rcvbuf = socket.sndbuf = 1
    peer.connect(bind(socket, transport))
    poller = poller_of(socket, flags=zmq.POLLOUT)
    several = poller_of(*(context.socket(zmq.PAIR) for _ in range(4)), socket, flags=zmq.POLLOUT)
    message = bytes(10_000)
    kinds: list[Callable[[], Any]] = [
        lambda: socket.send(message),
        lambda: socket.send_multipart([message, b"end"]),
        lambda: (socket.poll(None, zmq.POLLOUT), socket.send(message)),
        lambda: (poller.poll(), socket.send(message)),
        lambda: (several.poll(), socket.send(message)),
    ]
    ways = chance.choices(kinds, k=ROUNDS)

    def send_all() -> None:
        for way in ways:
            way()

    sending = threading.Thread(target=send_all)
    sending.start()
    looks = [
        lambda: socket.get(zmq.EVENTS),
        lambda: socket.poll(0, zmq.POLLOUT),
        lambda: socket.poll(0, zmq.POLLIN | zmq.POLLOUT),
        lambda: zmq.zmq_poll([(socket, zmq.POLLOUT)], 0),
    ]
    for number in range(ROUNDS):
        look = chance.choice(looks)
        end = time.monotonic() + PATIENCE_S
        while not peer.poll(0):
            look()
            assert time.monotonic() < end, f"{transport}: lost at message {number}"
        peer.recv_multipart()
    sending.join()
    context.destroy(linger=0)


def many_wait(transport: str, seed: int) -> None:
    """Several threads wait on one socket in different ways: messages reach them all the same."""
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    context = zmq.Context()
    socket, peer = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    peer.connect(bind(socket, transport))
    poller = poller_of(socket)
    several = poller_of(*(context.socket(zmq.PULL) for _ in range(3)), socket)
    counts = [0] * 4
    waits: list[Callable[[], Any]] = [
        lambda: None,
        lambda: socket.poll(),
        lambda: poller.poll(),
        lambda: several.poll(),
    ]

    def receive(index: int) -> None:
        while True:
            waits[index]()
            try:
                message = socket.recv(0 if index == 0 else zmq.NOBLOCK)
            except zmq.Again:
                continue  # another one was faster
            if message == b"end":
                return
            counts[index] += 1

    threads = [threading.Thread(target=receive, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    sent = 0
    while sent < ROUNDS:
        burst = chance.choice((1, 1, 1, 2, 5))
        for _ in range(burst):
            peer.send(b"message")
        sent += burst
        end = time.monotonic() + PATIENCE_S
        while sum(counts) < sent:
            assert time.monotonic() < end, f"{transport}: lost at message {sent}: {counts}"
    for _ in threads:
        peer.send(b"end")
    for thread in threads:
        thread.join()
    context.destroy(linger=0)


RECEIVERS = [name for name in vars(Receivers) if not name.startswith("_")]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_receiver_wakes_while_others_look_at_the_socket(transport: str) -> None:
    cases = [[receiver, transport, seed] for seed, receiver in enumerate(RECEIVERS)]
    run_cases(receive_while_others_look, cases, seconds=50 * FACTOR)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_receiver_wakes_while_others_send_through_the_socket(transport: str) -> None:
    cases = [[receiver, transport] for receiver in ("recv", "poll", "poller_of_several")]
    run_cases(receive_while_others_send, cases, seconds=50 * FACTOR)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sender_wakes_while_others_look_at_the_socket(transport: str) -> None:
    run_function(send_while_others_look, transport, 1, seconds=50 * FACTOR)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_all_who_wait_on_a_socket_are_served(transport: str) -> None:
    run_function(many_wait, transport, 2, seconds=50 * FACTOR)
