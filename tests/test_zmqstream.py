"""ZMQStream: callbacks in tornado's loop, none missed, none in the wrong order."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

import zmq
import zmq.asyncio

pytest.importorskip("tornado")

from tornado.ioloop import IOLoop

from zmq.eventloop.zmqstream import ZMQStream

LIMIT_S = 20

Main = Callable[[], Coroutine[Any, Any, Any]]


class Loop:
    """Runs a coroutine in a loop of its own, and keeps what that complains of."""

    def __init__(self) -> None:
        self.complaints: list[BaseException] = []

    def run(self, main: Main) -> None:
        async def limited() -> None:
            asyncio.get_running_loop().set_exception_handler(
                lambda _, about: self.complaints.append(about["exception"])
            )
            await asyncio.wait_for(main(), LIMIT_S)

        asyncio.run(limited())
        gc.collect()


@pytest.fixture
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    assert not made.complaints


@pytest.fixture
def streams(make_pair: Any) -> Iterator[Callable[..., tuple[ZMQStream, ZMQStream]]]:
    """Give a function that makes two streams that are connected, within a loop."""
    made: list[ZMQStream] = []

    def make(*arguments: Any, **keywords: Any) -> tuple[ZMQStream, ZMQStream]:
        one, other = (ZMQStream(socket) for socket in make_pair(*arguments, **keywords))
        made.extend((one, other))
        return one, other

    return make


class Inbox:
    """Collects messages, and waits for a number of them."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._changed = asyncio.Event()

    def __call__(self, *message: Any) -> None:
        self.messages.append(message[0] if len(message) == 1 else message)
        self._changed.set()

    async def wait_for(self, number: int) -> list[Any]:
        while len(self.messages) < number:
            self._changed.clear()
            await self._changed.wait()
        return self.messages


@pytest.mark.parametrize("transport", ["inproc", "ipc", "tcp"])
def test_messages_arrive_in_order(loop: Loop, streams: Any, transport: str) -> None:
    messages = [[b"%d" % number, b"part"] for number in range(500)]

    async def main() -> None:
        receiver, sender = streams(zmq.PULL, zmq.PUSH, transport)
        inbox = Inbox()
        receiver.on_recv(inbox)
        for message in messages:
            sender.send_multipart(message)
        assert await inbox.wait_for(len(messages)) == messages
        assert not sender.sending()

    loop.run(main)


def test_messages_that_were_there_before_are_delivered(loop: Loop, make_pair: Any) -> None:
    receiver, sender = make_pair(transport="tcp")
    for number in range(10):
        sender.send(b"%d" % number)
    assert receiver.poll(5000)

    async def main() -> None:
        inbox = Inbox()
        ZMQStream(receiver).on_recv(inbox)
        assert await inbox.wait_for(10) == [[b"%d" % number] for number in range(10)]

    loop.run(main)


