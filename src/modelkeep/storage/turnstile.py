"""A fair lock between processes that write one SQLite file.

SQLite's own busy timeout starves: under load one of two processes waits for seconds and fails. Two lock files make
a queue instead: whoever holds the first may wait for the second, and lets go of the first once it has it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Turnstile:
    """Two advisory locks, taken one after the other. One holder a process: callers hold the process's own lock."""

    def __init__(self, folder: Path):
        self._queue = os.open(folder / "write.queue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._turn = os.open(folder / "write.turn.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            os.close(self._queue)
            raise

    def enter(self) -> None:
        """Wait for this process's turn to write."""
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def try_enter(self) -> bool:
        """Take the turn if nobody has it or waits for it."""
        try:
            fcntl.flock(self._queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)
        return True

    def leave(self) -> None:
        """Give up the turn."""
        fcntl.flock(self._turn, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close both files."""
        os.close(self._queue)
        os.close(self._turn)
