"""Waiting for several sockets and files while other greenlets run."""

from __future__ import annotations

from functools import partial
from itertools import count

from gevent import get_hub
from gevent.hub import Waiter

import zmq
from zmq import _core
from zmq.constants import POLLERR, POLLIN, POLLOUT
from zmq.green._wait import (
    LOOK_AGAIN_S,
    READ,
    WRITE,
    Deadline,
    Sleeper,
    Sleepers,
    let_others_run,
    milliseconds,
    sleepers_of,
    start_timer,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, TypeVar

    from zmq.green._wait import Watcher

    _Found = TypeVar("_Found")

__all__ = ["select", "zmq_poll"]

#: Counts the polls that may wait. Every so many it is looked at whether others should run.
_next_poll = count(1).__next__
_LOOK_EVERY = 64


def _sleep(items: Iterable[tuple[Any, int]], seconds: float | None) -> None:
    """Let the greenlet that runs sleep until it is worth looking again at sockets and files."""
    hub = get_hub()
    waiter = Waiter(hub)
    added: list[tuple[Sleepers, Sleeper]] = []
    watchers: list[Watcher] = []
    try:
        for item, events in items:
            if isinstance(item, _core.Socket):
                sleepers = sleepers_of(item, hub)
                sleeper = Sleeper(events, waiter)
                if sleepers.add(sleeper):
                    return
                added.append((sleepers, sleeper))
                continue
            directions = (READ if events & POLLIN else 0) | (WRITE if events & POLLOUT else 0)
            if directions:
                descriptor = item if isinstance(item, int) else item.fileno()
                watchers.append(hub.loop.io(descriptor, directions))
                watchers[-1].start(waiter.switch, None)
            else:
                # No loop tells of errors alone, or of urgent data.
                seconds = LOOK_AGAIN_S if seconds is None else min(LOOK_AGAIN_S, seconds)
        if seconds is not None:
            watchers.append(start_timer(hub, seconds, waiter))
        waiter.get()
    finally:
        for watcher in watchers:
            watcher.close()
        for sleepers, sleeper in added:
            sleepers.remove(sleeper)


def _look_until_found(
    look: Callable[[], _Found], items: Iterable[tuple[Any, int]], timeout_ms: float | None
) -> _Found:
    """Look, without waiting, until something is found or the time is up."""
    if timeout_ms == 0:
        return look()
    if _next_poll() % _LOOK_EVERY == 0:
        let_others_run()
    deadline = Deadline(timeout_ms)
    over = False
    found = look()
    while not found and not over:
        _sleep(items, deadline.remaining())
        over = deadline.passed()
        found = look()
    return found


class _Poller(zmq.Poller):
    """Waits for several sockets and files; other greenlets run meanwhile.

    It is used like a :class:`zmq.Poller`, and takes sockets of every kind.
    """

    def poll(self, timeout: float | None = -1) -> list[tuple[Any, int]]:
        """Wait until one of the sockets or files is ready.

        Parameters
        ----------
        timeout
            Milliseconds to wait at most; for ever where it is None or negative.

        Returns
        -------
        list of (socket, int)
            Those that are ready with their events; a file by its descriptor.

        Raises
        ------
        ZMQError
            ENOTSOCK: a socket is closed; ETERM: the context of one was terminated.
        """
        return _look_until_found(partial(super().poll, 0), self.sockets, milliseconds(timeout))


def zmq_poll(sockets: Sequence[tuple[Any, int]], timeout: float = -1) -> list[tuple[Any, int]]:
    """Wait until one of several sockets or files is ready; other greenlets run meanwhile.

    Parameters
    ----------
    sockets
        (socket, events): a Socket, a file descriptor or an object with ``fileno()``, and the
        events to wait for.
    timeout
        Milliseconds to wait at most; for ever where it is negative.

    Returns
    -------
    list of (socket, int)
        Those that are ready with their events; a file by its descriptor.

    Raises
    ------
    ZMQError
        ENOTSOCK: a socket is closed; ETERM: the context of one was terminated.
    """
    if timeout is None:
        raise TypeError("zmq_poll: timeout is a number of milliseconds, got None")
    items = list(sockets)
    return _look_until_found(partial(zmq.zmq_poll, items, 0), items, milliseconds(timeout))


def select(
    rlist: Iterable[Any],
    wlist: Iterable[Any],
    xlist: Iterable[Any],
    timeout: float | None = None,
) -> tuple[list[Any], list[Any], list[Any]]:
    """Wait until some of the sockets are ready, in the manner of :func:`select.select`.

    Other greenlets run meanwhile.

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
    readers, writers, broken = list(rlist), list(wlist), list(xlist)
    items = [
        *((socket, POLLIN) for socket in readers),
        *((socket, POLLOUT) for socket in writers),
        *((socket, POLLERR) for socket in broken),
    ]

    def look() -> tuple[list[Any], list[Any], list[Any]] | None:
        found = zmq.select(readers, writers, broken, 0)
        return found if any(found) else None

    timeout_ms = None if timeout is None else timeout * 1000
    return _look_until_found(look, items, timeout_ms) or ([], [], [])
