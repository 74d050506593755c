"""The API of zmq for programs of gevent: calls let other greenlets run while they wait.

>>> import zmq.green as zmq

is the only change that a program needs. Nothing is patched, and nothing need be.
"""

from __future__ import annotations

from zmq import (
    _FINISHED_TRACKER,
    COPY_THRESHOLD,
    DRAFT_API,
    IPC_PATH_MAX_LEN,
    PYZMQ_DRAFT_API,
    Again,
    ContextTerminated,
    DraftFDWarning,
    Frame,
    InterruptedSystemCall,
    Message,
    MessageTracker,
    NotDone,
    Stopwatch,
    SyncContext,
    SyncSocket,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
    __revision__,
    __version__,
    curve_keypair,
    curve_public,
    get_cmake_dir,
    get_includes,
    get_library_dirs,
    has,
    pyzmq_version,
    pyzmq_version_info,
    show_config,
    strerror,
    zmq_errno,
    zmq_version,
    zmq_version_info,
)
from zmq import constants as _constants
from zmq.constants import *  # noqa: F403
from zmq.green.core import _Context, _Socket
from zmq.green.device import device, proxy, proxy_steerable
from zmq.green.poll import _Poller, select, zmq_poll

Context = _Context
Socket = _Socket
Poller = _Poller

__all__ = [
    "COPY_THRESHOLD",
    "DRAFT_API",
    "IPC_PATH_MAX_LEN",
    "PYZMQ_DRAFT_API",
    "_FINISHED_TRACKER",
    "Again",
    "Context",
    "ContextTerminated",
    "DraftFDWarning",
    "Frame",
    "InterruptedSystemCall",
    "Message",
    "MessageTracker",
    "NotDone",
    "Poller",
    "Socket",
    "Stopwatch",
    "SyncContext",
    "SyncSocket",
    "ZMQBaseError",
    "ZMQBindError",
    "ZMQError",
    "ZMQVersionError",
    "__revision__",
    "__version__",
    "curve_keypair",
    "curve_public",
    "device",
    "get_cmake_dir",
    "get_includes",
    "get_library_dirs",
    "has",
    "proxy",
    "proxy_steerable",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "show_config",
    "strerror",
    "zmq_errno",
    "zmq_poll",
    "zmq_version",
    "zmq_version_info",
]
__all__ += _constants.__all__
