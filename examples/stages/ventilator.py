"""The ventilator reads every file and hands it to whichever worker has room.

PUSH deals messages out in turn to the workers that are connected, and leaves out those whose
queue is full. Two rules follow. Nothing is sent before all workers are there, or the first would
get everything. And the end is marked again and again until main says that every worker has seen
it: a marker may go to any worker, but it always comes after all files in that worker's queue.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import zmq

from .files import read_block, reason
from .stage import Stage
from .wire import END, KERNEL_BUFFER, QUEUED_FILES

MARK_AGAIN_MS = 50


def ventilate(stage: Stage, root: bytes, names: list[bytes]) -> None:
    """Send files until there are no more, then end markers until main has seen enough.

    Parameters
    ----------
    stage
        This process.
    root
        The directory that the names are relative to.
    names
        What to send.
    """
    push = stage.socket(zmq.PUSH, "files", SNDHWM=QUEUED_FILES, SNDBUF=KERNEL_BUFFER)
    rest = stage.socket(zmq.REP)
    stage.tell(b"bound", stage.bind(push, "files"), stage.bind(rest, "rest"))

    while stage.handshakes["files"] < stage.job.workers:
        stage.wait({})
    stage.tell(b"connected")
    while [b"start"] not in stage.orders:
        stage.wait({})

    messages = _messages(stage, root, names)
    message = next(messages, None)
    while message is not None and [b"finish"] not in stage.orders:
        ready = stage.wait({push: zmq.POLLOUT, rest: zmq.POLLIN})
        if rest in ready:
            _send_rest(stage, rest, root)
        if push in ready and _offered(push, message):
            message = next(messages, None)

    mark_at = time.monotonic()
    while [b"finish"] not in stage.orders:
        if time.monotonic() >= mark_at:
            for _ in range(stage.job.workers):
                _offered(push, [END, b""])
            mark_at = time.monotonic() + MARK_AGAIN_MS / 1000
        if rest in stage.wait({rest: zmq.POLLIN}, MARK_AGAIN_MS):
            _send_rest(stage, rest, root)


def _messages(stage: Stage, root: bytes, names: list[bytes]) -> Iterator[list[bytes]]:
    for name in names:
        try:
            content = read_block(root, name, 0)
        except OSError as error:
            stage.tell(b"unreadable", name, reason(error).encode())
        else:
            yield [name, content]


def _offered(push: zmq.Socket[bytes], message: list[bytes]) -> bool:
    # A worker that had room may have died since: then it is offered again.
    try:
        push.send_multipart(message, zmq.DONTWAIT, copy=False)
    except zmq.Again:
        return False
    return True


def _send_rest(stage: Stage, rest: zmq.Socket[bytes], root: bytes) -> None:
    name, offset = rest.recv_multipart()
    try:
        block = read_block(root, name, int(offset))
    except OSError as error:
        stage.tell(b"unreadable", name, reason(error).encode())
        rest.send_multipart([b"unreadable", b""])
    else:
        stage.tell(b"busy")
        rest.send_multipart([b"block", block], copy=False)
