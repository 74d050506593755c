"""An authenticator on a thread of its own, for programs without an event loop."""

from __future__ import annotations

import asyncio
import itertools
from threading import Event, Thread
from typing import Any

import zmq
from zmq.asyncio import Socket
from zmq.auth.asyncio import serve_zap
from zmq.auth.base import Authenticator
from zmq.constants import Errno

__all__ = ["ThreadAuthenticator"]

#: What makes the endpoint of each pipe its own.
_numbers = itertools.count(1)

_TERMINATE = b"TERMINATE"


class AuthenticationThread(Thread):
    """The thread on which an authenticator answers.

    Parameters
    ----------
    authenticator
        The authenticator, which is started.
    pipe
        A message on this socket ends the thread.

    Attributes
    ----------
    started
        Set as soon as questions are answered.
    """

    #: There is none; pyzmq's thread has one.
    poller: None = None

    def __init__(self, authenticator: ThreadAuthenticator, pipe: zmq.Socket[Any]) -> None:
        super().__init__(name="zmq.auth", daemon=True)
        self.authenticator = authenticator
        self.pipe = pipe
        self.log = authenticator.log
        self.started = Event()

    def run(self) -> None:
        """Answer until a message comes from the pipe, or the context is terminated."""
        # Selectors know libzmq's descriptors; the default loop of Windows does not.
        loop = asyncio.SelectorEventLoop()
        try:
            loop.run_until_complete(self._run())
        finally:
            self.started.set()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    async def _run(self) -> None:
        serving: asyncio.Future[Any] = asyncio.ensure_future(serve_zap(self.authenticator))
        stopping: asyncio.Future[Any] = asyncio.ensure_future(Socket.shadow(self.pipe).recv())
        self.started.set()
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        ended_by_itself = serving.done()
        for task in (serving, stopping):
            task.cancel()
        # Their errors have been logged, or tell that the context has ended.
        await asyncio.gather(serving, stopping, return_exceptions=True)
        socket = self.authenticator.zap_socket
        if socket is not None and not socket.closed:
            # Here, where coroutines have their loop.
            self.authenticator._answer_waiting(socket)
        if ended_by_itself:
            # The context waits for all sockets, also if nobody calls stop() any more.
            self.authenticator._close_all()


class ThreadAuthenticator(Authenticator):
    """An authenticator that answers on a thread of its own.

    The rules can be changed at any time, from any thread.

    Parameters
    ----------
    context
        The context whose sockets to answer for; the global one by default.
    encoding
        How user names, passwords and domains are encoded.
    log
        The logger; ``zmq.auth`` by default.

    Attributes
    ----------
    thread
        The thread, while it is started.

    Examples
    --------
    >>> with ThreadAuthenticator(context) as authenticator:
    ...     authenticator.configure_plain(passwords={"admin": password})
    ...     serve()
    """

    pipe_endpoint: str = ""

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        super().__init__(context, encoding, log)
        self.pipe: zmq.Socket[Any] | None = None
        self.thread: AuthenticationThread | None = None

    def start(self) -> None:
        """Start the thread; when this returns, questions are answered.

        Raises
        ------
        ZMQError
            This or another authenticator answers for this context already (EADDRINUSE).
        """
        super().start()
        self.pipe_endpoint = f"inproc://zmq.auth.thread-{next(_numbers)}"
        self.pipe = self.context.socket(zmq.PAIR, socket_class=zmq.Socket)
        thread_pipe = self.context.socket(zmq.PAIR, socket_class=zmq.Socket)
        for socket in (self.pipe, thread_pipe):
            socket.linger = 0
        self.thread = AuthenticationThread(self, thread_pipe)
        try:
            self.pipe.bind(self.pipe_endpoint)
            thread_pipe.connect(self.pipe_endpoint)
            self.thread.start()
        except BaseException:
            self._close_all()
            self.thread = self.pipe = None
            raise
        self.thread.started.wait()

    def stop(self) -> None:
        """End the thread; when this returns, another authenticator can start."""
        if self.thread is not None and self.pipe is not None:
            try:
                self.pipe.send(_TERMINATE)
            except zmq.ZMQError as error:
                # With its context the thread has ended, or will do so now.
                if error.errno not in (zmq.ETERM, Errno.ENOTSOCK):
                    raise
            self.thread.join()
        super().stop()
        self._close_all()
        self.thread = self.pipe = None

    def _close_all(self) -> None:
        thread_pipe = None if self.thread is None else self.thread.pipe
        for socket in (self.zap_socket, self.pipe, thread_pipe):
            if socket is not None:
                socket.close()

    def is_alive(self) -> bool:
        """Say whether the thread runs."""
        return self.thread is not None and self.thread.is_alive()
