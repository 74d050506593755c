"""What ventilator, worker and sink have in common: encrypted sockets, orders, monitors.

A stage waits in one place, `Stage.wait`, for its sockets and, beside them, for orders from main
and for monitor events. So it can always be ended, whatever it waits for.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import shutil
import signal
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from .wire import KeyPair

WATCHED = (
    zmq.EVENT_CONNECTED
    | zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_DISCONNECTED
)

ORPHAN_CHECK_MS = 500
"""How often a stage looks whether main still lives."""

REPORT_LINGER_MS = 5000
"""How long an ending stage waits for its last reports and results to leave."""


class Stopped(Exception):
    """Main asked this stage to stop, or is gone."""


@dataclass(frozen=True)
class Job:
    """What every stage is told when it starts."""

    name: str
    """How messages call it, for instance ``worker 1``."""
    keys: KeyPair
    """Its own keys: the server's on sockets that it binds, the client's on the others."""
    main_endpoint: str
    main_key: bytes
    directory: str | None
    """Where to bind over ipc; None for tcp."""
    workers: int


class Stage:
    """One process of the pipeline.

    Parameters
    ----------
    job
        Its name and keys, and where main is.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.handshakes: Counter[str] = Counter()
        """How many connections came up, by what they are for."""
        self.hangups: Counter[str] = Counter()
        """How many of them went down again."""
        self.orders: deque[list[bytes]] = deque()
        """Orders from main that are still to be carried out."""
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._sockets: list[zmq.Socket[bytes]] = []
        self._monitors: dict[zmq.Socket[bytes], str] = {}
        self._look_for_main_at = time.monotonic()
        self._refused: set[zmq.Socket[bytes]] = set()
        self._control = self.socket(
            zmq.DEALER, SNDHWM=0, RCVHWM=0, ROUTING_ID=job.name.encode(), LINGER=REPORT_LINGER_MS
        )
        self.connect(self._control, job.main_endpoint, job.main_key)
        self._poller.register(self._control, zmq.POLLIN)

    def socket(
        self, socket_type: int, connection: str | None = None, **options: int | bytes
    ) -> zmq.Socket[bytes]:
        """Make a socket.

        Parameters
        ----------
        socket_type
            For instance ``zmq.PUSH``.
        connection
            What it is for: ``files``, ``results``, ``rest``. Given, its events are watched, and
            reported to main.
        options
            Socket options, in the spelling of `zmq.SocketOption`.
        """
        socket = self._context.socket(socket_type)
        self._sockets.append(socket)
        socket.linger = 0
        for option, value in options.items():
            socket.set(zmq.SocketOption[option], value)
        if connection is not None:
            monitor = socket.get_monitor_socket(WATCHED)
            self._monitors[monitor] = connection
            self._poller.register(monitor, zmq.POLLIN)
        return socket

    def bind(self, socket: zmq.Socket[bytes], noun: str) -> bytes:
        """Bind as a CURVE server, on an endpoint of the system's choice, and return it."""
        socket.backlog = max(100, 2 * self.job.workers)
        socket.curve_server = True
        socket.curve_secretkey = self.job.keys.secret
        if self.job.directory is None:
            socket.bind("tcp://127.0.0.1:*")
        else:
            socket.bind(f"ipc://{self.job.directory}/{noun}")
        return socket.get_string(zmq.LAST_ENDPOINT).encode()

    def connect(self, socket: zmq.Socket[bytes], endpoint: str, server_key: bytes) -> None:
        """Connect as a CURVE client that trusts only the server with this key."""
        socket.curve_serverkey = server_key
        socket.curve_publickey = self.job.keys.public
        socket.curve_secretkey = self.job.keys.secret
        socket.connect(endpoint)

    def tell(self, *parts: bytes) -> None:
        """Report something to main."""
        try:
            self._control.send_multipart(parts, zmq.DONTWAIT)
        except zmq.Again:
            raise Stopped from None

    def receive(self, socket: zmq.Socket[bytes]) -> list[bytes] | None:
        """Wait for a message; None once a watched connection has gone down."""
        while not self.hangups:
            if socket in self.wait({socket: zmq.POLLIN}):
                return socket.recv_multipart()
        return None

    def send(self, socket: zmq.Socket[bytes], parts: list[bytes]) -> bool:
        """Wait for room and send; False once a watched connection has gone down."""
        while not self.hangups:
            if socket in self.wait({socket: zmq.POLLOUT}):
                # Who had room may be gone: a send that waits would then wait for ever.
                with contextlib.suppress(zmq.Again):
                    socket.send_multipart(parts, zmq.DONTWAIT)
                    return True
        return False

    def wait(
        self, wanted: Mapping[zmq.Socket[bytes], int], timeout_ms: int = ORPHAN_CHECK_MS
    ) -> set[zmq.Socket[bytes]]:
        """Wait until a socket is ready, an order or an event came, or the time is over.

        Orders and events are dealt with here; the caller looks at `orders`, `handshakes` and
        `hangups` for what they changed.

        Returns
        -------
        set
            Those of the wanted sockets that are ready.

        Raises
        ------
        Stopped
            Main said so, or is gone.
        """
        for socket, events in wanted.items():
            self._poller.register(socket, events)
        ready = dict(self._poller.poll(timeout_ms))
        for socket in wanted:
            self._poller.unregister(socket)

        for monitor in [monitor for monitor in self._monitors if monitor in ready]:
            self._note_event(monitor)
        if self._control in ready:
            order = self._control.recv_multipart()
            if order == [b"stop"]:
                raise Stopped
            self.orders.append(order)
        if time.monotonic() >= self._look_for_main_at:
            self._look_for_main_at = time.monotonic() + ORPHAN_CHECK_MS / 1000
            if not main_lives():
                raise Stopped
        return {socket for socket in wanted if socket in ready}

    def close(self, linger_ms: int | None = None) -> None:
        """Close every socket and end the context.

        Parameters
        ----------
        linger_ms
            How long to wait for what has not left yet; as each socket says when None.
        """
        for socket in self._sockets:
            socket.disable_monitor()  # nobody is left to read events
        for socket in [*self._monitors, *self._sockets]:
            socket.close(linger_ms)
        self._context.term()

    def _note_event(self, monitor: zmq.Socket[bytes]) -> None:
        message = recv_monitor_message(monitor)
        event = zmq.Event(message["event"])
        connection = self._monitors[monitor]
        if event == zmq.Event.HANDSHAKE_SUCCEEDED:
            self.handshakes[connection] += 1
        elif event != zmq.Event.DISCONNECTED:
            if event != zmq.Event.CONNECTED:
                self._refused.add(monitor)
        elif monitor in self._refused:
            # A stranger without the keys: the disconnection that follows is its own.
            self._refused.remove(monitor)
        else:
            self.hangups[connection] += 1
        self.tell(b"event", (event.name or "").encode(), connection.encode(), message["endpoint"])


def run(act: Callable[..., None], job: Job, arguments: Mapping[str, Any]) -> None:
    """Be one stage: what a new process is started with.

    Parameters
    ----------
    act
        The stage's own function; it is given a `Stage`, then the arguments.
    job
        What every stage is told.
    arguments
        What this one is told besides.
    """
    # Ctrl-C reaches every process of the terminal. Main decides what comes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    stage = Stage(job)
    linger_ms = None
    try:
        stage.tell(b"here")
        act(stage, **arguments)
    except Stopped:
        linger_ms = 0
    except Exception:
        stage.tell(b"failed", traceback.format_exc().encode())
        raise SystemExit(1) from None
    finally:
        if not main_lives():
            linger_ms = 0
            if job.directory is not None:
                shutil.rmtree(job.directory, ignore_errors=True)  # the others do so as well
        stage.close(linger_ms)


def main_lives() -> bool:
    """Whether the process that started this one is still there."""
    parent = multiprocessing.parent_process()
    return parent is None or parent.is_alive()
