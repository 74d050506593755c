"""Devices in the foreground, on threads and in processes; proxies; monitored queues."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import traceback

import pytest

import zmq
from zmq import devices

# A fork is how multiprocessing starts processes here, and libzmq has threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")

JOIN_S = 20 if sys.platform != "win32" else 45  # Wine takes its time


def background(device, context):
    """Let a device on a thread use the test's own context, and start it."""
    device.context_factory = lambda: context
    device.start()
    return device


def finish(device, context, *sockets):
    """Close the test's sockets; the device has to let the context go."""
    for socket in sockets:
        socket.close(linger=0)
    context.term()
    device.join(JOIN_S)
    assert device.done


def answer_one(replier):
    replier.send_multipart([b"re", *replier.recv_multipart()])


@pytest.mark.parametrize("device_type", list(zmq.DeviceType))
def test_device_keeps_what_it_was_made_of(device_type):
    device = devices.Device(device_type, zmq.SUB, zmq.PUB)
    assert device.device_type == device_type
    assert device.in_type == zmq.SUB
    assert device.out_type == zmq.PUB
    assert device.daemon is True
    assert device.done is False


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [((), "in_type"), ((zmq.QUEUE,), "in_type"), ((zmq.QUEUE, zmq.PULL), "out_type")],
)
def test_device_without_a_type_raises_type_error(arguments, missing):
    with pytest.raises(TypeError, match=missing):
        devices.Device(*arguments)


@pytest.mark.parametrize("transport", ["inproc", "ipc", "tcp"])
def test_thread_device_carries_requests_and_replies(context, make_endpoint, transport):
    outside_in = context.socket(zmq.DEALER)
    outside_in.bind(make_endpoint(transport))
    outside_out = context.socket(zmq.ROUTER)
    outside_out.bind(make_endpoint(transport))
    device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.connect_in(outside_in.last_endpoint.decode())
    device.connect_out(outside_out.last_endpoint.decode())
    background(device, context)

    outside_in.send_multipart([b"", b"question", b"part"])
    request = outside_out.recv_multipart()
    assert request[-3:] == [b"", b"question", b"part"]
    outside_out.send_multipart([*request[:-2], b"answer"])
    assert outside_in.recv_multipart() == [b"", b"answer"]
    finish(device, context, outside_in, outside_out)


def test_device_with_one_socket_answers_with_what_it_gets(context, make_endpoint):
    requester = context.socket(zmq.REQ)
    requester.bind(make_endpoint("tcp"))
    device = devices.ThreadDevice(zmq.QUEUE, zmq.REP, -1)
    device.connect_in(requester.last_endpoint.decode())
    background(device, context)
    for parts in ([b"one"], [b"two", b"parts"]):
        requester.send_multipart(parts)
        assert requester.recv_multipart() == parts
    finish(device, context, requester)


def test_foreground_device_runs_where_it_is_started(context, make_endpoint):
    source, drain = make_endpoint("inproc"), make_endpoint("inproc")
    device = devices.Device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: context
    device.bind_in(source)
    device.bind_out(drain)
    threads = []
    device.run_device = lambda: (
        threads.append(threading.current_thread()),
        type(device).run_device(device),
    )
    runner = threading.Thread(target=device.start)
    runner.start()
    with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
        push.connect(source)
        pull.connect(drain)
        push.send(b"through")
        assert pull.recv() == b"through"
        device.join(0.01)
        assert not device.done
    context.term()
    device.join(JOIN_S)
    runner.join(JOIN_S)
    assert device.done
    assert threads == [runner]


def test_error_of_a_foreground_device_is_raised_at_once(context, make_endpoint):
    with context.socket(zmq.PULL) as taken:
        taken.bind(make_endpoint("tcp"))
        device = devices.Device(zmq.STREAMER, zmq.PULL, zmq.PUSH)
        device.context_factory = lambda: context
        device.bind_in(taken.last_endpoint.decode())
        with pytest.raises(zmq.ZMQError) as raised:
            device.start()
    assert raised.value.errno == zmq.EADDRINUSE
    assert device.done
    context.term()  # returns: the device has closed the sockets that it made


