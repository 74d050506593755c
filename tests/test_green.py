"""zmq.green: greenlets that wait on sockets let others run, and lose nothing."""

from __future__ import annotations

import functools
import gc
import os
import socket as system_socket
import struct
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import pytest

import zmq
from support import TRANSPORTS, open_descriptors, run_script, settled_descriptors

gevent = pytest.importorskip("gevent")

import zmq.green  # noqa: E402

# What a hub is made of stays open for the whole process.
HUB = gevent.get_hub()

#: Far longer than any message takes.
PATIENCE_S = 20


@pytest.fixture
def context() -> Iterator[zmq.green.Context]:
    """A green context; it is destroyed after the test, and no watcher is left."""
    before = HUB.loop.activecnt
    made = zmq.green.Context()
    sockets: list[Any] = []
    make = made.socket

    def socket(*arguments: Any, **keywords: Any) -> Any:
        sockets.append(make(*arguments, **keywords))
        return sockets[-1]

    made.__dict__["socket"] = socket
    with gevent.Timeout(PATIENCE_S):
        yield made
        made.destroy(linger=0)
    assert HUB.loop.activecnt == before


def spawn(function: Callable[..., Any], *arguments: Any) -> gevent.Greenlet:
    """Start a greenlet whose value is what the function returns or raises."""

    def run() -> Any:
        try:
            return function(*arguments)
        except BaseException as error:
            return error

    greenlet = gevent.spawn(run)
    # Until it waits for something.
    gevent.sleep(0)
    return greenlet


def fill(socket: Any, message: Sequence[bytes] = (b"filling",)) -> int:
    """Send until there is no room, and say how many messages that took."""
    number = 0
    while True:
        try:
            socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.Again:
            return number
        number += 1


@contextmanager
def others_run() -> Iterator[None]:
    """Fail if no other greenlet ran during the block."""
    other = gevent.spawn(int)
    yield
    assert other.ready()


needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


# -- surface ---------------------------------------------------------------------------------


def test_every_public_name_of_zmq_is_here():
    assert set(zmq.__all__) == set(zmq.green.__all__)
    own = {"Context", "Poller", "Socket", "device", "proxy", "proxy_steerable", "select"}
    own.add("zmq_poll")
    for name in zmq.__all__:
        assert (getattr(zmq.green, name) is getattr(zmq, name)) is (name not in own), name


def test_modules_have_the_names_they_always_had():
    from zmq.green import core, poll

    assert core._Socket is zmq.green.Socket
    assert core._Context is zmq.green.Context
    assert core.TIMEOS == (zmq.RCVTIMEO, zmq.SNDTIMEO)
    assert poll._Poller is zmq.green.Poller
    assert zmq.green.core is core
    assert zmq.green.poll is poll
    assert issubclass(zmq.green.Context, zmq.Context)
    assert issubclass(zmq.green.Socket, zmq.Socket)
    assert issubclass(zmq.green.Poller, zmq.Poller)


def test_contexts_and_sockets_are_of_this_package(context):
    socket = context.socket(zmq.PUB)
    assert type(socket) is zmq.green.Socket
    assert repr(socket).startswith("<zmq.green.Socket(zmq.PUB) at 0x")
    assert repr(zmq.green.Context.shadow(context)).startswith("<zmq.green.Context(")
    assert type(zmq.green.Socket.shadow(socket)) is zmq.green.Socket
    assert type(zmq.green.Socket(socket)) is zmq.green.Socket


def test_the_global_instance_is_one_of_its_own():
    ours, synchronous = zmq.green.Context.instance(), zmq.Context.instance()
    try:
        assert type(ours) is zmq.green.Context
        assert type(synchronous) is zmq.Context
        assert zmq.green.Context.instance() is ours
    finally:
        ours.term()
        synchronous.term()


def test_importing_it_patches_nothing():
    run_script(
        """
        import select, socket, threading, time
        before = socket.socket, select.select, threading.Lock, time.sleep
        import zmq.green
        assert before == (socket.socket, select.select, threading.Lock, time.sleep)
        from gevent import monkey
        assert not monkey.saved
        """
    )


# -- receiving -------------------------------------------------------------------------------

