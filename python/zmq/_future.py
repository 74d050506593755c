"""Sockets and pollers whose methods return Futures, for any kind of event loop.

:mod:`zmq.asyncio` and :mod:`zmq.eventloop.future` say which loop is in use; what waits in it is in
:mod:`zmq._async`.
"""

from __future__ import annotations

import sys
import warnings
import weakref
from asyncio import Future
from asyncio import _get_running_loop as get_running_loop
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import zmq
from zmq import _core
from zmq._async import Lane, Loop, Reader, Received, Selector, Waiting, frames_of
from zmq._core import take
from zmq.constants import (
    ENOTSOCK,
    ENOTSUP,
    ETERM,
    EVENTS,
    POLLIN,
    POLLOUT,
    RCVTIMEO,
    SNDTIMEO,
)
from zmq.error import Again, ZMQError

if sys.platform == "win32":
    # Only sockets can be polled there, and they are no files.
    from socket import close as _close
    from socket import dup as _duplicate
else:
    from os import close as _close
    from os import dup as _duplicate

if TYPE_CHECKING:
    from asyncio import Handle

    from typing_extensions import Buffer, Self

    from zmq._socket import DEFAULT_PROTOCOL
    from zmq._typing import MessagePart

    _Given = TypeVar("_Given")
    _Loaded = TypeVar("_Loaded")

__all__ = ["EVENTS", "POLLIN", "POLLOUT", "T", "_Async", "_AsyncPoller", "_AsyncSocket"]

T = TypeVar("T")

# Plain ints: combining enum members would cost more than a receive.
_DONTWAIT = int(zmq.DONTWAIT)
_SOCKET_EVENTS = int(POLLIN | POLLOUT)

_native_get = _core.Socket.get
_native_poll = _core.Socket.poll
_native_poller_poll = _core.Poller.poll
_native_send = _core.Socket.send
_native_send_multipart = _core.Socket.send_multipart


class _Async:
    """What awaitable sockets and pollers have in common: which loop they are used in."""

    #: The class of Futures.
    _Future: Callable[..., Future[Any]] = Future
    _READ: int = 1
    _WRITE: int = 2
    #: The class of those that wait.
    _waiting: type[Waiting[Any]] = Waiting

    def _default_loop(self) -> Any:
        """Give the loop of the kind that this is for, in this thread."""
        raise NotImplementedError("a subclass defines _default_loop")

    def _get_loop(self) -> Any:
        """Give the loop in use."""
        return self._default_loop()

    def _get_selector(self, loop: Any) -> Any:
        """Give what watches descriptors for a loop."""
        return loop

    def _asyncio_loop(self) -> Any:
        """Give the loop in use, as one of asyncio's."""
        return self._get_loop()


def _milliseconds(timeout: object) -> float | None:
    """Check a timeout; None where there is none."""
    if timeout is None:
        return None
    if not isinstance(timeout, (int, float)):
        try:
            return float(timeout)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            raise TypeError(
                f"a timeout is a number of milliseconds or None, got: {timeout!r}"
            ) from None
    return timeout


def _copy_into(view: memoryview, limit: int, frame: _core.Frame) -> int:
    """Put a message part into memory of the caller, what fits; give its size."""
    content = frame.buffer
    size = min(limit, len(content))
    view[:size] = content[:size]
    return len(content)