def test_every_way_to_send(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()
        receiver.on_recv(inbox)
        sender.send(b"bytes")
        sender.send(zmq.Frame(b"frame"), copy=False)
        sender.send_string("ä", encoding="latin-1")
        sender.send_unicode("ä")
        sender.send_json({"a": 1})
        sender.send_pyobj([1])
        sender.send_multipart([b"1", b"2"])
        sender.send(b"first", zmq.SNDMORE)
        sender.send(b"last")
        received = await inbox.wait_for(8)
        assert received[:5] == [[b"bytes"], [b"frame"], [b"\xe4"], ["ä".encode()], [b'{"a": 1}']]
        assert received[6:] == [[b"1", b"2"], [b"first", b"last"]]
        with pytest.raises(TypeError):
            sender.send_string(b"bytes")

    loop.run(main)


def test_frames_where_they_are_wanted(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()
        receiver.on_recv(inbox, copy=False)
        sender.send_multipart([b"a", b"b"])
        ((one, other),) = await inbox.wait_for(1)
        assert isinstance(one, zmq.Frame)
        assert (one.bytes, other.bytes) == (b"a", b"b")
        assert one.more

    loop.run(main)


def test_callbacks_that_get_the_stream(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox, outbox = Inbox(), Inbox()
        receiver.on_recv_stream(inbox)
        sender.on_send_stream(outbox)
        sender.send(b"x")
        assert await inbox.wait_for(1) == [(receiver, [b"x"])]
        assert await outbox.wait_for(1) == [(sender, [b"x"], None)]
        receiver.on_recv_stream(None)
        sender.on_send_stream(None)
        assert not receiver.receiving()

    loop.run(main)


def test_callbacks_of_what_was_sent(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        every, own = Inbox(), Inbox()
        sender.on_send(every)
        assert not sender.sending()
        sender.send(b"1")
        assert sender.sending()
        sender.send(b"2", callback=own)
        # As if on_send had been given it: for all that is sent from now on.
        sender.send_multipart([b"3", b"4"], copy=False, track=True)
        await own.wait_for(3)
        assert every.messages == []
        assert own.messages[:2] == [([b"1"], None), ([b"2"], None)]
        message, tracker = own.messages[2]
        assert message == [b"3", b"4"]
        assert isinstance(tracker, zmq.MessageTracker)
        sender.stop_on_send()
        sender.send(b"5")
        inbox = Inbox()
        receiver.on_recv(inbox)
        await inbox.wait_for(4)
        assert len(own.messages) == 3

    loop.run(main)


def test_stopping_leaves_messages_in_the_socket(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()
        receiver.on_recv(inbox)
        assert receiver.receiving()
        sender.send(b"1")
        await inbox.wait_for(1)
        receiver.stop_on_recv()
        assert not receiver.receiving()
        sender.send(b"2")
        while not receiver.socket.poll(0):
            await asyncio.sleep(0.001)
        assert receiver.flush() == 0
        receiver.on_recv(inbox)
        await inbox.wait_for(2)
        assert inbox.messages == [[b"1"], [b"2"]]

    loop.run(main)


def test_a_callback_may_stop_receiving_or_close(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        for end in (ZMQStream.stop_on_recv, ZMQStream.close):
            receiver, sender = streams()
            received = []

            def once(
                message: Any, receiver: Any = receiver, received: Any = received, end: Any = end
            ) -> None:
                received.append(message)
                end(receiver)

            for _ in range(3):
                sender.send(b"x")
            receiver.on_recv(once)
            while not received:
                await asyncio.sleep(0.001)
            for _ in range(10):
                await asyncio.sleep(0)
            assert received == [[b"x"]]

    loop.run(main)


def test_others_have_their_turn_between_two_messages(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        log: list[str] = []
        done = asyncio.Event()

        def received(message: list[bytes]) -> None:
            log.append("message")
            asyncio.get_running_loop().call_soon(log.append, "other")
            if len(log) >= 7:
                done.set()

        for _ in range(4):
            sender.send(b"x")
        sender.flush()
        receiver.on_recv(received)
        await done.wait()
        assert log[:7] == [*["message", "other"] * 3, "message"]

    loop.run(main)


@pytest.mark.parametrize("which", ["on_recv", "on_send"])
def test_it_goes_on_after_a_callback_has_failed(
    loop: Loop, streams: Any, which: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()

        def fail_once(*message: Any) -> None:
            inbox(*message)
            if len(inbox.messages) == 1:
                raise KeyError("on purpose")

        getattr(receiver if which == "on_recv" else sender, which)(fail_once)
        for _ in range(3):
            sender.send(b"x")
        assert len(await inbox.wait_for(3)) == 3

    loop.run(main)
    # The loop hears of it, and it is logged.
    assert [type(error) for error in loop.complaints] == [KeyError]
    loop.complaints.clear()
    assert "Uncaught exception in ZMQStream callback" in caplog.text


def test_what_cannot_be_sent_is_passed_over(
    loop: Loop, streams: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox, outbox = Inbox(), Inbox()
        receiver.on_recv(inbox)
        sender.on_send(outbox)
        sender.send("text")
        sender.send(b"good")
        assert await inbox.wait_for(1) == [[b"good"]]
        assert outbox.messages == [([b"good"], None)]

    loop.run(main)
    assert [type(error) for error in loop.complaints] == [TypeError]
    loop.complaints.clear()
    assert "cannot send" in caplog.text


def test_an_error_of_libzmq_is_the_status(
    loop: Loop, context: zmq.Context, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        stream = ZMQStream(context.socket(zmq.SUB))
        outbox = Inbox()
        stream.on_send(outbox)
        stream.send(b"nothing for a SUB")
        ((_, status),) = await outbox.wait_for(1)
        assert isinstance(status, zmq.ZMQError)
        assert status.errno == zmq.ENOTSUP

    loop.run(main)
    assert "cannot send" in caplog.text


def test_coroutine_functions_as_callbacks(
    loop: Loop, streams: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox, outbox = Inbox(), Inbox()

        async def received(message: list[bytes]) -> None:
            await asyncio.sleep(0)
            inbox(message)
            if message == [b"bad"]:
                raise KeyError("on purpose")

        async def sent(message: list[bytes], status: Any) -> None:
            await asyncio.sleep(0)
            outbox(message)

        receiver.on_recv(received)
        sender.on_send(sent)
        sender.send(b"bad")
        sender.send(b"good")
        await inbox.wait_for(2)
        await outbox.wait_for(2)
        for _ in range(3):
            await asyncio.sleep(0)

    loop.run(main)
    assert "on purpose" in caplog.text


def test_flush_needs_no_loop(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox, outbox = Inbox(), Inbox()
        receiver.on_recv(inbox)
        sender.on_send(outbox)
        for number in range(5):
            sender.send(b"%d" % number)
        assert sender.flush(zmq.POLLIN) == 0
        assert sender.flush(limit=2) == 2
        assert len(outbox.messages) == 2
        assert sender.flush() == 3
        assert not sender.sending()
        assert receiver.flush(zmq.POLLOUT) == 0
        assert receiver.flush(zmq.POLLIN, limit=1) == 1
        assert receiver.flush() == 4
        assert inbox.messages == [[b"%d" % number] for number in range(5)]
        assert receiver.flush() == 0

    loop.run(main)


def test_flush_tells_of_a_callback_that_fails(
    loop: Loop, streams: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()

        def fail_once(message: Any) -> None:
            inbox(message)
            if len(inbox.messages) == 1:
                raise KeyError("on purpose")

        receiver.on_recv(fail_once)
        sender.send(b"1")
        sender.send(b"2")
        sender.flush()
        with pytest.raises(KeyError):
            receiver.flush()
        # The rest comes by the loop.
        await inbox.wait_for(2)

    loop.run(main)


def test_sending_waits_for_room(loop: Loop, context: zmq.Context) -> None:
    async def main() -> None:
        receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        receiver.rcvhwm = sender.sndhwm = 1
        receiver.bind("inproc://narrow")
        sender.connect("inproc://narrow")
        stream = ZMQStream(sender)
        outbox = Inbox()
        stream.on_send(outbox)
        memory = bytearray(b"x" * 100_000)
        for number in range(10):
            stream.send_multipart([b"%d" % number, memory], copy=False, track=True)
        await outbox.wait_for(1)
        await asyncio.sleep(0.01)
        assert stream.sending()
        inbox = Inbox()
        ZMQStream(receiver).on_recv(inbox)
        await inbox.wait_for(10)
        await outbox.wait_for(10)
        assert [message[0] for message in inbox.messages] == [b"%d" % n for n in range(10)]
        assert all(isinstance(status, zmq.MessageTracker) for _, status in outbox.messages)

    loop.run(main)


@pytest.mark.parametrize("meddler", ["events", "poll", "zmq_poll", "send", "shadow"])
def test_no_call_swallows_a_wake_up(loop: Loop, streams: Any, meddler: str) -> None:
    async def main() -> None:
        receiver, sender = streams(zmq.DEALER, zmq.DEALER, "tcp")
        inbox = Inbox()
        receiver.on_recv(inbox)
        socket = receiver.socket
        meddle: dict[str, Callable[[], Any]] = {
            "events": lambda: socket.events,
            "poll": lambda: socket.poll(0),
            "zmq_poll": lambda: zmq.zmq_poll([(socket, zmq.POLLIN)], 0),
            "send": lambda: socket.send(b"out"),
            "shadow": lambda: zmq.Socket.shadow(socket).get(zmq.EVENTS),
        }
        for number in range(20):
            await asyncio.sleep(0)
            sender.socket.send(b"%d" % number)
            meddle[meddler]()
            await asyncio.sleep(0)
            meddle[meddler]()
            await inbox.wait_for(number + 1)

    loop.run(main)


def test_an_awaitable_socket_is_shadowed(loop: Loop) -> None:
    async def main() -> None:
        context = zmq.asyncio.Context()
        one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        one.bind("inproc://awaitable")
        other.connect("inproc://awaitable")
        with pytest.warns(RuntimeWarning, match="shadow"):
            stream = ZMQStream(one)
        assert type(stream.socket) is zmq.Socket
        inbox = Inbox()
        stream.on_recv(inbox)
        await other.send(b"in")
        assert await inbox.wait_for(1) == [[b"in"]]
        stream.send(b"out")
        assert await other.recv() == b"out"
        # Both wait for messages; each gets some, and none is lost.
        stream.stop_on_recv()
        receiving = one.recv()
        await other.send(b"for the awaitable")
        assert await receiving == b"for the awaitable"
        stream.close(0)
        assert one.closed
        context.destroy(0)

    loop.run(main)


def test_receiving_methods_of_a_subclass_are_used(loop: Loop, context: zmq.Context) -> None:
    class Loud(zmq.Socket):
        def recv_multipart(self, *arguments: Any, **keywords: Any) -> Any:
            return [part.upper() for part in super().recv_multipart(*arguments, **keywords)]

    async def main() -> None:
        one, other = context.socket(zmq.PAIR, socket_class=Loud), context.socket(zmq.PAIR)
        one.bind("inproc://loud")
        other.connect("inproc://loud")
        stream = ZMQStream(one)
        inbox = Inbox()
        stream.on_recv(inbox)
        for number in range(3):
            other.send(b"a%d" % number)
        assert await inbox.wait_for(3) == [[b"A0"], [b"A1"], [b"A2"]]
        other.send(b"later")
        assert (await inbox.wait_for(4))[3] == [b"LATER"]

    loop.run(main)


def test_close(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, _ = streams()
        closed = []
        receiver.set_close_callback(lambda: closed.append(True))
        receiver.on_recv(lambda message: None)
        socket = receiver.socket
        assert not receiver.closed()
        receiver.close(0)
        assert receiver.closed()
        assert receiver.socket is None
        assert socket.closed
        assert closed == [True]
        receiver.close()
        assert closed == [True]
        for attempt in (
            lambda: receiver.on_recv(print),
            lambda: receiver.on_send(print),
            lambda: receiver.send(b""),
            receiver.flush,
        ):
            with pytest.raises(OSError, match="Stream is closed"):
                attempt()
        assert not receiver.receiving()

    loop.run(main)


def test_a_socket_that_somebody_else_closes_closes_the_stream(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, _ = streams()
        closed = asyncio.Event()
        receiver.set_close_callback(closed.set)
        receiver.on_recv(lambda message: None)
        await asyncio.sleep(0)
        receiver.socket.close()
        await closed.wait()
        assert receiver.closed()

    loop.run(main)


def test_a_terminated_context_ends_it_quietly(loop: Loop) -> None:
    async def main() -> None:
        context = zmq.Context()
        stream = ZMQStream(context.socket(zmq.PULL))
        stream.on_recv(lambda message: None)
        await asyncio.sleep(0)
        terminating = asyncio.get_running_loop().run_in_executor(None, context.term)
        await asyncio.sleep(0.05)
        stream.close()
        await terminating

    loop.run(main)


def test_sending_from_another_thread(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        receiver, sender = streams()
        inbox = Inbox()
        receiver.on_recv(inbox)
        thread = threading.Thread(
            target=lambda: [sender.send(b"%d" % number) for number in range(100)]
        )
        thread.start()
        assert await inbox.wait_for(100) == [[b"%d" % number] for number in range(100)]
        thread.join()

    loop.run(main)


def test_a_stream_in_use_is_kept_by_its_loop_and_one_that_is_not_is_collected(
    loop: Loop, make_pair: Any
) -> None:
    async def main() -> None:
        one, other = make_pair()
        inbox = Inbox()
        ZMQStream(one).on_recv(inbox)
        gc.collect()
        await asyncio.sleep(0)
        gc.collect()
        other.send(b"x")
        assert await inbox.wait_for(1) == [[b"x"]]
        unused = weakref.ref(ZMQStream(other))
        gc.collect()
        assert unused() is None

    loop.run(main)


def test_what_it_offers_besides(loop: Loop, context: zmq.Context) -> None:
    async def main() -> None:
        socket = context.socket(zmq.PULL)
        stream = ZMQStream(socket, IOLoop.current())
        assert stream.socket is socket
        assert stream.io_loop is IOLoop.current()
        assert isinstance(stream.poller, zmq.Poller)
        stream.bind("inproc://stream")
        stream.setsockopt(zmq.LINGER, 0)
        assert stream.getsockopt(zmq.LINGER) == 0
        stream.bind_to_random_port("tcp://127.0.0.1")
        with pytest.raises(AssertionError):
            stream.on_recv(5)  # type: ignore[call-overload]
        with pytest.raises(AssertionError):
            stream.on_send(5)  # type: ignore[arg-type]
        stream.on_err(lambda: None)
        stream.stop_on_err()

    logging.getLogger("tornado.general").setLevel(logging.CRITICAL)
    loop.run(main)


def test_echo_between_two_streams(loop: Loop, streams: Any) -> None:
    async def main() -> None:
        client, server = streams(zmq.DEALER, zmq.ROUTER, "tcp")
        server.on_recv(server.send_multipart)
        inbox = Inbox()

        def received(message: list[bytes]) -> None:
            inbox(message)
            if len(inbox.messages) < 1000:
                client.send_multipart(message)

        client.on_recv(received)
        client.send(b"ping")
        await inbox.wait_for(1000)

    loop.run(main)


@pytest.mark.parametrize("wait_first", [True, False])
def test_a_loop_that_closes_everything_closes_the_sockets(
    context: zmq.Context, wait_first: bool
) -> None:
    asyncio_loop = asyncio.new_event_loop()
    streams = []

    async def use() -> IOLoop:
        for _ in range(2):
            socket = context.socket(zmq.PULL)
            socket.bind("tcp://127.0.0.1:*")
            streams.append(ZMQStream(socket))
            streams[-1].on_recv(print)
        if wait_first:
            await asyncio.sleep(0)
        return IOLoop.current()

    io_loop = asyncio_loop.run_until_complete(use())
    streams[0].close()
    io_loop.close(all_fds=True)
    assert all(stream.closed() for stream in streams)
    context.term()
