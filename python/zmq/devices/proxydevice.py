"""Proxies: devices that copy every message they pass to a third socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zmq
from zmq import PUB, QUEUE
from zmq.devices.basedevice import Device, ProcessDevice, ThreadDevice

__all__ = ["ProcessProxy", "Proxy", "ThreadProxy"]

if TYPE_CHECKING:
    _DeviceMixin = Device
else:
    _DeviceMixin = object


class ProxyBase(_DeviceMixin):
    """What a proxy adds to a device: the third socket.

    Parameters
    ----------
    in_type
        Type of the socket that faces the clients.
    out_type
        Type of the socket that faces the servers.
    mon_type
        Type of the socket that gets a copy of every message.
    """

    def __init__(
        self,
        in_type: int | zmq.Socket[Any],
        out_type: int | zmq.Socket[Any],
        mon_type: int | zmq.Socket[Any] = PUB,
    ) -> None:
        super().__init__(QUEUE, in_type, out_type)
        self.mon_type = mon_type
        self._mon_binds: list[str] = []
        self._mon_connects: list[str] = []
        self._mon_sockopts: list[tuple[int, Any]] = []

    def bind_mon(self, addr: str) -> None:
        """Note an endpoint for the monitoring socket to bind.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._mon_binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Note an endpoint with a free port for the monitoring socket to bind.

        Parameters
        ----------
        addr
            The endpoint without its port.
        *args, **kwargs
            For :meth:`zmq.Socket.bind_to_random_port`.

        Returns
        -------
        int
            The port. It was free just now; the device binds it when it runs.

        Raises
        ------
        ZMQBindError
            No port is free.
        """
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_mon(f"{addr}:{port}")
        return port

    def connect_mon(self, addr: str) -> None:
        """Note an endpoint for the monitoring socket to connect to.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._mon_connects.append(addr)

    def setsockopt_mon(self, opt: int, value: int | bytes) -> None:
        """Note an option for the monitoring socket, set before it binds and connects.

        Parameters
        ----------
        opt
            The option.
        value
            Its value.
        """
        self._mon_sockopts.append((opt, value))

    def _setup_sockets(self) -> tuple[zmq.Socket[Any], ...]:
        mon_socket = (self.mon_type, self._mon_sockopts, self._mon_binds, self._mon_connects)
        return (*super()._setup_sockets(), self._setup_socket(*mon_socket))

    def run_device(self) -> None:
        """Set up the sockets and pass messages until the context is terminated."""
        zmq.proxy(*self._setup_sockets())


class Proxy(ProxyBase, Device):
    """A proxy that runs in the foreground.

    See :class:`ProxyBase` for its parameters and :class:`Device` for the rest.
    """


class ThreadProxy(ProxyBase, ThreadDevice):
    """A proxy that runs on a thread.

    See :class:`ProxyBase` for its parameters and :class:`ThreadDevice` for the rest.
    """


class ProcessProxy(ProxyBase, ProcessDevice):
    """A proxy that runs in a process of its own.

    See :class:`ProxyBase` for its parameters and :class:`ProcessDevice` for the rest.
    """
