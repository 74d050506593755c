"""Contexts: the global one, shadows, defaults for sockets, destroy, and what is never closed."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

import zmq
import zmq.sugar.context
from support import run_script, when_parked


@pytest.fixture
def instance() -> Iterator[zmq.Context]:
    """The global context, which a test leaves terminated."""
    made = zmq.Context.instance()
    yield made
    zmq.Context.instance().destroy(linger=0)


def collected(does: Callable[[], Any]) -> list[str]:
    """Give the ResourceWarnings of what is dropped."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        does()
        gc.collect()
    return [str(one.message) for one in caught if one.category is ResourceWarning]


# -- life ----------------------------------------------------------------------------------------


def test_context_is_closed_by_term() -> None:
    context = zmq.Context()
    assert context.closed is False
    assert context.underlying
    context.term()
    assert context.closed is True
    assert context.underlying == 0
    context.term()
    context.destroy()


def test_context_takes_the_number_of_threads() -> None:
    for made, threads in ((zmq.Context(), 1), (zmq.Context(3), 3), (zmq.Context(io_threads=0), 0)):
        assert made.get(zmq.IO_THREADS) == made.io_threads == threads
        made.term()


def test_with_statement_terminates() -> None:
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        assert not context.closed
    assert socket.closed
    assert context.closed


def test_with_statement_warns_of_open_sockets_and_closes_them() -> None:
    with (
        pytest.warns(ResourceWarning, match=r"unclosed socket <zmq.Socket\(zmq.PAIR\)"),
        zmq.Context() as context,
    ):
        socket = context.socket(zmq.PAIR)
    assert socket.closed
    assert context.closed


def test_destroy_closes_all_sockets() -> None:
    context = zmq.Context()
    sockets = [context.socket(kind) for kind in (zmq.PUB, zmq.SUB, zmq.REQ)]
    made_otherwise = zmq.Socket(context, zmq.REP)
    sockets[0].close()
    context.destroy()
    assert all(socket.closed for socket in [*sockets, made_otherwise])
    assert context.closed


def test_destroy_sets_linger() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.connect("tcp://127.0.0.1:1")
    socket.send(b"for nobody")
    context.destroy(linger=0)
    assert context.closed


def test_destroy_calls_the_close_of_a_subclass_that_takes_no_argument() -> None:
    class Noted(zmq.Socket):
        def close(self) -> None:  # type: ignore[override]
            closed.append(self.linger)
            super().close()

    closed: list[int] = []
    context = zmq.Context()
    sockets = [Noted(context, zmq.PUSH) for _ in range(2)]
    context.destroy(linger=7)
    assert closed == [7, 7]
    assert all(socket.closed for socket in sockets)


def test_close_sets_linger() -> None:
    context = zmq.Context()
    for close in (
        lambda socket: socket.close(0),
        lambda socket: socket.close(linger=0),
        lambda socket: socket.close(0.5),
    ):
        socket = context.socket(zmq.PUSH)
        socket.connect("tcp://127.0.0.1:1")
        socket.send(b"for nobody")
        close(socket)
    context.term()


def test_close_refuses_what_is_no_number_and_leaves_the_socket_open(context: zmq.Context) -> None:
    socket = context.socket(zmq.PUB)
    with pytest.raises(TypeError):
        socket.close("soon")  # type: ignore[arg-type]
    assert not socket.closed


def test_floats_are_cut_off_where_a_number_is_wanted() -> None:
    with zmq.Context(2.9) as context:  # type: ignore[arg-type]
        assert context.io_threads == 2
        with context.socket(1.0, copy_threshold=7.9) as socket:  # type: ignore[call-overload]
            assert socket.type is zmq.PUB
            assert socket.copy_threshold == 7
            socket.copy_threshold = 0.5 * 2**20
            assert socket.copy_threshold == 2**19
            with pytest.raises(TypeError):
                socket.copy_threshold = None
    with pytest.raises(TypeError):
        zmq.Context("2")  # type: ignore[arg-type]


def test_term_waits_for_messages_as_linger_says() -> None:
    context, other = zmq.Context(), zmq.Context()
    receiver, sender = other.socket(zmq.PULL), context.socket(zmq.PUSH)
    sender.connect(receiver.bind("tcp://127.0.0.1:*").addr)
    for _ in range(100):
        sender.send(bytes(10_000))
    sender.close()
    context.term()
    assert [len(receiver.recv()) for _ in range(100)] == [10_000] * 100
    other.destroy()


