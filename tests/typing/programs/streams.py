"""tornado: ZMQStream and sockets whose methods return Futures."""

from __future__ import annotations

from typing_extensions import assert_type

import zmq
import zmq.eventloop.future
from zmq.eventloop.zmqstream import ZMQStream


def serve(socket: zmq.Socket[bytes]) -> None:
    stream = ZMQStream(socket)

    def echo(message: list[bytes]) -> None:
        stream.send_multipart(message)

    def echo_from(answered: ZMQStream, message: list[bytes]) -> None:
        answered.send_multipart(message, copy=False)

    def look_at(message: list[zmq.Frame]) -> None:
        stream.send(message[0].bytes)

    stream.on_recv(echo)
    stream.on_recv(look_at, copy=False)
    stream.on_recv_stream(echo_from)
    stream.on_recv(None)
    stream.stop_on_recv()
    stream.send_string("text")
    stream.send_json({"number": 1})
    assert_type(stream.closed(), bool)
    assert_type(stream.receiving(), bool)
    assert_type(stream.sending(), bool)
    assert_type(stream.flush(zmq.POLLIN, limit=10), int)
    stream.close(linger=0)


async def await_messages() -> None:
    context = zmq.eventloop.future.Context()
    socket = context.socket(zmq.PULL)
    assert_type(socket, zmq.eventloop.future.Socket)
    assert_type(await socket.recv(), bytes)
    assert_type(await socket.recv_multipart(copy=False), list[zmq.Frame])
    assert_type(await socket.recv_string(), str)
