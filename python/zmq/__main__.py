"""Say where the parts of the package are, and what it runs on: ``python -m zmq``."""

from __future__ import annotations

import argparse

import zmq


def main() -> None:
    """Run ``python -m zmq [--includes | --cmakedir]``."""
    parser = argparse.ArgumentParser(
        prog="python -m zmq", description="Without an option: versions, paths, build options."
    )
    options = parser.add_mutually_exclusive_group()
    options.add_argument("--includes", action="store_true", help="flags for a C++ compiler")
    options.add_argument("--cmakedir", action="store_true", help="the directory for cppyzmq_ROOT")
    given = parser.parse_args()
    if given.includes:
        print(" ".join(f"-I{path}" for path in zmq.get_includes()))
    elif given.cmakedir:
        print(zmq.get_cmake_dir())
    else:
        zmq.show_config()


if __name__ == "__main__":
    main()
