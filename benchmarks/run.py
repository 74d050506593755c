"""Compares this interpreter's zmq with another interpreter's pyzmq, and with libzmq in C.

For each case, a worker of each kind takes a sample in turn, so that whatever else the machine
does in the meantime meets all of them. README.md says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import queue
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from case import OTHER_PROCESSOR, Case, Group, Placement
from devices import C_PROGRAM
from worker import MODULES, group_of

HERE = Path(__file__).resolve().parent

OURS, OTHER, C = "cppyzmq", "pyzmq", "C"

KILL_AFTER_S = 5.0  # a worker ends itself at the limit; this much later it is killed


class Failed(Exception):
    """A case could not be measured: the worker said so, ended, or was killed for its silence."""


class Missing(Exception):
    """A case does not exist for this worker: a module or a feature is not there."""


class WorkerProcess:
    """A worker and the line protocol that it serves.

    Parameters
    ----------
    name
        How messages call it.
    command
        The program and its arguments.
    environment
        Environment variables of the process.
    directory
        Its working directory, where its error output goes too.
    limit_s
        The time that one command may take.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        directory: Path,
        limit_s: float,
    ) -> None:
        self.name = name
        self._command = list(command)
        self._arguments: tuple[str, ...] = ()
        self._environment = environment
        self._directory = directory
        self._limit_s = limit_s
        self._placement: Placement = "one"
        self._process: subprocess.Popen[str] | None = None
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._errors = directory / f"{name}.errors"

    def prepare(self, *arguments: str, placement: Placement) -> None:
        """End the process; the next command starts it with these arguments added."""
        self.close()
        self._arguments = arguments
        self._placement = placement

    def ask(self, command: str) -> str:
        """Send a command and return what follows the first word of a good answer."""
        if self._process is None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=self._limit_s + KILL_AFTER_S)
        except queue.Empty:
            self.kill()
            raise Failed(f"no answer within {self._limit_s:g} s") from None
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.kill()
            raise Failed(f"the {self.name} worker ended: {self._last_error()}")
        word, _, rest = answer.rstrip("\n").partition(" ")
        if word == "missing":
            raise Missing(rest)
        if word == "failed":
            raise Failed(rest)
        return rest if word in ("ok", "about") else answer.rstrip("\n")

    def measure(self, name: str, iterations: int) -> list[float]:
        """Take one sample of a case."""
        return [float(word) for word in self.ask(f"measure {iterations} {name}").split()]

    def kill(self) -> None:
        """End the process and its peers at once."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):  # ended in the meantime
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
            self._wait(process)

    def close(self) -> None:
        """Let the process end by itself, or kill it when it does not."""
        if self._process is not None:
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # ended in the meantime
                self._process.stdin.close()
            try:
                self._process.wait(KILL_AFTER_S)
            except subprocess.TimeoutExpired:
                print(f"the {self.name} worker did not end and was killed", file=sys.stderr)
            self.kill()

    def _start(self) -> None:
        processors = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        environment = dict(self._environment)
        if processors and self._placement == "apart":
            environment[OTHER_PROCESSOR] = str(processors[0])
        with self._errors.open("w") as errors:
            process = subprocess.Popen(
                [*self._command, *self._arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._directory,
                env=environment,
                text=True,
                start_new_session=True,
            )
        if processors and self._placement != "free":
            # Before the first command: threads made from now on inherit it.
            os.sched_setaffinity(process.pid, processors[-1:])
        answers: queue.SimpleQueue[str] = queue.SimpleQueue()

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                answers.put(line)
            answers.put("")

        threading.Thread(target=read, daemon=True).start()
        self._process, self._answers = process, answers

    def _wait(self, process: subprocess.Popen[str]) -> None:
        process.wait()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a command that was never read
            process.stdin.close()

    def _last_error(self) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no message"


@dataclass
class Row:
    """What came out for one figure of a case."""

    name: str
    unit: str
    counts: bool
    target: float | None
    most_times_c: float | None
    most: float | None
    samples: dict[str, list[float]] = field(default_factory=dict)
    problem: str = ""
    failed: bool = False

    def median(self, name: str) -> float | None:
        """The median of a worker's samples."""
        samples = self.samples.get(name)
        return statistics.median(samples) if samples else None

    def ratios(self, above: str, below: str) -> list[float]:
        """Round by round, one worker's sample over another's."""
        pairs = zip(self.samples.get(above, ()), self.samples.get(below, ()), strict=False)
        return [one / other for one, other in pairs if one > 0 and other > 0]

    def as_json(self) -> dict[str, object]:
        """The row for the JSON file, with every sample."""
        ratios = self.ratios(OTHER, OURS)
        times_c = self.ratios(OURS, C)
        return {
            "case": self.name,
            "unit": self.unit,
            "medians": {name: self.median(name) for name in self.samples},
            "ratio": statistics.median(ratios) if ratios else None,
            "quartiles": quartiles(ratios) if ratios else None,
            "target": self.target,
            "times_c": statistics.median(times_c) if times_c else None,
            "most_times_c": self.most_times_c,
            "most": self.most,
            "problem": self.problem or None,
            "failed": self.failed,
            "samples": self.samples,
        }


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third quartile; of one value, that value twice."""
    if len(values) == 1:
        return values[0], values[0]
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def iterations_for(worker: WorkerProcess, case: Case, sample_s: float) -> int:
    """Find how many iterations take about ``sample_s`` seconds in a worker."""
    count = 1
    while True:
        each = max(worker.measure(case.name, count)[0], 1e-9)
        if each * count >= sample_s / 4:
            return max(1, round(sample_s / each))
        count = max(count * 2, min(count * 10, round(sample_s / each)))


def measured(
    case: Case, workers: Sequence[WorkerProcess], *, rounds: int, quick: bool
) -> list[Row]:
    """Measure one case on all workers, alternating, and return a row for each figure."""
    rows = [
        Row(
            f"{case.name} {figure}".rstrip(),
            case.unit,
            counts=index == 0 and case.unit == "s",
            target=case.target if index == 0 else None,
            most_times_c=case.most_times_c if index == 0 else None,
            most=case.most if index == 0 else None,
        )
        for index, figure in enumerate(case.figures)
    ]
    sample_s = 0.002 if quick else case.sample_s
    counts: dict[str, int] = {}
    taking_part = []
    problems: list[tuple[WorkerProcess, Exception]] = []
    for worker in workers:
        try:
            if case.iterations is None:
                counts[worker.name] = iterations_for(worker, case, sample_s)
            else:
                counts[worker.name] = max(1, case.iterations // (20 if quick else 1))
            taking_part.append(worker)
        except (Failed, Missing) as reason:
            problems.append((worker, reason))
    for round_number in range(rounds * (1 if quick else case.round_factor)):
        # Whoever was last is first in the next round: a drift then favours nobody.
        for worker in taking_part[:: 1 if round_number % 2 == 0 else -1]:
            try:
                figures = worker.measure(case.name, counts[worker.name])
            except (Failed, Missing) as reason:
                problems.append((worker, reason))
                taking_part = [other for other in taking_part if other is not worker]
                continue
            for row, figure in zip(rows, figures, strict=True):
                row.samples.setdefault(worker.name, []).append(figure)
    for worker, problem in problems:
        for row in rows:
            row.samples.pop(worker.name, None)
            row.failed = row.failed or isinstance(problem, Failed)
            if isinstance(problem, Failed) or worker.name != C:
                row.problem += f"{'; ' if row.problem else ''}{worker.name}: {problem}"
    return rows


def spelled(value: float | None, unit: str) -> str:
    """A duration or a size with a unit that suits it."""
    if value is None:
        return "-"
    if unit == "B":
        return f"{value:.1f} B"
    for scale, name in ((1e-6, "ns"), (1e-3, "us"), (1.0, "ms")):
        if value < scale:
            return f"{value / scale * 1000:.3g} {name}" if value < 0.9995 * scale else f"1 {name}"
    return f"{value:.3g} s"


HEADER = (
    f"{'case':<44}{OURS:>10}{OTHER:>10}  {'ratio':>6} {'quartiles':<15}{'target':>8}"
    f"  {C:>9} {'times C':>8}{'target':>8}"
)


def target_cell(value: float | None, bound: float | None, *, least: bool) -> str:
    """A target, marked with ``!`` when it was missed."""
    if bound is None:
        return ""
    missed = value is not None and (value < bound if least else value > bound)
    return f"{'>=' if least else '<='}{bound:.3g}{'!' if missed else ' '}"


def line_of(row: Row) -> str:
    """One line of the table."""
    ratios = row.ratios(OTHER, OURS) if row.most is None or row.most > 1 else []
    ratio = statistics.median(ratios) if ratios else None
    spread = "({:.2f}..{:.2f})".format(*quartiles(ratios)) if ratios else ""
    times = row.ratios(OURS, C)
    times_c = statistics.median(times) if times else None
    target = target_cell(ratio, row.target, least=True)
    if row.most is not None:
        target = target_cell(row.median(OURS), row.most, least=False).replace(" ", "") + "B"
    line = (
        f"{row.name:<44}{spelled(row.median(OURS), row.unit):>10}"
        f"{spelled(row.median(OTHER), row.unit):>10}"
        f"  {'' if ratio is None else format(ratio, '.2f'):>6} {spread:<15}{target:>8}"
        f"  {spelled(row.median(C), row.unit) if C in row.samples else '':>9}"
        f" {'' if times_c is None else format(times_c, '.2f'):>8}"
        f"{target_cell(times_c, row.most_times_c, least=False):>8}"
    ).rstrip()
    if row.problem:
        line += f"\n    {'FAILED' if row.failed else 'left out'}: {row.problem}"
    return line


def mean_line(group: Group, rows: Sequence[Row]) -> str:
    """The line with the geometric means of a group."""
    line = f"{'geometric mean':<44}"
    ratios = geometric_mean(rows, OTHER, OURS)
    limit = geometric_mean(rows, OTHER, C)
    line += f"{'':22}{'' if ratios is None else format(ratios, '.2f'):>6} {'':<15}"
    line += f"{target_cell(ratios, group.target, least=True):>8}"
    if limit is not None:
        alike = geometric_mean([row for row in rows if C in row.samples], OTHER, OURS)
        line += f"  of the cases in C: {alike or math.nan:.2f}, C itself {limit:.2f}"
    return line.rstrip()


def geometric_mean(rows: Sequence[Row], above: str, below: str) -> float | None:
    """The geometric mean of the median ratios of the rows that count."""
    ratios = [row.ratios(above, below) for row in rows if row.counts]
    medians = [statistics.median(found) for found in ratios if found]
    return statistics.geometric_mean(medians) if medians else None


def compiled_limit(directory: Path) -> tuple[Path | None, str]:
    """Compile the C program; return where it is, or why it is not."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        return None, "no C compiler found"
    program = directory / "limit"
    flags = ["-lzmq", "-pthread"]
    if shutil.which("pkg-config"):
        found = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "libzmq"], capture_output=True, text=True
        )
        if found.returncode == 0:
            flags = [*found.stdout.split(), "-pthread"]
    ended = subprocess.run(
        [*compiler.split(), "-O2", "-o", str(program), str(HERE / "limit.c"), *flags],
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        reason = next(
            (line for line in ended.stderr.splitlines() if "error" in line), "the compiler failed"
        )
        return None, reason
    return program, ""


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--pyzmq-python", metavar="PATH", help="interpreter that has pyzmq (default: no ratios)"
    )
    parser.add_argument(
        "--group",
        action="append",
        choices=list(MODULES),
        help="measure only this group; may be repeated",
    )
    parser.add_argument("--case", metavar="TEXT", help="only cases whose name contains TEXT")
    parser.add_argument("--list", action="store_true", help="only print the names of the cases")
    parser.add_argument("--rounds", type=int, help="samples of each case (default: 11)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    parser.add_argument(
        "--limit", type=float, default=60, metavar="S", help="time that one sample may take"
    )
    parser.add_argument("--no-c", action="store_true", help="leave the C program out")
    parser.add_argument(
        "--quick", action="store_true", help="tiny samples: shows that it runs, measures nothing"
    )
    return parser.parse_args(given)


