"""A claim: at most one of all processes on a data folder holds it, until it closes it or dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class Claim:
    """An advisory lock on a file that is made when it is first asked for."""

    def __init__(self, path: Path):
        self._path = path
        self._descriptor: int | None = None
        self._is_held = False

    def try_take(self) -> bool:
        """Whether it is ours, now or already; never waits.

        Raises:
            OSError: the file cannot be made or locked.
        """
        if self._descriptor is None:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, 0o600)
        if not self._is_held:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            self._is_held = True
        return True

    def close(self) -> None:
        """Give it up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor, self._is_held = None, False
