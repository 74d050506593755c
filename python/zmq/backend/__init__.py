"""Old import path of the native module; there is one backend."""

# ruff: noqa: F401

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
from zmq._on_demand import on_demand
from zmq.backend import select
from zmq.backend.select import public_api, select_backend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zmq.backend import cython
else:
    __getattr__ = on_demand(__name__, "cython")

#: Names of the backends that pyzmq tries; here both are the native module.
first = "zmq.backend.cython"
second = "zmq.backend.cffi"

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
    "proxy",
    "proxy_steerable",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version_info",
]
