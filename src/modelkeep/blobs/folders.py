"""Folders and files that must be on the disk, not only in its cache, and must be where they seem to be."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modelkeep.domain.errors import Conflict, Invalid, ModelkeepError, NotFound, OutOfSpace, Unavailable

CHUNK_BYTES = 1024 * 1024


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn an OSError about a folder into an error with a sentence."""
    try:
        yield
    except OSError as error:
        raise explain(error, where) from error


def explain(error: OSError, where: Path) -> ModelkeepError:
    """What an OSError about a folder means."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutOfSpace(f"The disk of {where} is full. Free some space and try again.")
    where = error.filename or where
    return Unavailable(f"{where} does not answer as it should: {error.strerror}. Check it and try again.")


def sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make(folder: Path) -> None:
    """Make a folder for its owner alone, durably; one that is there must be a folder and no link to one.

    Raises:
        Invalid: something else stands in its place.
    """
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        require(folder)
    sync(folder.parent)


def require(folder: Path) -> None:
    """Raise unless a folder is there and is no symbolic link to one.

    Raises:
        Invalid: there is nothing, or something else.
    """
    if not is_folder(folder):
        raise Invalid(f"{folder} must be a folder, and neither a file nor a symbolic link. It was left untouched.")


def is_folder(folder: Path) -> bool:
    """Whether a folder is there, and is no symbolic link to one."""
    try:
        return stat.S_ISDIR(os.lstat(folder).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def write(file: Path, content: bytes) -> None:
    """Write a new file for its owner alone, and sync it."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(descriptor)


def read(file: Path, limit: int) -> bytes:
    """A small file's content.

    Raises:
        NotFound: there is none, or it is a symbolic link, no file, or longer than the limit.
    """
    with _open(file) as opened:
        content = opened.read(limit + 1)
    if len(content) > limit:
        raise NotFound(f"{file} is longer than {limit:,} bytes.")
    return content


def _open(file: Path) -> BinaryIO:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            raise NotFound(f"{file} is missing.") from None
        raise
    opened = os.fdopen(descriptor, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        opened.close()
        raise NotFound(f"{file} is not a file.")
    return opened


def digest(file: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with _open(file) as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()  # type: ignore[arg-type]


def copy(source: Path, target: Path) -> str:
    """Copy a file to a new one, sync it, and return the SHA-256 of what was copied.

    Raises:
        NotFound: the source is missing, or is no file.
    """
    hashed = hashlib.sha256()
    with _open(source) as reading:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as writing:
            while chunk := reading.read(CHUNK_BYTES):
                hashed.update(chunk)
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            os.fsync(writing.fileno())
    return hashed.hexdigest()


def place(folder: Path, target: Path) -> None:
    """Sync a finished folder and rename it into place, durably. An empty folder at the target is replaced."""
    sync(folder)
    os.rename(folder, target)
    sync(target.parent)


@contextmanager
def locked(descriptor: int, sentence: str) -> Iterator[None]:
    """Hold the lock of an open file or folder, and close it afterwards. The lock ends with the process as well.

    Raises:
        Conflict: with the sentence, when another process has it.
    """
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(sentence) from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def unfinished(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder in which to make something, deleted at the end unless it was renamed.

    Those that dead processes left behind are deleted first: the maker holds a lock on its own.
    """
    with os.scandir(parent) as entries:
        abandoned = [entry.path for entry in entries if entry.name.startswith(prefix)]
    for path in abandoned:
        _delete_abandoned(Path(path))
    folder = parent / f"{prefix}{os.urandom(8).hex()}"
    os.mkdir(folder, 0o700)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _delete_abandoned(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        with locked(descriptor, "in use"):
            shutil.rmtree(folder, ignore_errors=True)
    except Conflict:
        return
