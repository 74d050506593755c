"""Monitors: what they say, typed, and that they end with the socket they watch."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import itertools
import os
import struct
import subprocess
import sys
import threading

import pytest

import zmq
import zmq.asyncio
from support import open_descriptors, settled_descriptors
from zmq.utils.monitor import (
    MonitorEvent,
    monitor_events,
    parse_monitor_message,
    recv_monitor_message,
)

JOIN_S = 20


def message(event, value, endpoint=b"tcp://127.0.0.1:5555"):
    """Build what libzmq sends."""
    return [struct.pack("=Hi", event, value), endpoint]


@pytest.mark.parametrize(
    "event",
    [
        zmq.EVENT_CONNECTED,
        zmq.EVENT_CONNECT_RETRIED,
        zmq.EVENT_LISTENING,
        zmq.EVENT_ACCEPTED,
        zmq.EVENT_CLOSED,
        zmq.EVENT_DISCONNECTED,
        zmq.EVENT_HANDSHAKE_SUCCEEDED,
        zmq.EVENT_HANDSHAKE_FAILED_AUTH,
        zmq.EVENT_MONITOR_STOPPED,
    ],
)
def test_value_of_a_plain_event_is_a_plain_int(event):
    parsed = parse_monitor_message(message(event, 12))
    assert parsed == {"event": event, "value": 12, "endpoint": b"tcp://127.0.0.1:5555"}
    assert parsed["event"] is event
    assert type(parsed["value"]) is int


@pytest.mark.parametrize(
    "event",
    [
        zmq.EVENT_BIND_FAILED,
        zmq.EVENT_ACCEPT_FAILED,
        zmq.EVENT_CLOSE_FAILED,
        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL,
    ],
)
def test_value_of_a_failed_call_is_an_errno(event):
    parsed = parse_monitor_message(message(event, int(zmq.EADDRINUSE)))
    assert parsed["value"] is zmq.Errno.EADDRINUSE
    assert parsed["value"] == int(zmq.EADDRINUSE)


def test_errno_that_zmq_does_not_name_stays_an_int():
    parsed = parse_monitor_message(message(zmq.EVENT_ACCEPT_FAILED, 2))
    assert parsed["value"] == 2
    assert type(parsed["value"]) is int


@pytest.mark.parametrize(
    "error", [zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH, zmq.PROTOCOL_ERROR_ZAP_BAD_VERSION]
)
def test_value_of_a_failed_handshake_is_the_protocol_error(error):
    parsed = parse_monitor_message(message(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, int(error)))
    assert parsed["value"] is error
    assert parsed["value"] == int(error)


def test_unknown_protocol_error_and_unknown_event_stay_readable():
    parsed = parse_monitor_message(message(zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x1FFFFFFF))
    assert parsed["value"] == 0x1FFFFFFF
    assert type(parsed["value"]) is int
    assert parse_monitor_message(message(0x8000, 1))["event"] == 0x8000


def test_negative_values_keep_their_sign():
    assert parse_monitor_message(message(zmq.EVENT_CLOSED, -1))["value"] == -1


def test_frames_can_be_parsed_too():
    frames = [zmq.Frame(part) for part in message(zmq.EVENT_CLOSED, 3)]
    assert parse_monitor_message(frames) == parse_monitor_message(message(zmq.EVENT_CLOSED, 3))


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([], "two frames, not 0"),
        ([b"123456"], "two frames, not 1"),
        ([b"123456", b"", b""], "two frames, not 3"),
        ([b"12345", b""], "6 bytes"),
        ([b"", b""], "6 bytes"),
        (["123456", b""], "bytes, not"),
        (b"12", "list of two frames"),
    ],
)
@pytest.mark.parametrize("error", [ValueError, RuntimeError])
def test_message_of_no_monitor_is_refused(frames, reason, error):
    with pytest.raises(error, match=reason):
        parse_monitor_message(frames)


def events_until(monitor, last):
    """Receive events, up to and with the last one."""
    events = []
    while not events or events[-1]["event"] != last:
        events.append(recv_monitor_message(monitor))
    return events


def test_monitor_tells_the_story_of_a_connection(context):
    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    server_monitor, client_monitor = server.get_monitor_socket(), client.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    endpoint = server.last_endpoint
    listening = recv_monitor_message(server_monitor)
    assert listening["event"] == zmq.EVENT_LISTENING
    assert listening["endpoint"] == endpoint
    if sys.platform != "win32":  # a SOCKET there
        assert os.fstat(listening["value"])

    client.connect(endpoint)
    story = events_until(client_monitor, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert [event["event"] for event in story if event["event"] != zmq.EVENT_CONNECT_DELAYED] == [
        zmq.EVENT_CONNECTED,
        zmq.EVENT_HANDSHAKE_SUCCEEDED,
    ]
    story = events_until(server_monitor, zmq.EVENT_HANDSHAKE_SUCCEEDED)
    assert story[0]["event"] == zmq.EVENT_ACCEPTED
    client.close()
    assert recv_monitor_message(server_monitor)["event"] == zmq.EVENT_DISCONNECTED
    for socket in (server, server_monitor, client_monitor):
        socket.close()


def test_only_the_wanted_events_are_told(context):
    server = context.socket(zmq.REP)
    monitor = server.get_monitor_socket(zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED)
    server.bind("tcp://127.0.0.1:*")
    with context.socket(zmq.REQ) as client:
        client.connect(server.last_endpoint)
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_ACCEPTED
    assert recv_monitor_message(monitor)["event"] == zmq.EVENT_DISCONNECTED
    server.close()
    monitor.close()


def test_failed_bind_is_told_with_its_errno(context):
    with context.socket(zmq.REP) as taken, context.socket(zmq.REP) as server:
        taken.bind("tcp://127.0.0.1:*")
        with server.get_monitor_socket() as monitor:
            with pytest.raises(zmq.ZMQError):
                server.bind(taken.last_endpoint)
            failed = events_until(monitor, zmq.EVENT_BIND_FAILED)[-1]
            assert taken.last_endpoint.endswith(failed["endpoint"])
    assert failed["value"] is zmq.Errno.EADDRINUSE


def test_peer_that_speaks_another_protocol_is_told_as_a_protocol_error(context):
    with context.socket(zmq.REP) as server, server.get_monitor_socket() as monitor:
        server.plain_server = True
        server.bind("tcp://127.0.0.1:*")
        with context.socket(zmq.REQ) as client:
            client.linger = 0
            client.connect(server.last_endpoint)
            failed = events_until(monitor, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)[-1]
    assert failed["value"] is zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH


def test_dontwait_raises_again_when_nothing_has_happened(context):
    with (
        context.socket(zmq.REP) as server,
        server.get_monitor_socket() as monitor,
        pytest.raises(zmq.Again),
    ):
        recv_monitor_message(monitor, zmq.DONTWAIT)


def test_monitor_socket_is_made_once_and_stops_on_request(context):
    with context.socket(zmq.REP) as server:
        monitor = server.get_monitor_socket()
        assert server.get_monitor_socket() is monitor
        server.disable_monitor()
        assert recv_monitor_message(monitor)["event"] == zmq.EVENT_MONITOR_STOPPED
        monitor.close()


def test_asyncio_monitor_socket_gives_awaitables():
    async def watch():
        context = zmq.asyncio.Context()
        with context.socket(zmq.REP) as server, server.get_monitor_socket() as monitor:
            received = recv_monitor_message(monitor)
            server.bind("tcp://127.0.0.1:*")
            event = await asyncio.wait_for(received, JOIN_S)
            assert event["event"] == zmq.EVENT_LISTENING
            assert event["endpoint"] == server.last_endpoint
        context.term()

    asyncio.run(watch())


# -- iterating over events ------------------------------------------------------------------------


def test_event_is_a_frozen_dataclass():
    event = MonitorEvent(zmq.EVENT_CONNECTED, 3, b"tcp://127.0.0.1:1")
    assert dataclasses.astuple(event) == (zmq.EVENT_CONNECTED, 3, b"tcp://127.0.0.1:1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.value = 4


def test_events_are_iterated_until_the_monitored_socket_is_closed(context):
    server = context.socket(zmq.REP)
    events = monitor_events(server)
    server.bind("tcp://127.0.0.1:*")
    endpoint = server.last_endpoint
    told = [next(events)]
    assert told[0] == MonitorEvent(zmq.EVENT_LISTENING, told[0].value, endpoint)
    server.close()
    told += events
    assert [event.event for event in told] == [
        zmq.EVENT_LISTENING,
        zmq.EVENT_CLOSED,
        zmq.EVENT_MONITOR_STOPPED,
    ]
    assert events.closed
    assert list(events) == []
    context.term()


def test_loop_on_a_thread_ends_when_another_thread_closes_the_socket(context):
    server = context.socket(zmq.REP)
    events = monitor_events(server, zmq.EVENT_LISTENING)
    server.bind("tcp://127.0.0.1:*")
    told = []
    begun = threading.Event()

    def watch():
        for event in events:
            told.append(event.event)
            begun.set()

    watcher = threading.Thread(target=watch)
    watcher.start()
    assert begun.wait(JOIN_S)
    server.close()
    watcher.join(JOIN_S)
    assert not watcher.is_alive()
    assert told == [zmq.EVENT_LISTENING]  # the end is not told: it was not asked for
    assert events.closed
    context.term()


def test_loop_ends_when_the_context_is_terminated(context):
    server = context.socket(zmq.REP)
    events = monitor_events(server)
    watcher = threading.Thread(target=lambda: list(events))
    watcher.start()
    terminating = threading.Thread(target=context.term)
    terminating.start()
    watcher.join(JOIN_S)
    assert events.closed
    server.close()
    terminating.join(JOIN_S)
    assert not terminating.is_alive()


def test_new_monitor_ends_the_loop_over_the_old_one(context):
    with context.socket(zmq.REP) as server:
        old = monitor_events(server)
        with monitor_events(server) as new:
            assert [event.event for event in old] == [zmq.EVENT_MONITOR_STOPPED]
            server.bind("tcp://127.0.0.1:*")
            assert next(new).event == zmq.EVENT_LISTENING
        assert new.closed
    context.term()


def test_end_of_the_with_block_stops_the_monitor(context):
    with context.socket(zmq.REP) as server:
        with monitor_events(server) as events:
            server.bind("tcp://127.0.0.1:*")
            assert next(events).event == zmq.EVENT_LISTENING
        assert events.closed
        assert list(events) == []
        events.close()  # once more does no harm
        server.unbind(server.last_endpoint)  # and there is nobody to tell
    context.term()


def test_events_that_are_dropped_close_their_socket(context):
    with context.socket(zmq.REP) as server:
        events = monitor_events(server)
        server.bind("tcp://127.0.0.1:*")
        for event in events:
            assert event.event == zmq.EVENT_LISTENING
            break
        del events
        gc.collect()
    context.term()  # returns only when the events' own socket is closed


@pytest.mark.filterwarnings("ignore:[Uu]nclosed socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_events_do_not_keep_the_monitored_socket_alive():
    context = zmq.Context()
    server = context.socket(zmq.REP)
    events = monitor_events(server)
    del server
    gc.collect()
    assert [event.event for event in events] == [zmq.EVENT_MONITOR_STOPPED]
    context.term()


def test_socket_has_a_method_for_its_events(context):
    with (
        context.socket(zmq.REP) as server,
        server.monitor_events(zmq.EVENT_LISTENING | zmq.EVENT_CLOSED) as events,
    ):
        server.bind("tcp://127.0.0.1:*")
        assert next(events).event is zmq.Event.LISTENING


async def story_of_a_listener(server, events):
    server.bind("tcp://127.0.0.1:*")
    told = []
    async for event in events:
        told.append(event.event)
        if event.event == zmq.EVENT_LISTENING:
            server.close()
    return told


LISTENER_STORY = [zmq.EVENT_LISTENING, zmq.EVENT_CLOSED, zmq.EVENT_MONITOR_STOPPED]


@pytest.mark.parametrize("context_class", [zmq.asyncio.Context, zmq.Context])
def test_events_of_any_socket_can_be_awaited(context_class):
    async def watch():
        with context_class() as context:
            server = context.socket(zmq.REP)
            events = monitor_events(server)
            assert await asyncio.wait_for(story_of_a_listener(server, events), JOIN_S) == (
                LISTENER_STORY
            )
            assert events.closed

    asyncio.run(watch())


def test_events_of_an_asyncio_socket_can_be_waited_for_without_a_loop():
    with zmq.asyncio.Context() as context:
        server = context.socket(zmq.REP)
        events = monitor_events(server)
        server.bind("tcp://127.0.0.1:*")
        told = []
        for event in events:
            told.append(event.event)
            if event.event == zmq.EVENT_LISTENING:
                server.close()
        assert told == LISTENER_STORY


def test_cancelled_wait_loses_no_event():
    async def watch():
        with zmq.asyncio.Context() as context:
            server = context.socket(zmq.REP)
            with monitor_events(server) as events:
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(anext(events), 0.01)
                server.bind("tcp://127.0.0.1:*")
                event = await asyncio.wait_for(anext(events), JOIN_S)
                assert event.event == zmq.EVENT_LISTENING
            server.close()

    asyncio.run(watch())


# -- the end of a monitor -------------------------------------------------------------------------


count_descriptors = pytest.mark.skipif(
    sys.platform != "linux", reason="descriptors cannot be counted here"
)


@count_descriptors
@pytest.mark.parametrize("order", list(itertools.permutations(["socket", "monitor", "context"])))
def test_socket_monitor_and_context_end_in_any_order_without_leaving_anything(order):
    with zmq.Context():
        pass  # what the first context of a process opens for good
    before = settled_descriptors()
    context = zmq.Context()
    server = context.socket(zmq.REP)
    monitor = server.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    recv_monitor_message(monitor)
    terminating = threading.Thread(target=context.term)
    steps = {"socket": server.close, "monitor": monitor.close, "context": terminating.start}
    for step in order:
        steps[step]()
    terminating.join(JOIN_S)
    assert not terminating.is_alive()
    assert open_descriptors() == before


MONITORED_PROGRAM = """
import threading
import zmq
context = zmq.Context()
server = context.socket(zmq.REP)
"""

ENDINGS = {
    "monitor socket kept": """
