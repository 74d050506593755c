"""`@context` and `@socket`: what the function gets, and that it is closed afterwards."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import zmq
from zmq.decorators import context as with_context
from zmq.decorators import socket as with_socket


@pytest.fixture(autouse=True)
def _end_global_context():
    yield
    zmq.Context.instance().term()


def test_context_is_the_last_positional_argument():
    @with_context()
    def function(first, given, option=None):
        assert not given.closed
        return first, given, option

    first, given, option = function("a", option="b")
    assert (first, option) == ("a", "b")
    assert type(given) is zmq.Context
    assert given.closed


@pytest.mark.parametrize(
    "decorator", [with_context("ctx"), with_context(name="ctx"), with_context("ctx", 3)]
)
def test_context_is_given_by_name(decorator):
    @decorator
    def function(*args, ctx):
        return args, ctx.closed, ctx

    args, closed, ctx = function(1)
    assert args == (1,)
    assert not closed
    assert ctx.closed


@pytest.mark.parametrize(
    "decorator", [with_context(3), with_context(io_threads=3), with_context("ctx", 3)]
)
def test_context_gets_the_arguments_of_the_decorator(decorator):
    @decorator
    def function(*args, **kwargs):
        (made,) = (*args, *kwargs.values())
        return made.get(zmq.IO_THREADS)

    assert function() == 3


def test_each_call_gets_its_own_context():
    @with_context()
    def function(given):
        return given

    assert function() is not function()


def test_socket_is_made_by_the_context_among_the_arguments():
    @with_context()
    @with_socket(zmq.PUB)
    def function(context, socket):
        assert not socket.closed
        assert socket.context is context
        return context, socket

    context, socket = function()
    assert socket.type == zmq.PUB
    assert socket.closed
    assert context.closed


def test_socket_is_made_by_the_context_that_it_names():
    @with_context("first")
    @with_context("second")
    @with_socket("subscriber", zmq.SUB, context_name="first")
    @with_socket("publisher", socket_type=zmq.PUB, context_name="second")
    def function(first, second, subscriber, publisher):
        return subscriber.context is first, publisher.context is second

    assert function() == (True, True)


def test_socket_looks_for_a_context_under_its_usual_name():
    @with_context("context")
    @with_socket(name="socket", socket_type=zmq.PUB)
    def function(context, socket):
        return socket.context is context

    assert function()


def test_socket_without_a_context_is_one_of_the_global_context():
    @with_socket(zmq.PUB)
    def function(socket):
        return socket.context is zmq.Context.instance()

    @with_context("other")
    @with_socket("socket", zmq.PUB)
    def function_with_a_context_of_another_name(other, socket):
        return socket.context is zmq.Context.instance()

    assert function()
    assert function_with_a_context_of_another_name()


def test_socket_is_made_by_the_context_that_the_caller_passes(context):
    @with_socket("socket", zmq.PUB)
    def function(given, socket):
        return socket.context is given

    assert function(context)


def test_methods_are_decorated_like_functions():
    class Program:
        @with_context()
        @with_socket(zmq.PUB)
        def run(self, context, socket):
            return isinstance(self, Program), socket.context is context

    assert Program().run() == (True, True)


def test_decorated_function_keeps_its_name_and_text():
    @with_context()
    @with_socket(zmq.PUB)
    def function(context, socket):
        """Some text."""

    assert function.__name__ == "function"
    assert function.__doc__ == "Some text."


def test_everything_is_closed_when_the_function_raises():
    made = []

    @with_context()
    @with_socket(zmq.PUB)
    def function(context, socket):
        made.extend((context, socket))
        raise LookupError("as planned")

    with pytest.raises(LookupError, match="as planned"):
        function()
    assert [thing.closed for thing in made] == [True, True]


def test_argument_that_the_decorator_gives_cannot_be_passed():
    @with_context("ctx")
    def function(ctx):
        return ctx

    with pytest.raises(TypeError, match="multiple values for argument 'ctx'"):
        function(ctx=None)
    with pytest.raises(TypeError, match="multiple values for argument 'ctx'"):
        function(None)


def test_socket_without_a_type_raises_type_error():
    @with_socket()
    def function(socket):
        return socket

    with pytest.raises(TypeError, match="socket_type"):
        function()


def test_coroutine_has_its_context_and_socket_until_it_ends():
    @with_context("context")
    @with_socket("socket", zmq.PUB)
    async def function(context, socket):
        await asyncio.sleep(0)
        return context.closed, socket.closed, context, socket

    assert inspect.iscoroutinefunction(function)
    context_closed, socket_closed, context, socket = asyncio.run(function())
    assert (context_closed, socket_closed) == (False, False)
    assert (context.closed, socket.closed) == (True, True)
