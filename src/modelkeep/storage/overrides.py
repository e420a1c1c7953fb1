"""Rows of overrides: promotions that were forced past a refusal."""

from __future__ import annotations

from modelkeep.domain.moves import Override
from modelkeep.storage.database import Transaction

_COLUMNS = "position, target, number, reason, actor, recorded_timestamp, closed_timestamp, closed_by, note"


def insert(tx: Transaction, model_id: int, target: str, number: int, reason: str, actor: str) -> None:
    """Note that the newest event was a forced promotion."""
    tx.run(
        """
        INSERT INTO overrides (position, model_id, target, number, reason, actor, recorded_timestamp)
        SELECT e.position, :model_id, :target, :number, :reason, :actor, e.recorded_timestamp
        FROM events e ORDER BY e.position DESC LIMIT 1
        """,
        {"model_id": model_id, "target": target, "number": number, "reason": reason, "actor": actor},
    )


def find(tx: Transaction, position: int) -> tuple[int, Override] | None:
    """The id of the model and what was forced at a position, or None."""
    row = tx.one(f"SELECT model_id, {_COLUMNS} FROM overrides WHERE position = :position", {"position": position})
    return None if row is None else (row[0], Override(*row[1:]))


def open_ones(tx: Transaction, model_id: int) -> list[Override]:
    """Those of a model that nobody has followed up, the newest first."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM overrides
        WHERE model_id = :model_id AND closed_timestamp IS NULL ORDER BY position DESC
        """,
        {"model_id": model_id},
    )
    return [Override(*row) for row in rows]


def close(tx: Transaction, position: int, now: int, actor: str, note: str) -> None:
    """Note how a forced promotion was followed up."""
    tx.run(
        "UPDATE overrides SET closed_timestamp = :now, closed_by = :actor, note = :note WHERE position = :position",
        {"position": position, "now": now, "actor": actor, "note": note},
    )
