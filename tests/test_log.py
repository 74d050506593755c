"""PUBHandler under the contract of logging.Handler, TopicLogger, and the watcher."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import signal
import subprocess
import sys
import threading

import pytest

import zmq
import zmq.asyncio
from zmq.log.__main__ import Watcher, main
from zmq.log.handlers import TOPIC_DELIM, PUBHandler, TopicLogger

JOIN_S = 20


@pytest.fixture
def logger():
    """A logger of the test's own, whose handlers are closed after it."""
    made = logging.Logger("test", level=1)
    yield made
    for handler in list(made.handlers):
        made.removeHandler(handler)
        handler.close()


def subscribed(context, handler_socket, topic=b""):
    """Subscribe to a handler; over inproc and XPUB nothing is lost in the beginning."""
    subscriber = context.socket(zmq.SUB, socket_class=zmq.Socket)
    subscriber.rcvtimeo = JOIN_S * 1000
    subscriber.connect(handler_socket.last_endpoint)
    subscriber.subscribe(topic)
    assert handler_socket.recv() == b"\x01" + topic
    return subscriber


@pytest.fixture
def publisher(context, make_endpoint):
    socket = context.socket(zmq.XPUB)
    socket.bind(make_endpoint("inproc"))
    return socket


@pytest.fixture
def handler(publisher, logger):
    made = PUBHandler(publisher)
    logger.addHandler(made)
    return made


@pytest.fixture
def received(context, publisher, handler):
    subscriber = subscribed(context, publisher)

    def receive():
        return [part.decode() for part in subscriber.recv_multipart()]

    yield receive
    subscriber.close()


def test_each_level_is_published_under_its_name_in_its_format(logger, received):
    place = rf"{re.escape('test_log.py')}:\d+ - "
    for method, pattern in (
        (logger.debug, f"DEBUG {place}hello you\n"),
        (logger.info, "hello you\n"),
        (logger.warning, f"WARNING {place}hello you\n"),
        (logger.error, f"ERROR {place}hello you - None\n"),
        (logger.critical, f"CRITICAL {place}hello you\n"),
    ):
        method("hello %s", "you")
        topic, text = received()
        assert topic == method.__name__.upper()
        assert re.fullmatch(pattern, text)


def test_root_topic_comes_first(logger, handler, received):
    handler.root_topic = "server"
    logger.info("hello")
    assert received() == ["server.INFO", "hello\n"]
    handler.setRootTopic(b"bytes")
    assert handler.root_topic == "bytes"
    logger.info("hello")
    assert received() == ["bytes.INFO", "hello\n"]


@pytest.mark.parametrize(
    ("message", "topic", "text"),
    [
        ("database::connected", "INFO.database", "connected\n"),
        ("a::b::c", "INFO.a", "b::c\n"),
        ("::x", "INFO", "x\n"),
        ("x::", "INFO.x", "\n"),
        ("a:b", "INFO", "a:b\n"),
        ("two\nlines", "INFO", "two\nlines\n"),
        ("", "INFO", "\n"),
    ],
)
def test_message_can_have_a_topic_of_its_own(logger, received, message, topic, text):
    logger.info(message)
    assert received() == [topic, text]


def test_arguments_are_those_of_the_message(logger, received):
    logger.info("topic::%s and %d", "text::more", 5)
    assert received() == ["INFO.topic", "text::more and 5\n"]


@pytest.mark.parametrize(
    ("message", "text"), [(5, "5\n"), (None, "None\n"), ({"a": 1}, "{'a': 1}\n")]
)
def test_messages_need_not_be_str(logger, received, message, text):
    logger.info(message)
    assert received() == ["INFO", text]


def test_text_that_is_no_unicode_is_spelled_out(logger, handler, received):
    handler.root_topic = "\u20ac"
    logger.info("\ud800")
    assert received() == ["\u20ac.INFO", "\\ud800\n"]


def test_other_handlers_get_the_record_as_it_was(logger, received):
    records = []
    other = logging.Handler()
    other.emit = records.append
    logger.addHandler(other)
    logger.info("topic::message")
    assert received() == ["INFO.topic", "message\n"]
    assert records[0].getMessage() == "topic::message"


