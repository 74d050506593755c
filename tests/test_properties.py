"""Properties that hold for any data: what is sent arrives, what is refused changes nothing."""

from __future__ import annotations

import contextlib
import itertools
import pickle
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zmq
from support import TRANSPORTS
from zmq.utils import z85

settings.register_profile(
    "sockets",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    # The sockets are those of all examples: that nothing is left in them is what is tested.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("sockets")

#: Data around the sizes at which libzmq and we treat it differently.
sizes = st.sampled_from(
    [0, 1, 29, 30, 33, 34, 255, 256, 8191, 8192, 32_768, 65_535, 65_536, 100_000]
)
large = st.builds(lambda size, fill: bytes([fill]) * size, sizes, st.integers(0, 255))
data = st.binary(max_size=200) | large
messages = st.lists(data, min_size=1, max_size=8)

#: Ways to hand the same bytes over.
wrappers = st.sampled_from(
    [
        bytes,
        bytearray,
        memoryview,
        zmq.Frame,
        lambda part: zmq.Frame(part, copy=False),
        lambda part: memoryview(b"x" + part)[1:],
    ]
)

limits = [2**power + offset for power in (7, 31, 32, 63, 64) for offset in (-1, 0, 1)]
integers = st.integers(-(2**70), 2**70) | st.sampled_from(limits + [-limit for limit in limits])

#: Anything that somebody may hand over by mistake.
anything = (
    st.none()
    | st.booleans()
    | integers
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=300)
    | st.builds(bytearray, st.binary(max_size=50))
    | st.lists(st.integers(), max_size=3)
    | st.tuples(st.integers())
    | st.builds(object)
)


#: For endpoints: a name is free again only some time after its socket was closed.
numbers = itertools.count()


@pytest.fixture(params=TRANSPORTS)
def pair(request: pytest.FixtureRequest, make_pair: Callable[..., Any]) -> Any:
    return make_pair(zmq.PAIR, zmq.PAIR, request.param)


# -- messages ------------------------------------------------------------------------------------


@given(parts=messages, wrap=wrappers, copy=st.booleans(), copy_received=st.booleans())
def test_any_message_arrives_as_it_was_sent(
    pair: tuple[zmq.Socket, zmq.Socket],
    parts: list[bytes],
    wrap: Callable[[bytes], Any],
    copy: bool,
    copy_received: bool,
) -> None:
    first, second = pair
    first.send_multipart([wrap(part) for part in parts], copy=copy)
    received = second.recv_multipart(copy=copy_received)
    assert [bytes(part) for part in received] == parts
    assert second.poll(0) == 0


@given(parts=messages, copy=st.lists(st.booleans(), min_size=8, max_size=8))
def test_any_message_arrives_part_by_part(
    pair: tuple[zmq.Socket, zmq.Socket], parts: list[bytes], copy: list[bool]
) -> None:
    first, second = pair
    for part, copied in zip(parts[:-1], copy, strict=False):
        first.send(part, zmq.SNDMORE, copy=copied)
    first.send(parts[-1], copy=copy[-1])
    received = [second.recv(copy=copy[0])]
    while second.rcvmore:
        received.append(second.recv(copy=copy[len(received) % 8]))
    assert [bytes(part) for part in received] == parts


@given(part=data, room=st.integers(0, 300), limit=st.integers(0, 300))
def test_recv_into_writes_what_fits_and_nothing_else(
    pair: tuple[zmq.Socket, zmq.Socket], part: bytes, room: int, limit: int
) -> None:
    first, second = pair
    buffer = bytearray(b"\xaa" * room)
    first.send(part)
    if limit > room:
        with pytest.raises(ValueError, match="nbytes"):
            second.recv_into(buffer, nbytes=limit)
        assert second.recv() == part
        return
    assert second.recv_into(buffer, nbytes=limit) == len(part)
    written = min(limit or room, len(part))
    assert buffer == part[:written] + b"\xaa" * (room - written)


@given(text=st.text(max_size=100), encoding=st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_any_text_arrives(pair: tuple[zmq.Socket, zmq.Socket], text: str, encoding: str) -> None:
    first, second = pair
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        with pytest.raises(UnicodeEncodeError):
            first.send_string(text, encoding=encoding)
    else:
        first.send_string(text, encoding=encoding)
        assert second.recv_string(encoding=encoding) == text
    assert second.poll(0) == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3)
    ),
    max_leaves=10,
)


@given(value=json_values)
def test_any_json_arrives(pair: tuple[zmq.Socket, zmq.Socket], value: object) -> None:
    first, second = pair
    first.send_json(value)
    assert second.recv_json() == value


