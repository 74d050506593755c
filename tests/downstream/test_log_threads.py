"""The standard library's logging through PUBHandler."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_four_threads_log_through_one_handler(make_environment):
    environment = make_environment("log", "pyzmq")
    (told,) = environment.run("log_from_threads.py")
    names = [f"thread-{number}" for number in range(4)]
    assert told == f"{names} {{'ERROR': 20, 'INFO': 9980}}"
