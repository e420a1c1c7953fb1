"""Getting files: to a temporary name first, checked, several at once, and kept by digest for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, cast

from modelkeep.client import environment
from modelkeep.client.calls import Progress, Transport
from modelkeep.client.entities import PinnedFile
from modelkeep.client.progress import watching
from modelkeep.domain.artifacts import check_path, is_of_versions, join
from modelkeep.domain.errors import DigestMismatch, Invalid, NotFound

THREADS = 4
CHUNK_BYTES = 1024 * 1024

is_pinned = is_of_versions


class Missing(NotFound):
    """There is neither a file nor a folder of this path."""


class Checked:
    """A file being written, whose SHA-256 is known at any time. What is in it already counts."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self._hash = hashlib.sha256()
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            self._hash.update(chunk)

    def write(self, chunk: bytes) -> int:
        """Append bytes."""
        self._hash.update(chunk)
        return self._file.write(chunk)

    def tell(self) -> int:
        """How many bytes there are."""
        return self._file.tell()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Begin anew: only the start can be gone to."""
        assert offset == 0 and whence == os.SEEK_SET
        return self._file.seek(0)

    def truncate(self, size: int | None = None) -> int:
        """Forget everything after the start has been gone to."""
        self._hash = hashlib.sha256()
        return self._file.truncate(size)

    @property
    def digest(self) -> str:
        """Of the bytes so far, in hexadecimal."""
        return self._hash.hexdigest()


def _destination(dst_path: str | os.PathLike[str] | None) -> Path:
    if dst_path is None:
        return Path(tempfile.mkdtemp(prefix="modelkeep-"))
    folder = Path(dst_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(transport: Transport, root: str, path: str, dst_path: str | None) -> Path:
    """Copy the file or folder at a path below `root` to the same path below a local folder, and return where it is.

    Raises:
        Missing: there is neither.
    """
    entries = list(_walk(transport, root, path))
    single = not entries
    wanted = [(path, None)] if single else entries
    if single and not path:
        raise Missing(f"There are no files at '{root}'.")
    # Only now: a folder for nothing would be left behind.
    destination = _destination(dst_path)

    def get(each: tuple[str, int | None], progress: Progress) -> None:
        name = each[0]
        to = destination / check_path(name)
        _download(transport, join(root, name), to, None, progress)

    try:
        _each(wanted, get, sum(size or 0 for _, size in wanted))
    except NotFound as error:
        raise (Missing(error.message) if single else error) from None
    return destination / path if path else destination


def _walk(transport: Transport, root: str, path: str) -> Iterator[tuple[str, int | None]]:
    """The paths, from `root`, and sizes of the files in a folder; nothing for a file."""
    for shape in transport.call("artifacts.list", {"path": join(root, path) or None}).files:
        name = join(path, shape.path.rpartition("/")[2])
        if shape.is_dir:
            yield from _walk(transport, root, name)
        else:
            yield name, shape.file_size


def fetch_pinned(
    transport: Transport, root: str, files: list[PinnedFile], dst_path: str | None, path: str = ""
) -> Path:
    """Copy a registered version's files to a local folder, each checked against the manifest.

    Args:
        path: only this file, or what is in this folder.
    Raises:
        Missing: the version has no such file or folder.
        DigestMismatch: bytes are not those that the manifest names; none of them is left at its place.
    """
    wanted = [file for file in files if not path or file.path == path or file.path.startswith(f"{path}/")]
    if not wanted:
        raise Missing(f"No such artifact: '{path}'")
    destination = _destination(dst_path)

    def get(file: PinnedFile, progress: Progress) -> None:
        _download(transport, join(root, file.path), destination / check_path(file.path), file.digest, progress)

    _each(wanted, get, sum(file.size for file in wanted))
    return destination / path if path else destination


def _each(wanted: list[Any], get: Callable[[Any, Progress], None], size: int) -> None:
    with watching("Receiving", size) as progress:
        if len(wanted) == 1:
            get(wanted[0], progress)
            return
        with ThreadPoolExecutor(THREADS, thread_name_prefix="modelkeep-download") as threads:
            getting = [threads.submit(get, each, progress) for each in wanted]
            try:
                for each in getting:
                    each.result()
            finally:
                for each in getting:
                    each.cancel()


def _download(transport: Transport, path: str, to: Path, digest: str | None, progress: Progress) -> None:
    """Copy one file, by way of the cache when its digest is known and it comes from a server."""
    if to.is_dir():
        raise Invalid(f"'{to}' is a folder, so the file '{path}' cannot be written there. Choose another destination.")
    to.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(to) as temporary:
        if digest is not None and not transport.is_local and _from_cache(transport, path, temporary, digest, progress):
            pass
        else:
            with temporary.open("w+b") as file:
                checked = Checked(file)
                told = transport.fetch(path, cast(IO[bytes], checked), progress, digest)
            _check(path, checked.digest, digest or told)
        os.replace(temporary, to)


@contextlib.contextmanager
def _temporary(to: Path) -> Iterator[Path]:
    """A name beside a file, of a file that is gone afterwards unless it was moved."""
    descriptor, name = tempfile.mkstemp(prefix=f".{to.name[:100]}.", dir=to.parent)
    os.close(descriptor)
    # As any new file of this user's would have, and not for its owner alone.
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(name, 0o666 & ~mask)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _check(path: str, found: str, expected: str | None) -> None:
    if expected is not None and found != expected:
        raise DigestMismatch(
            f"The bytes of '{path}' have the SHA-256 {found}, and should have {expected}. They were not kept: they were "
            "damaged or changed in the registry or on the way. Run `modelkeep fsck` on the registry's data."
        )


def _from_cache(transport: Transport, path: str, to: Path, digest: str, progress: Progress) -> bool:
    """Copy bytes from the cache, after getting them there; False when there is no room for a cache."""
    folder = environment.cache() / "files" / digest[:2]
    kept = folder / digest[2:]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    with contextlib.suppress(FileNotFoundError):
        if _copy(kept, to, progress) == digest:
            return True
        kept.unlink(missing_ok=True)  # damaged on this disk
    with _partial(digest) as partial:
        resumed = partial.seek(0, os.SEEK_END) > 0
        while True:
            checked = Checked(partial)
            progress(checked.tell())
            transport.fetch(path, cast(IO[bytes], checked), progress, digest)
            if checked.digest == digest or not resumed:
                break
            # What an earlier program left may be the wrong part.
            progress(-checked.tell())
            partial.seek(0)
            partial.truncate()
            resumed = False
        if checked.digest != digest:
            os.unlink(partial.name)
            _check(path, checked.digest, digest)
        partial.flush()
        shutil.copyfile(partial.name, to)
        os.replace(partial.name, kept)
    return True


def _copy(source: Path, to: Path, progress: Progress) -> str:
    """Copy a file and return the SHA-256 of what was copied."""
    found = hashlib.sha256()
    with source.open("rb", buffering=0) as opened, to.open("wb") as written:
        while chunk := opened.read(CHUNK_BYTES):
            found.update(chunk)
            written.write(chunk)
            progress(len(chunk))
    return found.hexdigest()


@contextlib.contextmanager
def _partial(digest: str) -> Iterator[IO[bytes]]:
    """The file in which a download goes on where the last one stopped, of one program at a time."""
    folder = environment.cache() / "partial"
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / digest).open("a+b")
    if not _lock(file):
        file.close()
        file = (folder / f"{digest}.{os.urandom(4).hex()}").open("a+b")
    try:
        yield file
    finally:
        file.close()


def _lock(file: IO[bytes]) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    # Another program may have finished it between opening and locking.
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(file.name))
    except FileNotFoundError:
        return False
