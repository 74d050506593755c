"""Frames, and the trackers that tell when libzmq is done with the memory of one."""

from __future__ import annotations

import array
import copy
import gc
import pickle
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import TRANSPORTS, when_parked

MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]

LARGE = bytes(range(256)) * 400

SOURCES = {
    "small": b"abc",
    "what libzmq keeps inside": bytes(33),
    "below the threshold": bytes(65_535),
    "at the threshold": bytes(65_536),
    "large": LARGE,
}


# -- content -------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [None, True, False])
@pytest.mark.parametrize(
    "make", [bytes, bytearray, memoryview, lambda data: array.array("B", data)]
)
@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
def test_frame_has_the_bytes_it_was_made_of(
    data: bytes, make: Callable[[bytes], Any], copied: bool | None
) -> None:
    source = make(data)
    frame = zmq.Frame(source, copy=copied)
    assert frame.bytes == bytes(frame) == data
    assert len(frame) == len(data)
    assert frame.buffer == memoryview(data)
    assert memoryview(frame) == memoryview(data)
    assert frame.more is False
    assert type(frame) is zmq.Frame
    again = zmq.Frame(frame, copy=copied)
    assert again is not frame
    assert again.bytes == data


@pytest.mark.parametrize("arguments", [(), (None,), (b"",), (bytearray(),)])
def test_frame_may_be_empty(arguments: tuple[Any, ...]) -> None:
    frame = zmq.Frame(*arguments)
    assert frame.bytes == b""
    assert len(frame) == 0
    assert not frame
    assert frame.buffer.nbytes == 0
    assert not frame.buffer.readonly
    assert repr(frame) == "<zmq.Frame(b'')>"


def test_frame_takes_its_arguments_by_name() -> None:
    frame = zmq.Frame(data=b"abc", track=True, copy=False, copy_threshold=0)
    assert frame.bytes == b"abc"
    assert frame.tracker is not None
    assert zmq.Frame(b"abc", False, None, None).tracker is None


def test_bytes_are_made_once() -> None:
    frame = zmq.Frame(LARGE)
    assert frame.bytes is frame.bytes
    assert bytes(frame) == frame.bytes
    assert frame.bytes is not LARGE


def test_buffer_can_be_written_to() -> None:
    for frame in (zmq.Frame(b"abc"), zmq.Frame(bytes(100)), zmq.Frame(bytearray(LARGE))):
        view = frame.buffer
        assert not view.readonly
        assert (view.format, view.ndim, view.itemsize) == ("B", 1, 1)
        view[:1] = b"x"
        memoryview(frame)[1:2] = b"y"
        assert bytes(frame.buffer[:2]) == b"xy"
        assert view.obj is frame


def test_writing_to_a_copied_frame_leaves_the_source_alone() -> None:
    source = bytearray(LARGE)
    frame = zmq.Frame(source, copy=True)
    frame.buffer[:3] = b"xyz"
    assert source == LARGE
    source[:3] = b"abc"
    assert bytes(frame.buffer[:3]) == b"xyz"


def test_frame_without_a_copy_is_the_source() -> None:
    source = bytearray(LARGE)
    frame = zmq.Frame(source, copy=False)
    source[:3] = b"abc"
    assert bytes(frame.buffer[:3]) == b"abc"
    frame.buffer[:3] = b"xyz"
    assert source[:3] == b"xyz"
    with pytest.raises(BufferError):
        source.clear()
    del frame
    gc.collect()
    while True:
        try:
            source.clear()
        except BufferError:
            continue
        break


@pytest.mark.parametrize(
    ("size", "threshold", "shared"),
    [(100, None, False), (65_536, None, True), (100, 100, True), (100, 101, False), (1, 0, True)],
)
def test_threshold_decides_what_is_copied(size: int, threshold: int | None, shared: bool) -> None:
    source = bytearray(size)
    frame = zmq.Frame(source, copy_threshold=threshold)
    source[:1] = b"x"
    assert (frame.buffer[0] == ord("x")) == shared


def test_global_threshold_can_be_assigned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zmq, "COPY_THRESHOLD", 10)
    source = bytearray(10)
    frame = zmq.Frame(source)
    source[:1] = b"x"
    assert frame.buffer[0] == ord("x")