monitor = server.get_monitor_socket()
server.bind("tcp://127.0.0.1:*")
server.close()
context.term()
assert monitor.closed
try:
    monitor.recv()
except zmq.ContextTerminated:
    pass
else:
    raise SystemExit("the monitor has outlived its context")
""",
    "monitor socket kept while the context waits": """
monitor = server.get_monitor_socket()
terminating = threading.Thread(target=context.term)
terminating.start()
try:
    while True:
        server.get(zmq.EVENTS)
except zmq.ContextTerminated:
    server.close()
terminating.join()
""",
    "a PAIR of one's own kept": """
server.monitor("inproc://monitor", zmq.EVENT_ALL)
pair = context.socket(zmq.PAIR)
pair.connect("inproc://monitor")
server.close()
context.term()
""",
    "thread waits for events": """
monitor = server.get_monitor_socket()
server.close()
ended = []
def wait():
    try:
        while True:
            monitor.recv_multipart()
    except zmq.ContextTerminated as error:
        ended.append(error)
        monitor.close()
waiting = threading.Thread(target=wait)
waiting.start()
context.term()
waiting.join()
assert len(ended) == 1
""",
    "events kept": """
events = server.monitor_events()
server.close()
context.term()
""",
    "asyncio monitor kept": """
import asyncio
import zmq.asyncio
async def main():
    context = zmq.asyncio.Context()
    server = context.socket(zmq.REP)
    monitor = server.get_monitor_socket()
    server.bind("tcp://127.0.0.1:*")
    await monitor.recv_multipart()
    server.close()
    context.term()
