"""Helpers beside the sockets: Z85, JSON, monitor messages, handles of other libraries."""

from zmq._on_demand import on_demand

# Some programs use these after `import zmq` alone; nobody else pays for them.
__getattr__ = on_demand(__name__, "interop", "jsonapi", "z85")
