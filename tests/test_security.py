"""Connections secured by NULL, PLAIN and CURVE, with and without an authenticator."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

import zmq
import zmq.asyncio
import zmq.auth
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

JOIN_S = 20

curve_only = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")

HANDSHAKE_ENDS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)


@contextlib.contextmanager
def server_and_client(context, server_options, client_options):
    with (
        context.socket(zmq.PULL, socket_class=zmq.Socket) as server,
        context.socket(zmq.PUSH, socket_class=zmq.Socket) as client,
    ):
        for socket, options in ((server, server_options), (client, client_options)):
            socket.linger = 0
            for option, value in options.items():
                setattr(socket, option, value)
        server.bind("tcp://127.0.0.1:*")
        yield server, client


def handshake(server, client):
    """Connect, and give the event in which the server's side of the handshake ends."""
    with server.get_monitor_socket(HANDSHAKE_ENDS) as monitor:
        client.connect(server.last_endpoint)
        event = recv_monitor_message(monitor)
        server.disable_monitor()
    return event["event"], event["value"]


def accepted(context, server_options, client_options):
    """Say whether a message gets from the client to the server; refusals have status 400."""
    with server_and_client(context, server_options, client_options) as (server, client):
        event, value = handshake(server, client)
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            client.send_multipart([b"a", b"message"])
            assert server.recv_multipart() == [b"a", b"message"]
            return True
        assert event == zmq.EVENT_HANDSHAKE_FAILED_AUTH
        assert value == 400
        return False


@pytest.fixture
def authenticator(context):
    with ThreadAuthenticator(context) as running:
        yield running


PLAIN_SERVER = {"plain_server": True}
PLAIN_CLIENT = {"plain_username": b"admin", "plain_password": b"right"}


@pytest.fixture(scope="module")
def keys():
    return {"server": zmq.curve_keypair(), "client": zmq.curve_keypair()}


def curve_server(keys, **options):
    return {"curve_server": True, "curve_secretkey": keys["server"][1], **options}


def curve_client(keys, **options):
    public, secret = keys["client"]
    return {
        "curve_publickey": public,
        "curve_secretkey": secret,
        "curve_serverkey": keys["server"][0],
        **options,
    }


# -- mechanisms -----------------------------------------------------------------------------------


def test_socket_without_options_uses_null(context):
    with server_and_client(context, {}, {}) as (server, client):
        assert server.mechanism == client.mechanism == zmq.NULL
        assert handshake(server, client)[0] == zmq.EVENT_HANDSHAKE_SUCCEEDED


def test_options_choose_the_mechanism(context):
    with server_and_client(context, PLAIN_SERVER, PLAIN_CLIENT) as (server, client):
        assert server.mechanism == client.mechanism == zmq.PLAIN
        assert server.plain_server == 1
        assert client.plain_username == b"admin"
        assert client.plain_password == b"right"


@curve_only
def test_curve_keys_are_given_back_as_text_and_taken_as_text_or_binary(context, keys):
    with server_and_client(context, curve_server(keys), curve_client(keys)) as (server, client):
        assert server.mechanism == client.mechanism == zmq.CURVE
        assert server.curve_secretkey == keys["server"][1]
        assert client.curve_publickey == keys["client"][0]
        assert client.curve_serverkey == keys["server"][0]
        assert handshake(server, client)[0] == zmq.EVENT_HANDSHAKE_SUCCEEDED
    binary = {name: tuple(z85.decode(key) for key in pair) for name, pair in keys.items()}
    assert accepted(context, curve_server(binary), curve_client(binary))


@curve_only
def test_public_key_is_derived_from_the_secret_one():
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
    assert len(public) == len(secret) == 40


@pytest.mark.parametrize(
    ("option", "value"),
    [("curve_serverkey", b"short"), ("curve_publickey", b"x" * 39), ("curve_secretkey", b"x" * 41)],
)
@curve_only
def test_key_of_the_wrong_length_is_refused(context, option, value):
    with context.socket(zmq.PUSH) as socket, pytest.raises(zmq.ZMQError) as raised:
        setattr(socket, option, value)
    assert raised.value.errno == zmq.EINVAL


@curve_only
def test_client_that_expects_another_server_does_not_connect(context, keys):
    stranger = zmq.curve_keypair()
    options = curve_client(keys, curve_serverkey=stranger[0])
    with server_and_client(context, curve_server(keys), options) as (server, client):
        assert handshake(server, client)[0] != zmq.EVENT_HANDSHAKE_SUCCEEDED


def test_peers_with_different_mechanisms_do_not_connect(context):
    with server_and_client(context, PLAIN_SERVER, {}) as (server, client):
        assert handshake(server, client) == (
            zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
            zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
        )


# -- with an authenticator ------------------------------------------------------------------------


def test_null_is_asked_about_only_with_a_domain(context, authenticator):
    authenticator.deny("127.0.0.1")
    assert accepted(context, {}, {})
    assert not accepted(context, {"zap_domain": b"global"}, {})


def test_null_passes_from_an_allowed_address_only(context, authenticator):
    authenticator.allow("127.0.0.2")
    assert not accepted(context, {"zap_domain": b"global"}, {})
    authenticator.allow("127.0.0.1")
    assert accepted(context, {"zap_domain": b"global"}, {})


