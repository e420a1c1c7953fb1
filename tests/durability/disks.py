"""Everything that Modelkeep does to its disk, seen by a watcher of the test's: it may note an operation or fail it.

Files of Python go through functions of `os`, which are replaced; SQLite goes through a VFS of ours that is the default
one meanwhile. Nothing of the product knows.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import apsw

VFS_NAME = "watched"


class Watcher(Protocol):
    def __call__(self, operation: str, path: str, do: Callable[[], Any]) -> Any:
        """Called in place of an operation; returns what `do` returns, or raises OSError.

        Args:
            operation: `write` (`rewind` where a WAL starts again), `sync`, `rename`, `unlink`, `mkdir`, `truncate` or `allocate`.
            path: of the file or folder; of a rename, where the file goes.
        """


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Show every operation of this process to a watcher. Databases are opened and closed inside."""
    vfs = _Vfs(watcher)
    real = {name: getattr(os, name) for name in _FUNCTIONS}
    for name, wrap in _FUNCTIONS.items():
        setattr(os, name, wrap(watcher, real[name]))
    try:
        yield
    finally:
        for name, function in real.items():
            setattr(os, name, function)
        vfs.unregister()


def path_of(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")


def _write(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda descriptor, data: watcher("write", path_of(descriptor), lambda: real(descriptor, data))


def _fsync(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda descriptor: watcher("sync", path_of(descriptor), lambda: real(descriptor))


def _rename(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    def rename(source: Any, target: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> Any:
        path = os.fspath(target) if dst_dir_fd is None else f"{path_of(dst_dir_fd)}/{target}"
        return watcher("rename", path, lambda: real(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd))

    return rename


def _unlink(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    def unlink(path: Any, *, dir_fd: int | None = None) -> Any:
        return watcher("unlink", os.fspath(path), lambda: real(path, dir_fd=dir_fd))

    return unlink


def _mkdir(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:
        return watcher("mkdir", os.fspath(path), lambda: real(path, mode, dir_fd=dir_fd))

    return mkdir


def _allocate(watcher: Watcher, real: Callable[..., Any]) -> Callable[..., Any]:
    return lambda descriptor, at, size: watcher("allocate", path_of(descriptor), lambda: real(descriptor, at, size))


_FUNCTIONS: dict[str, Callable[[Watcher, Callable[..., Any]], Callable[..., Any]]] = {
    "write": _write,
    "fsync": _fsync,
    "rename": _rename,
    "unlink": _unlink,
    "mkdir": _mkdir,
    "posix_fallocate": _allocate,
}


class _Vfs(apsw.VFS):
    def __init__(self, watcher: Watcher):
        self._watcher = watcher
        self._base = "unix" if sys.platform != "win32" else "win32"
        super().__init__(VFS_NAME, self._base, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        # Closing a database that was opened for reading tries to lock it as a writer does. SQLite overlooks that this
        # fails; here it would come out of close() as an exception.
        if flags[0] & apsw.SQLITE_OPEN_MAIN_DB and flags[0] & apsw.SQLITE_OPEN_READONLY:
            flags[0] = flags[0] & ~apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_READWRITE
        return _File(self._watcher, self._base, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, watcher: Watcher, base: str, name: Any, flags: list[int]):
        self._watcher = watcher
        self._path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._before: list[tuple[int, bytes]] = []
        super().__init__(base, name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        before = super().xRead(len(data), offset) if offset < super().xFileSize() else b""
        # The header of a WAL is written when the file is used from its start again.
        operation = "write" if offset or not self._path.endswith("-wal") else "rewind"
        self._watch(operation, lambda: super(_File, self).xWrite(data, offset))
        self._before.append((offset, before.ljust(len(data), b"\0")))

    def xSync(self, flags: int) -> None:
        try:
            self._watch("sync", lambda: super(_File, self).xSync(flags))
        except apsw.IOError:
            # The kernel forgets what it could not write, and says so once only.
            for offset, before in reversed(self._before):
                super().xWrite(before, offset)
            raise
        finally:
            self._before.clear()

    def xTruncate(self, size: int) -> None:
        self._watch("truncate", lambda: super(_File, self).xTruncate(size))

    def _watch(self, operation: str, do: Callable[[], Any]) -> None:
        try:
            self._watcher(operation, self._path, do)
        except OSError as error:
            # As SQLite's own VFS for Unix answers: only a write is ever told that the disk is full.
            if operation in ("write", "rewind") and error.errno == errno.ENOSPC:
                raise apsw.FullError(str(error)) from None
            raise apsw.IOError(str(error)) from None