def test_term_waits_for_sockets_in_other_threads() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    told = []

    def receive() -> None:
        try:
            socket.recv()
        except zmq.ContextTerminated as error:
            told.append(error.errno)
        socket.close()

    receiving = threading.Thread(target=receive)
    receiving.start()
    context.term()
    receiving.join()
    assert told == [zmq.ETERM]


def test_shutdown_ends_waits_and_leaves_sockets_open(context: zmq.Context) -> None:
    socket = context.socket(zmq.PAIR)
    when_parked(context.shutdown)
    with pytest.raises(zmq.ContextTerminated):
        socket.recv()
    assert not socket.closed
    assert not context.closed
    with pytest.raises(zmq.ContextTerminated):
        context.socket(zmq.PAIR)
    socket.close()
    context.term()


def test_socket_keeps_its_context_alive() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    alive = weakref.ref(context)
    assert socket.context is context
    del context
    gc.collect()
    assert alive() is socket.context
    socket.context.destroy()


def test_context_does_not_keep_its_sockets_alive() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    socket.close()
    alive = weakref.ref(socket)
    del socket
    gc.collect()
    assert alive() is None
    context.term()


@pytest.mark.parametrize("kind", ["Context", "Socket", "Poller"])
@pytest.mark.parametrize("derived", [False, True])
def test_what_refers_to_itself_is_collected(context: zmq.Context, kind: str, derived: bool) -> None:
    base: Any = getattr(zmq, kind)
    cls: Any = type(kind, (base,), {}) if derived else base
    made = cls(context, zmq.PAIR) if kind == "Socket" else cls()
    made.__dict__["itself"] = made
    if kind != "Poller":
        made.term() if kind == "Context" else made.close()
    alive = weakref.ref(made)
    del made
    gc.collect()
    assert alive() is None


def test_threads_may_terminate_a_context_together() -> None:
    context = zmq.Context()
    socket = context.socket(zmq.PAIR)
    threads = [threading.Thread(target=context.term) for _ in range(4)]
    for thread in threads:
        thread.start()
    with pytest.raises(zmq.ContextTerminated):
        socket.recv()
    socket.close()
    for thread in threads:
        thread.join()
    assert context.closed


# -- what is never closed ------------------------------------------------------------------------


def test_dropped_socket_warns_and_is_closed() -> None:
    context = zmq.Context()

    def drop() -> None:
        context.socket(zmq.PUB)

    assert [text.split(" at ")[0] for text in collected(drop)] == [
        "Unclosed socket <zmq.Socket(zmq.PUB)"
    ]
    context.term()


def test_dropped_context_warns() -> None:
    def drop() -> None:
        zmq.Context()

    assert [text.split("(")[0] for text in collected(drop)] == ["Unclosed context <zmq.Context"]


def test_dropped_context_and_its_sockets_end_in_any_order() -> None:
    def drop() -> None:
        context = zmq.Context()
        first, second = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        first.bind("inproc://dropped")
        second.connect("inproc://dropped")
        first.send(b"never received")
        # A cycle, so that the collector decides what goes first.
        context.sockopts[0] = [context, first, second]

    # The collector may close sockets before or after the context, so here it may not wait.
    assert len(collected(drop)) == 3


def test_closed_sockets_and_contexts_do_not_warn() -> None:
    def drop() -> None:
        context = zmq.Context()
        context.socket(zmq.PUB).close()
        context.term()
        zmq.Socket.shadow  # noqa: B018
        other = zmq.Context()
        other.socket(zmq.PUB)
        other.destroy()

    assert [text for text in collected(drop) if "Unclosed context" in text] == []


def test_dropped_shadows_neither_warn_nor_close(context: zmq.Context) -> None:
    socket = context.socket(zmq.PUB)

    def drop() -> None:
        zmq.Socket.shadow(socket)
        zmq.Socket.shadow(socket.underlying)
        zmq.Context.shadow(context)
        zmq.Context.shadow(context.underlying)
        copy.copy(context)
        copy.deepcopy(socket)

    assert collected(drop) == []
    socket.bind("inproc://still-open")
    context.socket(zmq.SUB).connect("inproc://still-open")


def test_failed_construction_leaves_nothing() -> None:
    def fail() -> None:
        with pytest.raises(zmq.ZMQError):
            zmq.Context(-1)
        with pytest.raises(TypeError):
            zmq.Socket()

    assert collected(fail) == []


