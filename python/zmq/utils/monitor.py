"""Events of a monitored socket: what libzmq sends to a monitor, read and typed."""

from __future__ import annotations

import itertools
import struct
import weakref
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from inspect import isawaitable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict, cast, overload

import zmq
from zmq.constants import Errno, Event
from zmq.utils._blocking import blocking_view, is_asynchronous

if TYPE_CHECKING:
    import zmq.asyncio

__all__ = ["parse_monitor_message", "recv_monitor_message"]

#: The first frame: the event in 16 bits, its value in 32, in the byte order of the machine.
_EVENT_AND_VALUE = struct.Struct("=Hi")

#: Events whose value is the errno that the system call ended with.
_WITH_ERRNO = frozenset(
    {
        Event.CONNECT_DELAYED,
        Event.BIND_FAILED,
        Event.ACCEPT_FAILED,
        Event.CLOSE_FAILED,
        Event.HANDSHAKE_FAILED_NO_DETAIL,
    }
)

#: How a socket comes to its end.
_ENDS = (zmq.ETERM, Errno.ENOTSOCK)

_EVENTS: dict[int, Event] = {int(event): event for event in Event.__members__.values()}
_PROTOCOL_ERRORS: dict[int, Event] = {
    int(event): event
    for name, event in Event.__members__.items()
    if name.startswith("PROTOCOL_ERROR_")
}
_ERRNOS: dict[int, Errno] = {int(errno): errno for errno in Errno}

#: What makes the endpoint of each monitor its own.
_numbers = itertools.count(1)

#: Type of an event's value: a descriptor, an interval in ms or a status code as int, an errno,
#: or a protocol error. All of them are ints.
EventValue: TypeAlias = int | Errno | Event


class MonitorMessage(TypedDict):
    """What :func:`parse_monitor_message` returns."""

    event: Event
    value: EventValue
    endpoint: bytes


class MonitorMessageError(ValueError, RuntimeError):
    """The message was not sent by a monitor of libzmq.

    It is a ValueError, and a RuntimeError for programs that expect pyzmq's.
    """


def _typed_value(event: int, value: int) -> EventValue:
    if event in _WITH_ERRNO:
        return _ERRNOS.get(value, value)
    if event == Event.HANDSHAKE_FAILED_PROTOCOL:
        return _PROTOCOL_ERRORS.get(value, value)
    return value


def parse_monitor_message(msg: Iterable[Any]) -> MonitorMessage:
    """Read one message of a monitor.

    Parameters
    ----------
    msg
        The two frames, as ``recv_multipart()`` gives them.

    Returns
    -------
    dict
        ``event`` is the :class:`zmq.Event`. ``value`` is an int: a file descriptor, for
        ``CONNECT_RETRIED`` the interval in milliseconds, for ``HANDSHAKE_FAILED_AUTH`` the status
        code; for events that tell of a failed system call it is the errno, as
        :class:`zmq.Errno` where that has it; for ``HANDSHAKE_FAILED_PROTOCOL`` it is the
        ``zmq.Event.PROTOCOL_ERROR_*`` member. ``endpoint`` is the address as bytes.

    Raises
    ------
    ValueError
        These are not the two frames that a monitor sends. (The class is
        :class:`MonitorMessageError`, which is a RuntimeError too.)
    """
    if isinstance(msg, bytes | bytearray | memoryview | str):
        raise MonitorMessageError(f"a monitor's message is a list of two frames, not {msg!r}")
    frames = list(msg)
    if len(frames) != 2:
        raise MonitorMessageError(f"a monitor sends messages of two frames, not {len(frames)}")
    try:
        first = memoryview(frames[0])
    except TypeError:
        raise MonitorMessageError(
            f"the first frame of a monitor's message is bytes, not {frames[0]!r}"
        ) from None
    if first.nbytes != _EVENT_AND_VALUE.size:
        raise MonitorMessageError(
            f"the first frame of a monitor's message has {_EVENT_AND_VALUE.size} bytes "
            f"(event and value), not {first.nbytes}"
        )
    number, value = _EVENT_AND_VALUE.unpack(first)
    # An event that a newer libzmq may add is one unknown bit; IntFlag has a value for it.
    event = _EVENTS[number] if number in _EVENTS else Event(number)
    endpoint = frames[1]
    if isinstance(endpoint, zmq.Frame):
        endpoint = endpoint.bytes
    return {"event": event, "value": _typed_value(number, value), "endpoint": endpoint}


async def _parse_when_received(message: Awaitable[list[Any]]) -> MonitorMessage:
    return parse_monitor_message(await message)


@overload
def recv_monitor_message(
    socket: zmq.asyncio.Socket, flags: int = 0
) -> Awaitable[MonitorMessage]: ...
@overload
def recv_monitor_message(socket: zmq.Socket[Any], flags: int = 0) -> MonitorMessage: ...
def recv_monitor_message(
    socket: zmq.Socket[Any], flags: int = 0
) -> MonitorMessage | Awaitable[MonitorMessage]:
    """Receive and read one message of a monitor.

    Parameters
    ----------
    socket
        The PAIR socket that is connected to the monitor, for example from
        :meth:`zmq.Socket.get_monitor_socket`.
    flags
        Any flags for ``recv_multipart``.

    Returns
    -------
    dict
        The event, as :func:`parse_monitor_message` describes it. From an asynchronous socket, an
        awaitable of it.

    Raises
    ------
    Again
        ``DONTWAIT`` was given, or RCVTIMEO ran out, and there was no event.
    ValueError
        The message is not one of a monitor.
    """
    message = socket.recv_multipart(flags)
    if isawaitable(message):
        return _parse_when_received(cast("Awaitable[list[Any]]", message))
    return parse_monitor_message(message)


