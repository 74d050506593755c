"""Proxies that run in greenlets, and let others run."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from struct import pack

import gevent
from gevent.event import Event

from zmq import _core
from zmq.constants import DONTWAIT, EVENTS, POLLIN, POLLOUT, SocketType
from zmq.error import Again
from zmq.green._wait import wait_until_done
from zmq.green.poll import _Poller as Poller
from zmq.green.poll import zmq_poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, TypeVar

    _Result = TypeVar("_Result")

__all__ = ["Poller", "device", "proxy", "proxy_steerable"]

#: How many messages pass in one direction before other greenlets run.
_BURST = 50

_DONTWAIT = int(DONTWAIT)
_POLLIN = int(POLLIN)
_POLLOUT = int(POLLOUT)

#: Types that only send, or only receive.
_SENDERS = {SocketType.PUB, SocketType.PUSH, SocketType.RADIO, SocketType.SCATTER}
_RECEIVERS = {SocketType.SUB, SocketType.PULL, SocketType.DISH, SocketType.GATHER}

#: Types of control sockets whose answers go to whoever sent the command.
_ANSWERING = {SocketType.PAIR, SocketType.REP, SocketType.DEALER}


def _do(socket: _core.Socket, events: int, attempt: Callable[[], _Result]) -> _Result:
    """Make a call that does not wait, as often as it takes."""
    try:
        return attempt()
    except Again:
        # Waiting is not for this block: there is an error here.
        pass
    return wait_until_done(socket, events, None, attempt)


def _receive(socket: _core.Socket) -> list[_core.Frame]:
    return _core.Socket.recv_multipart(socket, _DONTWAIT, copy=False)


def _send(socket: _core.Socket, parts: list[_core.Frame]) -> None:
    _core.Socket.send_multipart(socket, parts, _DONTWAIT, copy=False)


def _wait(socket: _core.Socket, events: int) -> None:
    if not _core.Socket.get(socket, EVENTS) & events:
        zmq_poll([(socket, events)])


class _Side:
    """One of the two sockets of a proxy, and how much has come and gone there.

    Parameters
    ----------
    socket
        The socket.
    """

    def __init__(self, socket: _core.Socket) -> None:
        self.socket = socket
        self.received_messages = self.received_bytes = 0
        self.sent_messages = self.sent_bytes = 0

    def statistics(self) -> list[bytes]:
        """Give the four numbers that zmq_proxy_steerable(3) has for a side."""
        numbers = (self.received_messages, self.received_bytes, self.sent_messages, self.sent_bytes)
        return [pack("=Q", number) for number in numbers]


class _Proxy:
    """A proxy: one greenlet for each direction, and one for the control socket.

    Parameters
    ----------
    frontend, backend
        The sockets to pass messages between; they may be the same one.
    capture
        A socket that gets a copy of every message, or None.
    control
        A socket that is obeyed, or None.
    """

    def __init__(
        self,
        frontend: _core.Socket,
        backend: _core.Socket,
        capture: _core.Socket | None = None,
        control: _core.Socket | None = None,
    ) -> None:
        for name, socket in [
            ("frontend", frontend),
            ("backend", backend),
            ("capture", capture),
            ("control", control),
        ]:
            optional = name in ("capture", "control")
            if not isinstance(socket, _core.Socket) and not (optional and socket is None):
                raise TypeError(f"{name} must be a zmq.Socket, got {socket!r}")
        self._frontend = _Side(frontend)
        self._backend = self._frontend if backend is frontend else _Side(backend)
        self._capture = capture
        self._control = control
        self._going = Event()
        self._going.set()

    def run(self) -> None:
        """Pass messages until a socket ends it, or TERMINATE comes."""
        greenlets = [gevent.spawn(self._outcome, task) for task in self._tasks()]
        try:
            for first in gevent.iwait(greenlets, count=1):
                error = first.get()
                if error is not None:
                    raise error
        finally:
            gevent.killall(greenlets)

    def _tasks(self) -> list[Callable[[], None]]:
        front, back = self._frontend, self._backend
        ways = [(front, back)] if front is back else [(front, back), (back, front)]
        usable = [
            (source, target)
            for source, target in ways
            if source.socket.type not in _SENDERS and target.socket.type not in _RECEIVERS
        ]
        tasks: list[Callable[[], None]] = [
            partial(self._forward, source, target) for source, target in usable or ways
        ]
        if self._control is not None:
            tasks.append(partial(self._obey, self._control))
        return tasks

    @staticmethod
    def _outcome(task: Callable[[], None]) -> Exception | None:
        """Run a task, and give its error: gevent prints those that leave a greenlet."""
        try:
            task()
        except Exception as error:
            return error
        return None

    def _forward(self, source: _Side, target: _Side) -> None:
        while True:
            self._going.wait()
            # Nothing is taken that cannot be passed on.
            _wait(source.socket, _POLLIN)
            _wait(target.socket, _POLLOUT)
            if self._going.is_set() and self._pass_on(source, target) == _BURST:
                gevent.sleep(0)

    def _pass_on(self, source: _Side, target: _Side) -> int:
        """Pass on what is there, and say how many messages that was."""
        for number in range(_BURST):
            try:
                parts = _receive(source.socket)
            except Again:
                return number
            try:
                if self._capture is not None:
                    _do(self._capture, _POLLOUT, partial(_send, self._capture, parts))
                _do(target.socket, _POLLOUT, partial(_send, target.socket, parts))
            except BaseException:
                # It goes back in front: for whoever receives next.
                source.socket._give_back(parts)
                raise
            if self._control is not None:
                size = sum(map(len, parts))
                source.received_messages += 1
                source.received_bytes += size
                target.sent_messages += 1
                target.sent_bytes += size
        return _BURST

    def _obey(self, control: _core.Socket) -> None:
        command = b""
        while command != b"TERMINATE":
            command = bytes(_do(control, _POLLIN, partial(_receive, control))[0])
            reply = [b""]
            if command == b"PAUSE":
                self._going.clear()
            elif command == b"RESUME":
                self._going.set()
            elif command == b"STATISTICS":
                reply = self._frontend.statistics() + self._backend.statistics()
            if control.type in _ANSWERING:
                # Who asks without listening gets nothing.
                with suppress(Again):
                    _send(control, [_core.Frame(part) for part in reply])


def device(device_type: int, isocket: _core.Socket, osocket: _core.Socket) -> NoReturn:
    """Forward messages between two sockets until one of them ends; other greenlets run meanwhile.

    Parameters
    ----------
    device_type
        :class:`zmq.DeviceType`. It documents what the device is for and changes nothing.
    isocket
        The socket that faces the clients.
    osocket
        The socket that faces the servers.

    Raises
    ------
    ContextTerminated
        The context was terminated.
    ZMQError
        ENOTSOCK: a socket was closed.
    """
    _Proxy(isocket, osocket).run()
    raise AssertionError("only a control socket ends a proxy without an error")


def proxy(
    frontend: _core.Socket, backend: _core.Socket, capture: _core.Socket | None = None
) -> None:
    """Pass messages between two sockets until one of them ends; other greenlets run meanwhile.

    Killed, it leaves every message that it could not pass on with the socket that has it.

    Parameters
    ----------
    frontend, backend
        The sockets; they may be the same one.
    capture
        A socket that gets a copy of every message, or None.

    Raises
    ------
    ContextTerminated
        The context of the sockets was terminated.
    ZMQError
        ENOTSOCK: a socket was closed.
    """
    _Proxy(frontend, backend, capture).run()


def proxy_steerable(
    frontend: _core.Socket,
    backend: _core.Socket,
    capture: _core.Socket | None = None,
    control: _core.Socket | None = None,
) -> int:
    """Run a proxy that obeys a control socket; other greenlets run meanwhile.

    Parameters
    ----------
    frontend, backend, capture
        As for :func:`proxy`.
    control
        A socket on which PAUSE, RESUME, TERMINATE and STATISTICS come; or None. A PAIR, DEALER or
        REP answers each command: STATISTICS with eight parts, 64-bit unsigned integers of this
        machine's byte order (messages and bytes received and sent by the frontend, then by the
        backend), the others with an empty message.

    Returns
    -------
    int
        0, after TERMINATE.

    Raises
    ------
    ContextTerminated, ZMQError
        As for :func:`proxy`.
    """
    _Proxy(frontend, backend, capture, control).run()
    return 0
