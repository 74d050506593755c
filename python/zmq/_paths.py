"""Where the parts of this package are, for building against them, and what it runs on."""

from __future__ import annotations

import os
import sys

__all__ = ["get_cmake_dir", "get_includes", "get_library_dirs", "show_config"]

#: What zmq.has knows.
_FEATURES = ("ipc", "curve", "draft", "gssapi", "norm", "pgm", "tipc", "vmci", "ws", "wss")


def _package_directories() -> list[str]:
    # An editable install has two: the sources, and what was built from them.
    return [os.path.abspath(path) for path in sys.modules["zmq"].__path__]


def get_includes() -> list[str]:
    """Give the directories to pass to a C++ compiler with ``-I``.

    Returns
    -------
    list of str
        Directories with zmq.h, zmq.hpp and the headers of this package; then that of zmq.utils,
        where pyzmq has some too and build scripts expect the second entry.
    """
    names = ("include", "utils")
    candidates = [os.path.join(path, name) for name in names for path in _package_directories()]
    return [path for path in candidates if os.path.isdir(path)]


def get_cmake_dir() -> str:
    """Give the directory of the CMake package, for ``cppyzmq_ROOT``.

    Returns
    -------
    str
        The directory with cppyzmqConfig.cmake.

    Raises
    ------
    FileNotFoundError
        The package was installed without it.
    """
    # Of the two of an editable install, that which has everything.
    for name in ("cppyzmqConfigVersion.cmake", "cppyzmqConfig.cmake"):
        for path in _package_directories():
            directory = os.path.join(path, "cmake")
            if os.path.isfile(os.path.join(directory, name)):
                return directory
    raise FileNotFoundError("this installation of cppyzmq has no CMake package")


def get_library_dirs() -> list[str]:
    """Give the directories to pass to a linker with ``-L``.

    Returns
    -------
    list of str
        The directories of the package, with any libzmq that comes with it.
    """
    return [path for path in _package_directories() if os.path.isdir(path)]


def show_config() -> None:
    """Print versions, paths, features and build options: what a report of a bug needs.

    Warns where this process has a second libzmq.
    """
    from importlib import metadata
    from platform import platform

    from zmq import _core
    from zmq._version import pyzmq_version, zmq_version

    try:
        version = metadata.version("cppyzmq")
    except metadata.PackageNotFoundError:
        version = "not installed"
    try:
        cmake_dir = get_cmake_dir()
    except FileNotFoundError:
        cmake_dir = "none"
    rows: list[tuple[str, object]] = [
        ("cppyzmq", version),
        ("interface", f"pyzmq {pyzmq_version()}"),
        ("libzmq", zmq_version()),
        ("libzmq file", _core.libzmq_file()),
        *(("second libzmq", file) for file in _core.other_libzmq_files()),
        ("features", " ".join(name for name in _FEATURES if _core.has(name))),
        ("Python", f"{sys.version.split()[0]} ({sys.executable})"),
        ("platform", platform()),
        ("package", os.pathsep.join(_package_directories())),
        ("module", _core.__file__),
        ("includes", os.pathsep.join(get_includes())),
        ("CMake package", cmake_dir),
    ]
    rows += ((f"built with {name}", value) for name, value in _core.build_options().items())
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:{width}}  {value}")
    _core.warn_of_second_libzmq()