def test_device_on_given_sockets_ends_with_the_context_and_leaves_them_open(context, make_endpoint):
    frontend = context.socket(zmq.ROUTER)
    frontend.bind(make_endpoint("inproc"))
    backend = context.socket(zmq.DEALER)
    backend.bind(make_endpoint("inproc"))
    device = devices.Device(zmq.QUEUE, frontend, backend)
    runner = threading.Thread(target=device.run)
    runner.start()

    requester = context.socket(zmq.REQ)
    requester.connect(frontend.last_endpoint)
    replier = context.socket(zmq.REP)
    replier.connect(backend.last_endpoint)
    requester.send(b"question")
    answer_one(replier)
    assert requester.recv_multipart() == [b"re", b"question"]
    requester.close(linger=0)
    replier.close(linger=0)

    terminating = threading.Thread(target=context.term)
    terminating.start()
    runner.join(JOIN_S)
    assert device.done
    assert not frontend.closed
    assert not backend.closed
    frontend.close()
    backend.close()
    terminating.join(JOIN_S)
    assert not terminating.is_alive()


def test_given_sockets_get_the_noted_options_and_endpoints(context, make_endpoint):
    endpoint = make_endpoint("inproc")
    frontend = context.socket(zmq.SUB)
    backend = context.socket(zmq.PUSH)
    drain = context.socket(zmq.PULL)
    drain.bind(make_endpoint("inproc"))
    device = devices.ThreadDevice(zmq.FORWARDER, frontend, backend)
    device.setsockopt_in(zmq.SUBSCRIBE, b"")
    device.bind_in(endpoint)
    device.connect_out(drain.last_endpoint.decode())
    with context.socket(zmq.XPUB) as publisher:
        publisher.connect(endpoint)
        device.start()
        assert publisher.recv() == b"\x01"  # the device's subscription
        publisher.send(b"news")
        assert drain.recv() == b"news"
    frontend.close()  # ends the device
    device.join(JOIN_S)
    assert device.done
    backend.close()
    drain.close()
    context.term()


def test_process_device_refuses_sockets(make_pair):
    pull, push = make_pair(zmq.PULL, zmq.PUSH)
    with pull, push, pytest.raises(TypeError, match="another process"):
        devices.ProcessDevice(zmq.STREAMER, pull, push)


