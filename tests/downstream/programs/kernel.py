"""jupyter_client runs a kernel: requests, input, interrupts, restarts.

The argument chooses what is done: blocking, awaiting, ipc or curve.
"""

from __future__ import annotations

import asyncio
import queue
import sys
from typing import Any

from jupyter_client import AsyncKernelManager, KernelManager
from jupyter_client.blocking import BlockingKernelClient

REQUESTS = 200
SECONDS = 60


def run(client: BlockingKernelClient, code: str, **keywords: Any) -> tuple[str, str]:
    """Run code and give the status of the reply, and what was printed."""
    printed: list[str] = []

    def take(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=SECONDS, output_hook=take, **keywords)
    return reply["content"].get("ename") or reply["content"]["status"], "".join(printed)


def interrupt_when_running(manager: KernelManager, client: BlockingKernelClient, code: str) -> str:
    """Interrupt code as soon as it says that it runs, and give the name of the error."""
    request = client.execute(code)
    while client.get_iopub_msg(timeout=SECONDS)["content"].get("text", "").strip() != "running":
        continue
    manager.interrupt_kernel()
    while True:
        reply = client.get_shell_msg(timeout=SECONDS)
        if reply["parent_header"].get("msg_id") == request:
            return str(reply["content"]["ename"])


def blocking() -> None:
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    try:
        print("first", run(client, "x = 1; print('x is', x)"))
        counted = [run(client, f"print({number})")[1].strip() for number in range(REQUESTS)]
        print("many", counted == [str(number) for number in range(REQUESTS)])

        asked = run(
            client,
            "print('hello', input('who? '))",
            allow_stdin=True,
            stdin_hook=lambda message: client.input("you"),
        )
        print("input", asked)

        # Requests that are sent before the first one has been answered.
        sent = {client.execute(f"y = {number}") for number in range(50)}
        while sent:
            sent.discard(client.get_shell_msg(timeout=SECONDS)["parent_header"]["msg_id"])
        print("queued", run(client, "print(y)"))

        for code in ("while True: pass", "import time; time.sleep(600)"):
            print("interrupt", interrupt_when_running(manager, client, f"print('running')\n{code}"))
        print("after", run(client, "print(x)"))

        # The control channel answers while the shell is busy.
        busy = client.execute("import time; time.sleep(0.5)")
        control = client.session.msg("kernel_info_request")
        client.control_channel.send(control)
        answer = client.get_control_msg(timeout=SECONDS)
        print("control", answer["msg_type"])
        while client.get_shell_msg(timeout=SECONDS)["parent_header"]["msg_id"] != busy:
            continue

        print("heart beats", client.hb_channel.is_beating())
        client.stop_channels()
        manager.restart_kernel(now=True)
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=SECONDS)
        print("restarted", run(client, "print(x)")[0])
        manager.restart_kernel(now=False)
        client.wait_for_ready(timeout=SECONDS)
        print("restarted", run(client, "print(x)")[0])
        try:
            client.get_stdin_msg(timeout=0.01)
        except queue.Empty:
            print("nothing asked")
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
    print("alive", manager.is_alive())


async def awaiting() -> None:
    manager = AsyncKernelManager()
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=SECONDS)
    try:
        done = 0
        for number in range(REQUESTS):
            reply = await client.execute(f"z = {number}", reply=True, timeout=SECONDS)
            done += reply["content"]["status"] == "ok"
        print("awaited", done)
        request = client.execute("print('running', flush=True)\nwhile True: pass")
        while True:
            message = await client.get_iopub_msg(timeout=SECONDS)
            if message["content"].get("text", "").strip() == "running":
                break
        await manager.interrupt_kernel()
        while True:
            reply = await client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == request:
                break
        print("interrupt", reply["content"]["ename"])
        # Receives that time out lose nothing.
        for _ in range(20):
            try:
                await client.get_shell_msg(timeout=0.001)
            except queue.Empty:
                continue
        reply = await client.execute("z", reply=True, timeout=SECONDS)
        print("after", reply["content"]["status"])
        await manager.restart_kernel(now=True)
        await client.wait_for_ready(timeout=SECONDS)
        reply = await client.execute("z", reply=True, timeout=SECONDS)
        print("restarted", reply["content"]["ename"])
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
    print("alive", await manager.is_alive())


def connected(**traits: str) -> None:
    """Run a little over another transport, or encrypted."""
    manager = KernelManager(**traits)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    print(run(client, "print(6 * 7)"))
    socket = client.shell_channel.socket
    print(socket.last_endpoint.decode().partition(":")[0], socket.mechanism)
    client.stop_channels()
    manager.shutdown_kernel()


if __name__ == "__main__":
    {
        "blocking": blocking,
        "awaiting": lambda: asyncio.run(awaiting()),
        "ipc": lambda: connected(transport="ipc"),
        "curve": lambda: connected(transport_encryption="required"),
    }[sys.argv[1]]()
