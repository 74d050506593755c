"""What type checkers say to programs as users write them.

The programs assert the types that are revealed, and where a mistake has to be found they say so:
a comment that ignores an error which is not there is an error too.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import zmq
from support import unless_required

PROGRAMS = Path(__file__).parent / "programs"

#: Where the package is that is being tested: site-packages, or a source tree.
PACKAGES = Path(zmq.__file__).parents[1]


def needs(tool: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(tool) is None
    return pytest.mark.skipif(
        unless_required("typing", missing), reason=f"{tool} is not installed (extra dev)"
    )


def check(*command: str, **variables: str) -> None:
    """Run a type checker, which has to be content."""
    ended = subprocess.run(
        [sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
        env={**os.environ, **variables},
    )
    assert ended.returncode == 0, ended.stdout


@needs("mypy")
@pytest.mark.timeout(240)
def test_mypy_reveals_what_programs_assert(tmp_path):
    installed = PACKAGES.name == "site-packages"
    check(
        "mypy",
        "--strict",
        "--config-file=",  # not the project's: users have none of its settings
        f"--cache-dir={tmp_path}",
        "--python-version=3.10",
        "--follow-imports=silent",
        *map(str, sorted(PROGRAMS.glob("*.py"))),
        **({} if installed else {"MYPYPATH": str(PACKAGES)}),
    )


@needs("basedpyright")
@pytest.mark.timeout(240)
def test_pyright_reveals_what_programs_assert(tmp_path):
    settings = {
        "include": [str(PROGRAMS)],
        "extraPaths": [str(PACKAGES)],
        "pythonVersion": "3.10",
        "typeCheckingMode": "strict",
        "enableTypeIgnoreComments": False,  # those are mypy's
        "reportUnnecessaryTypeIgnoreComment": "error",
    }
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    check("basedpyright", "--project", str(project), "--pythonpath", sys.executable)
