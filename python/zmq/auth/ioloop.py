"""The old name of the authenticator for tornado's loop, which is asyncio's today."""

from __future__ import annotations

import warnings
from typing import Any

import zmq
from zmq.auth.asyncio import AsyncioAuthenticator

__all__ = ["IOLoopAuthenticator"]

warnings.warn(
    "zmq.auth.ioloop is deprecated: use zmq.auth.asyncio.AsyncioAuthenticator",
    DeprecationWarning,
    stacklevel=2,
)


class IOLoopAuthenticator(AsyncioAuthenticator):
    """An authenticator that answers in tornado's loop.

    Parameters
    ----------
    context
        The context whose sockets to answer for; the global one by default.
    encoding
        How user names, passwords and domains are encoded.
    log
        The logger; ``zmq.auth`` by default.
    io_loop
        The loop to answer in; by default the one that runs when the authenticator is started.
    """

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
        io_loop: Any = None,
    ) -> None:
        # tornado's loop is a wrapper around asyncio's.
        loop = getattr(io_loop, "asyncio_loop", io_loop)
        super().__init__(context, loop, encoding, log)
