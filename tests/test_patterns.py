"""The messaging patterns, over every transport: who gets what."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Callable

import pytest

import zmq
from support import TRANSPORTS

MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]
MakeEndpoint = Callable[..., str]

every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


def bind(socket: zmq.Socket, endpoint: str) -> str:
    socket.bind(endpoint)
    return socket.get_string(zmq.LAST_ENDPOINT)


@every_transport
def test_requests_and_replies_take_turns(make_pair: MakePair, transport: str) -> None:
    replier, requester = make_pair(zmq.REP, zmq.REQ, transport)
    for number in range(100):
        requester.send_multipart([b"question", b"%d" % number])
        for wrong in (lambda: requester.send(b"again"), lambda: replier.send(b"early")):
            with pytest.raises(zmq.ZMQError) as raised:
                wrong()
            assert raised.value.errno == zmq.EFSM
        assert replier.recv_multipart() == [b"question", b"%d" % number]
        with pytest.raises(zmq.ZMQError) as raised:
            replier.recv()
        assert raised.value.errno == zmq.EFSM
        replier.send_multipart([b"answer", b"%d" % number])
        assert requester.recv_multipart() == [b"answer", b"%d" % number]


@every_transport
def test_router_knows_its_peers(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    router = context.socket(zmq.ROUTER)
    endpoint = bind(router, make_endpoint(transport))
    dealers = {}
    for name in (b"one", b"two", b"three"):
        dealers[name] = context.socket(zmq.DEALER)
        dealers[name].routing_id = name
        dealers[name].connect(endpoint)
        dealers[name].send_multipart([b"hello from", name])
    for _ in dealers:
        name, *message = router.recv_multipart()
        assert message == [b"hello from", name]
        router.send_multipart([name, b"hello", name])
    for name, dealer in dealers.items():
        assert dealer.recv_multipart() == [b"hello", name]
        assert dealer.poll(0) == 0


@every_transport
def test_router_gives_nameless_peers_a_name(make_pair: MakePair, transport: str) -> None:
    router, requester = make_pair(zmq.ROUTER, zmq.REQ, transport)
    requester.send(b"question")
    name, empty, question = router.recv_multipart()
    assert (len(name), empty, question) == (5, b"", b"question")
    router.send_multipart([name, b"", b"answer"])
    assert requester.recv() == b"answer"


@every_transport
def test_work_is_dealt_out_in_turn(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    ventilator = context.socket(zmq.PUSH)
    endpoint = bind(ventilator, make_endpoint(transport))
    workers = []
    for _ in range(3):
        worker = context.socket(zmq.PULL)
        worker.connect(endpoint)
        workers.append(worker)
    # Until all are connected, those that are get everything.
    while not all(worker.poll(0) for worker in workers):
        ventilator.send(b"warm up", zmq.NOBLOCK) if ventilator.poll(1, zmq.POLLOUT) else None
    for number in range(30):
        ventilator.send(b"%d" % number)
    counts = []
    for worker in workers:
        tasks = []
        while len(tasks) < 10:
            if (task := worker.recv()) != b"warm up":
                tasks.append(int(task))
        counts.append(tasks)
    assert sorted(task for tasks in counts for task in tasks) == list(range(30))
    assert all(tasks == sorted(tasks) for tasks in counts)


@every_transport
def test_results_are_received_fairly(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    sink = context.socket(zmq.PULL)
    endpoint = bind(sink, make_endpoint(transport))
    for name in (b"one", b"two"):
        worker = context.socket(zmq.PUSH)
        worker.connect(endpoint)
        for number in range(50):
            worker.send_multipart([name, b"%d" % number])
    received: dict[bytes, list[int]] = {b"one": [], b"two": []}
    for _ in range(100):
        name, number = sink.recv_multipart()
        received[name].append(int(number))
    assert received == {b"one": list(range(50)), b"two": list(range(50))}


@every_transport
def test_subscribers_get_their_topics(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    publisher = context.socket(zmq.XPUB)
    publisher.xpub_verbose = True
    endpoint = bind(publisher, make_endpoint(transport))
    subscribers = {}
    for topics in (("a",), ("b",), ("a", "b"), ("",)):
        subscriber = context.socket(zmq.SUB)
        for topic in topics:
            subscriber.subscribe(topic)
        subscriber.connect(endpoint)
        subscribers[topics] = subscriber
    # What it has been told of holds.
    told = sorted(publisher.recv() for _ in range(5))
    assert told == [b"\x01", b"\x01a", b"\x01a", b"\x01b", b"\x01b"]
    for topic in (b"a", b"b", b"c"):
        publisher.send_multipart([topic, b"message"])
    for topics, subscriber in subscribers.items():
        expected = [
            [topic.encode(), b"message"]
            for topic in "abc"
            if any(topic.startswith(wanted) for wanted in topics)
        ]
        assert [subscriber.recv_multipart() for _ in expected] == expected
        assert subscriber.poll(0) == 0


@every_transport
def test_xpub_and_xsub_carry_subscriptions(make_pair: MakePair, transport: str) -> None:
    publisher, subscriber = make_pair(zmq.XPUB, zmq.XSUB, transport)
    subscriber.send(b"\x01topic")
    assert publisher.recv() == b"\x01topic"
    publisher.send_multipart([b"other", b"lost"])
    publisher.send_multipart([b"topic", b"found"])
    assert subscriber.recv_multipart() == [b"topic", b"found"]
    subscriber.send(b"\x00topic")
    assert publisher.recv() == b"\x00topic"


@every_transport
def test_pair_talks_both_ways(make_pair: MakePair, transport: str) -> None:
    first, second = make_pair(zmq.PAIR, zmq.PAIR, transport)
    for number in range(50):
        first.send(b"%d" % number)
        second.send_multipart([b"%d" % number, b"back"])
    assert [second.recv() for _ in range(50)] == [b"%d" % number for number in range(50)]
    for number in range(50):
        assert first.recv_multipart() == [b"%d" % number, b"back"]


@every_transport
def test_dealers_talk_freely(make_pair: MakePair, transport: str) -> None:
    first, second = make_pair(zmq.DEALER, zmq.DEALER, transport)
    for number in range(20):
        first.send_multipart([b"%d" % number] * 3)
    for number in range(20):
        assert second.recv_multipart() == [b"%d" % number] * 3
    second.send(b"unasked")
    assert first.recv() == b"unasked"


def test_stream_talks_to_what_is_no_zmq(context: zmq.Context) -> None:
    import socket as system_sockets

    stream = context.socket(zmq.STREAM)
    port = stream.bind_to_random_port("tcp://127.0.0.1")
    with system_sockets.create_connection(("127.0.0.1", port)) as plain:
        name, connected = stream.recv_multipart()
        assert connected == b""
        plain.sendall(b"question\n")
        assert stream.recv_multipart() == [name, b"question\n"]
        stream.send_multipart([name, b"answer\n"])
        assert plain.recv(100) == b"answer\n"
        stream.send_multipart([name, b""])
        while not zmq.select([plain], [], [], 0.01)[0]:
            stream.poll(0)  # it closes the connection when it is used next
        assert plain.recv(100) == b""


def test_request_to_several_repliers_goes_round(
    context: zmq.Context, make_endpoint: MakeEndpoint
) -> None:
    requester = context.socket(zmq.REQ)
    repliers = []
    for _ in range(3):
        replier = context.socket(zmq.REP)
        requester.connect(bind(replier, make_endpoint("inproc")))
        repliers.append(replier)
    for number in range(9):
        requester.send(b"question")
        replier = repliers[number % 3]
        assert replier.recv() == b"question"
        replier.send(b"answer")
        assert requester.recv() == b"answer"


@every_transport
def test_messages_wait_for_a_peer_that_comes_later(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    if transport == "tcp":
        from support import free_port

        endpoint = f"tcp://127.0.0.1:{free_port()}"
    else:
        endpoint = make_endpoint(transport)
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    sender.reconnect_ivl = 10
    sender.connect(endpoint)
    for number in range(10):
        sender.send(b"%d" % number)
    receiver.bind(endpoint)
    assert [receiver.recv() for _ in range(10)] == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_peers_find_each_other_again(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    endpoint = bind(receiver, make_endpoint(transport))
    sender.reconnect_ivl = 10
    monitor = sender.get_monitor_socket(zmq.EVENT_DISCONNECTED)
    sender.connect(endpoint)
    for number in range(5):
        sender.send(b"%d" % number)
        assert receiver.recv() == b"%d" % number
        receiver.close()
        monitor.recv_multipart()
        receiver = context.socket(zmq.PULL)
        while True:
            try:
                receiver.bind(endpoint)
            except zmq.ZMQError as error:
                if error.errno != zmq.EADDRINUSE:
                    raise
            else:
                break
    sender.disable_monitor()
    monitor.close()


def test_endpoints_may_be_left_and_taken_again(
    context: zmq.Context, make_endpoint: MakeEndpoint
) -> None:
    receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    endpoint = bind(receiver, make_endpoint("tcp"))
    for number in range(5):
        sender.connect(endpoint)
        sender.send(b"%d" % number)
        assert receiver.recv() == b"%d" % number
        sender.disconnect(endpoint)
    with pytest.raises(zmq.ZMQError) as raised:
        sender.disconnect(endpoint)
    assert raised.value.errno == errno.ENOENT


@every_transport
def test_many_peers_are_served_by_threads(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    # The classic: requests go through a router to workers on threads of this process.
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    endpoint = bind(router, make_endpoint(transport))
    dealer.bind("inproc://workers")

    def work() -> None:
        with context.socket(zmq.REP) as worker:
            worker.connect("inproc://workers")
            together.wait()
            while (question := worker.recv()) != b"end":
                worker.send(question.upper())
            worker.send(b"")
            # What is dealt to a worker that closes is lost.
            together.wait()

    def ask(index: int) -> None:
        with context.socket(zmq.REQ) as requester:
            requester.connect(endpoint)
            for number in range(20):
                requester.send_string(f"question {index} {number}")
                answers[requester.recv_string()] += 1

    answers: Counter[str] = Counter()
    workers = [threading.Thread(target=work) for _ in range(3)]
    clients = [threading.Thread(target=ask, args=(index,)) for index in range(3)]
    proxy = threading.Thread(target=run_proxy, args=(router, dealer))
    together = threading.Barrier(len(workers) + 1)
    for thread in [*workers, proxy]:
        thread.start()
    together.wait()
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    with context.socket(zmq.DEALER) as ending:
        ending.connect(endpoint)
        for _ in workers:
            ending.send_multipart([b"", b"end"])
            assert ending.recv_multipart() == [b"", b""]
    together.wait()
    for thread in workers:
        thread.join()
    router.close()
    proxy.join()
    assert answers == {f"QUESTION {i} {n}": 1 for i in range(3) for n in range(20)}


def run_proxy(frontend: zmq.Socket, backend: zmq.Socket) -> None:
    with pytest.raises(zmq.ZMQError) as raised:
        zmq.proxy(frontend, backend)
    assert raised.value.errno == zmq.ENOTSOCK


@pytest.mark.skipif(not zmq.has("curve"), reason="libzmq has no CURVE")
@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_encrypted_messages_arrive(
    context: zmq.Context, make_endpoint: MakeEndpoint, transport: str
) -> None:
    server, client, stranger = (context.socket(kind) for kind in (zmq.PULL, zmq.PUSH, zmq.PUSH))
    public, secret = zmq.curve_keypair()
    server.curve_server = True
    server.curve_secretkey = secret
    endpoint = bind(server, make_endpoint(transport))
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.curve_serverkey = public
    monitor = server.get_monitor_socket(
        zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    )
    stranger.connect(endpoint)
    stranger.send(b"in the clear")
    assert monitor.recv_pyobj()["event"] in zmq.EVENT_ALL
    client.connect(endpoint)
    for size in (0, 10, 100_000):
        client.send(bytes(size), copy=False)
        assert server.recv() == bytes(size)
    assert server.poll(0) == 0
    server.disable_monitor()
    monitor.close()


needs_drafts = pytest.mark.skipif(not zmq.DRAFT_API, reason="libzmq has no draft sockets")


@needs_drafts
@every_transport
def test_server_answers_clients(make_pair: MakePair, transport: str) -> None:
    server, client = make_pair(zmq.SERVER, zmq.CLIENT, transport)
    client.send(b"question")
    frame = server.recv(copy=False)
    assert frame.bytes == b"question"
    server.send(b"answer", routing_id=frame.routing_id)
    assert client.recv() == b"answer"


@needs_drafts
def test_dish_gets_its_groups(make_pair: MakePair) -> None:
    radio, dish = make_pair(zmq.RADIO, zmq.DISH)
    dish.join("group")
    while not dish.poll(10):
        radio.send(b"message", group="group")
    frame = dish.recv(copy=False)
    assert (frame.bytes, frame.group) == (b"message", "group")
