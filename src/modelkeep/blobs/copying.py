"""Copying blobs from one store to another, each hashed on the way."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from modelkeep.blobs import folders
from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.backups import Copy
from modelkeep.domain.errors import Invalid, NotFound, OutOfSpace, Unavailable

log = logging.getLogger("modelkeep.blobs")

# Small files wait for their syncs, large ones for their hash, and both go on without Python's lock.
THREADS = 4
_AHEAD = 64

_COPIED, _PRESENT, _MISSING, _DAMAGED = range(4)


def copy(
    source: LocalBlobs,
    target: LocalBlobs,
    files: Iterable[tuple[str, int]],
    progress: Callable[[Copy], None],
    *,
    verify: bool = False,
    expected: tuple[int, int] = (0, 0),
) -> Copy:
    """Bring files into a store: durable on return, and never under a digest that is not theirs.

    What the source lacks or holds damaged is told in the answer, and the others are copied all the same.

    Args:
        files: digest and size of each; how many and how large they are together is `expected`.
        progress: called after each file.
        verify: also read what is in the target already, and replace what is damaged. Otherwise its size must be right.
    Raises:
        OutOfSpace: the target's disk is full.
        Unavailable: the target's disk failed.
    """
    result = Copy(expected_files=expected[0], expected_bytes=expected[1])
    waiting: deque[tuple[str, int, Future[int]]] = deque()
    stopping = threading.Event()
    with ThreadPoolExecutor(THREADS, "copy") as pool:
        try:
            for digest, size in files:
                present = target.size(digest) == size
                if present and not verify:  # nearly all of them, and a thread would cost more than the look
                    result.present_files += 1
                    result.present_bytes += size
                    progress(replace(result))
                    continue
                job = pool.submit(_bring, source, target, digest, size, present, stopping)
                waiting.append((digest, size, job))
                if len(waiting) > _AHEAD:
                    _count(result, *waiting.popleft())
                    progress(replace(result))
            while waiting:
                _count(result, *waiting.popleft())
                progress(replace(result))
        except BaseException as error:
            stopping.set()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, OutOfSpace):  # of the target: its own sentence is about a registry
                raise OutOfSpace(f"The disk of {target.folder} is full. Free some space and try again.") from None
            if isinstance(error, Unavailable):
                raise Unavailable(f"{target.folder} could not be written. Check its disk and try again.") from None
            raise
    with folders.explained(target.folder):
        _sync_shards(target)
    return result


def _sync_shards(blobs: LocalBlobs) -> None:
    """Sync every folder of a store: of a file found present, whoever put it there may have been killed before."""
    with os.scandir(blobs.folder) as entries:
        shards = [entry.path for entry in entries if len(entry.name) == 2 and entry.is_dir(follow_symlinks=False)]
    for shard in shards:
        folders.sync(Path(shard))
    folders.sync(blobs.folder)


def _count(result: Copy, digest: str, size: int, future: Future[int]) -> None:
    outcome = future.result()
    if outcome == _COPIED:
        result.copied_files += 1
        result.copied_bytes += size
    elif outcome == _PRESENT:
        result.present_files += 1
        result.present_bytes += size
    elif outcome == _MISSING:
        result.missing.append(digest)
    else:
        result.damaged.append(digest)


def _bring(
    source: LocalBlobs, target: LocalBlobs, digest: str, size: int, present: bool, stopping: threading.Event
) -> int:
    if stopping.is_set():
        return _MISSING  # nobody asks any more
    if present and not _is_damaged(target, digest):
        return _PRESENT
    try:
        reading = source.open(digest)
    except NotFound:
        return _MISSING
    except Unavailable:
        return _DAMAGED
    with reading:
        if os.fstat(reading.fileno()).st_size != size:
            return _DAMAGED
        upload = target.begin(size)
        try:
            while chunk := _read(reading):
                if stopping.is_set():
                    return _MISSING
                upload.write(chunk)
            if upload.finish()[0] != digest:
                return _DAMAGED
            if present:
                os.unlink(target.path(digest))  # damaged: the store would keep it, since its size is right
            upload.keep()
        except (_Unreadable, Invalid):  # Invalid: its length changed under our eyes
            return _DAMAGED
        finally:
            upload.abort()
    return _COPIED


class _Unreadable(Exception):
    pass


def _read(reading: io.FileIO) -> bytes:
    try:
        return reading.read(folders.CHUNK_BYTES)
    except OSError as error:
        log.error("a file to copy could not be read: %s", error)
        raise _Unreadable from error


def _is_damaged(blobs: LocalBlobs, digest: str) -> bool:
    try:
        with blobs.open(digest) as reading:
            return hashlib.file_digest(reading, "sha256").hexdigest() != digest
    except (NotFound, Unavailable, OSError):
        return True
