"""An authenticator that answers in an asyncio loop."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, TypeVar

import zmq
from zmq.asyncio import Socket
from zmq.auth.base import Authenticator
from zmq.constants import Errno

__all__ = ["AsyncioAuthenticator"]

_Self = TypeVar("_Self", bound="AsyncioAuthenticator")


async def serve_zap(authenticator: Authenticator) -> None:
    """Answer libzmq's questions until the authenticator is stopped or its context terminated.

    Parameters
    ----------
    authenticator
        The authenticator, which is started.
    """
    socket = authenticator.zap_socket
    if socket is None:
        return
    receiver = Socket.shadow(socket)
    try:
        while True:
            await authenticator.handle_zap_message(await receiver.recv_multipart())
    except zmq.ZMQError as error:
        # These are the ends of a socket.
        if error.errno not in (zmq.ETERM, Errno.ENOTSOCK):
            authenticator.log.exception("Authenticator failed")
            raise
        authenticator.log.debug("Authenticator ended with its context")
        socket.close()  # which the context waits for


class AsyncioAuthenticator(Authenticator):
    """An authenticator that answers in an asyncio loop.

    Parameters
    ----------
    context
        The context whose sockets to answer for; the global one by default.
    loop
        The loop to answer in; by default the one that runs when the authenticator is started.
    encoding
        How user names, passwords and domains are encoded.
    log
        The logger; ``zmq.auth`` by default.

    Examples
    --------
    >>> async with AsyncioAuthenticator(context) as authenticator:
    ...     authenticator.configure_curve(location="keys")
    ...     await serve()
    """

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        loop: Any = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        super().__init__(context, encoding, log)
        self.loop = loop
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to answer.

        Raises
        ------
        ZMQError
            This or another authenticator answers for this context already (EADDRINUSE).
        RuntimeError
            There is no loop.
        """
        loop = self.loop if self.loop is not None else asyncio.get_event_loop()
        super().start()
        self._task = loop.create_task(serve_zap(self))

    def stop(self) -> None:
        """End answering; to be called in the loop's thread."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        super().stop()

    async def __aenter__(self: _Self) -> _Self:
        """Start, unless it is started."""
        return self.__enter__()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and wait until nothing is left."""
        task = self._task
        self.stop()
        if task is not None:
            await asyncio.wait([task])
