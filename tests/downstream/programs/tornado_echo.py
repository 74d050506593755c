"""Two ZMQStreams in tornado's loop: 10,000 messages go out, are echoed, and come back."""

from __future__ import annotations

import asyncio

from tornado.ioloop import IOLoop, PeriodicCallback

import zmq
from zmq.eventloop.zmqstream import ZMQStream

MESSAGES = 10_000
WINDOW = 100


async def main() -> None:
    loop = IOLoop.current()
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    port = router.bind_to_random_port("tcp://127.0.0.1")
    dealer = context.socket(zmq.DEALER)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    server, client = ZMQStream(router), ZMQStream(dealer)
    received: list[int] = []
    sent = 0
    sent_callbacks = 0
    done = asyncio.Event()

    def count_sent(message: list[bytes], status: object) -> None:
        nonlocal sent_callbacks
        sent_callbacks += 1

    def send_next() -> None:
        nonlocal sent
        if sent < MESSAGES:
            client.send_multipart([b"%d" % sent, b"x" * (sent % 300)])
            sent += 1

    def echo(stream: ZMQStream, message: list[bytes]) -> None:
        stream.send_multipart(message)

    def take(message: list[bytes]) -> None:
        number = int(message[0])
        assert message[1] == b"x" * (number % 300)
        received.append(number)
        if len(received) == MESSAGES:
            done.set()
        send_next()

    server.on_recv_stream(echo)
    client.on_recv(take)
    client.on_send(count_sent)
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1

    ticking = PeriodicCallback(tick, 5)
    ticking.start()
    for _ in range(WINDOW):
        loop.add_callback(send_next)
    await asyncio.wait_for(done.wait(), 60)
    ticking.stop()
    assert received == list(range(MESSAGES)), "lost, doubled or out of order"
    assert sent_callbacks == MESSAGES, sent_callbacks
    assert ticks > 10, "the streams kept the loop from running other callbacks"
    server.close()
    client.close()
    context.term()
    print(len(received), "messages")


if __name__ == "__main__":
    asyncio.run(main())