DOCUMENTED_DEVICE = """
import signal
import zmq
from zmq.devices import Device

signal.signal(signal.SIGINT, signal.default_int_handler)  # even where a shell had it ignored
context = zmq.Context()
frontend = context.socket(zmq.ROUTER)
frontend.bind("tcp://127.0.0.1:*")
backend = context.socket(zmq.DEALER)
backend.bind("tcp://127.0.0.1:*")
queue_device = Device(zmq.QUEUE, frontend, backend)
print(frontend.last_endpoint.decode(), backend.last_endpoint.decode(), flush=True)
try:
    queue_device.run()
except KeyboardInterrupt:
    print("interrupted", flush=True)
finally:
    frontend.close()
    backend.close()
    context.term()
print("terminated", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
def test_ctrl_c_ends_a_foreground_device_and_the_program_goes_on(context):
    with subprocess.Popen(
        [sys.executable, "-c", DOCUMENTED_DEVICE], stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            assert program.stdout is not None
            frontend, backend = program.stdout.readline().split()
            with context.socket(zmq.REQ) as requester, context.socket(zmq.REP) as replier:
                requester.connect(frontend)
                replier.connect(backend)
                requester.send(b"question")
                answer_one(replier)
                assert requester.recv_multipart() == [b"re", b"question"]
            program.send_signal(signal.SIGINT)
            rest, _ = program.communicate(timeout=JOIN_S)
        finally:
            program.kill()
    assert rest.split() == ["interrupted", "terminated"]
    assert program.returncode == 0


@pytest.fixture(params=["fork", "spawn"])
def start_method(request, monkeypatch):
    if request.param not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system does not start processes with {request.param}")
    process_class = multiprocessing.get_context(request.param).Process
    monkeypatch.setattr(devices.ProcessDevice, "_launch_class", process_class)


@pytest.mark.usefixtures("start_method")
def test_process_device_carries_messages_and_can_be_stopped(context):
    device = devices.ProcessDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    port_in = device.bind_in_to_random_port("tcp://127.0.0.1")
    port_out = device.bind_out_to_random_port("tcp://127.0.0.1")
    device.start()
    assert device.launcher.pid not in (None, os.getpid())
    assert device.launcher.daemon
    requester = context.socket(zmq.REQ)
    requester.connect(f"tcp://127.0.0.1:{port_in}")
    replier = context.socket(zmq.REP)
    replier.connect(f"tcp://127.0.0.1:{port_out}")
    requester.send(b"question")
    answer_one(replier)
    assert requester.recv_multipart() == [b"re", b"question"]
    requester.close(linger=0)
    replier.close(linger=0)
    device.join(0.01)
    assert not device.done
    device.launcher.terminate()
    device.join(JOIN_S)  # stopped from outside: that is no error
    assert device.done


@pytest.mark.usefixtures("start_method")
def test_process_proxy_can_be_steered_and_delivers_what_it_has(context, make_endpoint):
    drain = context.socket(zmq.PULL)
    drain.bind(make_endpoint("tcp"))
    device = devices.ProcessProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)
    port = device.bind_in_to_random_port("tcp://127.0.0.1")
    device.connect_out(drain.last_endpoint.decode())
    control_port = device.bind_ctrl_to_random_port("tcp://127.0.0.1")
    device.daemon = False
    device.start()
    assert not device.launcher.daemon
    push = context.socket(zmq.PUSH)
    push.connect(f"tcp://127.0.0.1:{port}")
    control = context.socket(zmq.PAIR)
    control.connect(f"tcp://127.0.0.1:{control_port}")
    messages = [b"%d" % number for number in range(100)]
    for message in messages:
        push.send(message)
    assert drain.recv() == messages[0]
    while statistics(control)[0] < len(messages):
        pass
    control.send(b"TERMINATE")
    device.join(JOIN_S)
    assert device.done
    assert device.launcher.exitcode == 0
    assert [drain.recv() for _ in messages[1:]] == messages[1:]
    for socket in (push, drain, control):
        socket.close(linger=0)


def test_error_on_a_thread_is_raised_by_join_with_its_traceback(context, make_endpoint, caplog):
    taken = context.socket(zmq.PULL)
    taken.bind(make_endpoint("tcp"))
    device = devices.ThreadProxy(zmq.PULL, zmq.PUSH)
    device.bind_in(taken.last_endpoint.decode())
    background(device, context)
    for _ in range(2):  # it stays known
        with pytest.raises(zmq.ZMQError) as raised:
            device.join(JOIN_S)
        assert raised.value.errno == zmq.EADDRINUSE
        assert "_setup_sockets" in {frame.name for frame in traceback.extract_tb(raised.tb)}
    assert [(record.name, record.levelname) for record in caplog.records] == [
        ("zmq.devices", "ERROR")
    ]
    taken.close()
    context.term()  # returns: the device has closed the sockets that it made


@pytest.mark.usefixtures("start_method")
def test_error_in_a_process_is_raised_by_join_with_its_traceback(context, make_endpoint, capfd):
    taken = context.socket(zmq.PULL)
    taken.bind(make_endpoint("tcp"))
    device = devices.ProcessMonitoredQueue(zmq.PULL, zmq.PUSH)
    device.bind_in(taken.last_endpoint.decode())
    device.start()
    with pytest.raises(zmq.ZMQError) as raised:
        device.join(JOIN_S)
    taken.close()
    assert raised.value.errno == zmq.EADDRINUSE
    assert "_setup_sockets" in str(raised.value.__cause__)
    assert device.done
    assert device.launcher.exitcode == 1
    assert "Traceback" in capfd.readouterr().err


class OneOfItsKind(Exception):
    """An exception that does not travel between processes."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}")


class Failing(devices.ProcessDevice):
    def run_device(self):
        raise OneOfItsKind("left", "right")


class Crashing(devices.ProcessDevice):
    def run_device(self):
        faulthandler.disable()  # the end is meant
        os.kill(os.getpid(), signal.SIGABRT)


