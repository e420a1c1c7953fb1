"""Rows of aliases: (model id, alias) -> version number."""

from __future__ import annotations

from modelkeep.storage.database import Transaction


def find(tx: Transaction, model_id: int, alias: str) -> int | None:
    """The version number an alias points to, or None."""
    row = tx.one("SELECT number FROM aliases WHERE model_id = :id AND alias = :alias", {"id": model_id, "alias": alias})
    return None if row is None else row[0]


def of_version(tx: Transaction, model_id: int, number: int) -> list[str]:
    """The aliases that point to a version."""
    rows = tx.all(
        "SELECT alias FROM aliases WHERE model_id = :id AND number = :number ORDER BY alias",
        {"id": model_id, "number": number},
    )
    return [row[0] for row in rows]


def point(tx: Transaction, model_id: int, alias: str, number: int) -> None:
    """Make an alias point to a version, whether or not it existed."""
    tx.run(
        """
        INSERT INTO aliases (model_id, alias, number, last_updated_timestamp)
        VALUES (:id, :alias, :number,
            (SELECT last_updated_timestamp FROM versions WHERE model_id = :id AND number = :number))
        ON CONFLICT (model_id, alias) DO UPDATE
            SET number = excluded.number, last_updated_timestamp = excluded.last_updated_timestamp
        """,
        {"id": model_id, "alias": alias, "number": number},
    )


def delete(tx: Transaction, model_id: int, alias: str) -> None:
    """Delete an alias."""
    tx.run("DELETE FROM aliases WHERE model_id = :id AND alias = :alias", {"id": model_id, "alias": alias})
