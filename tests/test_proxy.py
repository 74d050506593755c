"""Native proxies: zmq.proxy, proxy_steerable and monitored_queue."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import zmq
from support import TRANSPORTS, wait_until_parked
from zmq.devices import monitored_queue

MakeEndpoint = Callable[..., str]

needs_clocks = pytest.mark.skipif(
    not hasattr(time, "pthread_getcpuclockid"), reason="the system has no clock per thread"
)


class Running:
    """A call on a thread of its own, and what came of it."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self.number = 0
        self.started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(function, arguments))
        self.thread.start()
        self.started.wait()

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.number = threading.get_native_id()
        self.started.set()
        try:
            self.result = function(*arguments)
        except BaseException as error:
            self.error = error

    def sleep(self) -> None:
        """Return when it sleeps."""
        wait_until_parked(self.number)

    def goes_on_sleeping(self) -> bool:
        """Whether it uses no processor for a while, as what finds its poll ended at once would."""
        assert self.thread.ident is not None
        clock = time.pthread_getcpuclockid(self.thread.ident)
        before = time.clock_gettime(clock)
        time.sleep(0.2)
        return time.clock_gettime(clock) - before < 0.02

    def ended_with(self, number: int) -> bool:
        self.thread.join(20)
        assert not self.thread.is_alive(), "it did not end"
        return isinstance(self.error, zmq.ZMQError) and self.error.errno == number


class Scene:
    """A frontend with a client, a backend with a worker."""

    def __init__(self, context: zmq.Context, make_endpoint: MakeEndpoint, transport: str) -> None:
        self.context = context
        self.make_endpoint = make_endpoint
        self.transport = transport
        self.frontend, self.client = self.pair(zmq.ROUTER, zmq.DEALER)
        self.backend, self.worker = self.pair(zmq.DEALER, zmq.DEALER)

    def pair(self, bound_type: int, connected_type: int) -> tuple[zmq.Socket, zmq.Socket]:
        bound, connected = self.context.socket(bound_type), self.context.socket(connected_type)
        bound.bind(self.make_endpoint(self.transport))
        connected.connect(bound.get_string(zmq.LAST_ENDPOINT))
        return bound, connected

    def check(self, number: int = 20) -> None:
        """Messages travel both ways."""
        for index in range(number):
            self.client.send_multipart([b"question", b"%d" % index])
            name, *question = self.worker.recv_multipart()
            assert question == [b"question", b"%d" % index]
            self.worker.send_multipart([name, b"answer", bytes(index)])
            assert self.client.recv_multipart() == [b"answer", bytes(index)]


@pytest.fixture(params=TRANSPORTS)
def scene(
    request: pytest.FixtureRequest, context: zmq.Context, make_endpoint: MakeEndpoint
) -> Iterator[Scene]:
    yield Scene(context, make_endpoint, request.param)
    context.destroy(linger=0)


@pytest.fixture
def near(context: zmq.Context, make_endpoint: MakeEndpoint) -> Iterator[Scene]:
    yield Scene(context, make_endpoint, "inproc")
    context.destroy(linger=0)


# -- proxy ---------------------------------------------------------------------------------------


def test_proxy_carries_messages_both_ways(scene: Scene) -> None:
    running = Running(zmq.proxy, scene.frontend, scene.backend)
    scene.check()
    scene.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_proxy_takes_keywords(near: Scene) -> None:
    def run() -> None:
        zmq.proxy(frontend=near.frontend, backend=near.backend, capture=None)

    running = Running(run)
    near.check()
    near.backend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_proxy_keeps_many_and_large_messages_whole(scene: Scene) -> None:
    running = Running(zmq.proxy, scene.frontend, scene.backend)
    messages = [
        [b"%d" % number, *[bytes([number % 256]) * (number % 7 * 20_000)] * (number % 4)]
        for number in range(300)
    ]

    def send() -> None:
        for message in messages:
            scene.client.send_multipart(message, copy=False)

    sending = threading.Thread(target=send)
    sending.start()
    assert [scene.worker.recv_multipart()[1:] for _ in messages] == messages
    sending.join()
    scene.backend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_capture_gets_a_copy_of_every_message(scene: Scene) -> None:
    capture, listener = scene.pair(zmq.PUSH, zmq.PULL)
    running = Running(zmq.proxy, scene.frontend, scene.backend, capture)
    for number in range(20):
        scene.client.send_multipart([b"question", b"%d" % number])
        name, *question = scene.worker.recv_multipart()
        assert listener.recv_multipart() == [name, *question]
        scene.worker.send_multipart([name, b"answer"])
        assert scene.client.recv_multipart() == [b"answer"]
        assert listener.recv_multipart() == [name, b"answer"]
    assert listener.poll(0) == 0
    scene.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_proxy_waits_for_room_and_loses_nothing(near: Scene) -> None:
    # Nobody takes what the proxy has to pass on, then somebody does.
    near.worker.close()
    near.backend.close()
    near.backend = near.context.socket(zmq.PUSH)
    near.backend.sndhwm = 2
    endpoint = near.make_endpoint("inproc")
    near.backend.bind(endpoint)
    running = Running(zmq.proxy, near.frontend, near.backend)
    for number in range(500):
        near.client.send_multipart([b"%d" % number, b"rest"])
    running.sleep()
    taker = near.context.socket(zmq.PULL)
    taker.rcvhwm = 2
    taker.connect(endpoint)
    for number in range(500):
        assert taker.recv_multipart()[1:] == [b"%d" % number, b"rest"]
    near.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


