"""Opening and closing a registry: a data folder, with the rows in SQLite there or in PostgreSQL anywhere."""

from __future__ import annotations

import os
from pathlib import Path

from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.errors import Invalid
from modelkeep.registry import experiments, servers, uploads
from modelkeep.registry.handle import Registry
from modelkeep.storage import schema
from modelkeep.storage.mounts import network_type
from modelkeep.storage.sqlite import FILE_NAME, Database


def prepare(folder: Path, *, read_only: bool = False, database: str | None = None) -> None:
    """Create a data folder, or bring an older one to the current schema.

    Args:
        read_only: only check that it is there and current; nothing is written.
        database: the address of a PostgreSQL database (`postgresql://…`) that keeps the rows; None keeps them in SQLite
            in the folder.
    Raises:
        Invalid: the folder cannot be written, or it or the database holds something that is not Modelkeep's.
        Unavailable: the database does not answer.
    """
    if read_only:
        if database is None:
            schema.check_current(str(folder / FILE_NAME))
        else:
            servers.check_current(database, folder)
        return
    try:
        _make_folder(folder)
    except OSError as error:
        raise Invalid(
            f"The data folder {folder} cannot be created: {error.strerror}. Choose another with --data."
        ) from None
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise Invalid(
            f"The data folder {folder} cannot be written. Change its permissions or choose another with --data."
        )
    for foreign in ("mlflow.db", "mlruns.db", "meta.yaml", "0/meta.yaml"):
        if (folder / foreign).exists():
            source = folder / foreign if foreign.endswith(".db") else folder
            raise Invalid(
                f"The folder {folder} holds data of MLflow ({foreign}) and was left untouched. Choose an empty folder with "
                f"--data, and bring what MLflow has there with `modelkeep import mlflow {source} --to <that folder>`."
            )
    if database is None:
        _prepare_file(folder)
    else:
        servers.prepare(database, folder)
    registry = open_registry(folder, database=database)
    try:
        experiments.ensure_default(registry)
        uploads.sweep(registry)
    finally:
        close(registry)


def _prepare_file(folder: Path) -> None:
    network = network_type(folder.resolve())
    if network is not None:
        raise Invalid(
            f"The data folder {folder} is on a network file system ({network}), where SQLite can lose data. "
            "Choose a folder on a disk of this machine with --data."
        )
    schema.check_ours(str(folder / FILE_NAME))
    database = Database(folder)
    try:
        schema.migrate(database)
    finally:
        database.close()


def _make_folder(folder: Path) -> None:
    """Make the data folder and what is missing above it, durably: what it will hold is no safer than its own name."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def open_registry(
    folder: Path, *, read_only: bool = False, busy_milliseconds: int = 5000, database: str | None = None
) -> Registry:
    """Open a prepared data folder.

    Args:
        busy_milliseconds: how long a reader of SQLite waits for its locks.
        database: as in `prepare`.
    """
    opened = Database(folder, busy_milliseconds) if database is None else servers.connect(database)
    try:
        blobs = LocalBlobs(folder / "blobs", read_only)
    except BaseException:
        opened.close()
        raise
    return Registry(folder=folder, database=opened, blobs=blobs, read_only=read_only)


def close(registry: Registry) -> None:
    """Let go of every file."""
    registry.blobs.close()
    registry.database.close()
