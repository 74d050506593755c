"""Old import path of zmq.Context."""

# ruff: noqa: F401

from zmq import ContextOption, Errno, Socket, SocketOption, SyncSocket, ZMQError
from zmq._context import Context, SyncContext
from zmq._core import Context as ContextBase
from zmq._options import AttributeSetter
from zmq.utils.interop import cast_int_addr

__all__ = ["Context", "SyncContext"]
