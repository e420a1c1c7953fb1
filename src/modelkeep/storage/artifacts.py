"""Rows of artifacts, and of the blobs and leases behind them.

Paths compare bytewise, so everything below the folder `a/b` lies between `a/b/` and `a/b0`: `0` follows `/`.
"""

from __future__ import annotations

import json
from typing import Any

from modelkeep.domain.artifacts import Artifact, Entry
from modelkeep.domain.manifests import Found, ManifestFile
from modelkeep.storage.database import Transaction

_COLUMNS = "path, digest, size, last_updated_timestamp"


def find(tx: Transaction, path: str) -> Artifact | None:
    """The file at a path, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM artifacts WHERE path = :path", {"path": path})
    return None if row is None else Artifact(*row)


def is_folder(tx: Transaction, path: str) -> bool:
    """Whether there is a file below the path."""
    row = tx.one("SELECT 1 FROM artifacts WHERE path >= :low AND path < :high LIMIT 1", _below(path))
    return row is not None


def file_above(tx: Transaction, path: str) -> str | None:
    """The file that one of the path's parent folders already is, or None."""
    segments = path.split("/")
    parents = ["/".join(segments[:count]) for count in range(1, len(segments))]
    row = tx.one(
        "SELECT path FROM artifacts WHERE path IN (SELECT value FROM json_each(:parents)) LIMIT 1",
        {"parents": json.dumps(parents)},
    )
    return None if row is None else row[0]


def upsert(tx: Transaction, artifact: Artifact) -> None:
    """Point a path at a blob; nothing changes when it pointed there already."""
    tx.run(
        f"""
        INSERT INTO artifacts ({_COLUMNS}) VALUES (:path, :digest, :size, :now)
        ON CONFLICT (path) DO UPDATE SET
            digest = excluded.digest, size = excluded.size, last_updated_timestamp = excluded.last_updated_timestamp
            WHERE artifacts.digest <> excluded.digest
        """,
        {
            "path": artifact.path,
            "digest": artifact.digest,
            "size": artifact.size,
            "now": artifact.last_updated_timestamp,
        },
    )


def delete(tx: Transaction, path: str) -> int:
    """Delete a file, or a folder with everything below it; how many files that were."""
    alone = tx.run("DELETE FROM artifacts WHERE path = :path", {"path": path})
    return alone + tx.run("DELETE FROM artifacts WHERE path >= :low AND path < :high", _below(path))


_FOUND = "a.digest, a.size, b.quarantined_timestamp IS NOT NULL"
# By place: it is part of every registration, and apsw looks each name up.
_UNDER = f"""
    SELECT substr(a.path, CAST(? AS integer)), {_FOUND} FROM artifacts a JOIN blobs b ON b.digest = a.digest
    WHERE a.path >= ? AND a.path < ? ORDER BY a.path LIMIT ?
"""


def under(tx: Transaction, folder: str, limit: int) -> Found | None:
    """The file at a path, or those below it, by path and told from there; None when there is none.

    Of a file itself the path is its name. At most `limit`.
    """
    rows = tx.all(_UNDER, (len(folder) + 2, *_below(folder).values(), limit))
    is_folder = bool(rows)
    if not is_folder:
        rows = tx.all(
            f"SELECT :name, {_FOUND} FROM artifacts a JOIN blobs b ON b.digest = a.digest WHERE a.path = :path",
            {"name": folder.rpartition("/")[2], "path": folder},
        )
        if not rows:
            return None
    return Found(
        [ManifestFile._make(row[:3]) for row in rows],
        next((row[0] for row in rows if row[3]), None),
        not is_folder,
    )


def children(tx: Transaction, folder: str, table: str = "artifacts", among: str = "", **parameters: Any) -> list[Entry]:
    """What is directly in a folder, by name; the empty path is the root.

    Args:
        table: where the paths are, with the condition `among` on its rows, which ends in AND, and its parameters.

    Steps over each subfolder in the index instead of reading it, so the cost grows with the children alone. A space is
    the least character a path can hold, so `path || ' '` is where whatever follows the file `path` starts.
    """
    within = "AND a.path < :high" if folder else ""
    slash = "instr(substr(steps.path, CAST(:skip AS integer)), '/')"
    child = f"substr(steps.path, 1, CAST(:skip AS integer) + {slash} - 2)"
    rows = tx.all(
        f"""
        WITH RECURSIVE steps (path) AS (
            SELECT (SELECT min(a.path) FROM {table} a WHERE {among} a.path >= :low {within})
            UNION ALL
            SELECT (
                SELECT min(a.path) FROM {table} a
                WHERE {among} a.path >= CASE WHEN {slash} > 0 THEN {child} || '0' ELSE steps.path || ' ' END {within}
            )
            FROM steps WHERE steps.path IS NOT NULL
        )
        SELECT
            CASE WHEN {slash} > 0 THEN {child} ELSE steps.path END,
            {slash} > 0,
            CASE WHEN {slash} = 0 THEN (SELECT a.size FROM {table} a WHERE {among} a.path = steps.path) END
        FROM steps WHERE steps.path IS NOT NULL
        """,
        {
            **parameters,
            **_below(folder),
            "low": f"{folder}/" if folder else "",
            "skip": len(folder) + 2 if folder else 1,
        },
    )
    return sorted((Entry(path, bool(is_dir), size) for path, is_dir, size in rows), key=lambda entry: entry.path)


def _below(folder: str) -> dict[str, Any]:
    return {"low": f"{folder}/", "high": f"{folder}0"}


def insert_blob(tx: Transaction, digest: str, size: int, now: int) -> None:
    """Record that the store holds a blob; once is enough. One that waits to be deleted waits no more.

    Its bytes count as read: they were hashed as they came.
    """
    tx.run(
        """
        INSERT INTO blobs (digest, size, creation_timestamp, verified_timestamp) VALUES (:digest, :size, :now, :now)
        ON CONFLICT (digest) DO UPDATE SET condemned_timestamp = NULL WHERE blobs.condemned_timestamp IS NOT NULL
        """,
        {"digest": digest, "size": size, "now": now},
    )


def insert_lease(tx: Transaction, digest: str, expires_timestamp: int) -> int:
    """Keep a digest from being collected until a time, and return the lease's id."""
    row = tx.one(
        "INSERT INTO leases (digest, expires_timestamp) VALUES (:digest, :expires) RETURNING id",
        {"digest": digest, "expires": expires_timestamp},
    )
    assert row is not None
    return row[0]


def delete_lease(tx: Transaction, lease: int) -> bool:
    """Drop a lease; False when it was swept."""
    return tx.run("DELETE FROM leases WHERE id = :id", {"id": lease}) > 0
