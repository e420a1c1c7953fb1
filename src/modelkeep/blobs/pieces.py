"""Uploads that outlive a request: one file each, written in pieces, which becomes the blob itself in the end.

The files are in the folder `open` of the store, which no start sweeps: whoever keeps the list of open uploads deletes
what is not on it. Each writer locks the range it writes and whoever assembles locks all of it, so no byte changes under
a reader, in whatever process; a file that has become a blob is never found by its old name.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import struct
from pathlib import Path
from typing import Any

from modelkeep.blobs.local import LocalBlobs, Upload, _explain, _make_folder, _out_of_space
from modelkeep.domain.errors import Conflict, NotFound, Unavailable

log = logging.getLogger("modelkeep.blobs")

READ_BYTES = 1024 * 1024
HASHED_LIMIT = 1_000
_ID = re.compile(r"[0-9a-f]{32}")
# Locks of an open file, not of a process (Linux): two requests to one process must exclude one another too.
_SET_LOCK = getattr(fcntl, "F_OFD_SETLK", None)
HAS_RANGE_LOCKS = _SET_LOCK is not None


def write_part(blobs: LocalBlobs, upload_id: str, start: int, length: int) -> Piece:
    """Begin to write the `length` bytes from `start` on; `finish` syncs them and tells their digest.

    Raises:
        Conflict: somebody is writing there, or the upload is being completed.
        OutOfSpace: that many bytes do not fit on the disk.
        Unavailable: the disk failed.
    """
    return _begin(Piece(blobs, *_open(blobs, upload_id, start, max(length, 1)), length, start))


def append(blobs: LocalBlobs, upload_id: str, start: int, length: int | None) -> Tail:
    """Begin to write from `start` on to the end; `settle` syncs what came.

    Args:
        length: the most bytes to come, if that is known.
    Raises:
        NotFound: the bytes before `start` are not there; else as `write_part`.
    """
    name, descriptor = _open(blobs, upload_id, 0, 0)
    tail = Tail(upload_id, blobs, name, descriptor, length, start)
    if os.fstat(descriptor).st_size < start:
        tail.abort()
        raise NotFound(f"The bytes of the upload '{upload_id}' are gone. Abort it and begin again.")
    return _begin(tail)


def whole(blobs: LocalBlobs, upload_id: str, size: int) -> Whole | None:
    """Take the first `size` bytes, to `read` them and `keep` them as a blob; None when the file is not there.

    Raises:
        Conflict: somebody is still writing.
        Unavailable: the disk failed.
    """
    if not (_folder(blobs) / _checked(upload_id)).exists() and size:
        return None
    name, descriptor = _open(blobs, upload_id, 0, 0)
    taken = Whole(blobs, name, descriptor, size)
    try:
        if os.fstat(descriptor).st_size < size:
            taken.abort()
            return None
        os.ftruncate(descriptor, size)
    except OSError as error:
        taken.abort()
        raise _explain(error) from error
    return taken


def drop(blobs: LocalBlobs, upload_id: str) -> None:
    """Delete the file of an upload, if there is one."""
    blobs._hashed.pop(upload_id, None)
    try:
        os.unlink(_folder(blobs) / _checked(upload_id))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("the file of an upload could not be deleted: %s", error)


def names(blobs: LocalBlobs) -> list[str]:
    """The uploads that have a file."""
    try:
        return [name for name in os.listdir(_folder(blobs)) if _ID.fullmatch(name)]
    except FileNotFoundError:
        return []


class Piece(Upload):
    """A range of an upload's file, being written. `abort` lets go of the range and leaves the bytes."""

    __slots__ = ()

    def abort(self) -> None:
        if self._descriptor >= 0:
            self._close()


