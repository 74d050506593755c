"""ZeroMQ for Python: contexts, sockets and messages of libzmq.

>>> import zmq
>>> context = zmq.Context()
>>> socket = context.socket(zmq.REQ)
"""

from __future__ import annotations

from zmq import constants as constants
from zmq import error as error
from zmq._context import Context, SyncContext
from zmq._core import (
    DRAFT_API,
    IPC_PATH_MAX_LEN,
    curve_keypair,
    curve_public,
    has,
    proxy,
    proxy_steerable,
    strerror,
    zmq_errno,
    zmq_version_info,
)
from zmq._deprecated import Stopwatch, device
from zmq._frame import _FINISHED_TRACKER, Frame, Message, MessageTracker
from zmq._paths import get_cmake_dir, get_includes, get_library_dirs, show_config
from zmq._poll import Poller, select, zmq_poll
from zmq._socket import Socket, SyncSocket
from zmq._version import (
    __revision__,
    __version__,
    pyzmq_version,
    pyzmq_version_info,
    zmq_version,
)
from zmq.constants import *  # noqa: F403
from zmq.error import (
    Again,
    ContextTerminated,
    DraftFDWarning,
    InterruptedSystemCall,
    NotDone,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
)

#: From how many bytes up send(copy=False) and Frame do not copy. It may be assigned to.
COPY_THRESHOLD = 65536

PYZMQ_DRAFT_API = DRAFT_API

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
__all__ += constants.__all__

# Packages that programs reach after `import zmq` alone, and that load what is in them when it is
# asked for. Were they loaded so themselves, by a __getattr__ of this module, CPython would look
# up zmq.PUB and all else the slow way.
from zmq import backend, sugar, utils  # noqa: E402, F401