@needs_clocks
def test_proxy_sleeps_on_when_its_capture_gets_a_subscriber(scene: Scene) -> None:
    capture, listener = scene.pair(zmq.PUB, zmq.SUB)
    running = Running(zmq.proxy, scene.frontend, scene.backend, capture)
    running.sleep()
    listener.subscribe(b"")
    assert running.goes_on_sleeping()
    scene.check()
    assert running.goes_on_sleeping()
    scene.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


@pytest.mark.parametrize("which", ["frontend", "backend", "capture"])
def test_proxy_that_sleeps_ends_when_a_socket_is_closed(scene: Scene, which: str) -> None:
    capture, _ = scene.pair(zmq.PUB, zmq.SUB)
    sockets = {"frontend": scene.frontend, "backend": scene.backend, "capture": capture}
    running = Running(zmq.proxy, *sockets.values())
    running.sleep()
    sockets[which].close()
    assert running.ended_with(zmq.ENOTSOCK)
    assert [name for name, socket in sockets.items() if socket.closed] == [which]


def test_proxy_ends_with_its_context(near: Scene) -> None:
    running = Running(zmq.proxy, near.frontend, near.backend)
    running.sleep()
    near.context.shutdown()
    assert running.ended_with(zmq.ETERM)
    assert isinstance(running.error, zmq.ContextTerminated)


def test_proxy_ends_when_its_context_is_destroyed(near: Scene) -> None:
    running = Running(zmq.proxy, near.frontend, near.backend)
    running.sleep()
    near.context.destroy(linger=0)
    running.thread.join(20)
    assert isinstance(running.error, zmq.ZMQError)
    assert running.error.errno in (zmq.ENOTSOCK, zmq.ETERM)


def test_sockets_of_a_proxy_can_be_used_beside_it(near: Scene) -> None:
    running = Running(zmq.proxy, near.frontend, near.backend)
    endpoint = near.make_endpoint("inproc")
    near.frontend.bind(endpoint)
    late = near.context.socket(zmq.DEALER)
    late.connect(endpoint)
    late.send(b"late")
    assert near.worker.recv_multipart()[1:] == [b"late"]
    assert near.frontend.get(zmq.TYPE) == zmq.ROUTER
    near.backend.send_multipart([b"beside"])
    assert near.worker.recv_multipart() == [b"beside"]
    near.check()
    near.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_proxy_of_one_socket_answers_with_what_it_gets(
    context: zmq.Context, make_endpoint: MakeEndpoint
) -> None:
    endpoint = make_endpoint("inproc")
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind(endpoint)
    dealer.connect(endpoint)
    running = Running(zmq.proxy, router, router)
    for number in range(10):
        dealer.send_multipart([b"echo", b"%d" % number])
        assert dealer.recv_multipart() == [b"echo", b"%d" % number]
    router.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_proxies_may_be_chained(near: Scene) -> None:
    first = Running(zmq.proxy, near.frontend, near.backend)
    front, back = near.context.socket(zmq.ROUTER), near.context.socket(zmq.DEALER)
    front.bind(near.make_endpoint("inproc"))
    back.connect(near.frontend.get_string(zmq.LAST_ENDPOINT))
    second = Running(zmq.proxy, front, back)
    client = near.context.socket(zmq.REQ)
    client.connect(front.get_string(zmq.LAST_ENDPOINT))
    for number in range(10):
        client.send(b"%d" % number)
        *envelope, question = near.worker.recv_multipart()
        assert (len(envelope), question) == (3, b"%d" % number)
        near.worker.send_multipart([*envelope, b"answer"])
        assert client.recv() == b"answer"
    near.frontend.close()
    front.close()
    assert first.ended_with(zmq.ENOTSOCK)
    assert second.ended_with(zmq.ENOTSOCK)


