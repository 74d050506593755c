"""Options of sockets: get and set, attributes in any case, and what subclasses may do."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

import zmq
from support import TRANSPORTS

MakePair = Callable[..., tuple[zmq.Socket, zmq.Socket]]

#: An option that takes a number, and two values that it takes.
NUMBERS = {
    "AFFINITY": (1, 0),
    "BACKLOG": (10, 100),
    "CONFLATE": (1, 0),
    "CONNECT_TIMEOUT": (1000, 0),
    "HANDSHAKE_IVL": (1000, 0),
    "HEARTBEAT_IVL": (1000, 0),
    "HEARTBEAT_TIMEOUT": (1000, 0),
    "HEARTBEAT_TTL": (1000, 0),
    "IMMEDIATE": (1, 0),
    "IPV6": (1, 0),
    "LINGER": (0, -1),
    "MAXMSGSIZE": (2**40, -1),
    "MULTICAST_HOPS": (5, 1),
    "RATE": (50, 100),
    "RCVBUF": (100_000, -1),
    "RCVHWM": (5, 0),
    "RCVTIMEO": (100, -1),
    "RECONNECT_IVL": (50, -1),
    "RECONNECT_IVL_MAX": (1000, 0),
    "RECOVERY_IVL": (500, 0),
    "SNDBUF": (100_000, -1),
    "SNDHWM": (5, 0),
    "SNDTIMEO": (100, -1),
    "TCP_KEEPALIVE": (1, -1),
    "TCP_KEEPALIVE_CNT": (5, -1),
    "TCP_KEEPALIVE_IDLE": (5, -1),
    "TCP_KEEPALIVE_INTVL": (5, -1),
    "TCP_MAXRT": (500, 0),
    "TOS": (8, 0),
}

#: An option that takes bytes, and two values that it takes.
TEXTS = {
    "PLAIN_USERNAME": (b"name", b"\xff other"),
    "PLAIN_PASSWORD": (b"secret", b"x" * 255),
    "ROUTING_ID": (b"routing id", b"\0" * 255),
    "SOCKS_PROXY": (b"127.0.0.1:9", b"localhost:9"),
    "ZAP_DOMAIN": (b"global", b"local"),
}


@pytest.fixture
def socket(context: zmq.Context) -> zmq.Socket:
    made: zmq.Socket = context.socket(zmq.DEALER)
    return made


def spellings(name: str) -> list[str]:
    return [name, name.lower()]


@pytest.mark.parametrize("name", NUMBERS)
def test_number_is_what_it_was_set_to(socket: zmq.Socket, name: str) -> None:
    option, values = zmq.SocketOption[name], NUMBERS[name]
    for value in values:
        socket.set(option, value)
        assert socket.get(option) == value
        assert type(socket.get(int(option))) is int
        assert [getattr(socket, spelling) for spelling in spellings(name)] == [value] * 2
    for value, spelling in zip(values * 2, spellings(name), strict=False):
        setattr(socket, spelling, value)
        assert socket.getsockopt(option) == value
    socket.setsockopt(option, values[0])
    assert socket.get(option) == values[0]


@pytest.mark.parametrize("name", TEXTS)
def test_bytes_are_what_they_were_set_to(socket: zmq.Socket, name: str) -> None:
    option, values = zmq.SocketOption[name], TEXTS[name]
    for value in values:
        socket.set(option, value)
        assert socket.get(option) == value
        assert type(socket.get(option)) is bytes
    for value, spelling in zip(values * 2, spellings(name), strict=False):
        setattr(socket, spelling, value)
        assert getattr(socket, spelling.lower()) == value
    socket.set_string(option, "text")
    assert socket.get_string(option) == "text"
    socket.setsockopt_string(option, "\N{SNOWMAN}", encoding="utf-16")
    assert socket.getsockopt_string(option, encoding="utf-16") == "\N{SNOWMAN}"


def test_routing_id_may_hold_any_bytes(socket: zmq.Socket) -> None:
    for value in (b"\0", b"a\0b", b"\0" * 255, bytes(range(255))):
        socket.routing_id = value
        assert socket.routing_id == socket.identity == socket.IDENTITY == value


def test_text_of_libzmq_has_no_end_mark(socket: zmq.Socket) -> None:
    endpoint = socket.bind("inproc://endpoint").addr
    assert endpoint == "inproc://endpoint"
    assert socket.last_endpoint == b"inproc://endpoint"
    assert socket.get(zmq.LAST_ENDPOINT) == socket.LAST_ENDPOINT
    assert socket.get_string(zmq.LAST_ENDPOINT) == endpoint


def test_bool_and_enum_are_numbers_too(socket: zmq.Socket) -> None:
    socket.ipv6 = True
    assert socket.ipv6 == 1
    socket.set(zmq.SocketOption.SNDHWM, zmq.SocketType.PUSH)
    assert socket.sndhwm == 8
    assert socket.get(option=zmq.SNDHWM) == 8
    socket.set(option=zmq.SNDHWM, optval=9)
    assert socket.sndhwm == 9


def test_type_is_a_socket_type(context: zmq.Context) -> None:
    for kind in (zmq.PUB, zmq.REQ, zmq.STREAM):
        socket = context.socket(kind)
        assert socket.type is zmq.SocketType(kind)
        assert socket.get(zmq.TYPE) == socket.TYPE == kind
        socket.close()
        assert socket.type is zmq.SocketType(kind)
        assert repr(socket).startswith(f"<zmq.Socket(zmq.{kind.name}) at ")
        assert repr(socket).endswith(" closed>")


def test_socket_type_is_deprecated(socket: zmq.Socket) -> None:
    with pytest.warns(DeprecationWarning, match="socket_type"):
        assert socket.socket_type is zmq.DEALER


def test_events_and_descriptor(make_pair: MakePair) -> None:
    first, second = make_pair()
    assert first.events == first.EVENTS == zmq.POLLOUT
    second.send(b"message")
    assert first.get(zmq.EVENTS) == zmq.POLLIN | zmq.POLLOUT
    assert first.fileno() == first.fd == first.FD == first.get(zmq.FD)
    assert first.fileno() > 0


# -- high-water marks ----------------------------------------------------------------------------


def test_hwm_sets_both_marks(socket: zmq.Socket) -> None:
    socket.set_hwm(7)
    assert (socket.sndhwm, socket.rcvhwm, socket.get_hwm(), socket.hwm) == (7, 7, 7, 7)
    socket.hwm = 8
    assert (socket.sndhwm, socket.rcvhwm) == (8, 8)
    socket.sndhwm = 9
    assert socket.hwm == socket.get_hwm() == 9


# -- attributes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["SUBSCRIBE", "UNSUBSCRIBE", "tcp_accept_filter", "TCP_ACCEPT_FILTER", "xpub_verbose"]
)
def test_write_only_option_is_no_attribute_to_read(socket: zmq.Socket, name: str) -> None:
    with pytest.raises(AttributeError, match=f"{name} attribute is write-only"):
        getattr(socket, name)
    assert getattr(socket, name, "default") == "default"
    assert not hasattr(socket, name)


def test_option_is_set_where_a_subclass_has_its_own_subscribe(context: zmq.Context) -> None:
    class Topics(zmq.Socket):
        def subscribe(self, topic: str) -> None:
            super().subscribe("topic." + topic)

        def set(self, option: int, optval: object) -> None:
            options.append((option, optval))
            super().set(option, optval)

    options: list[tuple[int, object]] = []
    with Topics(context, zmq.SUB) as subscriber:
        subscriber.subscribe("a")
        subscriber.subscribe = b"b"
        subscriber.unsubscribe = b"b"
        assert callable(subscriber.subscribe)
    assert (zmq.SUBSCRIBE, b"b") in options
    assert (zmq.UNSUBSCRIBE, b"b") in options


def test_subscribe_is_a_method_and_an_option(make_pair: MakePair) -> None:
    publisher, subscriber = make_pair(zmq.XPUB, zmq.SUB)
    subscriber.subscribe("text")
    subscriber.subscribe(b"bytes")
    subscriber.subscribe = b"assigned"
    subscriber.subscribe = "assigned text"
    subscriber.SUBSCRIBE = b"upper"
    subscriber.setsockopt(zmq.SUBSCRIBE, b"set")
    subscriber.set_string(zmq.SUBSCRIBE, "set text")
    expected = [
        b"\x01text",
        b"\x01bytes",
        b"\x01assigned",
        b"\x01assigned text",
        b"\x01upper",
        b"\x01set",
        b"\x01set text",
    ]
    assert [publisher.recv() for _ in expected] == expected
    subscriber.unsubscribe("text")
    subscriber.unsubscribe(b"bytes")
    subscriber.unsubscribe = b"assigned"
    subscriber.UNSUBSCRIBE = b"upper"
    expected = [b"\x00text", b"\x00bytes", b"\x00assigned", b"\x00upper"]
    assert [publisher.recv() for _ in expected] == expected
    assert callable(subscriber.subscribe)
    assert callable(subscriber.unsubscribe)


@pytest.mark.parametrize("name", ["subscribe", "SUBSCRIBE", "Subscribe"])
def test_text_can_be_assigned_as_a_topic_in_any_case(make_pair: MakePair, name: str) -> None:
    publisher, subscriber = make_pair(zmq.XPUB, zmq.SUB)
    setattr(subscriber, name, "té")
    assert publisher.recv() == b"\x01" + "té".encode()
    setattr(subscriber, f"un{name}" if name.islower() else f"UN{name}", "té")
    assert publisher.recv() == b"\x00" + "té".encode()


@pytest.mark.parametrize("name", ["nosuch", "NOSUCH", "_private", "lingers", "addr"])
def test_unknown_attribute_is_refused(socket: zmq.Socket, name: str) -> None:
    with pytest.raises(AttributeError, match=f"(?i){name}"):
        getattr(socket, name)
    with pytest.raises(AttributeError, match=f"(?i){name}"):
        setattr(socket, name, 1)
    with pytest.raises(AttributeError):
        delattr(socket, name)


def test_method_can_be_replaced_on_one_socket(make_pair: MakePair) -> None:
    first, second = make_pair()
    with mock.patch.object(first, "send", return_value="replaced") as replaced:
        assert first.send(b"lost") == "replaced"
    replaced.assert_called_once_with(b"lost")
    first.send(b"sent")
    assert second.recv() == b"sent"
    first.recv = lambda: b"own"
    assert first.recv() == b"own"
    del first.recv
    second.send(b"back")
    assert first.recv() == b"back"


def test_dir_lists_options_and_methods(socket: zmq.Socket) -> None:
    names = dir(socket)
    assert {"LINGER", "RCVTIMEO", "send", "recv", "bind", "closed", "context"} <= set(names)
    assert names == sorted(names)
    assert {name for name in zmq.SocketOption.__members__ if name.isupper()} <= set(names)


def test_readonly_attributes(socket: zmq.Socket) -> None:
    for name in ("closed", "underlying"):
        with pytest.raises(AttributeError):
            setattr(socket, name, 1)
    assert socket.closed is False
    assert type(socket.underlying) is int


class Declaring(zmq.Socket):
    """A subclass with attributes of its own."""

    assigned = None
    annotated: int
    linger_s: float = 0.5
    __slots_like__ = ("x",)

    def __init__(self, *arguments: Any, extra: str = "none", **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.assigned = extra
        self.annotated = 1


class Deriving(Declaring):
    more: str


def test_abstract_subclass_cannot_be_made(context: zmq.Context) -> None:
    class Abstract(zmq.Socket, abc.ABC):
        @abc.abstractmethod
        def work(self) -> int: ...

    class Concrete(Abstract):
        def work(self) -> int:
            return 1

    with pytest.raises(TypeError, match=r"abstract.*work"):
        Abstract(context, zmq.PUB)  # type: ignore[abstract]
    with Concrete(context, zmq.PUB) as socket:
        assert socket.work() == 1


def test_subclass_may_declare_attributes(context: zmq.Context) -> None:
    with Deriving(context, zmq.PUB, extra="given") as socket:
        assert (socket.assigned, socket.annotated, socket.linger_s) == ("given", 1, 0.5)
        socket.more = "more"
        socket.linger_s = 2
        socket.linger = 3
        assert (socket.more, socket.linger_s, socket.LINGER) == ("more", 2, 3)
        with pytest.raises(AttributeError):
            socket.undeclared = 1
        socket.__dict__["undeclared"] = 1
        assert socket.undeclared == 1
        socket.undeclared = 2
        assert socket.__dict__["undeclared"] == 2
        with pytest.raises(AttributeError):
            socket.nosuch  # noqa: B018


def test_subclass_may_override_get_and_set(context: zmq.Context) -> None:
    calls: list[Any] = []

    class Recording(zmq.Socket):
        def get(self, option: int) -> Any:
            calls.append(("get", int(option)))
            return super().get(option)

        def set(self, option: int, optval: Any) -> None:
            calls.append(("set", int(option), optval))
            super().set(option, optval)

    with Recording(context, zmq.SUB) as socket:
        calls.clear()
        socket.linger = 5
        assert socket.linger == socket.LINGER == 5
        socket.subscribe(b"topic")
        socket.subscribe = b"other"
        socket.unsubscribe(b"topic")
        socket.hwm = 3
        assert socket.hwm == 3
        socket.set_string(zmq.SUBSCRIBE, "text")
        assert calls == [
            ("set", zmq.LINGER, 5),
            ("get", zmq.LINGER),
            ("get", zmq.LINGER),
            ("set", zmq.SUBSCRIBE, b"topic"),
            ("set", zmq.SUBSCRIBE, b"other"),
            ("set", zmq.UNSUBSCRIBE, b"topic"),
            ("set", zmq.SNDHWM, 3),
            ("set", zmq.RCVHWM, 3),
            ("get", zmq.SNDHWM),
            ("set", zmq.SUBSCRIBE, b"text"),
        ]


def test_subclass_may_have_properties_named_like_options(context: zmq.Context) -> None:
    class Proper(zmq.Socket):
        @property
        def linger(self) -> str:
            return f"linger {self.get(zmq.LINGER)}"

        @linger.setter
        def linger(self, value: int) -> None:
            self.set(zmq.LINGER, value * 1000)

    with Proper(context, zmq.PUB) as socket:
        socket.linger = 2
        assert socket.linger == "linger 2000"
        assert socket.LINGER == 2000


def test_attribute_that_raises_is_told_as_it_is(context: zmq.Context) -> None:
    class Failing(zmq.Socket):
        @property
        def broken(self) -> int:
            raise LookupError("broken")

        @property
        def missing(self) -> int:
            return self.nosuch

    with Failing(context, zmq.PUB) as socket:
        with pytest.raises(LookupError, match="broken"):
            socket.broken  # noqa: B018
        with pytest.raises(AttributeError, match=r"(?i)nosuch|missing"):
            socket.missing  # noqa: B018


# -- the pseudo-option MONITOR -------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["inproc://monitor", b"inproc://monitor"])
def test_monitor_is_an_option(context: zmq.Context, endpoint: Any) -> None:
    bound = context.socket(zmq.REP)
    bound.bind("tcp://127.0.0.1:*")
    assert bound.get(zmq.SocketOption.MONITOR) == b""
    bound.set(zmq.SocketOption.MONITOR, endpoint)
    assert bound.get(zmq.MONITOR) == b"inproc://monitor"
    monitor = context.socket(zmq.PAIR)
    monitor.connect("inproc://monitor")
    late = context.socket(zmq.REQ)
    late.connect(bound.get_string(zmq.LAST_ENDPOINT))
    assert monitor.recv_pyobj()["event"] is zmq.EVENT_ACCEPTED
    assert monitor.recv_pyobj()["event"] is zmq.EVENT_HANDSHAKE_SUCCEEDED
    bound.set(zmq.MONITOR, None if isinstance(endpoint, str) else b"")
    assert bound.get(zmq.MONITOR) == b""
    assert monitor.recv_pyobj()["event"] is zmq.EVENT_MONITOR_STOPPED


@pytest.mark.parametrize("value", [5, 1.5, ["inproc://monitor"]])
def test_monitor_of_a_wrong_type_is_refused(socket: zmq.Socket, value: object) -> None:
    with pytest.raises(TypeError):
        socket.set(zmq.MONITOR, value)
    assert socket.get(zmq.MONITOR) == b""


# -- what options do -----------------------------------------------------------------------------


def test_timeouts_raise_again(make_pair: MakePair, context: zmq.Context) -> None:
    first, _ = make_pair()
    first.rcvtimeo = 1
    for receive in (first.recv, first.recv_multipart, first.recv_string, first.recv_json):
        with pytest.raises(zmq.Again):
            receive()
    first.rcvtimeo = 0
    with pytest.raises(zmq.Again):
        first.recv()
    alone = context.socket(zmq.PUSH)
    alone.sndtimeo = 1
    with pytest.raises(zmq.Again):
        alone.send(b"message")
    with pytest.raises(zmq.Again):
        alone.send_multipart([b"message"])


@pytest.mark.parametrize("transport", ["ipc", "tcp"])
def test_conflate_keeps_the_last_message(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    receiver, sender = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    receiver.conflate = 1
    receiver.bind(make_endpoint(transport))
    sender.connect(receiver.get_string(zmq.LAST_ENDPOINT))
    for number in range(100):
        sender.send(b"%d" % number)
    while receiver.recv() != b"99":
        continue
    assert receiver.poll(0) == 0


def test_router_mandatory_raises_ehostunreach(context: zmq.Context) -> None:
    router = context.socket(zmq.ROUTER)
    router.bind("inproc://router")
    router.send_multipart([b"nobody", b"message"])
    router.router_mandatory = True
    with pytest.raises(zmq.ZMQError) as raised:
        router.send_multipart([b"nobody", b"message"])
    assert raised.value.errno == zmq.EHOSTUNREACH
    dealer = context.socket(zmq.DEALER)
    dealer.routing_id = b"somebody"
    dealer.connect("inproc://router")
    router.poll(0)  # it hears of its new peer
    router.send_multipart([b"somebody", b"message"])
    assert dealer.recv_multipart() == [b"message"]


def test_req_relaxed_lets_a_request_be_repeated(make_pair: MakePair) -> None:
    replier, requester = make_pair(zmq.REP, zmq.REQ)
    requester.send(b"first")
    with pytest.raises(zmq.ZMQError) as raised:
        requester.send(b"second")
    assert raised.value.errno == zmq.EFSM
    requester.req_relaxed = requester.req_correlate = 1
    requester.send(b"second")
    assert replier.recv() == b"first"
    replier.send(b"to the first")
    assert replier.recv() == b"second"
    replier.send(b"to the second")
    assert requester.recv() == b"to the second"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_probe_router_makes_the_peer_known(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    router.bind(make_endpoint(transport))
    dealer.probe_router = 1
    dealer.routing_id = b"dealer"
    dealer.connect(router.get_string(zmq.LAST_ENDPOINT))
    assert router.recv_multipart() == [b"dealer", b""]
    router.send_multipart([b"dealer", b"message"])
    assert dealer.recv() == b"message"


def test_curve_keys_are_taken_as_bytes_or_z85(context: zmq.Context) -> None:
    if not zmq.has("curve"):
        pytest.skip("libzmq has no CURVE")
    from zmq.utils import z85

    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
    server_public, server_secret = zmq.curve_keypair()
    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    server.curve_server = True
    server.curve_secretkey = server_secret
    client.curve_serverkey = z85.decode(server_public)
    client.set(zmq.CURVE_PUBLICKEY, z85.decode(public))
    client.set_string(zmq.CURVE_SECRETKEY, secret.decode())
    assert client.mechanism == zmq.SecurityMechanism.CURVE
    client.connect(server.bind("tcp://127.0.0.1:*").addr)
    client.send(b"secret")
    assert server.recv() == b"secret"


def test_mechanism_follows_from_the_options(context: zmq.Context) -> None:
    server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
    assert server.mechanism == client.mechanism == zmq.SecurityMechanism.NULL
    server.plain_server = True
    client.plain_username, client.plain_password = b"name", b"secret"
    assert server.mechanism == client.mechanism == zmq.SecurityMechanism.PLAIN
