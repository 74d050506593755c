"""The old home of pyzmq's buffer collector, kept for the libraries that touch its `gc`.

Buffers lent to libzmq are handed back natively here: no thread and no socket is involved, so
there is nothing to start, nothing to stop and nothing waiting.
"""

from __future__ import annotations

import threading
from typing import Any

import zmq

__all__ = ["GarbageCollector", "gc"]


class GarbageCollector:
    """What programs use of pyzmq's collector: `refs`, `context`, `thread`, `stop()`.

    Parameters
    ----------
    context
        The context that :attr:`context` gives; None means the global one.

    Attributes
    ----------
    refs
        The objects that wait to be released: always empty.
    thread
        The thread that releases them: always None.
    pid
        The process of that thread: always None.
    """

    url: str = "inproc://pyzmq.gc.01"

    def __init__(self, context: zmq.Context[Any] | None = None) -> None:
        self.refs: dict[int, Any] = {}
        self.thread: threading.Thread | None = None
        self.pid: int | None = None
        self._context = context

    @property
    def context(self) -> zmq.Context[Any]:
        """The context given, else the global one; it can be assigned to."""
        if self._context is None:
            self._context = zmq.Context.instance()
        return self._context

    @context.setter
    def context(self, context: zmq.Context[Any]) -> None:
        self._context = context

    def is_alive(self) -> bool:
        """Say whether a collecting thread runs: it never does."""
        return False

    def start(self) -> None:
        """Return: buffers are collected without a thread."""

    def stop(self) -> None:
        """Return: there is no thread to stop."""


#: The one collector.
gc = GarbageCollector()