class Tail(Piece):
    """The bytes that follow what is there.

    Where this process hashed everything before them it goes on with that; else all are hashed by `Whole.read`.
    """

    __slots__ = ("_failed", "_upload_id")

    def __init__(self, upload_id: str, *arguments: Any):
        super().__init__(*arguments)
        self._upload_id = upload_id
        self._failed = False
        if self._start:
            hashed, state = self._blobs._hashed.get(upload_id, (0, None))
            self._hash = state.copy() if hashed == self._start else _NoHash()

    def write(self, chunk: bytes) -> None:
        try:
            super().write(chunk)
        except BaseException:
            self._hash = _NoHash()  # it has the chunk that the disk has not, or not whole
            raise

    def settle(self) -> int:
        """Sync what came and return how many bytes of the upload are now on the disk.

        Raises:
            OutOfSpace: the disk is full.
            Unavailable: the disk failed.
        """
        if self._failed:  # the kernel reports it once and then forgets: a success now would prove nothing
            raise Unavailable("The disk of the registry failed. Ask how far the upload came, and go on from there.")
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            self._failed = True
            raise _explain(error) from error
        return self._start + self.size

    def remember(self) -> None:
        """Let the next one go on hashing; only once the bytes are recorded, since until then others may replace them."""
        hashed = self._blobs._hashed
        hashed.pop(self._upload_id, None)
        if not isinstance(self._hash, _NoHash):
            hashed[self._upload_id] = (self._start + self.size, self._hash)
        while len(hashed) > HASHED_LIMIT:
            del hashed[next(iter(hashed))]


class Whole(Piece):
    """All bytes of an upload, which nobody writes meanwhile."""

    __slots__ = ()

    def read(self) -> None:
        """Read all bytes for their digest, which `finish` tells, unless this process hashed them when they came.

        Raises:
            Unavailable: the disk failed.
        """
        assert self._length is not None
        hashed, state = self._blobs._hashed.pop(os.path.basename(self._name), (-1, None))
        if hashed == self._length:
            self._hash, self.size = state, hashed
            return
        buffer = memoryview(bytearray(READ_BYTES))
        try:
            while self.size < self._length:
                count = os.preadv(self._descriptor, [buffer[: self._length - self.size]], self.size)
                if not count:
                    break
                self._hash.update(buffer[:count])
                self.size += count
        except OSError as error:
            raise _explain(error) from error


class _NoHash:
    def update(self, chunk: bytes) -> None:
        pass

    def hexdigest(self) -> str:
        return ""


def _begin(piece: Any) -> Any:
    try:
        os.lseek(piece._descriptor, piece._start, os.SEEK_SET)
        if piece._length is not None:
            piece._reserve()
    except OSError as error:
        piece.abort()
        # EINVAL: the place is beyond the largest file that the file system can have.
        raise _out_of_space() if error.errno == errno.EINVAL else _explain(error) from error
    except BaseException:
        piece.abort()
        raise
    return piece


def _folder(blobs: LocalBlobs) -> Path:
    return blobs.folder / "open"


def _checked(upload_id: str) -> str:
    if not _ID.fullmatch(upload_id):
        raise NotFound(f"There is no upload {upload_id[:100]!r}.")
    return upload_id


def _open(blobs: LocalBlobs, upload_id: str, start: int, length: int) -> tuple[str, int]:
    """Open and lock a range of an upload's file; a length of 0 is everything from `start` on."""
    blobs._check()
    name = str(_folder(blobs) / _checked(upload_id))
    try:
        while True:
            descriptor = _open_or_create(blobs, name)
            try:
                _lock(descriptor, start, length)
                if _is_at(descriptor, name):
                    return name, descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # it was completed or deleted before it was locked
    except BlockingIOError:
        raise Conflict(
            f"Bytes of the upload '{upload_id}' are being written or completed by another request. "
            "Wait for it to end, ask how far it came, and go on from there."
        ) from None
    except OSError as error:
        raise _explain(error) from error


def _open_or_create(blobs: LocalBlobs, name: str) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags)
    except FileNotFoundError:
        _make_folder(_folder(blobs), known=True)
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        descriptor = os.open(name, flags)
    # The name must outlast a crash before any byte counts as received.
    folder = os.open(_folder(blobs), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    except BaseException:
        os.close(descriptor)
        raise
    finally:
        os.close(folder)
    return descriptor


def _lock(descriptor: int, start: int, length: int) -> None:
    if _SET_LOCK is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return
    # struct flock of Linux with 64 bits: type, whence, start, length, process (0 for a lock of an open file).
    fcntl.fcntl(descriptor, _SET_LOCK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, start, length, 0))


def _is_at(descriptor: int, name: str) -> bool:
    try:
        found = os.stat(name, follow_symlinks=False)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
        return False
    return os.path.samestat(found, os.fstat(descriptor))
