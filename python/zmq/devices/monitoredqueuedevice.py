"""Monitored queues: proxies that tell on the third socket which way a message went."""

from __future__ import annotations

from typing import Any

import zmq
from zmq import PUB
from zmq.devices.monitoredqueue import monitored_queue
from zmq.devices.proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

__all__ = ["MonitoredQueue", "ProcessMonitoredQueue", "ThreadMonitoredQueue"]


class MonitoredQueueBase(ProxyBase):
    """What a monitored queue adds to a proxy: each copy starts with a part that names its origin.

    With two ROUTER sockets, the routing ids are exchanged, so that each side addresses the other.

    Parameters
    ----------
    in_type
        Type of the socket that faces the clients.
    out_type
        Type of the socket that faces the servers.
    mon_type
        Type of the socket that gets a copy of every message.
    in_prefix
        First part of the copy of what came from the in socket.
    out_prefix
        First part of the copy of what came from the out socket.
    """

    def __init__(
        self,
        in_type: int | zmq.Socket[Any],
        out_type: int | zmq.Socket[Any],
        mon_type: int | zmq.Socket[Any] = PUB,
        in_prefix: bytes = b"in",
        out_prefix: bytes = b"out",
    ) -> None:
        super().__init__(in_type, out_type, mon_type)
        self._in_prefix = in_prefix
        self._out_prefix = out_prefix

    def run_device(self) -> None:
        """Set up the sockets and pass messages until the context is terminated."""
        in_socket, out_socket, mon_socket = self._setup_sockets()
        monitored_queue(in_socket, out_socket, mon_socket, self._in_prefix, self._out_prefix)


class MonitoredQueue(MonitoredQueueBase, Proxy):
    """A monitored queue that runs in the foreground.

    See :class:`MonitoredQueueBase` for its parameters and :class:`Device` for the rest.
    """


class ThreadMonitoredQueue(MonitoredQueueBase, ThreadProxy):
    """A monitored queue that runs on a thread.

    See :class:`MonitoredQueueBase` for its parameters and :class:`ThreadDevice` for the rest.
    """


class ProcessMonitoredQueue(MonitoredQueueBase, ProcessProxy):
    """A monitored queue that runs in a process of its own.

    See :class:`MonitoredQueueBase` for its parameters and :class:`ProcessDevice` for the rest.
    """
