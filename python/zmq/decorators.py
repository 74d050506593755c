"""`@context` and `@socket`: make one for the call of a function and close it afterwards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

import zmq

__all__ = ["context", "socket"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: Makes the object for one call from the call's own arguments.
_Maker = Callable[[Sequence[Any], dict[str, Any]], AbstractContextManager[Any]]


def _decorator(name: str | None, make: _Maker) -> Callable[[_Function], _Function]:
    """Decorate a function so that each call gets an object of its own.

    Parameters
    ----------
    name
        The keyword argument that takes the object; None appends it to the positional ones.
    make
        Makes the object, which closes itself as a context manager.
    """

    def with_object(
        args: tuple[Any, ...], kwargs: dict[str, Any], made: Any
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        if name is None:
            return (*args, made), kwargs
        if name in kwargs:
            raise TypeError(f"got multiple values for argument {name!r}, which a decorator gives")
        return args, {**kwargs, name: made}

    def decorate(function: _Function) -> _Function:
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaiting(*args: Any, **kwargs: Any) -> Any:
                with make(args, kwargs) as made:
                    args, kwargs = with_object(args, kwargs, made)
                    return await function(*args, **kwargs)

            return cast("_Function", awaiting)

        @wraps(function)
        def calling(*args: Any, **kwargs: Any) -> Any:
            with make(args, kwargs) as made:
                args, kwargs = with_object(args, kwargs, made)
                return function(*args, **kwargs)

        return cast("_Function", calling)

    return decorate


def _split_name(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str | None, tuple[Any, ...], dict[str, Any]]:
    """Take the name, if there is one, out of a decorator's arguments.

    It is the first positional argument if that is a str, or the keyword argument ``name``.
    """
    if isinstance(kwargs.get("name"), str):
        kwargs = dict(kwargs)
        return kwargs.pop("name"), args, kwargs
    if args and isinstance(args[0], str):
        return args[0], args[1:], kwargs
    return None, args, kwargs


def context(*args: Any, **kwargs: Any) -> Callable[[_Function], _Function]:
    """Give each call of a function a context, terminated when the call ends.

    Parameters
    ----------
    name : str, optional
        First positional or keyword argument: the keyword argument under which the function gets
        the context. Without it the context is appended to the positional arguments.
    *args, **kwargs
        For :class:`zmq.Context`.

    Returns
    -------
    Callable
        The decorator. Of a coroutine function, the context lives until the coroutine ends.

    Examples
    --------
    >>> @zmq.decorators.context("ctx", io_threads=2)
    ... def threads(ctx):
    ...     return ctx.io_threads
    """
    name, args, kwargs = _split_name(args, kwargs)

    def make(_args: Sequence[Any], _kwargs: dict[str, Any]) -> zmq.Context[Any]:
        return zmq.Context(*args, **kwargs)

    return _decorator(name, make)


def socket(*args: Any, **kwargs: Any) -> Callable[[_Function], _Function]:
    """Give each call of a function a socket, closed when the call ends.

    The socket is made by the context that the call has: the keyword argument `context_name`, else
    the first positional argument that is a context, else the global :meth:`zmq.Context.instance`.

    Parameters
    ----------
    name : str, optional
        First positional or keyword argument: the keyword argument under which the function gets
        the socket. Without it the socket is appended to the positional arguments.
    context_name : str, default "context"
        The keyword argument of the call that holds the context.
    *args, **kwargs
        For :meth:`zmq.Context.socket`.

    Returns
    -------
    Callable
        The decorator. Of a coroutine function, the socket lives until the coroutine ends.

    Examples
    --------
    >>> @zmq.decorators.context("ctx")
    ... @zmq.decorators.socket("push", zmq.PUSH, context_name="ctx")
    ... def send(ctx, push):
    ...     push.connect("tcp://127.0.0.1:5555")
    """
    name, args, kwargs = _split_name(args, kwargs)
    context_name = kwargs.pop("context_name", "context")

    def make(
        call_args: Sequence[Any], call_kwargs: dict[str, Any]
    ) -> AbstractContextManager[zmq.Socket[Any]]:
        given = call_kwargs.get(context_name)
        if not isinstance(given, zmq.Context):
            given = next((arg for arg in call_args if isinstance(arg, zmq.Context)), None)
        made_by = zmq.Context.instance() if given is None else given
        made: zmq.Socket[Any] = made_by.socket(*args, **kwargs)
        return made

    return _decorator(name, make)