def test_forwarder_carries_subscriptions(context: zmq.Context, make_endpoint: MakeEndpoint) -> None:
    subscriptions, publications = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    subscriptions.bind(make_endpoint("inproc"))
    publications.bind(make_endpoint("inproc"))
    running = Running(zmq.proxy, subscriptions, publications)
    publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    publisher.connect(subscriptions.get_string(zmq.LAST_ENDPOINT))
    subscriber.connect(publications.get_string(zmq.LAST_ENDPOINT))
    subscriber.subscribe(b"topic")
    assert publisher.recv() == b"\x01topic"
    publisher.send_multipart([b"other", b"lost"])
    publisher.send_multipart([b"topic", b"found"])
    assert subscriber.recv_multipart() == [b"topic", b"found"]
    subscriptions.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_device_function_runs_a_proxy(near: Scene) -> None:
    running = Running(zmq.device, zmq.QUEUE, near.frontend, near.backend)
    near.check()
    near.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


# -- proxy_steerable -----------------------------------------------------------------------------


class Steered:
    """A steerable proxy, and the socket that steers it."""

    def __init__(self, scene: Scene, control_type: int, steering_type: int) -> None:
        self.control, self.steering = scene.pair(control_type, steering_type)
        self.running = Running(
            zmq.proxy_steerable, scene.frontend, scene.backend, None, self.control
        )

    def command(self, text: bytes) -> None:
        self.steering.send(text)
        assert self.steering.recv_multipart() == [b""]

    def statistics(self) -> tuple[int, ...]:
        self.steering.send(b"STATISTICS")
        return tuple(struct.unpack("=Q", part)[0] for part in self.steering.recv_multipart())


@pytest.mark.parametrize(
    "kinds",
    [(zmq.PAIR, zmq.PAIR), (zmq.REP, zmq.REQ), (zmq.DEALER, zmq.DEALER)],
    ids=["PAIR", "REP", "DEALER"],
)
def test_steerable_proxy_pauses_resumes_and_terminates(
    scene: Scene, kinds: tuple[int, int]
) -> None:
    steered = Steered(scene, *kinds)
    scene.check()
    steered.command(b"PAUSE")
    before = steered.statistics()
    scene.client.send(b"while it pauses")
    assert scene.worker.poll(50) == 0
    assert steered.statistics() == before
    steered.command(b"RESUME")
    assert scene.worker.recv_multipart()[1:] == [b"while it pauses"]
    scene.check()
    steered.command(b"TERMINATE")
    steered.running.thread.join(20)
    assert steered.running.error is None
    assert steered.running.result == 0
    assert not steered.running.thread.is_alive()
    # The sockets are free again.
    scene.client.send(b"by hand")
    assert scene.frontend.recv_multipart()[1:] == [b"by hand"]


@needs_clocks
def test_paused_proxy_sleeps_over_what_waits(scene: Scene) -> None:
    steered = Steered(scene, zmq.PAIR, zmq.PAIR)
    steered.command(b"PAUSE")
    scene.client.send(b"while it pauses")
    assert steered.running.goes_on_sleeping()
    steered.command(b"RESUME")
    assert scene.worker.recv_multipart()[1:] == [b"while it pauses"]
    steered.command(b"TERMINATE")
    steered.running.thread.join(20)
    assert not steered.running.thread.is_alive()


def test_statistics_count_messages_and_bytes(near: Scene) -> None:
    steered = Steered(near, zmq.REP, zmq.REQ)
    assert steered.statistics() == (0,) * 8
    for _ in range(3):
        near.client.send_multipart([b"12345", b"123"])
        name, *_ = near.worker.recv_multipart()
    near.worker.send_multipart([name, b"1"])
    near.client.recv_multipart()
    to_backend = 3 * (len(name) + 8)
    to_frontend = len(name) + 1
    # Received and sent by the frontend, received and sent by the backend: messages, bytes.
    assert steered.statistics() == (3, to_backend, 1, to_frontend, 1, to_frontend, 3, to_backend)
    steered.command(b"TERMINATE")
    steered.running.thread.join(20)
    assert not steered.running.thread.is_alive()


def test_unknown_command_is_ignored(near: Scene) -> None:
    steered = Steered(near, zmq.PAIR, zmq.PAIR)
    steered.command(b"nonsense")
    steered.steering.send_multipart([b"PAUSE?", b"", b"more"])
    assert steered.steering.recv_multipart() == [b""]
    near.check()
    steered.command(b"TERMINATE")
    steered.running.thread.join(20)
    assert steered.running.error is None


