"""Bytes by digest in a local folder: the file `ab/cdef…` holds the bytes whose SHA-256 is `abcdef…`.

A file is written under `incoming`, synced, renamed into place, and its folder synced, so whatever has a digest for a
name is whole. A file that was found damaged is moved to `quarantine`. Files are 0600 and folders 0700; no symbolic link
is followed inside the store.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import io
import logging
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelkeep.blobs.verifying import SMALL_BYTES, Verifier, is_settled, settle
from modelkeep.domain.errors import Invalid, NotFound, OutOfSpace, Unavailable

log = logging.getLogger("modelkeep.blobs")

# Preallocation goes ahead of the bytes by this much at most: a caller that announces a terabyte and sends a byte
# must not take a terabyte from everyone else.
ALLOCATE_BYTES = 256 * 1024 * 1024
# Asking the kernel to start writing this often leaves little to wait for in the final fsync.
WRITE_BACK_BYTES = 32 * 1024 * 1024

_DIGEST = re.compile(r"[0-9a-f]{64}")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_SYNC_FILE_RANGE_WRITE = 2
_sync_file_range = getattr(ctypes.CDLL(None, use_errno=True), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)


class LocalBlobs:
    """A content-addressed folder. Any number of threads and processes of one host may use it at once.

    Args:
        folder: made if it is missing; its parent exists.
        read_only: make and sweep nothing.
    Attributes:
        verifier: what this process knows of the bytes.
    """

    def __init__(self, folder: Path, read_only: bool = False):
        self.folder = folder
        self.verifier = Verifier(self)
        self._incoming = folder / "incoming"
        self._quarantine = folder / "quarantine"
        self._synced: set[str] = set()
        # How far an open upload is hashed: see `modelkeep.blobs.pieces`.
        self._hashed: dict[str, tuple[int, Any]] = {}
        self._broken: str | None = None
        if not read_only:
            _make_folder(folder)
            _make_folder(self._incoming)
            self._sweep()

    def close(self) -> None:
        """Stop reading ahead of downloads."""
        self.verifier.close()

    def _sweep(self) -> None:
        """Delete what uploads of dead processes left; a live upload holds the lock on its file."""
        for entry in os.scandir(self._incoming):
            try:
                descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)
                finally:
                    os.close(descriptor)
            except (BlockingIOError, FileNotFoundError):
                continue  # somebody is writing it, or has just finished it
            except OSError as error:
                log.warning("%s was left in the incoming folder: %s", entry.name, error.strerror)

    def begin(self, length: int | None = None) -> Upload:
        """Start writing a blob.

        Args:
            length: bytes to come, if that is known.
        Raises:
            OutOfSpace: that many bytes do not fit on the disk.
            Unavailable: the disk failed.
        """
        self._check()
        try:
            name, descriptor = self._create()
        except OSError as error:
            raise _explain(error) from error
        upload = Upload(self, name, descriptor, length)
        if length is not None:
            try:
                upload._reserve()
            except BaseException:
                upload.abort()
                raise
        return upload

    def _check(self) -> None:
        if self._broken:
            raise Unavailable(self._broken)

    def _create(self) -> tuple[str, int]:
        while True:
            name = str(self._incoming / os.urandom(16).hex())
            descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return name, descriptor
            except BlockingIOError:
                pass
            os.close(descriptor)  # a process that is starting swept it before it was locked

    def path(self, digest: str) -> Path:
        """Where the bytes of a digest are, or would be."""
        if not _DIGEST.fullmatch(digest):
            raise Invalid(f"{digest[:100]!r} is not a SHA-256 digest: it has 64 lower-case hexadecimal digits.")
        return self.folder / digest[:2] / digest[2:]

    def open(self, digest: str) -> io.FileIO:
        """The bytes of a digest as an unbuffered file.

        Raises:
            NotFound: they are not here, or something that is not a file stands in their place.
            Unavailable: the disk failed.
        """
        name = self.path(digest).name
        try:
            folder = os.open(self.folder / digest[:2], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                raise _missing(digest) from None
            raise _explain(error) from error
        file = os.fdopen(descriptor, "rb", buffering=0)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            file.close()
            raise _missing(digest)
        return file

    def size(self, digest: str) -> int | None:
        """How many bytes a digest's file has, None when there is none."""
        try:
            with self.open(digest) as file:
                return os.fstat(file.fileno()).st_size
        except NotFound:
            return None

    def holds(self, digest: str, file: io.FileIO | None) -> bool:
        """Whether an open file is the one in the digest's place; of None, whether there is none.

        While a file is open no other can have its inode, so one that has taken its place is told from it.
        """
        try:
            with self.open(digest) as there:
                return file is not None and os.path.sameopenfile(there.fileno(), file.fileno())
        except NotFound:
            return file is None

    def set_aside(self, digest: str, file: io.FileIO) -> bool:
        """Move a damaged file, which is open, to the quarantine; False when another is in its place by now.

        Raises:
            Unavailable: the disk failed.
        """
        try:
            _make_folder(self._quarantine)
            return self._take(digest, self._quarantine / f"{digest}.{os.urandom(4).hex()}", file) is not None
        except OSError as error:
            raise _explain(error) from error

    def take_out(self, digest: str) -> Path | None:
        """Take a file out of the store, to be deleted by `unlink`; None when there is none.

        A process that dies in between leaves it where the next one that starts sweeps.
        """
        try:
            return self._take(digest, self._incoming / os.urandom(16).hex(), None)
        except OSError as error:
            raise _explain(error) from error

    def _take(self, digest: str, to: Path, file: io.FileIO | None) -> Path | None:
        name = self.path(digest).name
        try:
            folder = os.open(self.folder / digest[:2], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            with _locked(folder):
                if file is not None and not self.holds(digest, file):
                    return None
                os.rename(name, to, src_dir_fd=folder)
        except FileNotFoundError:
            return None
        finally:
            os.close(folder)
        self.verifier.forget(digest)
        return to

    def quarantined(self) -> Iterator[tuple[str, Path]]:
        """The digest and the path of every file that was set aside."""
        if self._quarantine.is_dir():
            for entry in os.scandir(self._quarantine):
                digest = entry.name.partition(".")[0]
                if _DIGEST.fullmatch(digest):
                    yield digest, Path(entry.path)

    def unlink(self, path: Path) -> None:
        """Delete a file that was taken out or set aside; one that is gone by now is no error."""
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.warning("%s could not be deleted: %s", path.name, error)

    def _place(self, name: str, digest: str, descriptor: int) -> None:
        """Move a synced file to its digest's place, durably.

        What is there is replaced even if it looks the same: only of the bytes that have just come it is known that
        they are right.
        """
        self._check()
        shard = digest[:2]
        if shard not in self._synced:
            _make_folder(self.folder / shard, known=True, sync=self._sync)
            self._synced.add(shard)
        folder = os.open(self.folder / shard, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with _locked(folder):
                os.rename(name, digest[2:], dst_dir_fd=folder)
            self._sync(folder)
            # A large one would be read again at its first download otherwise, for want of a few milliseconds.
            is_large = os.fstat(descriptor).st_size > SMALL_BYTES
            found = settle(descriptor) if is_large else os.fstat(descriptor)
            if is_settled(found):
                self.verifier.remember(digest, found)
        finally:
            os.close(folder)

    def _sync(self, folder: int) -> None:
        try:
            os.fsync(folder)
        except OSError as error:
            # The kernel reports a failed sync once and then forgets: a later success would prove nothing.
            self._broken = "The disk failed while keeping a file. Writing has stopped until the server is restarted."
            log.critical("a folder could not be synced; no more files are accepted: %s", error)
            raise


class Upload:
    """One blob being written, by one thread at a time: `write`…, `finish`, `keep`; `abort` at any time.

    Attributes:
        size: bytes so far.
        digest: SHA-256 in hexadecimal, known once finished.
    """

    __slots__ = (
        "_allocated", "_blobs", "_descriptor", "_hash", "_kept", "_length", "_name", "_start", "_written_back",
        "digest", "size",
    )  # fmt: skip

    def __init__(self, blobs: LocalBlobs, name: str, descriptor: int, length: int | None, start: int = 0):
        self._blobs = blobs
        self._name = name
        self._descriptor = descriptor
        self._length = length
        self._start = start
        self._hash: Any = hashlib.sha256()
        self._allocated = 0
        self._written_back = 0
        self._kept = False
        self.size = 0
        self.digest = ""

    def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            Invalid: more bytes came than were announced.
            OutOfSpace: the disk is full.
            Unavailable: the disk failed.
        """
        if self._length is not None and self.size + len(chunk) > self._length:
            raise _wrong_length(f"more than the {self._length:,} bytes that were announced")
        self._hash.update(chunk)
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as error:
            raise _explain(error) from error
        self.size += len(chunk)
        if self._length is not None and self._allocated < min(self.size + WRITE_BACK_BYTES, self._length):
            self._reserve()
        if self.size - self._written_back >= WRITE_BACK_BYTES:
            self._write_back()

    def _reserve(self) -> None:
        """Take disk space ahead of the bytes."""
        assert self._length is not None
        try:
            free = os.fstatvfs(self._descriptor)
            if self._length - self._allocated > free.f_bavail * free.f_frsize:
                raise _out_of_space()
            until = min(self._length, self._allocated + ALLOCATE_BYTES)
            if until > self._allocated and hasattr(os, "posix_fallocate"):  # macOS has none
                os.posix_fallocate(self._descriptor, self._start + self._allocated, until - self._allocated)
            self._allocated = until
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise _explain(error) from error
            self._allocated = self._length  # the file system has no such thing

    def _write_back(self) -> None:
        if _sync_file_range is not None:
            length = self.size - self._written_back
            _sync_file_range(self._descriptor, self._start + self._written_back, length, _SYNC_FILE_RANGE_WRITE)
        self._written_back = self.size

    def finish(self) -> tuple[str, int]:
        """Sync the bytes and return their digest and size. They are not in the store before `keep`.

        Raises:
            Invalid: fewer bytes came than were announced.
            OutOfSpace: the disk is full.
            Unavailable: the disk failed.
        """
        if self._length is not None and self.size != self._length:
            raise _wrong_length(f"only {self.size:,} of the {self._length:,} bytes that were announced")
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise _explain(error) from error
        self.digest = self._hash.hexdigest()
        return self.digest, self.size

    def keep(self) -> None:
        """Put the finished bytes into the store; durable on return.

        Raises:
            OutOfSpace: the disk is full.
            Unavailable: the disk failed.
        """
        assert self.digest, "finish comes first"
        try:
            self._blobs._place(self._name, self.digest, self._descriptor)
        except OSError as error:
            raise _explain(error) from error
        self._kept = True
        self._close()

    def abort(self) -> None:
        """Forget the bytes; after `keep` this does nothing."""
        if self._descriptor < 0:
            return
        if not self._kept:
            try:
                os.unlink(self._name)
            except FileNotFoundError:
                pass
            except OSError as error:
                log.warning("an aborted upload could not be deleted: %s", error)
        self._close()

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        os.close(descriptor)


def _make_folder(folder: Path, known: bool = False, sync: Callable[[int], None] | None = None) -> None:
    """Make a folder, durably. `known`: sync even if it is there, since another process may be making it now.

    Raises:
        Invalid: a link or a file stands in its place, unless `known`: opening it will say so.
    """
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        if not known and not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise Invalid(
                f"{folder} is not a folder, and the store follows no links. Move it away, or put what it leads to in its "
                "place, and start again."
            ) from None
        if not known:
            return
    parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        (sync or os.fsync)(parent)
    finally:
        os.close(parent)


@contextmanager
def _locked(folder: int) -> Iterator[None]:
    """Keep files from coming into and going from a folder meanwhile, in every process of the host."""
    fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(folder, fcntl.LOCK_UN)


def _missing(digest: str) -> NotFound:
    return NotFound(
        f"The bytes with the digest {digest} are missing from the store. Upload the file again or restore a backup."
    )


def _wrong_length(what: str) -> Invalid:
    return Invalid(f"The body had {what}, so nothing was kept. Send it again.")


def _explain(error: OSError) -> OutOfSpace | Unavailable:
    if error.errno in _FULL or error.errno == errno.EFBIG:
        return _out_of_space()
    log.error("the blob store failed: %s", error)
    return Unavailable("The disk of the registry does not answer as it should. Nothing was changed.")


def _out_of_space() -> OutOfSpace:
    return OutOfSpace("The disk of the registry is full, so the file was not kept. Free some space and try again.")
