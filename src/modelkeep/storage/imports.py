"""Rows of what was imported from where, and the columns that only an import sets."""

from __future__ import annotations

from modelkeep.domain.imports import Known
from modelkeep.storage.database import Transaction


def find(tx: Transaction, origin: str, kind: str, id: str) -> Known | None:
    """What was imported under the source's id, or None."""
    row = tx.one(
        """
        SELECT kind, id, local_id, fingerprint, position FROM imports
        WHERE origin = :origin AND kind = :kind AND id = :id
        """,
        {"origin": origin, "kind": kind, "id": id},
    )
    return None if row is None else Known(*row)


def page(tx: Transaction, origin: str, kind: str, after: str, limit: int) -> list[Known]:
    """What was imported of a kind, by the source's id, after a given one."""
    rows = tx.all(
        """
        SELECT kind, id, local_id, fingerprint, position FROM imports
        WHERE origin = :origin AND kind = :kind AND id > :after ORDER BY id LIMIT :limit
        """,
        {"origin": origin, "kind": kind, "after": after, "limit": limit},
    )
    return [Known(*row) for row in rows]


def note(tx: Transaction, origin: str, known: Known) -> None:
    """Note what was imported, in place of what was noted before."""
    tx.run(
        """
        INSERT INTO imports (origin, kind, id, local_id, fingerprint, position)
        VALUES (:origin, :kind, :id, :local_id, :fingerprint, :position)
        ON CONFLICT (origin, kind, id) DO UPDATE SET
            local_id = excluded.local_id, fingerprint = excluded.fingerprint, position = excluded.position
        """,
        {
            "origin": origin,
            "kind": known.kind,
            "id": known.id,
            "local_id": known.local_id,
            "fingerprint": known.fingerprint,
            "position": known.position,
        },
    )


def reach_number(tx: Transaction, model_id: int, number: int) -> None:
    """See to it that a model's next version gets a number above this one."""
    tx.run(
        "UPDATE models SET next_version = :next WHERE id = :id AND next_version < :next",
        {"id": model_id, "next": number + 1},
    )


def changed_since(tx: Transaction, model_id: int, position: int) -> bool:
    """Whether anything but an import changed a model, its versions or aliases after an event."""
    row = tx.one(
        """
        SELECT 1 FROM events e WHERE e.model_id = :model_id AND e.position > :position AND NOT EXISTS (
            SELECT 1 FROM events i WHERE i.model_id = e.model_id AND i.change_id = e.change_id
                AND i.kind IN ('model.imported', 'version.imported')
        ) LIMIT 1
        """,
        {"model_id": model_id, "position": position},
    )
    return row is not None
