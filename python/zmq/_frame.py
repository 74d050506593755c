"""Frame and MessageTracker, which are native."""

from __future__ import annotations

from zmq._core import _FINISHED_TRACKER, Frame, MessageTracker

__all__ = ["_FINISHED_TRACKER", "Frame", "Message", "MessageTracker"]

#: The old name of Frame.
Message = Frame
