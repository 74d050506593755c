"""Main's side of the pipeline: starts the stages, follows them, ends them.

Every stage reports through one ROUTER socket; progress comes by PUB and SUB. Waiting always has
an end: the stages' processes are looked at on every turn, and a run in which nothing moves any
more is given up.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import multiprocessing.resource_tracker
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from typing import Any, Protocol

import zmq

from .files import Listing
from .sink import collect
from .stage import Job, run
from .ventilator import ventilate
from .wire import KeyPair, Result
from .worker import work

TURN_MS = 50
"""How long to wait for messages before the processes are looked at again."""

GRACE_S = 10.0
"""How long a stage may take to end by itself when all is done."""

STOP_GRACE_S = 1.0
"""How long it may take when the run is broken off."""


INTERRUPTS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
"""The signals that break a run off."""


class PipelineError(Exception):
    """The run cannot go on; the text says why."""


class Observer(Protocol):
    """Whoever shows the run."""

    def started(self, name: str, pid: int) -> None:
        """Process `name` was started."""

    def event(self, name: str, event: str, connection: str, endpoint: str) -> None:
        """A socket monitor of process `name` spoke: of ``files``, ``results`` or ``rest``."""

    def sending(self) -> None:
        """All connections are up; files begin to move."""

    def progress(self, files: int, size: int) -> None:
        """The sink has so many files, with so many bytes in all."""


@dataclass
class Outcome:
    """What a run left behind, also when it was broken off."""

    results: list[Result] = field(default_factory=list)
    unreadable: dict[bytes, str] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    """What went wrong with processes, in words."""
    tracebacks: list[str] = field(default_factory=list)
    """Of exceptions that ended a process."""
    elapsed_s: float = 0.0
    """From the first file to the last result."""


class Supervisor:
    """One run of the pipeline.

    Parameters
    ----------
    listing
        What to send.
    workers
        How many worker processes.
    transport
        ``"tcp"`` or ``"ipc"``.
    patience_s
        After so many seconds in which nothing moved, the run is given up.
    observer
        Whoever shows the run.
    """

    def __init__(
        self,
        listing: Listing,
        workers: int,
        transport: str,
        patience_s: float,
        observer: Observer,
    ) -> None:
        self.outcome = Outcome()
        self._listing = listing
        self._workers = workers
        self._transport = transport
        self._patience_s = patience_s
        self._observer = observer
        self._keys = {name: _make_keys() for name in ("main", "ventilator", "sink")}
        self._processes: dict[str, SpawnProcess] = {}
        self._exited: set[str] = set()
        self._bound: dict[str, list[str]] = {}
        self._connected: set[str] = set()
        self._handshakes = 0
        self._sending = False
        self._complete = False
        self._stopping = False
        self._moved_at = time.monotonic()
        self._progress: list[list[int]] = []

    def run(self) -> None:
        """Move every file; `outcome` then holds what came of it.

        Raises
        ------
        PipelineError
            The run was given up. As after any other exception, `KeyboardInterrupt` included,
            `outcome` holds what is known, no process is left and all sockets are closed.
        """
        with contextlib.ExitStack() as stack:
            self._directory = stack.enter_context(_directory(self._transport))
            context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
            stack.callback(context.destroy, linger=0)
            self._router = context.socket(zmq.ROUTER)
            self._router.rcvhwm = self._router.sndhwm = 0
            self._subscriber = context.socket(zmq.SUB)
            self._poller = zmq.Poller()
            self._poller.register(self._router, zmq.POLLIN)
            self._poller.register(self._subscriber, zmq.POLLIN)
            stack.callback(self._end_processes)
            try:
                self._start_stages()
                self._follow()
            except PipelineError:
                self._fetch_results()
                raise

    def _start_stages(self) -> None:
        self._router.curve_server = True
        self._router.curve_secretkey = self._keys["main"].secret
        if self._directory is None:
            self._router.bind("tcp://127.0.0.1:*")
        else:
            self._router.bind(f"ipc://{self._directory}/main")
        self._endpoint = self._router.get_string(zmq.LAST_ENDPOINT)

        if sys.platform != "win32":
            # It is started with the first process otherwise, and that unblocks signals.
            multiprocessing.resource_tracker.ensure_running()
        self._start("ventilator", ventilate, root=self._listing.root, names=self._listing.names)
        self._start("sink", collect)
        self._until(lambda: len(self._bound) == 2)
        files, rest = self._bound["ventilator"]
        results, progress = self._bound["sink"]

        own = self._keys["main"]
        self._subscriber.curve_serverkey = self._keys["sink"].public
        self._subscriber.curve_publickey = own.public
        self._subscriber.curve_secretkey = own.secret
        self._subscriber.subscribe(b"progress")
        self._subscriber.connect(progress)

        for number in range(1, self._workers + 1):
            self._start(
                f"worker {number}",
                work,
                number=number,
                files_endpoint=files,
                rest_endpoint=rest,
                ventilator_key=self._keys["ventilator"].public,
                results_endpoint=results,
                sink_key=self._keys["sink"].public,
            )
        # Each connection comes up at both ends; a worker has three.
        self._until(lambda: len(self._connected) == 2 and self._handshakes == 3 * self._workers)

    def _follow(self) -> None:
        self._observer.sending()
        self._sending = True
        began = time.monotonic()
        self._order("ventilator", b"start")
        try:
            self._until(lambda: self._complete)
        finally:
            self.outcome.elapsed_s = time.monotonic() - began
        # The ventilator hangs up, then the workers do, then the sink.
        self._order("ventilator", b"finish")
        deadline = time.monotonic() + GRACE_S
        self._until(
            lambda: len(self._exited) == len(self._processes) or time.monotonic() >= deadline
        )
        for name in self._processes.keys() - self._exited:
            self.outcome.troubles.append(f"{name} did not end by itself")

    def _fetch_results(self) -> None:
        # Given up: what has arrived so far tells what is missing.
        if self._sending and "sink" not in self._exited:
            self._order("sink", b"give up")
            deadline = time.monotonic() + STOP_GRACE_S
            while not self._complete and time.monotonic() < deadline:
                self._take_messages()

    def _start(self, name: str, act: Callable[..., None], **arguments: Any) -> None:
        job = Job(
            name=name,
            keys=self._keys.get(name) or _make_keys(),
            main_endpoint=self._endpoint,
            main_key=self._keys["main"].public,
            directory=self._directory,
            workers=self._workers,
        )
        process = multiprocessing.get_context("spawn").Process(
            target=run, args=(act, job, arguments), name=name, daemon=True
        )
        with _interrupts_held():
            process.start()
            self._processes[name] = process
        assert process.pid is not None
        self._observer.started(name, process.pid)

    def _until(self, condition: Callable[[], bool]) -> None:
        self._moved_at = time.monotonic()
        while not condition():
            self._take_messages()
            self._look_at_processes()
            if time.monotonic() - self._moved_at > self._patience_s:
                raise PipelineError(f"nothing moved for {self._patience_s:g} s")

    def _take_messages(self, timeout_ms: int = TURN_MS) -> None:
        if not self._poller.poll(timeout_ms):
            return
        while self._router.poll(0):
            name, kind, *parts = self._router.recv_multipart()
            self._moved_at = time.monotonic()
            self._take_report(name.decode(), kind, parts)
        while self._subscriber.poll(0):
            _, numbers = self._subscriber.recv_multipart()
            tally = json.loads(numbers)
            if tally != self._progress:
                self._progress = tally
                self._moved_at = time.monotonic()
                self._observer.progress(
                    sum(files for files, _ in tally), sum(size for _, size in tally)
                )

    def _take_report(self, name: str, kind: bytes, parts: list[bytes]) -> None:
        if kind == b"here":
            if self._stopping:
                self._order(name, b"stop")
        elif kind == b"bound":
            self._bound[name] = [part.decode() for part in parts]
        elif kind == b"connected":
            self._connected.add(name)
        elif kind == b"event":
            event, connection, endpoint = (part.decode(errors="replace") for part in parts)
            self._handshakes += name.startswith("worker") and event == "HANDSHAKE_SUCCEEDED"
            self._observer.event(name, event, connection, endpoint)
        elif kind == b"unreadable":
            self.outcome.unreadable[parts[0]] = parts[1].decode()
        elif kind == b"result":
            self.outcome.results.append(Result.from_frames(parts))
        elif kind == b"complete":
            self._complete = True
            self._observer.progress(
                len(self.outcome.results), sum(result.size for result in self.outcome.results)
            )
        elif kind == b"failed":
            self.outcome.tracebacks.append(f"{name}:\n{parts[0].decode()}")
        elif kind != b"busy":
            raise PipelineError(f"{name} sent a report of an unknown kind, {kind!r}")

    def _look_at_processes(self) -> None:
        gone = [
            name
            for name, process in self._processes.items()
            if name not in self._exited and process.exitcode is not None
        ]
        if gone:
            self._take_messages(0)  # what they said before
        for name in gone:
            self._exited.add(name)
            code = self._processes[name].exitcode
            if code == 0 and (self._complete or name == "sink"):
                continue  # the sink has said all that it had to say, if perhaps not all is here yet
            self.outcome.troubles.append(f"{name} {_ending(code)}")
            if not self._sending:
                raise PipelineError("the stages could not be connected")
            if self._complete:
                continue
            if name == "sink":
                raise PipelineError("no results without the sink")
            if name != "ventilator":
                self._order("sink", b"lost", name.split()[1].encode())

    def _order(self, name: str, *parts: bytes) -> None:
        self._router.send_multipart([name.encode(), *parts])

    def _end_processes(self) -> None:
        # Whatever happened, and however impatient somebody is: nothing is left behind.
        with _interrupts_held():
            self._stopping = True
            self._observer = _Nobody()
            for name in self._processes:
                self._order(name, b"stop")
            for end in (None, SpawnProcess.terminate, SpawnProcess.kill):
                running = [process for process in self._processes.values() if process.is_alive()]
                for process in running:
                    if end is not None:
                        end(process)
                deadline = time.monotonic() + STOP_GRACE_S
                while any(process.is_alive() for process in running):
                    if time.monotonic() >= deadline:
                        break
                    self._take_messages()
            for process in self._processes.values():
                process.join()
                process.close()


class _Nobody:
    # Shows nothing more.
    def started(self, name: str, pid: int) -> None: ...
    def event(self, name: str, event: str, connection: str, endpoint: str) -> None: ...
    def sending(self) -> None: ...
    def progress(self, files: int, size: int) -> None: ...


@contextlib.contextmanager
def _directory(transport: str) -> Iterator[str | None]:
    # Only we may enter it. An ipc path has little room: where the usual place is too deep, a
    # short one is taken.
    if transport != "ipc":
        yield None
        return
    usual = tempfile.gettempdir()
    room = zmq.IPC_PATH_MAX_LEN - len("/pipeline-xxxxxxxx/progress")
    place = usual if len(os.fsencode(usual)) <= room else "/tmp"
    with tempfile.TemporaryDirectory(prefix="pipeline-", dir=place) as directory:
        yield directory


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    # Ctrl-C in here is delivered after it. A process started in here is born with it blocked,
    # so that it cannot be interrupted before it has said that it does not want to be.
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: received.append(number))
        for number in INTERRUPTS
        if callable(signal.getsignal(number))
    }
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        for number, handler in before.items():
            signal.signal(number, handler)
        if received:
            signal.raise_signal(received[0])


def _make_keys() -> KeyPair:
    return KeyPair(*zmq.curve_keypair())


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"
    return f"ended with status {code}" if code else "ended early"
