"""How long importing takes, and what objects and queued messages weigh.

Each sample is a fresh interpreter. Memory is what the process's resident set grows by.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from case import Case, Group, Opener, Sample, Unavailable

GROUP = Group("import and memory, in fresh interpreters")

IMPORT = """\
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""

RESIDENT = """\
import gc, os, sys, zmq
count = int(sys.argv[1])
page = os.sysconf("SC_PAGE_SIZE")
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * page
def pair():
    context = zmq.Context()
    a, b = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    a.set_hwm(0)
    b.set_hwm(0)
    a.bind("inproc://pair")
    b.connect("inproc://pair")
    return context, a, b
data = b"x" * {size}
gc.disable()
"""

FRAMES = """\
kept = [None] * count
zmq.Frame(data)
before = resident()
for index in range(count):
    kept[index] = zmq.Frame(data)
print((resident() - before) / count)
"""

QUEUED = """\
context, a, b = pair()
for _ in range(100):
    a.send(data, copy=False)
before = resident()
for _ in range(count):
    a.send(data, copy=False)
print((resident() - before) / count)
sys.stdout.flush()
os._exit(0)
"""

GROWTH = """\
context, a, b = pair()
def work():
    for _ in range(count):
        {statement}
work()
before = resident()
work()
print((resident() - before) / count)
sys.stdout.flush()
os._exit(0)
"""


def fresh_interpreter(program: str, module: str = "zmq") -> Opener:
    """Make a case whose sample is what a new interpreter prints; it needs ``module``."""

    @contextmanager
    def opened() -> Iterator[Sample]:
        if "/proc/" in program and not sys.platform.startswith("linux"):
            raise Unavailable("needs Linux's /proc")
        if importlib.util.find_spec(module) is None:
            raise Unavailable(f"No module named {module!r}")

        # Users import what is compiled: the first run keeps the bytecode for the others.
        environment = dict(os.environ)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def sample(iterations: int) -> tuple[float]:
            ended = subprocess.run(
                [sys.executable, "-c", program, str(iterations)],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env=environment,
            )
            return (float(ended.stdout),)

        sample(1)
        yield sample

    return opened


for module, least in (("zmq", 1 / 0.6), ("zmq.asyncio", None)):
    GROUP.add(
        Case(
            f"import {module}",
            fresh_interpreter(IMPORT.format(module=module), module),
            target=least,
            iterations=1,
        )
    )
GROUP.add(
    Case(
        "a Frame of 16 B",
        fresh_interpreter(RESIDENT.format(size=16) + FRAMES),
        unit="B",
        most=130,
        iterations=200_000,
    )
)
GROUP.add(
    Case(
        "a queued message, copy=False 64 KiB",
        fresh_interpreter(RESIDENT.format(size=1 << 16) + QUEUED),
        unit="B",
        most=260,
        iterations=100_000,
    )
)
for label, size, statement in (
    ("copy=False 64 KiB", 1 << 16, "a.send(data, copy=False); b.recv(copy=False)"),
    ("multipart", 16, "a.send_multipart([data] * 3); b.recv_multipart()"),
):
    GROUP.add(
        Case(
            f"growth per message, {label}",
            fresh_interpreter(RESIDENT.format(size=size) + GROWTH.format(statement=statement)),
            unit="B",
            most=1,
            iterations=50_000,
        )
    )