# -- identity, copies, text ----------------------------------------------------------------------


def test_frames_are_compared_by_identity() -> None:
    frame, other = zmq.Frame(b"abc"), zmq.Frame(b"abc")
    assert frame == frame
    assert frame != other
    assert frame != b"abc"
    assert len({frame, other}) == 2
    with pytest.raises(TypeError):
        frame < other  # noqa: B015


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"abc", "b'abc'"),
        (b"\xff\x00", r"b'\xff\x00'"),
        (b"y" * 16, "b'yyyyyyyyyyyyyyyy'"),
        (b"y" * 17, "b'yyyyyyyyyyyy'...17B"),
        (b"y" * 1000, "b'yyyyyyyyyyyy'...1kB"),
        (b"y" * 2_000_000, "b'yyyyyyyyyyyy'...2MB"),
    ],
)
def test_repr_shows_the_beginning_and_the_size(data: bytes, text: str) -> None:
    assert repr(zmq.Frame(data)) == str(zmq.Frame(data)) == f"<zmq.Frame({text})>"


@pytest.mark.parametrize("data", SOURCES.values(), ids=SOURCES)
def test_copies_share_the_memory(data: bytes) -> None:
    frame = zmq.Frame(data, copy=False)
    copied = copy.copy(frame)
    assert copied is not frame
    assert type(copied) is zmq.Frame
    assert copied.bytes == frame.bytes == data
    del frame
    assert copied.bytes == data


def test_frames_are_not_pickled() -> None:
    for does in (pickle.dumps, copy.deepcopy):
        with pytest.raises(TypeError):
            does(zmq.Frame(b"abc"))


def test_frames_can_be_referred_to_weakly() -> None:
    frame = zmq.Frame(b"abc")
    alive = weakref.ref(frame)
    assert alive() is frame
    del frame
    assert alive() is None


def test_frame_and_its_attributes_can_be_collected() -> None:
    class Own(zmq.Frame):
        me: Any = None

    frame = Own(b"abc")
    frame.me = frame
    alive = weakref.ref(frame)
    del frame
    gc.collect()
    assert alive() is None


def test_frame_that_came_from_nowhere_has_no_descriptor_as_attribute() -> None:
    frame = zmq.Frame(b"made here")
    assert not hasattr(frame, "srcfd")
    with pytest.raises(AttributeError, match="SRCFD"):
        _ = frame.SRCFD
    with pytest.raises(zmq.ZMQError):
        frame.get(zmq.SRCFD)


def test_subclass_may_declare_attributes() -> None:
    class Own(zmq.Frame):
        declared = 1

    frame = Own(b"abc")
    frame.declared = 2
    assert frame.declared == 2
    assert frame.bytes == b"abc"
    for name in ("nosuch", "_private"):
        with pytest.raises(AttributeError, match=f"(?i){name}"):
            setattr(frame, name, 1)
        with pytest.raises(AttributeError, match=f"(?i){name}"):
            getattr(frame, name)


def test_size_in_memory_is_told() -> None:
    assert 0 < sys.getsizeof(zmq.Frame(b"abc")) <= 200


# -- properties ----------------------------------------------------------------------------------


def test_more_tells_whether_parts_follow(make_pair: MakePair) -> None:
    first, second = make_pair()
    first.send_multipart([b"one", b"two"])
    one, two = second.recv_multipart(copy=False)
    for frame, more in ((one, True), (two, False)):
        assert frame.more is more
        assert frame.get(zmq.MORE) == frame.get(zmq.MessageOption.MORE) == more
        assert more == frame.MORE


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_metadata_names_the_peer(make_pair: MakePair, transport: str) -> None:
    receiver, sender = make_pair(zmq.PULL, zmq.PUSH, transport)
    sender.routing_id = b"me"
    sender.send(b"message")
    frame = receiver.recv(copy=False)
    if transport == "inproc":
        with pytest.raises(zmq.ZMQError, match="Socket-Type"):
            frame.get("Socket-Type")
        with pytest.raises(zmq.ZMQError):
            frame["Socket-Type"]
        return
    assert frame.get("Socket-Type") == frame["Socket-Type"] == "PUSH"
    if transport == "tcp":
        assert frame["Peer-Address"] == "127.0.0.1"
    assert frame.get(zmq.SRCFD) > 0
    assert frame.srcfd == frame.SRCFD == frame.get(zmq.MessageOption.SRCFD)
    with pytest.raises(zmq.ZMQError, match="Nosuch"):
        frame["Nosuch"]


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_large_message_has_metadata_too(make_pair: MakePair, transport: str) -> None:
    receiver, sender = make_pair(zmq.PULL, zmq.PUSH, transport)
    sender.send(LARGE, copy=False)
    frame = receiver.recv(copy=False)
    assert frame["Socket-Type"] == "PUSH"
    copied = copy.copy(frame)
    assert copied["Socket-Type"] == "PUSH"
    assert copied.get(zmq.SHARED) == 1


