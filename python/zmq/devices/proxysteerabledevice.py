"""Proxies that obey a fourth socket: PAUSE, RESUME, TERMINATE, STATISTICS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zmq
from zmq import PAIR, PUB
from zmq.devices.proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy

__all__ = ["ProcessProxySteerable", "ProxySteerable", "ThreadProxySteerable"]

if TYPE_CHECKING:
    _ProxyMixin = ProxyBase
else:
    _ProxyMixin = object


class ProxySteerableBase(_ProxyMixin):
    """What a steerable proxy adds to a proxy: the control socket.

    It receives ``b"PAUSE"``, ``b"RESUME"``, ``b"TERMINATE"`` and ``b"STATISTICS"``. The answer to
    the last has eight parts, each a 64-bit number: messages and bytes received and sent, by the
    in socket and by the out socket. The others are answered with an empty message.

    Parameters
    ----------
    in_type
        Type of the socket that faces the clients.
    out_type
        Type of the socket that faces the servers.
    mon_type
        Type of the socket that gets a copy of every message.
    ctrl_type
        Type of the control socket; PAIR by default.
    """

    def __init__(
        self,
        in_type: int | zmq.Socket[Any],
        out_type: int | zmq.Socket[Any],
        mon_type: int | zmq.Socket[Any] = PUB,
        ctrl_type: int | zmq.Socket[Any] | None = None,
    ) -> None:
        super().__init__(in_type, out_type, mon_type)
        self.ctrl_type = ctrl_type
        self._ctrl_binds: list[str] = []
        self._ctrl_connects: list[str] = []
        self._ctrl_sockopts: list[tuple[int, Any]] = []

    def bind_ctrl(self, addr: str) -> None:
        """Note an endpoint for the control socket to bind.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._ctrl_binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Note an endpoint with a free port for the control socket to bind.

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
        self.bind_ctrl(f"{addr}:{port}")
        return port

    def connect_ctrl(self, addr: str) -> None:
        """Note an endpoint for the control socket to connect to.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._ctrl_connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: int | bytes) -> None:
        """Note an option for the control socket, set before it binds and connects.

        Parameters
        ----------
        opt
            The option.
        value
            Its value.
        """
        self._ctrl_sockopts.append((opt, value))

    def _setup_sockets(self) -> tuple[zmq.Socket[Any], ...]:
        kind = PAIR if self.ctrl_type is None else self.ctrl_type
        ctrl_socket = (kind, self._ctrl_sockopts, self._ctrl_binds, self._ctrl_connects)
        return (*super()._setup_sockets(), self._setup_socket(*ctrl_socket))

    def run_device(self) -> None:
        """Set up the sockets and pass messages until TERMINATE or the end of the context."""
        zmq.proxy_steerable(*self._setup_sockets())


class ProxySteerable(ProxySteerableBase, Proxy):
    """A steerable proxy that runs in the foreground.

    See :class:`ProxySteerableBase` for its parameters and :class:`Device` for the rest.
    """


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A steerable proxy that runs on a thread.

    See :class:`ProxySteerableBase` for its parameters and :class:`ThreadDevice` for the rest.
    """


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A steerable proxy that runs in a process of its own.

    See :class:`ProxySteerableBase` for its parameters and :class:`ProcessDevice` for the rest.
    """
