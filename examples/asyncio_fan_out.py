"""Publish to many subscribers on asyncio: each one a task, all on one thread.

An XPUB socket receives the subscriptions, so the publisher knows when everybody is there. A
subscriber that is slow keeps nobody waiting: what it has not received yet lies in its socket, up
to the high-water mark.

    python examples/asyncio_fan_out.py
"""

from __future__ import annotations

import asyncio
from collections import Counter

import zmq
import zmq.asyncio

SUBSCRIBERS = 20
UPDATES = 100
PRICES = {"copper": 8.9, "silver": 24.5, "gold": 1950.0}


async def subscribe(
    context: zmq.asyncio.Context, endpoint: str, topics: list[str], seen: Counter[str]
) -> None:
    """Count what comes, until the publisher says that it is over."""
    with context.socket(zmq.SUB) as subscriber:
        for topic in [*topics, "over"]:
            subscriber.subscribe(topic)
        subscriber.connect(endpoint)
        while True:
            topic, _price = await subscriber.recv_multipart()
            if topic == b"over":
                return
            seen[topic.decode()] += 1


async def publish(publisher: zmq.asyncio.Socket) -> None:
    """Send the prices again and again."""
    for update in range(UPDATES):
        for metal, price in PRICES.items():
            await publisher.send_multipart([metal.encode(), b"%.2f" % (price + update / 100)])
    await publisher.send_multipart([b"over", b""])


async def main() -> None:
    """Let every subscriber have the metals that it asked for."""
    metals = list(PRICES)
    seen = [Counter[str]() for _ in range(SUBSCRIBERS)]
    wanted = [metals[: 1 + number % len(metals)] for number in range(SUBSCRIBERS)]
    async with zmq.asyncio.Context() as context:
        with context.socket(zmq.XPUB) as publisher:
            publisher.xpub_verbose = True  # report a topic again when another subscriber wants it
            endpoint = publisher.bind("tcp://127.0.0.1:*").addr
            subscribing = [
                asyncio.create_task(subscribe(context, endpoint, topics, counts))
                for topics, counts in zip(wanted, seen, strict=True)
            ]
            for _ in range(sum(len(topics) + 1 for topics in wanted)):
                await publisher.recv()  # b"\x01" and a topic
            await publish(publisher)
            await asyncio.gather(*subscribing)
    for topics, counts in zip(wanted, seen, strict=True):
        assert counts == dict.fromkeys(topics, UPDATES)
    print(f"{SUBSCRIBERS} subscribers got {sum(map(Counter.total, seen))} messages, none missing")


if __name__ == "__main__":
    asyncio.run(main())
