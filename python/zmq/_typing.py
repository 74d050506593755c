"""What annotations share.

`import zmq` does not import typing, which would cost a good part of its time. Type checkers see
the real thing; at run time classes get a `Generic` that is subscripted to no effect.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias
    from typing import Generic as Generic

    from typing_extensions import Buffer as Buffer
    from typing_extensions import TypeVar

    from zmq._socket import Socket

    #: What a Socket's receive gives: bytes, or an awaitable of bytes.
    ReceivedT_co = TypeVar("ReceivedT_co", default=bytes, covariant=True)
    #: The class of the sockets that a Context makes.
    SocketT_co = TypeVar("SocketT_co", bound=Socket[Any], default=Socket[bytes], covariant=True)

    #: What can be sent as one part: a Frame, or anything with the buffer protocol.
    MessagePart: TypeAlias = Buffer
else:
    from types import GenericAlias

    ReceivedT_co = SocketT_co = None

    class Generic:
        """Lets a class be subscripted, as ``zmq.Socket[bytes]``."""

        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)
