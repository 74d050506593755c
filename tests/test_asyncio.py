"""Awaitable sockets on asyncio's loop and on uvloop: nothing lost, nothing stuck, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import selectors
import socket as system_socket
import sys
import threading
import warnings
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any

import pytest

import zmq
import zmq.asyncio
from support import open_descriptors, run_script
from zmq import _async
from zmq.asyncio import ProactorSelectorThreadWarning

LIMIT_S = 20 if sys.platform != "win32" else 50  # Wine takes its time

Main = Callable[[], Coroutine[Any, Any, Any]]
Run = Callable[[Main], Any]


def run_on(loop: asyncio.AbstractEventLoop, main: Main) -> Any:
    """Run a coroutine to its end; whatever the loop has to complain about is an error."""
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, about: complaints.append(about))
    try:
        return loop.run_until_complete(asyncio.wait_for(main(), LIMIT_S))
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
            with suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        gc.collect()
        assert not complaints


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Run coroutine functions, each in a new loop of one kind."""
    # Skipped here: what a test had made by the time it runs a loop would be left over.
    loops = asyncio if request.param == "asyncio" else pytest.importorskip("uvloop")
    return lambda main: run_on(loops.new_event_loop(), main)


class KeepingContext(zmq.asyncio.Context):
    """Keeps its sockets, so that a test may leave them to the fixture."""

    _kept: list[Any]

    def socket(self, *arguments: Any, **keywords: Any) -> Any:
        made = super().socket(*arguments, **keywords)
        self.__dict__.setdefault("_kept", []).append(made)
        return made


@pytest.fixture
def context() -> Iterator[zmq.asyncio.Context]:
    """A fresh context whose sockets are awaitable, destroyed after the test."""
    made = KeepingContext()
    yield made
    made.destroy(linger=0)


Pair = tuple[zmq.asyncio.Socket, zmq.asyncio.Socket]
MakePair = Callable[..., Pair]


async def arrived(socket: Any) -> None:
    """Wait until a message is there, without touching the socket's readiness."""
    shadow = zmq.Socket.shadow(socket)
    while not shadow.poll(0):
        await asyncio.sleep(0.001)


async def turns(number: int = 5) -> None:
    """Let the loop run a few rounds."""
    for _ in range(number):
        await asyncio.sleep(0)


def failed_with(errno: int, error: BaseException | None) -> bool:
    return isinstance(error, zmq.ZMQError) and error.errno == errno


#: Every way to receive: its name, what is sent for it, what it gives.
RECEIVES: dict[str, tuple[Callable[[Any], Awaitable[Any]], list[bytes], Any]] = {
    "recv": (lambda socket: socket.recv(), [b"one"], b"one"),
    "recv frame": (lambda socket: socket.recv(copy=False), [b"one"], b"one"),
    "recv_multipart": (lambda socket: socket.recv_multipart(), [b"a", b"b"], [b"a", b"b"]),
    "recv_multipart frames": (
        lambda socket: socket.recv_multipart(copy=False),
        [b"a", b"b"],
        [b"a", b"b"],
    ),
    "recv_string": (lambda socket: socket.recv_string(), ["ä".encode()], "ä"),
    "recv_json": (lambda socket: socket.recv_json(), [b'{"a": 1}'], {"a": 1}),
    "recv_pyobj": (lambda socket: socket.recv_pyobj(), [pickle.dumps([1, 2])], [1, 2]),
    "recv_serialized": (
        lambda socket: socket.recv_serialized(lambda parts: b"+".join(parts)),
        [b"a", b"b"],
        b"a+b",
    ),
    "recv_into": (lambda socket: socket.recv_into(bytearray(10)), [b"four"], 4),
}


def plain(value: Any) -> Any:
    """Turn Frames into bytes."""
    if isinstance(value, zmq.Frame):
        return value.bytes
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


@pytest.fixture(params=RECEIVES)
def way(request: pytest.FixtureRequest) -> tuple[Callable[[Any], Awaitable[Any]], Any, Any]:
    return RECEIVES[request.param]


# -- what the calls return -----------------------------------------------------------------------


def test_a_message_that_is_there_gives_a_finished_future(
    run: Run, make_pair: MakePair, way: Any
) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair()

    async def main() -> None:
        # Also long after the socket was last used.
        for pause in (0, 0.03):
            await asyncio.sleep(pause)
            sent = sender.send_multipart(parts)
            assert isinstance(sent, asyncio.Future)
            assert sent.done()
            assert await sent is None
            future = receive(receiver)
            assert isinstance(future, asyncio.Future)
            assert future.done()
            assert future.get_loop() is asyncio.get_running_loop()
            assert plain(await future) == expected
            assert plain(future.result()) == expected

    run(main)


def test_a_message_that_comes_later_finishes_the_future(
    run: Run, make_pair: MakePair, way: Any
) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair(transport="tcp")

    async def main() -> None:
        future = receive(receiver)
        assert isinstance(future, asyncio.Future)
        assert not future.done()
        await sender.send_multipart(parts)
        assert plain(await future) == expected

    run(main)


@pytest.mark.parametrize("transport", ["inproc", "ipc", "tcp"])
def test_messages_arrive_whole_and_in_order(run: Run, make_pair: MakePair, transport: str) -> None:
    receiver, sender = make_pair(zmq.PULL, zmq.PUSH, transport)
    messages = [[b"%d" % number, b"x" * number] for number in range(300)]

    async def send() -> None:
        for message in messages:
            await sender.send_multipart(message)

    async def main() -> None:
        sending = asyncio.ensure_future(send())
        assert [await receiver.recv_multipart() for _ in messages] == messages
        await sending

    run(main)


