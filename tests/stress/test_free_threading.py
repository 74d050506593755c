"""Everything from many threads at once: contexts, sockets that change hands, shared frames.

It holds with the GIL too; without it, each line of these tests may run beside each other.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any

import zmq
from support import run_function

THREADS = 6
FACTOR = int(os.environ.get("STRESS", "1"))


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> None:
    """Run the same in several threads that start together; raise what one of them raises."""
    start = threading.Barrier(threads)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            start.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise failures[0]


def contexts_of_all() -> None:
    sys.setswitchinterval(1e-4)

    def work(number: int) -> None:
        for turn in range(30 * FACTOR):
            with zmq.Context() as context:
                one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
                one.bind("inproc://pair")
                other.connect("inproc://pair")
                one.send(b"%d %d" % (number, turn))
                assert other.recv() == b"%d %d" % (number, turn)
                context.destroy(linger=0)

    at_once(work)


def one_context_for_all() -> None:
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    turns = 50 * FACTOR
    # libzmq may fall behind with closing.
    context.max_sockets = 2 * turns * THREADS + 1

    def work(number: int) -> None:
        for turn in range(turns):
            endpoint = f"inproc://{number}-{turn}"
            with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
                one.linger = other.linger = 0
                one.bind(endpoint)
                other.connect(endpoint)
                one.send_multipart([b"a", b"b"])
                assert other.recv_multipart() == [b"a", b"b"]

    at_once(work)
    context.term()
    found: list[zmq.Context[Any]] = []
    at_once(lambda _: found.append(zmq.Context.instance()))
    assert len(set(map(id, found))) == 1
    found[0].term()


def sockets_change_hands() -> None:
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    hands: queue.Queue[tuple[zmq.Socket[Any], zmq.Socket[Any], int]] = queue.Queue()
    for number in range(3):
        one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        one.bind(f"inproc://{number}")
        other.connect(f"inproc://{number}")
        hands.put((one, other, 0))

    def work(number: int) -> None:
        for _ in range(300 * FACTOR):
            one, other, count = hands.get()
            one.send(b"%d" % count)
            assert other.recv() == b"%d" % count
            hands.put((other, one, count + 1))

    at_once(work)
    pairs = [hands.get() for _ in range(3)]
    assert sum(count for _, _, count in pairs) == THREADS * 300 * FACTOR
    context.destroy(linger=0)


def frames_are_shared() -> None:
    sys.setswitchinterval(1e-4)
    context = zmq.Context()
    one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    one.hwm = other.hwm = 0
    one.bind("inproc://frames")
    other.connect("inproc://frames")
    text = os.urandom(100_000)
    one.send(text)
    received = other.recv(copy=False)
    own = zmq.Frame(text, copy=False)

    def work(number: int) -> None:
        for frame in (received, own):
            for _ in range(50 * FACTOR):
                assert frame.bytes == text
                assert bytes(frame.buffer[:100]) == text[:100]
                assert len(frame) == len(text)
                one.send(frame, copy=False)
                assert zmq.Frame(frame.buffer).bytes == text
                assert frame.more is False

    at_once(work)
    for _ in range(THREADS * 2 * 50 * FACTOR):
        assert other.recv() == text
    context.destroy(linger=0)


def test_threads_make_and_end_contexts_of_their_own() -> None:
    run_function(contexts_of_all)


def test_threads_make_and_close_sockets_of_one_context() -> None:
    run_function(one_context_for_all)


def test_sockets_are_handed_from_thread_to_thread() -> None:
    run_function(sockets_change_hands)


def test_frames_are_read_and_sent_by_all_threads() -> None:
    run_function(frames_are_shared)
