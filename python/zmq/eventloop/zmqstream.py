"""ZMQStream: callbacks for the messages of a socket, in tornado's loop.

The loop watches the socket through a :class:`zmq._core.Watch`, so that whatever else is done with
the socket, by whatever wrapper or thread, no message is left lying there.
"""

from __future__ import annotations

import asyncio
import pickle
import warnings
import weakref
from asyncio import _get_running_loop as get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, overload

from tornado.ioloop import IOLoop
from tornado.log import gen_log

import zmq
from zmq import POLLIN, POLLOUT, _core
from zmq._async import frames_of
from zmq._core import Watch
from zmq._future import _AsyncSocket
from zmq.error import Again, ZMQError
from zmq.utils import jsonapi

if TYPE_CHECKING:
    from zmq._typing import MessagePart

__all__ = ["ZMQStream"]

_DONTWAIT = int(zmq.DONTWAIT)
_POLLIN = int(POLLIN)
_POLLOUT = int(POLLOUT)


#: Those that tell the streams of a loop apart.
_numbers = count(1)


class _Queued:
    """A message to be sent."""

    __slots__ = ("arguments", "callback", "flags", "frames", "parts", "result")

    def __init__(
        self, parts: Any, flags: int, arguments: dict[str, Any], callback: Callable[..., Any] | None
    ) -> None:
        self.parts = parts
        self.flags = flags
        self.arguments = arguments
        #: In place of that of `on_send`.
        self.callback = callback
        #: What libzmq gets, and what sending it returns, once it has had to wait.
        self.frames: list[_core.Frame] | None = None
        self.result: Any = None


class _Listed:
    """What stands for a stream among tornado's handlers, so that the loop can close its socket.

    The loop has nothing to watch here. But programs end with ``loop.close(all_fds=True)``, and
    with a context that waits for its sockets.

    Parameters
    ----------
    stream
        The stream, which it does not keep alive.
    """

    def __init__(self, stream: ZMQStream) -> None:
        #: No descriptor has such a number.
        self._number = -next(_numbers)
        self._stream = weakref.ref(stream, self._stream_was_dropped)
        self._io_loop = stream.io_loop
        self._io_loop.add_handler(self, self._never, 0)

    def fileno(self) -> int:
        """Give what the loop knows it by."""
        return self._number

    def close(self) -> None:
        """Close the socket: the loop is being closed with everything."""
        stream = self._stream()
        if stream is not None and not stream._ended:
            stream._unhook()
            stream.socket.close()

    def remove(self) -> None:
        """Leave the loop."""
        self._io_loop.remove_handler(self)

    def _stream_was_dropped(self, _reference: object) -> None:
        self.remove()

    def _never(self, *_arguments: object) -> None:
        raise AssertionError("the loop watches no descriptor for this")