@pytest.mark.parametrize(
    ("level", "pattern"),
    [
        (5, r"LOUD \S+ - hello\n"),
        (17, r"LOUD \S+ - hello\n"),
        (25, r"hello\n"),
        (45, r"LOUD \S+ - hello - None\n"),
        (60, r"LOUD \S+ - hello\n"),
    ],
)
def test_levels_of_ones_own_are_written_like_the_next_lower_one(logger, received, level, pattern):
    old_name = logging.getLevelName(level)
    logging.addLevelName(level, "LOUD")
    try:
        logger.log(level, "hello")
    finally:
        logging.addLevelName(level, old_name)
    topic, text = received()
    assert topic == "LOUD"
    assert re.fullmatch(pattern, text)


def test_level_without_a_name_is_published_all_the_same(logger, received):
    logger.log(7, "hello")
    assert received()[0] == "Level 7"


@pytest.mark.parametrize("level", [logging.NOTSET, logging.INFO, "INFO", 25])
def test_formatters_are_set_for_one_level_or_for_all(logger, handler, received, level):
    handler.setFormatter(logging.Formatter("<%(message)s>"), level)
    logger.info("info")
    assert received()[1] == ("info\n" if level == 25 else "<info>")
    logger.log(25, "between")
    assert received()[1] == "<between>"
    logger.error("error")
    assert (received()[1] == "<error>") is (level == logging.NOTSET)
    handler.setFormatter(None, level)
    logger.info("info")
    assert received()[1] == "info\n"
    logger.log(25, "between")
    assert received()[1] == "between\n"


def test_formatter_for_all_levels_replaces_those_of_single_ones(logger, handler, received):
    handler.setFormatter(logging.Formatter("single %(message)s"), 25)
    handler.setFormatter(logging.Formatter("all %(message)s"))
    logger.log(25, "between")
    assert received()[1] == "all between"


def test_unknown_level_name_is_refused(handler):
    with pytest.raises(ValueError, match="NOSUCH"):
        handler.setFormatter(logging.Formatter("%(message)s"), "NOSUCH")


def test_exceptions_are_formatted(logger, received):
    try:
        raise LookupError("as planned")
    except LookupError:
        logger.exception("topic::it failed")
    topic, text = received()
    assert topic == "ERROR.topic"
    assert "it failed" in text
    assert "Traceback" in text
    assert text.endswith("LookupError: as planned")


def test_filters_and_level_of_the_handler_count(logger, handler, received):
    handler.setLevel(logging.WARNING)
    logger.info("too low")
    handler.addFilter(lambda record: "secret" not in record.msg)
    logger.error("secret")
    logger.error("public")
    assert "public" in received()[1]


def test_errors_go_to_handle_error_and_not_into_the_program(logger, handler, received, capsys):
    logger.info("%d", "no number")
    assert "Logging error" in capsys.readouterr().err
    handled = []
    handler.handleError = handled.append
    logger.info("%d", "no number")
    assert [record.msg for record in handled] == ["%d"]
    logger.info("fine")
    assert received() == ["INFO", "fine\n"]


def test_closed_socket_is_an_error_of_the_handler_only(logger, handler, publisher):
    publisher.close()
    handled = []
    handler.handleError = handled.append
    logger.info("hello")
    assert len(handled) == 1


def test_handler_binds_an_endpoint_and_ends_what_it_made(logger, context):
    handler = PUBHandler("tcp://127.0.0.1:*")
    logger.addHandler(handler)
    assert handler.socket.type == zmq.PUB
    assert handler.ctx is handler.socket.context
    assert handler.ctx is not context
    subscriber = context.socket(zmq.SUB)
    subscriber.connect(handler.socket.last_endpoint)
    subscriber.subscribe(b"")
    while not subscriber.poll(10):
        logger.info("hello")
    assert subscriber.recv_multipart() == [b"INFO", b"hello\n"]
    subscriber.close()
    handler.close()
    assert handler.socket.closed
    assert handler.ctx.closed
    handler.close()  # once more does no harm


def test_handler_uses_the_context_it_is_given(context, make_endpoint):
    handler = PUBHandler(make_endpoint("inproc"), context, root_topic="root")
    assert handler.ctx is handler.socket.context is context
    assert handler.root_topic == "root"
    handler.close()
    assert handler.socket.closed
    assert not context.closed
    context.term()


def test_given_socket_stays_the_callers(publisher):
    handler = PUBHandler(publisher)
    assert handler.socket is publisher
    handler.close()
    assert not publisher.closed


@pytest.mark.parametrize("argument", [5, None, b"tcp://127.0.0.1:*"])
def test_handler_needs_an_endpoint_or_a_socket(argument):
    with pytest.raises(TypeError, match="endpoint"):
        PUBHandler(argument)


