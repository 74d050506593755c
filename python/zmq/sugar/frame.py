"""Old import path of zmq.Frame."""

# ruff: noqa: F401

from zmq._core import Frame as FrameBase
from zmq._frame import Frame, Message
from zmq._options import AttributeSetter

__all__ = ["Frame", "Message"]
