"""Sockets for asyncio: what would wait returns a Future instead.

>>> import zmq.asyncio
>>> context = zmq.asyncio.Context()
>>> socket = context.socket(zmq.PULL)
>>> async def receive():
...     return await socket.recv()
"""

from __future__ import annotations

import asyncio
import select
import selectors
import socket
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import zmq
from zmq import _future

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]


class ProactorSelectorThreadWarning(RuntimeWarning):
    """The loop cannot watch sockets, as that of Windows: a thread does it for the loop."""


class _SelectorThread:
    """Watches descriptors for a loop that cannot, in a thread of its own.

    The thread ends when there is nothing to watch.

    Parameters
    ----------
    loop
        The loop, in which callbacks are made.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._lock = threading.Lock()
        self._readers: dict[int, Callable[[], Any]] = {}
        self._writers: dict[int, Callable[[], Any]] = {}
        self._thread: threading.Thread | None = None
        # What ends the wait of the thread when there is something else to watch, ...
        self._interrupt, self._interrupted = socket.socketpair()
        self._interrupt.setblocking(False)
        self._interrupted.setblocking(False)
        # ... and what lets it go on when the loop has made the callbacks.
        self._handled = threading.Event()

    def __del__(self) -> None:
        self._interrupt.close()
        self._interrupted.close()

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call back whenever there is something to read."""
        self._change(self._readers, fd, lambda: callback(*args))

    def remove_reader(self, fd: int) -> None:
        """Call back no more."""
        self._change(self._readers, fd, None)

    def add_writer(self, fd: int, callback: Callable[..., Any], *args: Any) -> None:
        """Call back whenever there is room to write."""
        self._change(self._writers, fd, lambda: callback(*args))

    def remove_writer(self, fd: int) -> None:
        """Call back no more."""
        self._change(self._writers, fd, None)

    def _change(
        self, callbacks: dict[int, Callable[[], Any]], fd: int, callback: Callable[[], Any] | None
    ) -> None:
        with self._lock:
            if callback is not None:
                callbacks[fd] = callback
            else:
                callbacks.pop(fd, None)
            if self._thread is None:
                if self._readers or self._writers:
                    self._thread = threading.Thread(
                        target=self._run, name="zmq.asyncio selector", daemon=True
                    )
                    self._thread.start()
                return
        if not self._readers and not self._writers:
            self._handled.set()
        try:
            self._interrupt.send(b"\0")
        except BlockingIOError:
            # It is full of them.
            return

    def _run(self) -> None:
        while True:
            with self._lock:
                readers, writers = list(self._readers), list(self._writers)
                if not readers and not writers:
                    self._thread = None
                    return
                self._handled.clear()
            readable, writable = self._wait(readers, writers)
            loop = self._loop()
            if not readable and not writable:
                continue
            if loop is None or not self._hand_over(loop, readable, writable):
                with self._lock:
                    self._thread = None
                return
            del loop
            self._handled.wait()

    def _wait(self, readers: list[int], writers: list[int]) -> tuple[list[int], list[int]]:
        """Wait until some are ready, or something was changed."""
        interrupted = self._interrupted.fileno()
        if sys.platform == "win32":
            try:
                readable, writable, _ = select.select([*readers, interrupted], writers, writers)
            except OSError:
                # One was closed since: the lists have changed.
                readable, writable = [interrupted], []
        else:
            poll = select.poll()
            for fd in {*readers, *writers, interrupted}:
                events = select.POLLIN if fd in readers or fd == interrupted else 0
                poll.register(fd, events | (select.POLLOUT if fd in writers else 0))
            readable, writable = [], []
            for fd, events in poll.poll():
                if events & select.POLLNVAL:
                    # It was closed since: the lists have changed.
                    continue
                if events & ~select.POLLOUT:
                    readable.append(fd)
                if events & ~select.POLLIN:
                    writable.append(fd)
        if interrupted in readable:
            readable.remove(interrupted)
            self._interrupted.recv(1024)
        return readable, writable

    def _hand_over(
        self, loop: asyncio.AbstractEventLoop, readable: list[int], writable: list[int]
    ) -> bool:
        """Have the loop make the callbacks; False where it is closed."""
        try:
            loop.call_soon_threadsafe(self._handle, readable, writable)
        except RuntimeError:
            return False
        return True

    def _handle(self, readable: list[int], writable: list[int]) -> None:
        try:
            for callbacks, ready in ((self._readers, readable), (self._writers, writable)):
                for fd in ready:
                    callback = callbacks.get(fd)
                    if callback is not None:
                        callback()
        finally:
            self._handled.set()


