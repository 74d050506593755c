"""Extensions and programs in C++ that use Python's libzmq, its sockets and its messages."""

from __future__ import annotations

import asyncio
import ctypes
import ctypes.util
import errno
import fcntl
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import zmq
import zmq.asyncio
from support import run, run_script, when_parked
from zmq import _core

ROOT = Path(__file__).parent.parent
SOURCES = Path(__file__).parent / "cpp"

# The first test of a session waits for the compiler.
pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="the commands are those of Unix"),
]


def build(directory: Path) -> None:
    """Compile the test modules, the test programs and the examples."""
    pybind11 = subprocess.run(
        [sys.executable, "-m", "pybind11", "--cmakedir"], capture_output=True, text=True, check=True
    ).stdout.strip()
    launcher = shutil.which("ccache")
    configure = [
        "cmake",
        *("-S", str(SOURCES)),
        *("-B", str(directory)),
        *(("-G", "Ninja") if shutil.which("ninja") else ()),
        "-DCMAKE_BUILD_TYPE=None",  # what compiles fastest
        f"-DPython_EXECUTABLE={sys.executable}",
        f"-Dpybind11_ROOT={pybind11}",
        f"-Dcppyzmq_ROOT={zmq.get_cmake_dir()}",
        *([f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"] if launcher else []),
    ]
    for command in (configure, ["cmake", "--build", str(directory), "-j2"]):
        ended = subprocess.run(command, capture_output=True, text=True, timeout=380)
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything is that was built, once a session."""
    if shutil.which("cmake") is None:
        pytest.skip("no cmake here")
    base = tmp_path_factory.getbasetemp()
    # The processes of one session share what one of them builds.
    directory = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cpp"
    directory.mkdir(exist_ok=True)
    with open(directory / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (directory / "done").exists():
            build(directory / "build")
            (directory / "done").touch()
    return directory / "build"


def module_file(directory: Path, name: str) -> Path:
    (path,) = [path for path in directory.glob(f"{name}*") if path.suffix == ".so"]
    return path


@pytest.fixture(scope="session")
def casters(built: Path) -> ModuleType:
    """The module of tests/cpp/casters.cpp."""
    spec = importlib.util.spec_from_file_location("casters", module_file(built, "casters"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pair(make_pair: Callable[..., tuple[zmq.Socket, zmq.Socket]]) -> tuple[zmq.Socket, zmq.Socket]:
    return make_pair()


@pytest.fixture(scope="session")
def other_libzmq(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The path of a libzmq that is not the one in use: a copy of the system's."""
    name = ctypes.util.find_library("zmq")
    if name is None:
        pytest.skip("no shared libzmq in this system")
    script = "import ctypes, sys, zmq; ctypes.CDLL(sys.argv[1]); print(zmq._core.libzmq_file()); "
    script += "print(*zmq._core.other_libzmq_files())"
    ours, *others = run(["-c", script, name], 30).split()
    copy = tmp_path_factory.mktemp("other") / "libother.so"
    shutil.copy((others or [ours])[0], copy)
    return str(copy)


def header(name: str) -> Path:
    """A header of libzmq: that of the package, or where a checkout takes it from."""
    places = (*zmq.get_includes(), "/usr/include", "/usr/local/include")
    return next(path for place in places if (path := Path(place) / name).exists())


# -- the table of functions ----------------------------------------------------------------------


def test_table_has_every_function_of_the_header(built: Path) -> None:
    declared = re.findall(r"\b(zmq_\w+)\s+\([^)]*\);", header("zmq.h").read_text())
    text = (Path(zmq.get_includes()[0]) / "cppyzmq" / "functions.inc").read_text()
    listed = re.findall(r"FUNCTION\([\w \*]+, (zmq_\w+),", text)
    assert len(set(declared)) > 60
    assert set(declared) <= set(listed)
    assert len(set(listed)) == len(listed)


@pytest.mark.skipif(sys.platform != "linux", reason="the ELF format")
@pytest.mark.parametrize("name", ["casters", "no_import", "mixed/camera", "embed/embed"])
def test_no_function_of_libzmq_is_exported_or_wanted(built: Path, name: str) -> None:
    path = built / name
    symbols = subprocess.run(
        ["nm", "-D", path if path.is_file() else module_file(path.parent, path.name)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert any(symbol.startswith("Py") for symbol in symbols)
    assert not [symbol for symbol in symbols if symbol.startswith(("zmq_", "cppyzmq_"))]


def test_extension_uses_the_libzmq_of_python(casters: ModuleType) -> None:
    assert casters.libzmq_version() == zmq.zmq_version_info()
    assert casters.file_of_zmq_send() == casters.__file__


def test_program_with_its_own_libzmq_keeps_it(built: Path) -> None:
    program = built / "own_libzmq"
    if not program.exists():
        pytest.skip("no libzmq to link, or no Python to embed")
    path = os.pathsep.join([str(Path(zmq.__file__).parent.parent), str(built)])
    ended = subprocess.run(
        [program],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHOME": sys.base_prefix},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 0, ended.stderr
    answer, of_python, of_extension, answer_of_own, own = ended.stdout.splitlines()
    assert (answer, answer_of_own) == ("through the extension", "through its own")
    assert Path(of_extension).name == module_file(built, "casters").name
    assert "libzmq" in own
    # Where it is the same file, that is all there is to it; else the two are told apart.
    assert (Path(of_python).resolve() == Path(own).resolve()) is (ended.stderr == "")


# -- importing -----------------------------------------------------------------------------------


def test_forgotten_import_is_an_error_that_says_so(built: Path) -> None:
    with pytest.raises(AssertionError, match=r"ImportError.*call cppyzmq::import\(\) first"):
        run_in(built, "import no_import")


def test_other_version_of_the_interface_is_an_import_error(built: Path) -> None:
    with pytest.raises(AssertionError, match=r"ImportError.*build the extension again"):
        run_in(built, "import other_abi")


def test_missing_cppyzmq_is_an_import_error(built: Path) -> None:
    script = """
    import sys
    sys.modules["zmq"] = type(sys)("zmq")
    try:
        import casters
    except ImportError as error:
        while error.__cause__ is not None:  # pybind11 raises one of its own from ours
            print(error)
            error = error.__cause__
        print(type(error).__name__)
    """
    *_, told, cause = run_in(built, script).splitlines()
    assert "needs cppyzmq" in told
    assert cause == "ModuleNotFoundError"


def run_in(directory: Path, script: str) -> str:
    """Run a program that can import the modules in a directory."""
    return run_script(
        f"import sys; sys.path.insert(0, {str(directory)!r})\n" + textwrap.dedent(script)
    )


# -- sockets and contexts ------------------------------------------------------------------------


def test_socket_is_taken_and_given_back(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    one, other = pair
    assert casters.address_of(one) == one.underlying
    assert casters.type_of(one) is zmq.SocketType.PAIR
    again = casters.same(one)
    assert type(again) is zmq.Socket
    assert again.underlying == one.underlying
    assert casters.send(again, "from C++", zmq.DONTWAIT)
    assert other.recv() == b"from C++"


def test_sockets_of_every_kind_are_taken(casters: ModuleType, context: zmq.Context) -> None:
    pytest.importorskip("gevent")
    import zmq.green

    plain = context.socket(zmq.PUSH)
    for kind in (zmq.asyncio.Socket, zmq.green.Socket, zmq.Socket):
        assert casters.type_of(kind.shadow(plain.underlying)) == zmq.PUSH


class OfAnotherPackage:
    """What is known of a socket or a context of another package: its address."""

    def __init__(self, underlying: Any) -> None:
        self.underlying = underlying


def test_socket_of_another_package_is_taken_by_its_address(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    assert casters.send(OfAnotherPackage(pair[0].underlying), "through the address", 0)
    assert pair[1].recv() == b"through the address"
    assert casters.max_sockets(OfAnotherPackage(pair[0].context.underlying)) == 1023


def test_closed_socket_is_refused(casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]) -> None:
    pair[0].close()
    for closed in (pair[0], OfAnotherPackage(0)):
        for function in (casters.type_of, lambda socket: casters.receive_within(socket, 0)):
            with pytest.raises(zmq.ZMQError, match="closed") as raised:
                function(closed)
            assert raised.value.errno == errno.ENOTSOCK


@pytest.mark.parametrize("wrong", [None, 3, "text", OfAnotherPackage("text")])
def test_what_is_no_socket_is_a_type_error(casters: ModuleType, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"zmq\.Socket"):
        casters.type_of(wrong)


def test_context_and_socket_are_told_apart(casters: ModuleType, context: zmq.Context) -> None:
    with pytest.raises(TypeError, match=r"zmq\.Context"):
        casters.max_sockets(context.socket(zmq.PUSH))
    for wrong in (context, OfAnotherPackage(context.underlying)):
        with pytest.raises(TypeError, match=r"zmq\.Socket"):
            casters.type_of(wrong)


def test_socket_is_made_in_a_context_of_python(casters: ModuleType, context: zmq.Context) -> None:
    assert casters.context_address(context) == context.underlying
    assert casters.context_address_by_pointer(context) == context.underlying
    pull = context.socket(zmq.PULL)
    pull.bind("inproc://pull")
    casters.send_from_cpp(context, "inproc://pull")
    assert pull.recv() == b"made in C++"


def test_terminated_context_is_refused(casters: ModuleType) -> None:
    context = zmq.Context()
    context.term()
    with pytest.raises(zmq.ZMQError, match="terminated"):
        casters.max_sockets(context)


def test_errors_of_libzmq_are_those_of_python(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    assert casters.receive(pair[0], zmq.DONTWAIT) is None
    with pytest.raises(zmq.ZMQError) as raised:
        casters.send_from_cpp(pair[0].context, "no endpoint")
    assert raised.value.errno == errno.EINVAL
    request = pair[0].context.socket(zmq.REQ)
    with pytest.raises(zmq.ZMQError) as raised:
        casters.receive(request, zmq.DONTWAIT)
    assert raised.value.errno == zmq.EFSM


# -- messages ------------------------------------------------------------------------------------


def address_of_array(data: Any) -> int:
    address: int = np.frombuffer(data, np.uint8).ctypes.data
    return address


def test_frame_and_large_bytes_are_taken_without_a_copy(casters: ModuleType) -> None:
    large = b"x" * zmq.COPY_THRESHOLD
    for data in (large, zmq.Frame(large, copy=True), zmq.Frame(bytearray(large), copy=False)):
        assert casters.data_address(data) == address_of_array(data)
    copied = bytearray(large)
    assert casters.data_address(copied) != address_of_array(copied)


def test_lent_bytes_are_let_go(casters: ModuleType) -> None:
    large = bytes(zmq.COPY_THRESHOLD)
    before = sys.getrefcount(large)
    for _ in range(10):
        casters.data_address(large)
    assert sys.getrefcount(large) == before


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview, zmq.Frame, np.frombuffer])
def test_message_is_made_from_buffers(casters: ModuleType, make: Callable[..., Any]) -> None:
    data = make(b"text", np.uint8) if make is np.frombuffer else make(b"text")
    assert casters.text(data) == casters.text_of_value(data) == "text"


@pytest.mark.parametrize("wrong", ["text", None, 3, [b"text"]])
def test_what_is_no_message_is_a_type_error(casters: ModuleType, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"zmq\.Frame"):
        casters.text(wrong)


def test_message_becomes_a_frame_without_a_copy(casters: ModuleType) -> None:
    frame, address = casters.message_with_address(100_000)
    assert type(frame) is zmq.Frame
    assert address_of_array(frame) == address
    assert casters.message("small").bytes == b"small"


def test_parts_of_a_message_go_both_ways(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    assert casters.texts((b"one", zmq.Frame(b"two"), bytearray(b"three"))) == [
        "one",
        "two",
        "three",
    ]
    frames = casters.messages([b"one", b"two"])
    assert [frame.bytes for frame in frames] == [b"one", b"two"]
    pair[0].send_multipart([b"a", b"", b"c"])
    frames = casters.receive_all(pair[1])
    assert [frame.bytes for frame in frames] == [b"a", b"", b"c"]
    assert [frame.more for frame in frames] == [True, True, False]


@pytest.mark.parametrize("wrong", [b"bytes", "text", zmq.Frame(b"frame"), 3, ["text"]])
def test_what_are_no_parts_is_a_type_error(casters: ModuleType, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"list\[zmq\.Frame\]"):
        casters.texts(wrong)


def test_enums_go_both_ways(casters: ModuleType) -> None:
    assert casters.next_type(int(zmq.PUB)) is zmq.SocketType.PUB
    assert casters.context_option(zmq.MAX_SOCKETS) is zmq.ContextOption.MAX_SOCKETS
    assert casters.send_flag(zmq.SNDMORE) is zmq.Flag.SNDMORE
    with pytest.raises(TypeError, match=r"zmq\.SocketType"):
        casters.next_type("PUB")


# -- one socket, two languages -------------------------------------------------------------------

MESSAGES = 500


@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_cpp_thread_answers_python(
    casters: ModuleType, make_pair: Callable[..., Any], transport: str
) -> None:
    one, other = make_pair(transport=transport)
    worker = casters.echo(one, MESSAGES)
    for number in range(MESSAGES):
        message = [b"%d" % number, b"x" * number]
        other.send_multipart(message)
        assert other.recv_multipart() == message
    assert worker.join() == 0


@pytest.mark.parametrize("name", ["send_numbers", "send_numbers_with_use"])
def test_cpp_and_python_send_on_one_socket_at_once(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket], name: str
) -> None:
    one, other = pair
    worker = getattr(casters, name)(one, MESSAGES)
    sending = threading.Thread(
        target=lambda: [one.send_multipart([b"py", b"%d" % number]) for number in range(MESSAGES)]
    )
    sending.start()
    found: dict[bytes, list[int]] = {b"cpp": [], b"py": []}
    for _ in range(2 * MESSAGES):
        *kind, number = other.recv_multipart()
        found[kind[0] if kind else b"cpp"].append(int(number))
    sending.join()
    assert worker.join() == 0
    assert found == {b"cpp": list(range(MESSAGES)), b"py": list(range(MESSAGES))}


@pytest.mark.parametrize("name", ["send_numbers", "send_numbers_with_use"])
@pytest.mark.parametrize("transport", ["inproc", "tcp"])
def test_cpp_sends_on_a_socket_that_an_event_loop_waits_for(
    casters: ModuleType, make_endpoint: Callable[..., str], name: str, transport: str
) -> None:
    # Each send may eat the edge that would have woken the loop.
    async def answer(socket: zmq.asyncio.Socket, count: int) -> None:
        for number in range(count):
            parts = await socket.recv_multipart()
            assert int(parts[-1]) == number
            await socket.send(parts[-1])

    async def main() -> None:
        with (
            zmq.asyncio.Context() as context,
            context.socket(zmq.PAIR) as shared,
            context.socket(zmq.PAIR) as peer,
        ):
            shared.bind(make_endpoint(transport))
            peer.connect(shared.last_endpoint.decode())
            worker = getattr(casters, name)(shared, MESSAGES)
            answering = asyncio.create_task(answer(peer, MESSAGES))
            for number in range(MESSAGES):
                assert await shared.recv() == b"%d" % number
            await answering
            assert worker.join() == 0

    asyncio.run(asyncio.wait_for(main(), 50))


def test_message_that_was_given_back_goes_to_cpp_first(casters: ModuleType) -> None:
    async def main() -> None:
        with (
            zmq.asyncio.Context() as awaitable,
            awaitable.socket(zmq.PAIR) as socket,
            awaitable.socket(zmq.PAIR) as peer,
        ):
            socket.bind("inproc://give-back")
            peer.connect("inproc://give-back")
            await peer.send(b"first")
            await peer.send(b"second")
            taken = socket.recv()  # which nobody awaits
            del taken
            for expected in (b"first", b"second"):
                (frame,) = casters.receive_within(socket, 1000)
                assert frame.bytes == expected

    asyncio.run(main())


def test_closing_ends_a_wait_in_cpp(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    worker = casters.echo(pair[0], 2)
    pair[1].send(b"once")
    assert pair[1].recv() == b"once"
    pair[0].close()
    assert worker.join() == errno.ENOTSOCK


def test_terminating_ends_a_wait_in_cpp(casters: ModuleType) -> None:
    context = zmq.Context()
    with context.socket(zmq.PAIR) as one, context.socket(zmq.PAIR) as other:
        one.bind("inproc://one")
        other.connect("inproc://one")
        worker = casters.echo(one, 2)
        other.send(b"once")
        assert other.recv() == b"once"
        ending = threading.Thread(target=context.term)
        ending.start()
        assert worker.join() == zmq.ETERM
    ending.join()


# -- what C++ owns -------------------------------------------------------------------------------


def test_shadows_of_what_cpp_owns_end_nothing(casters: ModuleType) -> None:
    owner = casters.Owner()
    context = owner.context()
    assert type(context) is zmq.Context
    peer = context.socket(zmq.PAIR)
    with peer:
        peer.connect("inproc://owner")
        socket = owner.socket()
        socket.send(b"from the shadow")
        assert peer.recv() == b"from the shadow"
        del socket
        del context
        owner.send("from C++")
        assert peer.recv() == b"from C++"
        again = owner.socket()
        peer.send(b"to the second shadow")
        assert again.recv() == b"to the second shadow"
        del again
    owner.end()


def test_context_of_cpp_may_be_where_a_terminated_one_was(casters: ModuleType) -> None:
    terminated = []
    addresses = set()
    used_again = 0
    for _ in range(20):
        context = zmq.Context()
        addresses.add(context.underlying)
        context.term()
        terminated.append(context)
        owner = casters.Owner()
        shadow = owner.context()
        assert not shadow.closed
        used_again += shadow.underlying in addresses
        owner.end()
    if not used_again:
        pytest.skip("here, memory is not used again so soon")


def test_end_of_a_context_of_cpp_ends_what_python_does_in_it(casters: ModuleType) -> None:
    owner = casters.Owner()
    socket = owner.context().socket(zmq.PULL)
    socket.bind("inproc://waiting")
    ending = threading.Thread(target=owner.end)
    waiting = when_parked(ending.start)
    with socket, pytest.raises(zmq.ContextTerminated):
        socket.recv()
    # Now that the socket is closed, C++ goes on.
    waiting.join()
    ending.join()


@pytest.fixture
def raising_signal() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGUSR1, stop)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.usefixtures("raising_signal")
@pytest.mark.parametrize("name", ["receive_within", "receive_without_gil"])
def test_signal_ends_a_wait_in_cpp(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket], name: str
) -> None:
    acting = when_parked(lambda: os.kill(os.getpid(), signal.SIGUSR1))
    with pytest.raises(KeyboardInterrupt):
        getattr(casters, name)(pair[0], *([30_000] if name == "receive_within" else []))
    acting.join()


def test_wait_in_cpp_ends_when_the_time_is_up(
    casters: ModuleType, pair: tuple[zmq.Socket, zmq.Socket]
) -> None:
    assert casters.receive_within(pair[0], 1) is None
    assert casters.receive_within(pair[0], 0) is None
    pair[1].send(b"there")
    assert casters.receive_within(pair[0], 10_000)[0].bytes == b"there"


# -- a second libzmq -----------------------------------------------------------------------------


def test_second_libzmq_is_warned_about_once(other_libzmq: str) -> None:
    script = """
    import contextlib, ctypes, io, sys, warnings
    import zmq
    assert zmq._core.other_libzmq_files() == []
    ctypes.CDLL(sys.argv[1])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with contextlib.redirect_stdout(io.StringIO()) as shown:
                zmq.show_config()
    (warning,) = caught
    assert warning.category is RuntimeWarning
    for file in (sys.argv[1], zmq._core.libzmq_file()):
        assert file in str(warning.message)
        assert file in shown.getvalue()
    """
    run_script(script, other_libzmq)


def test_second_libzmq_is_warned_about_when_an_extension_is_imported(
    built: Path, other_libzmq: str
) -> None:
    script = f"""
    import ctypes, warnings
    import zmq  # first: its libzmq has the same name
    ctypes.CDLL({other_libzmq!r})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import casters
    assert [warning.category for warning in caught] == [RuntimeWarning]
    """
    run_in(built, script)


def test_socket_of_a_second_libzmq_is_refused(built: Path, other_libzmq: str) -> None:
    script = f"""
    import casters
    import ctypes
    import zmq
    library = ctypes.CDLL({other_libzmq!r})
    for function in (library.zmq_ctx_new, library.zmq_socket):
        function.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.zmq_ctx_new())
    socket = library.zmq_socket(context, int(zmq.PUSH))

    class Other:
        def __init__(self, underlying):
            self.underlying = underlying

    for refuse in (
        lambda: casters.type_of(Other(socket)),
        lambda: casters.max_sockets(Other(context.value)),
        lambda: zmq.Socket.shadow(socket),
    ):
        try:
            refuse()
        except (TypeError, zmq.ZMQError) as error:
            assert {other_libzmq!r} in str(error)
            assert zmq._core.libzmq_file() in str(error)
        else:
            raise AssertionError("it was taken")
    library.zmq_close(ctypes.c_void_p(socket))
    library.zmq_ctx_term(context)
    """
    run_in(built, script)


# -- what the package says about itself ----------------------------------------------------------


def test_module_says_where_things_are() -> None:
    includes = run(["-m", "zmq", "--includes"], 30).split()
    assert includes == [f"-I{path}" for path in zmq.get_includes()]
    assert run(["-m", "zmq", "--cmakedir"], 30).strip() == zmq.get_cmake_dir()
    assert (Path(zmq.get_cmake_dir()) / "cppyzmqConfig.cmake").is_file()
    assert any((Path(path) / "cppyzmq" / "pybind11.hpp").is_file() for path in zmq.get_includes())


def test_module_shows_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    shown = run(["-m", "zmq"], 30)
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in shown.splitlines())
    assert lines["libzmq"] == zmq.zmq_version()
    assert Path(lines["libzmq file"]).exists()
    assert lines["module"] == _core.__file__
    assert lines["built with libzmq"] in ("system", "bundled")
    zmq.show_config()
    assert capsys.readouterr().out.splitlines()[1:3] == shown.splitlines()[1:3]


# -- the examples ----------------------------------------------------------------------------------


def test_mixed_example_checks_every_frame(built: Path) -> None:
    program = f"""
    import runpy, sys
    sys.argv = ["acquire.py", "--frames", "60", "--width", "320", "--height", "240"]
    runpy.run_path({str(ROOT / "examples" / "mixed" / "acquire.py")!r}, run_name="__main__")
    """
    printed = run_in(built / "mixed", program)
    assert "OK: 60 frames of 320 x 240" in printed
    assert len(re.findall(r"\d+ (?:frames|results)/s", printed)) == 3


def test_embedding_example_shares_context_and_sockets(built: Path) -> None:
    program = built / "embed" / "embed"
    if not program.exists():
        pytest.skip("no Python to embed")
    ended = subprocess.run(
        [program],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(zmq.__file__).parent.parent),
            "PYTHONHOME": sys.base_prefix,
        },
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == "OK"
    assert "111 squared is 12321" in ended.stdout
