"""The shape of every message, and the limits that bound memory.

A file is one message ``(relative path, content)``. The content holds at most `BLOCK` bytes, so
that the largest file takes no more memory than a small one: a worker that receives a full block
asks for the block that follows, until a short one says that the file has ended. High-water marks
bound how many messages wait between two processes.

A message whose path is empty is an end marker: no file comes after it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

BLOCK = 4 * 1024 * 1024
"""The most bytes of a file in one message."""

QUEUED_FILES = 16
"""High-water mark of the files' sockets: what may wait on each side for one worker."""

KERNEL_BUFFER = 256 * 1024
"""Buffer of one connection in the kernel, which also holds files that no worker has seen yet."""

END = b""
"""The path in an end marker."""

_NUMBERS = struct.Struct("!IQQ")


class KeyPair(NamedTuple):
    """A CURVE key pair, made for one run."""

    public: bytes
    secret: bytes


@dataclass(frozen=True)
class Result:
    """What a worker found out about one file."""

    path: bytes
    worker: int
    digest: bytes
    lines: int
    size: int

    def to_frames(self) -> list[bytes]:
        """Return the parts of the message that carries this result."""
        return [self.path, self.digest, _NUMBERS.pack(self.worker, self.lines, self.size)]

    @classmethod
    def from_frames(cls, frames: list[bytes]) -> Result:
        """Read the parts that `to_frames` made."""
        path, digest, numbers = frames
        worker, lines, size = _NUMBERS.unpack(numbers)
        return cls(path, worker, digest, lines, size)
