"""Rows of idempotency keys and the replies they led to."""

from __future__ import annotations

from modelkeep.storage.database import Transaction


def find(tx: Transaction, actor: str, key: str) -> tuple[str, bytes, str] | None:
    """The fingerprint, reply and change id of a key, or None."""
    row = tx.one(
        "SELECT fingerprint, reply, change_id FROM idempotency WHERE actor = :actor AND key = :key",
        {"actor": actor, "key": key},
    )
    return None if row is None else (row[0], bytes(row[1]), row[2])


def insert(tx: Transaction, actor: str, key: str, fingerprint: str, reply: bytes, change_id: str, now: int) -> None:
    """Remember a reply."""
    tx.run(
        """
        INSERT INTO idempotency (actor, key, fingerprint, reply, change_id, creation_timestamp)
        VALUES (:actor, :key, :fingerprint, :reply, :change_id, :now)
        """,
        {"actor": actor, "key": key, "fingerprint": fingerprint, "reply": reply, "change_id": change_id, "now": now},
    )


def delete_before(tx: Transaction, timestamp: int) -> None:
    """Forget the keys used before a time."""
    tx.run("DELETE FROM idempotency WHERE creation_timestamp < :timestamp", {"timestamp": timestamp})
