"""gevent with zmq.green."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_greenlets_get_10000_replies(make_environment):
    environment = make_environment("gevent", "gevent", "pyzmq")
    assert environment.run("gevent_requests.py") == ["10000 replies"]
