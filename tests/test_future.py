"""Awaitable sockets by tornado's names."""

from __future__ import annotations

import asyncio
import datetime
import gc
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zmq
from support import run_script

pytest.importorskip("tornado")

from tornado import gen
from tornado.ioloop import IOLoop

from zmq.eventloop import future

LIMIT_S = 20


def run(main: Callable[[], Any]) -> Any:
    """Run a coroutine function of any kind in tornado's loop."""
    loop = IOLoop(make_current=False)
    try:
        return loop.run_sync(main, timeout=LIMIT_S)
    finally:
        loop.close()
        gc.collect()


class KeepingContext(future.Context):
    """Keeps its sockets, so that a test may leave them to the fixture."""

    _kept: list[Any]

    def socket(self, *arguments: Any, **keywords: Any) -> Any:
        made = super().socket(*arguments, **keywords)
        self.__dict__.setdefault("_kept", []).append(made)
        return made


@pytest.fixture
def context() -> Iterator[future.Context]:
    """A fresh context whose sockets are awaitable, destroyed after the test."""
    made = KeepingContext()
    yield made
    made.destroy(linger=0)


def test_native_coroutines(make_pair: Any) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        assert await sender.send(b"ready") is None
        assert await receiver.recv() == b"ready"
        waiting = receiver.recv_multipart()
        assert isinstance(waiting, asyncio.Future)
        await sender.send_multipart([b"a", b"b"])
        assert await waiting == [b"a", b"b"]
        await sender.send_json({"a": 1})
        assert await receiver.recv_json() == {"a": 1}
        assert await receiver.poll(1) == 0
        with pytest.raises(zmq.Again):
            await receiver.recv(zmq.DONTWAIT)

    run(main)


def test_generator_coroutines(make_pair: Any) -> None:
    receiver, sender = make_pair()

    @gen.coroutine
    def main() -> Any:
        waiting = [receiver.recv_string(), receiver.recv_pyobj()]
        yield sender.send_string("text")
        yield sender.send_pyobj([1])
        assert (yield waiting) == ["text", [1]]
        yield sender.send(b"three")
        received = yield receiver.recv()
        assert received == b"three"
        late = receiver.recv()
        with pytest.raises(gen.TimeoutError):
            yield gen.with_timeout(datetime.timedelta(milliseconds=5), late)
        yield sender.send(b"late")
        assert (yield late) == b"late"
        # What was received by `yield` is received once.
        del late, waiting
        gc.collect()
        assert (yield receiver.poll(0)) == 0

    run(main)


def test_cancelled_receives(make_pair: Any) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        first, second = receiver.recv(), receiver.recv()
        assert first.cancel()
        assert first.done()
        assert first.cancelled()
        with pytest.raises(future.CancelledError):
            first.result()
        assert isinstance(first.exception(), future.CancelledError)
        with pytest.raises(future.CancelledError):
            await first
        await sender.send(b"one")
        assert await second == b"one"

        async def wait() -> None:
            await receiver.recv()

        task = asyncio.ensure_future(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(wait(), 0.005)
        if sys.version_info >= (3, 11):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await receiver.recv()
        await sender.send(b"two")
        assert await receiver.recv() == b"two"

    run(main)


def test_poller(make_pair: Any) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        poller = future.Poller()
        poller.register(receiver, zmq.POLLIN)
        poller.register(sender, zmq.POLLIN)
        assert await poller.poll(1) == []
        polling = poller.poll()
        await sender.send(b"x")
        assert await polling == [(receiver, zmq.POLLIN)]

    run(main)


def test_closing(make_pair: Any) -> None:
    receiver, _ = make_pair()

    async def main() -> None:
        waiting, polling = receiver.recv(), receiver.poll()
        receiver.close()
        with pytest.raises(zmq.ZMQError) as caught:
            await waiting
        assert caught.value.errno == zmq.ENOTSOCK
        assert polling.cancelled()

    run(main)


def test_one_loop_after_the_other(make_pair: Any) -> None:
    receiver, sender = make_pair()

    async def main() -> None:
        waiting = receiver.recv()
        await sender.send(b"x")
        assert await waiting == b"x"

    for _ in range(2):
        run(main)


def test_within_a_loop_that_does_not_run_yet(make_pair: Any) -> None:
    receiver, sender = make_pair()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        tornado_loop = IOLoop.current()
        waiting = receiver.recv()
        sender.send(b"x")

        async def main() -> Any:
            return await waiting

        assert tornado_loop.run_sync(main, timeout=LIMIT_S) == b"x"
    finally:
        receiver.close()
        sender.close()
        tornado_loop.close()
        asyncio.set_event_loop(None)


def test_old_arguments_and_names() -> None:
    async def main() -> None:
        loop = IOLoop.current()
        with pytest.warns(DeprecationWarning, match="io_loop"):
            context = future.Context(io_loop=loop)
        with context:
            assert context.io_loop is None
            assert future.Context._socket_class is future.Socket
            assert future.Poller._socket_class is future.Socket
            with pytest.warns(DeprecationWarning, match="io_loop"):
                socket = future.Socket(context, zmq.PAIR, io_loop=loop)
            with socket:
                assert repr(socket).startswith("<zmq.eventloop.future.Socket(zmq.PAIR) at ")
                assert type(socket._shadow_sock) is zmq.Socket
                assert type(zmq.Socket.shadow(socket)) is zmq.Socket
        instance = future.Context.instance()
        assert instance is future.Context.instance()
        assert type(instance) is future.Context
        instance.term()
        assert issubclass(future.CancelledError, Exception)

    run(main)


def test_ioloop_is_tornados_and_warns() -> None:
    run_script(
        """
        import warnings
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            from zmq.eventloop import ioloop
            ioloop.install()
            ioloop._deprecated()
        assert {item.category for item in caught} == {DeprecationWarning}, caught
        assert len(caught) >= 3, caught
        from tornado.ioloop import IOLoop, PeriodicCallback
        import zmq.eventloop
        assert ioloop.IOLoop is IOLoop is ioloop.ZMQIOLoop is zmq.eventloop.IOLoop
        assert ioloop.PeriodicCallback is PeriodicCallback
        assert zmq.eventloop.__all__ == ["IOLoop"]
        """
    )
