"""Four threads log through one PUBHandler, a fifth reads what it publishes."""

from __future__ import annotations

import logging
import sys
import threading
from collections import Counter

import zmq
from zmq.log.handlers import PUBHandler

THREADS = 4
RECORDS = 2500


def log_all(name: str) -> None:
    log = logging.getLogger(name)
    for number in range(RECORDS):
        if number % 500 == 499:
            try:
                raise ValueError(f"number {number}")
            except ValueError:
                log.exception(f"{name}::%d", number)
        else:
            log.info(f"{name}::%d", number)


def main() -> None:
    context = zmq.Context()
    publisher = context.socket(zmq.PUB)
    publisher.sndhwm = 0
    port = publisher.bind_to_random_port("tcp://127.0.0.1")
    subscriber = context.socket(zmq.SUB)
    subscriber.rcvhwm = 0
    subscriber.rcvtimeo = 20_000
    subscriber.subscribe("root.")
    with subscriber.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED) as monitor:
        subscriber.connect(f"tcp://127.0.0.1:{port}")
        assert monitor.poll(20_000), "no connection"
        subscriber.disable_monitor()

    handler = PUBHandler(publisher, root_topic="root")
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)

    # The subscription has arrived as soon as something comes.
    subscriber.rcvtimeo = 50
    while True:
        root.debug("are you there?")
        try:
            subscriber.recv_multipart()
            break
        except zmq.Again:
            continue
    subscriber.rcvtimeo = 20_000

    threads = [
        threading.Thread(target=log_all, args=(f"thread-{number}",)) for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    numbers: dict[str, list[int]] = {}
    topics: Counter[str] = Counter()
    while sum(map(len, numbers.values())) < THREADS * RECORDS:
        topic, text = subscriber.recv_multipart()
        if topic == b"root.DEBUG":
            continue
        name = topic.decode().rpartition(".")[2]
        lines = text.decode().splitlines()
        if b"ERROR" in topic:
            assert lines[-1].startswith("ValueError: number"), lines
            number = lines[0].split(" - ")[1]
        else:
            number = lines[0]
        numbers.setdefault(name, []).append(int(number))
        topics[topic.decode().split(".")[1]] += 1
    for thread in threads:
        thread.join()
    for name in sorted(numbers):
        assert numbers[name] == list(range(RECORDS)), f"{name}: lost, doubled or out of order"
    root.removeHandler(handler)
    handler.close()
    print(sorted(numbers), dict(sorted(topics.items())))
    context.destroy(linger=0)


if __name__ == "__main__":
    main()
    sys.exit(0)