@pytest.mark.parametrize("kinds", [(zmq.SUB, zmq.PUB), (zmq.PULL, zmq.PUSH)], ids=["SUB", "PULL"])
def test_control_socket_that_cannot_send_is_obeyed_without_answers(
    near: Scene, kinds: tuple[int, int]
) -> None:
    control, steering = near.pair(*kinds)
    if control.type == zmq.SUB:
        control.subscribe("")
        # The subscription has arrived once something comes through.
        while not control.poll(10):
            steering.send(b"STATISTICS")
    running = Running(zmq.proxy_steerable, near.frontend, near.backend, None, control)
    near.check()
    for command in (b"PAUSE", b"STATISTICS", b"RESUME"):
        steering.send(command)
    near.check()
    steering.send(b"TERMINATE")
    running.thread.join(20)
    assert running.error is None
    assert running.result == 0


def test_steerable_proxy_does_not_wait_for_who_does_not_listen(near: Scene) -> None:
    control, steering = near.pair(zmq.PAIR, zmq.PAIR)
    control.sndhwm = steering.rcvhwm = 1
    steered = Running(zmq.proxy_steerable, near.frontend, near.backend, None, control)
    for _ in range(3000):
        steering.send(b"STATISTICS")
    near.check()
    steering.send(b"TERMINATE")
    steered.thread.join(20)
    assert steered.result == 0


def test_proxy_can_be_terminated_while_it_pauses(near: Scene) -> None:
    steered = Steered(near, zmq.PAIR, zmq.PAIR)
    steered.command(b"PAUSE")
    near.client.send(b"waits")
    steered.command(b"TERMINATE")
    steered.running.thread.join(20)
    assert not steered.running.thread.is_alive()
    assert near.frontend.recv_multipart()[1:] == [b"waits"]


@pytest.mark.parametrize("paused", [False, True])
@pytest.mark.parametrize("which", ["frontend", "backend", "control"])
def test_steerable_proxy_ends_when_a_socket_is_closed(
    near: Scene, which: str, paused: bool
) -> None:
    steered = Steered(near, zmq.PAIR, zmq.PAIR)
    if paused:
        steered.command(b"PAUSE")
        steered.statistics()
    steered.running.sleep()
    {"frontend": near.frontend, "backend": near.backend, "control": steered.control}[which].close()
    assert steered.running.ended_with(zmq.ENOTSOCK)


def test_steerable_proxy_without_control_is_a_proxy(near: Scene) -> None:
    running = Running(zmq.proxy_steerable, near.frontend, near.backend)
    near.check()
    near.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


# -- monitored_queue -----------------------------------------------------------------------------


def test_monitored_queue_names_the_direction(scene: Scene) -> None:
    monitor, listener = scene.pair(zmq.PUSH, zmq.PULL)
    running = Running(monitored_queue, scene.frontend, scene.backend, monitor, b"in", b"out")
    for number in range(10):
        scene.client.send_multipart([b"question", b"%d" % number])
        name, *question = scene.worker.recv_multipart()
        assert question == [b"question", b"%d" % number]
        assert listener.recv_multipart() == [b"in", name, *question]
        scene.worker.send_multipart([name, b"answer"])
        assert scene.client.recv_multipart() == [b"answer"]
        assert listener.recv_multipart() == [b"out", name, b"answer"]
    scene.frontend.close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_monitored_queue_of_two_routers_swaps_the_names(
    context: zmq.Context, make_endpoint: MakeEndpoint
) -> None:
    routers, dealers = [], []
    for name in (b"alice", b"bob"):
        router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        router.bind(make_endpoint("inproc"))
        dealer.routing_id = name
        dealer.connect(router.get_string(zmq.LAST_ENDPOINT))
        routers.append(router)
        dealers.append(dealer)
    monitor = context.socket(zmq.PUB)
    running = Running(monitored_queue, *routers, monitor)
    alice, bob = dealers
    alice.send_multipart([b"bob", b"to bob"])
    assert bob.recv_multipart() == [b"alice", b"to bob"]
    bob.send_multipart([b"alice", b"to alice"])
    assert alice.recv_multipart() == [b"bob", b"to alice"]
    routers[1].close()
    assert running.ended_with(zmq.ENOTSOCK)


def test_monitored_queue_refuses_what_is_no_prefix(near: Scene) -> None:
    monitor = near.context.socket(zmq.PUB)
    for prefixes in (("in", b"out"), (b"in", "out"), (5, b"out")):
        with pytest.raises(TypeError):
            monitored_queue(near.frontend, near.backend, monitor, *prefixes)
