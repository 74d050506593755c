"""Authentication, monitors, devices, decorators, logging, tunnels."""

from __future__ import annotations

import asyncio
import logging

from typing_extensions import assert_type

import zmq
import zmq.asyncio
from zmq import devices, ssh
from zmq.auth import CURVE_ALLOW_ANY, create_certificates, load_certificate, load_certificates
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.auth.thread import ThreadAuthenticator
from zmq.decorators import context, socket
from zmq.log.handlers import PUBHandler, TopicLogger
from zmq.utils import jsonapi, z85
from zmq.utils.monitor import MonitorEvent, MonitorMessage, recv_monitor_message


class Provider:
    """Decides about keys."""

    def callback(self, domain: str, key: bytes) -> bool:
        return domain == "here" and len(key) == 40


class SlowProvider:
    """Decides about keys, when it has thought about them."""

    async def callback(self, domain: str, key: bytes) -> bool:
        await asyncio.sleep(0)
        return True


def authentication(made: zmq.Context[zmq.Socket[bytes]]) -> None:
    with ThreadAuthenticator(made) as authenticator:
        assert_type(authenticator, ThreadAuthenticator)
        authenticator.allow("127.0.0.1", "::1")
        authenticator.configure_plain(domain="*", passwords={"name": "password"})
        authenticator.configure_curve(domain="*", location=CURVE_ALLOW_ANY)
        authenticator.configure_curve_callback("*", credentials_provider=Provider())
        authenticator.configure_curve_callback("*", credentials_provider=SlowProvider())
        assert_type(authenticator.is_alive(), bool)
    ThreadAuthenticator(zmq.asyncio.Context(), log=logging.getLogger("zap")).stop()
    assert_type(create_certificates("keys", "server"), tuple[str, str])
    assert_type(load_certificate("server.key_secret"), tuple[bytes, bytes | None])
    assert_type(load_certificates("keys"), dict[bytes, bool])


async def asynchronous_authentication(made: zmq.asyncio.Context) -> None:
    async with AsyncioAuthenticator(made) as authenticator:
        assert_type(authenticator, AsyncioAuthenticator)
        authenticator.deny("10.0.0.1")


def monitors(monitored: zmq.Socket[bytes]) -> None:
    monitor = monitored.get_monitor_socket()
    message = recv_monitor_message(monitor)
    assert_type(message, MonitorMessage)
    assert_type(message["event"], zmq.Event)
    assert_type(message["endpoint"], bytes)
    number: int = message["value"]
    for event in monitored.monitor_events(zmq.EVENT_CONNECTED):
        assert_type(event, MonitorEvent)
        number = event.value
    print(number)


async def asynchronous_monitors(monitored: zmq.asyncio.Socket) -> None:
    monitor = monitored.get_monitor_socket()
    assert_type(monitor, zmq.asyncio.Socket)
    assert_type(await recv_monitor_message(monitor), MonitorMessage)
    async for event in monitored.monitor_events():
        assert_type(event.endpoint, bytes)


def run_devices() -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.ROUTER, zmq.DEALER)
    device.bind_in("tcp://127.0.0.1:*")
    device.setsockopt_in(zmq.LINGER, 0)
    assert_type(device.bind_out_to_random_port("tcp://127.0.0.1"), int)
    device.start()
    device.join(timeout=1.5)
    assert_type(device.done, bool)
    proxy = devices.ProcessProxySteerable(zmq.ROUTER, zmq.DEALER, zmq.PUB, zmq.PAIR)
    proxy.bind_ctrl("tcp://127.0.0.1:*")
    devices.ThreadMonitoredQueue(zmq.ROUTER, zmq.DEALER, in_prefix=b"in", out_prefix=b"out")


@context("made", io_threads=2)
@socket("push", zmq.PUSH, context_name="made")
def decorated(name: str, made: zmq.Context[zmq.Socket[bytes]], push: zmq.Socket[bytes]) -> int:
    push.send_string(name)
    return len(name)


def logs(made: zmq.Context[zmq.Socket[bytes]]) -> None:
    handler = PUBHandler("inproc://log", context=made, root_topic="root")
    handler.setFormatter(logging.Formatter("%(message)s"), logging.DEBUG)
    logging.getLogger().addHandler(handler)
    TopicLogger("name").info("topic", "number %d", 1)
    logging.getLogger().addHandler(PUBHandler(zmq.asyncio.Context().socket(zmq.PUB)))


def tunnels(connected: zmq.Socket[bytes]) -> None:
    tunnel = ssh.tunnel_connection(connected, "tcp://127.0.0.1:5555", "user@host", timeout=60)
    print(tunnel)
    endpoint, _ = ssh.open_tunnel("tcp://127.0.0.1:5555", "user@host", paramiko=True)
    assert_type(endpoint, str)


def utilities() -> None:
    assert_type(jsonapi.dumps({"a": 1}), bytes)
    assert_type(z85.encode(b"1234"), bytes)
    assert_type(z85.decode(b"12345"), bytes)
