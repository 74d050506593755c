"""Jupyter: ipykernel, jupyter_client and nbclient."""

from __future__ import annotations

import pytest

import zmq

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]

REQUIREMENTS = ("ipykernel==7.*", "jupyter_client==8.*", "nbclient", "matplotlib")


def test_kernel_executes_a_notebook(make_environment):
    environment = make_environment("jupyter", *REQUIREMENTS)
    assert environment.run("notebook.py") == [
        "text hello 42",
        "plot PNG",
        "error ZeroDivisionError division by zero",
        "awaited value is 42",
        f"threads {[f'thread {number}' for number in range(4)]}",
        "child from a child",
        "many True",
        f"versions {zmq.__version__} zmq._core",
    ]


def test_kernel_is_interrupted_and_restarted(make_environment):
    environment = make_environment("jupyter", *REQUIREMENTS)
    assert environment.run("kernel.py", "blocking") == [
        "first ('ok', 'x is 1\\n')",
        "many True",
        "input ('ok', 'hello you\\n')",
        "queued ('ok', '49\\n')",
        "interrupt KeyboardInterrupt",
        "interrupt KeyboardInterrupt",
        "after ('ok', '1\\n')",
        "control kernel_info_reply",
        "heart beats True",
        "restarted NameError",
        "restarted NameError",
        "nothing asked",
        "alive False",
    ]


def test_kernel_is_awaited(make_environment):
    environment = make_environment("jupyter", *REQUIREMENTS)
    assert environment.run("kernel.py", "awaiting") == [
        "awaited 200",
        "interrupt KeyboardInterrupt",
        "after ok",
        "restarted NameError",
        "alive False",
    ]


@pytest.mark.parametrize(
    ("connection", "transport", "mechanism"),
    [("ipc", "ipc", zmq.NULL), ("curve", "tcp", zmq.CURVE)],
)
def test_kernel_is_reached_in_another_way(make_environment, connection, transport, mechanism):
    environment = make_environment("jupyter", *REQUIREMENTS)
    assert environment.run("kernel.py", connection) == [
        "('ok', '42\\n')",
        f"{transport} {int(mechanism)}",
    ]