def test_interpreter_ends_with_open_sockets() -> None:
    run_script(
        """
        import zmq

        context = zmq.Context()
        socket = context.socket(zmq.PUSH)
        socket.connect("tcp://127.0.0.1:1")
        socket.send(b"for nobody")
        """,
        warnings="ignore",
    )


# -- the global context --------------------------------------------------------------------------


def test_instance_is_one_per_process(instance: zmq.Context) -> None:
    assert zmq.Context.instance() is instance
    assert zmq.Context.instance(io_threads=5) is instance
    assert instance.io_threads == 1
    assert type(instance) is zmq.Context


def test_terminated_instance_is_replaced(instance: zmq.Context) -> None:
    instance.term()
    second = zmq.Context.instance()
    assert second is not instance
    assert not second.closed
    assert second is zmq.Context.instance()


def test_instance_is_the_same_in_all_threads(instance: zmq.Context) -> None:
    instance.term()
    start = threading.Barrier(8)
    found: list[zmq.Context] = []

    def find() -> None:
        start.wait()
        found.append(zmq.Context.instance())

    threads = [threading.Thread(target=find) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(context) for context in found}) == 1


def test_subclass_may_have_an_instance_of_its_own(instance: zmq.Context) -> None:
    class Sharing(zmq.Context):
        pass

    class Own(zmq.Context):
        _instance = None

    assert Sharing.instance() is instance
    own = Own.instance()
    assert type(own) is Own
    assert own is Own.instance() is not zmq.Context.instance()
    own.term()


def test_instance_of_a_subclass_asked_first_is_its_own() -> None:
    class First(zmq.Context):
        pass

    zmq.Context.instance().term()
    first = First.instance()
    assert type(first) is First
    assert First.instance() is first
    first.term()


def test_instance_can_be_taken_away(instance: zmq.Context, monkeypatch: Any) -> None:
    assert zmq.sugar.context.Context._instance is instance
    monkeypatch.setattr(zmq.Context, "_instance", None)
    other = zmq.Context.instance()
    assert other is not instance
    other.term()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_child_process_has_an_instance_of_its_own() -> None:
    run_script(
        """
        import os, warnings, zmq

        warnings.filterwarnings("ignore", ".*use of fork", DeprecationWarning)
        instance = zmq.Context.instance()
        socket = instance.socket(zmq.PUSH)
        child = os.fork()
        if child == 0:
            own = zmq.Context.instance()
            assert own is not instance
            assert own is zmq.Context.instance()
            with own.socket(zmq.PUSH), own.socket(zmq.PULL):
                pass
            own.term()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert zmq.Context.instance() is instance
        socket.close()
        instance.term()
        """,
        warnings="error::ResourceWarning",
    )


# -- shadows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        zmq.Context.shadow,
        lambda context: zmq.Context.shadow(context.underlying),
        zmq.Context,
        lambda context: zmq.Context(shadow=context),
        lambda context: zmq.Context(shadow=context.underlying),
        copy.copy,
        copy.deepcopy,
    ],
    ids=["shadow", "address", "Context", "shadow=", "shadow=address", "copy", "deepcopy"],
)
def test_shadow_is_the_same_context(context: zmq.Context, make: Callable[[Any], Any]) -> None:
    shadow = make(context)
    assert shadow is not context
    assert shadow.underlying == context.underlying
    assert not shadow.closed
    with context.socket(zmq.PAIR) as first, shadow.socket(zmq.PAIR) as second:
        first.bind("inproc://shadow")
        second.connect("inproc://shadow")
        first.send(b"message")
        assert second.recv() == b"message"
        assert second.context is shadow


def test_socket_shadow_shares_the_end(context: zmq.Context) -> None:
    socket = context.socket(zmq.PAIR)
    shadow, second = zmq.Socket.shadow(socket), zmq.Socket.shadow(socket.underlying)
    assert shadow.context is context
    assert second.context is None
    shadow.close()
    for closed in (shadow, socket, second):
        assert closed.closed
        assert closed.underlying == 0
        with pytest.raises(zmq.ZMQError) as raised:
            closed.send(b"message")
        assert raised.value.errno == zmq.ENOTSOCK
    socket.close()


