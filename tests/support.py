"""What several test files need: programs in interpreters of their own."""

from __future__ import annotations

import faulthandler
import gc
import importlib.util
import json
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

TRANSPORTS = ("inproc", "ipc", "tcp")

#: Ends the program, and shows where each of its threads hangs, before run_script gives up.
PRELUDE = """\
import faulthandler
faulthandler.dump_traceback_later({seconds}, exit=True)
"""


#: That the usual loop of Windows needs a thread of ours is no mistake of the program.
USUAL_LOOP = ("-W", "ignore:<ProactorEventLoop") if sys.platform == "win32" else ()


def unless_required(name: str, missing: bool) -> bool:
    """Say whether to skip tests because something is missing, which is not to be skipped in CI.

    There, CPPYZMQ_REQUIRED names what has to be present; its tests then fail without it.
    """
    return missing and name not in os.environ.get("CPPYZMQ_REQUIRED", "").split(",")


def free_port() -> int:
    """Give a port of tcp that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def run(arguments: list[str], seconds: float, status: int = 0, warnings: str = "error") -> str:
    """Run the interpreter; its standard error has to stay empty."""
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-W", warnings, *USUAL_LOOP, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds + 10,
    )
    told = f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    assert ended.returncode == status, told
    assert ended.stderr == "", told
    return ended.stdout


def run_script(
    source: str,
    *arguments: str,
    seconds: float = 30,
    status: int = 0,
    warnings: str = "error",
) -> str:
    """Run a program in a fresh interpreter and return what it printed.

    It has to end by itself within so many seconds, with this exit status, and without a word on
    standard error. Warnings are errors unless something else is said.
    """
    program = PRELUDE.format(seconds=seconds) + textwrap.dedent(source)
    return run(["-c", program, *arguments], seconds, status, warnings)


def run_function(function: Callable[..., Any], *arguments: Any, seconds: float = 50) -> str:
    """Run a function of a test file, with arguments that JSON has, as ``run_script`` does."""
    return run_cases(function, [arguments], seconds=seconds)


def run_cases(
    function: Callable[..., Any], cases: Sequence[Sequence[Any]], seconds: float = 50
) -> str:
    """Run a function once for every case, all in one fresh interpreter.

    One that fails does not keep the others from running.
    """
    task = json.dumps([function.__code__.co_filename, function.__name__, cases, seconds])
    return run([__file__, task], seconds)


#: The numbers of poll, ppoll and epoll_wait, on x86-64 and on 64-bit ARM.
POLLING_CALLS = {"7", "271", "232", "281", "73", "22"}


def wait_until_parked(thread: int) -> None:
    """Return when a thread, given by its native number, sleeps in poll(2)."""
    task = Path(f"/proc/self/task/{thread}/syscall")
    if not os.access(task, os.R_OK):
        # The system does not tell. Mostly, it sleeps by now.
        time.sleep(0.2)
        return
    while task.read_text().split()[0] not in POLLING_CALLS:
        time.sleep(0.001)


def open_descriptors() -> int:
    """Count the open descriptors of this process, on Linux."""
    return len(os.listdir("/proc/self/fd"))


def settled_descriptors() -> int:
    """Count them when contexts of earlier tests, which end by themselves, have ended."""
    gc.collect()
    count = -1
    while count != open_descriptors():
        count = open_descriptors()
        time.sleep(0.05)
    return count


def when_parked(action: Callable[[], Any], thread: int | None = None) -> threading.Thread:
    """Do something as soon as a thread, the calling one by default, sleeps in poll(2)."""
    number = threading.get_native_id() if thread is None else thread

    def wait_and_act() -> None:
        wait_until_parked(number)
        action()

    acting = threading.Thread(target=wait_and_act, daemon=True)
    acting.start()
    return acting


def load(path: str) -> ModuleType:
    """Import a file."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(path: str, name: str, cases: list[list[Any]], seconds: float) -> int:
    """Be the fresh interpreter."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    function = getattr(load(path), name)
    failed = 0
    for arguments in cases:
        try:
            function(*arguments)
        except BaseException:
            failed = 1
            print(f"{name}{tuple(arguments)}:", file=sys.stderr)
            traceback.print_exc()
    return failed


if __name__ == "__main__":
    sys.exit(main(*json.loads(sys.argv[1])))
