"""Rows of idempotency keys and the replies they led to."""

from __future__ import annotations

from modelkeep.storage.sqlite import Transaction


def find(tx: Transaction, actor: str, key: str) -> tuple[str, bytes] | None:
    """The fingerprint and reply of a key, or None."""
    row = tx.one(
        "SELECT fingerprint, reply FROM idempotency WHERE actor = :actor AND key = :key", {"actor": actor, "key": key}
    )
    return None if row is None else (row[0], bytes(row[1]))


def insert(tx: Transaction, actor: str, key: str, fingerprint: str, reply: bytes, now: int) -> None:
    """Remember a reply."""
    tx.run(
        """
        INSERT INTO idempotency (actor, key, fingerprint, reply, creation_timestamp)
        VALUES (:actor, :key, :fingerprint, :reply, :now)
        """,
        {"actor": actor, "key": key, "fingerprint": fingerprint, "reply": reply, "now": now},
    )


def delete_before(tx: Transaction, timestamp: int) -> None:
    """Forget the keys used before a time."""
    tx.run("DELETE FROM idempotency WHERE creation_timestamp < :timestamp", {"timestamp": timestamp})
