"""gevent with zmq.green, and eventlet, which brings a zmq of its own."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_greenlets_get_10000_replies(make_environment):
    environment = make_environment("gevent", "gevent", "pyzmq")
    assert environment.run("gevent_requests.py") == ["10000 replies"]


def test_green_threads_of_eventlet_wait_and_send_on_one_socket(make_environment):
    environment = make_environment("eventlet", "eventlet", "pyzmq")
    assert environment.run("eventlet_dialogue.py") == ["500 answers"]
