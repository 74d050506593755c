"""Helpers beside the sockets: Z85, JSON, monitor messages, handles of other libraries."""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    # Some programs use these after `import zmq.utils` alone; nobody else pays for them.
    if name in ("interop", "jsonapi", "z85"):
        return import_module(f"zmq.utils.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
