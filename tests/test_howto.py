"""The programs on the how-to pages run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import zmq
from support import run_script

DOCS = Path(__file__).parent.parent / "docs"

curve_only = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")


def programs(page: str) -> list[str]:
    """Give the Python blocks of a page."""
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)


def one_with(page: str, text: str) -> str:
    """Give the one block of a page that has a text."""
    (found,) = (block for block in programs(page) if text in block)
    return found


@curve_only
def test_security_step_by_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = [
        block
        for block in programs("security.md")
        if "async with" not in block and "frame.get" not in block
    ]
    assert len(steps) == 4
    end = "server.close()\nclient.close()\ncontext.term()\n"
    output = run_script("\n".join([*steps, end])).splitlines()
    assert output == ["b'hello'", "b'welcome'", "HANDSHAKE_FAILED_AUTH 400"]
    assert (tmp_path / "server_keys" / "server.key_secret").stat().st_mode & 0o777 == 0o600


def test_broker_on_a_thread():
    assert run_script(one_with("devices.md", "port_for_clients")) == "b'QUESTION'\n"


def test_steered_proxy():
    program = one_with("devices.md", "STATISTICS")
    end = (
        "control.close()\nzmq.Context.instance().term()\nprint(received_messages, received_bytes)\n"
    )
    assert run_script(f"import zmq\n{program}{end}") == "0 0\n"


def test_iterating_over_events():
    output = run_script(one_with("monitoring.md", "for event in events"))
    assert re.fullmatch(r"LISTENING \d+ b'tcp://127.0.0.1:\d+'\n", output)


def test_logging_over_sockets():
    program = one_with("logging.md", 'root_topic="server"').replace(":5555", ":*")
    assert run_script(program) == ""
