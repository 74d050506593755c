"""The exception classes. They are handed to the native core, which raises them, at import."""

from __future__ import annotations

from errno import EAGAIN, EINTR

from zmq import _core
from zmq._core import strerror, zmq_errno, zmq_version_info
from zmq.constants import Errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

__all__ = [
    "Again",
    "ContextTerminated",
    "DraftFDWarning",
    "InterruptedSystemCall",
    "NotDone",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
]


class DraftFDWarning(RuntimeWarning):
    """A thread-safe draft socket has no file descriptor of libzmq's own.

    Parameters
    ----------
    msg
        What to say instead of the usual text.
    """

    def __init__(self, msg: str = "") -> None:
        super().__init__(
            msg
            or "libzmq gives no file descriptor for thread-safe sockets; the one that socket.FD "
            "returns instead is experimental and may change"
        )


class ZMQBaseError(Exception):
    """What all exceptions of this package have in common, ZMQVersionError apart."""


class _Text:
    """The text of an error, built from its errno when somebody first asks for it."""

    def __get__(self, error: Any, owner: type) -> _Text | str:
        if error is None:
            return self
        text = strerror(error.errno or 0)
        # From here on the instance's own attribute is found first.
        error.__dict__["strerror"] = text
        return text


class ZMQError(ZMQBaseError):
    """libzmq reported an error.

    The native core makes instances without calling ``__init__``, since most of them are an
    ``Again`` that is caught at once: `errno` alone must be enough for everything here.

    Parameters
    ----------
    errno
        The error number; that of the last libzmq call in this thread where it is None. Anything
        but a number is taken as the text.
    msg
        The text; libzmq's own where it is None.

    Attributes
    ----------
    errno
        The error number, or None.
    strerror
        The text, which can be set.
    """

    errno: int | None = None
    if TYPE_CHECKING:
        strerror: str
    else:
        strerror = _Text()

    def __init__(self, errno: Any = None, msg: str | None = None) -> None:
        if errno is None:
            errno = zmq_errno()
        if isinstance(errno, int):
            self.errno = errno
            if msg is not None:
                self.strerror = msg
        else:
            self.strerror = str(errno) if msg is None else msg

    def __str__(self) -> str:
        return self.strerror

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class ZMQBindError(ZMQBaseError):
    """No port of the range that :meth:`zmq.Socket.bind_to_random_port` was given is free."""


class NotDone(ZMQBaseError):
    """The time given to :meth:`zmq.MessageTracker.wait` is up, and libzmq is not done."""


class ContextTerminated(ZMQError):
    """The context was terminated while, or before, the call was made (ETERM)."""

    errno: int | None = Errno.ETERM

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(Errno.ETERM)


class Again(ZMQError):
    """The call would have to wait, and may not, or may no longer (EAGAIN)."""

    # The native core's instances need no attribute of their own.
    errno: int | None = Errno.EAGAIN

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(Errno.EAGAIN)


class InterruptedSystemCall(ZMQError, InterruptedError):  # type: ignore[misc]
    """A signal interrupted the call (EINTR) and it could not be taken up again."""

    errno: int | None = EINTR

    def __init__(self, errno: int | Literal["ignored"] = "ignored", msg: str = "ignored") -> None:
        super().__init__(EINTR)

    def __str__(self) -> str:
        return f"{self.strerror}: a signal arrived and the call was not taken up again"


class ClosedContextError(ZMQError, RuntimeError):
    """A context that is terminated was asked for something (EFAULT)."""


class ClosedSocketError(ZMQError, TypeError):
    """A closed socket cannot be shadowed (ENOTSOCK)."""


class EmptyMessageError(ValueError, IndexError):
    """A message of no parts cannot be sent."""


class ZMQVersionError(NotImplementedError):
    """libzmq is too old for what was asked.

    Parameters
    ----------
    min_version
        The first version of libzmq that can do it.
    msg
        What was asked.

    Attributes
    ----------
    min_version
        The first version of libzmq that can do it.
    msg
        What was asked.
    version
        The version of libzmq in use.
    """

    msg: str
    min_version: str
    version: str

    def __init__(self, min_version: str, msg: str = "Feature") -> None:
        self.msg = msg
        self.min_version = min_version
        self.version = ".".join(map(str, zmq_version_info()))

    def __str__(self) -> str:
        return f"{self.msg} requires libzmq >= {self.min_version}, have {self.version}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


def _check_rc(rc: int, errno: int | None = None, error_without_errno: bool = True) -> None:
    """Raise the exception for what a call of libzmq returned.

    Parameters
    ----------
    rc
        What it returned; anything but -1 is no error.
    errno
        The error number; that of the last libzmq call in this thread where it is None.
    error_without_errno
        Whether -1 with an errno of 0 is an error.
    """
    if rc != -1:
        return
    if errno is None:
        errno = zmq_errno()
    if errno == 0 and not error_without_errno:
        return
    kinds: dict[int, type[ZMQError]] = {
        EINTR: InterruptedSystemCall,
        EAGAIN: Again,
        Errno.ETERM: ContextTerminated,
    }
    raise kinds.get(errno, ZMQError)(errno)


def _check_version(min_version_info: tuple[int, ...], msg: str = "Feature") -> None:
    """Raise ZMQVersionError where libzmq is older than this.

    Parameters
    ----------
    min_version_info
        The first version that will do, such as ``(4, 3)``.
    msg
        What needs it.
    """
    if zmq_version_info() < min_version_info:
        raise ZMQVersionError(".".join(map(str, min_version_info)), msg)


_core.register_errors(
    ZMQError,
    Again,
    ContextTerminated,
    InterruptedSystemCall,
    NotDone,
    DraftFDWarning,
    ClosedContextError,
    EmptyMessageError,
)