@pytest.mark.parametrize("by_address", [False, True])
def test_term_of_a_shadow_ends_the_context_for_all(by_address: bool) -> None:
    context = zmq.Context()
    shadow = zmq.Context.shadow(context.underlying if by_address else context)
    other = zmq.Context.shadow(context)
    shadow.term()
    assert context.closed
    assert shadow.closed
    assert other.closed
    for ended in (context, shadow, other):
        ended.term()
        with pytest.raises(zmq.ZMQError):
            ended.socket(zmq.PAIR)


def test_shadow_of_a_terminated_context_says_efault() -> None:
    context = zmq.Context()
    shadow = zmq.Context.shadow(context)
    context.term()
    with pytest.raises(zmq.ZMQError) as caught:
        shadow.socket(zmq.PUB)
    assert caught.value.errno == zmq.EFAULT


def test_shadow_keeps_the_context_alive() -> None:
    shadow = zmq.Context.shadow(zmq.Context())
    gc.collect()
    with shadow.socket(zmq.PAIR) as first, shadow.socket(zmq.PAIR) as second:
        first.bind("inproc://kept")
        second.connect("inproc://kept")
        first.send(b"kept")
        assert second.recv() == b"kept"
    shadow.term()


def test_shadow_attributes(context: zmq.Context) -> None:
    socket = context.socket(zmq.PAIR)
    shadow = zmq.Socket.shadow(socket)
    assert (socket._shadow, shadow._shadow) == (False, True)
    assert shadow._shadow_obj is socket
    other = zmq.Context.shadow(context)
    assert (context._shadow, other._shadow) == (False, True)
    assert other._shadow_obj is context


# -- sockets -------------------------------------------------------------------------------------


def test_defaults_of_socket_options(context: zmq.Context) -> None:
    context.linger = 5
    context.setsockopt(zmq.RCVTIMEO, 7)
    context.SNDHWM = 9
    context.subscribe = b"topic"
    assert context.sockopts == {
        zmq.LINGER: 5,
        zmq.RCVTIMEO: 7,
        zmq.SNDHWM: 9,
        zmq.SUBSCRIBE: b"topic",
    }
    for kind in (zmq.SUB, zmq.PUB):  # PUB has no SUBSCRIBE
        socket = context.socket(kind)
        assert (socket.linger, socket.rcvtimeo, socket.sndhwm) == (5, 7, 9)
    assert (context.linger, context.LINGER, context.getsockopt(zmq.LINGER)) == (5, 5, 5)
    del context.linger
    with pytest.raises(AttributeError, match="LINGER"):
        context.linger  # noqa: B018
    with pytest.raises(AttributeError, match="LINGER"):
        del context.linger
    assert context.socket(zmq.PUB).linger == -1


def test_context_options_are_attributes(context: zmq.Context) -> None:
    context.max_sockets = 100
    assert context.MAX_SOCKETS == context.get(zmq.MAX_SOCKETS) == 100
    context.IO_THREADS = 2
    assert context.io_threads == 2
    context.set(zmq.ContextOption.MAX_MSGSZ, 1000)
    assert context.max_msgsz == 1000
    assert context.get(zmq.SOCKET_LIMIT) > 0
    assert context.get(zmq.MSG_T_SIZE) == 64
    with pytest.raises(AttributeError):
        del context.max_sockets
    assert {"IO_THREADS", "MAX_SOCKETS", "socket"} <= set(dir(context))


def test_write_only_context_option_is_no_attribute_to_read(context: zmq.Context) -> None:
    assert not hasattr(context, "THREAD_AFFINITY_CPU_ADD")
    with pytest.raises(AttributeError, match="write-only"):
        _ = context.thread_affinity_cpu_remove
    # Which looks at every attribute that dir() lists.
    assert mock.create_autospec(context).socket(zmq.PUB) is not None


def test_thread_name_and_affinity_can_be_set(context: zmq.Context) -> None:
    context.set(zmq.THREAD_NAME_PREFIX, 5)
    context.thread_affinity_cpu_add = 0
    context.thread_affinity_cpu_remove = 0
    context.socket(zmq.PAIR).close()


def test_socket_that_cannot_have_a_default_is_closed() -> None:
    context = zmq.Context()
    context.rcvtimeo = "bad"
    with pytest.raises(TypeError):
        context.socket(zmq.PUB)
    context.term()


