"""Disk space kept back, so that something can still be deleted when the disk is full.

A delete writes before it frees anything: a page of the WAL, perhaps one of the database. Without a reserve the third
delete on a full disk failed.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

log = logging.getLogger("modelkeep.storage")

FILE_NAME = "reserve"
RESERVE_BYTES = 1024 * 1024
RETRY_SECONDS = 1.0


class Reserve:
    """A file of 1 MiB in the data folder. Whoever changes it has the turn to write."""

    def __init__(self, folder: Path):
        self._descriptor = os.open(folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._next_try = 0.0
        self._is_short = True

    def give_up(self) -> None:
        """Give the space back to the file system."""
        self._is_short = True
        self._next_try = 0.0
        os.ftruncate(self._descriptor, 0)

    def take(self) -> None:
        """Take the space, or as much of it as there is; what is missing is tried again a second later at the earliest."""
        if not self._is_short or time.monotonic() < self._next_try:
            return
        self._next_try = time.monotonic() + RETRY_SECONDS
        try:
            has = os.fstat(self._descriptor).st_size
            free = os.fstatvfs(self._descriptor)
            size = min(RESERVE_BYTES, has + free.f_bavail * free.f_frsize)
            if size > has:
                self._allocate(has, size - has)
            self._is_short = size < RESERVE_BYTES
        except OSError as error:
            log.debug("no space could be kept back: %s", error)

    def _allocate(self, start: int, length: int) -> None:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(self._descriptor, start, length)
        else:  # macOS
            os.pwrite(self._descriptor, bytes(length), start)

    def close(self) -> None:
        """Close the file; the space stays taken."""
        os.close(self._descriptor)
