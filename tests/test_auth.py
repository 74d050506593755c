"""The rules and answers of authenticators, and files for CURVE keys."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import subprocess
import sys
import threading
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zmq
import zmq.asyncio
import zmq.auth
from support import run_script
from zmq.auth.asyncio import AsyncioAuthenticator
from zmq.auth.base import Authenticator
from zmq.auth.certs import InsecureKeyFileWarning
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils import z85

JOIN_S = 20

KEY = bytes(range(32))
KEY_TEXT = z85.encode(KEY)

posix_only = pytest.mark.skipif(os.name != "posix", reason="files have no such modes here")
curve_only = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")


# -- answers to requests --------------------------------------------------------------------------


@pytest.fixture
def rules(context):
    with Authenticator(context) as authenticator:
        yield authenticator


def ask(authenticator, *frames):
    """Send a request as libzmq does, let it be answered, and give the answer."""
    with authenticator.context.socket(zmq.REQ, socket_class=zmq.Socket) as requester:
        requester.linger = 0
        requester.connect("inproc://zeromq.zap.01")
        requester.send_multipart(frames)
        asyncio.run(authenticator.handle_zap_message(authenticator.zap_socket.recv_multipart()))
        return requester.recv_multipart()


def request(mechanism, *credentials, domain=b"", address=b"127.0.0.1"):
    return [b"1.0", b"7", domain, address, b"routing id", mechanism, *credentials]


def status(authenticator, mechanism, *credentials, **properties):
    answer = ask(authenticator, *request(mechanism, *credentials, **properties))
    version, request_id, code, text, user_id, metadata = answer
    assert (version, request_id, metadata) == (b"1.0", b"7", b"")
    assert text
    assert (user_id != b"") <= (code == b"200")
    return code


def test_answer_has_the_frames_of_the_rfc(rules):
    assert ask(rules, *request(b"NULL")) == [b"1.0", b"7", b"200", b"OK", b"anonymous", b""]


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"1.0"],
        [b"1.0", b"7"],
        [b"1.0", b"7", b"", b"127.0.0.1", b"routing id"],
        [b"2.0", b"7", b"", b"127.0.0.1", b"routing id", b"NULL"],
        [b"", b"7", b"", b"127.0.0.1", b"routing id", b"NULL"],
        request(b"NULL", b"too much"),
        request(b"PLAIN"),
        request(b"PLAIN", b"user"),
        request(b"PLAIN", b"user", b"password", b"too much"),
        request(b"PLAIN", b"user\xff", b"password"),
        request(b"CURVE"),
        request(b"CURVE", KEY[:-1]),
        request(b"CURVE", KEY, KEY),
        request(b"GSSAPI"),
        request(b"UNHEARD", b"of"),
        request(b""),
    ],
    ids=repr,
)
def test_malformed_and_unknown_requests_are_refused_and_the_next_one_is_answered(rules, frames):
    rules.configure_plain(passwords={"user": "password"})
    rules.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    request_id = frames[1] if len(frames) > 1 else b""
    version, answered_id, code, text, user_id, metadata = ask(rules, *frames)
    assert (version, answered_id, code) == (b"1.0", request_id, b"400")
    assert (user_id, metadata) == (b"", b"")
    assert text
    assert status(rules, b"NULL") == b"200"


@pytest.mark.parametrize("frames", [[b"1.0"], request(b"UNHEARD"), request(b"PLAIN", b"secret")])
def test_malformed_requests_are_logged_without_credentials(rules, caplog, frames):
    ask(rules, *frames)
    assert [record.levelno for record in caplog.records if record.name == "zmq.auth"] == [
        logging.ERROR
    ]
    assert "secret" not in caplog.text


PROPER_FRAMES = [*request(b"PLAIN", b"user", b"right"), b"NULL", b"CURVE", KEY, b"GSSAPI", b"\xff"]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    frames=st.lists(st.sampled_from(PROPER_FRAMES) | st.binary(max_size=40), min_size=1)
    | st.permutations(PROPER_FRAMES)
)
def test_whatever_is_asked_is_answered(rules, frames):
    rules.configure_plain(passwords={"user": "right"})
    version, _, code, _, user_id, _ = ask(rules, *frames)
    assert version == b"1.0"
    assert code in (b"200", b"400")
    if code == b"200":
        # Nobody but who knows the password, or comes in a way that was not forbidden.
        assert frames[0] == b"1.0"
        assert frames[5] in (b"NULL", b"GSSAPI") or frames[5:] == [b"PLAIN", b"user", b"right"]
    else:
        assert user_id == b""


def test_nobody_can_use_a_mechanism_that_is_not_configured(rules):
    assert status(rules, b"PLAIN", b"user", b"password") == b"400"
    assert status(rules, b"CURVE", KEY) == b"400"


def test_only_allowed_addresses_pass(rules):
    rules.allow("10.0.0.1", "10.0.0.2")
    rules.allow("10.0.0.3")
    for address in (b"10.0.0.1", b"10.0.0.2", b"10.0.0.3"):
        assert status(rules, b"NULL", address=address) == b"200"
    assert status(rules, b"NULL", address=b"10.0.0.4") == b"400"
    assert status(rules, b"NULL", address=b"") == b"400"
    # An allowed address is not yet an allowed user.
    assert status(rules, b"PLAIN", b"user", b"password", address=b"10.0.0.1") == b"400"


def test_denied_addresses_do_not_pass(rules):
    rules.deny("10.0.0.1")
    rules.deny("10.0.0.2")
    for address in (b"10.0.0.1", b"10.0.0.2"):
        assert status(rules, b"NULL", address=address) == b"400"
    assert status(rules, b"NULL", address=b"10.0.0.4") == b"200"


def test_allowing_and_denying_contradict_each_other(context):
    allowing, denying = Authenticator(context), Authenticator(context)
    allowing.allow("10.0.0.1")
    with pytest.raises(ValueError, match="not both"):
        allowing.deny("10.0.0.2")
    denying.deny("10.0.0.1")
    with pytest.raises(ValueError, match="not both"):
        denying.allow("10.0.0.2")


@pytest.mark.parametrize("method", ["allow", "deny"])
def test_address_that_is_no_str_is_refused(context, method):
    authenticator = Authenticator(context)
    with pytest.raises(TypeError, match="str"):
        getattr(authenticator, method)("10.0.0.1", b"10.0.0.2")
    getattr(authenticator, method)()  # nothing of it was noted


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [
        (b"admin", b"right", b"200"),
        (b"admin", b"wrong", b"400"),
        (b"admin", b"", b"400"),
        (b"nobody", b"right", b"400"),
        (b"", b"", b"400"),
        ("j\u00fcrgen".encode(), "stra\u00dfe".encode(), b"200"),
    ],
)
def test_plain_wants_the_password_of_the_user(rules, username, password, code):
    rules.configure_plain(passwords={"admin": "right", "j\u00fcrgen": "stra\u00dfe"})
    answer = ask(rules, *request(b"PLAIN", username, password))
    assert answer[2] == code
    assert answer[4] == (username if code == b"200" else b"")


def test_plain_rules_are_those_of_their_domain(rules):
    rules.configure_plain("inside", {"admin": "inside"})
    assert status(rules, b"PLAIN", b"admin", b"inside", domain=b"inside") == b"200"
    assert status(rules, b"PLAIN", b"admin", b"inside", domain=b"outside") == b"400"
    assert status(rules, b"PLAIN", b"admin", b"inside") == b"400"
    rules.configure_plain("*", {"admin": "anywhere"})
    assert status(rules, b"PLAIN", b"admin", b"anywhere") == b"200"
    assert status(rules, b"PLAIN", b"admin", b"anywhere", domain=b"inside") == b"400"


def test_later_changes_of_the_passwords_count(rules):
    passwords = {}
    rules.configure_plain(passwords=passwords)
    assert status(rules, b"PLAIN", b"admin", b"right") == b"400"
    passwords["admin"] = "right"
    assert status(rules, b"PLAIN", b"admin", b"right") == b"200"


def test_passwords_must_be_a_mapping(rules):
    with pytest.raises(TypeError, match="mapping"):
        rules.configure_plain(passwords=["admin"])


@pytest.fixture
def key_directory(tmp_path):
    (tmp_path / "client.key").write_text(f'curve\n    public-key = "{KEY_TEXT.decode()}"\n')
    return tmp_path


def test_curve_allows_the_keys_of_a_directory(rules, key_directory):
    rules.configure_curve(location=key_directory)
    answer = ask(rules, *request(b"CURVE", KEY))
    assert answer[2] == b"200"
    assert answer[4] == KEY_TEXT
    assert status(rules, b"CURVE", bytes(32)) == b"400"
    assert status(rules, b"CURVE", KEY, domain=b"other") == b"400"


@pytest.mark.parametrize("problem", ["missing directory", "file without a key"])
def test_directory_that_cannot_be_read_allows_nobody_and_is_logged(
    rules, key_directory, caplog, problem
):
    rules.configure_curve(location=key_directory)
    assert status(rules, b"CURVE", KEY) == b"200"
    if problem == "file without a key":
        (key_directory / "bad.key").write_text("nothing")
        rules.configure_curve(location=key_directory)
    else:
        rules.configure_curve(location=key_directory / "missing")
    assert status(rules, b"CURVE", KEY) == b"400"
    assert "Cannot load CURVE certificates" in caplog.text


def test_curve_can_allow_everybody_with_keys(rules, key_directory):
    rules.configure_curve("*", zmq.auth.CURVE_ALLOW_ANY)
    assert status(rules, b"CURVE", bytes(32)) == b"200"
    assert status(rules, b"CURVE", bytes(32), domain=b"any") == b"200"
    rules.configure_curve("*", key_directory)
    assert status(rules, b"CURVE", bytes(32)) == b"400"


def test_everybody_of_one_domain_is_nobody_of_another(rules):
    rules.configure_curve("open", zmq.auth.CURVE_ALLOW_ANY)
    assert status(rules, b"CURVE", bytes(32), domain=b"open") == b"200"
    assert status(rules, b"CURVE", bytes(32), domain=b"closed") == b"400"
    assert status(rules, b"CURVE", bytes(32)) == b"400"


class Provider:
    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def callback(self, domain, key):
        self.asked.append((domain, key))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class AwaitedProvider(Provider):
    async def callback(self, domain, key):
        await asyncio.sleep(0)
        return super().callback(domain, key)


@pytest.mark.parametrize("kind", [Provider, AwaitedProvider])
@pytest.mark.parametrize(
    ("answer", "code"),
    [(True, b"200"), (False, b"400"), (None, b"400"), (LookupError("as planned"), b"500")],
)
def test_curve_can_ask_a_provider(rules, caplog, kind, answer, code):
    provider = kind(answer)
    rules.configure_curve_callback("*", provider)
    assert status(rules, b"CURVE", KEY) == code
    assert provider.asked == [("*", KEY_TEXT)]
    assert ("as planned" in caplog.text) == (code == b"500")
    assert status(rules, b"CURVE", KEY, domain=b"other") == b"400"
    assert len(provider.asked) == 1


def test_last_configuration_of_a_domain_counts(rules, key_directory):
    refusing = Provider(False)
    rules.configure_curve("*", zmq.auth.CURVE_ALLOW_ANY)
    rules.configure_curve_callback("*", refusing)
    assert status(rules, b"CURVE", KEY) == b"400"
    rules.configure_curve("*", key_directory)
    assert status(rules, b"CURVE", KEY) == b"200"
    assert len(refusing.asked) == 1


def test_provider_must_have_a_callback(rules, caplog):
    with pytest.raises(TypeError, match="callback"):
        rules.configure_curve_callback("*", object())
    rules.configure_curve_callback("*", None)
    assert "No credentials provider" in caplog.text
    assert status(rules, b"CURVE", KEY) == b"400"


@pytest.mark.parametrize(
    ("user_id", "expected"), [("j\u00fcrgen", "j\u00fcrgen".encode()), (b"raw", b"raw")]
)
def test_user_id_of_a_curve_client_can_be_chosen(rules, user_id, expected):
    rules.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    keys = []
    rules.curve_user_id = lambda key: keys.append(key) or user_id
    assert ask(rules, *request(b"CURVE", KEY))[4] == expected
    assert keys == [KEY]


def test_user_id_that_is_no_text_is_an_internal_error(rules, caplog):
    rules.configure_curve(location=zmq.auth.CURVE_ALLOW_ANY)
    rules.curve_user_id = lambda _key: None
    assert status(rules, b"CURVE", KEY) == b"500"
    assert "user id" in caplog.text


def test_gssapi_principals_are_accepted_unless_a_subclass_decides(context):
    with Authenticator(context) as rules:
        rules.configure_gssapi("*", "somewhere")
        assert ask(rules, *request(b"GSSAPI", b"user@REALM"))[2::2] == [b"200", b"user@REALM"]

    class OneRealm(Authenticator):
        def _authenticate_gssapi(self, domain, principal):
            return principal.endswith(b"@REALM"), b"Wrong realm"

    with OneRealm(context) as rules:
        assert status(rules, b"GSSAPI", b"user@REALM") == b"200"
        assert status(rules, b"GSSAPI", b"user@ELSEWHERE") == b"400"


def test_passwords_and_keys_are_never_logged(rules, key_directory, caplog):
    caplog.set_level(logging.DEBUG)
    rules.configure_plain(passwords={"admin": "TopSecret"})
    rules.configure_curve(location=key_directory)
    rules.configure_curve_callback("asked", Provider(True))
    status(rules, b"PLAIN", b"admin", b"TopSecret")
    status(rules, b"PLAIN", b"admin", b"TopSecretToo")
    status(rules, b"CURVE", KEY)
    status(rules, b"CURVE", KEY, domain=b"asked")
    assert "ALLOWED" in caplog.text
    for secret in ("TopSecret", KEY_TEXT.decode(), repr(KEY)):
        assert secret not in caplog.text


def test_authenticator_logs_where_it_is_told_to(context, caplog):
    caplog.set_level(logging.DEBUG)
    with Authenticator(context, log=logging.getLogger("mine")) as rules:
        status(rules, b"NULL")
    assert {record.name for record in caplog.records} >= {"mine"}
    assert "zmq.auth" not in {record.name for record in caplog.records}


def test_authenticator_uses_the_global_context_by_default():
    with zmq.Context.instance() as context:
        assert Authenticator().context is context
        assert ThreadAuthenticator().context is context


# -- start and stop -------------------------------------------------------------------------------


def ask_running(context, *frames):
    """Ask an authenticator that runs somewhere."""
    with context.socket(zmq.REQ, socket_class=zmq.Socket) as requester:
        requester.linger = 0
        requester.rcvtimeo = JOIN_S * 1000
        requester.connect("inproc://zeromq.zap.01")
        requester.send_multipart(frames)
        return requester.recv_multipart()


def test_authenticator_starts_and_stops_again_and_again(context):
    authenticator = ThreadAuthenticator(context)
    for _ in range(50):
        authenticator.start()
        assert authenticator.is_alive()
        assert ask_running(context, *request(b"NULL"))[2] == b"200"
        authenticator.stop()
        assert not authenticator.is_alive()
        assert authenticator.zap_socket is None
    authenticator.stop()  # once more does no harm
    context.term()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_can_leave_the_block_of_its_parent_and_start_its_own():
    program = """
        import os, sys
        import zmq
        from zmq.auth.thread import ThreadAuthenticator

        with zmq.Context() as context, ThreadAuthenticator(context) as authenticator:
            child = os.fork()
            if child == 0:
                authenticator.stop()
                with zmq.Context() as own, ThreadAuthenticator(own) as other:
                    os._exit(not other.is_alive())
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), authenticator.is_alive())
    """
    assert run_script(program, warnings="ignore") == "0 True\n"


def test_another_authenticator_can_take_over_at_once(context):
    for number in range(20):
        with ThreadAuthenticator(context) as authenticator:
            authenticator.configure_plain(passwords={"user": str(number)})
            answer = ask_running(context, *request(b"PLAIN", b"user", b"%d" % number))
            assert answer[2] == b"200"
    context.term()


def test_second_authenticator_of_a_context_cannot_start(context):
    first, second = ThreadAuthenticator(context), ThreadAuthenticator(context)
    with first:
        for authenticator in (first, second):
            with pytest.raises(zmq.ZMQError) as raised:
                authenticator.start()
            assert raised.value.errno == zmq.EADDRINUSE
        assert first.is_alive()
        assert not second.is_alive()
        assert ask_running(context, *request(b"NULL"))[2] == b"200"
    with second:
        assert second.is_alive()
    context.term()


def test_thread_goes_on_after_malformed_requests_and_errors(context, caplog):
    with ThreadAuthenticator(context) as authenticator:
        authenticator.configure_curve_callback("*", Provider(LookupError("as planned")))
        assert ask_running(context, b"")[2] == b"400"
        assert ask_running(context, *request(b"CURVE", KEY))[2] == b"500"
        assert ask_running(context, *request(b"NULL"))[2] == b"200"
        assert authenticator.is_alive()
    assert "as planned" in caplog.text


def test_thread_asks_coroutines_and_stops_while_one_does_not_answer(context):
    asked = threading.Event()

    class Hesitating:
        async def callback(self, domain, key):
            asked.set()
            await asyncio.get_running_loop().create_future()

    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    authenticator.configure_curve_callback("*", AwaitedProvider(True))
    assert ask_running(context, *request(b"CURVE", KEY))[2] == b"200"
    authenticator.configure_curve_callback("*", Hesitating())
    requesters = [context.socket(zmq.REQ) for _ in range(2)]
    for requester in requesters:
        requester.connect("inproc://zeromq.zap.01")
        requester.send_multipart(request(b"CURVE", KEY))
    assert asked.wait(JOIN_S)
    authenticator.stop()
    # 300 lets a client come again.
    assert [requester.recv_multipart()[2] for requester in requesters] == [b"300"] * 2
    for requester in requesters:
        requester.close()
    context.term()


def test_questions_that_have_come_are_answered_by_the_rules_before_the_end(context):
    authenticator = Authenticator(context)
    authenticator.start()
    authenticator.configure_plain(passwords={"user": "password"})
    requesters = [context.socket(zmq.REQ) for _ in range(3)]
    for number, requester in enumerate(requesters):
        requester.connect("inproc://zeromq.zap.01")
        requester.send_multipart(request(b"PLAIN", b"user", [b"password", b"wrong"][number % 2]))
    authenticator.stop()
    assert [requester.recv_multipart()[2] for requester in requesters] == [b"200", b"400", b"200"]
    for requester in requesters:
        requester.close()
    context.term()


def test_thread_ends_with_its_context_without_stop():
    context = zmq.Context()
    authenticator = ThreadAuthenticator(context)
    authenticator.start()
    thread = authenticator.thread
    terminating = threading.Thread(target=context.term)
    terminating.start()
    terminating.join(JOIN_S)
    assert not terminating.is_alive()
    thread.join(JOIN_S)
    assert not authenticator.is_alive()
    authenticator.stop()


def test_thread_authenticator_serves_an_asyncio_context():
    with zmq.asyncio.Context() as context, ThreadAuthenticator(context):
        assert ask_running(context, *request(b"NULL"))[2] == b"200"


async def ask_awaiting(context, *frames):
    return await asyncio.to_thread(ask_running, context, *frames)


@pytest.mark.parametrize("context_class", [zmq.Context, zmq.asyncio.Context])
def test_asyncio_authenticator_starts_and_stops_again_and_again(context_class):
    async def main():
        with context_class() as context:
            authenticator = AsyncioAuthenticator(context)
            for _ in range(20):
                authenticator.start()
                answer = await ask_awaiting(context, *request(b"NULL"))
                assert answer[2] == b"200"
                authenticator.stop()
            async with AsyncioAuthenticator(context) as other:
                other.configure_curve_callback("*", AwaitedProvider(True))
                answer = await ask_awaiting(context, *request(b"CURVE", KEY))
                assert answer[2] == b"200"
                answer = await ask_awaiting(context, b"")
                assert answer[2] == b"400"
            with other:
                answer = await ask_awaiting(context, *request(b"NULL"))
                assert answer[2] == b"200"
            await asyncio.sleep(0)

    asyncio.run(main())


def test_asyncio_authenticator_sends_those_away_whom_it_cannot_answer_any_more():
    class Hesitating:
        def __init__(self):
            self.asked = asyncio.Event()

        async def callback(self, domain, key):
            self.asked.set()
            await asyncio.get_running_loop().create_future()

    async def main():
        with zmq.Context() as context:
            provider = Hesitating()
            async with AsyncioAuthenticator(context) as authenticator:
                authenticator.configure_curve_callback("*", provider)
                asking = asyncio.create_task(ask_awaiting(context, *request(b"CURVE", KEY)))
                await asyncio.wait_for(provider.asked.wait(), JOIN_S)
            assert (await asking)[2] == b"300"

    asyncio.run(main())


def test_asyncio_authenticator_runs_in_the_loop_that_it_is_given():
    loop = asyncio.new_event_loop()
    try:
        with zmq.Context() as context:
            authenticator = AsyncioAuthenticator(context, loop=loop)
            authenticator.start()
            answer = loop.run_until_complete(ask_awaiting(context, *request(b"NULL")))
            assert answer[2] == b"200"
            authenticator.stop()
            loop.run_until_complete(asyncio.sleep(0))
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def test_old_tornado_name_warns_and_works():
    program = """
