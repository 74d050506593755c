"""The main job, examples/pipeline.py, and the smaller examples, run as users run them.

Every run is given one pipe for all it prints. A pipe ends when the last process that holds it
has ended, so reading it to its end also proves that no process was left behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import zmq
from zmq.utils.monitor import recv_monitor_message

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

NOT_UTF8 = b"caf\xe9.txt"

# Moving so many bytes takes so long that what a test does meanwhile happens in mid-run. The files
# are sparse and take no room on the disk.
LARGE = 64 * 1024 * 1024

IN_MID_RUN = r"^received: \d+ of 306 files$"


class Pipeline:
    """One run of examples/pipeline.py, in a session of its own."""

    def __init__(self, *arguments: str | bytes | Path, temporary: Path, **environment: str) -> None:
        self.temporary = temporary
        self.process = subprocess.Popen(
            [sys.executable, EXAMPLES / "pipeline.py", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(temporary)} | environment,
            # Whoever runs the tests in the background has told them to ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.lines: list[str] = []

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read lines until one matches."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError("\n".join([f"no line matches {pattern!r}:", *self.lines]))

    def pid(self, name: str) -> int:
        """Return the number of a process that was started."""
        for line in self.lines:
            if found := re.fullmatch(rf"{name} started \(pid (\d+)\)", line):
                return int(found[1])
        return int(self.read_until(rf"^{name} started \(pid (\d+)\)$")[1])

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """Send a signal to one of its processes."""
        os.kill(self.pid(name), number)

    def end(self) -> int:
        """Read the rest, until every process has ended, and return the exit status."""
        rest, _ = self.process.communicate(timeout=50)
        self.lines += rest.splitlines()
        return self.process.returncode

    @property
    def last_line(self) -> str:
        """The line that tells success from failure."""
        return self.lines[-1]

    def total(self) -> list[str]:
        """Return the last row of the table."""
        return next(line.split() for line in self.lines if re.match(r"all +\d", line))

    def named(self, what: str) -> set[str]:
        """Return the files that are listed under a heading."""
        return {
            line.removeprefix(f"{what}: ").partition(" (")[0]
            for line in self.lines
            if line.startswith(f"{what}: ")
        }


def large(names: set[str]) -> set[str]:
    """Return the large files among these."""
    return {name for name in names if name.startswith("2-large-")}


Start = Callable[..., Pipeline]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start pipelines that do not outlive the test."""
    runs: list[Pipeline] = []
    with tempfile.TemporaryDirectory(prefix="cppyzmq-") as temporary:

        def start_one(*arguments: str | bytes | Path, **environment: str) -> Pipeline:
            runs.append(Pipeline(*arguments, temporary=Path(temporary), **environment))
            return runs[-1]

        yield start_one
        for run in runs:
            with contextlib.suppress(ProcessLookupError):  # the usual case: all have ended
                os.killpg(run.process.pid, signal.SIGKILL)
            run.process.communicate()


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import one of the pipeline's modules."""
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return lambda name: importlib.import_module(f"stages.{name}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree with everything that file systems have to offer."""
    top = tmp_path / "tree"
    (top / "a" / "b" / "c").mkdir(parents=True)
    (top / "nothing inside").mkdir()
    (top / "empty").touch()
    (top / "a" / "empty too").touch()
    (top / "no newline").write_bytes(b"one\ntwo")
    (top / "a" / "b" / "c" / "binary").write_bytes(bytes(range(256)) * 300)
    (top / "a" / "two blocks").write_bytes(os.urandom(2 * 4 * 1024 * 1024))
    (top / "a" / "just more").write_bytes(b"\n" * (4 * 1024 * 1024 + 1))
    (top / "two\nlines \x1b[31m").write_bytes(b"name with control characters")
    (top / "a" / "link to a file").symlink_to("../no newline")
    (top / "a" / "b" / "round").symlink_to("../..")
    for number in range(200):
        (top / "a" / f"{number}.txt").write_text(f"{number}\n" * number)
    if sys.platform == "linux":
        Path(os.fsdecode(os.fsencode(top) + b"/" + NOT_UTF8)).write_bytes(b"caf\xe9\n")
    return top


@pytest.fixture
def large_tree(tmp_path: Path) -> Path:
    """Small files that tell that the run has begun, six large ones, more small ones."""
    top = tmp_path / "tree"
    top.mkdir()
    for number in range(300):
        (top / f"{1 if number < 100 else 3}-small-{number}").write_text(f"{number}\n")
    for number in range(6):
        with open(top / f"2-large-{number}", "wb") as file:
            file.truncate(LARGE)
    return top


def everything(top: Path) -> dict[bytes, bytes]:
    """Read a tree by other means than the pipeline does: name to content."""
    found = {}
    for path in top.rglob("*"):
        if path.is_file():
            found[os.fsencode(path.relative_to(top))] = path.read_bytes()
    return found


@pytest.mark.parametrize(("transport", "workers"), [("tcp", 1), ("tcp", 5), ("ipc", 2)])
def test_every_file_arrives_once_and_unchanged(
    start: Start, tree: Path, transport: str, workers: int
) -> None:
    run = start(tree, "--transport", transport, "--workers", str(workers))
    assert run.end() == 0, run.lines
    files = everything(tree)
    size = sum(map(len, files.values()))
    assert run.last_line.startswith(f"pipeline: OK {len(files)} files, {size} bytes: ")
    total = run.total()
    assert total[:3] == ["all", str(len(files)), str(size)]
    assert total[-1] == "100.0%"
    shares = [line.split() for line in run.lines if re.match(r"\d+ +\d+ +\d+ .*%$", line)]
    assert [share[0] for share in shares] == [str(number + 1) for number in range(workers)]
    assert sum(int(share[1]) for share in shares) == len(files)
    assert sum(int(share[2]) for share in shares) == size
    assert not list(run.temporary.iterdir())


def test_output_that_is_no_terminal_is_plain_and_short(start: Start, tree: Path) -> None:
    run = start(tree)
    assert run.end() == 0
    assert len(run.lines) < 40
    assert all(line.isprintable() and line.isascii() for line in run.lines)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_terminal_shows_a_progress_bar(tree: Path) -> None:
    import pty

    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "pipeline.py", tree],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(terminal)
    shown = b""
    # Linux says EIO when the last process that holds the terminal has ended.
    with contextlib.suppress(OSError):
        while part := os.read(main, 65536):
            shown += part
    os.close(main)
    assert process.wait() == 0
    files = len(everything(tree))
    assert re.search(rb"\x1b\[2Kreceived .*\D0/%d\b" % files, shown)
    assert re.search(rb"\x1b\[2Kcompared .*\D%d/%d\b" % (files, files), shown)
    assert b"\x1b[1;32mpipeline: OK %d files" % files in shown


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_events_of_every_connection_are_shown(start: Start, tree: Path, transport: str) -> None:
    run = start(tree, "--transport", transport)
    assert run.end() == 0
    for worker in (1, 2):
        for connection in ("files", "results"):
            at = f"{connection} at {transport}://"
            connected = f"worker {worker}: connected, {at}"
            assert sum(line.startswith(connected) for line in run.lines) == 1
            up = f"worker {worker}: handshake succeeded, {at}"
            assert sum(line.startswith(up) for line in run.lines) == 1
        down = f"worker {worker}: disconnected, files at {transport}://"
        assert sum(line.startswith(down) for line in run.lines) == 1
    assert sum(line.startswith("sink: disconnected, results at ") for line in run.lines) == 2
    began = next(i for i, line in enumerate(run.lines) if line.startswith("all connected"))
    assert not [line for line in run.lines[began:] if "handshake" in line]


