"""Old import path of zmq.Socket."""

# ruff: noqa: F401

from zmq import Poller, SocketOption, SocketType, ZMQBindError, ZMQError
from zmq._core import Socket as SocketBase
from zmq._options import AttributeSetter
from zmq._socket import DEFAULT_PROTOCOL, Socket, SyncSocket, _SocketContext
from zmq.constants import _OptType
from zmq.utils import jsonapi
from zmq.utils.interop import cast_int_addr

__all__ = ["Socket", "SyncSocket"]
