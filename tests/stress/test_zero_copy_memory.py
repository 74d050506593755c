"""Memory that is lent to libzmq comes back: whoever is busy, whoever asks, and without growth."""

from __future__ import annotations

import gc
import os
import random
import select
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zmq
from support import run_cases, run_function, run_script

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
SECONDS = 50 * FACTOR

LARGE = 100_000

pytestmark = pytest.mark.timeout(60 * FACTOR)


class Memory(bytearray):
    """A buffer that tells when it is released."""


def connect(transport: str = "inproc") -> tuple[zmq.Context, zmq.Socket, zmq.Socket]:
    context = zmq.Context()
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else "inproc://memory"
    sender.connect(receiver.bind(endpoint).addr)
    return context, sender, receiver


def resident_bytes() -> int:
    """Give the size of what this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


WAYS: dict[str, Callable[[zmq.Socket, zmq.Socket, bytes], Any]] = {
    "without copying": lambda sender, receiver, data: (
        sender.send(data, copy=False),
        receiver.recv(copy=False),
    ),
    "tracked": lambda sender, receiver, data: (
        sender.send(data, copy=False, track=True),
        receiver.recv(),
    ),
    "tracked and waited for": lambda sender, receiver, data: (
        waited := sender.send(data, copy=False, track=True),
        receiver.recv(),
        waited.wait(),
    ),
    "from other buffers": lambda sender, receiver, data: (
        sender.send(memoryview(data), copy=False),
        receiver.recv_into(bytearray(10)),
    ),
    "Frame": lambda sender, receiver, data: (
        sender.send(zmq.Frame(data, copy=False, track=True)),
        receiver.recv(copy=False).bytes,
    ),
    "multipart": lambda sender, receiver, data: (
        sender.send_multipart([data, b"small", data], copy=False),
        receiver.recv_multipart(copy=False),
    ),
    "that fails": lambda sender, receiver, data: not_sent(receiver, data),
    "copying": lambda sender, receiver, data: (sender.send(data), receiver.recv()),
    "nothing there": lambda sender, receiver, data: again(receiver),
    "options": lambda sender, receiver, data: (
        sender.get(zmq.LAST_ENDPOINT),
        sender.set(zmq.LINGER, 5),
        sender.linger,
        sender.poll(0),
        repr(sender),
    ),
    "shadows": lambda sender, receiver, data: zmq.Socket.shadow(sender).get(zmq.TYPE),
    "Poller": lambda sender, receiver, data: poll_once(sender, receiver),
}


def not_sent(receiver: zmq.Socket, data: bytes) -> None:
    for parts in ([data, "text"], [data, None]):
        try:
            receiver.send_multipart(parts, copy=False, track=True)
        except TypeError:
            continue
        raise AssertionError("sent")
    try:
        receiver.send(data, copy=False, track=True)
    except zmq.ZMQError:
        return
    raise AssertionError("sent")


def again(receiver: zmq.Socket) -> None:
    try:
        receiver.recv(zmq.NOBLOCK)
    except zmq.Again as error:
        str(error)


def poll_once(sender: zmq.Socket, receiver: zmq.Socket) -> None:
    poller = zmq.Poller()
    for socket in (sender, receiver):
        poller.register(socket, zmq.POLLIN)
    poller.poll(0)
    poller.unregister(sender)


def repeat(way: str) -> None:
    """Do something often: memory is as it was, and so are the references."""
    context, sender, receiver = connect()
    data = bytes(range(256)) * (LARGE // 256)
    does = WAYS[way]
    for _ in range(2000):
        does(sender, receiver, data)
    gc.collect()
    references, size, blocks = sys.getrefcount(data), resident_bytes(), sys.getallocatedblocks()
    for _ in range(10_000 * FACTOR):
        does(sender, receiver, data)
    # The last of them may still be with libzmq, which has no reason to keep it.
    sender.send(b"the end")
    receiver.recv()
    gc.collect()
    assert sys.getrefcount(data) <= references, f"{way}: references"
    assert resident_bytes() - size < 2_000_000, f"{way}: {resident_bytes() - size} bytes more"
    assert sys.getallocatedblocks() - blocks < 500, f"{way}: objects"
    context.destroy(linger=0)
    assert sys.getrefcount(data) == 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_nothing_grows() -> None:
    run_cases(repeat, [[way] for way in WAYS], seconds=SECONDS)


def many_in_flight(transport: str) -> None:
    """100,000 messages of borrowed memory: some queued, all of them released."""
    context, sender, receiver = connect(transport)
    sender.set_hwm(0)
    data = bytes(70_000)
    before = sys.getrefcount(data)
    for _ in range(100 * FACTOR):
        for _ in range(1000):
            sender.send(data, copy=False)
        for _ in range(1000):
            receiver.recv(copy=False)
    context.destroy(linger=0)
    assert sys.getrefcount(data) == before


def test_100_000_messages_in_flight_are_released() -> None:
    run_function(many_in_flight, "inproc", seconds=SECONDS)


def released_by(busy: str) -> None:
    """The memory is released while the main thread never touches zmq again."""
    context, sender, receiver = connect("tcp")
    reader, writer = os.pipe()
    released = threading.Event()

    def tell() -> None:
        released.set()
        os.write(writer, b"released")

    # It leaves by a thread of libzmq, which never holds the GIL.
    memory = Memory(LARGE)
    weakref.finalize(memory, tell)
    sender.send(memory, copy=False)
    del memory
    if busy == "in C":
        # Pending calls run only in a main thread that runs Python code.
        assert select.select([reader], [], [], 20)[0]
    elif busy == "in Python":
        rounds = 0
        while not released.is_set():
            rounds += 1
    elif busy == "in a lock":
        assert released.wait(20)
    else:
        assert busy == "in a thread"
        waiting = threading.Thread(target=released.wait, args=(20,))
        waiting.start()
        waiting.join()
    assert released.is_set()
    assert len(receiver.recv()) == LARGE
    context.destroy(linger=0)
    os.close(reader)
    os.close(writer)


def test_memory_is_released_without_anybody_asking() -> None:
    places = ["in C", "in Python", "in a lock", "in a thread"]
    run_cases(released_by, [[busy] for busy in places], seconds=SECONDS)


def release_in_disorder(seed: int) -> None:
    """Memory of all kinds, sent and dropped by several threads; all of it comes back."""
    sys.setswitchinterval(1e-4)
    chance = random.Random(seed)
    context, sender, receiver = connect(chance.choice(("inproc", "tcp")))
    sent: list[weakref.ref[Memory]] = []
    messages = 300 * FACTOR
    lock = threading.Lock()
    trackers: list[zmq.MessageTracker] = []

    def send() -> None:
        for _ in range(messages):
            with lock:
                kind, size = chance.randrange(4), chance.choice((0, 1, 5000, LARGE))
            memory = Memory(size)
            sent.append(weakref.ref(memory))
            if kind == 0:
                sender.send(memory, copy=False)
            elif kind == 1:
                trackers.append(sender.send(zmq.Frame(memory, copy=False, track=True)))
            elif kind == 2:
                trackers.append(sender.send(memoryview(memory), copy=False, track=True))
            else:
                trackers.append(sender.send_multipart([memory, memory], copy=False, track=True))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    kept = []
    for _ in range(3 * messages):
        frames = receiver.recv_multipart(copy=False)
        if chance.random() < 0.1:
            kept.append(frames)
    for thread in threads:
        thread.join()
    kept.clear()
    frames.clear()
    for tracker in trackers:
        tracker.wait(20)
        assert tracker.done
    context.destroy(linger=0)
    while any(memory() is not None for memory in sent):
        gc.collect()


def test_memory_of_all_kinds_comes_back() -> None:
    run_cases(release_in_disorder, [[seed] for seed in range(3)], seconds=SECONDS)


ENDINGS = {
    "messages in flight": """
        sender.send(bytes(LARGE), copy=False)
        sender.send(bytearray(LARGE), copy=False, track=True)
        """,
    "messages in flight that nobody takes": """
        lonely = context.socket(zmq.PUSH)
        lonely.connect("inproc://nobody")
        for _ in range(100):
            lonely.send(bytes(LARGE), copy=False)
        """,
    "messages that were received": """
        frames = []
        for _ in range(100):
            sender.send(bytearray(LARGE), copy=False)
            frames.append(receiver.recv(copy=False))
        """,
    "a thread in recv": """
        threading.Thread(target=receiver.recv, daemon=True).start()
        """,
    "a thread in recv, just woken": """
        threading.Thread(target=receiver.recv, daemon=True).start()
        sender.send(bytes(LARGE), copy=False)
        """,
    "a thread in poll": """
        threading.Thread(target=receiver.poll, daemon=True).start()
        """,
    "a thread in Poller.poll": """
        poller = zmq.Poller()
        for socket in (sender, receiver, context.socket(zmq.PULL)):
            poller.register(socket, zmq.POLLIN)
        threading.Thread(target=poller.poll, daemon=True).start()
        """,
    "a thread in a proxy": """
        threading.Thread(
            target=zmq.proxy, args=(receiver, context.socket(zmq.PUSH)), daemon=True
        ).start()
        """,
    "a thread in term": """
        threading.Thread(target=context.term, daemon=True).start()
        """,
    "a thread that waits for a tracker": """
        tracker = sender.send(bytes(LARGE), copy=False, track=True)
        threading.Thread(target=tracker.wait, daemon=True).start()
        """,
    "a thread that sends and receives": """
        def talk():
            while True:
                sender.send(bytes(LARGE), copy=False)
                receiver.recv(copy=False)

        threading.Thread(target=talk, daemon=True).start()
        """,
    "the global context": """
        zmq.Context.instance().socket(zmq.REQ).connect(endpoint)
        """,
    "a monitor": """
        monitor = sender.get_monitor_socket()
        threading.Thread(target=monitor.recv_multipart, daemon=True).start()
        """,
    "os._exit": """
        import os
        sender.send(bytes(LARGE), copy=False)
        threading.Thread(target=receiver.recv, daemon=True).start()
        os._exit(0)
        """,
    "sockets that atexit closes": """
        import atexit
        sender.send(bytes(LARGE), copy=False)
        atexit.register(context.destroy, linger=0)
        """,
    "a cycle": """
        class Holder:
            pass

        holder = Holder()
        holder.me, holder.context, holder.sockets = holder, context, (sender, receiver)
        del context, sender, receiver
        """,
}


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("name", ENDINGS)
def test_interpreter_ends_quietly_with(name: str, transport: str) -> None:
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else "inproc://memory"
    source = f"""
        import threading, zmq

        LARGE = {LARGE}
        context = zmq.Context()
        sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        endpoint = receiver.bind({endpoint!r}).addr
        sender.connect(endpoint)
        """
    printed = run_script(
        # What is left open may be told of, where somebody wants to hear it.
        source + ENDINGS[name],
        warnings="ignore::ResourceWarning",
    )
    assert printed == ""
