"""The native loop of the monitored queue, under the name it has always had."""

from zmq._core import monitored_queue

__all__ = ["monitored_queue"]
