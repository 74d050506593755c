"""Version numbers and strings.

`__version__` names the level of pyzmq's API that this package has, because libraries compare it.
The version of the distribution itself is ``importlib.metadata.version("cppyzmq")``.
"""

from __future__ import annotations

from zmq._core import zmq_version_info

__all__ = [
    "__revision__",
    "__version__",
    "pyzmq_version",
    "pyzmq_version_info",
    "zmq_version",
    "zmq_version_info",
]

VERSION_MAJOR = 27
VERSION_MINOR = 3
VERSION_PATCH = 0
VERSION_EXTRA = ""

version_info: tuple[int, int, int] = (VERSION_MAJOR, VERSION_MINOR, VERSION_PATCH)

__version__: str = "27.3.0"
__revision__: str = ""


def pyzmq_version() -> str:
    """Say which level of pyzmq's API this is, such as ``"27.3.0"``."""
    return __version__


def pyzmq_version_info() -> tuple[int, int, int]:
    """Say which level of pyzmq's API this is, as three numbers to compare."""
    return version_info


def zmq_version() -> str:
    """Say which version of libzmq is in use, such as ``"4.3.5"``."""
    return ".".join(map(str, zmq_version_info()))
