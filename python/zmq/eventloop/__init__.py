"""Tornado: awaitable sockets (`future`), and callbacks for messages (`zmqstream`)."""

from tornado.ioloop import IOLoop

__all__ = ["IOLoop"]
