"""Old names: tornado's own loop watches sockets today."""

from __future__ import annotations

import warnings

from tornado.ioloop import *  # noqa: F403
from tornado.ioloop import IOLoop, PeriodicCallback

__all__ = ["IOLoop", "PeriodicCallback", "ZMQIOLoop", "install"]

ZMQIOLoop = IOLoop


def _deprecated() -> None:
    """Warn of the old names."""
    warnings.warn(
        "zmq.eventloop.ioloop is deprecated: sockets work in tornado's own loop",
        DeprecationWarning,
        stacklevel=3,
    )


_deprecated()


def install() -> None:
    """Do nothing: sockets work in tornado's own loop. Deprecated."""
    _deprecated()
