"""What this process knows of the bytes it serves: which files it has read and found right, and are unchanged since.

A file is unchanged while its inode, size and times are. The time of its last change (`ctime`) cannot be set back, but
moves in steps of the kernel's coarse clock, so it counts only once that clock has gone past it: from then on every
write shows.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from modelkeep.blobs.hashing import Pace, Stopped, digest_of
from modelkeep.domain.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from modelkeep.blobs.local import LocalBlobs

log = logging.getLogger("modelkeep.blobs")

KNOWN_SECONDS = 3600.0
KNOWN_MOST = 20_000
# Up to here reading a file first delays its download by 40 ms at most.
SMALL_BYTES = 64 * 1024 * 1024
_TRIES = 5
_LOCK_POLL_SECONDS = 0.02
_LONGEST_TICK_NANOSECONDS = 10_000_000

Identity = tuple[int, int, int, int, int]
# Told why a file is wrong, and the file itself, still open, or None when there is none. True: its bytes are not to be
# given out. False: another file is in its place by now, so look again.
OnWrong = Callable[[str, io.FileIO | None], bool]


def identity(found: os.stat_result) -> Identity:
    """What changes when a file's bytes do."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def is_settled(found: os.stat_result) -> bool:
    """Whether every write from now on will change the file's identity."""
    return found.st_ctime_ns < _coarse_clock()


def _coarse_clock() -> int:
    """The clock that file times are taken from."""
    if hasattr(time, "CLOCK_REALTIME_COARSE"):
        return time.clock_gettime_ns(time.CLOCK_REALTIME_COARSE)
    return time.time_ns() - _LONGEST_TICK_NANOSECONDS


def settle(descriptor: int) -> os.stat_result:
    """Wait for the coarse clock to pass a file's last change, 10 ms at most, and return what the file is like."""
    found = os.fstat(descriptor)
    for _ in range(20):
        if is_settled(found):
            break
        time.sleep(0.001)
    return found


class Verifier:
    """The knowledge of one process. Any thread may ask.

    Args:
        blobs: the store whose files are read.
    """

    def __init__(self, blobs: LocalBlobs):
        self._blobs = blobs
        self._lock = threading.Lock()
        self._known: dict[str, tuple[Identity, float]] = {}
        self._suspects: set[str] = set()
        self._running: dict[str, Future[Identity | None]] = {}
        self._stopping = threading.Event()
        # Apart, so that a file of a gigabyte keeps no small one waiting.
        self._small = ThreadPoolExecutor(2, thread_name_prefix="modelkeep-verify")
        self._large = ThreadPoolExecutor(2, thread_name_prefix="modelkeep-verify-large")

    def is_known(self, digest: str, found: os.stat_result) -> bool:
        """Whether these very bytes were read and found right within the last hour."""
        entry = self._known.get(digest)
        return entry is not None and entry[0] == identity(found) and time.monotonic() - entry[1] < KNOWN_SECONDS

    def remember(self, digest: str, found: os.stat_result) -> None:
        """Note that a file's bytes are right. Its identity was taken before they were read, and was settled then."""
        with self._lock:
            self._known.pop(digest, None)
            while len(self._known) >= KNOWN_MOST:
                del self._known[next(iter(self._known))]
            self._known[digest] = identity(found), time.monotonic()
            self._suspects.discard(digest)

    def forget(self, digest: str) -> None:
        """Have the next look at a digest read its file."""
        with self._lock:
            self._known.pop(digest, None)

    def read(self, file: io.FileIO, digest: str, size: int, pace: Pace | None = None) -> str | None:
        """Read an open file and say what is wrong with its bytes, None when they are right.

        Raises:
            OSError: the disk cannot read it.
        """
        before = os.fstat(file.fileno())
        settled = is_settled(before)
        if before.st_size != size:
            return f"its file has {before.st_size:,} bytes and not {size:,}"
        if digest_of(file, pace) != digest:
            return "the bytes of its file are not those that were stored"
        if settled and identity(os.fstat(file.fileno())) == identity(before):
            self.remember(digest, before)
        return None

    def check(self, digest: str, size: int, on_wrong: OnWrong) -> Future[Identity | None]:
        """Read a digest's file in a thread; whoever asks meanwhile waits for the same result.

        Returns:
            The identity of the file whose bytes are right. None when they are wrong; `on_wrong` was told by then.
        """
        with self._lock:
            return self._running.get(digest) or self._start(digest, size, on_wrong, None, size > SMALL_BYTES)

    def accompany(self, digest: str, size: int, on_wrong: OnWrong) -> tuple[Future[Identity | None], bool]:
        """As `check`, for a file so large that its bytes are better sent while they are read.

        Returns:
            The result to come, and whether the caller may send the bytes without waiting for it: one caller may, of all
            processes. The lock on the file is held until `on_wrong` has returned, so no second one can come in between.
        """
        with self._lock:
            running = self._running.get(digest)
            if running is not None:
                return running, False
            try:
                file = self._blobs.open(digest)
            except NotFound:
                return self._start(digest, size, on_wrong, None, False), False
            first = digest not in self._suspects and _try_lock(file)
            return self._start(digest, size, on_wrong, file, True), first

    def _start(
        self, digest: str, size: int, on_wrong: OnWrong, file: io.FileIO | None, is_large: bool
    ) -> Future[Identity | None]:
        pool = self._large if is_large else self._small
        try:
            future = pool.submit(self._run, digest, size, on_wrong, file)
        except RuntimeError:
            if file is not None:
                file.close()
            raise _stopping() from None
        self._running[digest] = future
        return future

    def _run(self, digest: str, size: int, on_wrong: OnWrong, file: io.FileIO | None) -> Identity | None:
        try:
            for _ in range(_TRIES):
                file = file or self._open(digest)
                if file is None:
                    if on_wrong("its file is missing", None):
                        return None
                    continue
                with file:
                    while not _try_lock(file):
                        self._pace(0)
                        self._stopping.wait(_LOCK_POLL_SECONDS)
                    found = os.fstat(file.fileno())
                    why = self.read(file, digest, size, self._pace)
                    if why is None:
                        return identity(found)
                    with self._lock:
                        self._suspects.add(digest)
                        self._known.pop(digest, None)
                    if on_wrong(why, file):
                        return None
                file = None
            raise Unavailable("The file is being replaced all the time. Try again shortly.")
        except Stopped:
            raise _stopping() from None
        except OSError as error:
            log.error("the blob %s could not be read: %s", digest, error)
            raise Unavailable("The disk of the registry does not answer as it should. Try again shortly.") from error
        finally:
            with self._lock:
                self._running.pop(digest, None)

    def _open(self, digest: str) -> io.FileIO | None:
        try:
            return self._blobs.open(digest)
        except NotFound:
            return None

    def _pace(self, length: int) -> None:
        if self._stopping.is_set():
            raise Stopped

    def close(self) -> None:
        """Stop reading; whoever still waits for a result is told that the server stops."""
        self._stopping.set()
        for pool in (self._small, self._large):
            pool.shutdown()


def _try_lock(file: io.FileIO) -> bool:
    """Lock a file against whoever would send and read it at the same time; a lock of one's own stays."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stopping() -> Unavailable:
    return Unavailable("The server is stopping. Try again shortly.")
