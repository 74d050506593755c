"""zmq.utils (Z85, JSON, text, foreign handles, Ctrl-C, buffers) and the key generator."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given, strategies

import zmq
import zmq.utils
from support import run_script
from zmq import curve_keygen
from zmq.utils import garbage, interop, jsonapi, strtypes, win32, z85

# The example of ZeroMQ's RFC 32.
RFC_BYTES = bytes.fromhex("864fd26fb559f75b")
RFC_TEXT = b"HelloWorld"

RFC_PUBLIC_KEY = bytes.fromhex("8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7")
RFC_PUBLIC_TEXT = b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"


@pytest.mark.parametrize(
    ("data", "text"), [(RFC_BYTES, RFC_TEXT), (RFC_PUBLIC_KEY, RFC_PUBLIC_TEXT), (b"", b"")]
)
def test_z85_knows_the_examples_of_its_rfc(data, text):
    assert z85.encode(data) == text
    assert z85.decode(text) == data


@given(strategies.binary().map(lambda data: data[: len(data) // 4 * 4]))
def test_z85_reads_back_what_it_wrote(data):
    text = z85.encode(data)
    assert len(text) * 4 == len(data) * 5
    assert set(text) <= set(z85.Z85CHARS)
    assert z85.decode(text) == data


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_z85_takes_any_bytes_and_text_as_str(kind):
    assert z85.encode(kind(RFC_BYTES)) == RFC_TEXT
    assert z85.decode(kind(RFC_TEXT)) == RFC_BYTES
    assert z85.decode(RFC_TEXT.decode()) == RFC_BYTES


def test_z85_map_gives_the_value_of_each_character():
    assert len(z85.Z85CHARS) == 85
    assert {z85.Z85CHARS[value]: value for value in range(85)} == z85.Z85MAP


@pytest.mark.parametrize("data", [b"1", b"123", b"12345"])
def test_z85_refuses_data_that_is_no_multiple_of_four(data):
    with pytest.raises(ValueError, match=f"multiple of 4, not {len(data)}"):
        z85.encode(data)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"0000", "multiple of 5, not 4"),
        ("HelloWorld\n", "multiple of 5, not 11"),
        (b"Hello orld", "index 5"),
        (b"HelloWorl\x80", "index 9"),
        ('Hell"World', "index 4"),
        ("\u20ac0000", "ASCII"),
        (b"%nSc1", "32 bits"),
        (b"00000#####", "index 5 stands for more than 32 bits"),
    ],
)
def test_z85_refuses_text_that_is_not_z85(text, reason):
    with pytest.raises(ValueError, match=reason):
        z85.decode(text)


@pytest.mark.parametrize("function", [z85.encode, z85.decode])
@pytest.mark.parametrize("value", [None, 5])
def test_z85_refuses_other_types(function, value):
    with pytest.raises(TypeError):
        function(value)


def test_z85_refuses_to_encode_text():
    with pytest.raises(TypeError):
        z85.encode("abcd")


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "\u20ac"]}, [], "text", 5, None])
def test_json_makes_utf8_bytes_and_reads_them_back(value):
    text = jsonapi.dumps(value)
    assert text == json.dumps(value).encode()
    assert jsonapi.loads(text) == value
    assert jsonapi.loads(bytearray(text)) == value
    assert jsonapi.loads(text.decode()) == value


def test_json_hands_its_arguments_on():
    assert jsonapi.dumps({"b": 1, "a": "\u20ac"}, sort_keys=True, ensure_ascii=False) == (
        '{"a": "\u20ac", "b": 1}'.encode()
    )
    assert jsonapi.loads(b"1.5", parse_float=str) == "1.5"


def test_json_reports_what_it_cannot_read_or_write():
    with pytest.raises(TypeError, match="not JSON serializable"):
        jsonapi.dumps({1, 2})
    with pytest.raises(json.JSONDecodeError):
        jsonapi.loads(b"{")
    with pytest.raises(UnicodeDecodeError):
        jsonapi.loads(b"\xff")
    for no_text in (None, 5, memoryview(b"1")):
        with pytest.raises(TypeError):
            jsonapi.loads(no_text)


def test_module_that_reads_json_has_its_old_name():
    assert jsonapi.jsonmod is json


def test_text_helpers_convert_and_warn():
    with pytest.warns(DeprecationWarning, match="strtypes"):
        assert strtypes.cast_bytes("x\u20ac") == b"x\xe2\x82\xac"
    with pytest.warns(DeprecationWarning, match="strtypes"):
        assert strtypes.cast_bytes(b"\xff") == b"\xff"
    with pytest.warns(DeprecationWarning, match="strtypes"):
        assert strtypes.cast_unicode(b"\xe4", "latin-1") == "\xe4"
    with pytest.warns(DeprecationWarning, match="strtypes"):
        assert strtypes.cast_unicode("x") == "x"


def test_text_helpers_keep_their_other_names():
    assert strtypes.b is strtypes.asbytes is strtypes.cast_bytes
    assert strtypes.u is strtypes.cast_unicode
    assert strtypes.bytes is bytes
    assert strtypes.unicode is str
    assert strtypes.basestring == (str,)


@pytest.mark.parametrize("function", [strtypes.cast_bytes, strtypes.cast_unicode])
@pytest.mark.parametrize("value", [None, 5, bytearray(b"x")])
def test_text_helpers_refuse_other_types(function, value):
    with (
        pytest.warns(DeprecationWarning, match="strtypes"),
        pytest.raises(TypeError, match="str or bytes"),
    ):
        function(value)


def test_address_of_an_int_is_the_int():
    assert interop.cast_int_addr(2**40) == 2**40


def test_address_of_a_pointer_of_cffi_is_what_it_points_to(context):
    cffi = pytest.importorskip("cffi", reason="cffi is not installed")
    pointer = cffi.FFI().cast("void *", context.underlying)
    assert interop.cast_int_addr(pointer) == context.underlying


@pytest.mark.parametrize("value", ["1", None, 1.5])
def test_address_of_anything_else_is_refused(value):
    with pytest.raises(ValueError, match="address"):
        interop.cast_int_addr(value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has work for it")
def test_allow_interrupt_does_nothing_where_signals_interrupt():
    calls = []
    with win32.allow_interrupt(lambda: calls.append(1)) as entered:
        assert entered is None
    with win32.allow_interrupt():
        pass
    assert calls == []


def test_buffer_collector_has_nothing_to_collect():
    assert garbage.gc.thread is None
    assert not garbage.gc.is_alive()
    assert len(garbage.gc.refs) == 0
    garbage.gc.start()
    garbage.gc.stop()
    assert garbage.gc.thread is None


def test_buffer_collector_has_the_global_context_until_another_is_assigned(context):
    collector = garbage.GarbageCollector()
    with zmq.Context.instance() as instance:
        assert collector.context is instance
        collector.context = context
        assert collector.context is context
    assert garbage.GarbageCollector(context).context is context


def keygen(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "zmq.curve_keygen", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


curve_only = pytest.mark.skipif(not zmq.has("curve"), reason="this libzmq has no CURVE")


@curve_only
def test_key_generator_prints_a_pair_that_belongs_together():
    done = keygen()
    assert done.returncode == 0
    title, public, empty, secret_title, secret = done.stdout.splitlines()
    assert "PUBLIC" in title
    assert "SECRET" in secret_title
    assert empty == ""
    assert zmq.curve_public(secret.encode()) == public.encode()


@curve_only
def test_key_generator_prints_json(capsys):
    curve_keygen.main(["--json"])
    keys = json.loads(capsys.readouterr().out)
    assert set(keys) == {"public", "secret"}
    assert zmq.curve_public(keys["secret"].encode()) == keys["public"].encode()


@curve_only
def test_key_generator_derives_the_public_key_of_a_given_secret(capsys):
    public, secret = zmq.curve_keypair()
    curve_keygen.main(["--json", f"--secret={secret.decode()}"])
    assert json.loads(capsys.readouterr().out) == {
        "public": public.decode(),
        "secret": secret.decode(),
    }


@curve_only
@pytest.mark.parametrize("secret", ["short", '"' * 40])
def test_key_generator_refuses_what_is_no_secret_key_without_showing_it(secret):
    done = keygen(f"--secret={secret}")
    assert done.returncode == 2
    assert "40 characters" in done.stderr
    assert secret not in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["interop", "jsonapi", "z85"])
def test_some_helpers_need_no_import_of_their_own(name):
    program = f"import zmq.utils; print(zmq.utils.{name}.__name__)"
    assert run_script(program) == f"zmq.utils.{name}\n"


def test_unknown_helper_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_helper"):
        _ = zmq.utils.no_such_helper
