"""PUBHandler publishes log records; TopicLogger says under which topic."""

from __future__ import annotations

import copy
import logging
import sys
from typing import Any, Final

import zmq
from zmq.utils._blocking import blocking_view

__all__ = ["TOPIC_DELIM", "PUBHandler", "TopicLogger"]

#: What stands between a record's own topic and its message.
TOPIC_DELIM: Final = "::"

_WITH_PLACE: Final = "%(levelname)s %(filename)s:%(lineno)d - %(message)s"

#: How a record is written at each level, unless a formatter is set.
_DEFAULT_FORMATS: Final = {
    logging.DEBUG: f"{_WITH_PLACE}\n",
    logging.INFO: "%(message)s\n",
    logging.WARNING: f"{_WITH_PLACE}\n",
    logging.ERROR: f"{_WITH_PLACE} - %(exc_info)s\n",
    logging.CRITICAL: f"{_WITH_PLACE}\n",
}

#: How long a handler that is closed waits for what it has sent, unless LINGER was set.
_LINGER_MS: Final = 1000


def _default_formatter(level: int) -> logging.Formatter:
    return logging.Formatter(_DEFAULT_FORMATS[level])


class PUBHandler(logging.Handler):
    """A logging handler that publishes records on a PUB socket.

    A record is a message of two parts: the topic and the formatted text. The topic is the root
    topic, if there is one, the name of the level and the record's own topic, with dots between
    them: a message ``"database::connected"`` at level INFO below the root topic ``"server"`` is
    published as ``"server.INFO.database"``, ``"connected"``.

    Parameters
    ----------
    interface_or_socket
        An endpoint to bind a new socket to, or a socket that is ready. A given socket stays the
        caller's; it may be an asynchronous one, and records may come from any thread.
    context
        The context for a new socket; by default a new one, which ends with the handler.
    root_topic
        The first part of all topics.

    Attributes
    ----------
    socket
        The socket.
    ctx
        Its context.
    formatters
        The formatter for each level.
    """

    ctx: zmq.Context[Any]
    socket: zmq.Socket[Any]

    def __init__(
        self,
        interface_or_socket: str | zmq.Socket[Any],
        context: zmq.Context[Any] | None = None,
        root_topic: str | bytes = "",
    ) -> None:
        super().__init__()
        self.root_topic = root_topic
        self.formatters: dict[int, logging.Formatter] = {
            level: _default_formatter(level) for level in _DEFAULT_FORMATS
        }
        self._owns_socket = not isinstance(interface_or_socket, zmq.Socket)
        self._owns_context = self._owns_socket and context is None
        if isinstance(interface_or_socket, zmq.Socket):
            self.socket = interface_or_socket
            self.ctx = self.socket.context
        elif isinstance(interface_or_socket, str):
            self.ctx = zmq.Context() if context is None else context
            self.socket = self.ctx.socket(zmq.PUB)
            try:
                self.socket.bind(interface_or_socket)
            except BaseException:
                self.close()
                raise
        else:
            raise TypeError(
                f"a PUBHandler needs an endpoint (str) or a socket, not {interface_or_socket!r}"
            )
        # Records are sent at once, also where the socket's own send() gives an awaitable.
        self._sender = blocking_view(self.socket)

    @property
    def root_topic(self) -> str:
        """The first part of all topics; it can be assigned to."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: str | bytes) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: str | bytes) -> None:
        """Set the first part of all topics.

        Parameters
        ----------
        root_topic
            The text; empty for none. Bytes are taken as UTF-8.
        """
        if isinstance(root_topic, bytes):
            root_topic = root_topic.decode("utf-8")
        self._root_topic = root_topic

    def setFormatter(
        self, fmt: logging.Formatter | None, level: int | str = logging.NOTSET
    ) -> None:
        """Set the formatter for one level or for all.

        Parameters
        ----------
        fmt
            The formatter; None for the default.
        level
            The level, by number or name; ``NOTSET`` sets the formatter for all levels.
        """
        if isinstance(level, str):
            number = logging.getLevelName(level)
            if not isinstance(number, int):
                raise ValueError(f"unknown level: {level!r}")
            level = number
        if level == logging.NOTSET:
            for known in _DEFAULT_FORMATS:
                self.formatters[known] = fmt or _default_formatter(known)
            for other in self.formatters.keys() - _DEFAULT_FORMATS.keys():
                del self.formatters[other]
        elif fmt is not None:
            self.formatters[level] = fmt
        elif level in _DEFAULT_FORMATS:
            self.formatters[level] = _default_formatter(level)
        else:
            self.formatters.pop(level, None)

    def _formatter(self, level: int) -> logging.Formatter:
        """Give the formatter for a level: its own, else that of the next one below it."""
        formatter = self.formatters.get(level)
        if formatter is None:
            lower = [known for known in self.formatters if known <= level]
            formatter = self.formatters[max(lower) if lower else min(self.formatters)]
        return formatter

    def format(self, record: logging.LogRecord) -> str:
        """Format a record as its level has it.

        Parameters
        ----------
        record
            The record.

        Returns
        -------
        str
            The text.
        """
        return self._formatter(record.levelno).format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record. Errors go to :meth:`handleError`, not to the program.

        Parameters
        ----------
        record
            The record.
        """
        try:
            topics = [self.root_topic, record.levelname]
            own_topic, delimiter, message = str(record.msg).partition(TOPIC_DELIM)
            if delimiter:
                # A copy: other handlers get the record as it was.
                record = copy.copy(record)
                record.msg = message
                topics.append(own_topic)
            topic = ".".join(filter(None, topics))
            text = self.format(record)
            # What cannot be encoded is spelled out rather than lost.
            self._sender.send_multipart(
                [part.encode("utf-8", "backslashreplace") for part in (topic, text)]
            )
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Close the handler, and its socket and context if they are the handler's own."""
        self.acquire()
        try:
            if self._owns_socket and not self.socket.closed:
                linger = self.socket.get(zmq.LINGER)
                self.socket.close(_LINGER_MS if linger == -1 else None)
            if self._owns_context and not self.ctx.closed:
                self.ctx.term()
        finally:
            self.release()
        super().close()


