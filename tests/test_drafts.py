"""Draft sockets, where libzmq has them: thread-safe types, groups, routing ids, datagrams."""

from __future__ import annotations

import asyncio
import ctypes
import re
import select
import socket as system_sockets
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import zmq
import zmq.asyncio
from support import TRANSPORTS, unless_required, when_parked
from zmq import _core

pytestmark = pytest.mark.skipif(
    unless_required("drafts", not zmq.DRAFT_API),
    reason="libzmq has no draft sockets (CPPYZMQ_DRAFTS=ON)",
)

MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]

#: Two types that talk to each other without an address, and are thread-safe.
PLAIN_PAIRS = [(zmq.GATHER, zmq.SCATTER), (zmq.CHANNEL, zmq.CHANNEL), (zmq.SERVER, zmq.CLIENT)]

THREAD_SAFE = [zmq.CLIENT, zmq.SERVER, zmq.SCATTER, zmq.GATHER, zmq.PEER, zmq.CHANNEL]

#: Other sockets in the same Poller: few are asked one by one, many are watched.
OTHERS = pytest.mark.parametrize("others", [0, 10])

PATIENCE_MS = 10_000


def free_udp_port() -> int:
    """Give a port of udp that nobody reads from."""
    with system_sockets.socket(system_sockets.AF_INET, system_sockets.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def names(pairs: list[tuple[int, int]]) -> list[str]:
    return ["-".join(zmq.SocketType(each).name for each in pair) for pair in pairs]


@pytest.fixture(params=PLAIN_PAIRS, ids=names(PLAIN_PAIRS))
def plain_pair(request: pytest.FixtureRequest, make_pair: MakePair) -> Iterator[Any]:
    """A socket that receives, and one that sends to it."""
    receiver, sender = make_pair(*request.param)
    receiver.rcvtimeo = sender.sndtimeo = PATIENCE_MS
    return receiver, sender


def test_the_library_says_that_it_has_drafts() -> None:
    assert zmq.has("draft")
    assert zmq.DRAFT_API is zmq.PYZMQ_DRAFT_API is True


# -- the patterns --------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_server_answers_each_client_by_its_routing_id(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    server = context.socket(zmq.SERVER)
    server.bind(make_endpoint(transport))
    clients = [context.socket(zmq.CLIENT) for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect(server.get_string(zmq.LAST_ENDPOINT))
        client.send(b"from %d" % number)
    asked = [server.recv(copy=False) for _ in clients]
    assert len({frame.routing_id for frame in asked}) == 3
    assert all(frame.routing_id != 0 for frame in asked)
    for frame in reversed(asked):
        server.send(b"to " + frame.bytes, routing_id=frame.routing_id)
    for number, client in enumerate(clients):
        assert client.recv() == b"to from %d" % number


def test_frame_carries_a_routing_id(make_pair: MakePair) -> None:
    server, client = make_pair(zmq.SERVER, zmq.CLIENT)
    client.send(b"question")
    question = server.recv(copy=False)
    answer = zmq.Frame(b"answer")
    assert answer.routing_id == 0
    answer.routing_id = question.routing_id
    assert answer.routing_id == question.routing_id
    server.send(answer)
    assert client.recv() == b"answer"


def test_unknown_peer_is_unreachable(make_pair: MakePair) -> None:
    server, client = make_pair(zmq.SERVER, zmq.CLIENT)
    client.send(b"question")
    known = server.recv(copy=False).routing_id
    with pytest.raises(zmq.ZMQError) as caught:
        server.send(b"answer", routing_id=known ^ 1)
    assert caught.value.errno == zmq.EHOSTUNREACH


@pytest.mark.parametrize("bad", [0, -1, 2**32, "1"], ids=repr)
def test_routing_id_that_is_none_is_refused(make_pair: MakePair, bad: Any) -> None:
    server, client = make_pair(zmq.SERVER, zmq.CLIENT)
    client.send(b"question")
    known = server.recv(copy=False).routing_id
    with pytest.raises((zmq.ZMQError, OverflowError, TypeError, ValueError)):
        server.send(b"answer", routing_id=bad)
    server.send(b"answer", routing_id=known)
    assert client.recv() == b"answer"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_radio_reaches_the_dishes_of_a_group(make_pair: MakePair, transport: str) -> None:
    dish, radio = make_pair(zmq.DISH, zmq.RADIO, transport)
    dish.join("weather")
    dish.join(b"sport")
    # A RADIO drops what it sends before it has heard of the group.
    while not dish.poll(10):
        radio.send(b"are you there?", group="weather")
    heard = dish.recv(copy=False)
    while dish.poll(50):
        dish.recv()
    assert (heard.bytes, heard.group) == (b"are you there?", "weather")
    while not dish.poll(10):
        radio.send(b"are you there?", group="sport")
    while dish.poll(50):
        dish.recv()
    radio.send(b"nobody listens", group="news")
    frame = zmq.Frame(b"in a frame")
    frame.group = "sport"
    radio.send(frame)
    heard = dish.recv(copy=False)
    assert (heard.bytes, heard.group) == (b"in a frame", "sport")


def test_dish_leaves_a_group(make_pair: MakePair) -> None:
    dish, radio = make_pair(zmq.DISH, zmq.RADIO)
    dish.join("weather")
    dish.join("sport")
    while not dish.poll(10):
        radio.send(b"first", group="sport")
    dish.leave("sport")
    while dish.poll(50):
        dish.recv()
    # Commands travel in order: who has heard this, heard of the leaving before.
    while not dish.poll(10):
        radio.send(b"sunny", group="weather")
    radio.send(b"one to nil", group="sport")
    radio.send(b"the end", group="weather")
    heard = []
    while (text := dish.recv()) != b"the end":
        heard.append(text)
    assert set(heard) == {b"sunny"}


@pytest.mark.parametrize("method", ["join", "leave"])
def test_group_that_is_none_is_refused(context: zmq.Context, method: str) -> None:
    dish = context.socket(zmq.DISH)
    for name in ("x" * 256, "never joined" if method == "leave" else "x" * 1000):
        with pytest.raises(zmq.ZMQError) as caught:
            getattr(dish, method)(name)
        assert caught.value.errno == zmq.EINVAL
    with pytest.raises(zmq.ZMQError) as caught:
        context.socket(zmq.SUB).join("group")
    assert caught.value.errno in (zmq.EINVAL, zmq.ENOTSUP)


def test_radio_and_dish_over_udp(context: zmq.Context) -> None:
    dish, radio = context.socket(zmq.DISH), context.socket(zmq.RADIO)
    port = free_udp_port()
    dish.bind(f"udp://127.0.0.1:{port}")
    dish.join("weather")
    radio.connect(f"udp://127.0.0.1:{port}")
    while not dish.poll(20):
        radio.send(b"sunny", group="weather")
    heard = dish.recv(copy=False)
    assert (heard.bytes, heard.group) == (b"sunny", "weather")


def test_datagrams_carry_their_address(context: zmq.Context) -> None:
    port = free_udp_port()
    with system_sockets.socket(system_sockets.AF_INET, system_sockets.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        other.settimeout(0.05)
        datagrams = context.socket(zmq.DGRAM)
        datagrams.bind(f"udp://127.0.0.1:{port}")
        while not datagrams.poll(20):
            other.sendto(b"question", ("127.0.0.1", port))
        address, body = datagrams.recv_multipart()
        # libzmq 4.3.4 counts the null byte at its end.
        assert address.rstrip(b"\0") == b"127.0.0.1:%d" % other.getsockname()[1]
        assert body == b"question"
        datagrams.send_multipart([address, b"answer"])
        other.settimeout(10)
        assert other.recv(100) == b"answer"


def test_scattered_messages_are_gathered(
    context: zmq.Context, make_endpoint: Callable[..., str]
) -> None:
    scatter = context.socket(zmq.SCATTER)
    scatter.bind(make_endpoint())
    gathers = [context.socket(zmq.GATHER) for _ in range(3)]
    for gather in gathers:
        gather.connect(scatter.get_string(zmq.LAST_ENDPOINT))
    for number in range(30):
        scatter.send(b"%d" % number)
    shares = [[int(gather.recv()) for _ in range(10)] for gather in gathers]
    assert sorted(number for share in shares for number in share) == list(range(30))


def test_channel_goes_both_ways(make_pair: MakePair) -> None:
    one, other = make_pair(zmq.CHANNEL, zmq.CHANNEL)
    one.send(b"there")
    other.send(b"back")
    assert other.recv() == b"there"
    assert one.recv() == b"back"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_peers_talk_by_routing_id(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    bound, connected = context.socket(zmq.PEER), context.socket(zmq.PEER)
    bound.bind(make_endpoint(transport))
    there = connected.connect_peer(bound.get_string(zmq.LAST_ENDPOINT))
    assert there > 0
    connected.send(b"question", routing_id=there)
    question = bound.recv(copy=False)
    bound.send(question.bytes + b" answered", routing_id=question.routing_id)
    answer = connected.recv(copy=False)
    assert (answer.bytes, answer.routing_id) == (b"question answered", there)


def test_only_peers_connect_as_such(context: zmq.Context) -> None:
    with pytest.raises(zmq.ZMQError):
        context.socket(zmq.CLIENT).connect_peer("inproc://nobody")
    with pytest.raises(zmq.ZMQError):
        context.socket(zmq.PEER).connect_peer("nonsense")


@pytest.mark.parametrize("socket_type", [zmq.CLIENT, zmq.SCATTER, zmq.CHANNEL])
def test_thread_safe_sockets_refuse_multipart(make_pair: MakePair, socket_type: int) -> None:
    partner = {zmq.CLIENT: zmq.SERVER, zmq.SCATTER: zmq.GATHER, zmq.CHANNEL: zmq.CHANNEL}
    receiver, sender = make_pair(partner[zmq.SocketType(socket_type)], socket_type)
    with pytest.raises(zmq.ZMQError) as caught:
        sender.send_multipart([b"one", b"two"])
    assert caught.value.errno == zmq.EINVAL
    sender.send_multipart([b"alone"])
    assert receiver.recv_multipart() == [b"alone"]


# -- waiting -------------------------------------------------------------------------------------


def function_of_libzmq(name: str, *types: Any) -> Callable[..., Any]:
    """Find a function that returns a pointer in the table that C++ gets."""
    address_of = ctypes.pythonapi.PyCapsule_GetPointer
    address_of.restype, address_of.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    listed = (Path(zmq.get_includes()[0]) / "cppyzmq" / "functions.inc").read_text()
    names = re.findall(r"^CPPYZMQ_FUNCTION\([^,]+, (\w+),", listed, re.MULTILINE)
    # Before the functions: six numbers, and two pointers.
    table = address_of(_core.capi, b"zmq._core.capi")
    places = ctypes.cast(table + 6 * 4 + 2 * 8, ctypes.POINTER(ctypes.c_void_p))
    return ctypes.CFUNCTYPE(ctypes.c_void_p, *types)(places[names.index(name)])


@pytest.fixture
def blind_pair(context: zmq.Context) -> Iterator[Any]:
    """A socket that somebody else made: here it has no descriptor, as all have elsewhere."""
    make = function_of_libzmq("zmq_socket", ctypes.c_void_p, ctypes.c_int)
    receiver = zmq.Socket.shadow(make(context.underlying, zmq.GATHER))
    with receiver, context.socket(zmq.SCATTER) as sender:
        with pytest.raises(zmq.ZMQError):
            receiver.get(zmq.FD)
        receiver.bind("inproc://blind")
        sender.connect("inproc://blind")
        yield receiver, sender


def woken(wait: Callable[[], Any], wake: Callable[[], Any]) -> Any:
    """Do something while a thread waits, which looks for no signals; give what it waited for."""
    results: list[Any] = []
    waiting = threading.Thread(target=lambda: results.append(wait()), daemon=True)
    waiting.start()
    assert waiting.native_id is not None
    when_parked(wake, waiting.native_id).join()
    waiting.join(PATIENCE_MS / 1000)
    assert results, "it still waits"
    return results[0]


@OTHERS
def test_poller_wakes_without_a_descriptor(
    blind_pair: Any, context: zmq.Context, others: int
) -> None:
    receiver, sender = blind_pair
    poller = zmq.Poller()
    for _ in range(others):
        poller.register(context.socket(zmq.PULL), zmq.POLLIN)
    poller.register(receiver, zmq.POLLIN)
    for text in (b"one", b"two"):
        assert poller.poll(30) == []
        ready = woken(poller.poll, lambda text=text: sender.send(text))
        assert ready == [(receiver, zmq.POLLIN)]
        assert receiver.recv() == text


def test_receive_wakes_without_a_descriptor(blind_pair: Any) -> None:
    receiver, sender = blind_pair
    receiver.rcvtimeo = 30
    with pytest.raises(zmq.Again):
        receiver.recv()
    receiver.rcvtimeo = -1
    assert woken(receiver.recv, lambda: sender.send(b"late")) == b"late"


def test_proxy_wakes_without_a_descriptor(blind_pair: Any, make_pair: MakePair) -> None:
    receiver, sender = blind_pair
    result, backend = make_pair(zmq.PULL, zmq.PUSH)

    def run() -> int:
        with pytest.raises(zmq.ZMQError) as ended:
            zmq.proxy(receiver, backend)
        return ended.value.errno

    def send_and_end() -> None:
        sender.send(b"late")
        arrived.append(result.poll(PATIENCE_MS))
        backend.close()

    arrived: list[int] = []
    assert woken(run, send_and_end) == zmq.ENOTSOCK
    assert arrived == [zmq.POLLIN]
    assert result.recv() == b"late"


@pytest.mark.parametrize("socket_type", THREAD_SAFE)
def test_thread_safe_type_says_so(context: zmq.Context, socket_type: int) -> None:
    assert context.socket(socket_type).get(zmq.THREAD_SAFE) == 1


def test_blocked_receive_wakes(plain_pair: Any) -> None:
    receiver, sender = plain_pair
    when_parked(lambda: sender.send(b"late"))
    assert receiver.recv() == b"late"


@OTHERS
def test_poller_wakes(plain_pair: Any, context: zmq.Context, others: int) -> None:
    receiver, sender = plain_pair
    poller = zmq.Poller()
    for _ in range(others):
        poller.register(context.socket(zmq.PULL), zmq.POLLIN)
    poller.register(receiver, zmq.POLLIN)
    for text in (b"one", b"two", b"three"):
        assert poller.poll(0) == []
        when_parked(lambda text=text: sender.send(text))
        assert poller.poll(PATIENCE_MS) == [(receiver, zmq.POLLIN)]
        assert receiver.recv() == text
    assert receiver.poll(20) == 0
    assert (sender, zmq.POLLOUT) in zmq.zmq_poll([(sender, zmq.POLLOUT)], PATIENCE_MS)


def test_poll_of_one_socket_wakes(plain_pair: Any) -> None:
    receiver, sender = plain_pair
    when_parked(lambda: sender.send(b"late"))
    assert receiver.poll(PATIENCE_MS) == zmq.POLLIN


def test_two_pollers_of_one_socket_wake(plain_pair: Any) -> None:
    receiver, sender = plain_pair
    found: list[Any] = []

    def look() -> None:
        poller = zmq.Poller()
        poller.register(receiver, zmq.POLLIN)
        found.append(poller.poll(PATIENCE_MS))

    looking = [threading.Thread(target=look) for _ in range(2)]
    for thread in looking:
        thread.start()
        assert thread.native_id is not None
        when_parked(lambda: None, thread.native_id).join()
    sender.send(b"late")
    for thread in looking:
        thread.join()
    assert found == [[(receiver, zmq.POLLIN)]] * 2


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is a descriptor on Linux only")
def test_descriptor_tells_of_messages_and_quietens(plain_pair: Any) -> None:
    receiver, sender = plain_pair
    with pytest.warns(zmq.DraftFDWarning, match="experimental"):
        descriptor = receiver.FD
    with pytest.warns(zmq.DraftFDWarning):
        assert receiver.fileno() == descriptor

    def readable(seconds: float) -> bool:
        return select.select([descriptor], [], [], seconds)[0] != []

    for number in range(100):
        sender.send(b"%d" % number)
        assert receiver.recv() == b"%d" % number
    # Once the connection is made, one look is enough, however much went by.
    receiver.get(zmq.EVENTS)
    assert not readable(0.05)
    sender.send(b"last")
    assert readable(10)
    assert receiver.get(zmq.EVENTS) & zmq.POLLIN
    assert not readable(0)
    assert receiver.recv() == b"last"


def test_waiting_asks_for_no_warning(plain_pair: Any) -> None:
    receiver, _ = plain_pair
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        poller = zmq.Poller()
        poller.register(receiver, zmq.POLLIN)
        assert poller.poll(1) == []
        assert receiver.poll(1) == 0


@pytest.mark.parametrize("end", ["close", "term"])
def test_waiting_ends_with_the_socket(make_endpoint: Callable[..., str], end: str) -> None:
    context = zmq.Context()
    server = context.socket(zmq.SERVER)
    server.bind(make_endpoint())

    def finish() -> None:
        if end == "close":
            server.close()
        else:
            context.term()

    ending = when_parked(finish)
    with pytest.raises(zmq.ZMQError) as caught:
        server.recv()
    assert caught.value.errno == (zmq.ENOTSOCK if end == "close" else zmq.ETERM)
    server.close()
    ending.join()
    context.term()


def test_threads_share_a_client(make_pair: MakePair) -> None:
    server, client = make_pair(zmq.SERVER, zmq.CLIENT, "tcp")
    server.rcvtimeo = client.rcvtimeo = PATIENCE_MS
    count, threads = 200, 3
    answers: list[bytes] = []

    def ask(thread: int) -> None:
        for number in range(count):
            client.send(b"%d %d" % (thread, number))
            answers.append(client.recv())

    asking = [threading.Thread(target=ask, args=(thread,)) for thread in range(threads)]
    for thread in asking:
        thread.start()
    for _ in range(count * threads):
        question = server.recv(copy=False)
        server.send(question.bytes, routing_id=question.routing_id)
    for thread in asking:
        thread.join()
    expected = [b"%d %d" % (thread, number) for thread in range(threads) for number in range(count)]
    assert sorted(answers) == sorted(expected)


def test_awaited_receive_wakes(make_endpoint: Callable[..., str]) -> None:
    async def main() -> None:
        with zmq.asyncio.Context() as context:
            server, client = context.socket(zmq.SERVER), context.socket(zmq.CLIENT)
            server.bind(make_endpoint("tcp"))
            client.connect(server.get_string(zmq.LAST_ENDPOINT))
            for number in range(20):
                receiving = server.recv(copy=False)
                await asyncio.sleep(0)
                await client.send(b"%d" % number)
                question = await receiving
                await server.send(b"answer", routing_id=question.routing_id)
                assert await client.recv() == b"answer"
            server.close()
            client.close()

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.leaves_descriptors  # the hub of gevent
def test_green_receive_wakes(make_endpoint: Callable[..., str]) -> None:
    gevent = pytest.importorskip("gevent")
    green = pytest.importorskip("zmq.green")
    with green.Context() as context:
        server, client = context.socket(zmq.SERVER), context.socket(zmq.CLIENT)
        server.bind(make_endpoint())
        client.connect(server.get_string(zmq.LAST_ENDPOINT))
        received: list[bytes] = []
        greenlet = gevent.spawn(lambda: received.append(server.recv()))
        gevent.sleep(0)
        client.send(b"question")
        greenlet.join(10)
        assert received == [b"question"]
        server.close()
        client.close()