import asyncio, sys, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from zmq.auth.ioloop import IOLoopAuthenticator
assert [warning.category for warning in caught] == [DeprecationWarning], caught
import zmq
from zmq.auth.asyncio import AsyncioAuthenticator
assert issubclass(IOLoopAuthenticator, AsyncioAuthenticator)

async def main():
    with zmq.Context() as context:
        authenticator = IOLoopAuthenticator(context)
        authenticator.start()
        assert not authenticator.zap_socket.closed
        authenticator.stop()
        await asyncio.sleep(0)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=JOIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


# -- certificates ---------------------------------------------------------------------------------


@curve_only
def test_certificates_are_read_back(tmp_path):
    public_file, secret_file = zmq.auth.create_certificates(tmp_path, "server")
    assert (public_file, secret_file) == (
        str(tmp_path / "server.key"),
        str(tmp_path / "server.key_secret"),
    )
    public_key, no_secret_key = zmq.auth.load_certificate(public_file)
    assert no_secret_key is None
    loaded_public_key, secret_key = zmq.auth.load_certificate(secret_file)
    assert loaded_public_key == public_key
    assert zmq.curve_public(secret_key) == public_key
    assert sorted(os.listdir(tmp_path)) == ["server.key", "server.key_secret"]


@curve_only
def test_certificates_of_a_directory_are_its_public_keys(tmp_path):
    keys = {}
    for name in ("one", "two"):
        public_file, _ = zmq.auth.create_certificates(str(tmp_path), name)
        keys[zmq.auth.load_certificate(public_file)[0]] = True
    assert zmq.auth.load_certificates(tmp_path) == keys


