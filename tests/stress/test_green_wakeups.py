"""No greenlet misses its wake-up, and none that is killed takes a message with it."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_cases, run_function

gevent = pytest.importorskip("gevent")

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
ROUNDS = 300 * FACTOR
TRANSPORTS = ("inproc", "tcp")

pytestmark = pytest.mark.timeout(60 * FACTOR)

#: Far longer than any message takes.
PATIENCE_S = 20

#: An endpoint is not free at once when its socket is closed.
numbers = itertools.count()


def pair(context: zmq.Context, transport: str) -> tuple[Any, Any]:
    bound, connected = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://{next(numbers)}"
    connected.connect(bound.bind(endpoint).addr)
    return bound, connected


class Receivers:
    """The ways of a greenlet to wait for a message. Each makes a function that receives one."""

    @staticmethod
    def recv(socket: Any) -> Callable[[], bytes]:
        return socket.recv

    @staticmethod
    def recv_multipart(socket: Any) -> Callable[[], bytes]:
        return lambda: socket.recv_multipart()[0]

    @staticmethod
    def recv_into(socket: Any) -> Callable[[], bytes]:
        buffer = bytearray(10)
        return lambda: bytes(buffer[: socket.recv_into(buffer)])

    @staticmethod
    def recv_of_a_shadow(socket: Any) -> Callable[[], bytes]:
        return type(socket).shadow(socket).recv

    @staticmethod
    def poll(socket: Any) -> Callable[[], bytes]:
        return lambda: (socket.poll(), socket.recv(zmq.NOBLOCK))[1]

    @staticmethod
    def poller(socket: Any) -> Callable[[], bytes]:
        import zmq.green

        poller = zmq.green.Poller()
        poller.register(socket, zmq.POLLIN)
        return lambda: (poller.poll(), socket.recv(zmq.NOBLOCK))[1]

    @staticmethod
    def poller_of_a_synchronous_socket(socket: Any) -> Callable[[], bytes]:
        import zmq.green

        shadow = zmq.Socket.shadow(socket)
        poller = zmq.green.Poller()
        poller.register(shadow, zmq.POLLIN)
        return lambda: (poller.poll(), shadow.recv(zmq.NOBLOCK))[1]


def disturbances(socket: Any) -> list[Callable[[], Any]]:
    """Calls that may take away what a sleeper waits for, and that take no message."""
    import zmq.green

    shadow = zmq.Socket.shadow(socket)

    def send_if_there_is_room() -> None:
        with contextlib.suppress(zmq.Again):
            shadow.send(b"noise", zmq.NOBLOCK)

    return [
        lambda: socket.send(b"noise"),
        send_if_there_is_room,
        lambda: socket.getsockopt(zmq.EVENTS),
        lambda: shadow.events,
        lambda: socket.poll(0),
        lambda: shadow.poll(0),
        lambda: zmq.zmq_poll([(shadow, zmq.POLLIN)], 0),
        lambda: zmq.green.zmq_poll([(socket, zmq.POLLIN)], 0),
        lambda: zmq.select([socket], [], [], 0),
    ]


def receive_in_lockstep(receiver: str, transport: str, seed: int) -> None:
    """Each message finds the greenlet asleep, while others use the same socket."""
    import zmq.green

    chance = random.Random(seed)
    with zmq.green.Context() as context:
        socket, peer = pair(context, transport)
        with socket, peer:
            receive = getattr(Receivers, receiver)(socket)
            calls = disturbances(socket)
            stop = threading.Event()

            def disturb_from_a_thread() -> None:
                threads_own = disturbances(socket)
                while not stop.is_set():
                    chance.choice(threads_own)()

            def disturb() -> None:
                while True:
                    gevent.sleep(chance.choice((0, 0, 0.001)))
                    chance.choice(calls)()

            def drain() -> None:
                while True:
                    peer.recv()

            helpers = [gevent.spawn(disturb), gevent.spawn(drain)]
            thread = threading.Thread(target=disturb_from_a_thread)
            if seed % 2:
                thread.start()
            for number in range(ROUNDS):
                gevent.spawn(peer.send, b"%d" % number)
                with gevent.Timeout(PATIENCE_S):
                    while True:
                        try:
                            assert receive() == b"%d" % number
                            break
                        except zmq.Again:
                            # Who polls may be early: the event was for a command.
                            assert "poll" in receiver
            stop.set()
            if seed % 2:
                gevent.get_hub().threadpool.apply(thread.join)
            gevent.killall(helpers)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("receiver", [name for name in vars(Receivers) if name[0] != "_"])
def test_no_greenlet_misses_its_wakeup(receiver, transport):
    run_cases(receive_in_lockstep, [[receiver, transport, seed] for seed in range(2)])


def kill_receivers(transport: str, seed: int) -> None:
    """Receivers that are killed or timed out at any moment; each message comes once, in order."""
    import zmq.green

    chance = random.Random(seed)
    with zmq.green.Context() as context:
        socket, peer = pair(context, transport)
        with socket, peer:
            received: list[bytes] = []

            def receive_until_killed() -> None:
                while True:
                    with gevent.Timeout(chance.choice((0, 0.001, 0.002, 1)), False):
                        message = socket.recv()
                        received.append(message)

            number = ROUNDS * 3
            receivers = [gevent.spawn(receive_until_killed) for _ in range(3)]
            for sent in range(number):
                peer.send(b"%d" % sent)
                gevent.sleep(chance.choice((0, 0, 0, 0.001)))
                if chance.random() < 0.5:
                    victim = chance.randrange(len(receivers))
                    receivers[victim].kill(block=chance.random() < 0.5)
                    receivers[victim] = gevent.spawn(receive_until_killed)
            with gevent.Timeout(PATIENCE_S):
                while len(received) < number:
                    gevent.sleep(0.001)
            gevent.killall(receivers)
            assert received == [b"%d" % sent for sent in range(number)]
    assert gevent.get_hub().loop.activecnt == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_killed_receivers_lose_no_message(transport):
    run_cases(kill_receivers, [[transport, seed] for seed in range(3)])


def share_between_hubs(transport: str, seed: int) -> None:
    """Greenlets of three threads receive from one wrapper; each message comes once."""
    import zmq.green

    number = ROUNDS * 10
    counts: list[int] = []
    with zmq.green.Context() as context:
        socket, peer = pair(context, transport)
        with socket, peer:

            def receive() -> None:
                count = 0
                while socket.recv() != b"end":
                    count += 1
                counts.append(count)

            def receive_in_a_thread() -> None:
                gevent.joinall([gevent.spawn(receive), gevent.spawn(receive)])
                gevent.get_hub().destroy(destroy_loop=True)

            threads = [threading.Thread(target=receive_in_a_thread) for _ in range(2)]
            for thread in threads:
                thread.start()
            here = gevent.spawn(receive)
            for sent in range(number):
                peer.send(b"message")
                if sent % 7 == seed:
                    gevent.sleep(0)
            for _ in range(5):
                peer.send(b"end")
            here.get(timeout=PATIENCE_S)
            for thread in threads:
                thread.join(PATIENCE_S)
                assert not thread.is_alive()
    assert sum(counts) == number


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_greenlets_of_several_threads_share_a_socket(transport):
    run_cases(share_between_hubs, [[transport, seed] for seed in range(3)])


def close_at_random(seed: int) -> None:
    """Sockets that are closed by anybody while others wait; all of them learn of it."""
    import zmq.green

    chance = random.Random(seed)
    context = zmq.green.Context()

    def use(call: Callable[[], Any]) -> int:
        try:
            while True:
                call()
                gevent.sleep(0)
        except zmq.ZMQError as error:
            return error.errno

    for _ in range(ROUNDS // 3):
        socket, peer = pair(context, "inproc")
        socket.sndhwm = 1
        poller = zmq.green.Poller()
        poller.register(socket, zmq.POLLIN)
        users = [
            gevent.spawn(use, call)
            for call in (socket.recv, socket.recv, lambda s=socket: s.send(b"x"), socket.poll)
        ]
        users.append(gevent.spawn(use, poller.poll))
        gevent.sleep(chance.choice((0, 0.001)))
        how = chance.randrange(4)
        closer = [socket, zmq.Socket.shadow(socket)][how % 2].close
        if how < 2:
            closer()
        else:
            gevent.get_hub().threadpool.apply(closer)
        gevent.joinall(users, timeout=PATIENCE_S)
        assert [user.value for user in users] == [zmq.ENOTSOCK] * len(users)
        peer.close(linger=0)
        socket.close()
    context.term()
    assert gevent.get_hub().loop.activecnt == 0


def test_waiting_greenlets_learn_of_a_close_by_anybody():
    run_function(close_at_random, 1)
