"""Poller, zmq_poll, select."""

from __future__ import annotations

import sys
from typing import Any

from typing_extensions import assert_type

import zmq


def poll(socket: zmq.Socket[bytes]) -> None:
    poller = zmq.Poller()
    poller.register(socket)
    poller.register(socket, zmq.POLLIN | zmq.POLLOUT)
    poller.register(sys.stdin, zmq.POLLIN)
    poller.register(0, zmq.PollEvent.POLLIN)
    poller.modify(socket, zmq.POLLOUT)
    assert_type(poller.poll(), list[tuple[Any, int]])
    events = dict(poller.poll(timeout=1000))
    if socket in events and events[socket] & zmq.POLLIN:
        socket.recv()
    assert_type(socket in poller, bool)
    assert_type(poller.sockets, list[tuple[Any, int]])
    poller.unregister(socket)
    assert_type(zmq.zmq_poll([(socket, zmq.POLLIN)], 0), list[tuple[Any, int]])
    readable, writable, broken = zmq.select([socket], [socket], [], 1.5)
    assert_type(readable, list[Any])
    assert_type(writable, list[Any])
    assert_type(broken, list[Any])


def proxy(frontend: zmq.Socket[bytes], backend: zmq.Socket[bytes]) -> None:
    zmq.proxy(frontend, backend)
    zmq.proxy(frontend, backend, zmq.Context.instance().socket(zmq.PUB))
    zmq.proxy_steerable(frontend, backend, None, frontend)
