"""Socket: the native one, and all that can be put together from it."""

from __future__ import annotations

import os
import sys
import warnings
from errno import EACCES, ENOENT
from functools import cache
from itertools import count
from operator import index

from zmq import _core
from zmq._typing import Generic, ReceivedT_co
from zmq.constants import (
    EADDRINUSE,
    ENOTSOCK,
    EVENT_ALL,
    LAST_ENDPOINT,
    PAIR,
    RCVHWM,
    RCVMORE,
    SNDHWM,
    SNDMORE,
    TYPE,
    SocketOption,
    SocketType,
    _OptType,
)
from zmq.error import ClosedSocketError, EmptyMessageError, ZMQBindError, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    from typing_extensions import Self

    from zmq._context import Context
    from zmq._typing import MessagePart
    from zmq.utils.monitor import MonitorEvents

    _Given = TypeVar("_Given")
    _Loaded = TypeVar("_Loaded")
    _SocketT_co = TypeVar("_SocketT_co", bound="Socket[Any]", covariant=True)
else:
    _SocketT_co = None

__all__ = ["Socket", "SyncSocket"]

#: The protocol of send_pyobj, which every Python in use can read.
DEFAULT_PROTOCOL = 4

#: The range of bind_to_random_port that stands for "any port".
_FIRST_DYNAMIC_PORT = 49152
_END_OF_PORTS = 65536

_TRANSPORTS_WITHOUT_PORTS = ("inproc://", "ipc://", "tipc://", "vmci://")

#: The first part of a monitor's message: the event in 16 bits, its value in 32.
_MONITOR_EVENT_BYTES = 6

#: None once the interpreter takes this module apart, which may be before the last socket goes.
_process_id: Callable[[], int] | None = os.getpid

#: Monitors that are named here never share a name: libzmq may not be done with the last one.
_monitor_numbers = count(1)


def address_of(handle: Any) -> int:
    """Give the address of a libzmq handle that is an int, a pointer of cffi or None."""
    if isinstance(handle, int):
        return handle
    if handle is None:
        return 0
    from zmq.utils.interop import cast_int_addr

    return cast_int_addr(handle)


def whole_number(number: Any) -> int:
    """Give a number as int; a float is cut off, as pyzmq does."""
    return int(number) if isinstance(number, float) else index(number)


#: By number: the enum itself takes five times as long to find a member.
_SOCKET_TYPES: dict[int, SocketType] = {int(member): member for member in SocketType}


@cache
def _jsonapi() -> Any:
    # Imported when first needed: half of all programs never do.
    from zmq.utils import jsonapi

    return jsonapi


@cache
def _pickle() -> Any:
    import pickle

    return pickle


class _SocketContext(Generic[_SocketT_co]):
    """What bind and connect return: undoes them at the end of a ``with`` block.

    Attributes
    ----------
    addr
        The endpoint.
    kind
        ``"bind"`` or ``"connect"``.
    socket
        The socket.
    """

    def __init__(self, socket: _SocketT_co, kind: str, addr: str) -> None:
        self.socket = socket
        self.kind = kind
        self.addr = addr

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"

    def __enter__(self) -> _SocketT_co:
        return self.socket

    def __exit__(self, *args: object) -> None:
        if self.socket.closed:
            return
        undo = self.socket.unbind if self.kind == "bind" else self.socket.disconnect
        try:
            undo(self.addr)
        except ZMQError as error:
            # ENOENT: the block has undone it by itself. ENOTSOCK: another thread has closed the
            # socket meanwhile.
            if error.errno not in (ENOENT, ENOTSOCK):
                raise


class Socket(_core.Socket, Generic[ReceivedT_co]):
    """A socket of libzmq.

    Made by :meth:`Context.socket`. Methods that libzmq itself has (``send``, ``recv``, their
    multipart forms, ``get``, ``set``, ``poll``, ...) are native and not wrapped here. Socket
    options are attributes, in either case: ``socket.linger = 0``.

    Parameters
    ----------
    ctx_or_socket
        The context that makes the socket; or a socket, to get another wrapper of the same libzmq
        socket (a *shadow*).
    socket_type
        One of :class:`zmq.SocketType`. Not needed for a shadow.
    shadow
        The socket to wrap, or the address of libzmq's.
    copy_threshold
        From how many bytes up ``send(copy=False)`` does not copy; ``zmq.COPY_THRESHOLD`` where it
        is None.

    Raises
    ------
    TypeError
        There is neither a context nor a socket.
    ZMQError
        EINVAL: libzmq has no such socket type. EMFILE: the context has as many sockets as it may
        have.
    """

    #: An attribute of its own, unlike TYPE: a SocketType, and known when it is closed too.
    type: SocketType = SocketType.PAIR
    #: Whether this wraps a libzmq socket that another wrapper, or somebody else, owns.
    _shadow: bool = False
    #: What was wrapped: a Socket, which is so kept alive, or an address.
    _shadow_obj: Any = None
    _monitor_socket: Any = None
    #: Whether to warn when the socket is dropped without being closed.
    _warn_unclosed: bool = True
    #: The process that made it: only there is it dropped unclosed.
    _process: int = 0
    #: What repr calls this very class; subclasses go by their own names.
    _repr_cls: str = "zmq.Socket"

    if TYPE_CHECKING:
        context: Context[Any]

    def __init__(
        self,
        ctx_or_socket: Context[Any] | Socket[Any] | None = None,
        socket_type: int = 0,
        *,
        shadow: Socket[Any] | int = 0,
        copy_threshold: int | None = None,
    ) -> None:
        if isinstance(ctx_or_socket, _core.Socket):
            shadow, ctx_or_socket = ctx_or_socket, None
        context: _core.Context | None = ctx_or_socket
        if isinstance(shadow, _core.Socket):
            if shadow.closed:
                raise ClosedSocketError(ENOTSOCK, f"cannot shadow {shadow!r}: it is closed")
            context = context or shadow.context
            shadowed: _core.Socket | int = shadow
        else:
            shadowed = address_of(shadow)
        if shadowed == 0:
            if context is None:
                raise TypeError("context must be specified")
            if socket_type == -1:
                raise TypeError("socket_type must be specified")
        super().__init__(
            context, whole_number(socket_type), shadow=shadowed, copy_threshold=copy_threshold
        )
        if shadowed != 0:
            socket_type = _core.Socket.get(self, TYPE)
        # A number, where libzmq has a type that this package does not know.
        self.type = _SOCKET_TYPES.get(socket_type, socket_type)  # type: ignore[arg-type]
        if shadowed != 0:
            self._shadow = True
            self._shadow_obj = shadow
            return
        self._process = os.getpid()
        register = getattr(context, "_add_socket", None)
        if register is not None:
            register(self)

    def _send_parts(
        self,
        msg_parts: Iterable[MessagePart],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        **kwargs: Any,
    ) -> _core.MessageTracker | None:
        """Send a message part by part: ``send_multipart`` of a class with its own ``send``."""
        parts = list(msg_parts)
        if not parts:
            raise EmptyMessageError("a message has at least one part, got none")
        for place, part in enumerate(parts):
            if not isinstance(part, (bytes, _core.Frame)):
                try:
                    memoryview(part)
                except TypeError:
                    raise TypeError(
                        f"part {place} of the message ({part!r:.80}) is not a bytes-like object; "
                        "nothing was sent"
                    ) from None
        last = parts.pop()
        for part in parts:
            self.send(part, SNDMORE | flags, copy=copy, track=track, **kwargs)
        return self.send(last, flags, copy=copy, track=track, **kwargs)

    def _receive_parts(
        self, flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any
    ) -> list[Any]:
        """Receive a message part by part: ``recv_multipart`` of a class with its own ``recv``."""
        parts = [self.recv(flags, copy=copy, track=track, **kwargs)]
        while self.getsockopt(RCVMORE):
            # It is there already.
            parts.append(self.recv(flags, copy=copy, track=track))
        return parts

    def __del__(self) -> None:
        # _process is missing when __init__ has failed.
        if _process_id is None or self._shadow or not self._warn_unclosed:
            return
        if self._process != _process_id():
            return
        if not self.closed:
            try:
                warnings.warn(
                    f"Unclosed socket {self!r}", ResourceWarning, stacklevel=2, source=self
                )
            finally:
                # Warnings may be errors.
                self.close()

    def __repr__(self) -> str:
        cls = type(self)
        name = vars(cls).get("_repr_cls") or f"{cls.__module__}.{cls.__name__}"
        # A number where libzmq knows a type that the enum does not.
        kind = getattr(self.type, "name", self.type)
        closed = " closed" if self.closed else ""
        return f"<{name}(zmq.{kind}) at {id(self):#x}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object, **kwargs: object) -> None:
        self.close()

    def __copy__(self, memo: Any = None) -> Self:
        return self.shadow(self)

    __deepcopy__ = __copy__

    @classmethod
    def shadow(cls, address: int | Socket[Any]) -> Self:
        """Make another wrapper of a libzmq socket.

        Both wrappers may be used, from different threads too; closing one closes the socket, and
        dropping a shadow closes nothing.

        Parameters
        ----------
        address
            A socket of any kind (synchronous, asynchronous), or the address of libzmq's
            ``void *`` as int or pointer of cffi.

        Returns
        -------
        Socket
            The shadow.
        """
        return cls(shadow=address)

    # -- endpoints ---------------------------------------------------------------------------

    def bind(self, addr: str) -> _SocketContext[Self]:
        """Accept connections at an endpoint.

        Parameters
        ----------
        addr
            The endpoint, such as ``"tcp://127.0.0.1:5555"``, ``"tcp://*:*"`` (a free port, see
            ``last_endpoint``), ``"ipc:///tmp/name"`` or ``"inproc://name"``.

        Returns
        -------
        object
            It has the attributes ``addr`` (the endpoint, with the port that was chosen), ``kind``
            and ``socket``; as a context manager it gives the socket and unbinds at the end.

        Raises
        ------
        ZMQError
            EADDRINUSE, EADDRNOTAVAIL, ENODEV, EINVAL, EPROTONOSUPPORT and others; the text names
            the endpoint.
        """
        super().bind(addr)
        # Some transports have no LAST_ENDPOINT.
        bound: bytes = self.get(LAST_ENDPOINT)
        return _SocketContext(self, "bind", bound.decode("utf-8", "surrogateescape") or addr)

    def connect(self, addr: str) -> _SocketContext[Self]:
        """Connect to an endpoint; libzmq does so in the background and again when it breaks.

        Parameters
        ----------
        addr
            The endpoint.

        Returns
        -------
        object
            It has the attributes ``addr``, ``kind`` and ``socket``; as a context manager it gives
            the socket and disconnects at the end.

        Raises
        ------
        ZMQError
            EINVAL, EPROTONOSUPPORT, ECONNREFUSED (inproc) and others; the text names the endpoint.
        """
        super().connect(addr)
        return _SocketContext(self, "connect", addr)

    def bind_to_random_port(
        self,
        addr: str,
        min_port: int = _FIRST_DYNAMIC_PORT,
        max_port: int = _END_OF_PORTS,
        max_tries: int = 100,
    ) -> int:
        """Bind to a free port.

        Parameters
        ----------
        addr
            The endpoint without its port, such as ``"tcp://127.0.0.1"``.
        min_port
            The first port of the range.
        max_port
            The port after the last one of the range.
        max_tries
            How many ports of the range are tried. With the default range the system chooses.

        Returns
        -------
        int
            The port.

        Raises
        ------
        ZMQBindError
            No port that was tried is free.
        ValueError
            The range is empty, or the transport has no ports.
        ZMQError
            The endpoint cannot be bound to at all.
        """
        if not isinstance(addr, str):
            raise TypeError(f"expected addr to be str, got addr={addr!r}")
        if addr.startswith(_TRANSPORTS_WITHOUT_PORTS):
            raise ValueError(f"the transport has no ports (addr={addr!r})")
        if (min_port, max_port) == (_FIRST_DYNAMIC_PORT, _END_OF_PORTS):
            bound = self.bind(f"{addr}:*").addr
            return int(bound.rpartition(":")[2])
        from random import randrange

        for _ in range(max_tries):
            port = randrange(min_port, max_port)
            try:
                self.bind(f"{addr}:{port}")
            except ZMQError as error:
                # Windows says EACCES where another program holds a port for itself.
                if error.errno == EADDRINUSE or (sys.platform == "win32" and error.errno == EACCES):
                    continue
                raise
            return port
        raise ZMQBindError("Could not bind socket to random port.")

    # -- options -----------------------------------------------------------------------------

    getsockopt = _core.Socket.get
    setsockopt = _core.Socket.set

    @property
    def socket_type(self) -> SocketType:
        """The type of the socket. Use ``type``."""
        warnings.warn("Socket.socket_type is deprecated: use Socket.type", DeprecationWarning, 2)
        return self.type

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """Get an option that libzmq gives as bytes, decoded.

        Parameters
        ----------
        option
            One of :class:`zmq.SocketOption`.
        encoding
            How to decode it.

        Returns
        -------
        str
            Its value.

        Raises
        ------
        TypeError
            The option is a number.
        """
        if SocketOption(option)._opt_type != _OptType.bytes:
            raise TypeError(f"option {int(option)} will not return a string to be decoded")
        value: bytes = self.get(option)
        return value.decode(encoding)

    getsockopt_string = getsockopt_unicode = get_string

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Set an option that libzmq takes as bytes.

        Parameters
        ----------
        option
            One of :class:`zmq.SocketOption`.
        optval
            Its value.
        encoding
            How to encode it.

        Raises
        ------
        TypeError
            The value is no str, or the option is a number.
        """
        if not isinstance(optval, str):
            raise TypeError(f"strings only, not {type(optval)}: {optval!r}")
        self.set(option, optval.encode(encoding))

    setsockopt_string = setsockopt_unicode = set_string

    def get_hwm(self) -> int:
        """Get the high-water mark, that of sending where the two differ."""
        value: int = self.get(SNDHWM)
        return value

    def set_hwm(self, value: int) -> None:
        """Set the high-water marks of sending and receiving.

        They hold for connections and bindings that are made afterwards.

        Parameters
        ----------
        value
            How many messages to queue for each peer; 0 for no limit.
        """
        self.set(SNDHWM, value)
        self.set(RCVHWM, value)

    @property
    def hwm(self) -> int:
        """The high-water marks of sending and receiving."""
        return self.get_hwm()

    @hwm.setter
    def hwm(self, value: int) -> None:
        self.set_hwm(value)

    # -- messages ----------------------------------------------------------------------------

    def _deserialize(self, recvd: _Given, load: Callable[[_Given], _Loaded]) -> _Loaded:
        """Load what was received; asynchronous sockets do it when it arrives."""
        return load(recvd)

    def send_string(
        self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any
    ) -> _core.MessageTracker | None:
        """Send text as one message part.

        Parameters
        ----------
        u
            The text.
        flags
            Any flags for :meth:`send`.
        copy
            Whether libzmq gets a copy.
        encoding
            How to encode the text.
        **kwargs
            Further arguments for :meth:`send`.

        Returns
        -------
        MessageTracker or None
            What :meth:`send` returns.

        Raises
        ------
        TypeError
            It is no str.
        """
        if not isinstance(u, str):
            raise TypeError(f"str objects only, not {type(u).__name__}; bytes go to send")
        if not kwargs:
            return self.send(u.encode(encoding), flags=flags, copy=copy)
        return self.send(u.encode(encoding), flags=flags, copy=copy, **kwargs)

    send_unicode = send_string

    def recv_string(
        self, flags: int = 0, encoding: str = "utf-8", *, timeout: float | None = None
    ) -> str:
        """Receive one message part and decode it.

        Parameters
        ----------
        flags
            Any flags for :meth:`recv`.
        encoding
            How the sender encoded the text.
        timeout
            As for :meth:`recv`.

        Returns
        -------
        str
            The text.

        Raises
        ------
        Again
            ``DONTWAIT`` was given, or RCVTIMEO ran out, and nothing was there.
        """
        part = self.recv(flags=flags) if timeout is None else self.recv(flags, timeout=timeout)
        if type(part) is bytes:
            return part.decode(encoding)
        return self._deserialize(part, lambda part: part.decode(encoding))

    recv_unicode = recv_string

    def send_pyobj(
        self, obj: Any, flags: int = 0, protocol: int = DEFAULT_PROTOCOL, **kwargs: Any
    ) -> _core.MessageTracker | None:
        """Send an object as a pickle.

        Parameters
        ----------
        obj
            Anything that can be pickled.
        flags
            Any flags for :meth:`send`.
        protocol
            The protocol of the pickle; -1 for the newest.
        **kwargs
            Further arguments for :meth:`send`.

        Returns
        -------
        MessageTracker or None
            What :meth:`send` returns.
        """
        data = _pickle().dumps(obj, protocol)
        if not kwargs:
            return self.send(data, flags=flags)
        sent: _core.MessageTracker | None = self.send(data, flags=flags, **kwargs)
        return sent

    def recv_pyobj(self, flags: int = 0, *, timeout: float | None = None) -> Any:
        """Receive one message part and unpickle it.

        A pickle can run any code: receive such messages only from peers that are trusted, over
        connections that are authenticated.

        On a PAIR socket that is connected to a monitor, the event is received, as
        :func:`zmq.utils.monitor.parse_monitor_message` gives it.

        Parameters
        ----------
        flags
            Any flags for :meth:`recv`.
        timeout
            As for :meth:`recv`.

        Returns
        -------
        Any
            The object.

        Raises
        ------
        Again
            ``DONTWAIT`` was given, or RCVTIMEO ran out, and nothing was there.
        pickle.UnpicklingError
            It is no pickle.
        """
        part = self.recv(flags) if timeout is None else self.recv(flags, timeout=timeout)
        return self._deserialize(part, self._load_pyobj)

    def _load_pyobj(self, part: bytes) -> Any:
        if len(part) == _MONITOR_EVENT_BYTES and self.type == PAIR and self.get(RCVMORE):
            # Monitors send one event, a single bit. So one of the two bytes is 0, and no pickle
            # starts so: 0 is no opcode, nor is any single bit but 0x80, and what follows that one
            # is the protocol, 2 or more.
            event = int.from_bytes(part[:2], sys.byteorder)
            if event & (event - 1) == 0 and event:
                from zmq.utils.monitor import parse_monitor_message

                # Natively, since it is there already: an asynchronous recv would be a Future.
                return parse_monitor_message([part, _core.Socket.recv(self)])
        return _pickle().loads(part)

    def send_json(self, obj: Any, flags: int = 0, **kwargs: Any) -> _core.MessageTracker | None:
        """Send an object as JSON.

        Parameters
        ----------
        obj
            Anything that :func:`json.dumps` takes.
        flags
            Any flags for :meth:`send`.
        **kwargs
            ``routing_id`` and ``group`` are for :meth:`send`, the others for :func:`json.dumps`.

        Returns
        -------
        MessageTracker or None
            What :meth:`send` returns.
        """
        dumps = _jsonapi().dumps
        if not kwargs:
            return self.send(dumps(obj), flags=flags)
        addressed = {key: kwargs.pop(key) for key in ("routing_id", "group") if key in kwargs}
        sent: _core.MessageTracker | None = self.send(
            dumps(obj, **kwargs), flags=flags, **addressed
        )
        return sent

    def recv_json(self, flags: int = 0, *, timeout: float | None = None, **kwargs: Any) -> Any:
        """Receive one message part and read it as JSON.

        Parameters
        ----------
        flags
            Any flags for :meth:`recv`.
        timeout
            As for :meth:`recv`.
        **kwargs
            Arguments for :func:`json.loads`.

        Returns
        -------
        Any
            The object.

        Raises
        ------
        Again
            ``DONTWAIT`` was given, or RCVTIMEO ran out, and nothing was there.
        ValueError
            It is no JSON.
        """
        loads = _jsonapi().loads
        part = self.recv(flags) if timeout is None else self.recv(flags, timeout=timeout)
        if type(part) is bytes:
            return loads(part, **kwargs)
        return self._deserialize(part, lambda part: loads(part, **kwargs))

    def send_serialized(
        self,
        msg: _Given,
        serialize: Callable[[_Given], Iterable[MessagePart]],
        flags: int = 0,
        copy: bool = True,
        **kwargs: Any,
    ) -> _core.MessageTracker | None:
        """Send a message in a form of your own.

        Parameters
        ----------
        msg
            The message.
        serialize
            Turns the message into its parts.
        flags
            Any flags for :meth:`send_multipart`.
        copy
            Whether libzmq gets copies of the parts.
        **kwargs
            Further arguments for :meth:`send_multipart`.

        Returns
        -------
        MessageTracker or None
            What :meth:`send_multipart` returns.
        """
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    def recv_serialized(
        self,
        deserialize: Callable[[list[Any]], _Loaded],
        flags: int = 0,
        copy: bool = True,
        *,
        timeout: float | None = None,
    ) -> _Loaded:
        """Receive a message in a form of your own.

        Parameters
        ----------
        deserialize
            Makes the message from the list of its parts.
        flags
            Any flags for :meth:`recv_multipart`.
        copy
            Whether the parts are bytes; else they are Frames.
        timeout
            As for :meth:`recv_multipart`.

        Returns
        -------
        Any
            What `deserialize` returns.

        Raises
        ------
        Again
            ``DONTWAIT`` was given, or RCVTIMEO ran out, and nothing was there.
        """
        parts: list[Any]
        if timeout is None:
            parts = self.recv_multipart(flags=flags, copy=copy)
        else:
            parts = self.recv_multipart(flags=flags, copy=copy, timeout=timeout)
        return self._deserialize(parts, deserialize)

    # -- monitoring --------------------------------------------------------------------------

    def get_monitor_socket(
        self, events: int | None = None, addr: str | None = None
    ) -> Socket[ReceivedT_co]:
        """Monitor this socket, and give a PAIR socket that receives what happens to it.

        A monitor that has been made in this way already is given again.

        Parameters
        ----------
        events
            The events that are wanted, combined with ``|``; None means all.
        addr
            The inproc endpoint for them; one is made up where it is None.

        Returns
        -------
        Socket
            A PAIR socket of the same context; :func:`zmq.utils.monitor.recv_monitor_message`
            reads it.
        """
        if self._monitor_socket is not None and not self._monitor_socket.closed:
            running: Socket[ReceivedT_co] = self._monitor_socket
            return running
        if self.closed:
            raise ZMQError(ENOTSOCK)
        context: Context[Any] | None = getattr(self, "context", None)
        if context is None:
            raise RuntimeError(
                f"{self!r} shadows an address and knows no context: call monitor(), and connect a "
                "PAIR socket of that context to its endpoint"
            )
        if addr is None:
            addr = f"inproc://monitor.s-{next(_monitor_numbers)}-{id(self):x}"
        self.monitor(addr, EVENT_ALL if events is None else events)
        monitor: Socket[ReceivedT_co] = context.socket(PAIR)
        self._monitor_socket = monitor
        # It ends with this socket, or is the caller's to close.
        monitor._warn_unclosed = False
        monitor.connect(addr)
        return monitor

    def monitor_events(self, events: int | None = None) -> MonitorEvents:
        """Iterate over what happens to this socket's connections.

        Parameters
        ----------
        events
            The events that are wanted, combined with ``|``; None means all.

        Returns
        -------
        MonitorEvents
            An iterator, also an asynchronous one, of
            :class:`zmq.utils.monitor.MonitorEvent`; it ends with the socket.
        """
        from zmq.utils.monitor import monitor_events

        return monitor_events(self, events)

    def disable_monitor(self) -> None:
        """Stop to monitor this socket. The PAIR socket receives MONITOR_STOPPED as the last."""
        self._monitor_socket = None
        self.monitor(None, 0)


_core.install_hot_methods(Socket)
for _alias, _name in (("getsockopt", "get"), ("setsockopt", "set")):
    setattr(Socket, _alias, getattr(Socket, _name))

#: A socket that waits, as opposed to one that returns awaitables.
SyncSocket = Socket[bytes]