def test_endpoint_that_cannot_be_bound_raises_and_leaves_nothing(publisher):
    with pytest.raises(zmq.ZMQError):
        PUBHandler("nonsense")


def test_records_logged_at_the_end_of_a_program_arrive(context, make_endpoint):
    program = """
import logging, sys
import zmq
from zmq.log.handlers import PUBHandler
handler = PUBHandler("tcp://127.0.0.1:*")
logging.getLogger().addHandler(handler)
print(handler.socket.last_endpoint.decode(), flush=True)
while sys.stdin.readline() == "again\\n":
    logging.error("begin")
for number in range(1000):
    logging.error("%d", number)
logging.error("the end")
"""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as publishing:
        try:
            subscriber = context.socket(zmq.SUB)
            subscriber.rcvhwm = 0
            subscriber.rcvtimeo = JOIN_S * 1000
            subscriber.connect(publishing.stdout.readline().strip())
            subscriber.subscribe(b"")
            while not subscriber.poll(10):
                print("again", file=publishing.stdin, flush=True)
            publishing.communicate("go\n", timeout=JOIN_S)
            while b"the end" not in subscriber.recv_multipart()[1]:
                pass
        finally:
            publishing.kill()
        subscriber.close()
    assert publishing.returncode == 0


def test_threads_can_log_to_one_handler(logger, received, handler):
    handler.socket.sndhwm = 0
    texts = [f"{thread}-{number}" for thread in range(4) for number in range(100)]

    def log(thread):
        for number in range(100):
            logger.info("%d-%d", thread, number)

    threads = [threading.Thread(target=log, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    messages = [received() for _ in texts]
    for thread in threads:
        thread.join(JOIN_S)
    assert {topic for topic, _ in messages} == {"INFO"}
    assert sorted(text.strip() for _, text in messages) == sorted(texts)


def test_asyncio_socket_can_be_logged_to_from_any_thread(logger):
    async def run():
        with zmq.asyncio.Context() as context:
            publisher = context.socket(zmq.XPUB)
            publisher.bind("inproc://asyncio-log")
            subscriber = context.socket(zmq.SUB)
            subscriber.connect("inproc://asyncio-log")
            subscriber.subscribe(b"")
            assert await asyncio.wait_for(publisher.recv(), JOIN_S) == b"\x01"
            handler = PUBHandler(publisher)
            assert handler.socket is publisher
            logger.addHandler(handler)
            logger.info("from the loop")
            await asyncio.to_thread(logger.info, "from a thread")
            for text in (b"from the loop\n", b"from a thread\n"):
                received = await asyncio.wait_for(subscriber.recv_multipart(), JOIN_S)
                assert received == [b"INFO", text]
            # The socket itself works as before.
            await publisher.send_multipart([b"INFO", b"by hand"])
            assert await asyncio.wait_for(subscriber.recv_multipart(), JOIN_S) == [
                b"INFO",
                b"by hand",
            ]
            logger.removeHandler(handler)
            handler.close()
            subscriber.close()
            publisher.close()

    asyncio.run(run())


# -- TopicLogger ----------------------------------------------------------------------------------


@pytest.fixture
def topic_logger(handler):
    made = TopicLogger("topics", level=1)
    made.addHandler(handler)
    return made


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", "DEBUG"),
        ("info", "INFO"),
        ("warning", "WARNING"),
        ("warn", "WARNING"),
        ("error", "ERROR"),
        ("critical", "CRITICAL"),
        ("fatal", "CRITICAL"),
    ],
)
def test_topic_logger_takes_the_topic_first(topic_logger, handler, received, method, level):
    handler.setFormatter(logging.Formatter("%(filename)s %(funcName)s %(message)s"))
    getattr(topic_logger, method)("database", "connected to %s", "it")
    assert received() == [
        f"{level}.database",
        "test_log.py test_topic_logger_takes_the_topic_first connected to it",
    ]


def test_topic_logger_logs_at_any_level_and_with_exceptions(topic_logger, handler, received):
    handler.setFormatter(logging.Formatter("%(message)s"))
    topic_logger.log(logging.WARNING, "topic", "message")
    assert received() == ["WARNING.topic", "message"]
    with pytest.raises(TypeError, match="level"):
        topic_logger.log("WARNING", "topic", "message")
    try:
        raise LookupError("as planned")
    except LookupError:
        topic_logger.exception("topic", "it failed")
    topic, text = received()
    assert topic == "ERROR.topic"
    assert text.endswith("LookupError: as planned")


