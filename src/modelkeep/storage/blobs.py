"""Rows of blobs: which are in use, since when one is not, and what is known of their bytes.

Whether a manifest holds a blob is not found here but by reading the manifests: see `manifests.digests_above`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import msgspec

from modelkeep.domain.blobs import Blob, ModelUsage, Usage
from modelkeep.storage.database import Row, Transaction

_NAMED = """(
    EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = b.digest)
    OR EXISTS (SELECT 1 FROM leases l WHERE l.digest = b.digest)
)"""
# Sums are cast, because PostgreSQL's sum of bigints is a numeric.


def find(tx: Transaction, digest: str) -> Blob | None:
    """The row of a digest, or None."""
    row = tx.one(
        "SELECT digest, size, quarantined_timestamp IS NOT NULL FROM blobs WHERE digest = :digest", {"digest": digest}
    )
    return None if row is None else Blob(row[0], row[1], bool(row[2]))


def has_path(tx: Transaction, digest: str) -> bool:
    """Whether a path points at the digest."""
    return tx.one("SELECT 1 FROM artifacts WHERE digest = :digest LIMIT 1", {"digest": digest}) is not None


# Collection -------------------------------------------------------------------------------------------------


def expired_leases(tx: Transaction, now: int) -> bool:
    """Whether a lease has run out."""
    return tx.one("SELECT 1 FROM leases WHERE expires_timestamp <= :now LIMIT 1", {"now": now}) is not None


def delete_expired_leases(tx: Transaction, now: int) -> None:
    """Drop every lease that has run out."""
    tx.run("DELETE FROM leases WHERE expires_timestamp <= :now", {"now": now})


def unused(tx: Transaction, after: str, limit: int) -> tuple[list[str], str | None]:
    """The next digests in order that no path and no lease names and that are not condemned yet, of `limit` rows.

    Returns:
        Those digests, and the last digest looked at; None at the end.
    """
    rows = tx.all(
        f"""
        SELECT b.digest, b.condemned_timestamp IS NULL AND NOT {_NAMED}
        FROM blobs b WHERE b.digest > :after ORDER BY b.digest LIMIT :limit
        """,
        {"after": after, "limit": limit},
    )
    return [digest for digest, is_unused in rows if is_unused], rows[-1][0] if rows else None


def condemn(tx: Transaction, digests: Iterable[str], now: int) -> None:
    """Note from when on nothing uses the digests; those that a path or a lease names by now are left alone."""
    tx.run(
        f"""
        UPDATE blobs AS b SET condemned_timestamp = :now
        WHERE b.digest IN (SELECT value FROM json_each(:digests)) AND b.condemned_timestamp IS NULL AND NOT {_NAMED}
        """,
        {"digests": json.dumps(list(digests)), "now": now},
    )


def wrongly_condemned(tx: Transaction, now: int, limit: int) -> list[str]:
    """Condemned digests that a path or a lease names again, or that were condemned by a clock that ran ahead."""
    rows = tx.all(
        f"""
        SELECT b.digest FROM blobs b
        WHERE b.condemned_timestamp IS NOT NULL AND (b.condemned_timestamp > :now OR {_NAMED}) LIMIT :limit
        """,
        {"now": now, "limit": limit},
    )
    return [row[0] for row in rows]


def absolve(tx: Transaction, digests: Iterable[str]) -> None:
    """Take back that the digests are condemned."""
    tx.run(
        "UPDATE blobs SET condemned_timestamp = NULL WHERE digest IN (SELECT value FROM json_each(:digests))",
        {"digests": json.dumps(list(digests))},
    )


def due(tx: Transaction, condemned_before: int, limit: int) -> list[str]:
    """Digests condemned at or before a time that no path and no lease names, those that were condemned longest ago."""
    row = tx.one(
        f"""
        SELECT json_group_array(digest) FROM (
            SELECT b.digest FROM blobs b
            WHERE b.condemned_timestamp <= :before AND NOT {_NAMED} ORDER BY b.condemned_timestamp LIMIT :limit
        ) AS due
        """,
        {"before": condemned_before, "limit": limit},
    )
    assert row is not None
    return msgspec.json.decode(row[0], type=list[str])


def delete_unused(tx: Transaction, digest: str, condemned_before: int) -> int | None:
    """Delete the row of a digest if no path and no lease names it and it was condemned by then; its size, or None."""
    row = tx.one(
        f"""
        DELETE FROM blobs AS b
        WHERE b.digest = :digest AND b.condemned_timestamp <= :before AND NOT {_NAMED} RETURNING size
        """,
        {"digest": digest, "before": condemned_before},
    )
    return None if row is None else row[0]


# What is known of the bytes ---------------------------------------------------------------------------------


def quarantine(tx: Transaction, digest: str, now: int) -> None:
    """Note that the bytes are wrong or missing."""
    tx.run("UPDATE blobs SET quarantined_timestamp = :now WHERE digest = :digest", {"digest": digest, "now": now})


def mend(tx: Transaction, digest: str, now: int) -> bool:
    """Note that the bytes are right again; False when they were not known to be wrong."""
    changed = tx.run(
        """
        UPDATE blobs SET quarantined_timestamp = NULL, verified_timestamp = :now
        WHERE digest = :digest AND quarantined_timestamp IS NOT NULL
        """,
        {"digest": digest, "now": now},
    )
    return changed > 0


def quarantined(tx: Transaction, after: str, limit: int) -> list[Blob]:
    """Blobs whose bytes are known to be wrong, by digest."""
    rows = tx.all(
        """
        SELECT digest, size FROM blobs
        WHERE quarantined_timestamp IS NOT NULL AND digest > :after ORDER BY digest LIMIT :limit
        """,
        {"after": after, "limit": limit},
    )
    return [Blob(digest, size, True) for digest, size in rows]


def least_recently_verified(tx: Transaction, before: int, limit: int) -> list[Blob]:
    """Blobs that are not condemned and not read since a time, those that nobody has read for longest first."""
    # Two statements, because of one with OR no index gives the order.
    found: list[Row] = []
    for condition in ("b.verified_timestamp IS NULL", "b.verified_timestamp < :before"):
        found += tx.all(
            f"""
            SELECT b.digest, b.size FROM blobs b
            WHERE {condition} AND b.quarantined_timestamp IS NULL AND b.condemned_timestamp IS NULL
            ORDER BY b.verified_timestamp LIMIT :limit
            """,
            {"before": before, "limit": limit - len(found)},
        )
    return [Blob(*row) for row in found]


def set_verified(tx: Transaction, digests: Iterable[str], now: int) -> None:
    """Note that the bytes of the digests were read and found right."""
    tx.run(
        """
        UPDATE blobs SET verified_timestamp = :now
        WHERE digest IN (SELECT value FROM json_each(:digests)) AND quarantined_timestamp IS NULL
        """,
        {"digests": json.dumps(list(digests)), "now": now},
    )


# Looking at all of them -------------------------------------------------------------------------------------


def totals(tx: Transaction) -> tuple[int, int]:
    """How many blobs there are, and their bytes."""
    row = tx.one("SELECT count(*), CAST(coalesce(sum(size), 0) AS bigint) FROM blobs", {})
    assert row is not None
    return row[0], row[1]


def between(tx: Transaction, low: str, high: str) -> list[Blob]:
    """Blobs from one digest to before another, by digest."""
    rows = tx.all(
        """
        SELECT digest, size, quarantined_timestamp IS NOT NULL
        FROM blobs WHERE digest >= :low AND digest < :high ORDER BY digest
        """,
        {"low": low, "high": high},
    )
    return [Blob(row[0], row[1], bool(row[2])) for row in rows]


def paths_of(tx: Transaction, digest: str, limit: int) -> list[str]:
    """Some of the paths that point at a digest."""
    rows = tx.all(
        "SELECT path FROM artifacts WHERE digest = :digest ORDER BY path LIMIT :limit",
        {"digest": digest, "limit": limit},
    )
    return [row[0] for row in rows]


def versions_of(tx: Transaction, digest: str, limit: int) -> list[tuple[str, int]]:
    """Some of the versions whose manifest holds a digest, as name and number.

    Reads the files of all manifests, and all versions: no index leads from a blob to them, and only damage asks.
    Within coalesce PostgreSQL makes no join of it, which would read the manifests' files for each version.
    """
    rows = tx.all(
        """
        SELECT DISTINCT m.name, v.number FROM versions v JOIN models m ON m.id = v.model_id
        WHERE coalesce(v.manifest_id IN (SELECT f.manifest_id FROM manifest_files f WHERE f.digest = :digest), FALSE)
        ORDER BY m.name, v.number LIMIT :limit
        """,
        {"digest": digest, "limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


def usage(tx: Transaction) -> Usage:
    """What the store takes up, without its models."""
    every = tx.one(
        """
        SELECT count(*), CAST(coalesce(sum(b.size), 0) AS bigint),
            CAST(coalesce(sum(b.size) FILTER (WHERE EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = b.digest)), 0) AS bigint),
            CAST(coalesce(sum(b.size) FILTER (WHERE b.condemned_timestamp IS NOT NULL), 0) AS bigint),
            CAST(coalesce(sum(b.size) FILTER (WHERE b.quarantined_timestamp IS NOT NULL), 0) AS bigint)
        FROM blobs b
        """,
        {},
    )
    # From the manifests to the blobs, because there an index leads. SQLite groups faster than it finds what is DISTINCT.
    pinned = tx.one(
        """
        SELECT CAST(coalesce(sum(b.size), 0) AS bigint),
            CAST(coalesce(sum(b.size) FILTER (WHERE EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = b.digest)), 0) AS bigint)
        FROM (SELECT digest FROM manifest_files GROUP BY digest) AS held CROSS JOIN blobs b WHERE b.digest = held.digest
        """,
        {},
    )
    assert every is not None and pinned is not None
    return Usage(every[0], every[1], pinned[0], every[2] - pinned[1], every[3], every[4])


def usage_of_models(tx: Transaction, limit: int) -> list[ModelUsage]:
    """What the registered models with the most pinned bytes take up."""
    rows = tx.all(
        """
        WITH manifests_of (model_id, manifest_id) AS (
            SELECT DISTINCT model_id, manifest_id FROM versions WHERE manifest_id IS NOT NULL
        ), held (model_id, digest) AS (
            SELECT DISTINCT o.model_id, f.digest
            FROM manifests_of o JOIN manifest_files f ON f.manifest_id = o.manifest_id
        ), counted (model_id, digest, models) AS (
            SELECT model_id, digest, count(*) OVER (PARTITION BY digest) FROM held
        )
        SELECT m.id, m.name, m.deleted_timestamp IS NOT NULL, count(*), CAST(sum(b.size) AS bigint),
            CAST(coalesce(sum(b.size) FILTER (WHERE h.models > 1), 0) AS bigint)
        FROM counted h JOIN blobs b ON b.digest = h.digest JOIN models m ON m.id = h.model_id
        GROUP BY m.id ORDER BY sum(b.size) DESC, m.id LIMIT :limit
        """,
        {"limit": limit},
    )
    return [ModelUsage(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]