@curve_only
@posix_only
def test_secret_file_can_be_read_by_its_owner_only_even_if_an_older_one_could(tmp_path):
    old = tmp_path / "server.key_secret"
    old.write_text("old")
    old.chmod(0o644)
    mask = os.umask(0o022)
    try:
        public_file, secret_file = zmq.auth.create_certificates(tmp_path, "server")
    finally:
        os.umask(mask)
    assert stat.S_IMODE(os.stat(secret_file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(public_file).st_mode) == 0o644
    assert zmq.auth.load_certificate(secret_file)[1] is not None


@curve_only
@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_loading_a_secret_file_that_others_can_read_warns(tmp_path, mode):
    _, secret_file = zmq.auth.create_certificates(tmp_path, "server")
    os.chmod(secret_file, mode)
    with pytest.warns(InsecureKeyFileWarning, match=f"mode {mode:04o}") as caught:
        keys = zmq.auth.load_certificate(secret_file)
    assert caught[0].filename == __file__
    assert all(keys)
    assert issubclass(InsecureKeyFileWarning, UserWarning)


@curve_only
def test_loading_other_files_does_not_warn(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in zmq.auth.create_certificates(tmp_path, "server"):
            zmq.auth.load_certificate(path)


@curve_only
def test_metadata_is_noted_in_the_secret_file_and_never_taken_for_a_key(tmp_path):
    metadata = {
        "name": "somebody",
        "email": "somebody@example.org",
        "note": "has # and spaces",
        "quoted": 'has "these"',
        "public-key": "x" * 40,
        "empty": "",
        b"bytes": b"as well",
    }
    public_file, secret_file = zmq.auth.create_certificates(tmp_path, "server", metadata)
    with open(secret_file, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert "    name = somebody" in lines
    assert "    bytes = as well" in lines
    assert '    note = "has # and spaces"' in lines
    assert "    quoted = 'has \"these\"'" in lines
    assert zmq.auth.load_certificate(secret_file)[0] == zmq.auth.load_certificate(public_file)[0]


@curve_only
@pytest.mark.parametrize(
    "metadata",
    [
        {"name": "two\nlines"},
        {"name": "two\rlines"},
        {"not a name": "x"},
        {"name\ncurve": "x"},
        {"quotes": "\"'"},
    ],
)
def test_metadata_that_would_break_the_file_is_refused(tmp_path, metadata):
    with pytest.raises(ValueError, match=r"name|line|quotes"):
        zmq.auth.create_certificates(tmp_path, "server", metadata)
    assert os.listdir(tmp_path) == []


CZMQ_FILE = """\
#   ****  Generated on 2024-03-05 10:00:00 by CZMQ  ****
#   ZeroMQ CURVE **Secret** Certificate
#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.

metadata
    name = "somebody"
curve
    public-key = "{public}"
    secret-key = "{secret}"
"""


@pytest.mark.parametrize(
    "text",
    [
        CZMQ_FILE,
        "curve\n  public-key = '{public}'  # single quotes, other indentation\n"
        "  secret-key='{secret}'\n",
        "curve\npublic-key = {public}\nsecret-key = {secret}   # unquoted\n",
        "public-key = {public}\r\nsecret-key = {secret}\r\n",
    ],
)
def test_files_of_other_programs_are_read(tmp_path, text):
    # Both signs that mean something to ZPL, "#" and "=", occur in Z85.
    public, secret = "a#=bc" * 8, "b=##d" * 8
    path = tmp_path / "other.key_secret"
    path.write_text(text.format(public=public, secret=secret))
    path.chmod(0o600)
    assert zmq.auth.load_certificate(path) == (public.encode(), secret.encode())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no public key"),
        ("hello", "no public key"),
        ('metadata\n    public-key = "{key}"\n', "no public key"),
        ('curve\n    secret-key = "{key}"\n', "no public key"),
        ('curve\n    public-key = "{key}0"\n', "40 characters"),
        ('curve\n    public-key = ""\n', "40 characters"),
        ('curve\n    public-key = "~{key}"\n', "40 characters"),
        ('curve\n    public-key = \'"""""{rest}\'\n', "not Z85"),
    ],
)
def test_file_without_a_proper_key_is_refused_without_showing_it(tmp_path, text, reason):
    path = tmp_path / "bad.key"
    path.write_text(text.format(key="a" * 40, rest="a" * 35))
    path.chmod(0o600)
    with pytest.raises(ValueError, match=reason) as raised:
        zmq.auth.load_certificate(path)
    assert "aaaa" not in str(raised.value)
    assert str(path) in str(raised.value)


def test_missing_file_and_directory_are_os_errors(tmp_path):
    with pytest.raises(OSError, match="missing"):
        zmq.auth.load_certificate(tmp_path / "missing.key")
    with pytest.raises(OSError, match="missing"):
        zmq.auth.load_certificates(tmp_path / "missing")
    with pytest.raises(OSError, match="missing"):
        zmq.auth.create_certificates(tmp_path / "missing", "name")
