"""Sockets for tornado: what would wait returns a Future instead.

Tornado's loop is asyncio's, and its Futures are: this is :mod:`zmq.asyncio` for programs that go by
tornado's names.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Generator
from typing import Any, TypeVar

from tornado.ioloop import IOLoop

import zmq as _zmq
from zmq._async import Waiting
from zmq._future import _Async, _AsyncPoller, _AsyncSocket

__all__ = ["CancelledError", "Context", "Poller", "Socket"]

T = TypeVar("T")


class CancelledError(asyncio.CancelledError, Exception):
    """A Future was cancelled."""


class _TornadoFuture(Waiting[T]):
    """A call that waits; once cancelled it raises :class:`CancelledError`."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, T]:
        if self.cancelled():
            self.result()
        return super().__await__()

    __iter__ = __await__

    def result(self) -> T:
        """Give the result, or raise what went wrong."""
        try:
            return super().result()
        except asyncio.CancelledError as error:
            if self._suspended:
                # A task is cancelled that awaits this, and asyncio wants its own class for that.
                raise
            raise CancelledError(*error.args) from None

    def exception(self) -> BaseException | None:
        """Give what went wrong: a CancelledError too, which asyncio raises here."""
        try:
            return super().exception()
        except asyncio.CancelledError as error:
            return CancelledError(*error.args)


class _AsyncTornado(_Async):
    """Goes by tornado's loop of the thread."""

    _Future = asyncio.Future
    _READ = IOLoop.READ
    _WRITE = IOLoop.WRITE
    _waiting = _TornadoFuture

    def _default_loop(self) -> IOLoop:
        """Give the loop of this thread."""
        return IOLoop.current()

    def _asyncio_loop(self) -> Any:
        """Give asyncio's loop that it is."""
        return self._default_loop().asyncio_loop  # type: ignore[attr-defined]

    def _get_selector(self, loop: Any) -> Any:
        """Give what watches descriptors for one of asyncio's loops."""
        # On Windows, tornado brings a thread that watches for a loop that cannot.
        return getattr(self._default_loop(), "selector_loop", loop)


class Socket(_AsyncTornado, _AsyncSocket):
    """A socket for tornado: sends, receives and polls return Futures."""


class Poller(_AsyncTornado, _AsyncPoller):
    """A poller for tornado: `poll` returns a Future."""

    _socket_class = Socket


class Context(_zmq.Context[Socket]):
    """A context whose sockets are for tornado.

    Its global instance, see :meth:`instance`, is not that of :class:`zmq.Context`.

    Parameters
    ----------
    *args
        As for :class:`zmq.Context`.
    **kwargs
        As for :class:`zmq.Context`; and `io_loop`, which is deprecated, and without effect.
    """

    _socket_class = Socket
    _instance: Any = None
    #: Deprecated, and without effect.
    io_loop: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("io_loop", None) is not None:
            warnings.warn(
                f"{type(self).__name__}(io_loop) is deprecated: the loop that runs is used",
                DeprecationWarning,
                stacklevel=2,
            )
        super().__init__(*args, **kwargs)
