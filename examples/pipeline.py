"""Move every file below PATH through real processes, and check that each one arrived.

A ventilator reads the files and sends each as a message (relative path, content) to N workers,
which compute SHA-256, lines and bytes and send the results to a sink. All connections are
encrypted with CURVE, with keys made for this run. At the end every file is read again, directly,
and compared with what the pipeline said.

    python examples/pipeline.py PATH [--workers N] [--transport tcp|ipc]

The last line starts with ``pipeline: OK`` or ``pipeline: FAILED``. Exit status:

====  ================================================================================
   0  every file arrived once, with the digest that reading it directly gives
   1  files are missing or differ, or a process did not end as it should
   2  the command cannot be carried out as it was given
   3  as 0 for every file that can be read, but there are files that cannot be (listed)
 130  broken off by Ctrl-C (143: by SIGTERM, 129: by SIGHUP)
====  ================================================================================

Links to directories are not followed; links to files are sent as the files that they name. What
is no regular file (a named pipe, a socket, a dangling link) counts as a file that cannot be read.
How it works: `stages/__init__.py`. Needs the package `rich` (extra ``demo``).
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import zmq

if TYPE_CHECKING:
    from stages.display import Display
    from stages.files import Listing

OK, FAILED, USAGE, INCOMPLETE = 0, 1, 2, 3


class Parser(argparse.ArgumentParser):
    """A parser whose last line says how it ended, as every other last line does."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and end."""
        self.print_usage(sys.stderr)
        print(f"pipeline: FAILED {message}", file=sys.stderr)
        raise SystemExit(USAGE)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(
        prog="pipeline.py",
        description="Move every file below PATH through a ventilator, N workers and a sink, "
        "and check that each one arrived once and unchanged.",
        epilog="Exit status: 0 all files verified; 1 failed; 2 wrong usage; 3 verified, but "
        "some files cannot be read; 130 interrupted.",
    )
    parser.add_argument("path", metavar="PATH", help="a directory, or a single file")
    parser.add_argument(
        "--workers", metavar="N", type=int, default=2, help="worker processes (default: 2)"
    )
    parser.add_argument(
        "--transport", choices=("tcp", "ipc"), default="tcp", help="default: tcp, on loopback"
    )
    parser.add_argument(
        "--exclude",
        metavar="NAME",
        action="append",
        default=[],
        help="leave out directories of this name (may be repeated)",
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=60.0,
        help="give up when nothing moves for so long (default: 60)",
    )
    parser.add_argument(
        "--all-names", action="store_true", help="list every file that has a problem, not only 100"
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.workers <= 256:
        parser.error(f"--workers must be from 1 to 256, not {arguments.workers}")
    if not arguments.patience > 0:
        parser.error(f"--patience must be more than 0, not {arguments.patience:g}")
    for feature in ("curve", *(["ipc"] if arguments.transport == "ipc" else [])):
        if not zmq.has(feature):
            parser.error(f"this libzmq ({zmq.zmq_version()}) was built without {feature}")
    return arguments


def interrupt(number: int, _: FrameType | None) -> NoReturn:
    """Break the run off, once: clearing up takes a bounded time and is not broken off."""
    from stages.supervisor import INTERRUPTS

    for other in INTERRUPTS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def fail(text: str) -> int:
    """End before anything was sent."""
    print(f"pipeline: FAILED {text}", file=sys.stderr)
    return USAGE


def main() -> int:
    """Run the pipeline and return the exit status."""
    arguments = parse_arguments()
    # A run over the library of the interpreter itself must not write there meanwhile.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        from stages.display import Display
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        return fail("needs the package rich: pip install rich, or the extra 'demo'")
    from stages.files import list_files, reason, shown
    from stages.supervisor import INTERRUPTS

    for number in INTERRUPTS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    display = Display(arguments.all_names)
    try:
        try:
            listing = list_files(arguments.path, frozenset(arguments.exclude))
        except OSError as error:
            return fail(f"{shown(os.fsencode(arguments.path))}: {reason(error)}")
        return move(arguments, listing, display)
    except (OSError, zmq.ZMQError) as error:
        display.line(f"pipeline: FAILED {error}", "bold red")
        return FAILED
    except KeyboardInterrupt as interrupted:
        number = interrupted.args[0] if interrupted.args else signal.SIGINT
        display.line(f"pipeline: FAILED broken off by {signal.Signals(number).name}", "bold red")
        return 128 + int(number)


def move(arguments: argparse.Namespace, listing: Listing, display: Display) -> int:
    """Send all files, check them, show what came of it."""
    from stages.check import check
    from stages.files import shown
    from stages.supervisor import PipelineError, Supervisor

    display.line(
        f"{len(listing.names)} files in {shown(listing.root)}, {arguments.workers} workers over "
        f"{arguments.transport}, encrypted; libzmq {zmq.zmq_version()}"
    )
    started = time.time()
    supervisor = Supervisor(
        listing, arguments.workers, arguments.transport, arguments.patience, display
    )
    outcome = supervisor.outcome
    with display.following("received", len(listing.names), lines=True):
        try:
            supervisor.run()
        except PipelineError as error:
            outcome.troubles.append(str(error))
    display.table(outcome.results, arguments.workers, outcome.elapsed_s)
    with display.following("compared", len(listing.names), lines=False):
        verdict = check(listing, outcome.results, outcome.unreadable, started, display.progress)

    display.names("cannot be read", verdict.unreadable.items(), "yellow")
    display.names("missing", ((name, "") for name in verdict.missing))
    display.names("wrong", verdict.wrong.items())
    for traceback in outcome.tracebacks:
        display.line(traceback.rstrip(), "red")

    problems = [
        f"{count} of {len(listing.names)} files {what}"
        for count, what in (
            (len(verdict.missing), "are missing"),
            (len(verdict.wrong), "did not arrive as they are"),
        )
        if count
    ]
    problems += outcome.troubles
    unreadable = f"{len(verdict.unreadable)} could not be read"
    verified = (
        f"{verdict.verified} files, {verdict.size} bytes: each arrived once, "
        "with the digest that reading it directly gives"
    )
    if problems:
        if verdict.unreadable:
            problems.append(unreadable)
        display.line(f"pipeline: FAILED {'; '.join(problems)}", "bold red")
        return FAILED
    if verdict.unreadable:
        display.line(f"pipeline: FAILED {unreadable}; of the others, {verified}", "bold yellow")
        return INCOMPLETE
    display.line(f"pipeline: OK {verified}", "bold green")
    return OK


if __name__ == "__main__":
    sys.exit(main())
