"""Polling: Socket.poll, Poller, zmq_poll and select, over sockets, descriptors and files."""

from __future__ import annotations

import os
import socket as system_sockets
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zmq
from support import TRANSPORTS, open_descriptors, when_parked

MakePoller = Callable[[], zmq.Poller]
MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]

IN, OUT, ERR = int(zmq.POLLIN), int(zmq.POLLOUT), int(zmq.POLLERR)


if sys.platform == "win32":
    # Only sockets can be polled there.

    def open_pipe() -> tuple[int, int]:
        reader, writer = system_sockets.socketpair()
        return reader.detach(), writer.detach()

    def write(descriptor: int) -> None:
        writer = system_sockets.socket(fileno=descriptor)
        writer.send(b"x")
        writer.detach()

    def read(descriptor: int) -> None:
        reader = system_sockets.socket(fileno=descriptor)
        reader.recv(1)
        reader.detach()

    close = system_sockets.close
else:

    def open_pipe() -> tuple[int, int]:
        return os.pipe()

    def write(descriptor: int) -> None:
        os.write(descriptor, b"x")

    def read(descriptor: int) -> None:
        os.read(descriptor, 1)

    close = os.close


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = open_pipe()
    yield reader, writer
    close(reader)
    close(writer)


@pytest.fixture(params=[0, 1, 10], ids=["alone", "with another", "with ten others"])
def make_poller(request: pytest.FixtureRequest, context: zmq.Context) -> Callable[[], zmq.Poller]:
    """Give a function that makes a Poller, which watches some sockets where nothing happens."""

    def make() -> zmq.Poller:
        poller = zmq.Poller()
        for _ in range(request.param):
            poller.register(context.socket(zmq.PULL), zmq.POLLIN)
        return poller

    return make


# -- Socket.poll ---------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_poll_tells_what_is_there(make_pair: MakePair, transport: str) -> None:
    first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
    assert second.poll(0) == 0
    assert second.poll(20_000, zmq.POLLOUT) == OUT
    assert second.poll(0, zmq.POLLIN | zmq.POLLOUT) == OUT
    first.send(b"message")
    assert second.poll() == IN
    assert second.poll(-1, IN | OUT) == IN | OUT
    assert second.poll(timeout=None, flags=IN) == IN
    assert type(second.poll(0.5)) is int
    assert second.recv() == b"message"
    assert second.poll(0) == 0


@pytest.mark.parametrize("timeout", [0, 1, 0.5, 1.0, True])
def test_poll_ends_when_the_time_is_up(make_pair: MakePair, timeout: float) -> None:
    first, _ = make_pair()
    assert first.poll(timeout) == 0


@pytest.mark.parametrize("flags", [0, ERR, int(zmq.POLLPRI)])
def test_poll_for_nothing_ends_when_the_time_is_up(make_pair: MakePair, flags: int) -> None:
    first, second = make_pair()
    second.send(b"message")
    assert first.poll(1, flags) == 0


@pytest.mark.parametrize("timeout", [None, -1, -5.5, 60_000])
def test_poll_wakes_for_a_message(make_pair: MakePair, timeout: float | None) -> None:
    first, second = make_pair()
    sending = when_parked(lambda: second.send(b"message"))
    assert first.poll(timeout) == IN
    sending.join()


def test_poll_wakes_for_a_peer(context: zmq.Context) -> None:
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    sender.bind("inproc://late")
    connecting = when_parked(lambda: receiver.connect("inproc://late"))
    assert sender.poll(None, zmq.POLLOUT) == OUT
    connecting.join()


def test_poll_raises_when_the_socket_is_closed_meanwhile(make_pair: MakePair) -> None:
    first, _ = make_pair()
    closing = when_parked(first.close)
    with pytest.raises(zmq.ZMQError) as raised:
        first.poll()
    closing.join()
    assert raised.value.errno == zmq.ENOTSOCK


# -- Poller --------------------------------------------------------------------------------------


