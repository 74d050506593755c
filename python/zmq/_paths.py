"""Where the headers and the libraries of this package are, for building against them."""

from __future__ import annotations

import os
import sys

__all__ = ["get_includes", "get_library_dirs"]


def _package_directories() -> list[str]:
    # An editable install has two: the sources, and what was built from them.
    return [os.path.abspath(path) for path in sys.modules["zmq"].__path__]


def get_includes() -> list[str]:
    """Give the directories to pass to a C++ compiler with ``-I``.

    Returns
    -------
    list of str
        Directories with zmq.h, zmq.hpp and the headers of this package.
    """
    candidates = (os.path.join(path, "include") for path in _package_directories())
    return [path for path in candidates if os.path.isdir(path)]


def get_library_dirs() -> list[str]:
    """Give the directories to pass to a linker with ``-L``.

    Returns
    -------
    list of str
        The directories of the package, with any libzmq that comes with it.
    """
    return [path for path in _package_directories() if os.path.isdir(path)]
