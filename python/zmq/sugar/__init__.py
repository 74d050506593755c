"""Old import path of what is in zmq itself."""

# ruff: noqa: F401

from zmq import (
    _FINISHED_TRACKER,
    Again,
    Context,
    ContextTerminated,
    DeviceType,
    DraftFDWarning,
    Frame,
    InterruptedSystemCall,
    Message,
    MessageTracker,
    NotDone,
    Poller,
    Socket,
    Stopwatch,
    SyncContext,
    SyncSocket,
    ZMQBaseError,
    ZMQBindError,
    ZMQError,
    ZMQVersionError,
    __revision__,
    __version__,
    device,
    error,
    proxy,
    pyzmq_version,
    pyzmq_version_info,
    select,
    zmq_version,
    zmq_version_info,
)
from zmq._on_demand import on_demand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zmq.sugar import (
        attrsettr,
        context,
        frame,
        poll,
        socket,
        stopwatch,
        tracker,
        version,
    )
else:
    __getattr__ = on_demand(
        __name__,
        "attrsettr",
        "context",
        "frame",
        "poll",
        "socket",
        "stopwatch",
        "tracker",
        "version",
    )

__all__ = [
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
    "device",
    "pyzmq_version",
    "pyzmq_version_info",
    "select",
    "zmq_version",
    "zmq_version_info",
]
