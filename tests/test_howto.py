"""The programs on the how-to pages run as they stand."""

from __future__ import annotations

import os
import re
import sys
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
    if os.name == "posix":
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


#: What a program of the page about asyncio is known by, and what it prints.
ASYNCIO_PROGRAMS = {
    "HELLO": r"HELLO\n",
    "add_signal_handler": (r"\[b'0', b'done'\]\n\[b'2', b'done'\]\n\[b'1', b'too slow'\]\n"),
    "async for": r"\{'news': \[b'news: rain', b'news: sun'\], 'sports': \[b'sports: 2-1'\]\}\n",
    "to_thread": r"\[45, 4950, 499500\]\n",
    "ZMQStream": r"\[b'to', b'and fro'\]\n",
}


@pytest.mark.parametrize("text", ASYNCIO_PROGRAMS)
def test_programs_on_asyncio(text):
    if text == "ZMQStream":
        pytest.importorskip("tornado")
    if text == "add_signal_handler" and sys.platform == "win32":
        pytest.skip("the loops of Windows take no signal handlers")
    output = run_script(one_with("asyncio.md", text))
    assert re.fullmatch(ASYNCIO_PROGRAMS[text], output)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout is of Python 3.11")
def test_time_limits_on_asyncio():
    functions = one_with("asyncio.md", "asyncio.timeout(1)"), one_with("asyncio.md", "timeout=250")
    program = """
import asyncio, zmq, zmq.asyncio

async def main():
    with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.bind("inproc://end")
        print(await greet(socket))
        with context.socket(zmq.PAIR) as peer:
            peer.connect("inproc://end")
            receiving = asyncio.ensure_future(receive_or_beat(socket))
            await asyncio.sleep(0.05)
            await peer.send_multipart([b"late", b"message"])
            print(await receiving)

asyncio.run(main())
"""
    output = run_script("".join([*functions, program]).replace("timeout(1)", "timeout(0.01)"))
    assert re.fullmatch(r"nobody there\n(still here\n)+\[b'late', b'message'\]\n", output)


def test_logging_over_sockets():
    program = one_with("logging.md", 'root_topic="server"').replace(":5555", ":*")
    assert run_script(program) == ""


@pytest.mark.parametrize(
    ("text", "output"),
    [
        ("timeout=10", "nothing came\n"),
        ("async for message", "b'0'\nb'1'\nb'2'\n"),
    ],
)
def test_what_goes_beyond_pyzmq(text, output):
    assert run_script(one_with("beyond-pyzmq.md", text)) == output
