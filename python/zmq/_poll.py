"""Waiting for several sockets: Poller and zmq_poll, which are native, and select."""

from __future__ import annotations

from zmq._core import Poller, zmq_poll
from zmq.constants import POLLERR, POLLIN, POLLOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Poller", "select", "zmq_poll"]


def select(
    rlist: Iterable[Any],
    wlist: Iterable[Any],
    xlist: Iterable[Any],
    timeout: float | None = None,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait until some of the sockets are ready, in the manner of :func:`select.select`.

    Parameters
    ----------
    rlist
        Sockets or file descriptors to receive from.
    wlist
        Sockets or file descriptors to send to.
    xlist
        File descriptors to watch for errors.
    timeout
        Seconds to wait at most; for ever where it is None or negative.

    Returns
    -------
    tuple
        Those of the three lists that are ready. Objects that only have a ``fileno()`` appear as
        that number.
    """
    timeout_ms = -1 if timeout is None or timeout < 0 else int(timeout * 1000)
    sockets: list[tuple[Any, int]] = [
        *((socket, POLLIN) for socket in rlist),
        *((socket, POLLOUT) for socket in wlist),
        *((socket, POLLERR) for socket in xlist),
    ]
    readable, writable, broken = [], [], []
    for socket, events in zmq_poll(sockets, timeout_ms):
        if events & POLLIN:
            readable.append(socket)
        if events & POLLOUT:
            writable.append(socket)
        if events & POLLERR:
            broken.append(socket)
    return readable, writable, broken