def test_poller_tells_what_is_there(make_poller: MakePoller, make_pair: MakePair) -> None:
    poller = make_poller()
    first, second = make_pair()
    poller.register(first, zmq.POLLIN)
    poller.register(second, zmq.POLLIN | zmq.POLLOUT)
    assert poller.poll(0) == [(second, OUT)]
    second.send(b"message")
    assert poller.poll() == [(first, IN), (second, OUT)]
    assert poller.poll(timeout=5) == [(first, IN), (second, OUT)]
    first.send(b"back")
    assert dict(poller.poll(-1)) == {first: IN, second: IN | OUT}
    assert type(poller.poll(0)[0]) is tuple
    assert type(poller.poll(0)[0][1]) is int
    first.recv()
    second.recv()
    assert poller.poll(0) == [(second, OUT)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_poller_keeps_telling_until_all_is_received(
    make_poller: MakePoller, make_pair: MakePair, transport: str
) -> None:
    poller = make_poller()
    first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
    poller.register(first, zmq.POLLIN)
    for number in range(5):
        second.send(b"%d" % number)
    second.send_multipart([b"one", b"two"])
    for number in range(5):
        assert poller.poll(20_000) == [(first, IN)]
        assert poller.poll(20_000) == [(first, IN)]
        assert first.recv() == b"%d" % number
    assert poller.poll(20_000) == [(first, IN)]
    assert first.recv() == b"one"
    assert poller.poll(0) == [(first, IN)], "the rest of a message"
    assert first.recv() == b"two"
    assert poller.poll(0) == []


def test_poller_wakes_for_a_message(make_poller: MakePoller, make_pair: MakePair) -> None:
    poller = make_poller()
    for transport in TRANSPORTS:
        first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
        poller.register(first, zmq.POLLIN)
        sending = when_parked(lambda second=second: second.send(b"message"))
        assert poller.poll() == [(first, IN)]
        sending.join()
        assert first.recv() == b"message"


def test_results_are_in_the_order_of_registration(make_pair: MakePair) -> None:
    pairs = [make_pair() for _ in range(20)]
    poller = zmq.Poller()
    order = [first for first, _ in pairs]
    order = order[::2] + order[1::2][::-1]
    for socket in order:
        poller.register(socket, zmq.POLLIN)
    assert poller.poll(0) == []
    for _, second in pairs[::-1]:
        second.send(b"message")
    assert poller.poll(20_000) == [(socket, IN) for socket in order]
    poller.unregister(order[3])
    poller.register(order[3], zmq.POLLIN)
    order.append(order.pop(3))
    assert poller.poll(20_000) == [(socket, IN) for socket in order]
    order[5].recv()
    del order[5]
    assert poller.poll(20_000) == [(socket, IN) for socket in order]


def test_register_modify_and_unregister(make_poller: MakePoller, make_pair: MakePair) -> None:
    poller = make_poller()
    before = len(poller.sockets)
    first, second = make_pair()
    assert first not in poller
    assert poller.register(first) is None
    assert first in poller
    assert second not in poller
    assert poller.sockets[before:] == [(first, zmq.POLLIN | zmq.POLLOUT)]
    assert poller.poll(0) == [(first, OUT)]
    poller.register(first, zmq.POLLIN)
    assert poller.sockets[before:] == [(first, zmq.POLLIN)]
    assert poller.poll(0) == []
    poller.modify(first, zmq.POLLOUT)
    assert poller.poll(0) == [(first, OUT)]
    poller.modify(second, zmq.POLLOUT)
    assert poller.poll(0) == [(first, OUT), (second, OUT)]
    poller.register(second, 0)
    assert second not in poller
    poller.register(second, 0)
    poller.unregister(first)
    assert len(poller.sockets) == before
    with pytest.raises(KeyError):
        poller.unregister(first)
    poller.modify(first)
    assert poller.poll(0) == [(first, OUT)]


def test_registering_again_keeps_the_place(make_pair: MakePair) -> None:
    first, second = make_pair()
    poller = zmq.Poller()
    poller.register(first, zmq.POLLIN)
    poller.register(second, zmq.POLLOUT)
    poller.register(first, zmq.POLLOUT)
    assert [socket for socket, _ in poller.sockets] == [first, second]
    assert poller.poll(0) == [(first, OUT), (second, OUT)]


def test_poller_without_anything_ends_when_the_time_is_up() -> None:
    poller = zmq.Poller()
    assert poller.sockets == []
    assert poller.poll(0) == []
    assert poller.poll(1) == []


def test_closed_socket_raises_enotsock(make_poller: MakePoller, make_pair: MakePair) -> None:
    poller = make_poller()
    first, second = make_pair()
    poller.register(first, zmq.POLLIN)
    poller.register(second, zmq.POLLIN)
    first.send(b"message")
    assert poller.poll(0) == [(second, IN)]
    first.close()
    for timeout in (0, None):
        with pytest.raises(zmq.ZMQError) as raised:
            poller.poll(timeout)
        assert raised.value.errno == zmq.ENOTSOCK
    poller.unregister(first)
    assert poller.poll(0) == [(second, IN)]


def test_socket_closed_meanwhile_raises_enotsock(
    make_poller: MakePoller, make_pair: MakePair
) -> None:
    poller = make_poller()
    first, second = make_pair()
    poller.register(first, zmq.POLLIN)
    poller.register(second, zmq.POLLIN)
    closing = when_parked(first.close)
    with pytest.raises(zmq.ZMQError) as raised:
        poller.poll()
    closing.join()
    assert raised.value.errno == zmq.ENOTSOCK


def test_terminated_context_ends_a_poll(make_poller: MakePoller) -> None:
    poller = make_poller()
    context = zmq.Context()
    socket = context.socket(zmq.PULL)
    poller.register(socket, zmq.POLLIN)
    ending = when_parked(context.term)
    with pytest.raises(zmq.ContextTerminated):
        poller.poll()
    socket.close()
    ending.join()


def test_poller_does_not_find_a_new_socket_at_an_old_address(context: zmq.Context) -> None:
    # libzmq uses addresses and descriptors again.
    poller = zmq.Poller()
    for number in range(20):
        sockets = [context.socket(zmq.PAIR) for _ in range(5)]
        for socket in sockets:
            poller.register(socket, zmq.POLLIN)
        sockets[0].bind(f"inproc://again-{number}")
        sockets[4].connect(f"inproc://again-{number}")
        sockets[0].send(b"message")
        assert poller.poll(20_000) == [(sockets[4], IN)]
        for socket in sockets:
            poller.unregister(socket)
            socket.close()
        assert poller.poll(0) == []


def test_one_socket_may_be_in_several_pollers(make_pair: MakePair, context: zmq.Context) -> None:
    first, second = make_pair()
    pollers = [zmq.Poller() for _ in range(3)]
    for number, poller in enumerate(pollers):
        poller.register(first, zmq.POLLIN)
        for _ in range(3 * number):
            poller.register(context.socket(zmq.PULL), zmq.POLLIN)
    for round_number in range(100):
        assert [poller.poll(0) for poller in pollers] == [[], [], []]
        second.send(b"message")
        order = pollers if round_number % 2 else pollers[::-1]
        assert [poller.poll(20_000) for poller in order] == [[(first, IN)]] * 3
        first.recv()


def test_poller_and_its_socket_may_be_used_by_different_threads(
    make_poller: MakePoller, make_pair: MakePair
) -> None:
    poller = make_poller()
    first, second = make_pair()
    poller.register(first, zmq.POLLIN)
    told: list[Any] = []
    polling = threading.Thread(target=lambda: told.append(poller.poll()))
    polling.start()
    other = zmq.Poller()
    other.register(first, zmq.POLLIN)
    for _ in range(50):
        assert other.poll(0) == []
        assert first.poll(0) == 0
    second.send(b"message")
    while not told:
        other.poll(0)
    polling.join()
    assert told == [[(first, IN)]]


def test_shadow_in_a_poller_is_told_as_itself(make_poller: MakePoller, make_pair: MakePair) -> None:
    poller = make_poller()
    first, second = make_pair()
    shadow = zmq.Socket.shadow(first.underlying)
    poller.register(shadow, zmq.POLLIN)
    poller.register(first, zmq.POLLIN)
    second.send(b"message")
    assert poller.poll(20_000) == [(shadow, IN), (first, IN)]


def test_hundreds_of_sockets_are_polled(context: zmq.Context) -> None:
    context.max_sockets = 2000
    number = 300
    receivers, senders = [], []
    poller = zmq.Poller()
    for index in range(number):
        receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        receiver.bind(f"inproc://many-{index}")
        sender.connect(f"inproc://many-{index}")
        poller.register(receiver, zmq.POLLIN)
        receivers.append(receiver)
        senders.append(sender)
    assert poller.poll(0) == []
    for index in range(0, number, 7):
        senders[index].send(b"%d" % index)
    expected = [(receivers[index], IN) for index in range(0, number, 7)]
    assert poller.poll(20_000) == expected
    for receiver, _ in expected:
        receiver.recv()
    assert poller.poll(0) == []


# -- descriptors ---------------------------------------------------------------------------------


def test_descriptors_and_files_can_be_polled(
    make_poller: MakePoller, make_pair: MakePair, pipe: tuple[int, int]
) -> None:
    poller = make_poller()
    reader, writer = pipe
    first, second = make_pair()
    near, far = system_sockets.socketpair()
    with near, far:
        poller.register(reader, zmq.POLLIN)
        poller.register(first, zmq.POLLIN)
        poller.register(near, zmq.POLLIN)
        poller.register(writer, zmq.POLLOUT)
        assert poller.poll(0) == [(writer, OUT)]
        write(writer)
        second.send(b"message")
        far.send(b"x")
        # An object is told by its descriptor.
        assert poller.poll() == [(reader, IN), (first, IN), (near.fileno(), IN), (writer, OUT)]
        assert near in poller
        assert reader in poller
        read(reader)
        first.recv()
        near.recv(1)
        assert poller.poll(0) == [(writer, OUT)]
        poller.unregister(writer)
        poller.unregister(near)
        assert poller.poll(0) == []


def test_descriptor_wakes_a_poll(
    make_poller: MakePoller, make_pair: MakePair, pipe: tuple[int, int]
) -> None:
    poller = make_poller()
    first, second = make_pair()
    poller.register(first, zmq.POLLIN)
    poller.register(pipe[0], zmq.POLLIN)
    writing = when_parked(lambda: write(pipe[1]))
    assert poller.poll() == [(pipe[0], IN)]
    writing.join()
    read(pipe[0])
    sending = when_parked(lambda: second.send(b"message"))
    assert poller.poll() == [(first, IN)]
    sending.join()


def test_broken_pipe_is_told_as_an_error(make_poller: MakePoller) -> None:
    poller = make_poller()
    reader, writer = open_pipe()
    poller.register(writer, zmq.POLLOUT | zmq.POLLERR)
    close(reader)
    ((item, events),) = poller.poll(20_000)
    assert item == writer
    assert events & ERR
    close(writer)


def test_closed_descriptor_is_told_as_an_error(make_poller: MakePoller) -> None:
    poller = make_poller()
    reader, writer = open_pipe()
    poller.register(reader, zmq.POLLIN)
    assert poller.poll(0) == []  # from here on it needs no new descriptors
    close(writer)
    close(reader)
    ((item, events),) = poller.poll(20_000)
    assert item == reader
    assert events & ERR


@pytest.mark.parametrize("item", ["text", None, 1.5, object()])
def test_what_cannot_be_polled_is_refused(item: Any) -> None:
    poller = zmq.Poller()
    with pytest.raises(TypeError, match=r"fileno|descriptor"):
        poller.register(item, zmq.POLLIN) or poller.poll(0)
    with pytest.raises(TypeError):
        zmq.zmq_poll([(item, zmq.POLLIN)], 0)


def test_python_socket_that_was_closed_is_never_ready(
    make_poller: MakePoller, make_pair: MakePair
) -> None:
    near, far = make_pair()
    gone, _ = pair = system_sockets.socketpair()
    for side in pair:
        side.close()
    assert gone.fileno() == -1
    assert zmq.zmq_poll([(gone, zmq.POLLIN)], 0) == []
    poller = make_poller()
    poller.register(near, zmq.POLLIN)
    poller.register(gone, zmq.POLLIN)
    far.send(b"x")
    assert poller.poll() == [(near, zmq.POLLIN)]


@pytest.mark.parametrize("timeout", [None, -1, 60_000])
def test_nothing_to_poll_is_not_waited_for(timeout: int | None) -> None:
    assert zmq.Poller().poll(timeout) == []
    assert zmq.zmq_poll([], -1 if timeout is None else timeout) == []
    assert zmq.select([], [], [], timeout) == ([], [], [])


def test_file_whose_fileno_fails_tells_why() -> None:
    class Failing:
        def fileno(self) -> int:
            raise LookupError("no descriptor here")

    with pytest.raises(LookupError, match="no descriptor here"):
        zmq.zmq_poll([(Failing(), zmq.POLLIN)], 0)


# -- zmq_poll and select -------------------------------------------------------------------------


def test_zmq_poll_tells_what_is_there(make_pair: MakePair, pipe: tuple[int, int]) -> None:
    first, second = make_pair()
    items = [(first, zmq.POLLIN), (pipe[0], zmq.POLLIN), (second, zmq.POLLIN | zmq.POLLOUT)]
    assert zmq.zmq_poll([], 0) == []
    assert zmq.zmq_poll(items, 0) == [(second, OUT)]
    second.send(b"message")
    write(pipe[1])
    assert zmq.zmq_poll(items) == [(first, IN), (pipe[0], IN), (second, OUT)]
    assert zmq.zmq_poll(sockets=items, timeout=5) == zmq.zmq_poll(iter(items), -1)
    assert zmq.zmq_poll([(first, IN), (first, IN)], 0.5) == [(first, IN), (first, IN)]
    assert zmq.zmq_poll(((pipe[1], zmq.POLLOUT),), 0) == [(pipe[1], OUT)]


def test_zmq_poll_wakes_for_a_message(make_pair: MakePair) -> None:
    first, second = make_pair()
    sending = when_parked(lambda: second.send(b"message"))
    assert zmq.zmq_poll([(first, zmq.POLLIN)]) == [(first, IN)]
    sending.join()


@pytest.mark.parametrize("items", [None, 5, [5], [("text",)], [(1, 2, 3)]])
def test_zmq_poll_of_no_items_is_refused(items: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        zmq.zmq_poll(items, 0)


def test_select_is_like_that_of_the_standard_library(
    make_pair: MakePair, pipe: tuple[int, int]
) -> None:
    first, second = make_pair()
    assert zmq.select([first, pipe[0]], [second], [], 0) == ([], [second], [])
    second.send(b"message")
    write(pipe[1])
    assert zmq.select([first, pipe[0]], [second, pipe[1]], [first]) == (
        [first, pipe[0]],
        [second, pipe[1]],
        [],
    )
    assert zmq.select([first], [], [], 0.001) == ([first], [], [])
    assert zmq.select([], [], [], 0) == ([], [], [])
    assert zmq.select([second], [], [], timeout=0) == ([], [], [])


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_polling_leaves_no_descriptor(make_pair: MakePair) -> None:
    pairs = [make_pair() for _ in range(10)]

    def poll() -> None:
        poller = zmq.Poller()
        for first, second in pairs:
            poller.register(first, zmq.POLLIN)
            poller.register(second, zmq.POLLIN)
        poller.poll(0)
        for first, second in pairs[::2]:
            poller.unregister(first)
            poller.unregister(second)
        poller.poll(1)

    poll()
    before = open_descriptors()
    for _ in range(50):
        poll()
    assert open_descriptors() <= before