class _AsyncSocket(_Async, zmq.Socket["Future[Any]"]):
    """A socket whose sends, receives and polls return Futures.

    Parameters
    ----------
    context
        The context that makes the socket; or a socket, to get another wrapper of the same libzmq
        socket.
    socket_type
        One of :class:`zmq.SocketType`.
    io_loop
        Deprecated, and without effect: the loop that runs is used.
    _from_socket
        The socket to wrap.
    **kwargs
        Further arguments for :class:`zmq.Socket`.
    """

    #: What waits on it in the loop that was used last.
    _lane: Lane | None = None
    #: What waits on it in other loops.
    _lanes: Any = None
    #: Where it is a wrapper of a synchronous socket: that.
    _wrapped: Any = None

    def __init__(
        self,
        context: Any = None,
        socket_type: int = -1,
        io_loop: Any = None,
        _from_socket: Any = None,
        **kwargs: Any,
    ) -> None:
        if io_loop is not None:
            warnings.warn(
                f"{type(self).__name__}(io_loop) is deprecated: the loop that runs is used",
                DeprecationWarning,
                stacklevel=3,
            )
        if isinstance(context, _core.Socket):
            context, _from_socket = None, context
        if _from_socket is not None:
            super().__init__(context, shadow=_from_socket, **kwargs)
            if not isinstance(_from_socket, _AsyncSocket):
                self._wrapped = _from_socket
        else:
            super().__init__(context, socket_type, **kwargs)

    @classmethod
    def from_socket(cls, socket: Any, io_loop: Any = None) -> Self:
        """Make an awaitable wrapper of a socket.

        Parameters
        ----------
        socket
            The socket, or the address of libzmq's.
        io_loop
            Deprecated, and without effect.

        Returns
        -------
        Socket
            The wrapper.
        """
        return cls(_from_socket=socket, io_loop=io_loop)

    @property
    def _shadow_sock(self) -> Any:
        """A synchronous wrapper of the same libzmq socket."""
        if self._wrapped is None:
            self._wrapped = zmq.Socket(self.context, shadow=self.underlying)
        return self._wrapped

    def _enter_lane(self) -> Lane:
        """Give the lane in the current loop."""
        loop = self._asyncio_loop()
        lane = self._lane
        if lane is not None:
            if lane.loop is loop:
                return lane
            if lane.loop.is_closed():
                # What still waits there is waiting for ever.
                lane.fail_all()
            else:
                if self._lanes is None:
                    self._lanes = weakref.WeakKeyDictionary()
                self._lanes[lane.loop] = lane
        lane = self._lanes.get(loop) if self._lanes else None
        if lane is None:
            lane = Lane(loop, self._get_selector(loop), self._waiting)
        self._lane = lane
        return lane

    def close(self, linger: int | None = None) -> None:
        """Close the socket. What waits on it fails with ENOTSOCK; polls are cancelled.

        Parameters
        ----------
        linger
            How long unsent messages are kept, in milliseconds: sets LINGER first.
        """
        lane, self._lane = self._lane, None
        lanes, self._lanes = self._lanes, None
        for used in {lane, *(lanes.values() if lanes else ())}:
            if used is not None:
                used.close()
        self._wrapped = None
        super().close(linger)

    # -- receiving ---------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def recv(
            self,
            flags: int = 0,
            copy: Literal[True] = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[bytes]: ...
        @overload
        def recv(
            self,
            flags: int = 0,
            *,
            copy: Literal[False],
            track: bool = False,
            timeout: float | None = None,
        ) -> Future[zmq.Frame]: ...
        @overload
        def recv(
            self,
            flags: int,
            copy: Literal[False],
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[zmq.Frame]: ...
        @overload
        def recv(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[bytes | zmq.Frame]: ...
        def recv(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[Any]: ...
        @overload  # type: ignore[override]
        def recv_multipart(
            self,
            flags: int = 0,
            copy: Literal[True] = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[list[bytes]]: ...
        @overload
        def recv_multipart(
            self,
            flags: int = 0,
            *,
            copy: Literal[False],
            track: bool = False,
            timeout: float | None = None,
        ) -> Future[list[zmq.Frame]]: ...
        @overload
        def recv_multipart(
            self,
            flags: int,
            copy: Literal[False],
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[list[zmq.Frame]]: ...
        @overload
        def recv_multipart(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[list[bytes] | list[zmq.Frame]]: ...
        def recv_multipart(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> Future[Any]: ...

        # What is put together from these is done by zmq.Socket, with _deserialize below.
        def recv_string(  # type: ignore[override]
            self, flags: int = 0, encoding: str = "utf-8", *, timeout: float | None = None
        ) -> Future[str]: ...
        def recv_unicode(  # type: ignore[override]
            self, flags: int = 0, encoding: str = "utf-8", *, timeout: float | None = None
        ) -> Future[str]: ...
        def recv_json(
            self, flags: int = 0, *, timeout: float | None = None, **kwargs: Any
        ) -> Future[Any]: ...
        def recv_pyobj(self, flags: int = 0, *, timeout: float | None = None) -> Future[Any]: ...
        def recv_serialized(  # type: ignore[override]
            self,
            deserialize: Callable[[list[Any]], _Loaded],
            flags: int = 0,
            copy: bool = True,
            *,
            timeout: float | None = None,
        ) -> Future[_Loaded]: ...
        def get_monitor_socket(
            self, events: int | None = None, addr: str | None = None
        ) -> Self: ...

    else:
        # What does not have to wait is done there.
        recv = _core.awaitable_methods["recv"]
        recv_multipart = _core.awaitable_methods["recv_multipart"]

    def _receive_later(
        self, multipart: bool, copy: bool, track: bool, timeout_ms: int
    ) -> Future[Any]:
        """Wait for a message: one was asked for, and the watch, if there is one, is armed."""
        lane = self._lane
        assert lane is not None
        if lane.watch is None:
            return lane.wait(lane.receives, (multipart, copy, track), self, timeout_ms)
        return lane.join(lane.receives, (multipart, copy, track), self, timeout_ms)

    def _receive_anyhow(
        self,
        multipart: bool,
        copy: bool,
        track: bool,
        flags: int,
        timeout: object,
        load: Callable[[Any], Any] | None = None,
    ) -> Future[Any]:
        """Receive in whatever circumstances.

        Parameters
        ----------
        multipart
            Whether all parts are wanted.
        copy
            Whether bytes are.
        track
            Whether Frames have trackers.
        flags
            Flags of libzmq.
        timeout
            Milliseconds; None to go by RCVTIMEO.
        load
            Makes the result of the message.

        Returns
        -------
        Future
            The message.
        """
        lane = self._enter_lane()
        timeout_ms = _milliseconds(timeout)
        wait = not flags & _DONTWAIT and timeout_ms != 0
        if wait and (lane.receives or lane.is_due()):
            taken = None
        elif lane.receives:
            # What comes next is for somebody else.
            return lane.failed(Again())
        else:
            try:
                taken = take(self, multipart, copy, track, not wait)
            except ZMQError as error:
                if error.errno == ENOTSOCK:
                    raise
                return lane.failed(error)
        if taken is None:
            if timeout_ms is None:
                timeout_ms = _native_get(self, RCVTIMEO)
            return lane.wait(lane.receives, (multipart, copy, track), self, timeout_ms, load)
        return lane.received(taken, load)

    def recv_into(  # type: ignore[override]
        self,
        buffer: Buffer,
        /,
        *,
        nbytes: int = 0,
        flags: int = 0,
        timeout: float | None = None,
    ) -> Future[int]:
        """Receive one message part into memory of the caller.

        Cancelling it, at any time, loses no message, but the memory may have been written to.

        Parameters
        ----------
        buffer
            A writable contiguous buffer. What does not fit is discarded.
        nbytes
            Write at most so many bytes; 0 for the size of the buffer.
        flags
            DONTWAIT not to wait.
        timeout
            Milliseconds to wait at most; RCVTIMEO where it is None, for ever where it is negative.

        Returns
        -------
        Future of int
            The size of the part in bytes: larger than the buffer where it was cut.

        Raises
        ------
        BufferError
            The buffer is read-only or not contiguous.
        ValueError
            `nbytes` is negative or larger than the buffer.
        ZMQError
            ENOTSOCK: the socket is closed.
        """
        view = memoryview(buffer)
        if view.readonly:
            raise BufferError("cannot receive into memory that is read-only")
        if not view.c_contiguous:
            raise BufferError("cannot receive into memory that is not contiguous")
        view = view.cast("B")
        if not 0 <= nbytes <= len(view):
            raise ValueError(f"nbytes={nbytes} does not fit a buffer of {len(view)} bytes")
        load = partial(_copy_into, view, nbytes or len(view))
        return self._receive_anyhow(False, False, False, flags, timeout, load)

    def _deserialize(self, recvd: Any, load: Callable[[Any], Any]) -> Any:
        """Have a message read when it arrives, before its Future is finished.

        Parameters
        ----------
        recvd
            What :meth:`recv` or :meth:`recv_multipart` returned.
        load
            Reads the message.

        Returns
        -------
        Future
            What was read.
        """
        if not isinstance(recvd, Received):
            if isinstance(recvd, Future) and recvd.done():
                # It has failed.
                return recvd
            # A subclass has a recv of its own.
            return self._read_later(recvd, load)
        if recvd.done():
            taken = recvd._taken
            if taken is None:
                return recvd
            recvd._taken = None
            return self._enter_lane().received(taken, load)
        assert isinstance(recvd, Waiting)
        recvd._load = load
        return recvd

    async def _read_later(self, recvd: Any, load: Callable[[Any], Any]) -> Any:
        return load(await recvd)

    def __aiter__(self) -> Self:
        """Receive messages of one part, one after the other, until the socket is closed."""
        return self

    async def __anext__(self) -> bytes:
        """Receive one message part."""
        try:
            return await self.recv()
        except ZMQError as error:
            if error.errno in (ENOTSOCK, ETERM):
                raise StopAsyncIteration from None
            raise

    async def __aenter__(self) -> Self:
        """Give the socket itself."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Close the socket."""
        self.close()

    # -- sending -----------------------------------------------------------------------------

    if TYPE_CHECKING:

        def send(  # type: ignore[override]
            self,
            data: MessagePart,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            routing_id: int | None = None,
            group: str | None = None,
        ) -> Future[_core.MessageTracker | None]: ...
        def send_multipart(  # type: ignore[override]
            self,
            msg_parts: Iterable[MessagePart],
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            **kwargs: Any,
        ) -> Future[_core.MessageTracker | None]: ...
        def send_string(  # type: ignore[override]
            self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
        ) -> Future[_core.MessageTracker | None]: ...
        def send_unicode(  # type: ignore[override]
            self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
        ) -> Future[_core.MessageTracker | None]: ...
        def send_json(  # type: ignore[override]
            self, obj: Any, flags: int = 0, **kwargs: Any
        ) -> Future[_core.MessageTracker | None]: ...
        def send_pyobj(  # type: ignore[override]
            self, obj: Any, flags: int = 0, protocol: int = DEFAULT_PROTOCOL, **kwargs: Any
        ) -> Future[_core.MessageTracker | None]: ...
        def send_serialized(  # type: ignore[override]
            self,
            msg: _Given,
            serialize: Callable[[_Given], Iterable[MessagePart]],
            flags: int = 0,
            copy: bool = True,
            **kwargs: Any,
        ) -> Future[_core.MessageTracker | None]: ...

    else:
        send = _core.awaitable_methods["send"]
        send_multipart = _core.awaitable_methods["send_multipart"]

    def _send_anyhow(
        self,
        multipart: bool,
        message: Any,
        flags: int,
        copy: bool,
        track: bool,
        routing_id: int | None,
        group: str | None,
        error: Exception | None,
    ) -> Future[Any]:
        """Send in whatever circumstances.

        Parameters
        ----------
        multipart
            Whether the message is an iterable of parts, or one part.
        message
            The message.
        flags
            Flags of libzmq.
        copy
            Whether libzmq gets a copy.
        track
            Whether a tracker is wanted.
        routing_id
            The peer, or None.
        group
            The group, or None.
        error
            What an attempt has raised, if there was one.

        Returns
        -------
        Future
            What sending returns.
        """
        lane = self._enter_lane()
        wait = not flags & _DONTWAIT
        addressed = {"routing_id": routing_id, "group": group}
        kwargs: dict[str, Any] = {
            name: value for name, value in addressed.items() if value is not None
        }
        try:
            if multipart and not isinstance(message, (list, tuple)):
                message = list(message)
            if error is None and not lane.sends:
                method = _native_send_multipart if multipart else _native_send
                result = method(self, message, flags | _DONTWAIT, copy, track, **kwargs)
                return lane.finished(result)
            if error is not None and not (isinstance(error, Again) and wait):
                return lane.failed(error)
        except Exception as raised:
            if not (isinstance(raised, Again) and wait):
                return lane.failed(raised)
        if not wait:
            # It is not the first that has to wait.
            return lane.failed(Again())
        try:
            parts = message if multipart else (message,)
            frames, result = frames_of(parts, self.copy_threshold, copy, track, **kwargs)
        except Exception as raised:
            return lane.failed(raised)
        timeout_ms = _native_get(self, SNDTIMEO)
        return lane.wait(lane.sends, (frames, flags, result), self, timeout_ms)

    # -- polling -----------------------------------------------------------------------------

    def poll(  # type: ignore[override]
        self, timeout: float | None = None, flags: int = POLLIN
    ) -> Future[int]:
        """Wait until the socket can receive or send.

        Parameters
        ----------
        timeout
            Milliseconds to wait at most; for ever where it is None or negative.
        flags
            The events to wait for, POLLIN and POLLOUT.

        Returns
        -------
        Future of int
            The events that are there; 0 when the time was up. It is cancelled when the socket is
            closed.

        Raises
        ------
        ZMQError
            ENOTSUP: the socket is closed.
        """
        lane = self._enter_lane()
        try:
            ready = _native_poll(self, 0, flags)
        except ZMQError as error:
            if error.errno == ENOTSUP:
                raise
            return lane.failed(error)
        if ready or timeout == 0:
            return lane.finished(ready)
        return lane.wait(lane.polls, int(flags), self, _milliseconds(timeout))


#: Loops tell of reading and writing. Where only errors are asked for, look again this often.
_ERRORS_INTERVAL_S = 0.05


class _Polled:
    """One socket of a poll that waits; in the queue of its lane.

    Parameters
    ----------
    polling
        The poll.
    lane
        Where it waits.
    socket
        The socket.
    events
        What for.
    """

    __slots__ = ("_request", "awaited", "lane", "polling", "socket")

    def __init__(self, polling: _Polling, lane: Lane, socket: _core.Socket, events: int) -> None:
        self.polling = polling
        self.lane = lane
        self.socket = socket
        self._request = events
        self.awaited = False

    def pin(self) -> None:
        """Have the loop keep all this alive: somebody waits for it."""
        self.awaited = True
        self.lane.pin()

    def finish(self, _ready: int) -> None:
        """Look at all of them: this one is ready."""
        self.polling.woken(self)

    def fail(self, error: BaseException) -> None:
        """Fail the poll."""
        self.polling.fail(error)

    def cancel(self) -> bool:
        """Cancel the poll: the socket was closed."""
        return self.polling.future.cancel()

    def release(self) -> None:
        """Do nothing: the poll lets go of everything at once."""

    def leave(self) -> None:
        """Wait no longer."""
        if self in self.lane.polls:
            self.lane.polls.remove(self)
        if self.awaited:
            self.awaited = False
            self.lane.awaited -= 1
            self.lane.left()


class _Polling:
    """One poll of a poller that has to wait; for its Future, where that waits.

    Parameters
    ----------
    poller
        The poller.
    turns
        Those of the poller.
    timeout_ms
        For how long; None or negative for ever.
    """

    def __init__(self, poller: _AsyncPoller, turns: Lane, timeout_ms: float | None) -> None:
        self.poller = poller
        self.turns = turns
        self.selector: Selector = poller._get_selector(turns.loop)
        self.reader = Reader(self)
        self.timers: list[Handle] = []
        self.polled: list[_Polled] = []
        #: Duplicates, so that what somebody else watches is left alone.
        self.descriptors: list[tuple[int, Callable[[int], Any]]] = []
        self.polls: deque[Waiting[Any]] = deque()
        self.future: Waiting[Any] = turns.new_waiting(self.polls, None, None, None)
        self.future._lane = self
        self.polls.append(self.future)
        try:
            for watched, events in poller.sockets:
                self.watch(watched, int(events))
                if self.future.done():
                    return
        except BaseException:
            self.stop()
            raise
        if timeout_ms is not None and timeout_ms >= 0:
            self.timers.append(turns.loop.call_later(timeout_ms / 1000, self.finish, []))

    def __del__(self) -> None:
        self.stop()

    def watch(self, watched: Any, events: int) -> None:
        """Wait for events of a socket or file."""
        if isinstance(watched, _core.Socket):
            if events & _SOCKET_EVENTS:
                lane = self.poller._lane_of(watched, self.turns.loop)
                polled = _Polled(self, lane, watched, events & _SOCKET_EVENTS)
                self.polled.append(polled)
                lane.watch_for(polled, watched)
            return
        descriptor = watched if isinstance(watched, int) else watched.fileno()
        selector = self.selector
        if events & POLLIN:
            duplicate = _duplicate(descriptor)
            self.descriptors.append((duplicate, selector.remove_reader))
            selector.add_reader(duplicate, self.reader.readable)
        if events & POLLOUT:
            duplicate = _duplicate(descriptor)
            self.descriptors.append((duplicate, selector.remove_writer))
            selector.add_writer(duplicate, self.reader.readable)
        if not events & _SOCKET_EVENTS:
            self.look_again()

    def pin(self) -> None:
        """Have the loop keep all this alive: somebody waits for it."""
        self.reader.pinned = self
        for polled in self.polled:
            polled.pin()

    def left(self) -> None:
        """Stop: the one that waited here has left."""
        self.stop()

    def look_again(self) -> None:
        """Look at once, and at intervals."""
        self.serve()
        if not self.future.done():
            later = self.turns.loop.call_later(_ERRORS_INTERVAL_S, self.look_again)
            self.timers.append(later)

    def woken(self, polled: _Polled) -> None:
        """Look, since a socket is ready."""
        self.serve()
        if self.future.done():
            return
        # Somebody else was faster, or it was registered for something else meanwhile, or not at
        # all any more.
        for watched, events in self.poller.sockets:
            if watched is polled.socket and events & _SOCKET_EVENTS:
                polled._request = int(events & _SOCKET_EVENTS)
                polled.lane.polls.append(polled)
                return
        self.polled.remove(polled)
        polled.leave()

    def serve(self) -> None:
        """Finish if anything is ready."""
        if self.future.done():
            return
        try:
            found = _native_poller_poll(self.poller, 0)
        except Exception as error:
            self.fail(error)
        else:
            if found:
                self.finish(found)

    def fail(self, error: BaseException) -> None:
        """Finish with an error."""
        self.stop()
        self.future.fail(error)

    def finish(self, found: list[tuple[Any, int]]) -> None:
        """Finish."""
        self.stop()
        self.future.finish(found)

    def stop(self) -> None:
        """Wait no longer."""
        self.reader.pinned = None
        self.polls.clear()
        polled, self.polled = self.polled, []
        descriptors, self.descriptors = self.descriptors, []
        timers, self.timers = self.timers, []
        for timer in timers:
            timer.cancel()
        for waiting in polled:
            waiting.leave()
        closed = self.turns.loop.is_closed()
        for descriptor, remove in descriptors:
            if not closed:
                remove(descriptor)
            _close(descriptor)


class _AsyncPoller(_Async, zmq.Poller):
    """A poller whose `poll` returns a Future.

    Sockets of any kind can be registered, and file descriptors.
    """

    _socket_class: type[_AsyncSocket]
    _turns: Lane | None = None
    #: Those of synchronous sockets, in the loop of `_turns`.
    _lanes: Any = None

    def _lane_of(self, socket: _core.Socket, loop: Loop) -> Lane:
        """Give the lane of a socket in the current loop."""
        if isinstance(socket, _AsyncSocket) and socket._asyncio_loop() is loop:
            return socket._enter_lane()
        lane: Lane | None = self._lanes.get(socket)
        if lane is None:
            lane = self._lanes[socket] = Lane(loop, self._get_selector(loop), self._waiting)
        return lane

    def poll(self, timeout: float | None = -1) -> Future[list[tuple[Any, int]]]:  # type: ignore[override]
        """Wait until one of the sockets or files is ready.

        Parameters
        ----------
        timeout
            Milliseconds to wait at most; for ever where it is None or negative.

        Returns
        -------
        Future of list of (socket, int)
            Those that are ready with their events; a file by its descriptor. Empty when the time
            was up. It is cancelled when one of the sockets is closed.

        Raises
        ------
        ZMQError
            ENOTSOCK: one of the sockets is closed already.
        """
        turns = self._turns
        if turns is None or turns.loop is not get_running_loop():
            loop = self._asyncio_loop()
            if turns is None or turns.loop is not loop:
                turns = self._turns = Lane(loop, self._get_selector(loop))
                self._lanes = weakref.WeakKeyDictionary()
        found = _native_poller_poll(self, 0)
        if found or timeout == 0:
            return turns.finished(found)
        return _Polling(self, turns, _milliseconds(timeout)).future
