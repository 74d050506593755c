"""Old import path of zmq.MessageTracker."""

# ruff: noqa: F401

from zmq import NotDone
from zmq._core import Frame
from zmq._frame import _FINISHED_TRACKER, MessageTracker

__all__ = ["_FINISHED_TRACKER", "MessageTracker"]