@pytest.mark.parametrize("key", [None, 1.5, [], slice(0, 1)])
def test_property_of_a_wrong_type_is_refused(key: Any) -> None:
    with pytest.raises(TypeError):
        zmq.Frame(b"abc").get(key)
    with pytest.raises(TypeError):
        zmq.Frame(b"abc")[key]


@pytest.mark.skipif(zmq.DRAFT_API, reason="libzmq has the draft sockets")
@pytest.mark.parametrize("name", ["routing_id", "group"])
def test_drafts_are_asked_for_in_plain_words(name: str) -> None:
    frame = zmq.Frame(b"abc")
    number = zmq.MessageOption[name.upper()]
    for does in (
        lambda: getattr(frame, name),
        lambda: frame.get(number),
        lambda: setattr(frame, name, 5 if name == "routing_id" else "group"),
        lambda: frame.set(number, 5 if name == "routing_id" else "group"),
    ):
        with pytest.raises((RuntimeError, zmq.ZMQError), match="draft"):
            does()
    assert frame.bytes == b"abc"


# -- trackers ------------------------------------------------------------------------------------


def test_untracked_frame_has_no_tracker(make_pair: MakePair) -> None:
    first, second = make_pair()
    first.send(b"message")
    for frame in (zmq.Frame(), zmq.Frame(LARGE), second.recv(copy=False)):
        assert frame.tracker is None
        assert frame.tracker_event is None


def test_copied_frame_is_done_at_once() -> None:
    for frame in (zmq.Frame(b"small", track=True), zmq.Frame(LARGE, track=True, copy=True)):
        assert frame.tracker.done
        frame.tracker.wait()
        frame.tracker.wait(0)


def test_tracker_is_done_when_the_frame_is_gone() -> None:
    frame = zmq.Frame(LARGE, track=True, copy=False)
    tracker = frame.tracker
    assert isinstance(tracker, zmq.MessageTracker)
    assert not tracker.done
    for timeout in (0, 0.001, -0.0, 0.0):
        with pytest.raises(zmq.NotDone):
            tracker.wait(timeout)
    event = frame.tracker_event
    assert tracker.events == {event}
    assert tracker.peers == set()
    assert not event.is_set()
    copied = copy.copy(frame)
    del frame
    assert not tracker.done, "a copy holds the memory"
    del copied
    tracker.wait(20)
    assert tracker.done
    assert event.is_set()
    tracker.wait(timeout=0)


def test_tracker_of_a_received_message_is_done(make_pair: MakePair) -> None:
    first, second = make_pair()
    first.send(b"message")
    assert second.recv(copy=False, track=True).tracker.done


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_tracker_is_done_when_the_message_has_left(make_pair: MakePair, transport: str) -> None:
    first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
    tracker = first.send(LARGE, copy=False, track=True)
    assert second.recv() == LARGE
    tracker.wait(20)
    assert tracker.done


def test_tracker_wakes_who_waits(make_pair: MakePair) -> None:
    first, second = make_pair()
    tracker = first.send(LARGE, copy=False, track=True)
    waking = when_parked(second.recv)
    tracker.wait()
    waking.join()
    tracker = first.send(LARGE, copy=False, track=True)
    waiting = [threading.Thread(target=tracker.wait, args=(20,)) for _ in range(3)]
    for thread in waiting:
        thread.start()
    second.recv()
    for thread in waiting:
        thread.join()
    assert tracker.done


