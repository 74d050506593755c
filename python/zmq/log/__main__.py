"""Show the log records that a PUBHandler publishes: ``python -m zmq.log ENDPOINT``."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TextIO

import zmq

#: Terminals' escape sequences for the levels.
_COLORS = {
    "DEBUG": "\033[36m",
    "INFO": "\033[32m",
    "WARNING": "\033[33m",
    "ERROR": "\033[31m",
    "CRITICAL": "\033[1;31m",
}
_COLOR_END = "\033[0m"


class Watcher:
    """Writes records as lines of text.

    Parameters
    ----------
    output
        Where the lines go.
    separator
        What stands between topic and message.
    date_format
        How the time before each line is written; None writes none.
    align
        Whether the parts of the topics get columns.
    color
        Whether topics get the colour of their level; only terminals do.
    """

    def __init__(
        self,
        output: TextIO,
        separator: str = " | ",
        date_format: str | None = None,
        align: bool = False,
        color: bool = False,
    ) -> None:
        self._output = output
        self._separator = separator
        self._date_format = date_format
        self._align = align
        self._color = color and output.isatty()
        self._widths: list[int] = []

    def _aligned(self, names: list[str]) -> list[str]:
        """Give every part of a topic the width of the widest one seen at its place."""
        self._widths += [0] * (len(names) - len(self._widths))
        for place, name in enumerate(names):
            self._widths[place] = max(self._widths[place], len(name))
        return [name.ljust(width) for name, width in zip(names, self._widths, strict=False)]

    def show(self, message: Sequence[bytes]) -> None:
        """Write one record.

        Parameters
        ----------
        message
            The parts: topic and text. If there is one part only, it is the text.
        """
        *first, last = (part.decode("utf-8", "backslashreplace") for part in message)
        topic, text = ".".join(first).strip(), last.rstrip("\r\n")
        names = topic.split(".")
        line = ".".join(self._aligned(names) if self._align else names)
        if self._color:
            color = next((_COLORS[name] for name in names if name in _COLORS), "")
            line = f"{color}{line}{_COLOR_END}" if color else line
        line += f"{self._separator}{text}" if first else text
        if self._date_format is not None:
            line = f"{datetime.now().strftime(self._date_format)} {line}"
        print(line, file=self._output, flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m zmq.log", description="Show the log records that a PUBHandler publishes."
    )
    parser.add_argument("zmq_pub_url", help="the endpoint of the publisher")
    parser.add_argument(
        "-t", "--topic", default="", help="show only records whose topic begins with this"
    )
    parser.add_argument("--timestamp", action="store_true", help="write the time before each line")
    parser.add_argument(
        "--separator", default=" | ", help="what stands between topic and message (%(default)r)"
    )
    parser.add_argument(
        "--dateformat",
        default="%Y-%m-%d %H:%M",
        help="how --timestamp writes the time (%(default)r)",
    )
    parser.add_argument("--align", action="store_true", help="give the parts of the topics columns")
    parser.add_argument(
        "--color", action="store_true", help="colour the topics by level, on a terminal"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Show records until Ctrl-C.

    Parameters
    ----------
    argv
        The command line without the program's name; that of the process by default.

    Returns
    -------
    int
        The exit status.
    """
    parser = _arguments()
    options = parser.parse_args(argv)
    watcher = Watcher(
        sys.stdout,
        separator=options.separator,
        date_format=options.dateformat if options.timestamp else None,
        align=options.align,
        color=options.color,
    )
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.subscribe(options.topic)
        try:
            socket.connect(options.zmq_pub_url)
        except zmq.ZMQError as error:
            parser.error(f"cannot connect to {options.zmq_pub_url!r}: {error}")
        with contextlib.suppress(KeyboardInterrupt):
            try:
                while True:
                    watcher.show(socket.recv_multipart())
            except BrokenPipeError:
                # Who read the lines has gone; nothing is left to flush at exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