@dataclass(frozen=True)
class MonitorEvent:
    """One event in the life of a socket's connections.

    Attributes
    ----------
    event
        What happened.
    value
        What libzmq says about it, typed as :func:`parse_monitor_message` describes.
    endpoint
        The address that the event is about.
    """

    event: Event
    value: EventValue
    endpoint: bytes


class MonitorEvents:
    """The events of one socket, to iterate over with ``for`` or ``async for``.

    Monitoring starts at once, so that nothing is missed between the call and the loop, and ends
    with :meth:`close`, at the end of a ``with`` block, or when this object is dropped. The loop
    ends by itself after ``MONITOR_STOPPED``: the monitored socket was closed, or another monitor
    took its place, since libzmq keeps one for each socket. It also ends when the context is
    terminated.

    Parameters
    ----------
    socket
        The socket to monitor. It is not kept alive by this object.
    events
        The events that are wanted, combined with ``|``; None means all.
    """

    def __init__(self, socket: zmq.Socket[Any], events: int | None = None) -> None:
        self._monitored: weakref.ref[zmq.Socket[Any]] = weakref.ref(socket)
        self._receiver: zmq.Socket[Any] | None = None
        # The receiver, or a view of it that waits in the other way, made when it is needed.
        self._blocking: zmq.Socket[Any] | None = None
        self._awaiting: zmq.asyncio.Socket | None = None
        socket.disable_monitor()
        # A new endpoint each time: libzmq may still hold the last one when this one is bound.
        endpoint = f"inproc://zmq.utils.monitor-{next(_numbers)}"
        self._wanted = Event.ALL if events is None else events
        # The end must be seen by the loop, also by one that does not want to hear of it.
        self._receiver = socket.get_monitor_socket(self._wanted | Event.MONITOR_STOPPED, endpoint)

    @property
    def closed(self) -> bool:
        """Whether the events have come to their end."""
        return self._receiver is None

    def close(self) -> None:
        """Stop monitoring; a loop over the events ends. It may be called more than once."""
        receiver, self._receiver = self._receiver, None
        self._blocking = self._awaiting = None
        if receiver is None:
            return
        try:
            monitored = self._monitored()
            # Only our own monitor is stopped, not one that has taken its place.
            if monitored is not None and monitored._monitor_socket is receiver:
                monitored.disable_monitor()
        except zmq.ZMQError as error:
            if error.errno not in _ENDS:
                raise
        finally:
            receiver.close(linger=0)

    def _take(self, message: list[Any]) -> MonitorEvent | None:
        """Read the message; None tells that it is an end which is not to be told."""
        event = MonitorEvent(**parse_monitor_message(message))
        if event.event == Event.MONITOR_STOPPED:
            self.close()
            if not self._wanted & Event.MONITOR_STOPPED:
                return None
        return event

    def _ends_with(self, error: zmq.ZMQError) -> bool:
        """Say whether an error means that there are no further events."""
        if error.errno not in _ENDS:
            return False
        self.close()
        return True

    def __iter__(self) -> MonitorEvents:
        """Wait for each event in turn."""
        return self

    def __next__(self) -> MonitorEvent:
        """Wait for the next event."""
        receiver = self._receiver
        if receiver is None:
            raise StopIteration
        if self._blocking is None:
            self._blocking = blocking_view(receiver)
        try:
            event = self._take(self._blocking.recv_multipart())
        except zmq.ZMQError as error:
            if not self._ends_with(error):
                raise
            event = None
        if event is None:
            raise StopIteration
        return event

    def __aiter__(self) -> MonitorEvents:
        """Await each event in turn."""
        return self

    async def __anext__(self) -> MonitorEvent:
        """Await the next event."""
        receiver = self._receiver
        if receiver is None:
            raise StopAsyncIteration
        if self._awaiting is None:
            if is_asynchronous(receiver):
                self._awaiting = cast("zmq.asyncio.Socket", receiver)
            else:
                # Not needed by those who block.
                from zmq.asyncio import Socket as AwaitableSocket

                self._awaiting = AwaitableSocket.shadow(receiver)
        try:
            event = self._take(await self._awaiting.recv_multipart())
        except zmq.ZMQError as error:
            if not self._ends_with(error):
                raise
            event = None
        if event is None:
            raise StopAsyncIteration
        return event

    def __enter__(self) -> MonitorEvents:
        """Give the events themselves."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop monitoring."""
        self.close()

    def __del__(self) -> None:
        # Incomplete when the socket could not be monitored at all.
        if getattr(self, "_receiver", None) is not None:
            self.close()


def monitor_events(socket: zmq.Socket[Any], events: int | None = None) -> MonitorEvents:
    """Monitor a socket and give its events, to iterate over.

    Parameters
    ----------
    socket
        The socket to monitor. A monitor that it has already is stopped.
    events
        The events that are wanted, combined with ``|``; None means all.

    Returns
    -------
    MonitorEvents
        An iterator and asynchronous iterator of :class:`MonitorEvent`, whatever the kind of
        socket.
    """
    return MonitorEvents(socket, events)
