"""Context and Socket whose calls let other greenlets run while they wait."""

from __future__ import annotations

import sys
from functools import partial
from itertools import count
from operator import index

from gevent import get_hub, getcurrent
from gevent._hub_local import get_hub_if_exists

import zmq
from zmq import _core
from zmq.constants import DONTWAIT, EVENTS, POLLIN, POLLOUT, RCVTIMEO, SNDTIMEO
from zmq.error import Again
from zmq.green._wait import Deadline, Sleepers, let_others_run, milliseconds, wait_until_done

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal, overload

    from zmq._typing import Buffer, MessagePart
    from zmq.green._wait import Hub

#: The options that limit how long a call waits.
TIMEOS = (RCVTIMEO, SNDTIMEO)

# What these sockets try, without waiting. Plain numbers: combining enums takes longer than a call.
_get = _core.Socket.get
_poll = _core.Socket.poll
_recv = _core.Socket.recv
_recv_into = _core.Socket.recv_into
_recv_multipart = _core.Socket.recv_multipart
_send = _core.Socket.send
_send_multipart = _core.Socket.send_multipart
_DONTWAIT = int(DONTWAIT)
_EVENTS = int(EVENTS)
_POLLIN = int(POLLIN)
_POLLOUT = int(POLLOUT)
_RCVTIMEO = int(RCVTIMEO)
_SNDTIMEO = int(SNDTIMEO)

#: Counts receives. Every so many it is looked at whether others should run; a power of two.
_next_receive = count(1).__next__
_LOOK_EVERY = 64


class _MessageTracker(zmq.MessageTracker):
    """Tells when libzmq is done with a message; others run while a greenlet waits for that.

    It is used like a :class:`zmq.MessageTracker`.
    """

    def wait(self, timeout: float | None = -1) -> None:
        """Wait until libzmq is done with the message; other greenlets run meanwhile.

        Parameters
        ----------
        timeout
            Seconds to wait at most; for ever where it is None or negative.

        Raises
        ------
        NotDone
            The time was up.
        """
        hub = get_hub_if_exists()
        if self.done or hub is None or getcurrent() is hub:
            super().wait(timeout)
        else:
            hub.threadpool.apply(super().wait, (timeout,))


def _tracker(sent: zmq.MessageTracker | None, track: bool) -> zmq.MessageTracker | None:
    """Give what a send returns."""
    return _MessageTracker(sent) if track and sent is not None else sent


