"""What pyzmq keeps for old programs: device() and Stopwatch."""

from __future__ import annotations

import time
import warnings

from zmq._core import proxy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zmq import _core

__all__ = ["Stopwatch", "device"]


def device(device_type: int, frontend: _core.Socket, backend: _core.Socket) -> None:
    """Forward messages between two sockets until their context is terminated.

    Use :func:`zmq.proxy`, which is the same without the type.

    Parameters
    ----------
    device_type
        :class:`zmq.DeviceType`. It documents what the device is for and changes nothing.
    frontend
        The socket that faces the clients.
    backend
        The socket that faces the servers.

    Raises
    ------
    ContextTerminated
        The context was terminated.
    """
    proxy(frontend, backend)


class Stopwatch:
    """Measures microseconds. Use :func:`time.monotonic` instead."""

    def __init__(self) -> None:
        warnings.warn(
            "zmq.Stopwatch is deprecated: use time.monotonic", DeprecationWarning, stacklevel=2
        )
        self._started = time.monotonic()

    def start(self) -> None:
        """Start to measure, anew if it was started before."""
        self._started = time.monotonic()

    def stop(self) -> int:
        """Give the microseconds since the start, and start anew."""
        started, self._started = self._started, time.monotonic()
        return int((self._started - started) * 1e6)