class TopicLogger(logging.Logger):
    """A logger whose methods take the topic for :class:`PUBHandler` before the message.

    Examples
    --------
    >>> log = TopicLogger("server")
    >>> log.addHandler(PUBHandler("tcp://127.0.0.1:5555"))
    >>> log.info("database", "connected to %s", name)
    """

    def _log_topic(
        self, level: int, topic: str, msg: object, args: tuple[Any, ...], **kwargs: Any
    ) -> None:
        if self.isEnabledFor(level):
            # The frames that are skipped: this one, which Python 3.10 does by itself, and the
            # method that was called.
            skipped = 2 if sys.version_info >= (3, 11) else 1
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + skipped
            self._log(level, f"{topic}{TOPIC_DELIM}{msg}", args, **kwargs)

    def log(  # type: ignore[override]
        self, level: int, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic.

        Parameters
        ----------
        level
            The level.
        topic
            The topic.
        msg
            The message.
        *args, **kwargs
            As for :meth:`logging.Logger.log`.
        """
        if not isinstance(level, int):
            raise TypeError(f"a level is an int, not {level!r}")
        self._log_topic(level, topic, msg, args, **kwargs)

    def debug(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic at level DEBUG; see :meth:`log`."""
        self._log_topic(logging.DEBUG, topic, msg, args, **kwargs)

    def info(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic at level INFO; see :meth:`log`."""
        self._log_topic(logging.INFO, topic, msg, args, **kwargs)

    def warning(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic at level WARNING; see :meth:`log`."""
        self._log_topic(logging.WARNING, topic, msg, args, **kwargs)

    def error(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic at level ERROR; see :meth:`log`."""
        self._log_topic(logging.ERROR, topic, msg, args, **kwargs)

    def exception(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message and the current exception under a topic at level ERROR; see :meth:`log`."""
        kwargs.setdefault("exc_info", True)
        self._log_topic(logging.ERROR, topic, msg, args, **kwargs)

    def critical(  # type: ignore[override]
        self, topic: str, msg: object, *args: Any, **kwargs: Any
    ) -> None:
        """Log a message under a topic at level CRITICAL; see :meth:`log`."""
        self._log_topic(logging.CRITICAL, topic, msg, args, **kwargs)

    fatal = critical  # type: ignore[assignment]
    warn = warning  # type: ignore[assignment]
