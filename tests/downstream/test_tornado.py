"""tornado with ZMQStream."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_streams_echo_10000_messages(make_environment):
    environment = make_environment("tornado", "tornado", "pyzmq")
    assert environment.run("tornado_echo.py") == ["10000 messages"]
