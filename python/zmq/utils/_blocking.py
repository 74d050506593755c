"""Using a socket at once, whatever its class makes of waiting."""

from __future__ import annotations

import sys
from typing import Any

import zmq


def is_asynchronous(socket: zmq.Socket[Any]) -> bool:
    """Say whether the socket's methods return awaitables.

    Parameters
    ----------
    socket
        The socket.
    """
    # Such a socket exists only once one of these modules has been imported.
    modules = (sys.modules.get(name) for name in ("zmq.asyncio", "zmq.eventloop.future"))
    return any(module is not None and isinstance(socket, module.Socket) for module in modules)


def blocking_view(socket: zmq.Socket[Any]) -> zmq.Socket[Any]:
    """Give the socket, or, if its methods return awaitables, a view whose methods act at once.

    Parameters
    ----------
    socket
        The socket, which the view neither keeps nor closes.
    """
    return zmq.Socket.shadow(socket) if is_asynchronous(socket) else socket
