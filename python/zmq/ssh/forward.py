"""The inside of a paramiko tunnel: connections to a local port go on through a transport."""

from __future__ import annotations

import logging
import select
import socket
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import paramiko

__all__ = ["forward_tunnel"]

_log = logging.getLogger("zmq.ssh")

_CHUNK_BYTES = 65536

#: How often the server looks whether it should end.
_LOOK_AROUND_S = 0.25


class ForwardServer(socketserver.ThreadingTCPServer):
    """Listens at a local port and forwards each connection on a thread of its own.

    Attributes
    ----------
    transport
        The transport of the SSH connection.
    remote_address
        Where the connections go to, as the SSH server sees it: host and port.
    """

    daemon_threads = True
    allow_reuse_address = True

    transport: Any = None
    remote_address: tuple[str, int] = ("127.0.0.1", 0)

    def __init__(
        self,
        server_address: tuple[str, int],
        handler: type[socketserver.BaseRequestHandler],
        bind_and_activate: bool = True,
    ) -> None:
        super().__init__(server_address, handler, bind_and_activate)
        self.timeout = _LOOK_AROUND_S
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._connections = 0
        self._idle_since = time.monotonic()

    def connection_begins(self) -> None:
        """Note that a connection is being forwarded."""
        with self._lock:
            self._connections += 1

    def connection_ends(self) -> None:
        """Note that a connection is forwarded no more."""
        with self._lock:
            self._connections -= 1
            self._idle_since = time.monotonic()

    def _idle_for_s(self) -> float:
        with self._lock:
            return 0.0 if self._connections else time.monotonic() - self._idle_since

    def forward(self, idle_timeout_s: float | None = None) -> None:
        """Forward connections until it is stopped or the transport ends.

        Parameters
        ----------
        idle_timeout_s
            Ends it after so many seconds without a connection; None for never.
        """
        with self:
            while not self._stopping.is_set() and self.transport.is_active():
                if idle_timeout_s is not None and self._idle_for_s() > idle_timeout_s:
                    break
                self.handle_request()

    def stop(self) -> None:
        """Let :meth:`forward` return soon."""
        self._stopping.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the error of one connection; the others go on.

        Parameters
        ----------
        request
            The local end of the connection.
        client_address
            Whose connection it is.
        """
        _log.exception("Forwarding a connection from %s failed", client_address)


class Handler(socketserver.BaseRequestHandler):
    """Forwards one connection."""

    server: ForwardServer

    def setup(self) -> None:
        """Count the connection."""
        self.server.connection_begins()

    def finish(self) -> None:
        """Count the connection off."""
        self.server.connection_ends()

    def handle(self) -> None:
        """Open a channel and copy what comes, both ways, until both sides have ended."""
        local: socket.socket = self.request
        channel = self.server.transport.open_channel(
            "direct-tcpip", self.server.remote_address, local.getpeername()
        )
        with local, channel:
            _copy_both_ways(local, channel)


def _copy_both_ways(local: Any, channel: Any) -> None:
    other = {local: channel, channel: local}
    reading = [local, channel]
    while reading:
        readable, _, _ = select.select(reading, [], [])
        for source in readable:
            try:
                data = source.recv(_CHUNK_BYTES)
                if data:
                    other[source].sendall(data)
                    continue
                other[source].shutdown(socket.SHUT_WR)
                reading.remove(source)
            except OSError:
                return  # a side has gone: so does the other


def forward_tunnel(
    local_port: int, remote_host: str, remote_port: int, transport: paramiko.Transport
) -> None:
    """Forward connections to a local port for as long as the transport lives.

    Parameters
    ----------
    local_port
        The port; it is bound at 127.0.0.1 only.
    remote_host, remote_port
        Where the connections go to, as the SSH server sees it.
    transport
        The transport of the SSH connection.
    """
    server = ForwardServer(("127.0.0.1", local_port), Handler)
    server.transport = transport
    server.remote_address = (remote_host, remote_port)
    server.forward()
