"""Old import path of zmq.Poller and zmq.select."""

# ruff: noqa: F401

from zmq import POLLERR, POLLIN, POLLOUT
from zmq._poll import Poller, select, zmq_poll

__all__ = ["Poller", "select"]