def test_topic_logger_keeps_to_its_level(topic_logger, received):
    topic_logger.setLevel(logging.ERROR)
    topic_logger.info("topic", "too low")
    topic_logger.error("topic", "high enough")
    assert received()[0] == "ERROR.topic"


def test_topic_logger_writes_the_delimiter_for_other_handlers(topic_logger):
    records = []
    other = logging.Handler()
    other.emit = records.append
    topic_logger.addHandler(other)
    topic_logger.info("topic", "message")
    assert records[0].getMessage() == f"topic{TOPIC_DELIM}message"


# -- the watcher ----------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("options", "messages", "lines"),
    [
        ({}, [[b"INFO", b"hello\n"]], ["INFO | hello"]),
        ({"separator": " # "}, [[b"INFO", b"hello"]], ["INFO # hello"]),
        ({}, [[b"root.INFO.sub", b"two\nlines\n"]], ["root.INFO.sub | two", "lines"]),
        ({}, [[b"\xff", b"\xfe"]], ["\\xff | \\xfe"]),
        ({}, [[b"alone"], [b"a", b"b", b"c"]], ["alone", "a.b | c"]),
        (
            {"align": True},
            [[b"INFO", b"1"], [b"server.CRITICAL", b"2"], [b"s.INFO", b"3"]],
            ["INFO | 1", "server.CRITICAL | 2", "s     .INFO     | 3"],
        ),
        ({"date_format": "at %% "}, [[b"INFO", b"hello"]], ["at %  INFO | hello"]),
        ({"color": True}, [[b"INFO", b"hello"]], ["INFO | hello"]),
    ],
)
def test_watcher_writes_lines(options, messages, lines):
    output = io.StringIO()
    watcher = Watcher(output, **options)
    for message in messages:
        watcher.show(message)
    assert output.getvalue().splitlines() == lines


def test_watcher_colours_the_levels_on_a_terminal():
    output = Terminal()
    watcher = Watcher(output, color=True)
    for topic in (b"server.ERROR", b"INFO", b"LOUD"):
        watcher.show([topic, b"hello"])
    error, info, loud = output.getvalue().splitlines()
    assert error == "\033[31mserver.ERROR\033[0m | hello"
    assert info == "\033[32mINFO\033[0m | hello"
    assert loud == "LOUD | hello"


def watching(*arguments):
    program = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # even where a shell had it ignored
sys.argv[0] = "zmq.log"
import runpy
runpy.run_module("zmq.log", run_name="__main__", alter_sys=True)
"""
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process")
def test_watcher_shows_the_chosen_topics_until_ctrl_c(context, logger):
    publisher = context.socket(zmq.XPUB)
    publisher.bind("tcp://127.0.0.1:*")
    handler = PUBHandler(publisher, root_topic="server")
    logger.addHandler(handler)
    endpoint = publisher.last_endpoint.decode()
    with watching(endpoint, "-t", "server", "--timestamp", "--dateformat", "now") as program:
        try:
            assert publisher.recv() == b"\x01server"
            logger.info("shown")
            handler.root_topic = "other"
            logger.info("hidden")
            handler.root_topic = "server"
            logger.info("shown too")
            lines = [program.stdout.readline() for _ in range(2)]
            assert lines == ["now server.INFO | shown\n", "now server.INFO | shown too\n"]
            program.send_signal(signal.SIGINT)
            rest, errors = program.communicate(timeout=JOIN_S)
        finally:
            program.kill()
    assert (rest, errors, program.returncode) == ("", "", 0)
    logger.removeHandler(handler)
    handler.close()
    publisher.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGPIPE")
def test_watcher_ends_quietly_when_nobody_reads_its_lines(context):
    publisher = context.socket(zmq.XPUB)
    publisher.bind("tcp://127.0.0.1:*")
    with watching(publisher.last_endpoint.decode()) as program:
        try:
            assert publisher.recv() == b"\x01"
            program.stdout.close()
            publisher.send_multipart([b"INFO", b"nobody reads this"])
            assert program.wait(JOIN_S) == 1
            assert program.stderr.read() == ""
        finally:
            program.kill()
    publisher.close()


def test_watcher_says_what_is_wrong_with_an_endpoint(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "cannot connect to 'nonsense'" in capsys.readouterr().err