@contextlib.contextmanager
def started_workers(options: argparse.Namespace) -> Iterator[list[WorkerProcess]]:
    """Make the workers, none of them running yet, and end what runs of them after."""
    with contextlib.ExitStack() as ending:
        directory = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="bench")))
        program, reason = (None, "left out") if options.no_c else compiled_limit(directory)
        environment = dict(os.environ, TMPDIR=str(directory))
        environment.pop(C_PROGRAM, None)
        if program:
            environment[C_PROGRAM] = str(program)
        elsewhere = {key: environment[key] for key in environment if key != "PYTHONPATH"}

        def add(name: str, command: list[str], its_environment: dict[str, str]) -> None:
            worker = WorkerProcess(name, command, its_environment, directory, options.limit)
            ending.callback(worker.close)
            workers.append(worker)

        workers: list[WorkerProcess] = []
        script = str(HERE / "worker.py")
        add(OURS, [sys.executable, script], environment)
        if options.pyzmq_python:
            other = str(Path(options.pyzmq_python).absolute())
            add(OTHER, [other, script], elsewhere)
        if program:
            add(C, [str(program)], elsewhere)
        else:
            print(f"without the C program: {reason}")
        yield workers


def prepare(
    workers: Sequence[WorkerProcess], group_name: str, limit_s: float, placement: Placement
) -> None:
    """Make the workers ready for a group's cases; each starts at its first command."""
    for worker in workers:
        arguments = () if worker.name == C else (group_name, str(limit_s))
        worker.prepare(*arguments, placement=placement)


