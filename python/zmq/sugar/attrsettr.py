"""Old import path of zmq._options."""

# ruff: noqa: F401

from zmq import constants
from zmq._options import AttributeSetter

__all__ = ["AttributeSetter"]
