"""Device, and how it runs: in the foreground, on a thread or in a process of its own."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import connection
from typing import Any

import zmq
from zmq import ENOTSOCK, ETERM, LINGER, PUSH, QUEUE, Context, ZMQError, proxy
from zmq import ZMQBindError as ZMQBindError

__all__ = ["Device", "ProcessDevice", "ThreadDevice"]

_log = logging.getLogger("zmq.devices")

#: The ways in which somebody else stops a device's process; they are no errors of the device.
_STOPPED_FROM_OUTSIDE = frozenset(
    number
    for name in ("SIGINT", "SIGTERM", "SIGKILL", "SIGHUP")
    if (number := getattr(signal, name, None)) is not None
)

#: How long the process of a device waits for messages that are still to be sent, unless LINGER
#: was set.
_PROCESS_LINGER_MS = 1000


class Device:
    """A loop between two sockets that runs in the foreground.

    Endpoints and options are noted first; the sockets are made where and when the device runs.
    Instead of the types, sockets of the caller's can be given. They get the same options and
    endpoints, and stay the caller's to close.

    Parameters
    ----------
    device_type
        :class:`zmq.DeviceType`; it says what the device is for, all of them run the same loop.
    in_type
        Type of the socket that faces the clients, or such a socket.
    out_type
        Type of the socket that faces the servers, or such a socket; a negative number
        makes a device with one socket, which answers with what it gets.

    Attributes
    ----------
    daemon
        Whether the thread or the process ends with the program (True by default).
    done
        Whether the device has run and ended.
    context_factory
        Called without arguments for the context of the sockets: the global context, or in a
        process of its own, a new one.

    Examples
    --------
    >>> device = Device(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    >>> device.bind_in("tcp://127.0.0.1:5559")
    >>> device.bind_out("tcp://127.0.0.1:5560")
    >>> device.start()
    """

    context_factory: Callable[[], Context[Any]] = Context.instance
    _context: Context[Any]

    def __init__(
        self,
        device_type: int = QUEUE,
        in_type: int | zmq.Socket[Any] | None = None,
        out_type: int | zmq.Socket[Any] | None = None,
    ) -> None:
        if in_type is None:
            raise TypeError("in_type is missing: the type of the socket that faces the clients")
        if out_type is None:
            raise TypeError("out_type is missing: the type of the socket that faces the servers")
        self.device_type = device_type
        self.in_type = in_type
        self.out_type = out_type
        self.daemon = True
        self._in_binds: list[str] = []
        self._in_connects: list[str] = []
        self._in_sockopts: list[tuple[int, Any]] = []
        self._out_binds: list[str] = []
        self._out_connects: list[str] = []
        self._out_sockopts: list[tuple[int, Any]] = []
        self._random_addrs: list[str] = []
        self._sockets: list[zmq.Socket[Any]] = []
        self._finished = threading.Event()

    def __getstate__(self) -> dict[str, Any]:
        # What a process gets that does not inherit the device: the settings only.
        state = self.__dict__.copy()
        state["_sockets"] = []
        state.pop("_context", None)
        del state["_finished"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._finished = threading.Event()

    @property
    def done(self) -> bool:
        """Whether the device has run and ended."""
        return self._finished.is_set()

    @done.setter
    def done(self, done: bool) -> None:
        if done:
            self._finished.set()
        else:
            self._finished.clear()

    def bind_in(self, addr: str) -> None:
        """Note an endpoint for the in socket to bind.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._in_binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Note an endpoint with a free port for the in socket to bind.

        Parameters
        ----------
        addr
            The endpoint without its port.
        *args, **kwargs
            For :meth:`zmq.Socket.bind_to_random_port`.

        Returns
        -------
        int
            The port. It was free just now; the device binds it when it runs.

        Raises
        ------
        ZMQBindError
            No port is free.
        """
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_in(f"{addr}:{port}")
        return port

    def connect_in(self, addr: str) -> None:
        """Note an endpoint for the in socket to connect to.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._in_connects.append(addr)

    def setsockopt_in(self, opt: int, value: int | bytes) -> None:
        """Note an option for the in socket, set before it binds and connects.

        Parameters
        ----------
        opt
            The option.
        value
            Its value.
        """
        self._in_sockopts.append((opt, value))

    def bind_out(self, addr: str) -> None:
        """Note an endpoint for the out socket to bind.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._out_binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Note an endpoint with a free port for the out socket to bind.

        Parameters
        ----------
        addr
            The endpoint without its port.
        *args, **kwargs
            For :meth:`zmq.Socket.bind_to_random_port`.

        Returns
        -------
        int
            The port. It was free just now; the device binds it when it runs.

        Raises
        ------
        ZMQBindError
            No port is free.
        """
        port = self._reserve_random_port(addr, *args, **kwargs)
        self.bind_out(f"{addr}:{port}")
        return port

    def connect_out(self, addr: str) -> None:
        """Note an endpoint for the out socket to connect to.

        Parameters
        ----------
        addr
            The endpoint.
        """
        self._out_connects.append(addr)

    def setsockopt_out(self, opt: int, value: int | bytes) -> None:
        """Note an option for the out socket, set before it binds and connects.

        Parameters
        ----------
        opt
            The option.
        value
            Its value.
        """
        self._out_sockopts.append((opt, value))

    def _reserve_random_port(self, addr: str, *args: Any, **kwargs: Any) -> int:
        """Find a free port that this device has not been promised before."""
        # A context of its own: its term() returns when the ports found are free again.
        with Context() as context:
            held = []
            try:
                # Each port that was promised already stays bound while the search goes on, so
                # it ends after as many rounds as there are promises.
                while True:
                    held.append(context.socket(PUSH))
                    port = held[-1].bind_to_random_port(addr, *args, **kwargs)
                    endpoint = f"{addr}:{port}"
                    if endpoint not in self._random_addrs:
                        self._random_addrs.append(endpoint)
                        return port
            finally:
                for socket in held:
                    socket.close(linger=0)

    def _new_socket(self, kind: int) -> zmq.Socket[Any]:
        made: zmq.Socket[Any] = self._context.socket(kind)
        return made

    def _setup_socket(
        self,
        kind: int | zmq.Socket[Any],
        options: list[tuple[int, Any]],
        binds: list[str],
        connects: list[str],
    ) -> zmq.Socket[Any]:
        """Make one socket, unless it is the caller's, and set it up."""
        if isinstance(kind, zmq.Socket):
            socket = kind
        else:
            socket = self._new_socket(kind)
            self._sockets.append(socket)
        for option, value in options:
            socket.set(option, value)
        for endpoint in binds:
            socket.bind(endpoint)
        for endpoint in connects:
            socket.connect(endpoint)
        return socket

    def _setup_sockets(self) -> tuple[zmq.Socket[Any], ...]:
        """Make and set up the sockets, in the order in which the loop takes them."""
        self._context = self.context_factory()
        in_socket = self._setup_socket(
            self.in_type, self._in_sockopts, self._in_binds, self._in_connects
        )
        if not isinstance(self.out_type, zmq.Socket) and self.out_type < 0:
            return in_socket, in_socket
        out_socket = self._setup_socket(
            self.out_type, self._out_sockopts, self._out_binds, self._out_connects
        )
        return in_socket, out_socket

    def _close_sockets(self) -> None:
        """Close the sockets that the device made."""
        for socket in self._sockets:
            socket.close()

    def run_device(self) -> None:
        """Set up the sockets and pass messages until the context is terminated."""
        in_socket, out_socket = self._setup_sockets()
        proxy(in_socket, out_socket)

    def run(self) -> None:
        """Run the device here. It returns when its context is terminated or its socket closed.

        Raises
        ------
        ZMQError
            A socket could not be set up, or passing a message failed.
        """
        self._sockets = []
        try:
            self.run_device()
        except ZMQError as error:
            # These are how a device ends.
            if error.errno not in (ETERM, ENOTSOCK):
                raise
        finally:
            self._close_sockets()
            self.done = True

    def start(self) -> None:
        """Start the device; here, in the foreground, it returns when the device has ended."""
        self.done = False
        self.run()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the device has ended.

        Parameters
        ----------
        timeout
            How many seconds to wait at most; None waits for ever.
        """
        self._finished.wait(timeout)


class BackgroundDevice(Device):
    """A device that runs beside the program; the base of threads and processes.

    Attributes
    ----------
    launcher
        The thread or the process, once the device was started.
    """

    launcher: Any = None
    _launch_class: Callable[..., Any]

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["launcher"] = None
        return state

    def _launch(self) -> Any:
        """Make the thread or process and start it."""
        raise NotImplementedError(
            f"{type(self).__name__} runs on nothing: use ThreadDevice, ProcessDevice and their kin"
        )

    def start(self) -> None:
        """Start the device in the background.

        Raises
        ------
        RuntimeError
            It is running already.
        """
        if self.launcher is not None and self.launcher.is_alive():
            raise RuntimeError("this device is running already")
        self.done = False
        self.launcher = self._launch()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the device has ended, and raise the error that ended it, if one did.

        Parameters
        ----------
        timeout
            How many seconds to wait at most; None waits for ever.

        Raises
        ------
        RuntimeError
            The device was never started.
        Exception
            Whatever was raised where the device ran, with the traceback from there.
        """
        if self.launcher is None:
            raise RuntimeError("this device was not started: call start() before join()")
        self._wait(timeout)

    def _wait(self, timeout: float | None) -> None:
        raise NotImplementedError


class ThreadDevice(BackgroundDevice):
    """A device that runs on a thread.

    See :class:`Device`. Its context is the global one, so inproc endpoints reach it.
    """

    _launch_class = threading.Thread
    _error: Exception | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_error"] = None
        return state

    def _run_on_thread(self) -> None:
        try:
            self.run()
        except Exception as error:
            self._error = error
            # Somebody who never joins should hear of it too.
            _log.exception("%s ended with an error", type(self).__name__)

    def _launch(self) -> Any:
        self._error = None
        thread = self._launch_class(target=self._run_on_thread, name=type(self).__name__)
        thread.daemon = self.daemon
        thread.start()
        return thread

    def _wait(self, timeout: float | None) -> None:
        self.launcher.join(timeout)
        if self._error is not None and not self.launcher.is_alive():
            raise self._error


class _RemoteTraceback(Exception):
    """The traceback in the device's process, as text; the cause of what :meth:`join` raises."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return f"\n\n{self.text}"


def _report_error(error: Exception, writer: connection.Connection) -> None:
    """Send an error to the process that started the device."""
    text = "".join(traceback.format_exception(error))
    try:
        message = pickle.dumps((error, text))
        pickle.loads(message)
    except Exception:
        # Not every exception travels; its text does.
        message = pickle.dumps((RuntimeError(f"{type(error).__name__}: {error}"), text))
    writer.send_bytes(message)


class ProcessDevice(BackgroundDevice):
    """A device that runs in a process of its own.

    See :class:`Device`. Its context is a new one in that process. When the process is not a fork
    of this one, the device is pickled to get there.
    """

    _launch_class = multiprocessing.Process
    context_factory: Callable[[], Context[Any]] = Context
    _error: Exception | None = None
    _reader: connection.Connection | None = None

    def __init__(
        self,
        device_type: int = QUEUE,
        in_type: int | zmq.Socket[Any] | None = None,
        out_type: int | zmq.Socket[Any] | None = None,
    ) -> None:
        if isinstance(in_type, zmq.Socket) or isinstance(out_type, zmq.Socket):
            raise TypeError("a socket cannot move to another process: give the types of sockets")
        super().__init__(device_type, in_type, out_type)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_error"] = None
        state["_reader"] = None
        return state

    def _new_socket(self, kind: int) -> zmq.Socket[Any]:
        socket = super()._new_socket(kind)
        if socket.get(LINGER) == -1:
            socket.set(LINGER, _PROCESS_LINGER_MS)
        return socket

    def _run_in_process(self, writer: connection.Connection) -> None:
        try:
            self.run()
            # Messages on their way out would be lost with the process.
            self._context.term()
        except Exception as error:
            _report_error(error, writer)
            raise
        finally:
            writer.close()

    def _launch(self) -> Any:
        self._error = None
        reader, writer = multiprocessing.Pipe(duplex=False)
        process = self._launch_class(
            target=self._run_in_process, args=(writer,), name=type(self).__name__
        )
        process.daemon = self.daemon
        try:
            process.start()
        except BaseException:
            reader.close()
            raise
        finally:
            writer.close()
        self._reader = reader
        return process

    def _wait(self, timeout: float | None) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._reader is not None:
            # Read before waiting for the end: the process may wait until its error is taken.
            ready = connection.wait([self._reader, self.launcher.sentinel], timeout)
            if not ready:
                return
            self._take_error(self._reader)
            self._reader = None
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        self.launcher.join(remaining)
        if self.launcher.is_alive():
            return
        self.done = True
        if self._error is None:
            self._error = self._abnormal_end()
        if self._error is not None:
            raise self._error

    def _take_error(self, reader: connection.Connection) -> None:
        """Read what the process reported, if it did, now that it is ending."""
        with reader:
            try:
                if not reader.poll():
                    return
                message = reader.recv_bytes()
            except (EOFError, BrokenPipeError):  # the latter on Windows
                return
        error, text = pickle.loads(message)
        error.__cause__ = _RemoteTraceback(text)
        self._error = error

    def _abnormal_end(self) -> Exception | None:
        """Give the error of a process that could not report one itself."""
        code = self.launcher.exitcode
        if code in (0, None) or -code in _STOPPED_FROM_OUTSIDE:
            return None
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return RuntimeError(f"the process of this {type(self).__name__} ended with {how}")
