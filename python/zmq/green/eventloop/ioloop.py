"""The loop of tornado under its old names, as :mod:`zmq.eventloop.ioloop` has it."""

from tornado.ioloop import *  # noqa: F403

from zmq.eventloop.ioloop import ZMQIOLoop as ZMQIOLoop
from zmq.eventloop.ioloop import install as install
