"""The verbs of the project: ``nox -s lint tests typing bench docs`` (and tidy, sanitizers)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.default_venv_backend = "venv"

EXTRAS = nox.project.load_toml("pyproject.toml")["project"]["optional-dependencies"]
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
CPP = [
    str(path) for pattern in ("*.cpp", "*.hpp") for path in sorted(Path("src/cpp").glob(pattern))
]


@nox.session
def lint(session: nox.Session) -> None:
    """Check form: ruff, clang-format, codespell."""
    session.install(*EXTRAS["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("clang-format", "--dry-run", "--Werror", *CPP)
    session.run("codespell")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests; arguments are pytest's."""
    session.install(".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types, and the stub of the extension against the extension."""
    session.install(".[dev]")
    session.run("mypy")
    session.run("pytest", "tests/typing", env={"CPPYZMQ_REQUIRED": "typing"})
    session.run(
        "python",
        "-m",
        "mypy.stubtest",
        "zmq._core",
        "zmq.constants",
        "--allowlist",
        "tools/stubtest_allowlist.txt",
        "--ignore-unused-allowlist",
    )
    session.run("python", "tools/generate_constants_stub.py", "--check")


@nox.session(venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure against pyzmq; arguments are those of benchmarks/run.py."""
    session.run("script/bench", *session.posargs, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into build/docs, warnings as errors."""
    session.install(*EXTRAS["docs"])
    session.run("sphinx-build", "-W", "--keep-going", "docs", "build/docs")


@nox.session
def tidy(session: nox.Session) -> None:
    """Run clang-tidy over the sources."""
    session.install("clang-tidy", "cmake>=3.21", "ninja", "pybind11>=3.1")
    session.run(
        "cmake",
        "--preset",
        "tidy",
        "--fresh",
        f"-DPython_EXECUTABLE={session.virtualenv.bin}/python",
    )
    session.run("cmake", "--build", "--preset", "tidy")


@nox.session
@nox.parametrize("sanitizer", ["asan", "tsan"])
def sanitizers(session: nox.Session, sanitizer: str) -> None:
    """Run the tests over a module built with a sanitizer; arguments are pytest's."""
    names = ("demo", "gevent", "ssh", "test", "tornado", "uvloop")
    tools = [each for name in names for each in EXTRAS[name] if not each.startswith("cppyzmq")]
    session.install("cmake>=3.24", "ninja", "pybind11>=3.1", *tools)
    session.run(
        "cmake",
        "--preset",
        sanitizer,
        "--fresh",
        f"-DPython_EXECUTABLE={session.virtualenv.bin}/python",
    )
    session.run("cmake", "--build", "--preset", sanitizer)
    session.run("cmake", "--install", f"build/{sanitizer}", "--component", "python")
    tree = Path("build", sanitizer, "tree")
    shutil.copytree("python/zmq", tree / "zmq", dirs_exist_ok=True)
    libraries = ["libasan.so", "libubsan.so"] if sanitizer == "asan" else ["libtsan.so"]
    preload = " ".join(
        subprocess.check_output(["g++", f"-print-file-name={name}"], text=True).strip()
        for name in libraries
    )
    # What measures memory, or needs a PYTHONPATH of its own, says nothing here. A thread that the
    # interpreter unwinds at its end passes pybind11's dispatcher, whose catch is a false alarm.
    stress = "tests/stress"
    left_out = [
        "--ignore=tests/test_benchmarks.py",
        "--deselect=tests/test_pipeline.py::test_missing_rich_is_said_in_words",
        f"--deselect={stress}/test_async_stress.py::test_memory_stays_flat_while_a_million_messages_are_drained",
        f"--deselect={stress}/test_async_stress.py::test_sockets_that_come_and_go_leave_nothing",
        f"--deselect={stress}/test_zero_copy_memory.py::test_nothing_grows",
        f"--deselect={stress}/test_zero_copy_memory.py::test_interpreter_ends_quietly_with",
    ]
    session.run(
        "pytest",
        "--timeout=600",
        *left_out,
        *session.posargs,
        env={
            "ASAN_OPTIONS": "detect_leaks=0",
            "LD_PRELOAD": preload,
            "PYTHONMALLOC": "malloc",
            "PYTHONPATH": os.fspath(tree.resolve()),
            "TSAN_OPTIONS": "ignore_noninstrumented_modules=1",
        },
    )
