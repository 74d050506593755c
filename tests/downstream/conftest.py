"""Environments of their own for real programs: pyzmq is taken out of them, cppyzmq put in.

They are kept in build/downstream, so that only the first run has to download anything. Libraries
come from the package index; cppyzmq is the checkout's, in a wheel that is built from the build
directory of script/bootstrap: nothing is compiled again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"
BUILD = ROOT / "build" / "downstream"

#: What a program says when something went wrong, though it went on.
COMPLAINTS = ("Traceback", "Exception ignored", "was never", "Unclosed", "Assertion failed")

#: What an ipykernel says at its end, if its control thread reports "idle" between the moments when
#: its main thread has seen the IOPub thread end and closed the pipe to it. No zmq can help it.
CLOSED_TOO_EARLY = re.compile(
    r"ERROR:tornado\.general:Uncaught exception in ZMQStream callback\n"
    r"(?:[ T].*\n)+?"
    r" +self\._event_pipe\.send\(b\"\"\)\n"
    r"zmq\.error\.ZMQError: Socket operation on non-socket.*\n"
)

#: How long the processes of a program may take to end after it.
LONGEST_END_S = 20

#: Says which package `zmq` is, and fails if pyzmq is still there.
WHICH_ZMQ = """\
import importlib.metadata, sysconfig, zmq, zmq._core
assert zmq.__file__.startswith(sysconfig.get_path("purelib")), zmq.__file__
names = {dist.metadata["Name"].lower() for dist in importlib.metadata.distributions()}
assert "cppyzmq" in names, names
assert "pyzmq" not in names, names
"""


def call(*command: str | Path, seconds: float, env: dict[str, str] | None = None) -> str:
    """Run a command and give its output, which is shown when it fails."""
    ended = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        env=env,
    )
    assert ended.returncode == 0, f"{command} ended with {ended.returncode}\n{ended.stdout}"
    return ended.stdout


def pip(*arguments: str | Path) -> str:
    return call(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, seconds=240)


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Keep the other processes of a parallel run waiting."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@dataclass
class Environment:
    """An environment with libraries of the package index, and with cppyzmq.

    Attributes
    ----------
    python
        Its interpreter.
    home
        The home directory of the programs.
    """

    python: Path
    home: Path

    def run(self, program: str, *arguments: str, seconds: float = 120) -> list[str]:
        """Run one of the programs beside this file and give the lines that it printed."""
        ended = subprocess.run(
            [self.python, "-X", "faulthandler", PROGRAMS / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=self.home,
            env=self.variables(),
        )
        told = f"status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        assert ended.returncode == 0, told
        complaints = CLOSED_TOO_EARLY.sub("", ended.stderr)
        assert not any(complaint in complaints for complaint in COMPLAINTS), told
        assert not self.end_processes(), f"processes were left\n{told}"
        return ended.stdout.splitlines()

    def end_processes(self) -> list[int]:
        """Wait for the processes that the program has started; give those that had to be killed."""
        end = time.monotonic() + LONGEST_END_S
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(0.1)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return left

    def processes(self) -> list[int]:
        """Give the processes that run this environment's interpreter, where the system tells."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            # It may have ended meanwhile.
            with contextlib.suppress(OSError):
                if file.read_bytes().split(b"\0")[0] == os.fsencode(self.python):
                    found.append(int(file.parent.name))
        return found

    def variables(self) -> dict[str, str]:
        """Give the variables of a process in this environment."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        path = f"{self.python.parent}{os.pathsep}{inherited.get('PATH', '')}"
        return {**inherited, "PATH": path, "HOME": str(self.home), "MPLBACKEND": "agg"}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    directory = tmp_path_factory.mktemp("wheel")
    os.environ["SKBUILD_BUILD_DIR"] = "build/bootstrap/{wheel_tag}"
    try:
        with one_at_a_time():
            pip("wheel", "--no-deps", "--no-build-isolation", "-w", directory, ROOT)
    finally:
        del os.environ["SKBUILD_BUILD_DIR"]
    (built,) = directory.glob("cppyzmq-*.whl")
    return built


@pytest.fixture(scope="session")
def make_environment(
    wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Environment]:
    """Give a function that makes the environment with some libraries."""
    ready: set[Path] = set()

    def make(name: str, *requirements: str) -> Environment:
        # Another interpreter, or other requirements, need an environment of their own.
        wanted = "\n".join([sys.version, sysconfig.get_platform(), sys.prefix, *requirements])
        directory = BUILD / f"{name}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"
        python = directory / "bin" / "python"
        complete = directory / "complete"
        into = ("--python", python)
        with one_at_a_time():
            if not complete.exists():
                venv.create(directory, clear=True, with_pip=False, symlinks=True)
                pip(*into, "install", "--no-compile", "--prefer-binary", *requirements)
                pip(*into, "uninstall", "-y", "pyzmq")
                complete.touch()
            if directory not in ready:
                pip(*into, "install", "--no-deps", "--no-index", "--force-reinstall", wheel)
        environment = Environment(python, tmp_path_factory.mktemp(name))
        if directory not in ready:
            call(python, "-c", WHICH_ZMQ, seconds=60, env=environment.variables())
            ready.add(directory)
        return environment

    return make