class _Socket(zmq.Socket[bytes]):
    """A socket whose calls let other greenlets run while they wait.

    It is used like a :class:`zmq.Socket`. Any number of greenlets may use it at once: several may
    wait to receive, and each message goes to one of them; several may wait to send, and are
    served in the order in which they came. SNDTIMEO and RCVTIMEO limit how long a call waits.
    Where ``close()`` or the end of the context finds greenlets waiting, their calls raise
    ZMQError ENOTSOCK or ContextTerminated. A greenlet that is killed while it waits, or whose
    ``gevent.Timeout`` is over, has sent or received nothing.
    """

    _repr_cls = "zmq.green.Socket"

    #: Who waits on this socket, made when the first one does.
    _sleepers: Sleepers | None = None

    def _sleepers_in(self, hub: Hub) -> Sleepers:
        """Give those who wait on this socket in a hub."""
        sleepers = self._sleepers
        if sleepers is None or sleepers.hub is not hub:
            self._sleepers = sleepers = Sleepers(hub, self)
        return sleepers

    def close(self, linger: int | None = None) -> None:
        """Close the socket. Calls that wait on it raise ZMQError ENOTSOCK.

        Parameters
        ----------
        linger
            How long it may go on to send what is not sent yet, in milliseconds; what LINGER says
            where it is None.
        """
        super().close(linger)
        sleepers, self._sleepers = self._sleepers, None
        if sleepers is not None:
            sleepers.close()

    # -- sending -----------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def send(
            self,
            data: MessagePart,
            flags: int = 0,
            copy: Literal[False] = ...,
            track: Literal[True] = ...,
            routing_id: int | None = None,
            group: str | None = None,
        ) -> zmq.MessageTracker: ...
        @overload
        def send(
            self,
            data: MessagePart,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            routing_id: int | None = None,
            group: str | None = None,
        ) -> zmq.MessageTracker | None: ...

    def send(
        self,
        data: MessagePart,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> zmq.MessageTracker | None:
        """Send one message part; other greenlets run while there is no room for it.

        Parameters
        ----------
        data
            bytes, any contiguous buffer, or a Frame.
        flags
            DONTWAIT not to wait, SNDMORE where further parts follow.
        copy
            False lends the memory of `data` to libzmq instead of copying it, from copy_threshold
            bytes on: it must not change until libzmq is done with it.
        track
            With copy=False: return a MessageTracker that tells when libzmq is done.
        routing_id
            The peer, for SERVER sockets (draft).
        group
            The group, for RADIO sockets (draft).

        Returns
        -------
        None or MessageTracker
            A tracker with copy=False, and for a tracked Frame.

        Raises
        ------
        Again
            It would have to wait, and DONTWAIT was given or SNDTIMEO ran out.
        ZMQError
            ENOTSOCK: the socket is closed, perhaps while it waits; and as :meth:`zmq.Socket.send`.
        """
        flags = index(flags) if flags else 0
        may_wait = not flags & _DONTWAIT
        flags |= _DONTWAIT
        try:
            if routing_id is None and group is None:
                return _tracker(_send(self, data, flags, copy, track), track)
            return _tracker(_send(self, data, flags, copy, track, routing_id, group), track)
        except Again:
            timeout_ms = _get(self, _SNDTIMEO) if may_wait else 0
            if timeout_ms == 0:
                raise
        # A copy is made of what was there when send was called.
        part = data if not copy or isinstance(data, zmq.Frame) else zmq.Frame(data, copy=True)
        attempt = partial(_send, self, part, flags, copy, track, routing_id, group)
        return _tracker(wait_until_done(self, _POLLOUT, timeout_ms, attempt), track)

    if TYPE_CHECKING:

        @overload
        def send_multipart(
            self,
            msg_parts: Iterable[MessagePart],
            flags: int = 0,
            copy: Literal[False] = ...,
            track: Literal[True] = ...,
            **kwargs: Any,
        ) -> zmq.MessageTracker: ...
        @overload
        def send_multipart(
            self,
            msg_parts: Iterable[MessagePart],
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            **kwargs: Any,
        ) -> zmq.MessageTracker | None: ...

    def send_multipart(
        self,
        msg_parts: Iterable[MessagePart],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> zmq.MessageTracker | None:
        """Send a message of several parts; other greenlets run while there is no room for it.

        All parts are sent, or none, and no other greenlet's come between them.

        Parameters
        ----------
        msg_parts
            The parts, an iterable of what :meth:`send` takes.
        flags
            DONTWAIT not to wait.
        copy
            As for :meth:`send`.
        track
            As for :meth:`send`; the tracker watches all parts.
        **kwargs
            routing_id and group, as for :meth:`send`.

        Returns
        -------
        None or MessageTracker
            As :meth:`send`.

        Raises
        ------
        Again
            It would have to wait, and DONTWAIT was given or SNDTIMEO ran out.
        ZMQError
            ENOTSOCK: the socket is closed, perhaps while it waits; and as
            :meth:`zmq.Socket.send_multipart`.
        """
        if type(self).send is not _Socket.send:
            return self._send_parts(msg_parts, flags, copy, track, **kwargs)
        flags = index(flags) if flags else 0
        may_wait = not flags & _DONTWAIT
        flags |= _DONTWAIT
        if may_wait and not isinstance(msg_parts, (list, tuple)):
            # A second try needs them again.
            msg_parts = list(msg_parts)
        try:
            if not kwargs:
                return _tracker(_send_multipart(self, msg_parts, flags, copy, track), track)
            return _tracker(_send_multipart(self, msg_parts, flags, copy, track, **kwargs), track)
        except Again:
            timeout_ms = _get(self, _SNDTIMEO) if may_wait else 0
            if timeout_ms == 0:
                raise
        parts = [
            part if not copy or isinstance(part, zmq.Frame) else zmq.Frame(part, copy=True)
            for part in msg_parts
        ]
        attempt = partial(_send_multipart, self, parts, flags, copy, track, **kwargs)
        return _tracker(wait_until_done(self, _POLLOUT, timeout_ms, attempt), track)

    # -- receiving ---------------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def recv(
            self,
            flags: int = 0,
            copy: Literal[True] = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> bytes: ...
        @overload
        def recv(
            self,
            flags: int = 0,
            *,
            copy: Literal[False],
            track: bool = False,
            timeout: float | None = None,
        ) -> zmq.Frame: ...
        @overload
        def recv(
            self,
            flags: int,
            copy: Literal[False],
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> zmq.Frame: ...
        @overload
        def recv(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> bytes | zmq.Frame: ...

    def recv(
        self,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        timeout: float | None = None,
    ) -> bytes | zmq.Frame:
        """Receive one message part; other greenlets run until it is there.

        Parameters
        ----------
        flags
            DONTWAIT not to wait.
        copy
            False returns a Frame over libzmq's memory.
        track
            With copy=False: the Frame has a MessageTracker.
        timeout
            How long to wait at most, in milliseconds, for ever where it is negative; RCVTIMEO
            where it is None.

        Returns
        -------
        bytes or Frame
            The part.

        Raises
        ------
        Again
            Nothing was there, and DONTWAIT was given or the time ran out.
        ZMQError
            ENOTSOCK: the socket is closed, perhaps while it waits; and as :meth:`zmq.Socket.recv`.
        """
        if flags:
            flags = index(flags)
            if flags & _DONTWAIT:
                return _recv(self, flags, copy, track)
        if _next_receive() % _LOOK_EVERY == 0:
            let_others_run(self)
        try:
            return _recv(self, flags | _DONTWAIT, copy, track)
        except Again:
            timeout_ms = _get(self, _RCVTIMEO) if timeout is None else milliseconds(timeout)
            if timeout_ms == 0:
                raise
        return wait_until_done(
            self, _POLLIN, timeout_ms, partial(_recv, self, flags | _DONTWAIT, copy, track)
        )

    def recv_into(
        self,
        buffer: Buffer,
        /,
        *,
        nbytes: int = 0,
        flags: int = 0,
        timeout: float | None = None,
    ) -> int:
        """Receive one message part into memory of the caller.

        Other greenlets run until it is there.

        Parameters
        ----------
        buffer
            A writable contiguous buffer. What does not fit is discarded.
        nbytes
            Write at most so many bytes; 0 for the size of the buffer.
        flags
            DONTWAIT not to wait.
        timeout
            As for :meth:`recv`.

        Returns
        -------
        int
            The size of the part in bytes: larger than the buffer where it was cut.

        Raises
        ------
        Again
            Nothing was there, and DONTWAIT was given or the time ran out.
        BufferError
            The buffer is read-only or not contiguous.
        ValueError
            `nbytes` is negative or larger than the buffer.
        """
        flags = index(flags)
        attempt = partial(_recv_into, self, buffer, nbytes=nbytes, flags=flags | _DONTWAIT)
        if flags & _DONTWAIT:
            return attempt()
        if _next_receive() % _LOOK_EVERY == 0:
            let_others_run(self)
        try:
            return attempt()
        except Again:
            timeout_ms = _get(self, _RCVTIMEO) if timeout is None else milliseconds(timeout)
            if timeout_ms == 0:
                raise
        return wait_until_done(self, _POLLIN, timeout_ms, attempt)

    if TYPE_CHECKING:

        @overload
        def recv_multipart(
            self,
            flags: int = 0,
            copy: Literal[True] = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> list[bytes]: ...
        @overload
        def recv_multipart(
            self,
            flags: int = 0,
            *,
            copy: Literal[False],
            track: bool = False,
            timeout: float | None = None,
        ) -> list[zmq.Frame]: ...
        @overload
        def recv_multipart(
            self,
            flags: int,
            copy: Literal[False],
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> list[zmq.Frame]: ...
        @overload
        def recv_multipart(
            self,
            flags: int = 0,
            copy: bool = True,
            track: bool = False,
            *,
            timeout: float | None = None,
        ) -> list[bytes] | list[zmq.Frame]: ...

    def recv_multipart(
        self,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        timeout: float | None = None,
    ) -> list[bytes] | list[zmq.Frame]:
        """Receive all parts of a message; other greenlets run until they are there.

        Parameters
        ----------
        flags
            DONTWAIT not to wait.
        copy
            False returns Frames over libzmq's memory.
        track
            With copy=False: the Frames have MessageTrackers.
        timeout
            As for :meth:`recv`.

        Returns
        -------
        list of bytes or Frame
            The parts.

        Raises
        ------
        Again
            Nothing was there, and DONTWAIT was given or the time ran out.
        ZMQError
            ENOTSOCK: the socket is closed, perhaps while it waits; and as
            :meth:`zmq.Socket.recv_multipart`.
        """
        if type(self).recv is not _Socket.recv:
            given = {} if timeout is None else {"timeout": timeout}
            return self._receive_parts(flags, copy, track, **given)
        if flags:
            flags = index(flags)
            if flags & _DONTWAIT:
                return _recv_multipart(self, flags, copy, track)
        if _next_receive() % _LOOK_EVERY == 0:
            let_others_run(self)
        try:
            return _recv_multipart(self, flags | _DONTWAIT, copy, track)
        except Again:
            timeout_ms = _get(self, _RCVTIMEO) if timeout is None else milliseconds(timeout)
            if timeout_ms == 0:
                raise
        return wait_until_done(
            self,
            _POLLIN,
            timeout_ms,
            partial(_recv_multipart, self, flags | _DONTWAIT, copy, track),
        )

    # -- waiting -----------------------------------------------------------------------------

    def poll(self, timeout: float | None = None, flags: int = _POLLIN) -> int:
        """Wait until the socket can receive or send; other greenlets run meanwhile.

        Parameters
        ----------
        timeout
            Milliseconds to wait at most; for ever where it is None or negative.
        flags
            The events to wait for, POLLIN and POLLOUT.

        Returns
        -------
        int
            The events that are there; 0 when the time was up.

        Raises
        ------
        ZMQError
            ENOTSUP: the socket is closed; ENOTSOCK: it is closed while this waits; ETERM: the
            context was terminated.
        """
        timeout_ms = milliseconds(timeout)
        ready = _poll(self, 0, flags)
        if ready or timeout_ms == 0:
            return ready
        deadline = Deadline(timeout_ms)
        over = False
        while not ready and not over:
            self._sleepers_in(get_hub()).sleep(index(flags), deadline.remaining())
            over = deadline.passed()
            ready = _get(self, _EVENTS) & index(flags)
        return ready


class _Context(zmq.Context[_Socket]):
    """A context whose sockets let other greenlets run while they wait.

    It is used like a :class:`zmq.Context`.
    """

    _repr_cls = "zmq.green.Context"
    _socket_class = _Socket
    #: A global instance of its own, beside that of :class:`zmq.Context`.
    _instance: Any = None

    def term(self) -> None:
        """Close the context, on another thread: other greenlets run meanwhile.

        Greenlets that wait on its sockets get ContextTerminated. It returns when all sockets are
        closed, and what they had to send is sent or their LINGER is over. It goes on where the
        greenlet that called it is killed, and may be called again.
        """
        hub = get_hub_if_exists()
        alone = hub is None or getcurrent() is hub or sys.is_finalizing()
        if alone or self.closed or self._shadow:
            # There are no others to let run, or there is nothing to wait for.
            super().term()
        else:
            hub.threadpool.apply(super().term)