def test_receives_are_served_in_the_order_of_the_calls(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        futures = [receiver.recv() for _ in range(20)]
        futures[3].cancel()
        futures[0].cancel()
        for number in range(18):
            await sender.send(b"%d" % number)
        kept = [future for future in futures if not future.cancelled()]
        assert await asyncio.gather(*kept) == [b"%d" % number for number in range(18)]

    run(main)


def test_every_kind_of_sending(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        assert await sender.send(b"bytes") is None
        assert await sender.send(bytearray(b"buffer"), copy=True) is None
        assert await sender.send(zmq.Frame(b"frame")) is None
        tracker = await sender.send(b"x" * 100_000, copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        # Lent, and nobody can tell for how long.
        assert await sender.send(b"x" * 100_000, copy=False) is None
        assert await sender.send(b"x", copy=False) is zmq._FINISHED_TRACKER
        assert await sender.send_string("text") is None
        assert await sender.send_json([1]) is None
        assert await sender.send_pyobj({1}) is None
        assert await sender.send_serialized("ab", lambda text: [c.encode() for c in text]) is None
        assert await sender.send_multipart(part for part in (b"1", b"2")) is None
        assert await sender.send(b"part", zmq.SNDMORE) is None
        assert await sender.send(b"last", flags=0) is None
        assert await receiver.recv() == b"bytes"
        assert await receiver.recv(copy=True) == b"buffer"
        assert (await receiver.recv(0, False)).bytes == b"frame"
        frame = await receiver.recv(copy=False, track=True)
        assert isinstance(frame.tracker, zmq.MessageTracker)
        assert len(await receiver.recv()) == 100_000
        assert await receiver.recv() == b"x"
        assert await receiver.recv_string() == "text"
        assert await receiver.recv_json() == [1]
        assert await receiver.recv_pyobj() == {1}
        assert await receiver.recv_multipart() == [b"a", b"b"]
        assert await receiver.recv_multipart() == [b"1", b"2"]
        assert await receiver.recv_multipart() == [b"part", b"last"]
        del frame
        tracker.wait(5)

    run(main)


def test_what_cannot_be_sent_fails_the_future(run: Run, make_pair: MakePair) -> None:
    _, sender = make_pair()

    async def main() -> None:
        for bad in ("text", None, 5):
            future = sender.send(bad)  # type: ignore[arg-type]
            with pytest.raises(TypeError):
                await future
            with pytest.raises(TypeError):
                await sender.send_multipart([b"good", bad])  # type: ignore[list-item]
        with pytest.raises(ValueError, match="at least one part"):
            await sender.send_multipart([])
        with pytest.raises(TypeError):
            await sender.send_multipart(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            sender.send_string(b"bytes")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            sender.send()  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            sender.recv(wrong=1)  # type: ignore[call-overload]

    run(main)


def test_dontwait_fails_with_again(run: Run, make_pair: MakePair, context: Any) -> None:
    receiver, _ = make_pair()
    nobody = context.socket(zmq.PUSH)

    async def main() -> None:
        for future in (
            receiver.recv(zmq.DONTWAIT),
            receiver.recv_multipart(zmq.DONTWAIT),
            receiver.recv_json(zmq.DONTWAIT),
            receiver.recv_into(bytearray(1), flags=zmq.DONTWAIT),
            receiver.recv(timeout=0),
            nobody.send(b"", zmq.DONTWAIT),
            nobody.send_multipart([b""], zmq.DONTWAIT),
        ):
            assert future.done()
            with pytest.raises(zmq.Again):
                await future
        # What waits already is first.
        waiting = receiver.recv()
        with pytest.raises(zmq.Again):
            await receiver.recv(zmq.DONTWAIT)
        sending = nobody.send(b"")
        with pytest.raises(zmq.Again):
            await nobody.send(b"", zmq.DONTWAIT)
        waiting.cancel()
        sending.cancel()

    run(main)


def test_a_closed_socket_says_so(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        for socket in (receiver, sender):
            socket.close()
        for attempt in (
            receiver.recv,
            receiver.recv_multipart,
            lambda: receiver.recv(timeout=1),
            lambda: receiver.recv(zmq.DONTWAIT),
        ):
            with pytest.raises(zmq.ZMQError) as caught:
                attempt()
            assert caught.value.errno == zmq.ENOTSOCK
        for future in (sender.send(b""), sender.send_multipart([b""])):
            with pytest.raises(zmq.ZMQError) as caught:
                await future
            assert caught.value.errno == zmq.ENOTSOCK
        with pytest.raises(zmq.ZMQError) as caught:
            receiver.poll(10)
        assert caught.value.errno == zmq.ENOTSUP

    run(main)


def test_a_call_that_the_socket_type_does_not_have_fails(run: Run, context: Any) -> None:
    async def main() -> None:
        for failing in (context.socket(zmq.PUB).recv(), context.socket(zmq.SUB).send(b"")):
            with pytest.raises(zmq.ZMQError) as caught:
                await failing
            assert caught.value.errno == zmq.ENOTSUP

    run(main)


def test_recv_into_checks_its_memory(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        with pytest.raises(BufferError):
            await receiver.recv_into(b"read only")
        with pytest.raises(BufferError):
            await receiver.recv_into(memoryview(bytearray(8))[::2])
        with pytest.raises(ValueError, match="nbytes"):
            await receiver.recv_into(bytearray(3), nbytes=4)
        with pytest.raises(TypeError):
            await receiver.recv_into(5)  # type: ignore[arg-type]
        memory = bytearray(b"....")
        await sender.send(b"long message")
        assert await receiver.recv_into(memory) == 12
        assert memory == b"long"
        waiting = receiver.recv_into(memory, nbytes=2)
        await sender.send(b"xyz")
        assert await waiting == 3
        assert memory == b"xyng"

    run(main)


def test_rcvmore_and_parts_one_by_one(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        waiting = receiver.recv()
        await sender.send_multipart([b"1", b"2", b"3"])
        assert await waiting == b"1"
        assert receiver.rcvmore
        assert await receiver.recv() == b"2"
        assert await receiver.recv() == b"3"
        assert not receiver.rcvmore

    run(main)


# -- cancelled: nothing is lost, nothing comes twice ----------------------------------------------


async def take_and_cancel(
    receiver: Any, sender: Any, receive: Callable[[Any], Awaitable[Any]], parts: list[bytes]
) -> None:
    """Cancel a task after the message was taken for it, and before it runs again."""

    async def task() -> Any:
        return await receive(receiver)

    receiving = asyncio.ensure_future(task())
    await asyncio.sleep(0)
    (waiting,) = receiver._lane.receives
    await sender.send_multipart(parts)
    while not waiting.done():
        # The task is told in the same round, and runs in the next.
        await asyncio.sleep(0)
    if receiving.done():
        raise AssertionError("the task was faster")
    receiving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await receiving


def test_cancelled_before_the_message_comes(run: Run, make_pair: MakePair, way: Any) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair()

    async def main() -> None:
        future = receive(receiver)
        assert future.cancel()
        assert not future.cancel()
        assert not receiver._lane.receives
        await sender.send_multipart(parts)
        await arrived(receiver)
        assert future.cancelled()
        assert plain(await receive(receiver)) == expected

    run(main)


def test_cancelled_after_the_message_was_taken(run: Run, make_pair: MakePair, way: Any) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair()

    async def main() -> None:
        await take_and_cancel(receiver, sender, receive, parts)
        await sender.send(b"next")
        assert plain(await receive(receiver)) == expected
        assert await receiver.recv() == b"next"

    run(main)


TAKERS: dict[str, Callable[[Any], Any]] = {
    "itself": lambda socket: socket,
    "a synchronous shadow": zmq.Socket.shadow,
    "another awaitable": zmq.asyncio.Socket.shadow,
}


@pytest.mark.parametrize("taker", TAKERS)
def test_a_message_given_back_comes_first_to_every_wrapper(
    run: Run, make_pair: MakePair, taker: str
) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        await take_and_cancel(receiver, sender, lambda s: s.recv_multipart(), [b"a", b"b"])
        await sender.send(b"next")
        other = TAKERS[taker](receiver)
        assert zmq.Socket.shadow(receiver).poll(0) == zmq.POLLIN
        assert receiver.get(zmq.EVENTS) & zmq.POLLIN
        received = [other.recv_multipart() for _ in range(2)]
        if isinstance(other, zmq.asyncio.Socket):
            received = [await future for future in received]
        assert received == [[b"a", b"b"], [b"next"]]
        assert not zmq.Socket.shadow(receiver).poll(0)

    run(main)


def test_a_message_given_back_wakes_who_waits(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        other = zmq.asyncio.Socket.shadow(receiver)
        first = receiver.recv()
        await sender.send(b"one")
        while not first.done():
            await asyncio.sleep(0)
        later = other.recv()
        polled = other.poll()
        await turns()
        assert not later.done()
        del first
        gc.collect()
        assert await later == b"one" or await polled
        polled.cancel()

    run(main)


def test_part_of_a_message_given_back_stays_part_of_it(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        await take_and_cancel(receiver, sender, lambda s: s.recv(), [b"1", b"2", b"3"])
        await sender.send(b"next")
        assert await receiver.recv_multipart() == [b"1", b"2", b"3"]
        assert await receiver.recv_multipart() == [b"next"]

    run(main)


def test_several_given_back_keep_their_order(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()
    count = 10

    async def receive() -> bytes:
        return await receiver.recv()

    async def main() -> None:
        tasks = [asyncio.ensure_future(receive()) for _ in range(count)]
        await asyncio.sleep(0)
        waiting = list(receiver._lane.receives)
        for number in range(count):
            await sender.send(b"%d" % number)
        while not waiting[-1].done():
            await asyncio.sleep(0)
        for task in (*tasks[5:], *tasks[:5]):
            task.cancel()
        await asyncio.wait(tasks)
        kept = [task.result() for task in tasks if not task.cancelled()]
        left = [await receiver.recv() for _ in range(count - len(kept))]
        assert kept + left == [b"%d" % number for number in range(count)]
        assert left

    run(main)


def test_a_dropped_future_gives_its_message_back(run: Run, make_pair: MakePair, way: Any) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair()

    async def main() -> None:
        await sender.send_multipart(parts)
        await arrived(receiver)
        receive(receiver)
        gc.collect()
        assert plain(await receive(receiver)) == expected
        # One that had to wait, and whose message nobody wanted in the end.
        receive(receiver)
        await sender.send_multipart(parts)
        await turns()
        gc.collect()
        assert plain(await receive(receiver)) == expected

    run(main)


def test_a_result_is_given_once(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        shadow = zmq.Socket.shadow(receiver)
        for read in (
            lambda future: future.result(),
            lambda future: next(iter(asyncio.gather(future)._children)).result(),
        ):
            for ready in (True, False):
                if ready:
                    await sender.send(b"x")
                    await arrived(receiver)
                future = receiver.recv()
                if not ready:
                    await sender.send(b"x")
                    while not future.done():
                        await asyncio.sleep(0)
                assert read(future) == b"x"
                assert future.exception() is None
                del future
                await turns()
                gc.collect()
                assert not shadow.poll(0)

    run(main)


def test_one_of_two_who_await_the_same_is_cancelled(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        future = receiver.recv()

        async def wait(awaited: asyncio.Future[bytes]) -> bytes:
            return await awaited

        tasks = [asyncio.ensure_future(wait(future)) for _ in range(2)]
        await asyncio.sleep(0)
        await sender.send(b"both")
        while not future.done():
            await asyncio.sleep(0)
        tasks[0].cancel()
        assert await tasks[1] == b"both"
        await turns()
        del future, tasks
        gc.collect()
        assert not zmq.Socket.shadow(receiver).poll(0)

    run(main)


@pytest.mark.parametrize("limit", ["wait_for", "timeout"])
def test_running_out_of_time_loses_nothing(
    run: Run, make_pair: MakePair, way: Any, limit: str
) -> None:
    receive, parts, expected = way
    receiver, sender = make_pair()
    if limit == "timeout" and sys.version_info < (3, 11):
        pytest.skip("asyncio.timeout is newer")

    async def limited(seconds: float) -> Any:
        if limit == "wait_for":
            return await asyncio.wait_for(receive(receiver), seconds)
        async with asyncio.timeout(seconds):
            return await receive(receiver)

    async def main() -> None:
        received = []
        for number in range(60):
            loop = asyncio.get_running_loop()
            # Sometimes before, sometimes after the time is up.
            loop.call_later(0.0002 * (number % 7), sender.send_multipart, parts)
            with suppress(asyncio.TimeoutError):
                received.append(plain(await limited(0.0006)))
        while len(received) < 60:
            received.append(plain(await receive(receiver)))
        assert received == [expected] * 60
        await turns()
        assert not zmq.Socket.shadow(receiver).poll(0)

    run(main)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup is newer")
def test_a_failing_task_group_loses_nothing(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def receive() -> None:
        await receiver.recv()

    async def fail(waiting: Any) -> None:
        while not waiting().done():
            await asyncio.sleep(0)
        raise KeyError("on purpose")

    async def main() -> None:
        future: Any = None

        async def keep() -> None:
            nonlocal future
            future = receiver.recv()
            await sender.send(b"one")
            await future

        with pytest.raises(BaseExceptionGroup):  # noqa: F821, PT012
            async with asyncio.TaskGroup() as group:
                group.create_task(keep())
                await asyncio.sleep(0)
                group.create_task(fail(lambda: future))
        future = None
        gc.collect()
        shadow = zmq.Socket.shadow(receiver)
        assert shadow.poll(1000) == 0 or shadow.recv() == b"one"

    run(main)


def test_a_shielded_receive_that_nobody_awaits_any_more(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        async def shielded() -> bytes:
            return await asyncio.shield(receiver.recv())

        task = asyncio.ensure_future(shielded())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await sender.send(b"one")
        assert await receiver.recv() == b"one"

    run(main)


@pytest.mark.parametrize("ready", [True, False])
def test_a_cancelled_gather_gives_back_what_it_has(
    run: Run, make_pair: MakePair, ready: bool
) -> None:
    receiver, sender = make_pair()
    other, _ = make_pair()

    async def main() -> None:
        if ready:
            await sender.send(b"one")
            await arrived(receiver)
        first = receiver.recv()
        gathering = asyncio.gather(first, other.recv())
        if not ready:
            await sender.send(b"one")
        while not first.done():
            await asyncio.sleep(0)
        await turns()
        gathering.cancel()
        del first
        with pytest.raises(asyncio.CancelledError):
            await gathering
        del gathering
        gc.collect()
        assert await asyncio.wait_for(receiver.recv(), 5) == b"one"
        await turns()
        assert not zmq.Socket.shadow(receiver).poll(0)

    run(main)


def test_a_gather_that_is_cancelled_too_late(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        # All that it gathers is there, though it does not know yet.
        await sender.send(b"one")
        await arrived(receiver)
        gathering = asyncio.gather(receiver.recv())
        assert not gathering.cancel()
        assert await gathering == [b"one"]
        await turns()
        gc.collect()
        assert not zmq.Socket.shadow(receiver).poll(0)

        async def wait() -> None:
            await asyncio.gather(receiver.recv())

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        (waiting,) = receiver._lane.receives
        await sender.send(b"two")
        while not waiting.done():
            await asyncio.sleep(0)
        del waiting
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await receiver.recv() == b"two"

    run(main)


def test_a_gather_that_ends_well_gives_nothing_back(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        gathering = asyncio.gather(receiver.recv(), receiver.recv())
        for number in (b"1", b"2"):
            await sender.send(number)
        assert await gathering == [b"1", b"2"]
        del gathering
        gc.collect()
        assert not zmq.Socket.shadow(receiver).poll(0)

    run(main)


def test_the_loop_is_closed_over_messages_that_nobody_took(make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def begin() -> None:
        future = receiver.recv()
        await sender.send(b"one")
        while not future.done():
            await asyncio.sleep(0)

    async def resume() -> bytes:
        return await receiver.recv()

    asyncio.run(begin())
    assert asyncio.run(resume()) == b"one"


def test_waits_without_end_do_not_pile_up(run: Run, make_pair: MakePair) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        for _ in range(50):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(receiver.recv(), 0.0001)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(receiver.poll(), 0.0001)
            with pytest.raises(zmq.Again):
                await receiver.recv(timeout=0.1)
        lane = receiver._lane
        assert lane is not None
        assert not lane.receives
        assert not lane.polls

    run(main)


def test_a_reply_given_back_has_to_be_received_before_the_next_request(
    run: Run, make_pair: MakePair
) -> None:
    reply, request = make_pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        await request.send(b"question")
        assert await reply.recv() == b"question"
        await take_and_cancel(request, reply, lambda s: s.recv(), [b"answer"])
        assert request.get(zmq.EVENTS) == zmq.POLLIN
        for wrapper in (request, zmq.Socket.shadow(request)):
            with pytest.raises(zmq.ZMQError) as caught:
                await wrapper.send(b"too early")
            assert caught.value.errno == zmq.EFSM
        assert await request.recv() == b"answer"
        assert request.get(zmq.EVENTS) == zmq.POLLOUT
        await request.send(b"next")
        assert await reply.recv() == b"next"

    run(main)


def test_a_relaxed_request_drops_the_reply_given_back(run: Run, make_pair: MakePair) -> None:
    reply, request = make_pair(zmq.REP, zmq.REQ)
    request.req_relaxed = True

    async def main() -> None:
        await request.send(b"question")
        assert await reply.recv() == b"question"
        await take_and_cancel(request, reply, lambda s: s.recv(), [b"late"])
        assert request.get(zmq.EVENTS) & zmq.POLLOUT
        await request.send(b"another")
        assert await reply.recv() == b"another"
        await reply.send(b"answer")
        assert await request.recv() == b"answer"

    run(main)


def test_a_request_given_back_is_received_again_before_it_is_answered(
    run: Run, make_pair: MakePair
) -> None:
    reply, request = make_pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        await take_and_cancel(reply, request, lambda s: s.recv(), [b"question"])
        with pytest.raises(zmq.ZMQError) as caught:
            await reply.send(b"to what?")
        assert caught.value.errno == zmq.EFSM
        assert await reply.recv() == b"question"
        await reply.send(b"answer")
        assert await request.recv() == b"answer"

    run(main)


def test_a_receive_may_wait_for_its_turn(run: Run, make_pair: MakePair) -> None:
    reply, request = make_pair(zmq.REP, zmq.REQ)

    async def main() -> None:
        # The answer is awaited before the question is asked; two wait for questions at once.
        answer = request.recv()
        questions = [reply.recv(), reply.recv()]
        await request.send(b"1")
        assert await questions[0] == b"1"
        await reply.send(b"one")
        assert await answer == b"one"
        await request.send(b"2")
        assert await questions[1] == b"2"

    run(main)


# -- reading messages fails -----------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
def test_a_message_that_cannot_be_read_fails_its_receive_alone(
    run: Run, make_pair: MakePair, early: bool
) -> None:
    receiver, sender = make_pair()

    def stop(parts: list[bytes]) -> None:
        raise StopIteration

    cases: list[tuple[Callable[[], Any], type[Exception]]] = [
        (receiver.recv_string, UnicodeDecodeError),
        (receiver.recv_json, ValueError),
        (receiver.recv_pyobj, pickle.UnpicklingError),
        (lambda: receiver.recv_serialized(lambda parts: 1 / 0), ZeroDivisionError),  # type: ignore[arg-type, return-value]
        (lambda: receiver.recv_serialized(stop), RuntimeError),  # type: ignore[arg-type]
    ]

    async def main() -> None:
        for receive, error in cases:
            if not early:
                await sender.send(b"\xff")
                await sender.send(b"next")
                await arrived(receiver)
            future = receive()
            if early:
                await sender.send(b"\xff")
                await sender.send(b"next")
            with pytest.raises(error):
                await future
            del future
            gc.collect()
            assert await receiver.recv() == b"next"

    run(main)


def test_reading_a_message_may_close_the_socket(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    def read(parts: list[bytes]) -> bytes:
        receiver.close()
        return parts[0]

    async def main() -> None:
        reading = receiver.recv_serialized(read)
        other = receiver.recv()
        await sender.send(b"last")
        assert await reading == b"last"
        with pytest.raises(zmq.ZMQError) as caught:
            await other
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


def test_a_recv_of_a_subclass_is_used(run: Run, context: Any) -> None:
    class Loud(zmq.asyncio.Socket):
        async def recv(self, *arguments: Any, **keywords: Any) -> bytes:  # type: ignore[override]
            return (await super().recv(*arguments, **keywords)).upper()

    receiver = context.socket(zmq.PAIR, socket_class=Loud)
    sender = context.socket(zmq.PAIR)
    receiver.bind("inproc://loud")
    sender.connect("inproc://loud")

    async def main() -> None:
        await sender.send(b"text")
        assert await receiver.recv_string() == "TEXT"

    run(main)


# -- wake-ups -------------------------------------------------------------------------------------

#: Calls that may process what would have made the descriptor readable.
MEDDLERS: dict[str, Callable[[Any], Any]] = {
    "get": lambda socket: socket.get(zmq.EVENTS),
    "getsockopt": lambda socket: socket.getsockopt(zmq.EVENTS),
    "attribute": lambda socket: socket.events,
    "poll": lambda socket: zmq.Socket.shadow(socket).poll(0),
    "zmq_poll": lambda socket: zmq.zmq_poll([(socket, zmq.POLLIN)], 0),
    "select": lambda socket: zmq.select([socket], [], [], 0),
    "send": lambda socket: zmq.Socket.send(zmq.Socket.shadow(socket), b"out"),
    "set": lambda socket: socket.set(zmq.LINGER, 0),
}


def poll_in_poller(socket: Any) -> None:
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    for _ in range(3):
        poller.register(zmq.Socket.shadow(socket), zmq.POLLIN)
    poller.poll(0)


MEDDLERS["Poller"] = poll_in_poller


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
@pytest.mark.parametrize("whose", TAKERS)
@pytest.mark.parametrize("meddler", MEDDLERS)
def test_no_call_swallows_the_wake_up_of_a_receive(
    run: Run, make_pair: MakePair, meddler: str, whose: str, transport: str
) -> None:
    receiver, sender = make_pair(zmq.DEALER, zmq.DEALER, transport)

    async def main() -> None:
        meddling = TAKERS[whose](receiver)
        for number in range(4):
            receiving = receiver.recv()
            await asyncio.sleep(0)
            await sender.send(b"%d" % number)
            MEDDLERS[meddler](meddling)
            await asyncio.sleep(0)
            MEDDLERS[meddler](meddling)
            assert await receiving == b"%d" % number

    run(main)


@pytest.mark.skipif(sys.platform == "win32", reason="the usual loop cannot watch")
def test_a_reader_of_the_users_own_is_left_alone(make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()
        loop.add_reader(receiver.fileno(), seen.set)
        receiving = receiver.recv()
        await sender.send(b"one")
        assert await receiving == b"one"
        receiver.close()
        # Not unhooked by us.
        assert loop.remove_reader(descriptor)

    descriptor = receiver.fileno()
    run_on(asyncio.new_event_loop(), main)


def test_two_wrappers_of_one_socket(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        other: Any = zmq.asyncio.Socket.shadow(receiver)
        received = asyncio.gather(*(s.recv() for s in (receiver, other) for _ in range(10)))
        for number in range(20):
            await sender.send(b"%d" % number)
        assert sorted(await received) == sorted(b"%d" % number for number in range(20))
        # A wrapper that is dropped takes nothing with it.
        pending = other.recv()
        receiving = receiver.recv()
        pending.cancel()
        del other, pending
        gc.collect()
        await sender.send(b"last")
        assert await receiving == b"last"

    run(main)


def test_closing_a_wrapper_wakes_those_who_wait_on_another(run: Run, make_pair: MakePair) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        for other in (zmq.asyncio.Socket.shadow(receiver), zmq.Socket.shadow(receiver)):
            if receiver.closed:
                break
            receiving = receiver.recv()
            polling = receiver.poll()
            await turns()
            other.close()
            with pytest.raises(zmq.ZMQError) as caught:
                await receiving
            assert caught.value.errno == zmq.ENOTSOCK
            with pytest.raises(asyncio.CancelledError):
                await polling

    run(main)


def test_a_poller_leaves_the_receives_of_its_sockets_working(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        receiving = receiver.recv()
        poller = zmq.asyncio.Poller()
        poller.register(receiver, zmq.POLLIN)
        polling = poller.poll()
        await sender.send(b"one")
        assert await receiving == b"one"
        await sender.send(b"two")
        assert await polling == [(receiver, zmq.POLLIN)]
        assert await receiver.recv() == b"two"
        del poller
        receiving = receiver.recv()
        await sender.send(b"three")
        assert await receiving == b"three"

    run(main)


# -- closing, dropping ----------------------------------------------------------------------------


def test_close_fails_what_waits_at_once(run: Run, make_pair: MakePair, context: Any) -> None:
    receiver, _ = make_pair()
    nobody = context.socket(zmq.PUSH)

    async def main() -> None:
        receives = [receive(receiver) for receive, _, _ in RECEIVES.values()]
        polls = [receiver.poll(), receiver.poll(60_000)]
        sends = [nobody.send(b""), nobody.send_multipart([b""])]

        async def task() -> None:
            await receiver.recv()

        tasks = [asyncio.ensure_future(task()) for _ in range(2)]
        await asyncio.sleep(0)
        receiver.close()
        nobody.close()
        for future in (*receives, *sends):
            assert future.done()
            assert failed_with(zmq.ENOTSOCK, future.exception())
        for polling in polls:
            assert polling.cancelled()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert failed_with(zmq.ENOTSOCK, outcome)
        receiver.close()

    run(main)


def test_close_with_waits_that_nobody_looks_at_says_nothing(run: Run, make_pair: MakePair) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        receiver.recv()
        kept = receiver.recv()
        receiver.poll()
        receiver.close()
        del kept
        await turns()

    run(main)


def test_close_in_another_thread(run: Run, make_pair: MakePair) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        receiving = receiver.recv()
        await asyncio.get_running_loop().run_in_executor(None, receiver.close)
        with pytest.raises(zmq.ZMQError) as caught:
            await receiving
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


def test_terminating_the_context_fails_what_waits(run: Run) -> None:
    context = zmq.asyncio.Context()
    socket = context.socket(zmq.PULL)

    async def main() -> None:
        receiving = socket.recv()
        polling = socket.poll()
        terminating = asyncio.get_running_loop().run_in_executor(None, context.term)
        for waiting in (receiving, polling):
            with pytest.raises(zmq.ContextTerminated):
                await waiting
        with pytest.raises(zmq.ContextTerminated):
            await socket.recv()
        socket.close()
        await terminating

    run(main)


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.parametrize("state", ["fresh", "cancelled", "pending", "polled", "poller"])
def test_a_dropped_socket_is_collected_and_its_descriptors_freed(run: Run, state: str) -> None:
    context = zmq.asyncio.Context()

    async def use() -> weakref.ref[Any]:
        socket = waiting = poller = None
        socket = context.socket(zmq.PULL)
        if state != "fresh":
            poller = zmq.asyncio.Poller()
            # Also among those of an epoll.
            for number in range(3):
                poller.register(context.socket(zmq.PULL) if number else socket, zmq.POLLIN)
            waiting = {"polled": socket.poll, "poller": poller.poll}.get(state, socket.recv)()
            await turns()
            if state == "cancelled":
                waiting.cancel()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            reference = weakref.ref(socket)
            socket = waiting = poller = None
            gc.collect()
        return reference

    async def main() -> None:
        await use()
        await turns()
        before = open_descriptors()
        for _ in range(10):
            reference = await use()
            assert reference() is None
        await turns()
        # libzmq closes its own a little later.
        for _ in range(1000):
            if open_descriptors() <= before:
                break
            await asyncio.sleep(0.005)
        assert open_descriptors() <= before

    run(main)
    context.term()


def test_a_task_keeps_the_socket_that_it_awaits(run: Run, make_endpoint: Any) -> None:
    context = zmq.asyncio.Context()
    endpoint = make_endpoint()
    received = []

    async def receive() -> None:
        socket = context.socket(zmq.PULL)
        socket.bind(endpoint)
        await asyncio.sleep(0)
        received.append(await socket.recv())
        socket.close()

    async def main() -> None:
        # Nothing but the loop knows of the task.
        weakref.ref(asyncio.ensure_future(receive()))
        await turns()
        gc.collect()
        with context.socket(zmq.PUSH) as sender:
            sender.connect(endpoint)
            await sender.send(b"one")
            while not received:
                await asyncio.sleep(0.001)

    run(main)
    assert received == [b"one"]
    context.term()


def test_nothing_is_said_at_exit() -> None:
    for ending in ("", "loop.close()", "socket.close(0)", "context.destroy(0)"):
        run_script(
            f"""
            import asyncio, warnings, zmq.asyncio
            warnings.simplefilter("ignore", ResourceWarning)
            context = zmq.asyncio.Context()
            socket = context.socket(zmq.PULL)
            loop = asyncio.new_event_loop()
            async def main():
                socket.poll()
                try:
                    await asyncio.wait_for(socket.recv(), 0.01)
                except asyncio.TimeoutError:
                    pass
                waiting.append(socket.recv())
            waiting = []
            loop.run_until_complete(main())
            {ending}
            """
        )


# -- loops ----------------------------------------------------------------------------------------


def test_sockets_survive_one_loop_after_the_other(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        receiving = receiver.recv()
        await sender.send(b"one")
        assert await receiving == b"one"
        await sender.send(b"two")
        assert await receiver.recv() == b"two"
        # Left over when the loop ends.
        receiver.recv()
        receiver.poll()

    for _ in range(3):
        run(main)


def test_one_socket_in_two_loops_at_a_time(make_pair: MakePair) -> None:
    receiver, sender = make_pair(transport="tcp")
    count = 200
    received: list[bytes] = []

    async def receive() -> None:
        while len(received) < 2 * count:
            with suppress(zmq.Again):
                received.append(await receiver.recv(timeout=50))

    async def send() -> None:
        for number in range(2 * count):
            await sender.send(b"%d" % number)

    threads = [threading.Thread(target=asyncio.run, args=(receive(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    asyncio.run(send())
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    assert sorted(received) == sorted(b"%d" % number for number in range(2 * count))


def test_calls_outside_of_a_running_loop(make_pair: MakePair) -> None:
    receiver, sender = make_pair()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        assert sender.send(b"one").get_loop() is loop
        assert loop.run_until_complete(receiver.recv()) == b"one"
        receiving = receiver.recv()
        polling = receiver.poll()
        assert receiving.get_loop() is loop
        sender.send(b"two")
        assert loop.run_until_complete(receiving) == b"two"
        polling.cancel()
    finally:
        receiver.close()
        sender.close()
        loop.close()
        asyncio.set_event_loop(None)


def test_without_any_loop_it_says_so(make_pair: MakePair) -> None:
    receiver, _ = make_pair()
    failures: list[BaseException] = []

    def receive() -> None:
        # A thread other than the main one has no loop.
        try:
            receiver.recv()
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=receive)
    thread.start()
    thread.join()
    assert "loop" in str(failures[0])


class BlindLoop(asyncio.SelectorEventLoop):
    """A loop that cannot watch descriptors, as Windows' proactor."""

    def add_reader(self, *_: Any) -> Any:
        raise NotImplementedError

    remove_reader = add_writer = remove_writer = add_reader


def test_a_loop_that_cannot_watch_is_helped_by_a_thread(make_pair: MakePair) -> None:
    receiver, sender = make_pair(transport="tcp")
    threads_before = set(threading.enumerate())

    async def main() -> None:
        with pytest.warns(ProactorSelectorThreadWarning, match="thread"):
            receiving = receiver.recv()
        await sender.send(b"one")
        assert await receiving == b"one"
        for number in range(200):
            receiving = receiver.recv()
            await asyncio.sleep(0)
            await sender.send(b"%d" % number)
            assert await receiving == b"%d" % number
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receiver.recv(), 0.01)
        poller = zmq.asyncio.Poller()
        poller.register(receiver, zmq.POLLIN)
        one, other = system_socket.socketpair()
        with one, other:
            poller.register(one, zmq.POLLIN)
            polling = poller.poll()
            other.send(b"x")
            assert await polling == [(one.fileno(), zmq.POLLIN)]
            poller.unregister(one)
            polling = poller.poll()
            await sender.send(b"last")
            assert await polling == [(receiver, zmq.POLLIN)]
        waiting = sender.recv()
        receiver.close()
        sender.close()
        assert failed_with(zmq.ENOTSOCK, waiting.exception())

    run_on(BlindLoop(), main)
    for thread in set(threading.enumerate()) - threads_before:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_its_parents_loop_alone() -> None:
    run_script(
        """
        import asyncio, gc, os, warnings, zmq, zmq.asyncio
        warnings.simplefilter("ignore", DeprecationWarning)
        context = zmq.asyncio.Context()
        receiver, sender = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        receiver.bind("inproc://fork")
        sender.connect("inproc://fork")

        async def main():
            receiving = receiver.recv()
            await asyncio.sleep(0)
            child = os.fork()
            if child == 0:
                receiver.close()
                for lane in gc.get_objects():
                    if type(lane).__name__ == "Lane":
                        lane.fail_all()
                os._exit(0)
            os.waitpid(child, 0)
            await sender.send(b"one")
            assert await asyncio.wait_for(receiving, 10) == b"one"

        asyncio.run(main())
        context.destroy(0)
        """
    )


# -- fairness -------------------------------------------------------------------------------------

BUSY: dict[str, Callable[[Any, Any], Awaitable[Any]]] = {
    "recv": lambda receiver, sender: receiver.recv(),
    "recv_multipart": lambda receiver, sender: receiver.recv_multipart(),
    "recv_json": lambda receiver, sender: receiver.recv_json(),
    "send": lambda receiver, sender: sender.send(b"1"),
    "send_multipart": lambda receiver, sender: sender.send_multipart([b"1"]),
    "poll": lambda receiver, sender: receiver.poll(),
}


@pytest.mark.parametrize("call", [*BUSY, "Poller.poll"])
def test_a_socket_that_is_always_ready_lets_the_loop_run(
    run: Run, make_pair: MakePair, call: str
) -> None:
    receiver, sender = make_pair()
    receiver.set_hwm(0)
    shadows = zmq.Socket.shadow(receiver), zmq.Socket.shadow(sender)

    async def main() -> None:
        ended = False
        poller = zmq.asyncio.Poller()
        poller.register(receiver, zmq.POLLIN)

        async def busy() -> None:
            while not ended:
                # There is always a message, and always room for one.
                while not shadows[0].poll(0):
                    shadows[1].send(b"1")
                if call == "Poller.poll":
                    await poller.poll()
                else:
                    await BUSY[call](receiver, sender)
                if call.startswith("send"):
                    while shadows[0].poll(0):
                        shadows[0].recv()

        task = asyncio.ensure_future(busy())
        # Would never return if the task had the loop to itself.
        for _ in range(5):
            await asyncio.sleep(0.001)
        ended = True
        await task

    run(main)


class CountingSelector(selectors.DefaultSelector):
    """Counts how often the loop has looked."""

    looks = 0

    def select(self, timeout: float | None = None) -> Any:
        self.looks += 1
        return super().select(timeout)


def test_an_idle_socket_uses_no_time(make_pair: MakePair) -> None:
    receiver, sender = make_pair(zmq.DEALER, zmq.DEALER, "tcp")
    selector = CountingSelector()

    async def main() -> None:
        # Waiting; not waiting any more; not waiting while messages come.
        await receiver.recv(timeout=0.01 * 1000) if False else None
        receiving = receiver.recv()
        await asyncio.sleep(0.05)
        looks = selector.looks
        await asyncio.sleep(0.2)
        assert selector.looks - looks <= 3
        receiving.cancel()
        for number in range(10):
            await sender.send(b"%d" % number)
            await arrived(receiver)
        await asyncio.sleep(0.05)
        looks = selector.looks
        await asyncio.sleep(0.2)
        assert selector.looks - looks <= 3

    run_on(asyncio.SelectorEventLoop(selector), main)


# -- sending waits --------------------------------------------------------------------------------


def narrow_pair(context: Any, endpoint: str) -> Pair:
    """Two sockets between which few messages find room."""
    receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    receiver.rcvhwm = sender.sndhwm = 1
    receiver.bind(endpoint)
    sender.connect(receiver.get_string(zmq.LAST_ENDPOINT))
    return receiver, sender


async def fill(sender: Any) -> int:
    """Send until there is no room; give how many it were."""
    count = 0
    with suppress(zmq.Again):
        while True:
            await sender.send(b"fill", zmq.DONTWAIT)
            count += 1
    return count


def test_a_full_socket_makes_sends_wait_in_order(
    run: Run, context: Any, make_endpoint: Any
) -> None:
    receiver, sender = narrow_pair(context, make_endpoint())

    async def main() -> None:
        filled = await fill(sender)
        memory = bytearray(b"0")
        sends = [sender.send(memory)]
        memory[:] = b"?"
        sends += [sender.send_multipart([b"%d" % number, b"more"]) for number in range(1, 5)]
        tracked = sender.send(b"x" * 100_000, copy=False, track=True)
        untracked = sender.send(b"x" * 100_000, copy=False)
        small = sender.send(b"small", copy=False)
        assert not any(future.done() for future in (*sends, tracked, untracked, small))
        for _ in range(filled):
            assert await receiver.recv() == b"fill"
        received = [await receiver.recv_multipart() for _ in range(5)]
        assert received == [[b"0"], *([b"%d" % number, b"more"] for number in range(1, 5))]
        assert await asyncio.gather(*sends) == [None] * 5
        assert [len(await receiver.recv()) for _ in range(3)] == [100_000, 100_000, 5]
        tracker = await tracked
        assert tracker is not None
        tracker.wait(5)
        assert await untracked is None
        assert (await small).done

    run(main)


def test_a_cancelled_send_is_not_sent(run: Run, context: Any, make_endpoint: Any) -> None:
    receiver, sender = narrow_pair(context, make_endpoint())

    async def main() -> None:
        filled = await fill(sender)
        sends = [sender.send_multipart([b"%d" % number, b""]) for number in range(6)]
        for number in (0, 3, 5):
            sends[number].cancel()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sender.send(b"never"), 0.001)
        for _ in range(filled):
            await receiver.recv()
        assert [await receiver.recv_multipart() for _ in range(3)] == [
            [b"%d" % number, b""] for number in (1, 2, 4)
        ]
        await asyncio.gather(sends[1], sends[2], sends[4])
        await sender.send(b"last")
        assert await receiver.recv() == b"last"

    run(main)


def test_room_that_another_wrapper_makes_lets_sends_go_on(
    run: Run, context: Any, make_endpoint: Any
) -> None:
    receiver, sender = narrow_pair(context, make_endpoint("tcp"))

    async def main() -> None:
        sends = [sender.send(b"x" * 10_000) for _ in range(2000)]
        shadow = zmq.Socket.shadow(receiver)
        received = 0
        while received < len(sends):
            if shadow.poll(0):
                assert len(shadow.recv()) == 10_000
                received += 1
            sender.get(zmq.EVENTS)
            await asyncio.sleep(0)
        await asyncio.gather(*sends)

    run(main)


def test_sends_wait_for_a_peer(run: Run, context: Any, make_endpoint: Any) -> None:
    async def main() -> None:
        sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        endpoint = make_endpoint()
        sender.bind(endpoint)
        sends = [sender.send(b"1"), sender.send(b"2")]
        await turns()
        assert not sends[0].done()
        receiver.connect(endpoint)
        assert [await receiver.recv(), await receiver.recv()] == [b"1", b"2"]
        await asyncio.gather(*sends)

    run(main)


def test_a_router_that_cannot_send_does_not_spin(make_endpoint: Any, context: Any) -> None:
    # A ROUTER always says POLLOUT.
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.router_mandatory = True
    router.sndhwm = dealer.rcvhwm = 1
    dealer.routing_id = b"peer"
    router.bind(make_endpoint())
    dealer.connect(router.get_string(zmq.LAST_ENDPOINT))
    selector = CountingSelector()

    async def main() -> None:
        await dealer.send(b"hello")
        await router.recv_multipart()
        filled = 0
        with suppress(zmq.Again):
            while True:
                await router.send_multipart([b"peer", b"fill"], zmq.DONTWAIT)
                filled += 1
        sending = router.send_multipart([b"peer", b"last"])
        await asyncio.sleep(0.02)
        looks = selector.looks
        await asyncio.sleep(0.1)
        assert selector.looks - looks <= 3
        assert not sending.done()
        for _ in range(filled):
            assert await dealer.recv() == b"fill"
        assert await dealer.recv() == b"last"
        await sending

    run_on(asyncio.SelectorEventLoop(selector), main)


def test_time_limits_of_the_socket_and_of_the_call(
    run: Run, make_pair: MakePair, context: Any
) -> None:
    receiver, sender = make_pair()
    nobody = context.socket(zmq.PUSH)

    async def main() -> None:
        receiver.rcvtimeo = nobody.sndtimeo = 5
        for call in (
            receiver.recv,
            receiver.recv_multipart,
            receiver.recv_string,
            lambda: receiver.recv_into(bytearray(1)),
            lambda: nobody.send(b""),
            lambda: nobody.send_multipart([b"", b""]),
        ):
            future = call()
            assert not future.done()
            with pytest.raises(zmq.Again):
                await future
        receiver.rcvtimeo = -1
        for timed in (receiver.recv(timeout=5), receiver.recv_multipart(timeout=2.5)):
            with pytest.raises(zmq.Again):
                await timed
        receiver.rcvtimeo = 1
        patient = receiver.recv(timeout=-1)
        await asyncio.sleep(0.01)
        await sender.send(b"late")
        assert await patient == b"late"
        with pytest.raises(TypeError, match="milliseconds"):
            receiver.recv(timeout="soon")  # type: ignore[call-overload]
        # Neither is what ran out of time served any more.
        await sender.send(b"next")
        assert await receiver.recv() == b"next"

    run(main)


TIMED: dict[str, tuple[Callable[[Any, float], Awaitable[Any]], bytes, Any]] = {
    "recv_string": (lambda socket, limit: socket.recv_string(timeout=limit), b"text", "text"),
    "recv_json": (lambda socket, limit: socket.recv_json(timeout=limit), b"[1]", [1]),
    "recv_pyobj": (lambda socket, limit: socket.recv_pyobj(timeout=limit), pickle.dumps(2), 2),
    "recv_serialized": (
        lambda socket, limit: socket.recv_serialized(list, timeout=limit),
        b"part",
        [b"part"],
    ),
    "recv_into": (lambda socket, limit: socket.recv_into(bytearray(4), timeout=limit), b"four", 4),
}


@pytest.mark.parametrize("name", TIMED)
def test_every_form_of_receiving_takes_a_timeout(run: Run, make_pair: MakePair, name: str) -> None:
    receiver, sender = make_pair()
    receive, data, expected = TIMED[name]

    async def main() -> None:
        for limit in (0, 2):
            with pytest.raises(zmq.Again):
                await receive(receiver, limit)
        patient = asyncio.ensure_future(receive(receiver, LIMIT_S * 1000))
        await turns()
        await sender.send(data)
        assert await patient == expected

    run(main)


def test_a_router_that_has_to_tell_says_that_there_is_no_such_peer(
    run: Run, context: Any, make_endpoint: Any
) -> None:
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.router_mandatory = True
    router.sndhwm = dealer.rcvhwm = 1
    dealer.routing_id = b"peer"
    router.bind(make_endpoint())
    dealer.connect(router.get_string(zmq.LAST_ENDPOINT))

    async def main() -> None:
        await dealer.send(b"hello")
        await router.recv_multipart()
        with pytest.raises(zmq.ZMQError) as told:
            await router.send_multipart([b"nobody", b"message"])
        assert told.value.errno == zmq.EHOSTUNREACH
        with suppress(zmq.Again):
            while True:
                await router.send_multipart([b"peer", b"fill"], zmq.DONTWAIT)
        # One that waits for room hears of it too, when its peer goes.
        sending = router.send_multipart([b"peer", b"last"])
        await turns()
        assert not sending.done()
        dealer.close(0)
        with pytest.raises(zmq.ZMQError) as told:
            await sending
        assert told.value.errno == zmq.EHOSTUNREACH

    run(main)


def test_a_publisher_that_drops_nothing_waits_for_its_subscribers(
    run: Run, context: Any, make_endpoint: Any
) -> None:
    publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    publisher.xpub_nodrop = True
    publisher.sndhwm = subscriber.rcvhwm = 1
    publisher.bind(make_endpoint())
    subscriber.connect(publisher.get_string(zmq.LAST_ENDPOINT))
    subscriber.subscribe(b"")

    async def main() -> None:
        await publisher.recv()
        sends = [publisher.send(b"%d" % number) for number in range(10)]
        await turns()
        assert not sends[-1].done()
        for number in range(10):
            assert await subscriber.recv() == b"%d" % number
        await asyncio.gather(*sends)

    run(main)


# -- polling --------------------------------------------------------------------------------------


def test_poll_gives_the_events(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        assert await receiver.poll(0) == 0
        assert await receiver.poll(1) == 0
        assert await receiver.poll(0.5, zmq.POLLIN) == 0
        assert await receiver.poll(1000, zmq.POLLOUT) == zmq.POLLOUT
        both = receiver.poll(flags=zmq.POLLIN | zmq.POLLOUT)
        assert await both == zmq.POLLOUT
        pollers = [receiver.poll(), receiver.poll(10_000), receiver.poll(None, zmq.POLLIN)]
        cancelled = receiver.poll()
        cancelled.cancel()
        await sender.send(b"one")
        assert await asyncio.gather(*pollers) == [zmq.POLLIN] * 3
        assert type(await receiver.poll()) is int
        assert await receiver.recv() == b"one"
        with pytest.raises(TypeError):
            receiver.poll("soon")  # type: ignore[arg-type]

    run(main)


def test_poll_and_receive_wait_side_by_side(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        polling, receiving = receiver.poll(), receiver.recv()
        await sender.send(b"one")
        assert await receiving == b"one"
        assert not polling.done()
        await sender.send(b"two")
        assert await polling == zmq.POLLIN
        assert await receiver.recv() == b"two"

    run(main)


def test_poller_takes_sockets_of_all_kinds_and_files(
    run: Run, make_pair: MakePair, context: Any
) -> None:
    receiver, sender = make_pair()
    asynchronous, peer = make_pair(transport="tcp")
    synchronous = zmq.Socket.shadow(receiver)

    async def main() -> None:
        one, other = system_socket.socketpair()
        with one, other:
            poller = zmq.asyncio.Poller()
            poller.register(synchronous, zmq.POLLIN)
            poller.register(asynchronous, zmq.POLLIN)
            poller.register(one, zmq.POLLIN)
            assert await poller.poll(0) == []
            assert await poller.poll(1) == []
            for send, expected in (
                (lambda: sender.send(b""), (synchronous, zmq.POLLIN)),
                (lambda: peer.send(b""), (asynchronous, zmq.POLLIN)),
                (lambda: other.send(b"x"), (one.fileno(), zmq.POLLIN)),
            ):
                polling = poller.poll()
                assert isinstance(polling, asyncio.Future)
                await asyncio.sleep(0)
                assert not polling.done()
                send()
                assert await polling == [expected]
                synchronous.recv() if expected[0] is synchronous else None
                await asynchronous.recv() if expected[0] is asynchronous else None
            poller.register(other, zmq.POLLOUT)
            assert dict(await poller.poll(None)) == {
                one.fileno(): zmq.POLLIN,
                other.fileno(): zmq.POLLOUT,
            }

    run(main)


def test_polls_for_different_events_do_not_hide_each_other(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair(zmq.PULL, zmq.PUSH)
    shadow = zmq.Socket.shadow(receiver)

    async def main() -> None:
        # It never has room.
        endless = receiver.poll(flags=zmq.POLLOUT)
        waiting = receiver.poll(flags=zmq.POLLIN)
        await turns()
        zmq.Socket.shadow(sender).send(b"message")
        # Whoever asks makes the descriptor quiet.
        assert shadow.get(zmq.EVENTS) == zmq.POLLIN
        assert await waiting == zmq.POLLIN
        assert not endless.done()
        endless.cancel()

    run(main)


def test_a_poll_that_waits_goes_by_what_is_registered(run: Run, make_pair: MakePair) -> None:
    one, to_one = make_pair()
    other, to_other = make_pair()
    poller = zmq.asyncio.Poller()
    poller.register(one, zmq.POLLIN)
    poller.register(other, zmq.POLLIN)

    async def main() -> None:
        waiting = poller.poll()
        await turns()
        poller.unregister(one)
        await to_one.send(b"unasked")
        await turns()
        assert not waiting.done()
        await to_other.send(b"asked")
        assert await waiting == [(other, zmq.POLLIN)]
        # The one that was removed is not asked for any more.
        assert not one._lane.polls

    run(main)


def test_poller_waits_for_room_in_a_file(run: Run) -> None:
    async def main() -> None:
        one, other = system_socket.socketpair()
        with one, other:
            one.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    one.send(b"x" * 65536)
            poller = zmq.asyncio.Poller()
            poller.register(one, zmq.POLLOUT)
            polling = poller.poll()
            await turns()
            assert not polling.done()
            other.setblocking(False)
            with suppress(BlockingIOError):
                while True:
                    other.recv(65536)
            assert await polling == [(one.fileno(), zmq.POLLOUT)]

    run(main)


@pytest.mark.skipif(sys.platform == "win32", reason="the usual loop cannot watch")
def test_poller_does_not_unhook_readers_of_the_user(run: Run) -> None:
    async def main() -> None:
        one, other = system_socket.socketpair()
        with one, other:
            loop = asyncio.get_running_loop()
            seen = asyncio.Event()
            loop.add_reader(one.fileno(), seen.set)
            poller = zmq.asyncio.Poller()
            poller.register(one, zmq.POLLIN)
            assert await poller.poll(1) == []
            polling = poller.poll()
            polling.cancel()
            await turns()
            other.send(b"x")
            await seen.wait()
            loop.remove_reader(one.fileno())

    run(main)


def test_poller_that_is_cancelled_or_closed(run: Run, make_pair: MakePair) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        poller = zmq.asyncio.Poller()
        poller.register(receiver, zmq.POLLIN)
        polling = poller.poll()
        polling.cancel()
        await turns()
        lane = receiver._lane
        assert lane is not None
        assert not lane.polls
        polling = poller.poll(10_000)
        receiver.close()
        with pytest.raises(asyncio.CancelledError):
            await polling
        with pytest.raises(zmq.ZMQError) as caught:
            poller.poll()
        assert caught.value.errno == zmq.ENOTSOCK

    run(main)


def test_an_empty_poller_waits_for_its_time(run: Run) -> None:
    async def main() -> None:
        poller = zmq.asyncio.Poller()
        assert await poller.poll(1) == []
        assert await poller.poll(0) == []

    run(main)


# -- with, for, old names -------------------------------------------------------------------------


def test_async_for_gives_messages_until_the_socket_is_closed(run: Run, make_pair: MakePair) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        received = []
        for number in range(3):
            await sender.send(b"%d" % number)
        async for message in receiver:
            received.append(message)
            if len(received) == 3:
                asyncio.get_running_loop().call_soon(receiver.close)
        assert received == [b"0", b"1", b"2"]
        async for _ in receiver:
            raise AssertionError("it is closed")

    run(main)


def test_async_with(run: Run) -> None:
    async def main() -> None:
        async with zmq.asyncio.Context() as context:
            async with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
                one.bind("inproc://with")
                other.connect("inproc://with")
                await one.send(b"x")
                assert await other.recv() == b"x"
            assert one.closed
            left = context.socket(zmq.PAIR)
            with pytest.warns(ResourceWarning, match="unclosed socket"):
                await context.__aexit__(None, None, None)
            assert left.closed
        assert context.closed

    run(main)


def test_async_with_context_lets_the_loop_run_while_messages_are_sent(
    run: Run, make_endpoint: Any
) -> None:
    async def main() -> None:
        endpoint = "tcp://127.0.0.1:*"
        async with zmq.asyncio.Context() as outer, outer.socket(zmq.PULL) as receiver:
            receiver.bind(endpoint)
            async with zmq.asyncio.Context() as inner, inner.socket(zmq.PUSH) as sender:
                sender.connect(receiver.get_string(zmq.LAST_ENDPOINT))
                sends = [sender.send(b"x" * 100_000) for _ in range(200)]
                receiving = asyncio.gather(*(receiver.recv() for _ in range(200)))
                await asyncio.gather(*sends)
            assert len(await receiving) == 200

    run(main)


def test_shadows_and_their_contexts(make_pair: MakePair, context: Any) -> None:
    receiver, _ = make_pair()
    synchronous = zmq.Socket(zmq.Context.shadow(context), zmq.PAIR)
    try:
        for made in (
            zmq.asyncio.Socket(synchronous),  # type: ignore[arg-type]
            zmq.asyncio.Socket.shadow(synchronous),
            zmq.asyncio.Socket.from_socket(synchronous),
            zmq.asyncio.Socket(_from_socket=synchronous),
        ):
            assert type(made) is zmq.asyncio.Socket
            assert made.underlying == synchronous.underlying
            assert made._shadow
            assert type(made._shadow_sock) is zmq.Socket
        assert zmq.asyncio.Socket(_from_socket=synchronous)._shadow_sock is synchronous
        by_address = zmq.asyncio.Socket.shadow(synchronous.underlying)
        assert by_address._shadow_obj == synchronous.underlying
        assert type(receiver._shadow_sock) is zmq.Socket
        assert receiver._shadow_sock.underlying == receiver.underlying
        assert type(zmq.asyncio.Context.shadow(context)) is zmq.asyncio.Context
        assert type(zmq.Socket.shadow(receiver)) is zmq.Socket
    finally:
        synchronous.close()


def test_the_global_context_is_one_of_its_own() -> None:
    instance = zmq.asyncio.Context.instance()
    plain_instance = zmq.Context.instance()
    try:
        assert type(instance) is zmq.asyncio.Context
        assert instance is zmq.asyncio.Context.instance()
        assert instance is not plain_instance
    finally:
        instance.term()
        plain_instance.term()


def test_names_of_classes_and_their_order() -> None:
    assert repr(zmq.asyncio.Poller()).startswith("<zmq.asyncio.Poller object at ")
    assert zmq.asyncio.Context._socket_class is zmq.asyncio.Socket
    assert zmq.asyncio.Poller._socket_class is zmq.asyncio.Socket
    from zmq._future import _Async, _AsyncPoller, _AsyncSocket

    assert zmq.asyncio.Socket.__mro__[1:5] == (
        zmq.asyncio._AsyncIO,
        _AsyncSocket,
        _Async,
        zmq.Socket,
    )
    assert zmq.asyncio.Poller.__mro__[1:5] == (
        zmq.asyncio._AsyncIO,
        _AsyncPoller,
        _Async,
        zmq.Poller,
    )
    assert sorted(zmq.asyncio.__all__) == ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]
    with zmq.asyncio.Context() as context, context.socket(zmq.PAIR) as socket:
        assert repr(socket).startswith("<zmq.asyncio.Socket(zmq.PAIR) at ")
        assert repr(context).startswith("<zmq.asyncio.Context(1 socket) at ")


def test_io_loop_is_deprecated(context: Any) -> None:
    loop = asyncio.new_event_loop()
    with pytest.warns(DeprecationWarning, match="io_loop"):
        context.socket(zmq.PAIR, io_loop=loop).close()
    with pytest.warns(DeprecationWarning, match="io_loop"):
        zmq.asyncio.Socket(context, zmq.PAIR, io_loop=loop).close()
    loop.close()


def test_old_names_warn_once() -> None:
    run_script(
        """
        import warnings, zmq.asyncio
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert zmq.asyncio.install() is None
            loop = zmq.asyncio.ZMQEventLoop()
            zmq.asyncio.install()
        assert [item.category for item in caught] == [DeprecationWarning], caught
        async def main():
            return 1
        assert loop.run_until_complete(main()) == 1
        loop.close()
        """
    )


def test_the_documented_signatures() -> None:
    from inspect import signature

    names = {
        "recv": ["self", "flags", "copy", "track", "timeout"],
        "recv_multipart": ["self", "flags", "copy", "track", "timeout"],
        "send": ["self", "data", "flags", "copy", "track", "routing_id", "group"],
        "send_multipart": ["self", "msg_parts", "flags", "copy", "track", "kwargs"],
        "poll": ["self", "timeout", "flags"],
    }
    for name, expected in names.items():
        method = getattr(zmq.asyncio.Socket, name)
        assert list(signature(method).parameters) == expected
        assert method.__name__ == name
        assert method.__doc__


def test_a_lane_that_is_not_served_holds_no_message(make_pair: MakePair) -> None:
    # The queues are there for what waits, and for nothing else.
    receiver, sender = make_pair()

    async def main() -> None:
        for _ in range(100):
            await sender.send(b"x")
            await receiver.recv()
        lane = receiver._lane
        assert isinstance(lane, _async.Lane)
        assert lane.watch is None
        assert sender._lane is not None
        assert sender._lane.watch is None

    run_on(asyncio.new_event_loop(), main)


@pytest.mark.skipif(not zmq.DRAFT_API, reason="libzmq has no draft sockets")
def test_thread_safe_sockets(run: Run, context: Any, make_endpoint: Any) -> None:
    async def main() -> None:
        server, client = context.socket(zmq.SERVER), context.socket(zmq.CLIENT)
        server.bind(make_endpoint())
        client.connect(server.get_string(zmq.LAST_ENDPOINT))
        for number in range(5):
            receiving = server.recv(copy=False)
            await asyncio.sleep(0)
            await client.send(b"%d" % number)
            frame = await receiving
            assert frame.bytes == b"%d" % number
            replying = client.recv()
            await server.send(b"reply", routing_id=frame.routing_id)
            assert await replying == b"reply"
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(server.recv(), 0.02)
        polling = server.poll()
        waiting = server.recv()
        server.close()
        assert polling.cancelled()
        assert failed_with(zmq.ENOTSOCK, waiting.exception())

    run(main)
