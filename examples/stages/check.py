"""Main's verdict: reads every file again and compares."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from .files import Listing, Measure, blocks, reason
from .wire import Result


@dataclass
class Verdict:
    """What became of every file."""

    verified: int = 0
    size: int = 0
    missing: list[bytes] = field(default_factory=list)
    wrong: dict[bytes, str] = field(default_factory=dict)
    """Files that arrived otherwise than they are, with what is wrong."""
    unreadable: dict[bytes, str] = field(default_factory=dict)
    """Files that could not be read and sent, with the reason."""


def check(
    listing: Listing,
    results: list[Result],
    unreadable: Mapping[bytes, str],
    started: float,
    progress: Callable[[int], None],
) -> Verdict:
    """Compare what arrived with what reading each file directly gives.

    Parameters
    ----------
    listing
        The files that should have arrived.
    results
        What the workers sent.
    unreadable
        What the ventilator could not read, with the reason.
    started
        When the run began (`time.time`), to tell which files were changed meanwhile.
    progress
        Called with the number of files looked at so far.
    """
    verdict = Verdict(unreadable={**listing.unreadable, **unreadable})
    arrived: dict[bytes, list[Result]] = defaultdict(list)
    for result in results:
        arrived[result.path].append(result)

    for count, name in enumerate(listing.names, 1):
        found = arrived.pop(name, [])
        if len(found) == 1:
            problem = _difference(listing.root, name, found[0], started)
            if problem:
                verdict.wrong[name] = problem
            else:
                verdict.verified += 1
                verdict.size += found[0].size
        elif found:
            verdict.wrong[name] = f"arrived {len(found)} times"
        elif name not in unreadable:
            verdict.missing.append(name)
        progress(count)
    for name in arrived:
        verdict.wrong[name] = "arrived, but is none of the files to send"
    return verdict


def _difference(root: bytes, name: bytes, result: Result, started: float) -> str:
    direct = Measure()
    try:
        for block in blocks(root, name):
            direct.add(block)
        changed = os.stat(os.path.join(root, name)).st_mtime >= started
    except OSError as error:
        return f"arrived, but could not be read for the check: {reason(error)}"
    if (direct.digest, direct.lines, direct.size) == (result.digest, result.lines, result.size):
        return ""
    return "was changed during the run" if changed else "arrived with another content"
