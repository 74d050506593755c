"""Awaitable sockets under random timing: every message once, no wake-up lost, nothing left."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import zmq
import zmq.asyncio
from support import run_cases, run_function

_names = itertools.count()

#: How many times the usual number of rounds; 1 by default.
FACTOR = int(os.environ.get("STRESS", "1"))
SECONDS = 50 * FACTOR
TRANSPORTS = ("inproc", "tcp")
LOOPS = ("asyncio", "uvloop")

pytestmark = pytest.mark.timeout(60 * FACTOR)


def loops() -> list[str]:
    """Give the kinds of loops that there are here."""
    try:
        import uvloop  # noqa: F401
    except ImportError:
        return ["asyncio"]
    return list(LOOPS)


def run(kind: str, main: Awaitable[None]) -> None:
    """Run a coroutine; whatever the loop complains of is an error."""
    if kind == "uvloop":
        import uvloop

        loop = uvloop.new_event_loop()
    else:
        loop = asyncio.new_event_loop()
    complaints: list[Any] = []
    loop.set_exception_handler(lambda _, about: complaints.append(about))
    try:
        loop.run_until_complete(asyncio.wait_for(main, SECONDS - 5))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
    gc.collect()
    assert not complaints, complaints


def connect(context: Any, one_type: int, other_type: int, transport: str) -> tuple[Any, Any]:
    bound, connected = context.socket(one_type), context.socket(other_type)
    connected.connect(
        bound.bind("tcp://127.0.0.1:*" if transport == "tcp" else f"inproc://{next(_names)}").addr
    )
    return bound, connected


# -- cancelling -----------------------------------------------------------------------------------


class Consumer:
    """Receives in every way there is, and gives up now and then."""

    def __init__(self, socket: Any, silent: Any, chance: random.Random) -> None:
        self.socket = socket
        self.silent = silent
        self.chance = chance
        self.received: list[int] = []

    def pause(self) -> float:
        return self.chance.choice((0, 0, 0.00005, 0.0005, 0.002))

    def receive(self) -> Awaitable[int]:
        memory = bytearray(20)

        async def into() -> int:
            size = await self.socket.recv_into(memory)
            return int(memory[:size])

        async def plain() -> int:
            return int(await self.socket.recv())

        async def frames() -> int:
            (frame,) = await self.socket.recv_multipart(copy=False)
            return int(frame.bytes)

        return self.chance.choice(
            [
                plain,
                frames,
                into,
                lambda: self.socket.recv_json(),
                lambda: self.socket.recv_serialized(lambda parts: int(parts[0])),
                lambda: self.as_number(self.socket.recv_string()),
            ]
        )()

    async def as_number(self, text: Awaitable[str]) -> int:
        return int(await text)

    async def wait_for(self) -> None:
        with suppress(asyncio.TimeoutError):
            self.received.append(await asyncio.wait_for(self.receive(), self.pause()))

    async def timeout(self) -> None:
        if sys.version_info < (3, 11):
            await self.wait_for()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(self.pause()):
                self.received.append(await self.receive())

    async def cancelled_task(self) -> None:
        async def task() -> None:
            self.received.append(await self.receive())

        receiving = asyncio.ensure_future(task())
        await asyncio.sleep(self.pause())
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving

    async def cancelled_gather(self) -> None:
        # It has not read what it has as long as something is missing.
        async def task() -> None:
            await asyncio.gather(self.socket.recv_json(), self.silent.recv(), self.socket.recv())

        receiving = asyncio.ensure_future(task())
        await asyncio.sleep(self.pause())
        receiving.cancel()
        with suppress(asyncio.CancelledError):
            await receiving

    async def polled(self) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.socket.poll(), self.pause())
        with suppress(zmq.Again):
            self.received.append(int(await self.socket.recv(zmq.DONTWAIT)))

    async def dropped(self) -> None:
        future = self.socket.recv()
        await asyncio.sleep(self.pause())
        if self.chance.random() < 0.5 and future.done():
            self.received.append(int(future.result()))
        elif self.chance.random() < 0.5:
            future.cancel()
        del future

    async def shielded(self) -> None:
        with suppress(asyncio.TimeoutError):
            receiving = self.socket.recv()
            self.received.append(
                int(await asyncio.wait_for(asyncio.shield(receiving), self.pause()))
            )

    async def timed(self) -> None:
        with suppress(zmq.Again):
            self.received.append(int(await self.socket.recv(timeout=self.pause() * 1000)))

    async def one(self) -> None:
        await self.chance.choice(
            [
                self.wait_for,
                self.timeout,
                self.cancelled_task,
                self.cancelled_gather,
                self.polled,
                self.dropped,
                self.timed,
            ]
        )()


def cancel_at_random(kind: str, transport: str, consumers: int, seed: int) -> None:
    """Every message arrives once, and in order where there is one who receives."""
    number = 1500 * FACTOR
    chance = random.Random(seed)

    async def main() -> None:
        context = zmq.asyncio.Context()
        receiver, sender = connect(context, zmq.PULL, zmq.PUSH, transport)
        receiver.set_hwm(0)
        sender.set_hwm(0)
        silent = context.socket(zmq.PULL)
        workers = [Consumer(receiver, silent, chance) for _ in range(consumers)]

        async def send() -> None:
            for message in range(number):
                await sender.send(b"%d" % message)
                if chance.random() < 0.5:
                    await asyncio.sleep(chance.choice((0, 0, 0.0001, 0.001)))

        def received() -> int:
            return sum(len(worker.received) for worker in workers)

        async def work(worker: Consumer) -> None:
            while received() < number:
                await worker.one()

        await asyncio.gather(send(), *(work(worker) for worker in workers))
        everything = [message for worker in workers for message in worker.received]
        assert Counter(everything) == Counter(range(number)), f"seed {seed}"
        if consumers == 1:
            assert everything == list(range(number)), f"seed {seed}"
        gc.collect()
        assert not zmq.Socket.shadow(receiver).poll(0)
        context.destroy(linger=0)

    run(kind, main())


@pytest.mark.parametrize("kind", loops())
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_receives_that_are_cancelled_at_random_lose_nothing(kind: str, transport: str) -> None:
    cases = [[kind, transport, consumers, seed] for consumers in (1, 4) for seed in (1, 2)]
    run_cases(cancel_at_random, cases, seconds=SECONDS)


def cancel_sends_at_random(kind: str, seed: int) -> None:
    """What is sent is whole and in order; what was cancelled may be missing, not what was not."""
    number = 1500 * FACTOR
    chance = random.Random(seed)

    async def main() -> None:
        context = zmq.asyncio.Context()
        receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        receiver.rcvhwm = sender.sndhwm = 2
        receiver.bind("inproc://sends")
        sender.connect("inproc://sends")
        certain: set[int] = set()
        refused: set[int] = set()

        async def one(message: int) -> None:
            parts = [b"%d" % message, b"x" * (message % 7), b"end"]
            try:
                if chance.random() < 0.5:
                    await asyncio.wait_for(sender.send_multipart(parts), 0.0005)
                else:
                    await sender.send_multipart(parts)
                certain.add(message)
            except asyncio.TimeoutError:
                refused.add(message)

        async def send() -> None:
            pending: set[asyncio.Task[None]] = set()
            for message in range(number):
                pending.add(asyncio.ensure_future(one(message)))
                await asyncio.sleep(0)
                if len(pending) > 20:
                    _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.gather(*pending)
            await sender.send_multipart([b"-1", b"", b"end"])

        sending = asyncio.ensure_future(send())
        received: list[int] = []
        while True:
            if chance.random() < 0.1:
                await asyncio.sleep(0.001)
            head, _, end = await receiver.recv_multipart()
            assert end == b"end"
            if head == b"-1":
                break
            received.append(int(head))
        await sending
        assert len(set(received)) == len(received)
        assert received == sorted(received), f"seed {seed}"
        assert certain <= set(received), f"seed {seed}"
        assert len(certain) + len(refused) == number
        context.destroy(linger=0)

    run(kind, main())


@pytest.mark.parametrize("kind", loops())
def test_sends_that_are_cancelled_at_random_are_sent_whole_or_not_at_all(kind: str) -> None:
    run_cases(cancel_sends_at_random, [[kind, seed] for seed in (1, 2)], seconds=SECONDS)


# -- wake-ups -------------------------------------------------------------------------------------


def meddle(socket: Any, ended: threading.Event, chance: random.Random, failed: list[Any]) -> None:
    """Do to a socket, from another thread, whatever processes its commands."""
    shadow = zmq.Socket.shadow(socket)
    poller = zmq.Poller()
    poller.register(shadow, zmq.POLLIN)
    calls: list[Callable[[], Any]] = [
        lambda: shadow.get(zmq.EVENTS),
        lambda: shadow.poll(0),
        lambda: shadow.poll(1),
        lambda: zmq.zmq_poll([(shadow, zmq.POLLIN)], 0),
        lambda: poller.poll(0),
        lambda: shadow.send(b"out", zmq.DONTWAIT),
        lambda: shadow.events,
    ]
    try:
        while not ended.is_set():
            with suppress(zmq.Again):
                chance.choice(calls)()
    except BaseException as error:
        failed.append(error)


def lose_no_wake_up(kind: str, transport: str, seed: int) -> None:
    """A receive that waits is told of its message, whatever others do with the socket."""
    sys.setswitchinterval(1e-4)
    rounds = 1500 * FACTOR
    chance = random.Random(seed)
    failed: list[Any] = []
    ended = threading.Event()

    async def main() -> None:
        context = zmq.asyncio.Context()
        receiver, sender = connect(context, zmq.DEALER, zmq.DEALER, transport)
        threads = [
            threading.Thread(
                target=meddle, args=(receiver, ended, random.Random(seed + number), failed)
            )
            for number in range(2)
        ]
        for thread in threads:
            thread.start()
        other = zmq.asyncio.Socket.shadow(receiver)
        poller = zmq.asyncio.Poller()
        poller.register(zmq.Socket.shadow(receiver), zmq.POLLIN)
        try:
            for number in range(rounds):
                wrapper = chance.choice((receiver, other))
                waiting = chance.choice(
                    (wrapper.recv, lambda wrapper=wrapper: wrapper.poll(), poller.poll)
                )()
                if chance.random() < 0.5:
                    await asyncio.sleep(0)
                await sender.send(b"%d" % number)
                if chance.random() < 0.5:
                    receiver.get(zmq.EVENTS)
                outcome = await waiting
                if not isinstance(outcome, bytes):
                    outcome = await wrapper.recv()
                assert outcome == b"%d" % number
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        context.destroy(linger=0)

    run(kind, main())
    assert not failed


@pytest.mark.parametrize("kind", loops())
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_wake_up_is_lost_beside_other_threads(kind: str, transport: str) -> None:
    run_cases(lose_no_wake_up, [[kind, transport, seed] for seed in (1, 100)], seconds=SECONDS)


def share_with_threads(seed: int) -> None:
    """Two loops and a thread receive from one socket; every message arrives once."""
    sys.setswitchinterval(1e-4)
    number = 3000 * FACTOR
    context = zmq.asyncio.Context()
    receiver, sender = connect(context, zmq.PULL, zmq.PUSH, "tcp")
    received: list[list[int]] = [[], [], []]

    def enough() -> bool:
        return sum(map(len, received)) >= number

    async def receive(place: int) -> None:
        chance = random.Random(seed + place)
        socket = receiver if place == 0 else zmq.asyncio.Socket.shadow(receiver)
        while not enough():
            with suppress(asyncio.TimeoutError):
                waiting = socket.recv()
                received[place].append(
                    int(await asyncio.wait_for(waiting, chance.choice((0.0001, 0.001, 0.02))))
                )

    def receive_in_a_thread() -> None:
        shadow = zmq.Socket.shadow(receiver)
        while not enough():
            if shadow.poll(10):
                with suppress(zmq.Again):
                    received[2].append(int(shadow.recv(zmq.DONTWAIT)))

    async def send() -> None:
        for message in range(number):
            await sender.send(b"%d" % message)

    threads = [
        threading.Thread(target=lambda place=place: asyncio.run(receive(place)))
        for place in range(2)
    ]
    threads.append(threading.Thread(target=receive_in_a_thread))
    for thread in threads:
        thread.start()
    asyncio.run(send())
    for thread in threads:
        thread.join()
    assert Counter(itertools.chain(*received)) == Counter(range(number))
    context.destroy(linger=0)


def test_loops_and_threads_share_a_socket() -> None:
    run_cases(share_with_threads, [[1], [2]], seconds=SECONDS)


# -- closing --------------------------------------------------------------------------------------


def close_at_random(kind: str, seed: int) -> None:
    """Whoever waits on a socket that is closed is told, at whatever moment and from wherever."""
    chance = random.Random(seed)

    async def main() -> None:
        context = zmq.asyncio.Context()
        loop = asyncio.get_running_loop()

        async def wait(call: Callable[[], Awaitable[Any]]) -> None:
            errno = 0
            while errno == 0:
                try:
                    await call()
                except zmq.ZMQError as error:
                    errno = error.errno or 0
                except asyncio.CancelledError:
                    # A poll of a socket that was closed.
                    errno = zmq.ENOTSOCK
            assert errno in (zmq.ENOTSOCK, zmq.ENOTSUP)

        async def receive_in_time(receiver: zmq.asyncio.Socket) -> None:
            with suppress(zmq.Again):
                await receiver.recv(timeout=0.2, copy=False)

        for _ in range(150 * FACTOR):
            receiver, sender = connect(context, zmq.PAIR, zmq.PAIR, "inproc")
            other = zmq.asyncio.Socket.shadow(receiver)
            tasks = [
                asyncio.ensure_future(wait(call))
                for call in (
                    receiver.recv,
                    receiver.recv_multipart,
                    other.recv,
                    other.poll,
                    partial(receive_in_time, receiver),
                )
            ]
            for _ in range(chance.randrange(5)):
                sender.send(b"x")
                await asyncio.sleep(0)
            await asyncio.sleep(chance.choice((0, 0, 0.0005)))
            closing = chance.choice((receiver, other))
            if chance.random() < 0.3:
                await loop.run_in_executor(None, closing.close)
            else:
                closing.close()
            await asyncio.gather(*tasks)
            sender.close(0)
        context.destroy(linger=0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(kind, main())


@pytest.mark.parametrize("kind", loops())
def test_closing_at_random_moments_tells_everybody(kind: str) -> None:
    run_cases(close_at_random, [[kind, seed] for seed in (1, 2, 3)], seconds=SECONDS)


# -- memory and descriptors -----------------------------------------------------------------------


def resident_kib() -> int:
    """Give the memory that this process has, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def drain_many(kind: str) -> None:
    """Memory does not grow with the number of messages, ready or awaited."""

    async def main() -> None:
        context = zmq.asyncio.Context()
        receiver, sender = connect(context, zmq.PULL, zmq.PUSH, "inproc")
        receiver.set_hwm(0)
        sender.set_hwm(0)
        plain = zmq.Socket.shadow(sender)
        data = b"x" * 100

        async def drain(number: int) -> None:
            for _ in range(number // 500):
                for _ in range(500):
                    plain.send(data)
                for _ in range(500):
                    await receiver.recv()

        async def wait(number: int) -> None:
            for _ in range(number):
                waiting = receiver.recv()
                cancelled = receiver.recv_multipart()
                await asyncio.sleep(0)
                cancelled.cancel()
                plain.send(data)
                await waiting

        await drain(100_000)
        await wait(2000)
        before = resident_kib()
        await drain(1_000_000 * FACTOR)
        await wait(20_000 * FACTOR)
        gc.collect()
        assert resident_kib() - before < 4000
        context.destroy(linger=0)

    run(kind, main())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")
@pytest.mark.parametrize("kind", loops())
def test_memory_stays_flat_while_a_million_messages_are_drained(kind: str) -> None:
    run_function(drain_many, kind, seconds=SECONDS)


def make_and_drop(kind: str) -> None:
    """Sockets that are closed or dropped, in whatever state, leave no memory and no descriptor."""
    warnings.simplefilter("ignore", ResourceWarning)

    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def main() -> None:
        context = zmq.asyncio.Context()

        async def rounds(number: int) -> None:
            for index in range(number):
                receiver, sender = connect(context, zmq.PAIR, zmq.PAIR, "inproc")
                poller = zmq.asyncio.Poller()
                poller.register(receiver, zmq.POLLIN)
                waiting = [receiver.recv(), receiver.poll(), poller.poll()]
                await sender.send(b"x")
                await waiting[0]
                waiting.append(receiver.recv())
                if index % 3 == 0:
                    receiver.close()
                    sender.close()
                elif index % 3 == 1:
                    for future in waiting:
                        future.cancel()
                # Else they are dropped while somebody waits.
                del receiver, sender, waiting, poller
                if index % 10 == 0:
                    gc.collect()
                    await asyncio.sleep(0.001)
            gc.collect()
            for _ in range(200):
                await asyncio.sleep(0.005)
                if descriptors() <= settled[0]:
                    break

        settled = [0]
        await rounds(30)
        settled[0] = descriptors()
        await rounds(100)
        before = resident_kib()
        await rounds(1000 * FACTOR)
        assert descriptors() <= settled[0]
        assert resident_kib() - before < 4000
        context.destroy(linger=0)

    run(kind, main())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc")
@pytest.mark.parametrize("kind", loops())
def test_sockets_that_come_and_go_leave_nothing(kind: str) -> None:
    run_function(make_and_drop, kind, seconds=SECONDS)


def cancel_and_repeat_runs(seed: int) -> None:
    """One asyncio.run after the other, each ended in the middle of things."""
    chance = random.Random(seed)
    context = zmq.asyncio.Context()
    receiver, sender = connect(context, zmq.PULL, zmq.PUSH, "inproc")
    number = 400 * FACTOR
    received: list[int] = []

    async def begin(start: int) -> None:
        async def receive() -> None:
            while True:
                received.append(int(await receiver.recv()))

        tasks = [asyncio.ensure_future(receive()) for _ in range(3)]
        for message in range(start, start + 10):
            await sender.send(b"%d" % message)
            await asyncio.sleep(chance.choice((0, 0, 0.0002)))
        # The tasks are cancelled by the end of asyncio.run.
        assert tasks

    async def end() -> None:
        while len(received) < 10 * number:
            received.append(int(await receiver.recv()))

    for index in range(number):
        asyncio.run(begin(10 * index))
    asyncio.run(asyncio.wait_for(end(), 20))
    assert Counter(received) == Counter(range(10 * number)), f"seed {seed}"
    context.destroy(linger=0)


def test_loops_that_end_in_the_middle_of_things_lose_nothing() -> None:
    run_cases(cancel_and_repeat_runs, [[1], [2]], seconds=SECONDS)
