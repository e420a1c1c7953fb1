"""Rows of uploads that last longer than a request, and of their parts."""

from __future__ import annotations

from modelkeep.domain.uploads import OpenUpload
from modelkeep.storage.database import Transaction

_COLUMNS = (
    "id, actor, path, size, digest, received, num_parts, part_size, secret, assembled_digest, completed_timestamp, "
    "creation_timestamp, expires_timestamp"
)


def find(tx: Transaction, upload_id: str) -> OpenUpload | None:
    """An upload, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM uploads WHERE id = :id", {"id": upload_id})
    return None if row is None else OpenUpload(*row)


def insert(tx: Transaction, upload: OpenUpload) -> None:
    """Insert an upload that has nothing yet."""
    tx.run(
        """
        INSERT INTO uploads (id, actor, path, size, digest, num_parts, secret, creation_timestamp, expires_timestamp)
        VALUES (:id, :actor, :path, :size, :digest, :num_parts, :secret, :now, :expires)
        """,
        {
            "id": upload.id,
            "actor": upload.actor,
            "path": upload.path,
            "size": upload.size,
            "digest": upload.digest,
            "num_parts": upload.num_parts,
            "secret": upload.secret,
            "now": upload.creation_timestamp,
            "expires": upload.expires_timestamp,
        },
    )


def count_open(tx: Transaction) -> int:
    """How many uploads are not completed."""
    row = tx.one("SELECT count(*) FROM uploads WHERE completed_timestamp IS NULL", {})
    assert row is not None
    return row[0]


def open_ids(tx: Transaction) -> set[str]:
    """The uploads that are not completed."""
    return {row[0] for row in tx.all("SELECT id FROM uploads WHERE completed_timestamp IS NULL", {})}


def delete(tx: Transaction, upload_id: str) -> bool:
    """Delete an upload with its parts; False when there was none."""
    return tx.run("DELETE FROM uploads WHERE id = :id", {"id": upload_id}) > 0


def delete_expired(tx: Transaction, now: int, limit: int) -> int:
    """Delete some of the uploads whose time is over; how many that were."""
    return tx.run(
        "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE expires_timestamp <= :now LIMIT :limit)",
        {"now": now, "limit": limit},
    )


def set_received(tx: Transaction, upload_id: str, received: int, expires_timestamp: int) -> bool:
    """Record how many bytes of an open upload are on the disk; False when it is not open."""
    changed = tx.run(
        """
        UPDATE uploads SET received = :received, expires_timestamp = :expires
        WHERE id = :id AND completed_timestamp IS NULL
        """,
        {"id": upload_id, "received": received, "expires": expires_timestamp},
    )
    return changed > 0


def set_part_size(tx: Transaction, upload_id: str, part_size: int) -> None:
    """Fix the size of every part but the last; only the first time counts."""
    tx.run(
        "UPDATE uploads SET part_size = :size WHERE id = :id AND part_size IS NULL",
        {"id": upload_id, "size": part_size},
    )


def set_assembled(tx: Transaction, upload_id: str, digest: str) -> None:
    """Record the digest of all bytes, before they leave the upload's own file."""
    tx.run("UPDATE uploads SET assembled_digest = :digest WHERE id = :id", {"id": upload_id, "digest": digest})


def complete(tx: Transaction, upload_id: str, size: int, now: int, expires_timestamp: int) -> bool:
    """Close an upload whose bytes are stored, and forget its parts; False when it is not open."""
    changed = tx.run(
        """
        UPDATE uploads SET completed_timestamp = :now, received = :size, expires_timestamp = :expires
        WHERE id = :id AND completed_timestamp IS NULL
        """,
        {"id": upload_id, "size": size, "now": now, "expires": expires_timestamp},
    )
    tx.run("DELETE FROM upload_parts WHERE upload_id = :id", {"id": upload_id})
    return changed > 0


def parts(tx: Transaction, upload_id: str) -> list[tuple[int, int, str]]:
    """Number, size and digest of each part that is here, by number."""
    rows = tx.all(
        "SELECT number, size, digest FROM upload_parts WHERE upload_id = :id ORDER BY number", {"id": upload_id}
    )
    return [(number, size, digest) for number, size, digest in rows]


def has_part(tx: Transaction, upload_id: str, number: int) -> bool:
    """Whether a part is here."""
    row = tx.one(
        "SELECT 1 FROM upload_parts WHERE upload_id = :id AND number = :number", {"id": upload_id, "number": number}
    )
    return row is not None


def insert_part(tx: Transaction, upload_id: str, number: int, size: int, digest: str) -> None:
    """Record that a part is here."""
    tx.run(
        "INSERT INTO upload_parts (upload_id, number, size, digest) VALUES (:id, :number, :size, :digest)",
        {"id": upload_id, "number": number, "size": size, "digest": digest},
    )


def delete_part(tx: Transaction, upload_id: str, number: int) -> None:
    """Forget a part, whose bytes are about to be written over."""
    tx.run("DELETE FROM upload_parts WHERE upload_id = :id AND number = :number", {"id": upload_id, "number": number})


def find_blob(tx: Transaction, digest: str) -> int | None:
    """The size of a blob whose bytes are not known to be wrong, or None."""
    row = tx.one("SELECT size FROM blobs WHERE digest = :digest AND quarantined_timestamp IS NULL", {"digest": digest})
    return None if row is None else row[0]


def keep_blob(tx: Transaction, digest: str) -> None:
    """Spare a blob that was to be deleted, because something refers to it again."""
    tx.run(
        "UPDATE blobs SET condemned_timestamp = NULL WHERE digest = :digest AND condemned_timestamp IS NOT NULL",
        {"digest": digest},
    )
