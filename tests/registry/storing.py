"""Storing files and pinning them, for tests of what becomes of bytes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from modelkeep.domain.actors import Actor
from modelkeep.registry import artifacts
from modelkeep.registry.handle import Registry

WRITER = Actor("wil", "writer", True, "embedded")
HOUR = 60 * 60 * 1000


def store(registry: Registry, path: str, content: bytes) -> str:
    upload = registry.blobs.begin(len(content))
    upload.write(content)
    return artifacts.store(WRITER, registry, path, upload).digest


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pin(registry: Registry, model_id: int | None, number: int, files: dict[str, bytes]) -> int:
    """Insert a manifest of stored bytes, for a version of a model if one is given; the manifest's id."""
    with registry.database.write() as tx:
        row = tx.one(
            """
            INSERT INTO manifests (digest, files, size, creation_timestamp)
            VALUES (:digest, :files, 0, 1) RETURNING id
            """,
            {"digest": os.urandom(32).hex(), "files": len(files)},
        )
        assert row is not None
        for path, content in files.items():
            tx.run(
                "INSERT INTO manifest_files (manifest_id, path, digest, size) VALUES (:id, :path, :digest, :size)",
                {"id": row[0], "path": path, "digest": digest_of(content), "size": len(content)},
            )
        if model_id is not None:
            tx.run(
                "UPDATE versions SET manifest_id = :id WHERE model_id = :model AND number = :number",
                {"id": row[0], "model": model_id, "number": number},
            )
    return int(row[0])


def all_rows(registry: Registry, sql: str) -> list[tuple[Any, ...]]:
    with registry.database.read() as tx:
        return tx.all(sql, {})


def stored_digests(registry: Registry) -> set[str]:
    """Of the files that are in place."""
    found = registry.blobs.folder.glob("[0-9a-f][0-9a-f]/*")
    return {path.parent.name + path.name for path in found}


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    """Each path below a folder, with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }
