"""Context: the native one, the global instance, and defaults for the options of its sockets."""

from __future__ import annotations

import os
import sys
import warnings
from _thread import allocate_lock
from errno import EFAULT, EINVAL
from weakref import ref

from zmq import _core
from zmq._options import CONTEXT_OPTIONS, SOCKET_OPTIONS, is_declared
from zmq._socket import Socket, address_of, whole_number
from zmq._typing import Generic, SocketT_co
from zmq.constants import LINGER, Errno
from zmq.error import ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, TypeVar, overload

    from typing_extensions import Self

    _Made = TypeVar("_Made", bound=Socket[Any])

__all__ = ["Context", "SyncContext"]

_instance_lock = allocate_lock()

#: None once the interpreter takes this module apart, which may be before the last context goes.
_process_id: Callable[[], int] | None = os.getpid


def _renew_instance_lock() -> None:
    # A thread that is not in this process any more may have held it.
    global _instance_lock
    _instance_lock = allocate_lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_instance_lock)


class Context(_core.Context, Generic[SocketT_co]):
    """A context of libzmq: its I/O threads, and the sockets that share them.

    Context options are attributes (``context.io_threads``). Socket options are attributes too:
    they are the defaults of the sockets that :meth:`socket` makes afterwards
    (``context.linger = 0``).

    Parameters
    ----------
    io_threads
        How many I/O threads; or a context, to get another wrapper of the same libzmq context (a
        *shadow*).
    shadow
        The context to wrap, or the address of libzmq's.

    Attributes
    ----------
    sockopts
        The defaults for socket options: a dict from option to value.

    Raises
    ------
    ZMQError
        EINVAL: a negative number of threads. EFAULT: the context to shadow is terminated.
    """

    sockopts: dict[int, Any]
    #: The global instance, for this class and subclasses that have none of their own.
    _instance: Any = None
    #: The process that it belongs to.
    _instance_pid: int | None = None
    #: Whether this wraps a libzmq context that another wrapper, or somebody else, owns.
    _shadow: bool = False
    #: What was wrapped: a Context, which is so kept alive, or an address.
    _shadow_obj: Any = None
    #: The process that made it: only there is it dropped unclosed.
    _process: int = 0
    #: What repr calls this very class; subclasses go by their own names.
    _repr_cls: str = "zmq.Context"
    #: What `socket` makes.
    _socket_class: Callable[..., SocketT_co] = Socket  # type: ignore[assignment]
    #: References to the sockets that were made. Every use of it is a single operation of set, which
    #: threads need no lock for.
    _made: set[ref[Any]]

    def __init__(self, io_threads: int | Context[Any] = 1, shadow: Context[Any] | int = 0) -> None:
        if isinstance(io_threads, _core.Context):
            shadow, io_threads = io_threads, 1
        if isinstance(shadow, _core.Context):
            if shadow.closed:
                raise ZMQError(EFAULT, f"cannot shadow {shadow!r}: it is terminated")
            address = shadow.underlying
        else:
            address = address_of(shadow)
        super().__init__(whole_number(io_threads), shadow=address)
        self.sockopts = {}
        self._made = set()
        if address:
            self._shadow = True
            self._shadow_obj = shadow
        else:
            self._process = os.getpid()

    def __del__(self) -> None:
        # _process is missing when __init__ has failed. The native part is what terminates: here
        # it could wait for sockets that are collected together with the context, but later.
        if _process_id is None or self._shadow or self._process != _process_id():
            return
        if sys.is_finalizing():
            return
        if not self.closed:
            warnings.warn(f"Unclosed context {self!r}", ResourceWarning, stacklevel=2, source=self)

    def __repr__(self) -> str:
        cls = type(self)
        name = vars(cls).get("_repr_cls") or f"{cls.__module__}.{cls.__name__}"
        number = len(self._sockets)
        sockets = f"{number} socket{'' if number == 1 else 's'}" if number else ""
        closed = " closed" if self.closed else ""
        return f"<{name}({sockets}) at {id(self):#x}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for socket in self._sockets:
            warnings.warn(
                f"Destroying context with unclosed socket {socket!r}",
                ResourceWarning,
                stacklevel=2,
                source=socket,
            )
        self.destroy()

    def __copy__(self, memo: Any = None) -> Self:
        return self.shadow(self)

    __deepcopy__ = __copy__

    # -- making contexts ---------------------------------------------------------------------

    @classmethod
    def shadow(cls, address: int | Context[Any]) -> Self:
        """Make another wrapper of a libzmq context.

        Terminating one terminates the context; dropping a shadow does nothing.

        Parameters
        ----------
        address
            A context of any kind (synchronous, asynchronous), or the address of libzmq's
            ``void *`` as int or pointer of cffi.

        Returns
        -------
        Context
            The shadow.
        """
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls, ctx: Any) -> Self:
        """Make a wrapper of the libzmq context that a context of pyczmq has.

        Parameters
        ----------
        ctx
            The context of pyczmq.

        Returns
        -------
        Context
            The shadow.
        """
        from pyczmq import zctx  # type: ignore[import-not-found]

        return cls(shadow=address_of(zctx.underlying(ctx)))

    @classmethod
    def instance(cls, io_threads: int = 1) -> Self:
        """Give the global context of this process, made by the first call.

        It is made anew after it was terminated, and in the child after a fork.

        Parameters
        ----------
        io_threads
            How many I/O threads, if it is made by this call.

        Returns
        -------
        Context
            The global context.
        """
        instance = cls._instance
        if instance is None or cls._instance_pid != os.getpid() or instance.closed:
            with _instance_lock:
                # Another thread may have made it meanwhile.
                instance = cls._instance
                if instance is None or cls._instance_pid != os.getpid() or instance.closed:
                    cls._instance = instance = cls(io_threads=io_threads)
                    cls._instance_pid = os.getpid()
        made: Self = instance
        return made

    # -- making sockets ----------------------------------------------------------------------

    if TYPE_CHECKING:

        @overload
        def socket(self, socket_type: int, socket_class: type[_Made], **kwargs: Any) -> _Made: ...
        @overload
        def socket(
            self, socket_type: int, socket_class: Callable[..., _Made], **kwargs: Any
        ) -> _Made: ...
        @overload
        def socket(
            self, socket_type: int, socket_class: None = None, **kwargs: Any
        ) -> SocketT_co: ...

    def socket(
        self,
        socket_type: int,
        socket_class: Callable[..., Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Make a socket.

        Parameters
        ----------
        socket_type
            One of :class:`zmq.SocketType`.
        socket_class
            The class of the socket; that of this context where it is None.
        **kwargs
            Further arguments for the class.

        Returns
        -------
        Socket
            The socket, with the defaults of this context set.

        Raises
        ------
        ZMQError
            ENOTSUP, for a shadow EFAULT: the context is terminated. EINVAL: libzmq has no such
            socket type. EMFILE: the context has as many sockets as it may have.
        """
        if self.closed and not self._shadow:
            raise ZMQError(
                Errno.ENOTSUP, "Operation not supported: the context is terminated; make a new one"
            )
        make = self._socket_class if socket_class is None else socket_class
        socket = make(self, socket_type, **kwargs)
        try:
            for option, value in list(self.sockopts.items()):
                try:
                    socket.setsockopt(option, value)
                except ZMQError:
                    # Defaults are for sockets of all types, and not every type has every option.
                    continue
        except BaseException:
            socket.close()
            raise
        if not isinstance(socket, Socket):
            # A Socket does it by itself.
            self._add_socket(socket)
        return socket

    def _add_socket(self, socket: Any) -> None:
        """Remember a socket, which `destroy` will close."""
        self._made.add(ref(socket, self._made.discard))

    @property
    def _sockets(self) -> set[Any]:
        """The sockets that were made and are not closed."""
        sockets = (reference() for reference in list(self._made))
        return {socket for socket in sockets if socket is not None and not socket.closed}

    def destroy(self, linger: int | None = None) -> None:
        """Close all sockets that this context has made, and terminate it.

        Parameters
        ----------
        linger
            How long the sockets may go on sending, in milliseconds: a value for their LINGER.
            None leaves it as it is, and by default that waits until everything is sent.
        """
        if self.closed:
            return
        # Imported here: half of all programs never need it.
        from contextlib import suppress

        for socket in self._sockets:
            if linger is not None:
                # Another thread may have closed it meanwhile.
                with suppress(ZMQError):
                    socket.setsockopt(LINGER, linger)
            # The close() of a subclass may take no argument.
            socket.close()
        self.term()

    # -- options -----------------------------------------------------------------------------

    def setsockopt(self, opt: int, value: Any) -> None:
        """Set the default of a socket option, for sockets that are made afterwards.

        Parameters
        ----------
        opt
            One of :class:`zmq.SocketOption`.
        value
            Its default. Socket types that do not have the option are left alone.
        """
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        """Get the default of a socket option.

        Parameters
        ----------
        opt
            One of :class:`zmq.SocketOption`.

        Returns
        -------
        Any
            Its default.

        Raises
        ------
        KeyError
            It has none.
        """
        return self.sockopts[opt]

    def __setattr__(self, name: str, value: Any) -> None:
        option = name.upper()
        if is_declared(self, name):
            super().__setattr__(name, value)
        elif option in CONTEXT_OPTIONS:
            self.set(CONTEXT_OPTIONS[option], value)
        elif option in SOCKET_OPTIONS:
            self.sockopts[SOCKET_OPTIONS[option]] = value
        else:
            raise AttributeError(f"{type(self).__name__} has no such option: {option}")

    def __getattr__(self, name: str) -> Any:
        option = name.upper()
        if option in CONTEXT_OPTIONS:
            try:
                return self.get(CONTEXT_OPTIONS[option])
            except ZMQError as error:
                if error.errno == EINVAL:
                    raise AttributeError(f"{option} attribute is write-only") from None
                raise
        if option not in SOCKET_OPTIONS:
            raise AttributeError(f"{type(self).__name__} has no such option: {option}")
        try:
            return self.sockopts[SOCKET_OPTIONS[option]]
        except KeyError:
            raise AttributeError(
                f"{option} has no default: set it with {type(self).__name__}.{name} = ..."
            ) from None

    def __delattr__(self, name: str) -> None:
        option = name.upper()
        if name in vars(self):
            super().__delattr__(name)
        elif option not in SOCKET_OPTIONS:
            raise AttributeError(f"No such socket option: {option!r}")
        elif SOCKET_OPTIONS[option] in self.sockopts:
            del self.sockopts[SOCKET_OPTIONS[option]]
        else:
            raise AttributeError(f"{option} has no default")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *CONTEXT_OPTIONS})


#: A context whose sockets wait, as opposed to those that return awaitables.
SyncContext = Context[Socket[bytes]]
