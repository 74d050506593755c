"""What the user sees: a progress bar and tables on a terminal, a few plain lines in a log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from .files import shown
from .wire import Result

NAMES_SHOWN = 100
"""How many names of one kind are listed, unless all are asked for."""


class Display:
    """Shows one run; an observer of the supervisor.

    Parameters
    ----------
    all_names
        Whether to list every name, however many there are.
    """

    def __init__(self, all_names: bool) -> None:
        self._console = Console(highlight=False, markup=False, soft_wrap=True)
        self._all_names = all_names
        self._verb = ""
        self._total = 0
        self._lines = False
        self._quarter = 0
        self._bar: Progress | None = None
        self._task = TaskID(0)

    @contextmanager
    def following(self, verb: str, total: int, lines: bool) -> Iterator[None]:
        """Show how far something is while the block runs.

        Parameters
        ----------
        verb
            What happens to the files.
        total
            How many there are.
        lines
            Whether to show it in a log too, by a line for each quarter.
        """
        self._verb, self._total, self._lines, self._quarter = verb, total, lines, 0
        if not self._console.is_terminal:
            yield
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[size]}"),
        )
        with Progress(*columns, console=self._console, transient=True) as self._bar:
            self._task = self._bar.add_task(verb, total=total, size="")
            yield
        self._bar = None

    def line(self, text: str, style: str = "") -> None:
        """Print one line, above the progress bar."""
        self._console.print(Text(text, style))

    def started(self, name: str, pid: int) -> None:
        """See `Observer`."""
        self.line(f"{name} started (pid {pid})", "dim")

    def event(self, name: str, event: str, connection: str, endpoint: str) -> None:
        """Show what the monitor of a connection said; each connection's coming up once."""
        words = event.replace("_", " ").lower()
        if event == "HANDSHAKE_SUCCEEDED" and not name.startswith("worker"):
            return  # the worker's end says so too
        if connection == "rest":
            return  # goes up and down with "files"
        style = {"DISCONNECTED": "yellow", "HANDSHAKE_SUCCEEDED": "green"}.get(event, "dim")
        self.line(f"{name}: {words}, {connection} at {endpoint}", style)

    def sending(self) -> None:
        """See `Observer`."""
        self.line(f"all connected, sending {self._total} files")

    def progress(self, files: int, size: int = 0) -> None:
        """Show how far the run is."""
        if self._bar is not None:
            self._bar.update(self._task, completed=files, size=decimal(size) if size else "")
        elif self._lines and self._total:
            quarter = files * 4 // self._total
            if quarter > self._quarter:
                self.line(f"{self._verb}: {files} of {self._total} files")
                self._quarter = quarter

    def names(self, what: str, names: Iterable[tuple[bytes, str]], style: str = "red") -> None:
        """List files, each with what is to be said about it."""
        names = list(names)
        count = len(names) if self._all_names else NAMES_SHOWN
        for name, why in names[:count]:
            self.line(f"{what}: {shown(name)}" + (f" ({why})" if why else ""), style)
        if len(names) > count:
            self.line(f"{what}: and {len(names) - count} more (--all-names lists them)", style)

    def table(self, results: list[Result], workers: int, elapsed_s: float) -> None:
        """Show what each worker did, and all of them together."""
        style = box.ROUNDED if self._console.is_terminal else None
        table = Table(box=style, show_footer=True, pad_edge=style is not None)
        shares = [
            [result.size for result in results if result.worker == number]
            for number in range(1, workers + 1)
        ]
        everything = _row([result.size for result in results], len(results), elapsed_s)
        headings = ("files", "bytes", "messages/s", "MB/s", "share")
        table.add_column("worker", footer="all")
        for heading, total in zip(headings, everything, strict=True):
            table.add_column(heading, footer=total, justify="right", no_wrap=True)
        for number, sizes in enumerate(shares, 1):
            table.add_row(str(number), *_row(sizes, len(results), elapsed_s))
        self._console.print(table)
        self.line(f"{elapsed_s:.2f} s from the first file to the last result")


def _row(sizes: list[int], total: int, elapsed_s: float) -> tuple[str, ...]:
    size = sum(sizes)
    return (
        str(len(sizes)),
        str(size),
        f"{len(sizes) / elapsed_s:.0f}" if elapsed_s else "-",
        f"{size / elapsed_s / 1e6:.1f}" if elapsed_s else "-",
        f"{len(sizes) / total:.1%}" if total else "-",
    )
