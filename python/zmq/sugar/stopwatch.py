"""Old import path of zmq.Stopwatch."""

from zmq._deprecated import Stopwatch

__all__ = ["Stopwatch"]