def test_tracker_watches_events_frames_and_trackers() -> None:
    event = threading.Event()
    frame = zmq.Frame(LARGE, track=True, copy=False)
    inner = zmq.MessageTracker(threading.Event())
    tracker = zmq.MessageTracker(event, frame, inner)
    assert tracker.events == {event, frame.tracker_event} or event in tracker.events
    assert inner in tracker.peers
    assert not tracker.done
    event.set()
    del frame
    with pytest.raises(zmq.NotDone):
        tracker.wait(0.001)
    for watched in inner.events:
        watched.set()
    tracker.wait(20)
    assert tracker.done
    assert zmq.MessageTracker().done


def test_events_of_threading_wake_a_tracker() -> None:
    event = threading.Event()
    tracker = zmq.MessageTracker(event)
    setting = threading.Thread(target=event.set)
    setting.start()
    tracker.wait(20)
    setting.join()
    assert tracker.done


@pytest.mark.parametrize("timeout", [-1, None, 20, 20.5])
def test_wait_takes_seconds_or_for_ever(timeout: float | None) -> None:
    tracker = zmq.Frame(b"small", track=True).tracker
    tracker.wait(timeout)
    tracker.wait(timeout=timeout)


def test_finished_tracker_is_shared(make_pair: MakePair) -> None:
    first, _ = make_pair()
    assert first.send(b"small", copy=False) is first.send(b"small", copy=False, track=True)
    assert first.send(b"small", copy=False) is zmq._FINISHED_TRACKER


def test_nothing_says_that_lent_memory_is_free_where_nobody_tracks_it(make_pair: MakePair) -> None:
    first, _ = make_pair()
    memory = bytearray(LARGE)
    assert first.send(memory, copy=False) is None
    assert first.send_multipart([b"small", memory], copy=False) is None
    assert first.send_string("x" * 100_000, copy=False) is None
    tracker = first.send_multipart([memory, b"small"], copy=False, track=True)
    assert not tracker.done


# -- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [None, True, False])
@pytest.mark.parametrize("data", [b"small", LARGE], ids=["small", "large"])
def test_frame_gives_its_references_back(data: bytes, copied: bool | None) -> None:
    data = bytes(bytearray(data))  # nobody else has it
    before = sys.getrefcount(data)
    for track in (False, True):
        frame = zmq.Frame(data, copy=copied, track=track)
        copies = [copy.copy(frame) for _ in range(3)]
        views = [frame.buffer, memoryview(frame), copies[0].buffer]
        assert bytes(views[0]) == frame.bytes == data
        tracker = frame.tracker
        del frame, copies, views
        if tracker is not None:
            tracker.wait(20)
    gc.collect()
    assert sys.getrefcount(data) == before


def test_view_keeps_the_memory_alive(make_pair: MakePair) -> None:
    first, second = make_pair()
    first.send(LARGE)
    view = second.recv(copy=False).buffer
    gc.collect()
    assert bytes(view) == LARGE
    frame = zmq.Frame(bytearray(LARGE), copy=False)
    views = [memoryview(frame) for _ in range(10)]
    del frame
    gc.collect()
    assert all(bytes(view) == LARGE for view in views)


# -- numpy ---------------------------------------------------------------------------------------

numpy = pytest.importorskip("numpy")


def test_array_over_a_frame_shares_its_memory() -> None:
    source = numpy.arange(20_000, dtype="f8")
    frame = zmq.Frame(source, copy=False)
    for view in (frame, frame.buffer):
        array_over = numpy.frombuffer(view, dtype="f8")
        assert numpy.shares_memory(array_over, source)
        assert array_over.flags.writeable
    array_over[0] = 7
    assert source[0] == 7


@pytest.mark.parametrize("copied", [True, False])
def test_frame_of_an_array_in_any_order(copied: bool) -> None:
    rows = numpy.arange(20_000, dtype="f8").reshape(100, 200)
    for laid_out in (rows, rows.T, numpy.asfortranarray(rows)):
        assert zmq.Frame(laid_out, copy=copied).bytes == laid_out.tobytes(order="A")
    with pytest.raises((BufferError, ValueError), match="contiguous"):
        zmq.Frame(rows[:, ::2], copy=copied)
