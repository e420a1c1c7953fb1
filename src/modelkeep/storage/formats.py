"""Rows of formats: what the MLmodel file of a manifest says."""

from __future__ import annotations

import msgspec

from modelkeep.domain.formats import Format
from modelkeep.storage.database import Transaction


def find(tx: Transaction, manifest_id: int) -> Format | None:
    """What was read of a manifest's MLmodel file, None when nobody has read it yet."""
    row = tx.one("SELECT document FROM formats WHERE manifest_id = :id", {"id": manifest_id})
    return None if row is None else msgspec.json.decode(row[0], type=Format)


def keep(tx: Transaction, manifest_id: int, found: Format) -> None:
    """Keep what was read; it can only be the same again."""
    tx.run(
        "INSERT INTO formats (manifest_id, document) VALUES (:id, :document) ON CONFLICT (manifest_id) DO NOTHING",
        {"id": manifest_id, "document": msgspec.json.encode(found).decode()},
    )


def file_of(tx: Transaction, manifest_id: int) -> tuple[str, int] | None:
    """The digest and the size of the MLmodel file at the top of a manifest, None when there is none."""
    row = tx.one(
        "SELECT digest, size FROM manifest_files WHERE manifest_id = :id AND path = 'MLmodel'", {"id": manifest_id}
    )
    return None if row is None else (row[0], row[1])
