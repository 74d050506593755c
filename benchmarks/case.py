"""What a benchmark case is: one operation, how it is measured, and what it should reach.

Each group of cases is a module of this directory that builds one :class:`Group`. The same
modules run in every worker, whichever implementation of ``import zmq`` its interpreter has.
"""

from __future__ import annotations

import os
import timeit
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Literal

Sample = Callable[[int], Sequence[float]]
"""Does the operation so many times; returns its figures, each per single operation."""

Opener = Callable[[], AbstractContextManager[Sample]]
"""Makes the sockets and peers of a case, which stay open while its samples are taken."""


Placement = Literal["one", "apart", "free"]
"""Where the threads and processes of a case run.

``"one"``: all of them on one processor. ``"apart"``: the other end, with the I/O thread that
it has as a process, on another one. ``"free"``: wherever the scheduler puts them. It puts two
ends that wait for each other now on one processor, now on two, and keeps them there, which
alone can make a factor of eight between two runs of one program: so this is only for what
has more to do than two processors can.
"""

OTHER_PROCESSOR = "CPPYZMQ_BENCHMARK_OTHER_PROCESSOR"
"""Environment variable by which ``run.py`` says where the other end of a case belongs."""


def move_other_end() -> None:
    """Move the calling thread, and those it starts later, where the other end belongs."""
    processor = os.environ.get(OTHER_PROCESSOR)
    if processor:
        os.sched_setaffinity(0, {int(processor)})


class Unavailable(Exception):
    """Something that the case needs is not there: a module, a feature of libzmq, a tool."""


@dataclass(frozen=True)
class Case:
    """One operation of a group.

    Parameters
    ----------
    name
        What is measured, as the table prints it and as the workers know it.
    open
        Makes the case ready and gives the function that takes a sample.
    figures
        Names of the figures of one sample. Only the first counts in the group's mean.
    unit
        ``"s"`` for durations, ``"B"`` for memory.
    target
        The least ratio of the other implementation's figure to ours.
    most_times_c
        The most that our figure may be, in multiples of the C program's.
    most
        The most that our first figure may be, in ``unit``.
    sample_s
        How long one sample should take; the number of iterations is found from it.
    iterations
        A fixed number of iterations, for what cannot be found so.
    placement
        Which processors the workers may use, the same for all: see :data:`Placement`.
    round_factor
        Multiplies the number of rounds, where one sample says little.
    """

    name: str
    open: Opener
    figures: tuple[str, ...] = ("",)
    unit: str = "s"
    target: float | None = None
    most_times_c: float | None = None
    most: float | None = None
    sample_s: float = 0.075
    iterations: int | None = None
    placement: Placement = "one"
    round_factor: int = 1


@dataclass
class Group:
    """The cases of one module.

    Parameters
    ----------
    title
        What the group is about, in a few words.
    target
        The least geometric mean of its ratios.
    """

    title: str
    target: float | None = None
    cases: dict[str, Case] = field(default_factory=dict)

    def add(self, case: Case) -> None:
        """Add a case; names are unique within a group."""
        if case.name in self.cases:
            raise ValueError(f"two cases are called {case.name!r}")
        self.cases[case.name] = case

    def add_statement(
        self,
        name: str,
        statement: str,
        names: Callable[[], AbstractContextManager[dict[str, object]]],
        *,
        target: float | None = None,
        most_times_c: float | None = None,
    ) -> None:
        """Add a case that times one statement, written as a program would write it.

        Parameters
        ----------
        name
            Name of the case.
        statement
            What is timed, by the standard library's :mod:`timeit`.
        names
            Makes the names that the statement uses, and cleans up after them.
        target, most_times_c
            As in :class:`Case`.
        """

        @contextmanager
        def opened() -> Iterator[Sample]:
            with names() as namespace:
                timer = timeit.Timer(statement, globals=namespace)
                yield lambda iterations: (timer.timeit(iterations) / iterations,)

        self.add(Case(name, opened, target=target, most_times_c=most_times_c))