@given(value=json_values, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_any_object_arrives(
    pair: tuple[zmq.Socket, zmq.Socket], value: object, protocol: int
) -> None:
    first, second = pair
    first.send_pyobj(value, protocol=protocol)
    assert second.recv_pyobj() == value


@given(parts=st.lists(anything, max_size=4), copy=st.booleans(), track=st.booleans())
def test_anything_is_sent_whole_or_refused_whole(
    pair: tuple[zmq.Socket, zmq.Socket], parts: list[Any], copy: bool, track: bool
) -> None:
    first, second = pair
    sendable = bool(parts) and all(isinstance(part, bytes | bytearray) for part in parts)
    try:
        first.send_multipart(parts, copy=copy, track=track)
    except (TypeError, ValueError, IndexError):
        assert not sendable
    else:
        assert sendable
        assert second.recv_multipart() == parts
    first.send(b"next")
    assert second.recv_multipart() == [b"next"]


@given(parts=messages)
def test_frames_can_be_sent_on_and_on(
    pair: tuple[zmq.Socket, zmq.Socket], parts: list[bytes]
) -> None:
    first, second = pair
    frames: list[Any] = [zmq.Frame(part) for part in parts]
    for _ in range(2):
        first.send_multipart(frames, copy=False)
        frames = second.recv_multipart(copy=False)
        second.send_multipart(frames)
        frames = first.recv_multipart(copy=False)
    assert [frame.bytes for frame in frames] == parts


# -- Frames --------------------------------------------------------------------------------------


@given(part=data, threshold=st.integers(0, 100_000), copy=st.none() | st.booleans())
def test_any_frame_has_its_bytes(part: bytes, threshold: int, copy: bool | None) -> None:
    for source in (part, bytearray(part), memoryview(part)):
        frame = zmq.Frame(source, copy=copy, copy_threshold=threshold, track=True)
        assert frame.bytes == bytes(frame.buffer) == bytes(frame) == part
        assert len(frame) == len(part)


@given(key=anything)
def test_properties_of_frames_of_any_name(key: Any) -> None:
    frame = zmq.Frame(b"abc")
    with contextlib.suppress(zmq.ZMQError, TypeError, OverflowError, RuntimeError, ValueError):
        assert type(frame.get(key)) in (int, str)
    assert frame.bytes == b"abc"


# -- options -------------------------------------------------------------------------------------

#: What an option may be refused with.
REFUSALS = (zmq.ZMQError, TypeError, OverflowError, ValueError)

#: These are not tried: a descriptor of somebody else's would be used, and closed.
LEFT_OUT = {int(zmq.USE_FD)}

options = st.sampled_from([int(option) for option in zmq.SocketOption]) | st.integers(0, 150)


@pytest.fixture
def sockets(context: zmq.Context) -> list[zmq.Socket]:
    kinds = (zmq.PAIR, zmq.PUB, zmq.SUB, zmq.REQ, zmq.ROUTER, zmq.XPUB, zmq.XSUB, zmq.STREAM)
    return [context.socket(kind) for kind in kinds]


@settings(max_examples=300)
@given(option=options, value=anything)
def test_options_take_a_value_or_refuse_it(
    sockets: list[zmq.Socket], option: int, value: Any
) -> None:
    if option in LEFT_OUT:
        return
    for socket in sockets:
        with contextlib.suppress(*REFUSALS):
            socket.set(option, value)
        with contextlib.suppress(*REFUSALS):
            assert type(socket.get(option)) in (int, bytes)
        assert not socket.closed
        assert socket.get(zmq.TYPE) == socket.type


@settings(max_examples=300)
@given(option=integers, value=integers)
def test_any_number_is_an_option_or_is_refused(
    context: zmq.Context, sockets: list[zmq.Socket], option: int, value: int
) -> None:
    if option in LEFT_OUT:
        return
    for does in (
        lambda: sockets[0].get(option),
        lambda: sockets[0].set(option, value),
        lambda: context.get(option),
        lambda: sockets[0].poll(0, option),
    ):
        with contextlib.suppress(*REFUSALS):
            does()
    assert sockets[0].get(zmq.EVENTS) >= 0


@given(
    name=st.text(alphabet="abcdefghijklmnopqrstuvwxyz_ABC", min_size=1, max_size=12)
    | st.sampled_from([*zmq.SocketOption.__members__]).map(str.title),
)
def test_any_name_is_an_attribute_or_is_refused(context: zmq.Context, name: str) -> None:
    socket = context.socket(zmq.DEALER)
    with contextlib.suppress(*REFUSALS, AttributeError):
        getattr(socket, name)
    if not hasattr(type(socket), name) and name.upper() not in zmq.SocketOption.__members__:
        with pytest.raises(AttributeError):
            setattr(socket, name, 1)
    socket.close()


@given(value=anything)
def test_any_timeout_is_taken_or_refused(sockets: list[zmq.Socket], value: Any) -> None:
    if value is None or (isinstance(value, int | float) and not 0 <= value <= 5):
        return  # that would be for ever
    with contextlib.suppress(*REFUSALS):
        assert sockets[0].poll(value) == 0
    with contextlib.suppress(*REFUSALS):
        poller = zmq.Poller()
        poller.register(sockets[0], zmq.POLLIN)
        assert poller.poll(value) == []


@given(endpoint=st.text(max_size=20) | anything)
def test_any_endpoint_is_taken_or_refused(context: zmq.Context, endpoint: Any) -> None:
    # Nothing that would reach anybody.
    if isinstance(endpoint, str | bytes) and len(endpoint) > 6 and "://" in str(endpoint):
        return
    socket = context.socket(zmq.PAIR)
    for does in (socket.bind, socket.connect, socket.unbind, socket.disconnect):
        with contextlib.suppress(*REFUSALS):
            does(endpoint)
    socket.close()


@given(name=st.text(min_size=1, max_size=30).filter(lambda name: "\0" not in name))
def test_any_name_will_do_for_an_endpoint(context: zmq.Context, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    first, second = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    endpoint = f"inproc://{name}{next(numbers)}"
    first.bind(endpoint)
    second.connect(endpoint)
    first.send(b"message")
    assert second.recv() == b"message"
    first.close()
    second.close()


@given(value=st.binary(min_size=1, max_size=255))
def test_any_routing_id_reaches_the_router(context: zmq.Context, value: bytes) -> None:
    router, dealer = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    endpoint = f"inproc://{next(numbers)}"
    router.bind(endpoint)
    try:
        dealer.routing_id = value
        dealer.connect(endpoint)
        dealer.send(b"message")
        name, message = router.recv_multipart()
        # What begins with a zero byte may be one that the router has made up.
        assert message == b"message"
        assert name == value
        router.send_multipart([name, b"back"])
        assert dealer.recv() == b"back"
    finally:
        router.close()
        dealer.close()


@given(topics=st.lists(st.binary(max_size=5), max_size=5), message=st.binary(max_size=8))
def test_subscriber_gets_what_begins_with_a_topic(
    context: zmq.Context, topics: list[bytes], message: bytes
) -> None:
    publisher, subscriber = context.socket(zmq.XPUB), context.socket(zmq.SUB)
    try:
        endpoint = f"inproc://{next(numbers)}"
        publisher.bind(endpoint)
        subscriber.connect(endpoint)
        for topic in topics:
            subscriber.subscribe(topic)
        assert {publisher.recv() for _ in set(topics)} == {b"\x01" + topic for topic in topics}
        publisher.send(message)
        wanted = any(message.startswith(topic) for topic in topics)
        assert bool(subscriber.poll(0)) == wanted
    finally:
        publisher.close()
        subscriber.close()


# -- Z85 -----------------------------------------------------------------------------------------


@given(raw=st.binary(max_size=100))
def test_z85_is_undone(raw: bytes) -> None:
    if len(raw) % 4:
        with pytest.raises(ValueError, match="4"):
            z85.encode(raw)
        return
    text = z85.encode(raw)
    assert len(text) == len(raw) * 5 // 4
    assert z85.decode(text) == z85.decode(text.decode()) == raw


@given(text=st.binary(max_size=50))
def test_z85_refuses_what_is_none(text: bytes) -> None:
    try:
        raw = z85.decode(text)
    except ValueError:
        return
    assert z85.encode(raw) == text


@pytest.mark.skipif(not zmq.has("curve"), reason="libzmq has no CURVE")
@settings(max_examples=20)
@given(raw=st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_secret_key(raw: bytes) -> None:
    public = zmq.curve_public(z85.encode(raw))
    assert len(z85.decode(public)) == 32
    assert zmq.curve_public(z85.encode(raw).decode()) == public


@contextlib.contextmanager
def short_directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="zmq-", dir="/tmp") as directory:
        yield directory


@pytest.mark.skipif(not zmq.has("ipc"), reason="no ipc transport here")
@given(length=st.integers(1, 2 * zmq.IPC_PATH_MAX_LEN))
def test_ipc_paths_of_any_length_work_or_say_that_they_are_too_long(
    context: zmq.Context, length: int
) -> None:
    with short_directory() as directory, context.socket(zmq.PAIR) as socket:
        path = f"{directory}/{'x' * length}"
        if len(path) <= zmq.IPC_PATH_MAX_LEN:
            with socket.bind(f"ipc://{path}"):
                assert socket.get_string(zmq.LAST_ENDPOINT) == f"ipc://{path}"
        else:
            with pytest.raises(zmq.ZMQError, match=str(zmq.IPC_PATH_MAX_LEN)):
                socket.bind(f"ipc://{path}")
