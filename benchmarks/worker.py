"""Takes samples on demand, in a process of its own that stays alive for a whole group.

Run by ``run.py`` as ``worker.py GROUP``. One line on standard input is one command, one line
on standard output its answer::

    about                    about {"zmq": ..., "libzmq": ...}
    measure 1000 CASE NAME   ok SECONDS... | missing REASON | failed REASON

Figures are per operation. The last case stays open until another one is asked for.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import importlib.metadata
import json
import os
import platform
import sys
import traceback
from contextlib import ExitStack

from case import Group, Sample, Unavailable

MODULES = {
    "call": "call_overhead",
    "throughput": "throughput",
    "latency": "latency",
    "async": "asyncio_roundtrip",
    "devices": "devices",
    "import": "import_memory",
}


def group_of(name: str) -> Group:
    """Import a group's module and return its cases."""
    group = importlib.import_module(MODULES[name]).GROUP
    assert isinstance(group, Group)
    return group


def about() -> dict[str, str]:
    """Say which implementation of zmq this interpreter has."""
    import zmq

    def version(distribution: str) -> str | None:
        try:
            return importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            return None

    found = {name: version(name) for name in ("cppyzmq", "pyzmq")}
    return {
        "distribution": " and ".join(f"{name} {at}" for name, at in found.items() if at),
        "file": str(zmq.__file__),
        "libzmq": zmq.zmq_version(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


class Worker:
    """Keeps one case of a group open and takes its samples.

    Parameters
    ----------
    group
        The cases that can be asked for.
    """

    def __init__(self, group: Group) -> None:
        self._group = group
        self._opened = ExitStack()
        self._name = ""
        self._sample: Sample | None = None

    def measure(self, name: str, iterations: int) -> str:
        """Take one sample and say what came out, as a line of the protocol."""
        try:
            sample = self._open(name)
            gc.collect()
            gc.disable()
            try:
                figures = sample(iterations)
            finally:
                gc.enable()
        except (Unavailable, ModuleNotFoundError) as reason:
            self.close()
            return f"missing {reason}"
        except Exception as reason:
            traceback.print_exc()
            self.close()
            return f"failed {type(reason).__name__}: {reason}"
        return "ok " + " ".join(map(repr, figures))

    def close(self) -> None:
        """Close the case that is open."""
        self._name, self._sample = "", None
        opened, self._opened = self._opened, ExitStack()
        opened.close()

    def _open(self, name: str) -> Sample:
        if self._sample is None or self._name != name:
            self.close()
            self._sample = self._opened.enter_context(self._group.cases[name].open())
            self._name = name
        return self._sample


def main() -> None:
    """Serve the commands on standard input until it is closed."""
    # Whatever prints in this process must not end up between the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    limit_s = float(sys.argv[2])
    worker = Worker(group_of(sys.argv[1]))
    for line in sys.stdin:
        faulthandler.dump_traceback_later(limit_s, exit=True)
        command, _, rest = line.strip().partition(" ")
        if command == "about":
            answer = "about " + json.dumps(about())
        else:
            iterations, _, name = rest.partition(" ")
            answer = worker.measure(name, int(iterations)).replace("\n", " ")
        faulthandler.cancel_dump_traceback_later()
        answers.write(answer + "\n")
    worker.close()


if __name__ == "__main__":
    main()