RECEIVES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], Any]] = {
    "recv": (lambda s: s.send(b"part"), lambda s: s.recv(), b"part"),
    "recv_frame": (lambda s: s.send(b"part"), lambda s: s.recv(copy=False).bytes, b"part"),
    "recv_string": (lambda s: s.send_string("täxt"), lambda s: s.recv_string(), "täxt"),
    "recv_json": (lambda s: s.send_json({"a": 1}), lambda s: s.recv_json(), {"a": 1}),
    "recv_pyobj": (lambda s: s.send_pyobj({2: 3}), lambda s: s.recv_pyobj(), {2: 3}),
    "recv_into": (
        lambda s: s.send(b"part"),
        lambda s: s.recv_into(bytearray(10), nbytes=2),
        len(b"part"),
    ),
    "recv_multipart": (
        lambda s: s.send_multipart([b"1", b"2"]),
        lambda s: s.recv_multipart(),
        [b"1", b"2"],
    ),
    "recv_multipart_frames": (
        lambda s: s.send_multipart([b"1", b"2"]),
        lambda s: [frame.bytes for frame in s.recv_multipart(copy=False)],
        [b"1", b"2"],
    ),
    "recv_serialized": (
        lambda s: s.send_serialized("text", lambda text: [text.encode()]),
        lambda s: s.recv_serialized(lambda parts: parts[0].decode()),
        "text",
    ),
    "poll": (lambda s: s.send(b"part"), lambda s: (s.poll(), s.recv()), (zmq.POLLIN, b"part")),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", RECEIVES)
def test_others_run_until_a_message_is_there(make_pair, way, transport):
    send, receive, expected = RECEIVES[way]
    receiver, sender = make_pair(transport=transport)
    receiving = spawn(receive, receiver)
    gevent.sleep(0.001)
    assert not receiving.ready()
    send(sender)
    assert receiving.get() == expected


@pytest.mark.parametrize("way", RECEIVES)
def test_what_is_there_is_received_at_once(make_pair, way):
    send, receive, expected = RECEIVES[way]
    receiver, sender = make_pair()
    send(sender)
    other = gevent.spawn(int)
    assert receive(receiver) == expected
    assert not other.ready()
    other.join()


@pytest.mark.parametrize(
    "receive",
    [
        lambda s: s.recv(zmq.NOBLOCK),
        lambda s: s.recv_multipart(zmq.NOBLOCK),
        lambda s: s.recv_into(bytearray(1), flags=zmq.NOBLOCK),
        lambda s: s.recv_string(zmq.NOBLOCK),
        lambda s: s.recv(timeout=0),
    ],
)
def test_a_receive_that_may_not_wait_raises_again_at_once(make_pair, receive):
    receiver, _ = make_pair()
    other = gevent.spawn(int)
    with pytest.raises(zmq.Again):
        receive(receiver)
    assert not other.ready()
    other.join()


@pytest.mark.parametrize(
    "receive",
    [
        lambda s: s.recv(),
        lambda s: s.recv_multipart(),
        lambda s: s.recv_into(bytearray(1)),
        lambda s: s.recv_json(),
    ],
)
def test_rcvtimeo_limits_how_long_a_receive_waits(make_pair, receive):
    receiver, sender = make_pair()
    receiver.rcvtimeo = 5
    with pytest.raises(zmq.Again), others_run():
        receive(receiver)
    sender.send(b"1")
    assert receiver.recv() == b"1"


@pytest.mark.parametrize("name", ["recv", "recv_multipart", "recv_into"])
def test_a_timeout_of_the_call_goes_before_rcvtimeo(make_pair, name):
    receiver, sender = make_pair()
    receive = getattr(receiver, name)
    if name == "recv_into":
        receive = functools.partial(receive, bytearray(1))
    with pytest.raises(zmq.Again), others_run():
        receive(timeout=5)
    receiver.rcvtimeo = 0
    receiving = spawn(functools.partial(receive, timeout=-1))
    gevent.sleep(0.001)
    assert not receiving.ready()
    sender.send(b"1")
    assert receiving.get() in (b"1", [b"1"], 1)


def test_a_timeout_that_is_no_number_is_refused(make_pair):
    receiver, _ = make_pair()
    for wait in (lambda: receiver.recv(timeout="1"), lambda: receiver.poll("1")):
        with pytest.raises(TypeError, match="number of milliseconds"):
            wait()


def test_a_timeout_may_be_a_number_of_any_kind(make_pair):
    receiver, _ = make_pair()
    assert receiver.poll(Fraction(1)) == 0
    with pytest.raises(zmq.Again):
        receiver.recv(timeout=Fraction(1, 2))


def test_several_greenlets_receive_in_the_order_in_which_they_came(make_pair):
    receiver, sender = make_pair()
    receiving = [spawn(receiver.recv) for _ in range(5)]
    for number in range(5):
        sender.send(b"%d" % number)
    assert [greenlet.get() for greenlet in receiving] == [b"%d" % n for n in range(5)]


def test_a_receiver_and_a_sender_wait_on_one_socket(make_pair):
    socket, peer = make_pair()
    socket.sndhwm = socket.rcvhwm = 1
    number = fill(socket)
    receiving, sending = spawn(socket.recv), spawn(socket.send, b"last")
    assert not sending.ready()
    peer.send(b"message")
    assert receiving.get() == b"message"
    assert not sending.ready()
    assert [peer.recv() for _ in range(number)] == [b"filling"] * number
    assert peer.recv() == b"last"
    assert sending.get() is None


def test_a_synchronous_socket_and_a_thread_use_the_same_one(make_pair):
    receiver, sender = make_pair()
    shadow = zmq.Socket.shadow(sender)
    receiving = spawn(receiver.recv)
    thread = threading.Thread(target=shadow.send, args=(b"from a thread",))
    thread.start()
    assert receiving.get() == b"from a thread"
    thread.join()


@pytest.mark.parametrize(
    "eat",
    [
        lambda s: s.getsockopt(zmq.EVENTS),
        lambda s: s.events,
        lambda s: s.poll(0),
        lambda s: zmq.Socket.shadow(s).poll(0),
        lambda s: zmq.zmq_poll([(s, zmq.POLLIN)], 0),
        lambda s: zmq.select([s], [], [], 0),
        lambda s: s.send(b"other"),
        lambda s: zmq.Socket.shadow(s).send(b"other"),
    ],
)
def test_a_call_that_eats_the_edge_leaves_the_receive_its_message(make_pair, eat):
    receiver, sender = make_pair()
    for number in range(20):
        receiving = spawn(receiver.recv)
        sender.send(b"%d" % number)
        # The hub has not seen the descriptor yet.
        eat(receiver)
        assert receiving.get() == b"%d" % number


def test_a_socket_that_is_never_empty_lets_others_run(make_pair):
    receiver, sender = make_pair()
    other = gevent.spawn(int)
    while not other.ready():
        sender.send(b"message")
        assert receiver.recv() == b"message"


def test_others_do_not_run_between_the_parts_of_a_message(make_pair):
    receiver, sender = make_pair()
    parts = [b"part"] * 70_000
    sender.send_multipart(parts)
    other = gevent.spawn(int)
    received = [receiver.recv()]
    while receiver.rcvmore:
        received.append(receiver.recv())
        assert not other.ready()
    assert received == parts
    other.join()


def test_a_deserialiser_that_fails_leaves_the_next_message_intact(make_pair):
    receiver, sender = make_pair()
    receiving = spawn(receiver.recv_json)
    sender.send(b"{")
    sender.send_json([1])
    assert isinstance(receiving.get(), ValueError)
    assert receiver.recv_json() == [1]


# -- sending ---------------------------------------------------------------------------------


def test_senders_wait_for_room_and_go_on_in_the_order_in_which_they_came(context):
    sender = context.socket(zmq.PUSH)
    sending = [spawn(sender.send, b"%d" % number) for number in range(3)]
    sending.append(spawn(sender.send_multipart, [b"3"]))
    gevent.sleep(0.001)
    assert not any(greenlet.ready() for greenlet in sending)
    receiver = context.socket(zmq.PULL)
    receiver.connect(sender.bind("inproc://late").addr)
    assert [receiver.recv() for _ in range(4)] == [b"0", b"1", b"2", b"3"]
    gevent.joinall(sending)


@pytest.mark.parametrize(
    "send",
    [
        lambda s: s.send(b"x"),
        lambda s: s.send(b"x" * 100_000, copy=False),
        lambda s: s.send_multipart([b"x", b"y"]),
        lambda s: s.send_string("x"),
    ],
)
def test_sndtimeo_limits_how_long_a_send_waits(context, send):
    sender = context.socket(zmq.PUSH)
    sender.sndtimeo = 5
    with pytest.raises(zmq.Again), others_run():
        send(sender)
    sender.sndtimeo = 0
    other = gevent.spawn(int)
    with pytest.raises(zmq.Again):
        send(sender)
    assert not other.ready()
    other.join()


def test_a_send_that_may_not_wait_raises_again_at_once(context):
    sender = context.socket(zmq.PUSH)
    with pytest.raises(zmq.Again):
        sender.send(b"x", zmq.NOBLOCK)
    with pytest.raises(zmq.Again):
        sender.send_multipart([b"x"], zmq.NOBLOCK)


def test_what_waits_for_room_is_what_was_there_when_send_was_called(context):
    sender = context.socket(zmq.PUSH)
    first, second = bytearray(b"before"), [bytearray(b"1"), b"2"]
    sending = [spawn(sender.send, first), spawn(sender.send_multipart, second)]
    first[:] = b"after!"
    second[0][:] = b"x"
    second.append(b"3")
    receiver = context.socket(zmq.PULL)
    receiver.connect(sender.bind("inproc://snapshot").addr)
    assert receiver.recv() == b"before"
    assert receiver.recv_multipart() == [b"1", b"2"]
    gevent.joinall(sending)


def test_parts_may_come_from_a_generator_that_runs_once(context):
    sender = context.socket(zmq.PUSH)
    sending = spawn(sender.send_multipart, (part for part in (b"1", b"2")))
    receiver = context.socket(zmq.PULL)
    receiver.connect(sender.bind("inproc://generator").addr)
    assert receiver.recv_multipart() == [b"1", b"2"]
    sending.join()


def test_a_send_that_has_waited_gives_its_tracker(context):
    sender = context.socket(zmq.PUSH)
    message = b"x" * 100_000
    sending = spawn(functools.partial(sender.send, message, copy=False, track=True))
    frame = zmq.Frame(b"frame", track=True)
    sending_frame = spawn(functools.partial(sender.send, frame, copy=False))
    receiver = context.socket(zmq.PULL)
    receiver.connect(sender.bind("inproc://tracked").addr)
    assert receiver.recv() == message
    assert isinstance(sending.get(), zmq.MessageTracker)
    sending.get().wait(PATIENCE_S)
    assert receiver.recv() == b"frame"
    assert sending_frame.get() is frame.tracker


def test_wrong_messages_are_refused_and_nothing_is_sent(make_pair):
    socket, peer = make_pair()
    for send in (
        lambda: socket.send("text"),
        lambda: socket.send_multipart([b"1", "2"]),
        lambda: socket.send_multipart("12"),
        lambda: socket.send_multipart(1),
    ):
        with pytest.raises(TypeError):
            send()
    with pytest.raises(ValueError, match="at least one part"):
        socket.send_multipart([])
    assert peer.poll(0) == 0


@pytest.mark.parametrize("others", ["asleep", "receiving"])
def test_a_peer_without_room_is_waited_for_while_another_has_some(context, make_endpoint, others):
    router = context.socket(zmq.ROUTER)
    router.router_mandatory = True
    router.sndhwm = 1
    endpoint = router.bind(make_endpoint("inproc")).addr
    full, free = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    for name, dealer in ((b"full", full), (b"free", free)):
        dealer.routing_id = name
        dealer.rcvhwm = 1
        dealer.connect(endpoint)
        dealer.send(b"hello")
        assert router.recv_multipart() == [name, b"hello"]
    number = fill(router, [b"full", b"filling"])
    receiving = spawn(router.recv_multipart) if others == "receiving" else None
    # EVENTS goes on to say POLLOUT.
    sending = spawn(router.send_multipart, [b"full", b"last"])
    gevent.sleep(0.03)
    assert not sending.ready()
    router.send_multipart([b"free", b"message"])
    assert free.recv() == b"message"
    assert [full.recv() for _ in range(number)] == [b"filling"] * number
    assert full.recv() == b"last"
    assert sending.get() is None
    if receiving is not None:
        free.send(b"done")
        assert receiving.get() == [b"free", b"done"]


# -- the end of a wait -----------------------------------------------------------------------

WAITS: dict[str, Callable[[Any], Any]] = {
    "recv": lambda s: s.recv(),
    "recv_multipart": lambda s: s.recv_multipart(),
    "recv_into": lambda s: s.recv_into(bytearray(1)),
    "recv_string": lambda s: s.recv_string(),
    "poll": lambda s: s.poll(),
    "send": lambda s: s.send(b"x"),
    "send_multipart": lambda s: s.send_multipart([b"x"]),
    "poller": lambda s: poller_of(s).poll(),
    "zmq_poll": lambda s: zmq.green.zmq_poll([(s, zmq.POLLIN)]),
    "select": lambda s: zmq.green.select([s], [s], []),
    "proxy": lambda s: zmq.green.proxy(s, s),
    "device": lambda s: zmq.green.device(zmq.QUEUE, s, s),
}


def poller_of(*sockets: Any, flags: int = zmq.POLLIN) -> zmq.green.Poller:
    poller = zmq.green.Poller()
    for socket in sockets:
        poller.register(socket, flags)
    return poller


@pytest.mark.parametrize("way", WAITS)
def test_a_close_ends_every_wait(context, way):
    socket = context.socket(zmq.DEALER)
    waiting = [spawn(WAITS[way], socket) for _ in range(2)]
    gevent.sleep(0.001)
    socket.close()
    for greenlet in waiting:
        assert isinstance(greenlet.get(), zmq.ZMQError)
        assert greenlet.value.errno == zmq.ENOTSOCK
    with pytest.raises(zmq.ZMQError) as caught:
        WAITS[way](socket)
    assert caught.value.errno == (zmq.ENOTSUP if way == "poll" else zmq.ENOTSOCK)


@pytest.mark.parametrize("closer", [zmq.Socket, zmq.green.Socket])
@pytest.mark.parametrize("way", ["recv", "send", "poll", "poller"])
def test_a_close_by_a_thread_ends_every_wait(context, way, closer):
    socket = context.socket(zmq.DEALER)
    waiting = spawn(WAITS[way], socket)
    gevent.sleep(0.001)
    thread = threading.Thread(target=closer.shadow(socket).close)
    thread.start()
    assert isinstance(waiting.get(), zmq.ZMQError)
    assert waiting.value.errno == zmq.ENOTSOCK
    thread.join()


@pytest.mark.parametrize("way", WAITS)
def test_term_ends_every_wait_and_lets_others_run_meanwhile(context, way):
    socket = context.socket(zmq.DEALER)

    def wait_and_close() -> None:
        with socket:
            WAITS[way](socket)

    waiting = [spawn(wait_and_close) for _ in range(2)]
    gevent.sleep(0.001)
    with others_run():
        context.term()
    for greenlet in waiting:
        assert isinstance(greenlet.get(), zmq.ZMQError)
        # Who comes second may find the socket closed by the first.
        assert greenlet.value.errno in (zmq.ETERM, zmq.ENOTSOCK)
    assert any(isinstance(greenlet.value, zmq.ContextTerminated) for greenlet in waiting)


def test_term_goes_on_when_the_greenlet_that_called_it_is_killed(context):
    socket = context.socket(zmq.PUB)
    terminating = spawn(context.term)
    gevent.sleep(0.001)
    terminating.kill()
    assert not context.closed
    again = spawn(context.term)
    gevent.sleep(0.001)
    socket.close()
    assert again.get() is None
    assert context.closed
    context.term()


def test_term_works_on_a_thread_and_in_the_hub():
    first, second, third = (zmq.green.Context() for _ in range(3))
    thread = threading.Thread(target=first.term)
    thread.start()
    thread.join(PATIENCE_S)
    assert first.closed
    HUB.threadpool.apply(second.term)
    assert second.closed
    HUB.loop.run_callback(third.term)
    gevent.sleep(0)
    assert third.closed


@needs_proc
@pytest.mark.parametrize("way", WAITS)
def test_greenlets_that_are_killed_leave_nothing_behind(context, way):
    socket, _ = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    active = HUB.loop.activecnt
    spawn(WAITS[way], socket).kill()
    open_before = settled_descriptors()
    for _ in range(10):
        waiting = spawn(WAITS[way], socket)
        with gevent.Timeout(0.001, False):
            WAITS[way](socket)
        waiting.kill()
        assert isinstance(waiting.value, gevent.GreenletExit)
    assert HUB.loop.activecnt == active
    assert open_descriptors() == open_before


def test_a_timeout_of_gevent_and_a_kill_lose_no_message(make_pair):
    receiver, sender = make_pair()
    for number in range(20):
        with gevent.Timeout(0.001, False):
            receiver.recv()
        waiting = spawn(receiver.recv)
        sender.send(b"%d" % number)
        # The hub may, or may not, have switched to it before it is killed.
        waiting.kill()
        left = receiver.recv() if isinstance(waiting.value, gevent.GreenletExit) else None
        assert (left or waiting.value) == b"%d" % number


def test_a_receiver_that_is_killed_leaves_the_message_to_the_next(make_pair):
    receiver, sender = make_pair()
    first, second = spawn(receiver.recv), spawn(receiver.recv)
    sender.send(b"message")
    first.kill()
    assert second.get() == b"message"


def test_killed_senders_have_sent_nothing(context):
    sender = context.socket(zmq.PUSH)
    sending = [spawn(sender.send_multipart, [b"%d" % n, b"end"]) for n in range(3)]
    sending[1].kill()
    receiver = context.socket(zmq.PULL)
    receiver.connect(sender.bind("inproc://killed").addr)
    assert receiver.recv_multipart() == [b"0", b"end"]
    assert receiver.recv_multipart() == [b"2", b"end"]
    with pytest.raises(zmq.Again):
        receiver.recv(zmq.NOBLOCK)
    gevent.joinall(sending)


def test_switching_to_a_greenlet_that_waits_does_not_end_the_wait(make_pair):
    receiver, sender = make_pair()
    receiving = spawn(receiver.recv)
    HUB.loop.run_callback(receiving.switch)
    gevent.sleep(0.001)
    assert not receiving.ready()
    sender.send(b"message")
    assert receiving.get() == b"message"


def test_waiting_in_the_hub_itself_is_refused(make_pair):
    receiver, sender = make_pair()
    outcome: list[Any] = []

    def wait() -> None:
        try:
            outcome.append(receiver.recv())
        except BaseException as error:
            outcome.append(error)

    HUB.loop.run_callback(wait)
    gevent.sleep(0)
    assert type(outcome.pop()).__name__ == "BlockingSwitchOutError"
    sender.send(b"message")
    for _ in range(200):
        HUB.loop.run_callback(wait)
        gevent.sleep(0)
        assert outcome.pop() == b"message"
        sender.send(b"message")


def test_the_second_thread_with_a_hub_can_use_the_socket_too(make_pair):
    receiver, sender = make_pair()
    received: list[bytes] = []

    def use_from_a_thread() -> None:
        for _ in range(3):
            received.append(receiver.recv())
            receiver.send(b"next")
        gevent.get_hub().destroy(destroy_loop=True)

    receiving = spawn(receiver.recv)
    sender.send(b"here")
    assert receiving.get() == b"here"
    thread = threading.Thread(target=use_from_a_thread)
    thread.start()
    for number in range(3):
        sender.send(b"%d" % number)
        assert sender.recv() == b"next"
    HUB.threadpool.apply(thread.join)
    assert received == [b"0", b"1", b"2"]
    receiving = spawn(receiver.recv)
    sender.send(b"here again")
    assert receiving.get() == b"here again"


# -- polling ---------------------------------------------------------------------------------


def test_a_poller_waits_for_sockets_of_all_kinds_and_files(make_pair):
    green, green_peer = make_pair()
    other, other_peer = make_pair()
    synchronous = zmq.Socket.shadow(other)
    reader, writer = os.pipe()
    one, two = system_socket.socketpair()
    with one, two:
        poller = poller_of(green, synchronous, reader, one)
        for wake, expected in [
            (lambda: green_peer.send(b"x"), [(green, zmq.POLLIN)]),
            (lambda: other_peer.send(b"x"), [(synchronous, zmq.POLLIN)]),
            (lambda: os.write(writer, b"x"), [(reader, zmq.POLLIN)]),
            (lambda: two.send(b"x"), [(one.fileno(), zmq.POLLIN)]),
        ]:
            polling = spawn(poller.poll)
            gevent.sleep(0.001)
            assert not polling.ready()
            wake()
            assert polling.get() == expected
            assert poller.poll(0) == expected
            for take in (
                lambda: green.recv(zmq.NOBLOCK),
                lambda: other.recv(zmq.NOBLOCK),
                lambda item=expected[0][0]: item == reader and os.read(reader, 1),
                lambda item=expected[0][0]: item == one.fileno() and one.recv(1),
            ):
                try:
                    take()
                except zmq.Again:
                    continue
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("timeout", [1, 1.5, 20])
def test_a_poll_lasts_as_long_as_its_timeout(make_pair, timeout):
    socket, _ = make_pair()
    reader, writer = os.pipe()
    with others_run():
        assert poller_of(socket, reader).poll(timeout) == []
    with others_run():
        assert socket.poll(timeout) == 0
    with others_run():
        assert zmq.green.zmq_poll([(socket, zmq.POLLIN)], timeout) == []
    with others_run():
        assert zmq.green.select([socket], [], [], timeout / 1000) == ([], [], [])
    os.close(reader)
    os.close(writer)


@pytest.mark.parametrize("timeout", [None, -1])
def test_a_poll_without_end_ends_with_an_event(make_pair, timeout):
    socket, peer = make_pair()
    polling = [spawn(socket.poll, timeout), spawn(poller_of(socket).poll, timeout)]
    gevent.sleep(0.001)
    peer.send(b"x")
    assert [greenlet.get() for greenlet in polling] == [zmq.POLLIN, [(socket, zmq.POLLIN)]]


def test_a_poll_that_may_not_wait_lets_nobody_run(make_pair):
    socket, _ = make_pair()
    other = gevent.spawn(int)
    assert socket.poll(0) == 0
    assert poller_of(socket).poll(0) == []
    assert zmq.green.zmq_poll([(socket, zmq.POLLIN)], 0) == []
    assert zmq.green.select([socket], [], [], 0) == ([], [], [])
    assert not other.ready()
    other.join()


def test_poll_tells_of_room_to_send(context):
    sender = context.socket(zmq.PUSH)
    polling = [
        spawn(sender.poll, None, zmq.POLLOUT),
        spawn(poller_of(sender, flags=zmq.POLLOUT).poll),
        spawn(zmq.green.select, [], [sender], []),
    ]
    gevent.sleep(0.001)
    assert not any(greenlet.ready() for greenlet in polling)
    context.socket(zmq.PULL).connect(sender.bind("inproc://room").addr)
    assert [greenlet.get() for greenlet in polling] == [
        zmq.POLLOUT,
        [(sender, zmq.POLLOUT)],
        ([], [sender], []),
    ]


def test_a_poller_and_a_receive_wait_on_one_socket(make_pair):
    socket, peer = make_pair()
    receiving = spawn(socket.recv)
    polling = spawn(poller_of(socket, flags=zmq.POLLIN).poll)
    peer.send(b"1")
    assert receiving.get() == b"1"
    peer.send(b"2")
    assert polling.get() == [(socket, zmq.POLLIN)]
    assert socket.recv() == b"2"


def test_select_gives_three_lists_of_what_is_ready(make_pair):
    socket, peer = make_pair()
    peer.send(b"x")
    assert zmq.green.select([socket], [socket], []) == ([socket], [socket], [])
    assert zmq.green.select(iter([socket]), iter([peer]), iter([])) == ([socket], [peer], [])


def test_a_file_in_error_is_told_of(make_pair):
    reader, writer = os.pipe()
    os.close(reader)
    selecting = spawn(zmq.green.select, [], [], [writer])
    assert selecting.get() == ([], [], [writer])
    os.close(writer)


def test_zmq_poll_wants_a_number(make_pair):
    socket, _ = make_pair()
    with pytest.raises(TypeError):
        zmq.green.zmq_poll([(socket, zmq.POLLIN)], None)


def test_synchronous_sockets_can_be_waited_for_again_and_again(make_pair):
    receiver, sender = make_pair()
    shadow = zmq.Socket.shadow(receiver)
    poller = poller_of(shadow)
    for number in range(10):
        polling = spawn(poller.poll)
        gevent.sleep(0)
        sender.send(b"%d" % number)
        assert polling.get() == [(shadow, zmq.POLLIN)]
        assert shadow.recv(zmq.NOBLOCK) == b"%d" % number


# -- devices ---------------------------------------------------------------------------------


class Relay:
    """A client, the two sockets of a proxy, and a server."""

    def __init__(self, context: zmq.green.Context, make_endpoint: Callable[..., str]) -> None:
        self.frontend, self.backend = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        self.client, self.server = context.socket(zmq.REQ), context.socket(zmq.REP)
        self.client.connect(self.frontend.bind(make_endpoint("inproc")).addr)
        self.server.connect(self.backend.bind(make_endpoint("inproc")).addr)

    def check(self) -> None:
        for message in ([b"one"], [b"two", b"parts"]):
            self.client.send_multipart(message)
            assert self.server.recv_multipart() == message
            self.server.send_multipart([b"re", *message])
            assert self.client.recv_multipart() == [b"re", *message]


@pytest.fixture
def relay(context, make_endpoint):
    return Relay(context, make_endpoint)


RUNS: dict[str, Callable[..., None]] = {
    "device": lambda front, back: zmq.green.device(zmq.QUEUE, front, back),
    "proxy": lambda front, back: zmq.green.proxy(front, back),
    "proxy_steerable": lambda front, back: zmq.green.proxy_steerable(front, back),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_proxy_runs_beside_the_greenlets_it_serves(relay, name):
    running = spawn(RUNS[name], relay.frontend, relay.backend)
    for _ in range(10):
        relay.check()
    running.kill()
    assert isinstance(running.value, gevent.GreenletExit)


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize("side", ["frontend", "backend"])
def test_a_proxy_ends_when_a_socket_is_closed(relay, name, side):
    running = spawn(RUNS[name], relay.frontend, relay.backend)
    relay.check()
    getattr(relay, side).close()
    assert isinstance(running.get(), zmq.ZMQError)
    assert running.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("name", RUNS)
def test_a_proxy_ends_with_its_context(context, relay, name):
    running = spawn(RUNS[name], relay.frontend, relay.backend)
    relay.check()
    terminating = spawn(context.term)
    assert isinstance(running.get(), zmq.ContextTerminated)
    for socket in (relay.frontend, relay.backend, relay.client, relay.server):
        socket.close(linger=0)
    assert terminating.get() is None


def test_a_proxy_works_with_synchronous_sockets(relay):
    front, back = zmq.Socket.shadow(relay.frontend), zmq.Socket.shadow(relay.backend)
    running = spawn(zmq.green.proxy, front, back)
    relay.check()
    running.kill()


@pytest.mark.parametrize(
    ("frontend", "backend", "client", "server"),
    [
        (zmq.PULL, zmq.PUSH, zmq.PUSH, zmq.PULL),
        (zmq.XSUB, zmq.XPUB, zmq.PUB, zmq.SUB),
        (zmq.SUB, zmq.PUB, zmq.PUB, zmq.SUB),
    ],
)
def test_a_proxy_passes_on_in_one_direction(
    context, make_endpoint, frontend, backend, client, server
):
    front, back = context.socket(frontend), context.socket(backend)
    source, sink = context.socket(client), context.socket(server)
    for socket in (front, sink):
        if socket.type == zmq.SUB:
            socket.subscribe(b"")
    source.connect(front.bind(make_endpoint("inproc")).addr)
    sink.connect(back.bind(make_endpoint("inproc")).addr)
    running = spawn(zmq.green.device, zmq.FORWARDER, front, back)
    # Subscriptions have to arrive first.
    while not sink.poll(1):
        source.send(b"hello")
    assert sink.recv() == b"hello"
    running.kill()


def test_a_proxy_of_one_socket_sends_back_what_comes(context, make_endpoint):
    echo, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    client.connect(echo.bind(make_endpoint("inproc")).addr)
    running = spawn(zmq.green.proxy, echo, echo)
    client.send_multipart([b"1", b"2"])
    assert client.recv_multipart() == [b"1", b"2"]
    running.kill()


def test_a_capture_socket_gets_a_copy_of_every_message(context, relay, make_endpoint):
    capture, listener = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    listener.connect(capture.bind(make_endpoint("inproc")).addr)
    running = spawn(zmq.green.proxy, relay.frontend, relay.backend, capture)
    relay.check()
    captured = [listener.recv_multipart()[2:] for _ in range(4)]
    assert captured == [[b"one"], [b"re", b"one"], [b"two", b"parts"], [b"re", b"two", b"parts"]]
    running.kill()


def test_a_proxy_that_is_killed_loses_no_message(context, make_endpoint):
    front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    capture = context.socket(zmq.PUSH)
    source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    source.connect(front.bind(make_endpoint("inproc")).addr)
    sink.connect(back.bind(make_endpoint("inproc")).addr)
    # It takes a message, and has to wait for somebody who listens to what is captured.
    running = spawn(zmq.green.proxy, front, back, capture)
    for number in range(3):
        source.send_multipart([b"%d" % number, b"end"])
    gevent.sleep(0.001)
    running.kill()
    assert [front.recv_multipart() for _ in range(3)] == [[b"%d" % n, b"end"] for n in range(3)]
    assert sink.poll(0) == 0


def test_a_proxy_takes_nothing_that_it_cannot_pass_on(context, make_endpoint):
    front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    source = context.socket(zmq.PUSH)
    source.connect(front.bind(make_endpoint("inproc")).addr)
    running = spawn(zmq.green.proxy, front, back)
    source.send(b"message")
    gevent.sleep(0.001)
    assert front.recv(zmq.NOBLOCK) == b"message"
    source.send(b"next")
    sink = context.socket(zmq.PULL)
    sink.connect(back.bind(make_endpoint("inproc")).addr)
    assert sink.recv() == b"next"
    running.kill()


@pytest.mark.parametrize(
    "kinds", [(zmq.REP, zmq.REQ), (zmq.PAIR, zmq.PAIR), (zmq.DEALER, zmq.DEALER)]
)
def test_a_steerable_proxy_obeys(context, relay, make_endpoint, kinds):
    control, steering = (context.socket(kind) for kind in kinds)
    steering.connect(control.bind(make_endpoint("inproc")).addr)

    def statistics() -> list[int]:
        steering.send(b"STATISTICS")
        return [struct.unpack("=Q", part)[0] for part in steering.recv_multipart()]

    def command(text: bytes) -> None:
        steering.send(text)
        assert steering.recv() == b""

    running = spawn(zmq.green.proxy_steerable, relay.frontend, relay.backend, None, control)
    relay.check()
    numbers = statistics()
    # Two requests, and two answers; an envelope of 5 bytes and an empty part with each.
    assert numbers[0::2] == [2, 2, 2, 2]
    assert numbers[1] == numbers[7]
    assert numbers[3] == numbers[5]
    command(b"PAUSE")
    relay.client.send(b"later")
    assert relay.server.poll(5) == 0
    command(b"RESUME")
    assert relay.server.recv() == b"later"
    relay.server.send(b"done")
    assert relay.client.recv() == b"done"
    command(b"TERMINATE")
    assert running.get() == 0


def test_a_steerable_proxy_obeys_who_cannot_be_answered(context, relay, make_endpoint):
    control, steering = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    steering.connect(control.bind(make_endpoint("inproc")).addr)
    running = spawn(zmq.green.proxy_steerable, relay.frontend, relay.backend, None, control)
    for command in (b"STATISTICS", b"PAUSE", b"TERMINATE"):
        steering.send(command)
    assert running.get() == 0


def test_a_proxy_wants_sockets(context):
    socket = context.socket(zmq.DEALER)
    with pytest.raises(TypeError, match="frontend must be a"):
        zmq.green.device(zmq.QUEUE, "x", socket)
    with pytest.raises(TypeError, match="backend must be a"):
        zmq.green.proxy(socket, None)
    with pytest.raises(TypeError, match="capture must be a"):
        zmq.green.proxy(socket, socket, 1)


def test_a_busy_proxy_lets_others_run(context, make_endpoint):
    front, back = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    for socket in (front, back, source, sink):
        socket.hwm = 0
    source.connect(front.bind(make_endpoint("inproc")).addr)
    sink.connect(back.bind(make_endpoint("inproc")).addr)
    number = 1000
    for _ in range(number):
        source.send(b"x")
    running = gevent.spawn(zmq.green.proxy, front, back)
    other = spawn(lambda: [gevent.sleep(0) for _ in range(5)] and front.poll(0))
    # What is still to come when the other is done.
    assert other.get() == zmq.POLLIN
    assert [sink.recv() for _ in range(number)] == [b"x"] * number
    running.kill()


# -- beside other things ---------------------------------------------------------------------


def test_request_and_reply_between_greenlets(context, make_endpoint):
    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    client.connect(server.bind(make_endpoint("tcp")).addr)

    def serve() -> None:
        while True:
            server.send(server.recv() + b"!")

    serving = spawn(serve)
    for number in range(200):
        client.send(b"%d" % number)
        assert client.recv() == b"%d!" % number
    serving.kill()


def test_monitor_events_are_waited_for(context, make_endpoint):
    from zmq.utils.monitor import recv_monitor_message

    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    monitor = client.get_monitor_socket(zmq.EVENT_CONNECTED)
    assert type(monitor) is zmq.green.Socket
    receiving = spawn(recv_monitor_message, monitor)
    client.connect(server.bind(make_endpoint("tcp")).addr)
    assert receiving.get()["event"] == zmq.EVENT_CONNECTED
    client.disable_monitor()
    monitor.close()


@pytest.mark.parametrize("loop", ["default", "libuv-cffi", "libev-cffi"])
def test_it_runs_on_every_loop_of_gevent(monkeypatch, loop):
    if loop != "default":
        pytest.importorskip("cffi")
        monkeypatch.setenv("GEVENT_LOOP", loop)
    run_script(
        """
        import gevent, zmq.green as zmq

        def outcome(call):
            try:
                return call()
            except Exception as error:
                return error

        with zmq.Context() as context, context.socket(zmq.REP) as server:
            endpoint = server.bind("tcp://127.0.0.1:*").addr
            with context.socket(zmq.REQ) as client:
                client.connect(endpoint)
                serving = gevent.spawn(lambda: [server.send(server.recv()) for _ in range(100)])
                for number in range(100):
                    client.send(b"%d" % number)
                    assert client.recv() == b"%d" % number
                serving.get()
                client.rcvtimeo = 2
                client.send(b"nobody answers")
                assert isinstance(outcome(client.recv), zmq.Again)
                shadow = zmq.Socket.shadow(client)
                gevent.spawn(shadow.poll).kill()
                del shadow
                waiting = gevent.spawn(outcome, client.poll)
                gevent.sleep(0)
                client.close(0)
                assert waiting.get().errno == zmq.ENOTSOCK
        """
    )


def test_a_patched_program_uses_threads_that_are_greenlets():
    run_script(
        """
        from gevent import monkey
        monkey.patch_all()
        import threading
        import zmq.green as zmq

        with zmq.Context() as context, context.socket(zmq.REP) as server:
            endpoint = server.bind("tcp://127.0.0.1:*").addr
            serving = threading.Thread(
                target=lambda: [server.send(server.recv()) for _ in range(100)]
            )
            serving.start()
            with context.socket(zmq.REQ) as client:
                client.connect(endpoint)
                for number in range(100):
                    client.send(b"%d" % number)
                    assert client.recv() == b"%d" % number
            serving.join()
        """
    )


def test_ctrl_c_ends_a_wait_and_a_term():
    run_script(
        """
        import os, signal, gevent, zmq.green as zmq

        def interrupt(call, *arguments):
            timer = gevent.get_hub().loop.timer(0.01)
            timer.start(os.kill, os.getpid(), signal.SIGUSR1)
            try:
                call(*arguments)
            except KeyboardInterrupt:
                print("interrupted")
            timer.close()

        def handler(*arguments):
            raise KeyboardInterrupt

        gevent.get_hub().NOT_ERROR += (KeyboardInterrupt,)
        signal.signal(signal.SIGUSR1, handler)
        context = zmq.Context()
        socket, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        peer.connect(socket.bind("inproc://pair").addr)
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        for call in (socket.recv, socket.poll, poller.poll, context.term):
            interrupt(call)
        socket.close()
        peer.close()
        context.term()
        """
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_a_fork_makes_sockets_of_its_own():
    run_script(
        """
        import os, gevent, zmq.green as zmq
        from gevent.os import fork, waitpid
        context = zmq.Context()
        socket, peer = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        peer.connect(socket.bind("inproc://pair").addr)
        receiving = gevent.spawn(socket.recv)
        gevent.sleep(0)
        child = fork()
        if child == 0:
            try:
                socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                os._exit(1)
            except zmq.ZMQError:
                pass
            with zmq.Context() as own, own.socket(zmq.PAIR) as one, own.socket(zmq.PAIR) as two:
                two.connect(one.bind("inproc://child").addr)
                receiving = gevent.spawn(one.recv)
                gevent.sleep(0)
                two.send(b"x")
                assert receiving.get() == b"x"
            os._exit(7)
        _, status = waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 7, status
        peer.send(b"message")
        assert receiving.get() == b"message"
        context.destroy(linger=0)
        """
    )


# -- descriptors -----------------------------------------------------------------------------


@needs_proc
@pytest.mark.parametrize("end", ["closed", "dropped", "killed"])
def test_a_socket_that_ends_frees_its_descriptors(context, end):
    def use() -> None:
        socket = context.socket(zmq.PULL)
        poller = zmq.green.Poller()
        poller.register(socket, zmq.POLLIN)
        waiting = [spawn(socket.recv), spawn(poller.poll)]
        if end != "closed":
            gevent.killall(waiting)
        if end != "dropped":
            socket.close(0)
        gevent.joinall(waiting)

    # The one of the fixture keeps them.
    del context.__dict__["socket"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        use()
        before = open_descriptors()
        for _ in range(10):
            use()
        # Those of libzmq end a little later.
        while open_descriptors() > before:
            gc.collect()
            gevent.sleep(0.005)


# -- trackers --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["send", "send_multipart"])
def test_a_tracker_lets_others_run_while_it_waits(context, make_endpoint, name):
    sender = context.socket(zmq.PUSH)
    sender.connect(sender_endpoint := make_endpoint())
    data = b"x" * 100_000
    send = getattr(sender, name)
    tracker = send(data if name == "send" else [data], copy=False, track=True)
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done
    with pytest.raises(zmq.NotDone), others_run():
        tracker.wait(0.01)
    waiting = spawn(tracker.wait)
    assert not waiting.ready()
    receiver = context.socket(zmq.PULL)
    receiver.bind(sender_endpoint)
    assert receiver.recv() == data
    del data
    waiting.join()
    assert waiting.value is None
    assert tracker.done
    tracker.wait(0)


# -- tornado ---------------------------------------------------------------------------------


def test_a_stream_of_a_green_socket_calls_back(make_pair):
    pytest.importorskip("tornado")
    import asyncio

    from zmq.green.eventloop.zmqstream import ZMQStream

    receiver, sender = make_pair()

    async def main() -> None:
        received: asyncio.Queue[list[bytes]] = asyncio.Queue()
        stream = ZMQStream(receiver)
        stream.on_recv(received.put_nowait)
        for number in range(3):
            sender.send_multipart([b"message", b"%d" % number])
        for number in range(3):
            assert await received.get() == [b"message", b"%d" % number]
        sent: asyncio.Queue[list[bytes]] = asyncio.Queue()
        stream.on_send(lambda message, status: sent.put_nowait(message))
        stream.send(b"answer")
        assert await sent.get() == [b"answer"]
        assert sender.recv() == b"answer"
        stream.close()

    asyncio.run(asyncio.wait_for(main(), PATIENCE_S))


def test_tornados_loop_has_its_old_names():
    ioloop = pytest.importorskip("tornado.ioloop")
    import zmq.green.eventloop

    assert zmq.green.eventloop.__all__ == ["IOLoop"]
    assert zmq.green.eventloop.IOLoop is ioloop.IOLoop
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old = zmq.green.eventloop.ioloop
        import zmq.eventloop.ioloop

        assert old.install is zmq.eventloop.ioloop.install
        assert old.ZMQIOLoop is zmq.eventloop.ioloop.ZMQIOLoop
    assert old.IOLoop is ioloop.IOLoop
    assert old.PeriodicCallback is ioloop.PeriodicCallback
    with pytest.raises(AttributeError, match="nothing"):
        zmq.green.eventloop.nothing  # noqa: B018


def test_multipart_messages_go_through_the_send_and_recv_of_a_subclass(context):
    class Reversing(zmq.green.Socket):
        def send(self, data, flags=0, **keywords):
            return super().send(bytes(data)[::-1], flags, **keywords)

        def recv(self, flags=0, **keywords):
            return super().recv(flags, **keywords)[::-1]

    with Reversing(context, zmq.PAIR) as first, context.socket(zmq.PAIR) as second:
        first.bind("inproc://reversing")
        second.connect("inproc://reversing")
        receiving = gevent.spawn(first.recv_multipart)
        first.send_multipart([b"abc", b"de"])
        assert second.recv_multipart() == [b"cba", b"ed"]
        second.send_multipart([b"123", b"45"])
        assert receiving.get() == [b"321", b"54"]
        with pytest.raises(zmq.Again):
            first.recv_multipart(timeout=1)
