"""Sockets: what copy decides, and what the other methods give."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import zmq


def receive(socket: zmq.Socket[bytes], copy: bool) -> None:
    assert_type(socket.recv(), bytes)
    assert_type(socket.recv(zmq.NOBLOCK), bytes)
    assert_type(socket.recv(flags=zmq.NOBLOCK, copy=True), bytes)
    assert_type(socket.recv(copy=False), zmq.Frame)
    assert_type(socket.recv(copy=False, track=True), zmq.Frame)
    assert_type(socket.recv(zmq.NOBLOCK, False), zmq.Frame)
    assert_type(socket.recv(copy=copy), bytes | zmq.Frame)
    assert_type(socket.recv_multipart(), list[bytes])
    assert_type(socket.recv_multipart(zmq.NOBLOCK), list[bytes])
    assert_type(socket.recv_multipart(copy=False), list[zmq.Frame])
    assert_type(socket.recv_multipart(zmq.NOBLOCK, False), list[zmq.Frame])
    assert_type(socket.recv_multipart(copy=copy), list[bytes] | list[zmq.Frame])
    assert_type(socket.recv(timeout=1000), bytes)
    assert_type(socket.recv_string(timeout=1000), str)
    assert_type(socket.recv_json(), Any)
    assert_type(socket.recv_pyobj(), Any)
    assert_type(socket.recv_into(bytearray(100)), int)
    topic, *rest = socket.recv_multipart()
    assert_type(topic, bytes)
    assert_type(rest, list[bytes])


def send(socket: zmq.Socket[bytes]) -> None:
    socket.send(b"bytes")
    socket.send(bytearray(b"bytearray"), zmq.SNDMORE)
    socket.send(memoryview(b"memoryview"), copy=False)
    socket.send(zmq.Frame(b"frame"))
    assert_type(socket.send(b"tracked", copy=False, track=True), zmq.MessageTracker)
    assert_type(socket.send(b""), zmq.MessageTracker | None)
    socket.send_multipart([b"one", zmq.Frame(b"two"), memoryview(b"three")])
    socket.send_multipart(part for part in (b"one", b"two"))
    assert_type(socket.send_multipart([b""], copy=False, track=True), zmq.MessageTracker)
    socket.send_string("text", encoding="utf-16")
    socket.send_json({"number": 1}, indent=None)
    socket.send_pyobj(object())
    socket.send("text")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    socket.send_multipart(["text"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def serialized(socket: zmq.Socket[bytes]) -> None:
    def load(parts: list[bytes]) -> dict[str, int]:
        return {part.decode(): len(part) for part in parts}

    def dump(numbers: dict[str, int]) -> list[bytes]:
        return [f"{name}={number}".encode() for name, number in numbers.items()]

    assert_type(socket.recv_serialized(load), dict[str, int])
    socket.send_serialized({"one": 1}, dump)


def endpoints(socket: zmq.Socket[bytes]) -> None:
    with socket.bind("tcp://127.0.0.1:*") as bound:
        assert_type(bound, zmq.Socket[bytes])
    assert_type(socket.connect("inproc://name").addr, str)
    assert_type(socket.bind_to_random_port("tcp://127.0.0.1"), int)
    assert_type(socket.closed, bool)
    assert_type(socket.underlying, int)
    assert_type(socket.socket_type, zmq.SocketType)
    assert_type(socket.type, zmq.SocketType)
    with socket as same:
        assert_type(same, zmq.Socket[bytes])


def options(socket: zmq.Socket[bytes]) -> None:
    socket.linger = 0
    socket.rcvtimeo = 1000
    socket.SNDHWM = 10
    socket.subscribe(b"topic")
    socket.subscribe("topic")
    socket.set(zmq.LINGER, 0)
    socket.setsockopt(zmq.SUBSCRIBE, b"topic")
    socket.setsockopt_string(zmq.SUBSCRIBE, "topic")
    assert_type(socket.getsockopt_string(zmq.LAST_ENDPOINT), str)
    assert_type(socket.hwm, int)
    assert_type(socket.fileno(), int)
    assert_type(socket.poll(1000), int)
    assert_type(socket.poll(timeout=1000, flags=zmq.POLLIN | zmq.POLLOUT), int)


class Counting(zmq.Socket[bytes]):
    """A socket of a user."""

    count: int = 0

    def send_counted(self, part: bytes) -> int:
        self.send(part)
        self.count += 1
        return self.count


def shadows(socket: zmq.Socket[bytes]) -> None:
    assert_type(zmq.Socket.shadow(socket.underlying), zmq.Socket[bytes])
    assert_type(Counting.shadow(socket), Counting)
    assert_type(zmq.Socket(socket.context, zmq.PUB), zmq.Socket[bytes])
