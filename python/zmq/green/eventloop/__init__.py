"""The loop and the streams of tornado, for sockets of this package.

Tornado's loop lets greenlets run where gevent has patched the standard library
(``gevent.monkey.patch_all()``).
"""

from tornado.ioloop import IOLoop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from zmq.green.eventloop import ioloop as ioloop

__all__ = ["IOLoop"]

if not TYPE_CHECKING:

    def __getattr__(name):
        # Not before somebody asks: it is deprecated, and says so.
        if name != "ioloop":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return import_module(f"{__name__}.ioloop")
