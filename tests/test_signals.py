"""Signals: Ctrl-C ends every wait, handlers may use the very socket, and time-outs go on."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

import zmq
from support import run_cases, run_function, run_script, wait_until_parked, when_parked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals do not interrupt calls here")

LARGE = bytes(1_000_000)


class Scene:
    """Sockets with which nothing goes on, so that every call waits."""

    def __init__(self) -> None:
        self.context = zmq.Context()
        self.socket, self.peer = self.context.socket(zmq.PAIR), self.context.socket(zmq.PAIR)
        self.socket.bind("inproc://pair")
        self.peer.connect("inproc://pair")
        self.full = self.context.socket(zmq.PUSH)
        self.dealer, self.router = self.context.socket(zmq.DEALER), self.context.socket(zmq.ROUTER)
        self.dealer.bind("inproc://dealer")
        self.router.bind("inproc://router")
        self.reader, self.writer = os.pipe()

    def poll(self, *waiting: Any) -> list[Any]:
        poller = zmq.Poller()
        for item in waiting:
            poller.register(item, zmq.POLLIN)
        return poller.poll()

    def wait_for_tracker(self) -> None:
        tracker = self.socket.send(LARGE, copy=False, track=True)
        assert isinstance(tracker, zmq.MessageTracker)
        tracker.wait()

    def check_and_end(self) -> None:
        """Everything still works, and the context can be terminated."""
        if self.context.closed:
            return
        if not self.socket.closed:
            for socket in (self.socket, self.peer):
                # What ended a poll, or was sent with a tracker.
                while socket.poll(0):
                    assert socket.recv() in (b"message", LARGE)
            self.socket.send_multipart([b"still", b"whole"])
            assert self.peer.recv_multipart() == [b"still", b"whole"]
            self.peer.send(b"back")
            assert self.socket.recv() == b"back"
        if not self.full.closed:
            assert self.full.poll(0, zmq.POLLOUT) == 0
        self.context.destroy(linger=0)
        os.close(self.reader)
        os.close(self.writer)


WAITS: dict[str, Callable[[Scene], Any]] = {
    "recv": lambda scene: scene.socket.recv(),
    "recv a Frame": lambda scene: scene.socket.recv(copy=False),
    "recv_into": lambda scene: scene.socket.recv_into(bytearray(10)),
    "recv_multipart": lambda scene: scene.socket.recv_multipart(),
    "recv_string": lambda scene: scene.socket.recv_string(),
    "recv with a time-out": lambda scene: (
        setattr(scene.socket, "rcvtimeo", 60_000),
        scene.socket.recv(),
    ),
    "send": lambda scene: scene.full.send(b"message"),
    "send without copying": lambda scene: scene.full.send(LARGE, copy=False),
    "send_multipart": lambda scene: scene.full.send_multipart([b"one", b"two"]),
    "poll": lambda scene: scene.socket.poll(),
    "poll with a time-out": lambda scene: scene.socket.poll(60_000),
    "poll for sending": lambda scene: scene.full.poll(None, zmq.POLLOUT),
    "Poller.poll of one": lambda scene: scene.poll(scene.socket),
    "Poller.poll of four": lambda scene: scene.poll(
        scene.socket, scene.peer, scene.dealer, scene.router
    ),
    "Poller.poll with a descriptor": lambda scene: scene.poll(scene.reader, scene.socket),
    "Poller.poll of a descriptor": lambda scene: scene.poll(scene.reader),
    "zmq_poll": lambda scene: zmq.zmq_poll([(scene.socket, zmq.POLLIN)]),
    "select": lambda scene: zmq.select([scene.socket], [], []),
    "tracker.wait": lambda scene: scene.wait_for_tracker(),
    "term": lambda scene: scene.context.term(),
    "proxy": lambda scene: zmq.proxy(scene.router, scene.dealer),
    "proxy_steerable": lambda scene: zmq.proxy_steerable(
        scene.router, scene.dealer, None, scene.socket
    ),
    "device": lambda scene: zmq.device(zmq.QUEUE, scene.router, scene.dealer),
    "monitored_queue": lambda scene: monitored_queue(scene),
}


def monitored_queue(scene: Scene) -> None:
    from zmq.devices import monitored_queue as run

    publisher = scene.context.socket(zmq.PUB)
    try:
        run(scene.router, scene.dealer, publisher, b"in", b"out")
    finally:
        publisher.close()


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def ctrl_c_in(name: str) -> None:
    # A parent may have told us to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    scene = Scene()
    when_parked(interrupt)
    try:
        WAITS[name](scene)
    except KeyboardInterrupt:
        pass
    else:
        raise AssertionError("not interrupted")
    if name == "term":
        # What Ctrl-C has interrupted can be taken up again.
        assert not scene.context.closed
    scene.context.destroy(linger=0) if name == "term" else scene.check_and_end()


def test_ctrl_c_ends_every_wait() -> None:
    run_cases(ctrl_c_in, [[name] for name in WAITS])


def handler_that_returns(name: str, then: str) -> None:
    """Signals come again and again while the call waits; then something ends it."""
    scene = Scene()
    handled = []
    signal.signal(signal.SIGUSR1, lambda *_: handled.append(name))
    signal.signal(signal.SIGALRM, lambda *_: ENDINGS[then](scene))
    caught: list[BaseException] = []

    waiting = threading.get_native_id()

    def interrupt_and_end() -> None:
        for number in range(1, 21):
            os.kill(os.getpid(), signal.SIGUSR1)
            while len(handled) < number:
                continue
            wait_until_parked(waiting)
        os.kill(os.getpid(), signal.SIGALRM)

    when_parked(interrupt_and_end)
    try:
        result = WAITS[name](scene)
    except zmq.ZMQError as error:
        caught.append(error)
        result = None
    assert len(handled) == 20
    if then == "message":
        assert repr(result).startswith(EXPECTED[name]), result
    else:
        assert [error.errno for error in caught] == [zmq.ENOTSOCK], result
    scene.check_and_end()


ENDINGS: dict[str, Callable[[Scene], Any]] = {
    "message": lambda scene: scene.peer.send(b"message"),
    "close": lambda scene: (scene.socket.close(linger=0), scene.full.close(linger=0)),
    "destroy": lambda scene: scene.context.destroy(linger=0),
}

EXPECTED = {
    "recv": "b'message'",
    "recv_into": "7",
    "recv_multipart": r"[b'message']",
    "recv_string": "'message'",
    "poll": "1",
    "zmq_poll": "[(<zmq.Socket(zmq.PAIR) at",
    "Poller.poll of one": "[(<zmq.Socket(zmq.PAIR) at",
    "Poller.poll of four": "[(<zmq.Socket(zmq.PAIR) at",
    "Poller.poll with a descriptor": "[(<zmq.Socket(zmq.PAIR) at",
}


def test_wait_goes_on_after_handlers_that_return() -> None:
    run_cases(handler_that_returns, [[name, "message"] for name in EXPECTED])


def test_handler_may_close_the_very_socket() -> None:
    others = ["recv with a time-out", "send", "send_multipart", "send without copying"]
    names = [*EXPECTED, *others, "poll for sending", "select", "proxy_steerable"]
    cases = [[name, then] for name in names for then in ("close", "destroy")]
    run_cases(handler_that_returns, cases)


def handler_that_uses(name: str) -> None:
    """Take part in the conversation of the socket that is waiting."""
    scene = Scene()
    seen = []

    def converse(*_: object) -> None:
        socket, peer = scene.socket, scene.peer
        assert socket.poll(0) == 0
        assert socket.get(zmq.EVENTS) == zmq.POLLOUT
        socket.send(b"from the handler")
        assert peer.recv() == b"from the handler"
        peer.send(b"for the handler")
        assert socket.recv() == b"for the handler"
        socket.rcvtimeo = 1
        try:
            socket.recv()
        except zmq.Again:
            seen.append("nothing more")
        socket.rcvtimeo = -1
        peer.send(b"message")

    signal.signal(signal.SIGUSR1, converse)
    when_parked(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    result = WAITS[name](scene)
    assert seen == ["nothing more"]
    assert repr(result).startswith(EXPECTED[name]), result
    scene.check_and_end()


def test_handler_may_use_the_very_socket() -> None:
    run_cases(handler_that_uses, [[name] for name in EXPECTED])


def handler_that_raises(name: str) -> None:
    scene = Scene()

    def fail(*_: object) -> None:
        raise LookupError("from the handler")

    signal.signal(signal.SIGUSR1, fail)
    for _ in range(3):
        when_parked(lambda: os.kill(os.getpid(), signal.SIGUSR1))
        try:
            WAITS[name](scene)
        except LookupError:
            continue
        raise AssertionError("the handler's exception is lost")
    scene.check_and_end()


def test_exception_of_a_handler_reaches_the_caller() -> None:
    names = ["recv", "send", "poll", "Poller.poll of four", "zmq_poll", "tracker.wait", "proxy"]
    run_cases(handler_that_raises, [[name] for name in names])


def time_out_among_signals(name: str, expected: object) -> None:
    """Signals that never stop do not let a time-out begin anew."""
    scene = Scene()
    handled = []
    signal.signal(signal.SIGALRM, lambda *_: handled.append(name))
    scene.socket.rcvtimeo = scene.full.sndtimeo = 200
    poller = zmq.Poller()
    for socket in (scene.socket, scene.peer, scene.dealer):
        poller.register(socket, zmq.POLLIN)
    signal.setitimer(signal.ITIMER_REAL, 0.005, 0.005)
    try:
        result = {
            "recv": lambda: scene.socket.recv(),
            "recv_multipart": lambda: scene.socket.recv_multipart(),
            "send": lambda: scene.full.send(b"message"),
            "poll": lambda: scene.socket.poll(200),
            "Poller.poll": lambda: poller.poll(200),
            "zmq_poll": lambda: zmq.zmq_poll([(scene.reader, zmq.POLLIN)], 200),
            "tracker.wait": lambda: zmq.MessageTracker(threading.Event()).wait(0.2),
        }[name]()
    except (zmq.Again, zmq.NotDone) as error:
        result = type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert handled
    assert result == expected
    scene.check_and_end()


def test_time_out_ends_though_signals_keep_coming() -> None:
    run_cases(
        time_out_among_signals,
        [
            ["recv", "Again"],
            ["recv_multipart", "Again"],
            ["send", "Again"],
            ["poll", 0],
            ["Poller.poll", []],
            ["zmq_poll", []],
            ["tracker.wait", "NotDone"],
        ],
    )


def calls_among_signals() -> None:
    """Calls that do not wait never show that a signal came."""
    handled = []
    signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    while len(handled) < 1500:
        context = zmq.Context()
        sockets = [context.socket(zmq.PAIR) for _ in range(2)]
        endpoint = sockets[0].bind("tcp://127.0.0.1:*").addr
        sockets[1].connect(endpoint)
        for _ in range(10):
            sockets[0].send_multipart([b"one", bytes(100_000)], copy=False)
            assert [len(part) for part in sockets[1].recv_multipart()] == [3, 100_000]
            assert sockets[1].get(zmq.EVENTS) == zmq.POLLOUT
            assert sockets[1].poll(0) == 0
        sockets[1].disconnect(endpoint)
        sockets[0].unbind(endpoint)
        for socket in sockets:
            socket.close()
        context.term()
    signal.setitimer(signal.ITIMER_REAL, 0)


def test_signals_never_make_a_call_fail() -> None:
    run_function(calls_among_signals)


def test_ctrl_c_while_other_threads_wait_reaches_the_main_thread_only() -> None:
    run_script(
        """
        import os, signal, threading, zmq

        signal.signal(signal.SIGINT, signal.default_int_handler)
        context = zmq.Context()
        sockets = [context.socket(zmq.PULL) for _ in range(4)]
        for socket in sockets:
            socket.bind("inproc://" + str(id(socket)))
        ended = []

        def receive(socket):
            try:
                ended.append(socket.recv())
            except zmq.ZMQError as error:
                ended.append(error.errno)

        threads = [threading.Thread(target=receive, args=(socket,)) for socket in sockets[1:]]
        for thread in threads:
            thread.start()
        timer = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
        timer.start()
        try:
            sockets[0].recv()
        except KeyboardInterrupt:
            pass
        else:
            raise AssertionError("not interrupted")
        timer.join()
        assert not ended, ended
        context.destroy(linger=0)
        for thread in threads:
            thread.join()
        assert len(ended) == 3 and set(ended) <= {zmq.ENOTSOCK, zmq.ETERM}, ended
        """
    )


def test_ctrl_c_that_nobody_catches_ends_the_program() -> None:
    run_script(
        """
        import os, signal, sys, threading, zmq

        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.stderr = sys.stdout
        socket = zmq.Context.instance().socket(zmq.PULL)
        socket.bind("tcp://127.0.0.1:*")
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        socket.recv()
        """,
        status=-signal.SIGINT,
        warnings="ignore",
    )
