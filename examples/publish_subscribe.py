"""Publish and subscribe: everybody gets what begins with a topic that they asked for.

A publisher does not wait for anybody: what is published before a subscription has arrived is
gone. XPUB is a PUB socket that also receives the subscriptions, so that this publisher knows when
its subscribers are there.

    python examples/publish_subscribe.py
"""

from __future__ import annotations

import threading

import zmq

MEASUREMENTS = [
    ("temperature/kitchen", 21.5),
    ("humidity/kitchen", 0.41),
    ("temperature/garden", 9.0),
    ("humidity/garden", 0.83),
]


def subscribe(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, topic: str, seen: list[str]
) -> None:
    """Collect what is published under a topic, until the publisher says that it is over."""
    with context.socket(zmq.SUB) as subscriber:
        subscriber.subscribe("over")
        subscriber.subscribe(topic)
        subscriber.connect(endpoint)
        while True:
            name, value = subscriber.recv_multipart()
            if name == b"over":
                return
            seen.append(name.decode())
            print(f"{topic:12} subscriber: {name.decode()} is {value.decode()}")


def main() -> None:
    """Publish to two subscribers with different topics."""
    seen: dict[str, list[str]] = {"temperature": [], "humidity": []}
    with zmq.Context() as context, context.socket(zmq.XPUB) as publisher:
        publisher.xpub_verbose = True  # report a topic again when a second subscriber wants it
        publisher.bind("tcp://127.0.0.1:*")
        endpoint = publisher.get_string(zmq.LAST_ENDPOINT)
        threads = [
            threading.Thread(target=subscribe, args=(context, endpoint, topic, names))
            for topic, names in seen.items()
        ]
        for thread in threads:
            thread.start()
        for _ in range(2 * len(threads)):
            publisher.recv()  # b"\x01" and a topic

        for name, value in MEASUREMENTS:
            publisher.send_multipart([name.encode(), str(value).encode()])
        publisher.send_multipart([b"over", b""])
        for thread in threads:
            thread.join()
    for topic, names in seen.items():
        assert names == [name for name, _ in MEASUREMENTS if name.startswith(topic)]
    print("everybody got what they asked for, in order")


if __name__ == "__main__":
    main()
