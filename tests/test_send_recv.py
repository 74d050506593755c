"""Sending and receiving: parts, messages of several parts, text, objects, buffers, no copies."""

from __future__ import annotations

import _thread
import array
import contextlib
import copy
import json
import mmap
import pickle
import signal
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zmq
from support import TRANSPORTS, free_port, when_parked

MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]

#: Around what libzmq keeps inside a message, what is sent with the GIL, and the copy threshold.
SIZES = [0, 1, 29, 30, 33, 34, 255, 256, 8192, 32767, 32768, 65535, 65536, 300_000]


@pytest.fixture(params=TRANSPORTS)
def pair(request: pytest.FixtureRequest, make_pair: MakePair) -> tuple[zmq.Socket, zmq.Socket]:
    return make_pair(zmq.PAIR, zmq.PAIR, request.param)


@pytest.fixture
def near(make_pair: MakePair) -> tuple[zmq.Socket, zmq.Socket]:
    """Two connected sockets in this process: what is sent is there at once."""
    return make_pair()


def content(size: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 1))[:size]


# -- one part ------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy_received", [True, False])
@pytest.mark.parametrize("copy_sent", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_part_of_any_size_arrives(
    pair: tuple[zmq.Socket, zmq.Socket], size: int, copy_sent: bool, copy_received: bool
) -> None:
    data = content(size)
    for first, second in (pair, pair[::-1]):
        first.send(data, copy=copy_sent)
        received = second.recv(copy=copy_received)
        assert type(received) is (bytes if copy_received else zmq.Frame)
        assert bytes(received) == data
        assert second.get(zmq.RCVMORE) == 0


def test_send_returns_none_or_a_tracker(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    assert first.send(b"part") is None
    assert first.send(b"part", track=True) is None
    finished = first.send(b"part", copy=False)
    assert isinstance(finished, zmq.MessageTracker)
    assert finished.done
    tracked = first.send(content(100_000), copy=False, track=True)
    assert isinstance(tracked, zmq.MessageTracker)
    assert not tracked.done
    for _ in range(4):
        second.recv()
    tracked.wait(20)
    assert tracked.done


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize(
    "make",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(bytearray(data)),
        lambda data: memoryview(data)[:],
        lambda data: memoryview(b"before" + data)[6:],
        lambda data: array.array("B", data),
        lambda data: memoryview(data).cast("B", [2, len(data) // 2]),
        zmq.Frame,
        lambda data: zmq.Frame(bytearray(data), copy=False),
        type("Bytes", (bytes,), {}),
        type("ByteArray", (bytearray,), {}),
    ],
    ids=[
        "bytes",
        "bytearray",
        "memoryview",
        "memoryview of a bytearray",
        "all of a memoryview",
        "part of a memoryview",
        "array",
        "memoryview of two dimensions",
        "Frame",
        "Frame without a copy",
        "subclass of bytes",
        "subclass of bytearray",
    ],
)
def test_any_buffer_can_be_sent(
    near: tuple[zmq.Socket, zmq.Socket], make: Callable[[bytes], Any], size: int, copied: bool
) -> None:
    first, second = near
    data = content(size)
    first.send(make(data), copy=copied)
    assert second.recv() == data
    first.send_multipart([make(data), b"", make(data)], copy=copied)
    assert second.recv_multipart() == [data, b"", data]


def test_file_in_memory_can_be_sent(near: tuple[zmq.Socket, zmq.Socket], tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(100_000))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        tracker = near[0].send(memory, copy=False, track=True)
        assert near[1].recv() == content(100_000)
        tracker.wait(20)


def test_copied_memory_may_change_after_send(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    for size in (10, 100_000):
        data = bytearray(size)
        first.send(data)
        first.send_multipart([data, memoryview(data)])
        data[:] = b"x" * size
        assert second.recv_multipart() == [bytes(size)]
        assert second.recv_multipart() == [bytes(size), bytes(size)]


def test_received_bytes_do_not_change_what_was_sent(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    # Within a process both may have the same memory, and Frames can be written to.
    first, second = near
    for size in (10, 20_000, 40_000, 100_000):
        data = content(size)
        first.send(data)
        second.recv(copy=False).buffer[:1] = b"\xff"
        assert data == content(size)


@pytest.fixture
def unconnected(context: zmq.Context) -> zmq.Socket:
    """A socket that keeps what it sends: nobody is at its endpoint yet."""
    socket = context.socket(zmq.PUSH)
    socket.connect(f"tcp://127.0.0.1:{free_port()}")
    return socket


@pytest.mark.parametrize("parts", [1, 3])
def test_large_bytes_wait_for_their_peer_without_a_copy(
    context: zmq.Context, unconnected: zmq.Socket, parts: int
) -> None:
    data = content(100_000)
    before = sys.getrefcount(data)
    for _ in range(10):
        unconnected.send_multipart([data] * parts) if parts > 1 else unconnected.send(data)
    assert sys.getrefcount(data) == before + 10 * parts
    peer = context.socket(zmq.PULL)
    peer.bind(unconnected.last_endpoint)
    for _ in range(10):
        assert peer.recv_multipart() == [data] * parts
    while sys.getrefcount(data) > before:
        pass


def inproc_too(socket: zmq.Socket) -> None:
    socket.bind("inproc://too")


def seen_from_elsewhere(socket: zmq.Socket) -> None:
    assert socket.underlying


@pytest.mark.parametrize("prepare", [inproc_too, seen_from_elsewhere])
def test_large_bytes_are_copied_where_a_peer_could_write_to_them(
    unconnected: zmq.Socket, prepare: Callable[[zmq.Socket], None]
) -> None:
    prepare(unconnected)
    data = content(100_000)
    before = sys.getrefcount(data)
    unconnected.send(data)
    unconnected.send_multipart([data, data])
    assert sys.getrefcount(data) == before


@pytest.mark.parametrize("parts", [1, 2])
def test_large_bytes_that_wait_are_copied_for_a_peer_that_could_write_to_them(
    context: zmq.Context, parts: int
) -> None:
    sender, peer = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    peer.bind("inproc://late")
    data = content(100_000)
    connecting = when_parked(lambda: sender.connect("inproc://late"))
    sender.send_multipart([data] * parts) if parts > 1 else sender.send(data)
    connecting.join()
    for frame in peer.recv_multipart(copy=False):
        frame.buffer[:] = bytes(100_000)
    assert data == content(100_000)


def test_keywords_and_positions_mean_the_same(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    first.send(b"one", zmq.SNDMORE)
    first.send(data=b"two", flags=zmq.SNDMORE, copy=False, track=False)
    first.send(b"three", 0, True, False, None, None)
    assert second.recv(0) == b"one"
    assert second.recv(flags=0, copy=False, track=False).bytes == b"two"
    assert second.recv(zmq.NOBLOCK, True, False) == b"three"
    first.send_multipart(msg_parts=[b"one", b"two"], flags=0, copy=True, track=False)
    assert second.recv_multipart(flags=0, copy=True, track=False) == [b"one", b"two"]


def test_recv_returns_what_came_first(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    for number in range(500):
        first.send_string(str(number))
    assert [int(second.recv()) for _ in range(500)] == list(range(500))


def test_recv_waits_for_what_another_thread_sends(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    sending = when_parked(lambda: first.send(b"late"))
    assert second.recv() == b"late"
    sending.join()
    sending = when_parked(lambda: first.send_multipart([b"late", b"too"]))
    assert second.recv_multipart() == [b"late", b"too"]
    sending.join()


def test_send_waits_for_room(make_pair: MakePair, context: zmq.Context) -> None:
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    sender.bind("inproc://room")
    sending = when_parked(lambda: receiver.connect("inproc://room"))
    sender.send(b"now")
    sending.join()
    assert receiver.recv() == b"now"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_send_waits_at_the_high_water_mark(
    context: zmq.Context, make_pair: MakePair, transport: str, make_endpoint: Any
) -> None:
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    sender.sndhwm = receiver.rcvhwm = 2
    sender.sndbuf = receiver.rcvbuf = 4096
    receiver.bind(make_endpoint(transport))
    sender.connect(receiver.last_endpoint.decode())
    sender.poll(None, zmq.POLLOUT)
    sent = 0
    data = content(50_000)
    while sender.poll(100, zmq.POLLOUT):
        with contextlib.suppress(zmq.Again):
            sender.send_multipart([b"%d" % sent, data], zmq.NOBLOCK)
            sent += 1
    assert sent >= 2
    with pytest.raises(zmq.Again):
        sender.send(b"no room", zmq.NOBLOCK)
    received: list[list[bytes]] = []
    # libzmq tells the sender of free places from time to time only.
    receiving = when_parked(lambda: received.extend(receiver.recv_multipart() for _ in range(sent)))
    sender.send_multipart([b"%d" % sent, data])
    receiving.join()
    received.append(receiver.recv_multipart())
    assert received == [[b"%d" % number, data] for number in range(sent + 1)]


# -- several parts -------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize(
    "sizes", [[0], [0, 0, 0], [1, 100_000, 1], [100_000] * 3, [5] * 300, [33, 34, 0, 70_000]]
)
def test_message_of_several_parts_arrives_whole(
    pair: tuple[zmq.Socket, zmq.Socket], sizes: list[int], copied: bool
) -> None:
    first, second = pair
    parts = [content(size) for size in sizes]
    lent = not copied and max(sizes) >= zmq.COPY_THRESHOLD
    assert (first.send_multipart(parts, copy=copied) is None) == (copied or lent)
    assert second.recv_multipart() == parts
    first.send_multipart(parts, copy=copied)
    frames = second.recv_multipart(copy=False)
    assert [frame.bytes for frame in frames] == parts
    assert [frame.more for frame in frames] == [True] * (len(parts) - 1) + [False]


@pytest.mark.parametrize(
    "iterable",
    [
        lambda parts: parts,
        tuple,
        iter,
        lambda parts: (part for part in parts),
        lambda parts: dict.fromkeys(parts),
        lambda parts: map(zmq.Frame, parts),
    ],
    ids=["list", "tuple", "iterator", "generator", "dict", "map"],
)
def test_parts_may_come_from_any_iterable(
    near: tuple[zmq.Socket, zmq.Socket], iterable: Callable[[list[bytes]], Any]
) -> None:
    parts = [b"one", b"two", b"three"]
    near[0].send_multipart(iterable(parts))
    assert near[1].recv_multipart() == parts


def test_parts_can_be_sent_one_by_one(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    first.send(b"one", zmq.SNDMORE)
    first.send(b"two", zmq.SNDMORE | zmq.NOBLOCK)
    assert second.poll(0) == 0, "half a message"
    first.send(b"three", zmq.NOBLOCK)
    assert second.recv() == b"one"
    assert second.rcvmore
    assert second.getsockopt(zmq.RCVMORE) == 1
    assert second.recv_multipart() == [b"two", b"three"]
    assert not second.rcvmore


def test_send_multipart_with_sndmore_goes_on(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    near[0].send_multipart([b"one", b"two"], zmq.SNDMORE)
    near[0].send_multipart([b"three", b"four"])
    assert near[1].recv_multipart() == [b"one", b"two", b"three", b"four"]


def test_rest_of_a_message_can_be_received_in_any_way(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    buffer = bytearray(5)
    first.send_multipart([b"one", b"two", b"three", b"four"])
    assert second.recv(copy=False).more
    assert second.recv_into(buffer) == 3
    assert second.recv_string() == "three"
    assert second.rcvmore
    assert second.recv_multipart() == [b"four"]


def test_parts_are_looked_at_before_the_first_is_sent(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near

    def parts() -> Iterator[Any]:
        yield b"one"
        yield content(100_000)
        raise LookupError("no more")

    for copied in (True, False):
        with pytest.raises(LookupError):
            first.send_multipart(parts(), copy=copied)
        with pytest.raises(TypeError):
            first.send_multipart([b"one", content(100_000), "text"], copy=copied)
    assert second.poll(0) == 0
    first.send(b"single")
    assert second.recv_multipart() == [b"single"]


def test_iterable_that_uses_the_socket_does_not_mix_messages(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    first, second = near

    def parts() -> Iterator[bytes]:
        yield b"one"
        first.send_multipart([b"inner", b"message"])
        yield b"two"

    first.send_multipart(parts())
    assert second.recv_multipart() == [b"inner", b"message"]
    assert second.recv_multipart() == [b"one", b"two"]


def test_buffers_whose_export_closes_the_socket(context: zmq.Context) -> None:
    socket = context.socket(zmq.PAIR)
    socket.bind("inproc://closing")

    def parts() -> Iterator[bytes]:
        yield b"one"
        socket.close()
        yield b"two"

    with pytest.raises(zmq.ZMQError) as raised:
        socket.send_multipart(parts())
    assert raised.value.errno == zmq.ENOTSOCK


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_messages_are_whole_though_the_high_water_mark_is_reached(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    sender, receiver = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    sender.sndhwm = receiver.rcvhwm = 1
    receiver.bind(make_endpoint(transport))
    sender.connect(receiver.last_endpoint.decode())
    sent = refused = received = 0
    while sent < 300:
        message = [b"%d" % sent, *[content(1000)] * 10, b"end"]
        try:
            if sent % 3:
                sender.send_multipart(message, zmq.NOBLOCK)
            else:
                for part in message[:-1]:
                    sender.send(part, zmq.SNDMORE | zmq.NOBLOCK)
                sender.send(message[-1], zmq.NOBLOCK)
        except zmq.Again:
            refused += 1
            while receiver.poll(0):
                assert receiver.recv_multipart() == [b"%d" % received, *message[1:]]
                received += 1
        else:
            sent += 1
    for number in range(received, sent):
        assert receiver.recv_multipart() == [b"%d" % number, *message[1:]]
    assert refused
    assert receiver.poll(0) == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_message_whose_peer_goes_in_the_middle_is_dropped_whole(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    sender = context.socket(zmq.PUSH)
    sender.bind(make_endpoint(transport))
    endpoint = sender.last_endpoint.decode()
    for number in range(10):
        with context.socket(zmq.PULL) as going:
            going.connect(endpoint)
            sender.send(b"torn", zmq.SNDMORE)
        # Until the message ends it belongs to that peer, or to nobody: it never waits for another.
        for _ in range(number):
            sender.send(b"torn", zmq.SNDMORE | zmq.NOBLOCK)
            sender.get(zmq.EVENTS)
        sender.send(b"end", zmq.NOBLOCK)
        while sender.poll(0, zmq.POLLOUT):
            continue  # the peer has not gone yet
        with context.socket(zmq.PULL) as staying:
            staying.connect(endpoint)
            sender.send_multipart([b"whole", b"message"])
            assert staying.recv_multipart() == [b"whole", b"message"]
            assert staying.poll(0) == 0
        while sender.poll(0, zmq.POLLOUT):
            continue


def test_request_that_is_refused_in_the_middle_leaves_no_half_of_it(
    context: zmq.Context, make_endpoint: Callable[..., str]
) -> None:
    requester = context.socket(zmq.REQ)
    with pytest.raises(zmq.Again):
        requester.send_multipart([b"one", b"two"], zmq.NOBLOCK)
    endpoint = make_endpoint("inproc")
    replier = context.socket(zmq.REP)
    replier.bind(endpoint)
    requester.connect(endpoint)
    requester.send_multipart([b"one", b"two"], zmq.NOBLOCK)
    assert replier.recv_multipart() == [b"one", b"two"]
    replier.send_multipart([b"three", b"four"])
    assert requester.recv_multipart() == [b"three", b"four"]


def test_empty_parts_are_parts(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    for message in ([b""], [b"", b""], [b"", b"middle", b""]):
        first.send_multipart(message)
        assert second.recv_multipart() == message


# -- recv_into -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_recv_into_fills_a_buffer(pair: tuple[zmq.Socket, zmq.Socket], size: int) -> None:
    data = content(size)
    pair[0].send(data)
    buffer = bytearray(b"\xff" * (size + 3))
    assert pair[1].recv_into(buffer) == size
    assert buffer == data + b"\xff\xff\xff"


def test_recv_into_takes_any_writable_buffer(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    numbers = array.array("i", [0, 0, 0])
    first.send(array.array("i", [1, 2]))
    assert second.recv_into(numbers) == 2 * numbers.itemsize
    assert numbers.tolist() == [1, 2, 0]
    memory = bytearray(6)
    first.send(b"abcdef")
    assert second.recv_into(memoryview(memory)[2:4]) == 6
    assert memory == b"\0\0ab\0\0"
    rows = memoryview(bytearray(6)).cast("B", [2, 3])
    first.send(b"abcdef")
    assert second.recv_into(rows) == 6
    assert rows.tolist() == [[97, 98, 99], [100, 101, 102]]


def test_recv_into_does_not_write_beyond_nbytes(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    buffer = bytearray(8)
    near[0].send(b"message")
    assert near[1].recv_into(buffer, nbytes=4) == 7
    assert buffer == b"mess\0\0\0\0"
    near[0].send(b"message")
    assert near[1].recv_into(buffer, nbytes=0, flags=zmq.NOBLOCK) == 7
    assert buffer == b"message\0"


def test_recv_into_that_gets_nothing_leaves_the_buffer_alone(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    buffer = bytearray(b"before")
    with pytest.raises(zmq.Again):
        near[1].recv_into(buffer, flags=zmq.NOBLOCK)
    assert buffer == b"before"
    buffer.append(1)  # it is not held any more


# -- text and objects ----------------------------------------------------------------------------


def test_text_travels_in_any_encoding(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    text = "\N{SNOWMAN} Grüße, мир \0 end"
    first.send_string(text)
    assert second.recv_string() == text
    first.send_string(text, encoding="utf-16")
    assert second.recv_string(encoding="utf-16") == text
    first.send_unicode("", copy=False)
    assert second.recv_unicode() == ""
    first.send_string("more", zmq.SNDMORE)
    first.send_string("end")
    assert second.recv_multipart() == [b"more", b"end"]


def test_text_that_cannot_be_decoded_is_received_all_the_same(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    near[0].send(b"\xff")
    near[0].send(b"next")
    with pytest.raises(UnicodeDecodeError):
        near[1].recv_string()
    assert near[1].recv_string() == "next"


@pytest.mark.parametrize(
    "value", [None, True, 1, 1.5, "text", [], {"a": [1, {"b": None}]}, "\N{SNOWMAN}"]
)
def test_json_travels(pair: tuple[zmq.Socket, zmq.Socket], value: object) -> None:
    pair[0].send_json(value)
    assert pair[1].recv_json() == value


def test_json_takes_the_arguments_of_the_json_module(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    first.send_json({"b": 1, "a": 2}, sort_keys=True)
    assert json.loads(second.recv(), object_pairs_hook=list) == [("a", 2), ("b", 1)]
    first.send_json({1, 2}, zmq.SNDMORE, default=sorted)
    first.send_json(1.5)
    assert second.recv_json(zmq.NOBLOCK) == [1, 2]
    assert second.recv_json(parse_float=str) == "1.5"
    first.send(b"no json")
    with pytest.raises(ValueError, match="Expecting value"):
        second.recv_json()


@pytest.mark.parametrize("protocol", [-1, 0, pickle.DEFAULT_PROTOCOL, pickle.HIGHEST_PROTOCOL])
def test_objects_travel(pair: tuple[zmq.Socket, zmq.Socket], protocol: int) -> None:
    value = {"set": {1, 2}, "bytes": b"x", "enum": zmq.PUB, "error": 1 + 2j}
    pair[0].send_pyobj(value, protocol=protocol)
    received = pair[1].recv_pyobj()
    assert received == value
    assert received["enum"] is zmq.PUB
    pair[0].send(b"no pickle")
    with pytest.raises(pickle.UnpicklingError):
        pair[1].recv_pyobj()


def test_messages_travel_in_forms_of_their_own(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near

    def serialize(message: dict[str, str]) -> list[bytes]:
        return [part.encode() for item in message.items() for part in item]

    def deserialize(parts: list[bytes]) -> dict[str, str]:
        texts = [bytes(part).decode() for part in parts]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    message = {"one": "1", "two": "2"}
    first.send_serialized(message, serialize)
    assert second.recv_serialized(deserialize) == message
    first.send_serialized(message, serialize, copy=False)
    assert second.recv_serialized(deserialize, copy=False) == message
    first.send_serialized(message, serialize)
    with pytest.raises(ZeroDivisionError):
        second.recv_serialized(lambda parts: 1 // 0)
    first.send(b"next")
    assert second.recv() == b"next"


def test_message_of_no_parts_is_refused(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near

    class PartByPart(zmq.Socket):
        def send(self, *arguments: Any, **keywords: Any) -> Any:
            return super().send(*arguments, **keywords)

    # An IndexError in pyzmq.
    for sender in (first, PartByPart(first)):
        for nothing in ([], (), iter(())):
            with pytest.raises(ValueError, match="at least one part") as raised:
                sender.send_multipart(nothing)
            assert isinstance(raised.value, IndexError)
    assert second.poll(0) == 0


# -- no copies -----------------------------------------------------------------------------------


class Memory(bytearray):
    """A buffer that can be watched."""


def test_lent_memory_is_not_copied_inside_a_process(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    memory = bytearray(100_000)
    first.send(memory, copy=False)
    memory[:4] = b"seen"
    frame = second.recv(copy=False)
    assert frame.bytes[:4] == b"seen"
    memory[:4] = b"also"
    assert frame.buffer[:4] == b"also"
    with pytest.raises(BufferError):
        memory.clear()
    del frame


def test_memory_below_the_threshold_is_copied(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    assert first.copy_threshold == zmq.COPY_THRESHOLD == 65536
    memory = bytearray(65535)
    first.send(memory, copy=False)
    memory.append(0)
    first.send(memory, copy=False)
    with pytest.raises(BufferError):
        memory.append(0)
    assert [len(second.recv()) for _ in range(2)] == [65535, 65536]


def test_threshold_can_be_chosen(context: zmq.Context) -> None:
    sender, receiver = context.socket(zmq.PAIR, copy_threshold=10), context.socket(zmq.PAIR)
    sender.bind("inproc://threshold")
    receiver.connect("inproc://threshold")
    memory = bytearray(10)
    sender.send(memory, copy=False)
    with pytest.raises(BufferError):
        memory.append(0)
    assert len(receiver.recv()) == 10
    sender.copy_threshold = 11
    memory = bytearray(10)
    sender.send(memory, copy=False)
    memory.append(0)
    assert len(receiver.recv()) == 10


def test_global_threshold_is_that_of_new_sockets(
    context: zmq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 5)
    assert context.socket(zmq.PAIR).copy_threshold == 5
    assert context.socket(zmq.PAIR, copy_threshold=7).copy_threshold == 7


@pytest.mark.parametrize("track", [True, False])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_lent_memory_is_released(make_pair: MakePair, transport: str, track: bool) -> None:
    first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
    memory = Memory(content(200_000))
    gone = weakref.ref(memory)
    tracker = first.send(memory, copy=False, track=track)
    del memory
    assert second.recv() == content(200_000)
    if track:
        tracker.wait(20)
        assert gone() is None
    while gone() is not None:
        pass


def test_references_are_given_back(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    data = content(100_000)
    before = sys.getrefcount(data)
    tracker = first.send(data, copy=False, track=True)
    assert sys.getrefcount(data) > before
    frame = second.recv(copy=False)
    assert not tracker.done
    view = frame.buffer
    assert bytes(view) == data
    del frame
    assert not tracker.done, "a view holds the message"
    del view
    tracker.wait(20)
    assert sys.getrefcount(data) == before


def test_message_that_is_not_sent_keeps_nothing(context: zmq.Context) -> None:
    socket = context.socket(zmq.PUSH)
    data = content(100_000)
    before = sys.getrefcount(data)
    with pytest.raises(zmq.Again):
        socket.send(data, zmq.NOBLOCK, copy=False, track=True)
    with pytest.raises(zmq.Again):
        socket.send_multipart([data, data], zmq.NOBLOCK, copy=False, track=True)
    with pytest.raises(TypeError):
        socket.send_multipart([data, data, None], copy=False)
    assert sys.getrefcount(data) == before


def test_frame_can_be_sent_again_and_again(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = pair
    for data in (b"small", content(100_000)):
        frame = zmq.Frame(data)
        for _ in range(3):
            first.send(frame)
            first.send(frame, copy=False)
            first.send_multipart([frame, frame])
        for _ in range(3):
            assert second.recv() == second.recv() == data
            assert second.recv_multipart() == [data, data]
        assert frame.bytes == data


def test_received_frame_can_be_passed_on(make_pair: MakePair) -> None:
    first, second = make_pair()
    third, fourth = make_pair()
    first.send_multipart([b"id", content(100_000)])
    third.send_multipart(second.recv_multipart(copy=False))
    assert fourth.recv_multipart() == [b"id", content(100_000)]


def test_tracked_frame_gives_its_tracker(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    frame = zmq.Frame(content(100_000), track=True)
    assert first.send(frame) is frame.tracker
    assert first.send(frame, copy=False, track=True) is frame.tracker
    tracker = frame.tracker
    del frame
    assert not tracker.done
    second.recv()
    second.recv()
    tracker.wait(20)


def test_tracker_of_a_message_watches_all_parts(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    tracker = first.send_multipart(
        [content(100_000), b"small", bytearray(70_000)], copy=False, track=True
    )
    frames = second.recv_multipart(copy=False)
    del frames[0]
    with pytest.raises(zmq.NotDone):
        tracker.wait(0)
    frames.clear()
    tracker.wait(20)
    assert tracker.done


# -- subclasses and other wrappers ---------------------------------------------------------------


def test_shadow_is_the_same_socket(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    by_address = zmq.Socket.shadow(first.underlying)
    by_socket = zmq.Socket.shadow(first)
    copied = copy.copy(first)
    for number, shadow in enumerate((by_address, by_socket, copied)):
        shadow.send_multipart([b"%d" % number, b"end"])
        assert second.recv_multipart() == [b"%d" % number, b"end"]
        second.send(b"back")
        assert shadow.recv() == b"back"
        assert shadow.underlying == first.underlying
    del by_address, by_socket, copied, shadow
    first.send(b"still open")
    assert second.recv() == b"still open"


def test_parts_may_be_sent_through_different_wrappers(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    shadow = zmq.Socket.shadow(first.underlying)
    first.send(b"one", zmq.SNDMORE)
    shadow.send(b"two", zmq.SNDMORE | zmq.NOBLOCK)
    first.send(b"three", zmq.NOBLOCK)
    receiver = zmq.Socket.shadow(second)
    assert [second.recv(), receiver.recv()] == [b"one", b"two"]
    assert receiver.rcvmore
    assert second.recv_multipart() == [b"three"]


def test_subclass_may_override_send_and_recv(context: zmq.Context) -> None:
    class Counting(zmq.Socket):
        sent = 0
        received = 0

        def send(self, data: Any, *arguments: Any, **keywords: Any) -> Any:
            self.sent += 1
            return super().send(data, *arguments, **keywords)

        def recv(self, *arguments: Any, **keywords: Any) -> Any:
            self.received += 1
            return super().recv(*arguments, **keywords)

    with Counting(context, zmq.PAIR) as first, Counting(context, zmq.PAIR) as second:
        first.bind("inproc://counting")
        second.connect("inproc://counting")
        first.send(b"part")
        first.send_string("text")
        first.send_json({})
        first.send_pyobj(None)
        assert second.recv() == b"part"
        assert second.recv_string() == "text"
        assert second.recv_json() == {}
        assert second.recv_pyobj() is None
        assert (first.sent, second.received) == (4, 4)


def test_sockets_work_from_threads_that_did_not_make_them(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    first, second = near
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(second.recv()))
    thread.start()
    first.send(b"message")
    thread.join()
    assert received == [b"message"]


# -- numpy ---------------------------------------------------------------------------------------

numpy = pytest.importorskip("numpy")


def test_array_travels_without_a_copy(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    sent = numpy.arange(60_000, dtype="f8").reshape(200, 300)
    first.send_json({"dtype": str(sent.dtype), "shape": sent.shape}, zmq.SNDMORE)
    first.send(sent, copy=False)
    about = second.recv_json()
    frame = second.recv(copy=False)
    received = numpy.frombuffer(frame, dtype=about["dtype"]).reshape(about["shape"])
    assert (received == sent).all()
    assert numpy.shares_memory(received, sent)
    assert received.flags.writeable
    again = numpy.frombuffer(frame.buffer, dtype="f8")
    assert numpy.shares_memory(received, again)
    del frame
    assert received.sum() == sent.sum(), "the array holds the message"


def test_recv_into_an_array(pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    sent = numpy.arange(60_000, dtype="f8")
    received = numpy.zeros((200, 300))
    pair[0].send(sent)
    assert pair[1].recv_into(received) == sent.nbytes
    assert (received.ravel() == sent).all()


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (300, 200)])
def test_array_in_any_contiguous_order_is_sent_as_it_lies(
    near: tuple[zmq.Socket, zmq.Socket], shape: tuple[int, int], copied: bool
) -> None:
    first, second = near
    rows = numpy.arange(shape[0] * shape[1], dtype="f8").reshape(shape)
    for laid_out in (rows, rows.T, numpy.asfortranarray(rows)):
        first.send(laid_out, copy=copied)
        assert second.recv() == laid_out.tobytes(order="A")
        first.send_multipart([b"header", laid_out], copy=copied)
        assert second.recv_multipart() == [b"header", laid_out.tobytes(order="A")]
        assert zmq.Frame(laid_out, copy=copied).bytes == laid_out.tobytes(order="A")


@pytest.mark.parametrize("copied", [True, False])
def test_array_that_is_not_contiguous_is_refused(
    near: tuple[zmq.Socket, zmq.Socket], copied: bool
) -> None:
    every_other = numpy.arange(100_000)[::2]
    for does in (
        lambda: near[0].send(every_other, copy=copied),
        lambda: near[0].send_multipart([b"one", every_other], copy=copied),
        lambda: zmq.Frame(every_other, copy=copied),
    ):
        with pytest.raises((ValueError, BufferError), match="contiguous"):
            does()
    assert near[1].poll(0) == 0


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "c16", "M8[s]", "S5", "U3", [("a", "i4"), ("b", "f8")]]
)
@pytest.mark.parametrize("copied", [True, False])
def test_arrays_of_any_type_can_be_sent(
    near: tuple[zmq.Socket, zmq.Socket], dtype: Any, copied: bool
) -> None:
    for number in (0, 3, 50_000):
        sent = numpy.zeros(number, dtype=dtype)
        near[0].send(sent, copy=copied)
        assert near[1].recv() == sent.tobytes()


# -- how long a receive waits --------------------------------------------------------------------

RECEIVES: dict[str, Callable[..., Any]] = {
    "recv": lambda socket, **given: socket.recv(**given),
    "recv_multipart": lambda socket, **given: socket.recv_multipart(**given),
    "recv_into": lambda socket, **given: socket.recv_into(bytearray(10), **given),
    "recv_string": lambda socket, **given: socket.recv_string(**given),
    "recv_json": lambda socket, **given: socket.recv_json(**given),
    "recv_pyobj": lambda socket, **given: socket.recv_pyobj(**given),
    "recv_serialized": lambda socket, **given: socket.recv_serialized(list, **given),
}


@pytest.mark.parametrize("receive", list(RECEIVES.values()), ids=list(RECEIVES))
@pytest.mark.parametrize("timeout", [0, 1, 0.5])
def test_receive_gives_up_after_the_time_it_was_given(
    near: tuple[zmq.Socket, zmq.Socket], receive: Callable[..., Any], timeout: float
) -> None:
    with pytest.raises(zmq.Again):
        receive(near[0], timeout=timeout)


def test_time_given_comes_before_the_option(near: tuple[zmq.Socket, zmq.Socket]) -> None:
    first, second = near
    second.rcvtimeo = 0
    sending = when_parked(lambda: first.send(b"late"))
    assert second.recv(timeout=-1) == b"late"
    sending.join()
    with pytest.raises(zmq.Again):
        second.recv(timeout=None)
    second.rcvtimeo = -1
    with pytest.raises(zmq.Again):
        second.recv(zmq.DONTWAIT, timeout=60_000)


def test_message_that_is_there_is_received_whatever_the_time(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    first, second = near
    first.send_json({"number": 1})
    assert second.recv_json(timeout=0) == {"number": 1}
    first.send_multipart([b"one", b"two"])
    assert second.recv_multipart(timeout=10) == [b"one", b"two"]


@pytest.mark.parametrize("wait", ["recv", "recv_multipart", "poll"])
def test_interrupt_ends_a_wait_that_no_signal_ends(
    near: tuple[zmq.Socket, zmq.Socket], wait: str
) -> None:
    # As Ctrl-C on Windows: the system's sleep goes on, and Python notes that there is something.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        interrupting = when_parked(_thread.interrupt_main)
        with pytest.raises(KeyboardInterrupt):
            getattr(near[0], wait)()
        interrupting.join()
    finally:
        signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("timeout", ["1", [], float("nan"), float("inf"), 1e30])
def test_time_that_is_no_number_of_milliseconds_is_refused(
    near: tuple[zmq.Socket, zmq.Socket], timeout: Any
) -> None:
    near[0].send(b"still there")
    with pytest.raises((TypeError, OverflowError), match="timeout"):
        near[1].recv(timeout=timeout)
    assert near[1].recv() == b"still there"


# -- sends and receives of a subclass ------------------------------------------------------------


class Reversing(zmq.Socket):
    """Sends each part backwards."""

    def send(self, data: Any, flags: int = 0, **kwargs: Any) -> Any:
        return super().send(bytes(data)[::-1], flags, **kwargs)

    def recv(self, flags: int = 0, **kwargs: Any) -> Any:
        return super().recv(flags, **kwargs)[::-1]


def test_messages_go_through_the_send_and_recv_of_a_subclass(context: zmq.Context) -> None:
    with Reversing(context, zmq.PAIR) as first, context.socket(zmq.PAIR) as second:
        first.bind("inproc://reversing")
        second.connect("inproc://reversing")
        first.send_multipart([b"abc", b"de"])
        assert second.recv_multipart() == [b"cba", b"ed"]
        second.send_multipart([b"123", b"", b"45"])
        assert first.recv_multipart() == [b"321", b"", b"54"]
        first.send_string("text")
        assert second.recv_string() == "txet"
        with pytest.raises(zmq.Again):
            first.recv_multipart(zmq.DONTWAIT)


def test_helpers_hand_flags_to_a_subclass_by_their_name(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    class OnlyNames(zmq.Socket):
        def send(self, data: Any, **keywords: Any) -> Any:
            return super().send(data, **keywords)

        def recv(self, *arguments: Any, **keywords: Any) -> Any:
            calls.append((arguments, keywords))
            return super().recv(*arguments, **keywords)

    calls: list[Any] = []
    first, second = (OnlyNames(socket) for socket in near)
    first.send_string("text")
    first.send_json([1])
    first.send_pyobj({2})
    assert second.recv_string() == "text"
    assert second.recv_json() == [1]
    assert second.recv_pyobj() == {2}
    assert calls[0] == ((), {"flags": 0})


class Guarded(Reversing):
    """Also has multipart methods of its own, over those of Socket."""

    def send_multipart(self, msg_parts: Any, *arguments: Any, **kwargs: Any) -> Any:
        return super().send_multipart([b"guard", *msg_parts], *arguments, **kwargs)

    def recv_multipart(self, *arguments: Any, **kwargs: Any) -> Any:
        guard, *parts = super().recv_multipart(*arguments, **kwargs)
        assert guard == b"guard"
        return parts


def test_multipart_methods_of_a_subclass_go_through_its_send_and_recv(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    plain, other = near
    guarded = Guarded(other)
    guarded.send_multipart([b"ab"])
    assert plain.recv_multipart() == [b"draug", b"ba"]
    plain.send_multipart([b"draug", b"dc"])
    assert guarded.recv_multipart() == [b"cd"]
    # As part of a program that keeps what it calls (eventlet.green.zmq).
    zmq.Socket.send_multipart(guarded, [b"12", b"34"], zmq.DONTWAIT)
    assert plain.recv_multipart() == [b"21", b"43"]


def test_bad_part_of_a_message_that_goes_part_by_part_sends_nothing(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    plain, other = near
    reversing = Reversing(other)
    with pytest.raises(TypeError, match="part 1 of the message \\('text'\\)"):
        reversing.send_multipart([b"ab", "text"])
    with pytest.raises(ValueError, match="at least one part"):
        reversing.send_multipart([])
    reversing.send_multipart([bytearray(b"ab"), zmq.Frame(b"cd")])
    assert plain.recv_multipart() == [b"ba", b"dc"]


def test_subclass_without_its_own_sends_messages_natively(
    near: tuple[zmq.Socket, zmq.Socket],
) -> None:
    class Plain(zmq.Socket):
        _send_parts = _receive_parts = None

    assert Plain.send_multipart is zmq.Socket.send_multipart
    assert Plain.recv_multipart is zmq.Socket.recv_multipart
    first, second = (Plain(socket) for socket in near)
    first.send_multipart([b"1", b"2"])
    assert second.recv_multipart() == [b"1", b"2"]