def test_plain_passes_with_the_right_password_only(context, authenticator):
    assert not accepted(context, PLAIN_SERVER, PLAIN_CLIENT)
    authenticator.configure_plain(passwords={"admin": "right"})
    assert accepted(context, PLAIN_SERVER, PLAIN_CLIENT)
    assert not accepted(context, PLAIN_SERVER, {**PLAIN_CLIENT, "plain_password": b"wrong"})
    assert not accepted(context, PLAIN_SERVER, {**PLAIN_CLIENT, "plain_username": b"nobody"})
    assert not accepted(context, {**PLAIN_SERVER, "zap_domain": b"other"}, PLAIN_CLIENT)


@curve_only
def test_curve_passes_with_a_known_key_only(context, authenticator, keys, tmp_path):
    assert not accepted(context, curve_server(keys), curve_client(keys))
    authenticator.configure_curve(location=tmp_path)
    assert not accepted(context, curve_server(keys), curve_client(keys))
    public_file, secret_file = zmq.auth.create_certificates(tmp_path, "known")
    authenticator.configure_curve(location=tmp_path)
    assert not accepted(context, curve_server(keys), curve_client(keys))
    known = {**keys, "client": zmq.auth.load_certificate(secret_file)}
    assert known["client"][0] == zmq.auth.load_certificate(public_file)[0]
    assert accepted(context, curve_server(known), curve_client(known))
    authenticator.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    assert accepted(context, curve_server(keys), curve_client(keys))


@curve_only
def test_curve_passes_as_a_callback_decides(context, authenticator, keys):
    class Provider:
        def callback(self, domain, key):
            return domain == "global" and key == keys["client"][0]

    authenticator.configure_curve_callback("global", Provider())
    server = curve_server(keys, zap_domain=b"global")
    assert accepted(context, server, curve_client(keys))
    stranger = {**keys, "client": zmq.curve_keypair()}
    assert not accepted(context, server, curve_client(stranger))


@curve_only
def test_error_of_a_callback_refuses_with_status_500(context, authenticator, keys, caplog):
    class Provider:
        def callback(self, domain, key):
            raise LookupError("as planned")

    authenticator.configure_curve_callback("*", Provider())
    options = curve_server(keys), curve_client(keys)
    with server_and_client(context, *options) as (server, client):
        assert handshake(server, client) == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 500)
    assert "as planned" in caplog.text


def user_id_of_a_message(context, server_options, client_options):
    with server_and_client(context, server_options, client_options) as (server, client):
        client.connect(server.last_endpoint)
        client.send(b"message")
        return server.recv(copy=False).get("User-Id")


def test_messages_carry_the_user_id(context, authenticator):
    authenticator.configure_plain(passwords={"admin": "right"})
    assert user_id_of_a_message(context, PLAIN_SERVER, PLAIN_CLIENT) == "admin"
    assert user_id_of_a_message(context, {"zap_domain": b"global"}, {}) == "anonymous"


@curve_only
def test_user_id_of_curve_is_the_key_or_what_was_chosen(context, authenticator, keys):
    authenticator.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    options = curve_server(keys), curve_client(keys)
    assert user_id_of_a_message(context, *options) == keys["client"][0].decode()
    authenticator.curve_user_id = lambda _key: "somebody"
    assert user_id_of_a_message(context, *options) == "somebody"


@curve_only
def test_client_that_waits_while_the_authenticator_stops_is_served_by_the_next(context, keys):
    asked = threading.Event()

    class Hesitating:
        async def callback(self, domain, key):
            asked.set()
            await asyncio.get_running_loop().create_future()

    first = ThreadAuthenticator(context)
    first.start()
    first.configure_curve_callback("*", Hesitating())
    # The time after which the client comes again.
    options = curve_server(keys, handshake_ivl=500), curve_client(keys)
    with server_and_client(context, *options) as (server, client):
        with server.get_monitor_socket(HANDSHAKE_ENDS) as monitor:
            client.connect(server.last_endpoint)
            assert asked.wait(JOIN_S)
            first.stop()
            event = recv_monitor_message(monitor)
            assert (event["event"], event["value"]) == (zmq.EVENT_HANDSHAKE_FAILED_AUTH, 300)
            server.disable_monitor()
        with ThreadAuthenticator(context) as second:
            second.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
            client.send(b"message")
            assert server.recv() == b"message"


@pytest.mark.parametrize("context_class", [zmq.Context, zmq.asyncio.Context])
def test_asyncio_authenticator_decides_about_real_connections(context_class):
    async def main():
        with context_class() as context:
            async with AsyncioAuthenticator(context) as authenticator:
                authenticator.configure_plain(passwords={"admin": "right"})
                refused = {**PLAIN_CLIENT, "plain_password": b"wrong"}
                blocking = zmq.Context.shadow(context)  # for the thread, which has no loop
                for options, expected in ((PLAIN_CLIENT, True), (refused, False)):
                    outcome = asyncio.to_thread(accepted, blocking, PLAIN_SERVER, options)
                    assert await asyncio.wait_for(outcome, JOIN_S) is expected

    asyncio.run(main())
