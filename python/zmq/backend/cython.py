"""Old import path of the native module; tools that freeze programs name it."""

from zmq._core import DRAFT_API as PYZMQ_DRAFT_API
from zmq._core import (
    IPC_PATH_MAX_LEN,
    Context,
    Frame,
    Socket,
    curve_keypair,
    curve_public,
    has,
    monitored_queue,
    proxy,
    proxy_steerable,
    strerror,
    zmq_errno,
    zmq_poll,
    zmq_version_info,
)
from zmq._core import Frame as Message

__all__ = [
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "Context",
    "Frame",
    "Message",
    "Socket",
    "curve_keypair",
    "curve_public",
    "has",
    "monitored_queue",
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]