def test_results_are_what_reading_directly_gives(
    tree: Path, stages: Callable[[str], ModuleType]
) -> None:
    files, supervisor, display = stages("files"), stages("supervisor"), stages("display")
    listing = files.list_files(str(tree))
    run = supervisor.Supervisor(listing, 2, "tcp", 30.0, display.Display(False))
    run.run()
    expected = everything(tree)
    assert sorted(listing.names) == sorted(expected)
    assert sorted(result.path for result in run.outcome.results) == sorted(expected)
    for result in run.outcome.results:
        content = expected[result.path]
        assert result.digest == hashlib.sha256(content).digest()
        assert (result.size, result.lines) == (len(content), content.count(b"\n"))
    assert {result.worker for result in run.outcome.results} == {1, 2}
    assert not run.outcome.troubles


def test_single_file_is_a_whole_run(start: Start, tree: Path) -> None:
    run = start(tree / "no newline")
    assert run.end() == 0
    assert run.last_line.startswith("pipeline: OK 1 files, 7 bytes: ")


def test_link_to_the_directory_is_followed(start: Start, tree: Path) -> None:
    run = start(tree / "a" / "b" / "round")
    assert run.end() == 0
    assert run.last_line.startswith(f"pipeline: OK {len(everything(tree))} files, ")


def test_directory_without_files_is_no_failure(start: Start, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    run = start(tmp_path)
    assert run.end() == 0
    assert run.last_line.startswith("pipeline: OK 0 files, 0 bytes: ")


def test_excluded_directories_are_left_out(start: Start, tree: Path) -> None:
    run = start(tree, "--exclude", "b", "--exclude", "nowhere")
    assert run.end() == 0
    kept = [name for name in everything(tree) if not name.startswith(b"a/b/")]
    assert run.last_line.startswith(f"pipeline: OK {len(kept)} files, ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX file types")
def test_files_that_cannot_be_read_are_named_and_counted(
    start: Start, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = len(everything(tree))
    (tree / "dangling").symlink_to("nowhere")
    (tree / "itself").symlink_to("itself")
    os.mkfifo(tree / "a" / "pipe")
    monkeypatch.chdir(tree)  # a socket's path has little room
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    run = start(tree)
    assert run.end() == 3
    listed = {"dangling", "itself", "a/pipe", "socket"}
    assert run.named("cannot be read") == listed
    assert "cannot be read: a/pipe (not a regular file)" in run.lines
    assert "cannot be read: dangling (No such file or directory)" in run.lines
    assert run.last_line.startswith(
        f"pipeline: FAILED {len(listed)} could not be read; of the others, {readable} files, "
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs paths that are too long to be opened")
def test_directory_that_cannot_be_listed_is_named(start: Start, tree: Path) -> None:
    # Too deep for a path, also for root; made and removed by descriptors.
    readable = len(everything(tree))
    name = "d" * 250
    directory = os.open(tree, os.O_RDONLY)
    for _ in range(17):
        os.mkdir(name, dir_fd=directory)
        below = os.open(name, os.O_RDONLY, dir_fd=directory)
        os.close(directory)
        directory = below
    os.close(directory)
    run = start(tree)
    assert run.end() == 3
    (listed,) = run.named("cannot be read")
    assert re.fullmatch(r"d{250}(/d{250})+", listed)
    assert run.last_line.startswith(
        f"pipeline: FAILED 1 could not be read; of the others, {readable} files, "
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/nowhere/at all"], "/nowhere/at all: No such file or directory"),
        ([os.devnull], "neither a file nor a directory"),
        ([".", "--workers", "0"], "--workers must be from 1 to 256, not 0"),
        ([".", "--workers", "two"], "invalid int value: 'two'"),
        ([".", "--transport", "inproc"], "invalid choice: 'inproc'"),
        ([".", "--patience", "0"], "--patience must be more than 0"),
        ([], "the following arguments are required: PATH"),
    ],
)
def test_wrong_usage_ends_at_once_with_its_reason(
    start: Start, arguments: list[str], words: str
) -> None:
    run = start(*arguments)
    assert run.end() == 2
    assert run.last_line.startswith("pipeline: FAILED ")
    assert words in run.last_line
    assert not any("started" in line for line in run.lines)


def test_missing_rich_is_said_in_words(start: Start, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text("raise ModuleNotFoundError('No rich here', name='rich')\n")
    run = start(tree, PYTHONPATH=str(tmp_path))
    assert run.end() == 2
    assert run.last_line == "pipeline: FAILED needs the package rich: pip install rich, " + (
        "or the extra 'demo'"
    )


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_killed_worker_ends_the_run_with_the_names_of_what_is_missing(
    start: Start, large_tree: Path, transport: str
) -> None:
    run = start(large_tree, "--workers", "1", "--transport", transport, "--all-names")
    run.read_until(IN_MID_RUN)
    run.kill("worker 1")
    assert run.end() == 1, run.lines
    missing = run.named("missing")
    assert large(missing)
    assert run.last_line == (
        f"pipeline: FAILED {len(missing)} of 306 files are missing; worker 1 was killed by SIGKILL"
    )
    assert int(run.total()[1]) == 306 - len(missing)
    assert not run.named("wrong")
    assert not list(run.temporary.iterdir())


def test_others_go_on_when_one_worker_is_killed(start: Start, large_tree: Path) -> None:
    run = start(large_tree, "--workers", "3", "--all-names")
    run.read_until(IN_MID_RUN)
    run.kill("worker 1")
    assert run.end() == 1
    # What was in its queue, if anything, is missing: its turn was every third file, as long as
    # its queue had room. The rest has arrived.
    missing = run.named("missing")
    assert int(run.total()[1]) == 306 - len(missing) > 150
    assert not run.named("wrong")
    expected = [f"{len(missing)} of 306 files are missing"] if missing else []
    expected.append("worker 1 was killed by SIGKILL")
    assert run.last_line == f"pipeline: FAILED {'; '.join(expected)}"


def test_worker_ends_although_its_queue_is_full_of_end_markers(
    context: zmq.Context, stages: Callable[[str], ModuleType]
) -> None:
    # On a socket that has stopped reading libzmq does not see that the other end hung up.
    stage_module, wire = stages("stage"), stages("wire")
    names = ("main", "files", "rest", "results", "worker 1")
    keys = {name: wire.KeyPair(*zmq.curve_keypair()) for name in names}
    context.rcvtimeo = 20_000

    def bind(socket_type: int, name: str) -> zmq.Socket:
        server = context.socket(socket_type)
        server.curve_server = True
        server.curve_secretkey = keys[name].secret
        server.bind("tcp://127.0.0.1:*")
        return server

    main, files = bind(zmq.ROUTER, "main"), bind(zmq.PUSH, "files")
    rest, results = bind(zmq.REP, "files"), bind(zmq.PULL, "results")
    stage = stage_module.Stage(
        stage_module.Job(
            name="worker 1",
            keys=keys["worker 1"],
            main_endpoint=main.get_string(zmq.LAST_ENDPOINT),
            main_key=keys["main"].public,
            directory=None,
            workers=1,
        )
    )
    worker = threading.Thread(
        target=stages("worker").work,
        args=(stage, 1),
        kwargs={
            "files_endpoint": files.get_string(zmq.LAST_ENDPOINT),
            "rest_endpoint": rest.get_string(zmq.LAST_ENDPOINT),
            "ventilator_key": keys["files"].public,
            "results_endpoint": results.get_string(zmq.LAST_ENDPOINT),
            "sink_key": keys["results"].public,
        },
    )
    worker.start()
    try:
        files.send_multipart([wire.END, b""])
        assert wire.Result.from_frames(results.recv_multipart()).path == wire.END
        rest.close()
        while main.recv_multipart()[1:4] != [b"event", b"DISCONNECTED", b"rest"]:
            continue
        for _ in range(10 * wire.QUEUED_FILES):
            files.send_multipart([wire.END, b""])
        files.close()
        while main.recv_multipart()[1:4] != [b"event", b"DISCONNECTED", b"files"]:
            continue
    finally:
        main.send_multipart([b"worker 1", b"stop"])
        worker.join()
        stage.close(0)


def test_all_workers_killed_leaves_everything_missing_that_had_not_arrived(
    start: Start, large_tree: Path
) -> None:
    run = start(large_tree)
    run.read_until(IN_MID_RUN)
    run.kill("worker 1")
    run.kill("worker 2")
    assert run.end() == 1
    assert large(run.named("missing"))
    assert "worker 1 was killed by SIGKILL" in run.last_line
    assert "worker 2 was killed by SIGKILL" in run.last_line
    # Long lists are cut, and say so.
    missing = int(run.last_line.split()[2])
    listed = [line for line in run.lines if line.startswith("missing: ")]
    assert len(listed) == 101
    assert listed[-1] == f"missing: and {missing - 100} more (--all-names lists them)"


@pytest.mark.parametrize("stage", ["ventilator", "sink"])
def test_killed_ventilator_or_sink_ends_the_run(start: Start, large_tree: Path, stage: str) -> None:
    run = start(large_tree, "--all-names")
    run.read_until(IN_MID_RUN)
    run.kill(stage)
    assert run.end() == 1
    assert large(run.named("missing"))
    assert f"{stage} was killed by SIGKILL" in run.last_line


def test_process_killed_before_the_first_file_ends_the_run(start: Start, tree: Path) -> None:
    run = start(tree)
    run.kill("worker 2")
    assert run.end() == 1
    files = len(everything(tree))
    assert run.last_line == (
        f"pipeline: FAILED {files} of {files} files are missing; worker 2 was killed by SIGKILL; "
        "the stages could not be connected"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")
def test_worker_that_stands_still_does_not_hang_the_run(start: Start, large_tree: Path) -> None:
    run = start(large_tree, "--workers", "1", "--patience", "3", "--all-names")
    run.read_until(IN_MID_RUN)
    run.kill("worker 1", signal.SIGSTOP)
    assert run.end() == 1
    assert large(run.named("missing"))
    assert run.last_line.endswith("are missing; nothing moved for 3 s")


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("moment", ["sink started", "worker 2 started", "received: "])
def test_ctrl_c_ends_everything_cleanly(start: Start, large_tree: Path, moment: str) -> None:
    run = start(large_tree, "--transport", "ipc")
    run.read_until(f"^{moment}")
    os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does: to all of them
    assert run.end() == 130
    assert run.last_line == "pipeline: FAILED broken off by SIGINT"
    assert not any("Traceback" in line for line in run.lines)
    assert not list(run.temporary.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
def test_sigterm_to_the_program_ends_everything_cleanly(start: Start, large_tree: Path) -> None:
    run = start(large_tree, "--transport", "ipc")
    run.read_until(IN_MID_RUN)
    run.process.send_signal(signal.SIGTERM)
    assert run.end() == 143
    assert run.last_line == "pipeline: FAILED broken off by SIGTERM"
    assert not list(run.temporary.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")
@pytest.mark.parametrize("moment", ["worker 1 started", "received: "])
def test_stages_do_not_outlive_a_killed_program(
    start: Start, large_tree: Path, moment: str
) -> None:
    run = start(large_tree, "--transport", "ipc")
    run.read_until(f"^{moment}")
    run.process.kill()
    assert run.end() == -signal.SIGKILL
    assert not list(run.temporary.iterdir())


def test_stranger_without_the_keys_is_refused_and_disturbs_nobody(
    start: Start, large_tree: Path, context: zmq.Context[zmq.Socket[bytes]]
) -> None:
    run = start(large_tree)
    endpoint = run.read_until(r"worker 1: connected, results at (tcp://\S+)")[1]
    with context.socket(zmq.PUSH) as stranger:
        stranger.linger = 0
        with stranger.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        ) as monitor:
            stranger.connect(endpoint)
            stranger.send_multipart([b"0-large", b"0" * 32, bytes(20)])
            assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
    assert run.end() == 0
    assert any(line.startswith("sink: handshake failed") for line in run.lines)


def test_check_tells_what_is_wrong_with_each_file(
    tmp_path: Path, stages: Callable[[str], ModuleType]
) -> None:
    files, check, wire = stages("files"), stages("check"), stages("wire")
    for name in ("good", "other", "longer", "twice", "gone", "lost", "unread", "changed"):
        (tmp_path / name).write_bytes(b"text\n")
        os.utime(tmp_path / name, (1000, 1000))
    os.utime(tmp_path / "changed", (3000, 3000))
    listing = files.list_files(str(tmp_path))
    digest = hashlib.sha256(b"text\n").digest()
    bad = hashlib.sha256(b"test\n").digest()
    (tmp_path / "gone").unlink()
    results = [
        wire.Result(b"good", 1, digest, 1, 5),
        wire.Result(b"other", 1, bad, 1, 5),
        wire.Result(b"longer", 1, digest, 1, 6),
        wire.Result(b"twice", 1, digest, 1, 5),
        wire.Result(b"twice", 2, digest, 1, 5),
        wire.Result(b"gone", 2, digest, 1, 5),
        wire.Result(b"changed", 2, bad, 1, 5),
        wire.Result(b"unheard of", 2, digest, 1, 5),
    ]
    counts: list[int] = []
    verdict = check.check(listing, results, {b"unread": "no"}, 2000.0, counts.append)
    assert counts == list(range(1, 9))
    assert (verdict.verified, verdict.size) == (1, 5)
    assert verdict.missing == [b"lost"]
    assert verdict.unreadable == {b"unread": "no"}
    assert verdict.wrong == {
        b"changed": "was changed during the run",
        b"gone": "arrived, but could not be read for the check: No such file or directory",
        b"longer": "arrived with another content",
        b"other": "arrived with another content",
        b"twice": "arrived 2 times",
        b"unheard of": "arrived, but is none of the files to send",
    }


def test_names_are_shown_on_one_line_and_without_escapes(
    stages: Callable[[str], ModuleType],
) -> None:
    shown = stages("files").shown
    assert shown("naïve 名".encode()) == "naïve 名"
    assert shown(b"two\nlines \x1b[31m caf\xe9") == r"two\nlines \x1b[31m caf\xe9"


@pytest.mark.parametrize(
    ("name", "last_line"),
    [
        ("request_reply", "goodbye"),
        ("publish_subscribe", "everybody got what they asked for, in order"),
        ("asyncio_server", "everything that was taken was answered"),
        ("asyncio_fan_out", "20 subscribers got 3900 messages, none missing"),
        ("asyncio_workers", "60 jobs done, each once"),
        ("curve", "the connection was encrypted, and the stranger stayed outside"),
    ],
)
def test_example_runs_to_its_end(name: str, last_line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == last_line
