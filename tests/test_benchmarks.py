"""The benchmarks run, name every case, and cannot hang. What they measure is not tested."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parent.parent / "benchmarks" / "run.py"

pytestmark = pytest.mark.skipif(not RUN.exists(), reason="benchmarks/ is not beside the tests")


def run_benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN), *arguments],
        capture_output=True,
        text=True,
        timeout=55,
    )


def case_names(group: str) -> list[str]:
    listed = run_benchmarks("--list", "--group", group)
    assert listed.returncode == 0, listed.stderr
    return [line.split("\t")[1] for line in listed.stdout.splitlines()]


def assert_every_case_is_shown(group: str, output: str) -> None:
    names = case_names(group)
    assert names
    for name in names:
        shown = re.search(rf"^{re.escape(name)} .*$(\n    left out: .*)?", output, re.MULTILINE)
        assert shown, f"{name} is not in:\n{output}"
        assert shown.group(1) or re.search(r"\d (ns|us|ms|s|B)\b", shown.group()), shown.group()


@pytest.mark.parametrize("group", ["call", "throughput", "async", "devices", "import"])
def test_every_case_of_a_group_runs(group: str) -> None:
    ended = run_benchmarks("--quick", "--rounds", "1", "--no-c", "--group", group)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert_every_case_is_shown(group, ended.stdout)


def test_two_interpreters_are_compared_with_each_other_and_with_c(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    ended = run_benchmarks(
        "--quick", "--group", "latency", "--pyzmq-python", sys.executable, "--json", str(report)
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert_every_case_is_shown("latency", ended.stdout)
    assert '"ratio": ' in report.read_text()
    assert "both sides import the same package" in ended.stdout


PRELUDE = f"""\
import contextlib, pathlib, sys
sys.path.insert(0, {str(RUN.parent)!r})
import run
from case import Case

run.KILL_AFTER_S = 0.2
program, directory = sys.argv[1:]
command = [sys.executable, "-c", program]
worker = run.WorkerProcess("other", command, {{}}, pathlib.Path(directory), 0.2)
"""


def run_with_worker(program: str, then: str, directory: Path) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PRELUDE + then, program, str(directory)],
        capture_output=True,
        text=True,
        timeout=55,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


ASK = """\
try:
    print(worker.ask("about"))
except run.Failed as failure:
    print(failure)
worker.close()
"""


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import signal; signal.pause()", "no answer within 0.2 s"),
        ("raise SystemExit('it broke')", "the other worker ended: it broke"),
        ("print('failed', input())", "about"),
        ("print('about', input(), 17); input()", "about 17"),
    ],
    ids=["hangs", "ends", "says-so", "answers"],
)
def test_a_worker_that_hangs_or_ends_is_a_failure(
    program: str, message: str, tmp_path: Path
) -> None:
    assert run_with_worker(program, ASK, tmp_path).strip() == message


FAILS_IN_ONE_CASE = """\
import sys
for line in sys.stdin:
    print("failed it broke" if "breaks" in line else "ok 0.001", flush=True)
"""

MEASURE = """\
for name in ("breaks", "works"):
    case = Case(name, contextlib.nullcontext)
    for row in run.measured(case, [worker], rounds=2, quick=True):
        print(run.line_of(row), row.failed)
worker.close()
"""


def test_a_failed_case_is_told_and_the_next_one_measured(tmp_path: Path) -> None:
    output = run_with_worker(FAILS_IN_ONE_CASE, MEASURE, tmp_path)
    broken, reason, working = output.splitlines()
    assert broken.startswith("breaks")
    assert reason == "    FAILED: other: it broke True"
    assert working.startswith("works")
    assert working.endswith("False")