def test_socket_class_can_be_chosen(context: zmq.Context) -> None:
    class Special(zmq.Socket):
        def __init__(self, *arguments: Any, extra: str = "", **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.__dict__["extra"] = extra

    class Making(zmq.Context):
        _socket_class = Special

    assert type(context.socket(zmq.PUB, socket_class=Special)) is Special
    assert context.socket(zmq.PUB, Special, extra="given").extra == "given"
    assert context.socket(zmq.PUB, copy_threshold=5).copy_threshold == 5
    with Making() as making, making.socket(zmq.PUB) as socket:
        assert type(socket) is Special


def test_subclass_may_have_attributes_of_its_own() -> None:
    class Own(zmq.Context):
        declared = 1
        annotated: str

        def __init__(self, *arguments: Any, **keywords: Any) -> None:
            super().__init__(*arguments, **keywords)
            self.annotated = "given"

    with Own() as own:
        own.declared = 2
        assert (own.declared, own.annotated) == (2, "given")
        with pytest.raises(AttributeError, match="NOSUCH"):
            own.nosuch = 1
        with pytest.raises(AttributeError, match="NOSUCH"):
            own.nosuch  # noqa: B018


def test_repr_counts_sockets() -> None:
    context = zmq.Context()
    assert repr(context).startswith("<zmq.Context() at 0x")
    first, second = context.socket(zmq.PUB), context.socket(zmq.PUB)
    assert repr(context).startswith("<zmq.Context(2 sockets) at 0x")
    second.close()
    assert repr(context).startswith("<zmq.Context(1 socket) at 0x")
    first.close()
    context.term()
    assert repr(context).endswith(" closed>")

    class Named(zmq.Context):
        pass

    with Named() as named:
        assert "Named() at 0x" in repr(named)
        assert not repr(named).startswith("<zmq.Context")


def test_contexts_are_not_pickled(context: zmq.Context) -> None:
    for value in (context, context.socket(zmq.PUB)):
        with pytest.raises(TypeError):
            pickle.dumps(value)


def test_contexts_and_sockets_are_compared_by_identity(context: zmq.Context) -> None:
    socket = context.socket(zmq.PUB)
    shadow, other = zmq.Socket.shadow(socket), zmq.Context.shadow(context)
    assert {socket: 1}[socket] == {context: 1}[context] == 1
    assert socket == socket
    assert context != other
    assert len({socket, shadow}) == 2 or socket == shadow


# -- bind and connect ----------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["inproc", "ipc", "tcp"])
def test_bind_and_connect_are_undone_by_with(
    context: zmq.Context, make_endpoint: Callable[..., str], transport: str
) -> None:
    replier, requester = context.socket(zmq.REP), context.socket(zmq.REQ)
    endpoint = make_endpoint(transport)
    bound = replier.bind(endpoint)
    assert bound.kind == "bind"
    assert bound.socket is replier
    assert bound.addr == replier.get_string(zmq.LAST_ENDPOINT)
    with bound as entered, requester.connect(bound.addr) as connected:
        assert entered is replier
        assert connected is requester
        requester.send(b"question")
        assert replier.recv() == b"question"
        replier.send(b"answer")
        assert requester.recv() == b"answer"
    with pytest.raises(zmq.ZMQError) as raised:
        replier.unbind(bound.addr)
    assert raised.value.errno == errno.ENOENT
    if transport == "inproc":  # libzmq takes its time to give the others free
        with replier.bind(bound.addr):
            assert replier.last_endpoint.decode() == bound.addr


def test_with_block_may_undo_by_itself(context: zmq.Context) -> None:
    socket = context.socket(zmq.REP)
    with socket.bind("inproc://undone"):
        socket.unbind("inproc://undone")
    with socket.connect("inproc://other"):
        socket.disconnect("inproc://other")
    with socket.bind("inproc://undone"):
        socket.close()


def test_with_block_of_a_socket_closes_it(context: zmq.Context) -> None:
    with pytest.raises(LookupError), context.socket(zmq.REP) as socket:
        raise LookupError
    assert socket.closed


def test_bind_to_random_port_gives_the_port(context: zmq.Context) -> None:
    socket = context.socket(zmq.REP)
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    assert socket.get_string(zmq.LAST_ENDPOINT) == f"tcp://127.0.0.1:{port}"
    chosen = socket.bind_to_random_port("tcp://127.0.0.1", 40_000, 60_000, 100)
    assert 40_000 <= chosen < 60_000


def test_endpoint_may_be_bytes(context: zmq.Context) -> None:
    first, second = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    first.bind(b"inproc://bytes")
    second.connect(b"inproc://bytes")
    first.send(b"message")
    assert second.recv() == b"message"
    second.disconnect(b"inproc://bytes")
    first.unbind(b"inproc://bytes")