@pytest.mark.usefixtures("capfd")
def test_error_that_cannot_travel_is_raised_by_its_text():
    device = Failing(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.start()
    with pytest.raises(RuntimeError, match="OneOfItsKind: left and right") as raised:
        device.join(JOIN_S)
    assert "run_device" in str(raised.value.__cause__)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
@pytest.mark.usefixtures("capfd")
def test_crash_of_the_process_is_raised_by_join():
    device = Crashing(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.start()
    with pytest.raises(RuntimeError, match="SIGABRT"):
        device.join(JOIN_S)


@pytest.mark.parametrize("kind", [devices.ThreadDevice, devices.ProcessDevice])
def test_join_before_start_says_so(kind):
    with pytest.raises(RuntimeError, match="start"):
        kind(zmq.QUEUE, zmq.ROUTER, zmq.DEALER).join()


def test_device_that_runs_cannot_be_started_again_until_it_has_ended(make_endpoint):
    contexts = []

    def new_context():
        contexts.append(zmq.Context())
        return contexts[-1]

    device = devices.ThreadDevice(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device.context_factory = new_context
    source = make_endpoint("tcp")
    with zmq.Context() as context, context.socket(zmq.PULL) as drain:
        drain.bind(source)
        for text in (b"first", b"second"):
            drained = make_endpoint("inproc")
            device._in_binds[:] = [drained]
            device._out_connects[:] = [drain.last_endpoint.decode()]
            device.start()
            with pytest.raises(RuntimeError, match="running already"):
                device.start()
            # The device and its endpoint appear when they appear: the connect waits for them.
            wait_until_made = threading.Event()
            while not contexts and not wait_until_made.wait(0.01):
                pass
            with contexts[-1].socket(zmq.PUSH) as push:
                push.connect(drained)
                push.send(text)
                assert drain.recv() == text
            contexts.pop().term()
            device.join(JOIN_S)
            assert device.done


def test_random_ports_are_in_the_range_asked_for_and_all_different():
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUSH)
    ports = [
        reserve("tcp://127.0.0.1", min_port=21000, max_port=21999)
        for reserve in (
            device.bind_in_to_random_port,
            device.bind_out_to_random_port,
            device.bind_mon_to_random_port,
            device.bind_ctrl_to_random_port,
        )
    ]
    assert len(set(ports)) == 4
    assert all(21000 <= port < 21999 for port in ports)


def test_random_ports_of_a_small_range_run_out_with_a_bind_error():
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PUSH, -1)
    with pytest.raises(zmq.ZMQBindError):  # noqa: PT012 (how many are free is not known)
        for _ in range(6):
            device.bind_in_to_random_port("tcp://127.0.0.1", min_port=22000, max_port=22005)


def test_options_are_set_on_the_side_they_are_meant_for(context, make_endpoint):
    outside_in = context.socket(zmq.ROUTER)
    outside_in.bind(make_endpoint("inproc"))
    outside_out = context.socket(zmq.ROUTER)
    outside_out.bind(make_endpoint("inproc"))
    device = devices.ThreadDevice(zmq.QUEUE, zmq.DEALER, zmq.DEALER)
    device.setsockopt_in(zmq.ROUTING_ID, b"in side")
    device.setsockopt_in(zmq.PROBE_ROUTER, 1)
    device.setsockopt_out(zmq.ROUTING_ID, b"out side")
    device.setsockopt_out(zmq.PROBE_ROUTER, 1)
    device.connect_in(outside_in.last_endpoint.decode())
    device.connect_out(outside_out.last_endpoint.decode())
    background(device, context)
    assert outside_in.recv_multipart() == [b"in side", b""]
    assert outside_out.recv_multipart() == [b"out side", b""]
    finish(device, context, outside_in, outside_out)


def test_context_factories_are_the_global_context_and_a_new_one():
    assert devices.Device.context_factory() is zmq.Context.instance()
    assert devices.ThreadDevice.context_factory() is zmq.Context.instance()
    with devices.ProcessDevice.context_factory() as made:
        assert made is not zmq.Context.instance()
    zmq.Context.instance().term()


@pytest.mark.parametrize("daemon", [True, False])
def test_daemon_flag_is_that_of_the_thread(context, make_endpoint, daemon):
    source, sink = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    source.bind(make_endpoint("inproc"))
    sink.bind(make_endpoint("inproc"))
    device = devices.ThreadDevice(zmq.STREAMER, zmq.PULL, zmq.PUSH)
    device.daemon = daemon
    device.connect_in(source.last_endpoint.decode())
    device.connect_out(sink.last_endpoint.decode())
    background(device, context)
    assert device.launcher.daemon is daemon
    # It has to be up before the context may end.
    source.send(b"message")
    assert sink.recv() == b"message"
    finish(device, context, source, sink)


def test_proxy_copies_both_directions_to_the_third_socket(context, make_endpoint):
    front, back, copies = (context.socket(kind) for kind in (zmq.PAIR, zmq.PAIR, zmq.PULL))
    for socket in (front, back, copies):
        socket.bind(make_endpoint("inproc"))
    device = devices.ThreadProxy(zmq.PAIR, zmq.PAIR, zmq.PUSH)
    device.setsockopt_mon(zmq.SNDHWM, 0)
    device.connect_in(front.last_endpoint.decode())
    device.connect_out(back.last_endpoint.decode())
    device.connect_mon(copies.last_endpoint.decode())
    background(device, context)
    front.send_multipart([b"a", b"b"])
    assert back.recv_multipart() == [b"a", b"b"]
    assert copies.recv_multipart() == [b"a", b"b"]
    back.send(b"c")
    assert front.recv() == b"c"
    assert copies.recv_multipart() == [b"c"]
    finish(device, context, front, back, copies)


def steerable(context, make_endpoint, control_type=None):
    push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    control = context.socket(zmq.PAIR if control_type is None else zmq.REQ)
    for socket in (push, pull, control):
        socket.bind(make_endpoint("inproc"))
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, control_type)
    device.setsockopt_ctrl(zmq.LINGER, 0)
    device.connect_in(push.last_endpoint.decode())
    device.connect_out(pull.last_endpoint.decode())
    device.connect_ctrl(control.last_endpoint.decode())
    background(device, context)
    return device, push, pull, control


