"""Sockets of asyncio: what would wait gives an awaitable of the right type."""

from __future__ import annotations

import asyncio
from typing import Any

from typing_extensions import assert_type

import zmq
from zmq.asyncio import Context, Poller, Socket


async def receive(socket: Socket, copy: bool) -> None:
    assert_type(await socket.recv(), bytes)
    assert_type(await socket.recv(zmq.NOBLOCK), bytes)
    assert_type(await socket.recv(copy=False), zmq.Frame)
    assert_type(await socket.recv_multipart(), list[bytes])
    assert_type(await socket.recv_multipart(copy=False), list[zmq.Frame])
    assert_type(await socket.recv_multipart(copy=copy), list[bytes] | list[zmq.Frame])
    assert_type(await socket.recv_string(), str)
    assert_type(await socket.recv_json(), Any)
    assert_type(await socket.recv_pyobj(), Any)
    assert_type(await socket.poll(1000), int)
    assert_type(await socket.recv_into(bytearray(10)), int)
    assert_type(await socket.recv(timeout=1000), bytes)
    assert_type(await asyncio.wait_for(socket.recv(), 1), bytes)
    assert_type(await asyncio.gather(socket.recv(), socket.recv_string()), tuple[bytes, str])
    task = asyncio.ensure_future(socket.recv_multipart())
    assert_type(task.result(), list[bytes])
    topic, *rest = await socket.recv_multipart()
    assert_type(topic, bytes)
    assert_type(rest, list[bytes])


async def send(socket: Socket) -> None:
    await socket.send(b"bytes")
    await socket.send(b"bytes", zmq.SNDMORE)
    await socket.send_multipart([b"one", zmq.Frame(b"two")])
    await socket.send_string("text")
    await socket.send_json({"number": 1})
    await socket.send_pyobj(object())
    await socket.send("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def serialized(socket: Socket) -> None:
    def load(parts: list[bytes]) -> int:
        return len(parts)

    assert_type(await socket.recv_serialized(load), int)


def not_awaited(socket: Socket) -> bytes:
    return socket.recv()  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


async def use() -> None:
    async with Context() as context:
        assert_type(context, Context)
        with context.socket(zmq.PULL) as socket:
            assert_type(socket, Socket)
            socket.linger = 0
            with socket.bind("tcp://127.0.0.1:*") as bound:
                assert_type(bound, Socket)
            poller = Poller()
            poller.register(socket, zmq.POLLIN)
            assert_type(await poller.poll(10), list[tuple[Any, int]])
            assert_type(Socket.from_socket(zmq.Socket.shadow(socket)), Socket)
