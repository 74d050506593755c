"""zerorpc over zmq.green: calls of many greenlets, a stream, an error, push and publish."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import gevent
import zerorpc

GREENLETS = 20
CALLS = 50


class Service:
    def double(self, number: int) -> int:
        return number * 2

    @zerorpc.stream
    def count(self, end: int) -> Iterator[int]:
        return iter(range(end))

    def fail(self) -> None:
        raise ValueError("on purpose")


class Counter:
    def __init__(self) -> None:
        self.counted = 0
        self.changed = gevent.event.Event()

    def add(self, number: int) -> None:
        self.counted += number
        self.changed.set()

    def reached(self, number: int) -> bool:
        with gevent.Timeout(20):
            while self.counted < number:
                self.changed.wait()
                self.changed.clear()
        return self.counted == number


def bound(peer: zerorpc.SocketBase) -> str:
    """Bind to a free port, and say which."""
    peer.bind("tcp://127.0.0.1:*")
    return str(peer._events._socket.last_endpoint.decode())


def main() -> None:
    # The error below is a remote one, which the server logs too.
    logging.getLogger("zerorpc").addHandler(logging.NullHandler())
    logging.getLogger("zerorpc").propagate = False
    server = zerorpc.Server(Service())
    endpoint = bound(server)
    serving = gevent.spawn(server.run)
    client = zerorpc.Client(timeout=20)
    client.connect(endpoint)

    def call(start: int) -> bool:
        numbers = range(start, start + CALLS)
        return [client.double(number) for number in numbers] == [2 * number for number in numbers]

    calling = [gevent.spawn(call, start) for start in range(GREENLETS)]
    gevent.joinall(calling, raise_error=True)
    print("calls", all(greenlet.value for greenlet in calling))
    print("stream", list(client.count(1000)) == list(range(1000)))
    try:
        client.fail()
    except zerorpc.RemoteError as error:
        print("error", error.name, error.msg)

    counter = Counter()
    puller, pusher = zerorpc.Puller(counter), zerorpc.Pusher()
    pusher.connect(bound(puller))
    pulling = gevent.spawn(puller.run)
    for _ in range(1000):
        pusher.add(1)
    print("pushed", counter.reached(1000))

    subscriber, publisher = zerorpc.Subscriber(counter), zerorpc.Publisher()
    subscriber.connect(bound(publisher))
    subscribing = gevent.spawn(subscriber.run)
    counter.counted = 0
    with gevent.Timeout(20):
        while not counter.counted:  # until the subscription has arrived
            publisher.add(1)
            gevent.sleep(0.01)
    print("published", counter.counted > 0)

    server.stop()
    serving.join(10)
    for peer in (client, pusher, puller, publisher, subscriber):
        peer.close()
    gevent.killall([pulling, subscribing])


if __name__ == "__main__":
    main()
