"""Backups of a data folder, and restoring one. They work on folders instead of an open registry: a backup must neither
upgrade nor change what it copies, and a restore makes the folder in which a registry can be opened.

A backup folder holds:

    modelkeep-backup.lock               says what the folder is; locked while a backup runs
    blobs/ab/cdef…                      the files of all snapshots, each once, by SHA-256
    snapshots/<position>-<time>/        one snapshot: modelkeep.db and snapshot.json

A snapshot gets its name last, when everything it refers to is on the disk: one that has a name is finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from modelkeep.blobs import copying, folders
from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain import actors, backups
from modelkeep.domain.actors import Actor
from modelkeep.domain.backups import Copy, Snapshot
from modelkeep.domain.errors import Gone, Invalid, ModelkeepError, NotFound, OutOfSpace, Unavailable
from modelkeep.registry.handle import now_milliseconds
from modelkeep.storage import backups as databases
from modelkeep.storage import schema
from modelkeep.storage.mounts import network_type
from modelkeep.storage.sqlite import FILE_NAME
from modelkeep.version import VERSION

LOCK_NAME = "modelkeep-backup.lock"
DESCRIPTION_NAME = "snapshot.json"
_UNFINISHED = ".unfinished-"
# A description names what is missing, 67 bytes each; there may be many.
_DESCRIPTION_LIMIT = 1024 * 1024 * 1024
# What a freshly made file system has in it.
_NOTHING = {"lost+found"}

Progress = Callable[[Copy], None]


def make(
    actor: Actor, data: Path, folder: Path, *, verify: bool = False, progress: Progress = lambda copy: None
) -> tuple[Snapshot, Copy]:
    """Back a data folder up into a folder, while servers use it. Files that are in the backup already are not copied.

    The database is copied as of one moment, then every file it refers to. A file that nothing refers to any more is
    kept in the store for a day, so the copying has that long; were it to take longer, such a file is told as missing.

    Args:
        verify: read the files that are in the backup already, and copy damaged ones anew.
        progress: called after each file.
    Raises:
        PermissionDenied: the actor is no administrator.
        Invalid: there is no registry in `data`, or `folder` cannot be used.
        Conflict: a backup into the folder is running.
        Gone: the database is damaged.
        OutOfSpace, Unavailable: the disk of the backup is full, or failed.
    """
    actors.require(actor, "administer", "backups")
    data, folder = data.resolve(), folder.resolve()
    _check_source(data)
    _check_apart(data, folder)
    with folders.explained(folder), _opened(folder):
        snapshots = folder / "snapshots"
        folders.make(folder / "blobs")
        folders.make(folder / "blobs" / "incoming")
        folders.make(snapshots)
        with folders.unfinished(snapshots, _UNFINISHED) as making:
            return _make(data, folder, making, verify, progress)


def _check_source(data: Path) -> None:
    database = data / FILE_NAME
    if not database.is_file():
        raise Invalid(f"There is no registry in {data}. Name the server's data folder with --data.")
    schema.check_ours(str(database))


def _check_apart(data: Path, folder: Path) -> None:
    if data == folder or data in folder.parents or folder in data.parents:
        raise Invalid(
            f"The backup folder {folder} and the data folder {data} must not lie in one another. "
            "Choose another folder, best on another disk."
        )


@contextmanager
def _opened(folder: Path) -> Iterator[None]:
    """Make the backup folder if there is none, and lock it."""
    if folder.exists() and not folder.is_dir():
        raise Invalid(f"{folder} is a file. Name a folder for the backup.")
    os.makedirs(folder, 0o700, exist_ok=True)
    lock = folder / LOCK_NAME
    if not lock.exists() and not _is_empty(folder):
        raise Invalid(f"{folder} holds something that is no backup. Name an empty or new folder.")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Invalid(f"{lock} cannot be opened: {error.strerror}. Choose another folder for the backup.") from None
    with folders.locked(descriptor, f"Another backup into {folder} is running. Wait for it to end."):
        with suppress(PermissionError):  # a disk's root may belong to someone else; what is in it is closed anyway
            os.chmod(folder, 0o700)
        folders.sync(folder)
        folders.sync(folder.parent)
        yield


def _is_empty(folder: Path) -> bool:
    return not set(os.listdir(folder)) - _NOTHING


def _make(data: Path, folder: Path, making: Path, verify: bool, progress: Progress) -> tuple[Snapshot, Copy]:
    database = making / FILE_NAME
    created = now_milliseconds()
    try:
        databases.take(data / FILE_NAME, database)
        databases.check(database)
    except Gone as error:
        raise Gone(f"{error.message} It is that of {data}: no snapshot was made. Restore an earlier one.") from None
    position, number = databases.describe(database)
    expected = databases.count_files(database)
    copy = copying.copy(
        LocalBlobs(data / "blobs", read_only=True),
        LocalBlobs(folder / "blobs"),
        databases.files(database),
        progress,
        verify=verify,
        expected=expected,
    )
    snapshot = Snapshot(
        format=backups.FORMAT,
        position=position,
        schema=number,
        version=VERSION,
        created_timestamp=created,
        database_digest=folders.digest(database),
        database_size=database.stat().st_size,
        files=expected[0],
        size=expected[1],
        missing=copy.missing,
        damaged=copy.damaged,
    )
    folders.write(making / DESCRIPTION_NAME, msgspec.json.format(msgspec.json.encode(snapshot), indent=2) + b"\n")
    folders.place(making, folder / "snapshots" / snapshot.name)
    return snapshot, copy


def list_all(actor: Actor, folder: Path) -> list[Snapshot]:
    """The finished snapshots of a backup folder, the oldest first.

    Raises:
        Invalid: it is no backup.
        PermissionDenied: the actor is no administrator.
    """
    actors.require(actor, "administer", "backups")
    return [snapshot for snapshot, _ in _snapshots(folder.resolve())]


def _snapshots(folder: Path) -> list[tuple[Snapshot, Path]]:
    parent = folder / "snapshots"
    if not folders.is_folder(parent) or not folders.is_folder(folder / "blobs"):
        raise Invalid(f"{folder} is no backup of Modelkeep's. `modelkeep backup` makes one.")
    found = []
    with folders.explained(folder):
        with os.scandir(parent) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for name in filter(backups.is_snapshot_name, names):
            found.append((_describe(parent / name), parent / name))
    return sorted(found, key=lambda pair: (pair[0].created_timestamp, pair[0].position))


def _describe(path: Path) -> Snapshot:
    try:
        content = folders.read(path / DESCRIPTION_NAME, _DESCRIPTION_LIMIT)
        written = msgspec.json.decode(content, type=_Format).format
        if written > backups.FORMAT:
            raise Invalid(f"{path} was made by a newer Modelkeep. Install that one to read it.")
        return msgspec.json.decode(content, type=Snapshot)
    except (NotFound, msgspec.DecodeError) as error:
        raise Gone(
            f"{path} is damaged: its {DESCRIPTION_NAME} cannot be read ({error}). Move it out of the way."
        ) from None


class _Format(msgspec.Struct):
    format: int


def restore(
    actor: Actor,
    folder: Path,
    data: Path,
    *,
    position: int | None = None,
    allow_missing: bool = False,
    progress: Progress = lambda copy: None,
) -> tuple[Snapshot, Copy, bool]:
    """Make a data folder from a backup, and say whether it was: not when files are missing or damaged, unless allowed.

    Everything is checked on the way: the database by its digest and SQLite's own check, each file by its digest. The
    folder gets its name last, so one that has it is whole.

    Args:
        data: a folder that is empty or does not exist.
        position: of the snapshot to take, the newest of them; the newest of all by default.
        allow_missing: make the folder even if files are missing or damaged.
        progress: called after each file.
    Raises:
        PermissionDenied: the actor is no administrator.
        Invalid: `folder` is no backup, `data` cannot be used, or the snapshot is of a newer schema.
        NotFound: there is no such snapshot.
        Gone: the snapshot is damaged.
        OutOfSpace, Unavailable: the disk of `data` is full, or failed.
    """
    actors.require(actor, "administer", "backups")
    folder, data = folder.resolve(), data.resolve()
    snapshot, path = _choose(folder, position)
    _check_schema(snapshot)
    _check_apart(data, folder)
    _check_free(data)
    with folders.explained(data.parent):
        os.makedirs(data.parent, 0o700, exist_ok=True)
        with folders.unfinished(data.parent, f".{data.name}{_UNFINISHED}") as making:
            database = making / FILE_NAME
            _copy_database(snapshot, path, database)
            copy = copying.copy(
                LocalBlobs(folder / "blobs", read_only=True),
                LocalBlobs(making / "blobs"),
                databases.files(database),
                progress,
                expected=databases.count_files(database),
            )
            if not copy.whole and not allow_missing:
                return snapshot, copy, False
            databases.settle(database, [*copy.missing, *copy.damaged])
            folders.place(making, data)
            return snapshot, copy, True


def _choose(folder: Path, position: int | None) -> tuple[Snapshot, Path]:
    found = _snapshots(folder)
    if position is not None:
        known = [snapshot.position for snapshot, _ in found]
        found = [pair for pair in found if pair[0].position == position]
        if not found:
            raise NotFound(
                f"{folder} has no snapshot at position {position}; it has {', '.join(map(str, known)) or 'none'}. "
                "`modelkeep backup --list` shows them."
            )
    if not found:
        raise NotFound(f"{folder} has no finished snapshot. Run `modelkeep backup` again.")
    return found[-1]


def _check_schema(snapshot: Snapshot) -> None:
    newest = databases.newest_schema()
    if snapshot.schema > newest:
        raise Invalid(
            f"The snapshot {snapshot.name} has schema {snapshot.schema}, and this Modelkeep knows schemas up to {newest}. "
            f"Install Modelkeep {snapshot.version} or a newer one."
        )


def _check_free(data: Path) -> None:
    with folders.explained(data):
        if data.exists() and not data.is_dir():
            raise Invalid(f"{data} is a file. Name an empty or new folder with --data.")
        if os.path.ismount(data):
            raise Invalid(f"{data} is where a disk is mounted, so it cannot be put in place. Name a folder in it.")
        if data.exists() and os.listdir(data):
            raise Invalid(
                f"{data} is not empty, and a restore overwrites nothing. Name an empty or new folder with --data."
            )
    network = network_type(data)
    if network is not None:
        raise Invalid(
            f"{data} is on a network file system ({network}), where SQLite can lose data. Choose a folder on a disk of "
            "this machine with --data."
        )


def _copy_database(snapshot: Snapshot, path: Path, target: Path) -> None:
    advice = "`modelkeep backup --list` shows other snapshots; choose one with --position."
    try:
        digest = folders.copy(path / FILE_NAME, target)
        if digest != snapshot.database_digest:
            raise Gone(f"its digest is {digest} and should be {snapshot.database_digest}.")
        databases.check(target)
        if databases.describe(target) != (snapshot.position, snapshot.schema):
            raise Gone("it is of another position or schema.")
    except (OutOfSpace, Unavailable):
        raise
    except ModelkeepError as error:
        raise Gone(f"The database of the snapshot {snapshot.name} is damaged: {error.message} {advice}") from None
