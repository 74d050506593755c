"""Libraries for remote calls: aiozmq on asyncio, zerorpc on gevent."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_aiozmq_calls_and_streams(make_environment):
    environment = make_environment("aiozmq", "aiozmq", "msgpack")
    assert environment.run("aiozmq_calls.py") == ["1000 calls", "5000 messages"]


def test_zerorpc_calls_streams_pushes_and_publishes(make_environment):
    environment = make_environment("zerorpc", "zerorpc", "setuptools")
    assert environment.run("zerorpc_calls.py") == [
        "calls True",
        "stream True",
        "error ValueError on purpose",
        "pushed True",
        "published True",
    ]
