"""Reading a blob's file to the end, to see whether its bytes are those of its name."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable

CHUNK_BYTES = 1024 * 1024

Pace = Callable[[int], None]


class Stopped(Exception):
    """Raised by a pace: nobody waits for the result any more."""


def digest_of(file: io.FileIO, pace: Pace | None = None) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Args:
        pace: told the length of each chunk after it was read; it may wait, or raise to give up.
    Raises:
        OSError: the disk cannot read it.
    """
    found = hashlib.sha256()
    buffer = bytearray(min(CHUNK_BYTES, os.fstat(file.fileno()).st_size + 1))
    view = memoryview(buffer)
    file.seek(0)
    while length := file.readinto(buffer):
        found.update(view[:length])
        if pace is not None:
            pace(length)
    return found.hexdigest()


def forget_cached(file: io.FileIO) -> None:
    """Have the next read of a file come from the disk: what the memory holds says nothing about it."""
    if hasattr(os, "posix_fadvise"):  # macOS has none
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
