"""ZMQStream for sockets of this package."""

from zmq.eventloop import zmqstream

__all__ = ["ZMQStream"]


class ZMQStream(zmqstream.ZMQStream):
    """Callbacks on a socket, run by tornado's loop: a :class:`zmq.eventloop.zmqstream.ZMQStream`.

    Parameters
    ----------
    socket
        The socket.
    io_loop
        The loop; the current one where it is None.
    """