#: Whether loops of a class can watch descriptors.
_watching: dict[type, bool] = {}
#: Those of loops that cannot.
_selector_threads: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _SelectorThread] = (
    weakref.WeakKeyDictionary()
)


def _can_watch(loop: asyncio.AbstractEventLoop) -> bool:
    """Find out whether a loop can watch descriptors."""
    probe = socket.socket()
    try:
        loop.add_reader(probe.fileno(), probe.fileno)
        loop.remove_reader(probe.fileno())
    except NotImplementedError:
        return False
    finally:
        probe.close()
    return True


class _AsyncIO:
    """Goes by asyncio's loop of the thread."""

    _Future = asyncio.Future
    _READ = selectors.EVENT_READ
    _WRITE = selectors.EVENT_WRITE

    def _default_loop(self) -> asyncio.AbstractEventLoop:
        """Give the loop that runs in this thread, or else the one that was set for it."""
        try:
            return asyncio.get_running_loop()
        except RuntimeError:
            if sys.version_info >= (3, 14):
                return asyncio.get_event_loop()
            return asyncio.get_event_loop_policy().get_event_loop()

    def _get_selector(self, loop: asyncio.AbstractEventLoop | None = None) -> Any:
        """Give what watches descriptors for a loop."""
        if loop is None:
            loop = self._default_loop()
        kind = type(loop)
        if kind not in _watching:
            _watching[kind] = _can_watch(loop)
        if _watching[kind]:
            return loop
        if loop not in _selector_threads:
            warnings.warn(
                f"{loop!r} cannot watch sockets: a thread does it instead, which is slower. "
                "asyncio.SelectorEventLoop needs none",
                ProactorSelectorThreadWarning,
                stacklevel=4,
            )
            _selector_threads[loop] = _SelectorThread(loop)
        return _selector_threads[loop]


class Socket(_AsyncIO, _future._AsyncSocket):
    """A socket for asyncio: sends, receives and polls return Futures.

    They are tried at once; the Future is finished already where nothing had to wait. Cancelling
    them, or running out of time, loses no message.
    """


class Poller(_AsyncIO, _future._AsyncPoller):
    """A poller for asyncio: `poll` returns a Future."""

    _socket_class = Socket


class Context(zmq.Context[Socket]):
    """A context whose sockets are for asyncio.

    Its global instance, see :meth:`instance`, is not that of :class:`zmq.Context`.
    """

    _socket_class = Socket
    _instance: Any = None

    async def __aenter__(self) -> Self:
        """Give the context itself."""
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the sockets, and wait without stopping the loop until they have sent everything."""
        for left in self._sockets:
            warnings.warn(
                f"Destroying context with unclosed socket {left!r}",
                ResourceWarning,
                stacklevel=2,
                source=left,
            )
            left.close()
        await asyncio.get_running_loop().run_in_executor(None, self.term)


def _deprecated() -> None:
    """Warn of the old names, once."""
    if getattr(_deprecated, "called", False):
        return
    _deprecated.called = True  # type: ignore[attr-defined]
    warnings.warn(
        "ZMQEventLoop and zmq.asyncio.install are deprecated: sockets work in every loop",
        DeprecationWarning,
        stacklevel=3,
    )


class ZMQEventLoop(asyncio.SelectorEventLoop):
    """An old name: asyncio's own loop.

    Parameters
    ----------
    selector
        As for :class:`asyncio.SelectorEventLoop`.
    """

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        _deprecated()
        super().__init__(selector)


def install() -> None:
    """Do nothing: sockets work in every loop. Deprecated."""
    _deprecated()