def statistics(control):
    control.send(b"STATISTICS")
    # Every command may be answered, the others with an empty message.
    while len(parts := control.recv_multipart()) != 8:
        assert parts == [b""]
    return [struct.unpack("=Q", part)[0] for part in parts]


def test_steerable_proxy_counts_pauses_resumes_and_terminates(context, make_endpoint):
    device, push, pull, control = steerable(context, make_endpoint)
    push.send(b"12345")
    assert pull.recv() == b"12345"
    assert statistics(control) == [1, 5, 0, 0, 0, 0, 1, 5]

    control.send(b"PAUSE")
    statistics(control)  # the answer comes after the pause began
    push.send(b"678")
    assert statistics(control) == [1, 5, 0, 0, 0, 0, 1, 5]
    assert pull.poll(0) == 0

    control.send(b"RESUME")
    assert pull.recv() == b"678"
    assert statistics(control) == [2, 8, 0, 0, 0, 0, 2, 8]

    control.send(b"TERMINATE")
    device.join(JOIN_S)
    assert device.done
    for socket in (push, pull, control):
        socket.close(linger=0)
    context.term()


def test_steerable_proxy_ends_with_its_context(context, make_endpoint):
    device, *sockets = steerable(context, make_endpoint)
    statistics(sockets[-1])
    finish(device, context, *sockets)


@pytest.mark.parametrize("prefixes", [(b"in", b"out"), (b"request", b"")])
def test_monitored_queue_names_the_origin_of_each_copy(context, make_endpoint, prefixes):
    front, back, copies = (context.socket(kind) for kind in (zmq.PAIR, zmq.PAIR, zmq.PULL))
    for socket in (front, back, copies):
        socket.bind(make_endpoint("inproc"))
    arguments = () if prefixes == (b"in", b"out") else prefixes
    device = devices.ThreadMonitoredQueue(zmq.PAIR, zmq.PAIR, zmq.PUSH, *arguments)
    device.connect_in(front.last_endpoint.decode())
    device.connect_out(back.last_endpoint.decode())
    device.connect_mon(copies.last_endpoint.decode())
    background(device, context)
    front.send_multipart([b"", b"question"])
    assert back.recv_multipart() == [b"", b"question"]
    assert copies.recv_multipart() == [prefixes[0], b"", b"question"]
    back.send(b"answer")
    assert front.recv() == b"answer"
    assert copies.recv_multipart() == [prefixes[1], b"answer"]
    finish(device, context, front, back, copies)


def test_monitored_queue_of_two_routers_lets_each_side_address_the_other(context, make_endpoint):
    left, right = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    for socket, routing_id in ((left, b"left"), (right, b"right")):
        socket.routing_id = routing_id
        socket.bind(make_endpoint("inproc"))
    watcher = context.socket(zmq.PULL)
    watcher.bind(make_endpoint("inproc"))
    device = devices.ThreadMonitoredQueue(zmq.ROUTER, zmq.ROUTER, zmq.PUSH)
    device.connect_in(left.last_endpoint.decode())
    device.connect_out(right.last_endpoint.decode())
    device.connect_mon(watcher.last_endpoint.decode())
    background(device, context)
    # Over inproc the device knows both peers before its loop begins.
    left.send_multipart([b"right", b"hello"])
    assert right.recv_multipart() == [b"left", b"hello"]
    assert watcher.recv_multipart() == [b"in", b"right", b"left", b"hello"]
    right.send_multipart([b"left", b"hi"])
    assert left.recv_multipart() == [b"right", b"hi"]
    finish(device, context, left, right, watcher)


def test_monitored_queue_refuses_prefixes_that_are_not_bytes(make_pair, context):
    front, back = make_pair(zmq.PAIR, zmq.PAIR)
    with front, back, context.socket(zmq.PUB) as watcher, pytest.raises(TypeError):
        devices.monitored_queue(front, back, watcher, "in", b"out")


@pytest.mark.parametrize(
    "name",
    [
        "zmq.devices.ThreadDevice",
        "zmq.devices.proxydevice.ProcessProxy",
        "zmq.devices.proxysteerabledevice.ThreadProxySteerable",
        "zmq.devices.ProcessMonitoredQueue",
    ],
)
def test_devices_are_found_by_their_dotted_names(name):
    module, _, attribute = name.rpartition(".")
    __import__(module)
    assert issubclass(getattr(sys.modules[module], attribute), devices.Device)
