"""aiozmq, which watches descriptors and reads EVENTS itself: calls, and streams."""

from __future__ import annotations

import asyncio

import aiozmq
import aiozmq.rpc

import zmq

CALLS = 1000
MESSAGES = 5000
WINDOW = 50


class Handler(aiozmq.rpc.AttrHandler):
    @aiozmq.rpc.method
    def double(self, number: int) -> int:
        return number * 2

    @aiozmq.rpc.method
    async def later(self, number: int) -> int:
        await asyncio.sleep(0.001)
        return number


async def call() -> int:
    server = await aiozmq.rpc.serve_rpc(Handler(), bind="tcp://127.0.0.1:*")
    (address,) = server.transport.bindings()
    client = await aiozmq.rpc.connect_rpc(connect=address)
    for number in range(CALLS):
        assert await client.call.double(number) == 2 * number
    answers = await asyncio.gather(*(client.call.later(number) for number in range(CALLS)))
    assert answers == list(range(CALLS))
    for end in (client, server):
        end.close()
        await end.wait_closed()
    return len(answers)


async def stream() -> int:
    router = await aiozmq.create_zmq_stream(zmq.ROUTER, bind="tcp://127.0.0.1:*")
    (address,) = router.transport.bindings()
    dealer = await aiozmq.create_zmq_stream(zmq.DEALER, connect=address)

    async def echo() -> None:
        for _ in range(MESSAGES):
            router.write(await router.read())

    echoing = asyncio.ensure_future(echo())
    read = 0
    for number in range(MESSAGES):
        dealer.write((b"number", b"%d" % number))
        if number % WINDOW == WINDOW - 1:
            for _ in range(WINDOW):
                assert await dealer.read() == [b"number", b"%d" % read]
                read += 1
    await echoing
    dealer.close()
    router.close()
    return read


async def main() -> None:
    print(await call(), "calls")
    print(await stream(), "messages")


if __name__ == "__main__":
    asyncio.run(main())
