"""Listing and reading files, and showing their names safely.

Paths are bytes: a name that is not UTF-8 is a name like any other.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field

from .wire import BLOCK


@dataclass
class Listing:
    """Every file below one path."""

    root: bytes
    names: list[bytes] = field(default_factory=list)
    """Paths relative to the root, in order."""
    unreadable: dict[bytes, str] = field(default_factory=dict)
    """Directories that could not be listed, with the reason."""


def list_files(path: str, exclude: frozenset[str] = frozenset()) -> Listing:
    """List every file below a path.

    Links to directories are not followed, so that no loop is possible; links to files count as
    the files that they name. Whatever cannot be read is found out when it is read.

    Parameters
    ----------
    path
        A directory, or a single file.
    exclude
        Names of directories to leave out.

    Raises
    ------
    OSError
        The path does not exist, or is neither a file nor a directory.
    """
    top = os.path.abspath(os.fsencode(path))
    mode = os.stat(top).st_mode
    if stat.S_ISREG(mode):
        return Listing(os.path.dirname(top), [os.path.basename(top)])
    if not stat.S_ISDIR(mode):
        raise OSError("neither a file nor a directory")

    listing = Listing(top)

    def note(error: OSError) -> None:
        name = os.path.relpath(os.fsencode(error.filename), top)
        listing.unreadable[name] = reason(error)

    excluded = {os.fsencode(name) for name in exclude}
    for directory, directories, names in os.walk(top, onerror=note):
        directories[:] = sorted(name for name in directories if name not in excluded)
        inside = os.path.relpath(directory, top)
        prefix = b"" if inside == b"." else inside
        listing.names.extend(os.path.join(prefix, name) for name in sorted(names))
    return listing


def read_block(root: bytes, name: bytes, offset: int) -> bytes:
    """Read at most `BLOCK` bytes of a regular file, fewer only at its end.

    Raises
    ------
    OSError
        It cannot be read, or is no regular file: reading a named pipe would wait for ever.
    """
    path = os.path.join(root, name)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("not a regular file")
    with open(path, "rb") as file:
        file.seek(offset)
        return file.read(BLOCK)


def blocks(root: bytes, name: bytes) -> Iterator[bytes]:
    """Read a whole file, block by block."""
    offset = 0
    while block := read_block(root, name, offset):
        yield block
        offset += len(block)


@dataclass
class Measure:
    """What the pipeline computes of a file, fed block by block."""

    lines: int = 0
    size: int = 0

    def __post_init__(self) -> None:
        self._sha256 = hashlib.sha256()

    def add(self, block: bytes) -> None:
        """Take in the bytes that follow."""
        self._sha256.update(block)
        self.lines += block.count(b"\n")
        self.size += len(block)

    @property
    def digest(self) -> bytes:
        """The SHA-256 of all bytes so far."""
        return self._sha256.digest()


def reason(error: OSError) -> str:
    """Say in words why a file could not be read."""
    return error.strerror or str(error)


def shown(name: bytes) -> str:
    """Return a file's name as one line of printable text.

    Bytes that are not UTF-8, and characters that would move the cursor or end the line, are
    shown as escapes.
    """
    text = name.decode("utf-8", "backslashreplace")
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
