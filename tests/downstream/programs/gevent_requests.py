"""Greenlets send 10,000 requests and get their replies, while another one keeps running."""

from __future__ import annotations

import gevent

import zmq.green as zmq

CLIENTS = 10
REQUESTS = 1000


def serve(context: zmq.Context, port: list[int], bound: gevent.event.Event) -> None:
    with context.socket(zmq.REP) as socket:
        port.append(socket.bind_to_random_port("tcp://127.0.0.1"))
        bound.set()
        for _ in range(CLIENTS * REQUESTS):
            name, number = socket.recv_json()
            socket.send_json([name, number * 2])


def ask(context: zmq.Context, name: str, port: int) -> int:
    with context.socket(zmq.REQ) as socket:
        socket.connect(f"tcp://127.0.0.1:{port}")
        for number in range(REQUESTS):
            socket.send_json([name, number])
            assert socket.recv_json() == [name, number * 2]
    return REQUESTS


def main() -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            gevent.sleep(0.001)

    with zmq.Context() as context:
        bound = gevent.event.Event()
        port: list[int] = []
        server = gevent.spawn(serve, context, port, bound)
        bound.wait()
        ticking = gevent.spawn(tick)
        clients = [gevent.spawn(ask, context, f"client-{n}", port[0]) for n in range(CLIENTS)]
        gevent.joinall([server, *clients], raise_error=True)
        ticking.kill()
        assert ticks > 10, "the requests kept the other greenlet from running"
        print(sum(client.value for client in clients), "replies")


if __name__ == "__main__":
    main()
