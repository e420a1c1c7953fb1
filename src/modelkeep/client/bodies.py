"""Request bodies that are read from files, so that they can be sent again from where they began."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

from modelkeep.client.calls import Progress


class PartOfFile:
    """The bytes of a file from `start` to before `end`, as a file. Going back is told as negative progress."""

    def __init__(self, path: Path, start: int, end: int, progress: Progress):
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._end = end
        self._progress = progress

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; all that are left when it is negative."""
        left = self._end - self._file.tell()
        chunk = os.read(self._file.fileno(), left if size < 0 else min(size, left))
        self._progress(len(chunk))
        return chunk

    def tell(self) -> int:
        """The place in the whole file."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the whole file."""
        before = self._file.tell()
        after = self._file.seek(self._end if whence == os.SEEK_END else offset)
        self._progress(after - before)
        return after

    def __enter__(self) -> PartOfFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
