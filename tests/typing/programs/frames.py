"""Frames and trackers."""

from __future__ import annotations

from typing_extensions import assert_type

import zmq


def frames(socket: zmq.Socket[bytes]) -> None:
    frame = zmq.Frame(b"data")
    zmq.Frame()
    zmq.Frame(bytearray(10), track=True, copy=False)
    assert_type(frame.bytes, bytes)
    assert_type(frame.buffer, memoryview)
    assert_type(len(frame), int)
    assert_type(frame.more, bool)
    assert_type(bytes(frame), bytes)
    assert_type(memoryview(frame)[0], int)
    peer: str = frame["Peer-Address"]
    print(peer)
    assert_type(frame.tracker, zmq.MessageTracker | None)
    received = socket.recv(copy=False)
    assert_type(received.bytes.decode(), str)
    assert_type(zmq.Message(b""), zmq.Frame)


def trackers(tracker: zmq.MessageTracker) -> None:
    assert_type(tracker.done, bool)
    tracker.wait()
    tracker.wait(timeout=1.5)
    assert_type(zmq.MessageTracker(tracker, zmq.Frame(b"", track=True)).done, bool)
