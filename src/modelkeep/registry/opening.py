"""Opening and closing a registry on a data folder."""

from __future__ import annotations

import os
from pathlib import Path

from modelkeep.blobs.local import LocalBlobs
from modelkeep.domain.errors import Invalid
from modelkeep.registry import experiments, uploads
from modelkeep.registry.handle import Registry
from modelkeep.storage import schema
from modelkeep.storage.mounts import network_type
from modelkeep.storage.sqlite import FILE_NAME, Database


def prepare(folder: Path, *, read_only: bool = False) -> None:
    """Create a data folder, or bring an older one to the current schema.

    Args:
        read_only: only check that it is there and current; nothing is written.
    Raises:
        Invalid: the folder cannot be written, or holds something that is not Modelkeep's.
    """
    if read_only:
        schema.check_current(str(folder / FILE_NAME))
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
    for foreign in ("mlflow.db", "mlruns.db", "meta.yaml"):
        if (folder / foreign).exists():
            raise Invalid(
                f"The folder {folder} holds data of MLflow ({foreign}) and was left untouched. "
                "Choose an empty folder with --data."
            )
    network = network_type(folder.resolve())
    if network is not None:
        raise Invalid(
            f"The data folder {folder} is on a network file system ({network}), where SQLite can lose data. "
            "Choose a folder on a disk of this machine with --data."
        )
    schema.check_ours(str(folder / FILE_NAME))
    registry = open_registry(folder)
    try:
        schema.migrate(registry.database)
        experiments.ensure_default(registry)
        uploads.sweep(registry)
    finally:
        close(registry)


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


def open_registry(folder: Path, *, read_only: bool = False, busy_milliseconds: int = 5000) -> Registry:
    """Open a prepared data folder."""
    return Registry(
        folder=folder,
        database=Database(folder, busy_milliseconds),
        blobs=LocalBlobs(folder / "blobs", read_only),
        read_only=read_only,
    )


def close(registry: Registry) -> None:
    """Let go of every file."""
    registry.blobs.close()
    registry.database.close()