class ZMQStream:
    """Calls back when a socket has received a message or sent one.

    Callbacks get multipart messages, one in each round of the loop. A callback may be a coroutine
    function. When one raises an exception, the loop hears of it, and the stream goes on.

    Parameters
    ----------
    socket
        The socket. Of an awaitable socket a synchronous shadow is used, with a warning.
    io_loop
        Tornado's loop; the current one where it is None.

    Attributes
    ----------
    socket
        The socket, synchronous; None once the stream is closed.
    io_loop
        The loop.
    poller
        A Poller, which nobody needs.
    """

    #: Libzmq's socket as a synchronous one; None once closed.
    socket: zmq.Socket[bytes]
    io_loop: IOLoop
    poller: zmq.Poller

    def __init__(self, socket: zmq.Socket[Any], io_loop: IOLoop | None = None) -> None:
        if isinstance(socket, _AsyncSocket):
            warnings.warn(
                f"a ZMQStream uses a zmq.Socket, of {socket!r} its shadow; "
                "zmq.Socket.shadow(socket) makes one, and socket_class=zmq.Socket such sockets",
                RuntimeWarning,
                stacklevel=2,
            )
            socket = zmq.Socket.shadow(socket)
        self.socket = socket
        self.io_loop = io_loop or IOLoop.current()
        self.poller = zmq.Poller()
        loop = self.io_loop
        #: Whether there is no socket any more.
        self._ended = False
        self._loop: asyncio.AbstractEventLoop = loop.asyncio_loop  # type: ignore[attr-defined]
        self._selector: Any = getattr(loop, "selector_loop", self._loop)
        #: Made when there is something to watch for.
        self._watch: Watch | None = None
        #: Whether the loop was asked to call `_handle_scheduled`.
        self._scheduled = False
        #: Whether `_handle` is at work, and whether it is to look for another message.
        self._handling = False
        self._again = False
        self._turns = _core.Turns(self._loop)
        #: Whether there is no receiving method of the user's own.
        self._is_plain = (
            type(socket).recv_multipart is zmq.Socket.recv_multipart
            and type(socket).recv is zmq.Socket.recv
        )
        self._recv_callback: Callable[[Any], Any] | None = None
        self._recv_copy = True
        self._send_callback: Callable[[Any, Any], Any] | None = None
        self._send_queue: deque[_Queued] = deque()
        self._close_callback: Callable[[], Any] | None = None
        #: Those of coroutine functions, while they run.
        self._running: set[asyncio.Future[Any]] = set()
        self._listed = _Listed(self)
        # Methods of the socket that programs call here.
        self.bind = socket.bind
        self.bind_to_random_port = socket.bind_to_random_port
        self.connect = socket.connect
        self.setsockopt = socket.setsockopt
        self.getsockopt = socket.getsockopt
        self.setsockopt_string = socket.setsockopt_string
        self.getsockopt_string = socket.getsockopt_string
        self.setsockopt_unicode = socket.setsockopt_unicode
        self.getsockopt_unicode = socket.getsockopt_unicode

    # -- callbacks ---------------------------------------------------------------------------

    def stop_on_recv(self) -> None:
        """Call back no more for messages that are received; they stay in the socket."""
        self.on_recv(None)

    def stop_on_send(self) -> None:
        """Call back no more for messages that are sent."""
        self.on_send(None)

    def stop_on_err(self) -> None:
        """Do nothing. Deprecated."""
        gen_log.warning("ZMQStream.on_err has no effect")

    def on_err(self, callback: Callable[[], Any] | None) -> None:
        """Do nothing. Deprecated.

        Parameters
        ----------
        callback
            Is never called.
        """
        gen_log.warning("ZMQStream.on_err has no effect")

    if TYPE_CHECKING:

        @overload
        def on_recv(self, callback: Callable[[list[bytes]], Any] | None) -> None: ...
        @overload
        def on_recv(
            self, callback: Callable[[list[bytes]], Any] | None, copy: Literal[True]
        ) -> None: ...
        @overload
        def on_recv(
            self, callback: Callable[[list[zmq.Frame]], Any] | None, copy: Literal[False]
        ) -> None: ...
        @overload
        def on_recv(
            self, callback: Callable[[list[Any]], Any] | None, copy: bool = ...
        ) -> None: ...

    def on_recv(self, callback: Callable[[Any], Any] | None, copy: bool = True) -> None:
        """Have a function called with each message that is received.

        Parameters
        ----------
        callback
            Gets the list of the parts. None stops it.
        copy
            Whether the parts are bytes; else they are Frames.
        """
        self._check_closed()
        assert callback is None or callable(callback), f"not a function: {callback!r}"
        self._recv_callback = callback
        self._recv_copy = copy
        if callback is not None:
            self._schedule()

    if TYPE_CHECKING:

        @overload
        def on_recv_stream(
            self, callback: Callable[[ZMQStream, list[bytes]], Any] | None
        ) -> None: ...
        @overload
        def on_recv_stream(
            self, callback: Callable[[ZMQStream, list[bytes]], Any] | None, copy: Literal[True]
        ) -> None: ...
        @overload
        def on_recv_stream(
            self, callback: Callable[[ZMQStream, list[zmq.Frame]], Any] | None, copy: Literal[False]
        ) -> None: ...
        @overload
        def on_recv_stream(
            self, callback: Callable[[ZMQStream, list[Any]], Any] | None, copy: bool = ...
        ) -> None: ...

    def on_recv_stream(
        self, callback: Callable[[ZMQStream, Any], Any] | None, copy: bool = True
    ) -> None:
        """Have a function called with this stream and each message that is received.

        Parameters
        ----------
        callback
            Gets the stream and the list of the parts. None stops it.
        copy
            Whether the parts are bytes; else they are Frames.
        """
        if callback is None:
            self.stop_on_recv()
            return
        function = callback
        self.on_recv(lambda message: function(self, message), copy=copy)

    def on_send(
        self, callback: Callable[[Sequence[Any], zmq.MessageTracker | None], Any] | None
    ) -> None:
        """Have a function called with each message that was sent.

        Parameters
        ----------
        callback
            Gets the list of the parts, and what sending returned: None, a MessageTracker, or the
            ZMQError with which it failed. None stops it.
        """
        self._check_closed()
        assert callback is None or callable(callback), f"not a function: {callback!r}"
        self._send_callback = callback

    def on_send_stream(
        self, callback: Callable[[ZMQStream, Sequence[Any], zmq.MessageTracker | None], Any] | None
    ) -> None:
        """Have a function called with this stream and each message that was sent.

        Parameters
        ----------
        callback
            Gets the stream, the list of the parts, and what sending returned. None stops it.
        """
        if callback is None:
            self.stop_on_send()
            return
        function = callback
        self.on_send(lambda message, status: function(self, message, status))

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Have a function called when the stream is closed.

        Parameters
        ----------
        callback
            Gets no arguments. None stops it.
        """
        self._close_callback = callback

    # -- sending -----------------------------------------------------------------------------

    def send(
        self,
        msg: MessagePart,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send a message of one part, soon.

        Parameters
        ----------
        msg
            The message.
        flags
            Any flags for :meth:`zmq.Socket.send_multipart`.
        copy
            As for that.
        track
            As for that.
        callback
            Called for this message and, as if given to :meth:`on_send`, for later ones.
        **kwargs
            As for that.
        """
        self.send_multipart([msg], flags, copy, track, callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[MessagePart],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send a message, soon: after those before it, and when there is room for it.

        Parameters
        ----------
        msg
            The parts of the message.
        flags
            Any flags for :meth:`zmq.Socket.send_multipart`.
        copy
            As for that.
        track
            As for that.
        callback
            Called for this message and, as if given to :meth:`on_send`, for later ones.
        **kwargs
            As for that.

        Raises
        ------
        OSError
            The stream is closed.
        """
        self._check_closed()
        kwargs.update(copy=copy, track=track)
        if callback is not None:
            self.on_send(callback)
        self._send_queue.append(_Queued(msg, int(flags), kwargs, callback))
        self._schedule()

    def send_string(
        self,
        u: str,
        flags: int = 0,
        encoding: str = "utf-8",
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send text as a message of one part.

        Parameters
        ----------
        u
            The text.
        flags
            As for :meth:`send`.
        encoding
            How to encode it.
        callback
            As for :meth:`send`.
        **kwargs
            As for :meth:`send`.

        Raises
        ------
        TypeError
            It is no str.
        """
        if not isinstance(u, str):
            raise TypeError(f"str objects only, not {type(u).__name__}; bytes go to send")
        self.send(u.encode(encoding), flags=flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(
        self,
        obj: Any,
        flags: int = 0,
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send an object as JSON.

        Parameters
        ----------
        obj
            Anything that :func:`json.dumps` takes.
        flags
            As for :meth:`send`.
        callback
            As for :meth:`send`.
        **kwargs
            As for :meth:`send`.
        """
        self.send(jsonapi.dumps(obj), flags=flags, callback=callback, **kwargs)

    def send_pyobj(
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = -1,
        callback: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send an object as a pickle.

        Parameters
        ----------
        obj
            Anything that can be pickled.
        flags
            As for :meth:`send`.
        protocol
            The protocol of the pickle; -1 for the newest.
        callback
            As for :meth:`send`.
        **kwargs
            As for :meth:`send`.
        """
        self.send(pickle.dumps(obj, protocol), flags=flags, callback=callback, **kwargs)

    # -- state -------------------------------------------------------------------------------

    def receiving(self) -> bool:
        """Say whether there is a function for messages that are received."""
        return self._recv_callback is not None

    def sending(self) -> bool:
        """Say whether messages wait to be sent."""
        return bool(self._send_queue)

    def closed(self) -> bool:
        """Say whether the stream, or its socket, was closed."""
        if self._ended:
            return True
        if self.socket.closed:
            # By somebody else: end here too.
            self.close()
            return True
        return False

    def _check_closed(self) -> None:
        if self.closed():
            raise OSError("Stream is closed")

    def close(self, linger: int | None = None) -> None:
        """Close the socket, and call back no more.

        Parameters
        ----------
        linger
            How long unsent messages are kept, in milliseconds: sets LINGER first. Those that are
            still queued here are dropped.
        """
        if self._ended:
            return
        self._unhook()
        self._listed.remove()
        try:
            self.socket.close(linger)
        finally:
            self._ended = True
            self.socket = None  # type: ignore[assignment]
            self._recv_callback = None
            if self._close_callback is not None:
                self._run_callback(self._close_callback)

    def flush(self, flag: int = POLLIN | POLLOUT, limit: int | None = None) -> int:
        """Call back for what can be received or sent now, without the loop.

        Parameters
        ----------
        flag
            POLLIN, POLLOUT or both.
        limit
            How many messages at most.

        Returns
        -------
        int
            How many messages it were.

        Raises
        ------
        OSError
            The stream is closed.
        """
        self._check_closed()
        flag = int(flag)
        count = 0
        try:
            while not self.closed() and (limit is None or count < limit):
                received = bool(flag & _POLLIN) and self._receive()
                count += received
                if self.closed() or (limit is not None and count >= limit):
                    break
                sent = bool(flag & _POLLOUT) and self._send()
                count += sent
                if not received and not sent:
                    break
        finally:
            # The loop goes on with what is left.
            if not self._ended:
                self._schedule()
        return count

    # -- the loop ----------------------------------------------------------------------------

    def _hook(self) -> Watch:
        """Have the loop watch the socket."""
        watch = self._watch
        if watch is None:
            watch = self._watch = Watch(self.socket)
            if watch.descriptor >= 0:
                self._selector.add_reader(watch.descriptor, self._handle)
            self._selector.add_reader(watch.wake_descriptor, self._handle_wake)
        return watch

    def _unhook(self) -> None:
        """Have the loop watch the socket no more."""
        watch, self._watch = self._watch, None
        if watch is None:
            return
        if not self._loop.is_closed():
            if watch.descriptor >= 0:
                self._selector.remove_reader(watch.descriptor)
            self._selector.remove_reader(watch.wake_descriptor)
        watch.close()

    def _schedule(self) -> None:
        """Have the loop look after the socket in its next round."""
        if get_running_loop() is not self._loop:
            # It may be another thread.
            self.io_loop.add_callback(self._handle)
        elif self._handling:
            self._again = True
        elif not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._handle_scheduled)

    def _handle_wake(self) -> None:
        if self._watch is not None:
            self._watch.woken()
        self._handle()

    def _handle_scheduled(self) -> None:
        self._scheduled = False
        self._handle()

    def _handle(self) -> None:
        """Call back for a message that has come, and for those that can be sent."""
        if self.closed():
            return
        self._turns.ran()
        self._handling = True
        self._again = False
        try:
            self._hook()
            if self._recv_callback is None and not self._send_queue:
                self._quieten()
                return
            try:
                self._again = self._receive()
            finally:
                while self._turns.lasting() and not self.closed() and self._send():
                    continue
            if self.closed():
                return
            if self._send_queue and not self._turns.lasting():
                # Others have their turn.
                self._scheduled = True
            elif self._again and self._recv_callback is not None:
                self._scheduled = bool(self._hook().look(_POLLIN))
        except zmq.ContextTerminated:
            # There is nothing to come; the socket waits to be closed.
            self._unhook()
        except BaseException:
            # A function of the user has failed: the loop hears of it, and this goes on.
            self._scheduled = True
            raise
        finally:
            self._handling = False
            if self._scheduled:
                self._loop.call_soon(self._handle_scheduled)

    def _quieten(self) -> None:
        """Make the descriptors quiet: nobody wants to know."""
        watch = self._hook()
        watch.look(0)
        watch.disarm()

    def _receive(self) -> bool:
        """Call back for a message, if there is one. If not, the loop hears when there is."""
        callback = self._recv_callback
        if callback is None:
            return False
        watch = self._hook()
        message: Any
        try:
            if self._is_plain:
                taken = watch.take(True, self._recv_copy, False, False)
                if taken is None:
                    return False
                message = taken.message
                taken.consume()
            else:
                try:
                    message = self.socket.recv_multipart(_DONTWAIT, copy=self._recv_copy)
                except Again:
                    # Armed, unless one has come just now.
                    return bool(watch.look(_POLLIN)) and self._receive()
        except zmq.ContextTerminated:
            raise
        except ZMQError as error:
            gen_log.error("cannot receive: %s", error)
            return False
        self._run_callback(callback, message)
        return True

    def _send(self) -> bool:
        """Send a message, if there is one. If there is no room, the loop hears when there is."""
        if not self._send_queue:
            return False
        queued = self._send_queue[0]
        status: Any
        try:
            if queued.frames is None:
                try:
                    status = self.socket.send_multipart(
                        queued.parts, queued.flags | _DONTWAIT, **queued.arguments
                    )
                except Again:
                    threshold = self.socket.copy_threshold
                    queued.frames, queued.result = frames_of(
                        queued.parts, threshold, **queued.arguments
                    )
            if queued.frames is not None:
                if not self._hook().send(queued.frames, queued.flags):
                    return False
                status = queued.result
        except zmq.ContextTerminated:
            raise
        except ZMQError as error:
            gen_log.error("cannot send: %s", error)
            status = error
        except Exception:
            # It cannot be sent, whenever.
            self._send_queue.popleft()
            gen_log.error("cannot send a message", exc_info=True)
            raise
        self._send_queue.popleft()
        callback = queued.callback or self._send_callback
        if callback is not None:
            self._run_callback(callback, queued.parts, status)
        return True

    def _run_callback(self, callback: Callable[..., Any], *arguments: Any) -> None:
        try:
            made = callback(*arguments)
            if isawaitable(made):
                self._follow(made)
        except Exception:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=True)
            # For the loop's own handling of exceptions.
            raise

    def _follow(self, made: Awaitable[Any]) -> None:
        """See to it that the failure of a coroutine is heard of."""
        future = asyncio.ensure_future(made, loop=self._loop)
        self._running.add(future)

        def ended(future: asyncio.Future[Any]) -> None:
            self._running.discard(future)
            if not future.cancelled():
                error = future.exception()
                if error is not None:
                    gen_log.error("Uncaught exception in ZMQStream callback", exc_info=error)

        future.add_done_callback(ended)