loop = asyncio.SelectorEventLoop()
loop.run_until_complete(main())
loop.close()
server.close()
context.term()
""",
    "monitored twice on one endpoint": """
server.monitor("inproc://monitor", zmq.EVENT_ALL)
server.monitor("inproc://monitor", zmq.EVENT_CONNECTED | zmq.EVENT_DISCONNECTED)
pair = context.socket(zmq.PAIR)
pair.connect("inproc://monitor")
server.close()
pair.close()
context.term()
""",
}


@pytest.mark.parametrize("ending", list(ENDINGS))
def test_context_terminates_although_a_monitor_was_not_closed(ending):
    program = MONITORED_PROGRAM + ENDINGS[ending]
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", program],
        capture_output=True,
        text=True,
        timeout=JOIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@count_descriptors
def test_many_monitors_leave_nothing():
    def one_round():
        with zmq.Context() as context:
            server = context.socket(zmq.REP)
            events = monitor_events(server)
            server.bind("tcp://127.0.0.1:*")
            assert next(events).event == zmq.EVENT_LISTENING
            server.close()
            assert [event.event for event in events][-1] == zmq.EVENT_MONITOR_STOPPED

    one_round()
    before = open_descriptors()
    for _ in range(20):
        one_round()
    assert open_descriptors() == before
