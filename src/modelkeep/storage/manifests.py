"""Rows of manifests and their files, and which version is pinned to which."""

from __future__ import annotations

import msgspec

from modelkeep.domain.artifacts import Artifact, Entry
from modelkeep.domain.manifests import Manifest, ManifestFile, Pin
from modelkeep.domain.texts import INT64_MAX
from modelkeep.storage import artifacts, bulk
from modelkeep.storage.database import Transaction

_PIN = "p.id, p.digest, p.files, p.size"
# By place: it is part of every registration, and apsw looks each name up.
_INSERT = """
    INSERT INTO manifests (digest, files, size, creation_timestamp) VALUES (?, ?, ?, ?)
    ON CONFLICT (digest) DO NOTHING RETURNING id
"""
_LIVE = "v.deleted_timestamp IS NULL AND m.deleted_timestamp IS NULL"


def keep(tx: Transaction, manifest: Manifest, now: int) -> Pin:
    """Insert a manifest with all its files, unless it is there already. It never changes, and is never deleted.

    Nothing is written per blob, and no index leads from a digest to its manifests: digests are random, so each would be
    one more page in the commit. Who asks whether a manifest holds a blob reads all manifests: see `digests_above`.
    """
    row = tx.one(_INSERT, (manifest.digest, len(manifest.files), manifest.size, now))
    if row is None:
        row = tx.one("SELECT id FROM manifests WHERE digest = :digest", {"digest": manifest.digest})
        assert row is not None
    else:
        bulk.write(
            tx,
            "INSERT INTO manifest_files (manifest_id, path, digest, size)",
            row[0],
            manifest.files,
            "",
        )
    return Pin(row[0], manifest.digest, len(manifest.files), manifest.size)


def digests_above(tx: Transaction, manifest_id: int, limit: int) -> tuple[int, list[str]] | None:
    """The digests that the next manifests hold, in the order of their ids; None when there are no more.

    Returns:
        The id of the last of them, and the digests of all their files: `limit` and those that its last manifest has
        beyond that. As one text, since each row on its own would cost more to hand over than to read.
    """
    row = tx.one(
        """
        SELECT max(manifest_id), json_group_array(digest) FROM manifest_files
        WHERE manifest_id > :after AND manifest_id <= coalesce((
            SELECT manifest_id FROM manifest_files WHERE manifest_id > :after
            ORDER BY manifest_id, path LIMIT 1 OFFSET :limit
        ), :last)
        """,
        {"after": manifest_id, "limit": limit, "last": INT64_MAX},
    )
    return None if row is None or row[0] is None else (row[0], msgspec.json.decode(row[1], type=list[str]))


def find_pin(tx: Transaction, model_id: int, number: int) -> Pin | None:
    """What a version is pinned to, or None."""
    row = tx.one(
        f"""
        SELECT {_PIN} FROM versions v JOIN manifests p ON p.id = v.manifest_id
        WHERE v.model_id = :model_id AND v.number = :number
        """,
        {"model_id": model_id, "number": number},
    )
    return None if row is None else Pin(*row)


def find(tx: Transaction, digest: str) -> Pin | None:
    """The manifest of a digest, or None."""
    row = tx.one(f"SELECT {_PIN} FROM manifests p WHERE p.digest = :digest", {"digest": digest})
    return None if row is None else Pin(*row)


def find_id(tx: Transaction, model_id: int, number: int) -> int | None:
    """The id of the manifest that a version is pinned to, or None."""
    row = tx.one(
        "SELECT manifest_id FROM versions WHERE model_id = :model_id AND number = :number",
        {"model_id": model_id, "number": number},
    )
    return None if row is None else row[0]


def files(tx: Transaction, manifest_id: int, after: str = "", limit: int = INT64_MAX) -> list[ManifestFile]:
    """Files of a manifest in the order of their paths, those after a path, at most `limit`."""
    rows = tx.all(
        """
        SELECT path, digest, size FROM manifest_files
        WHERE manifest_id = :id AND path > :after ORDER BY path LIMIT :limit
        """,
        {"id": manifest_id, "after": after, "limit": limit},
    )
    return [ManifestFile(*row) for row in rows]


def find_file(tx: Transaction, model_id: int, number: int, path: str) -> Artifact | None:
    """A file of a live version, or None."""
    row = tx.one(
        f"""
        SELECT f.path, f.digest, f.size, v.creation_timestamp FROM models m
        JOIN versions v ON v.model_id = m.id AND v.number = :number
        JOIN manifest_files f ON f.manifest_id = v.manifest_id AND f.path = :path
        WHERE m.id = :model_id AND {_LIVE}
        """,
        {"model_id": model_id, "number": number, "path": path},
    )
    return None if row is None else Artifact(*row)


def find_live(tx: Transaction, model_id: int, number: int) -> int | None:
    """The manifest's id of a live version, or None."""
    row = tx.one(
        f"""
        SELECT v.manifest_id FROM models m JOIN versions v ON v.model_id = m.id AND v.number = :number
        WHERE m.id = :model_id AND {_LIVE}
        """,
        {"model_id": model_id, "number": number},
    )
    return None if row is None else row[0]


def children(tx: Transaction, manifest_id: int, folder: str) -> list[Entry]:
    """What is directly in a folder of a manifest, by name; the empty path is its root."""
    return artifacts.children(tx, folder, "manifest_files", "a.manifest_id = :manifest_id AND", manifest_id=manifest_id)


def is_folder(tx: Transaction, manifest_id: int, path: str) -> bool:
    """Whether a manifest has a file below the path."""
    row = tx.one(
        "SELECT 1 FROM manifest_files WHERE manifest_id = :id AND path >= :low AND path < :high LIMIT 1",
        {"id": manifest_id, "low": f"{path}/", "high": f"{path}0"},
    )
    return row is not None


def damaged(tx: Transaction, manifest_id: int) -> str | None:
    """The path of a file of a manifest whose bytes are known to be damaged, None when there is none."""
    row = tx.one(
        """
        SELECT f.path FROM manifest_files f JOIN blobs b ON b.digest = f.digest
        WHERE f.manifest_id = :id AND b.quarantined_timestamp IS NOT NULL ORDER BY f.path LIMIT 1
        """,
        {"id": manifest_id},
    )
    return None if row is None else row[0]