def introduced(workers: Sequence[WorkerProcess]) -> dict[str, dict[str, str]]:
    """Ask the workers what they are, and print it."""
    found: dict[str, dict[str, str]] = {}
    for worker in workers:
        try:
            found[worker.name] = about = json.loads(worker.ask("about"))
        except (Failed, OSError) as reason:
            raise SystemExit(f"the {worker.name} worker cannot start: {reason}") from None
        print(f"{worker.name}: " + ", ".join(f"{key} {value}" for key, value in about.items()))
    if OTHER in found and found[OURS]["file"] == found[OTHER]["file"]:
        print("note: both sides import the same package; the ratios show the method's own noise")
    return found


def refuse_unknown_cases(workers: Sequence[WorkerProcess]) -> None:
    """Make sure that every case of the C program is compared with something."""
    known = {name for group in MODULES for name in group_of(group).cases}
    for worker in workers:
        if worker.name == C and (unknown := set(worker.ask("cases").split("\t")) - known):
            raise SystemExit(f"limit.c has cases that no group has: {sorted(unknown)}")


def machine() -> str:
    """Describe the machine in one line."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return f"{model}, {os.cpu_count()} processors, {platform.platform()}"


def main(given: Sequence[str] | None = None) -> int:
    """Run the groups asked for; the status is 1 when a case failed."""
    options = arguments_of(given)
    if options.list:
        for name in options.group or MODULES:
            print(*(f"{name}\t{case}" for case in group_of(name).cases), sep="\n")
        return 0
    rounds = options.rounds or (2 if options.quick else 11)
    names: list[str] = options.group or list(MODULES)
    report: dict[str, object] = {"machine": machine(), "rounds": rounds, "quick": options.quick}
    groups: dict[str, object] = {}
    failures: list[str] = []
    print(f"machine: {machine()}")
    with started_workers(options) as workers:
        prepare(workers, names[0], options.limit, "one")
        report["workers"] = introduced(workers)
        refuse_unknown_cases(workers)
        for name in names:
            group = group_of(name)
            print(f"\n{name}: {group.title}\n{HEADER}", flush=True)
            rows: list[Row] = []
            placed: Placement | None = None
            for case in group.cases.values():
                if options.case is not None and options.case not in case.name:
                    continue
                if case.placement != placed:
                    placed = case.placement
                    prepare(workers, name, options.limit, placed)
                for row in measured(case, workers, rounds=rounds, quick=options.quick):
                    print(line_of(row), flush=True)
                    rows.append(row)
            print(mean_line(group, rows), flush=True)
            failures += [f"{name}: {row.name}" for row in rows if row.failed]
            groups[name] = {
                "title": group.title,
                "target": group.target,
                "mean": geometric_mean(rows, OTHER, OURS),
                "c_mean": geometric_mean(rows, OTHER, C),
                "cases": [row.as_json() for row in rows],
            }
    if options.json:
        report["groups"] = groups
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
