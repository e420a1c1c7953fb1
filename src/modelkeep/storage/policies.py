"""Rows of policies, and of what else governs promotions: the stages, and the revision of all of it."""

from __future__ import annotations

from typing import Any

import msgspec

from modelkeep.domain.governance import Revision
from modelkeep.storage.database import Transaction

_COLUMNS = "name, revision, document, author, verified, creation_timestamp"


def revision(tx: Transaction) -> str:
    """The id of the change that touched a policy or the stages last; empty when none ever did."""
    if tx.governed_by is not None:
        return tx.governed_by
    row = tx.one("SELECT revision FROM governance WHERE only_row = 1", {})
    found: str = row[0] if row else ""
    if tx.is_writing:
        tx.governed_by = found
    return found


def stages(tx: Transaction) -> dict[str, Any] | None:
    """The document of the stages, None when they were never set."""
    row = tx.one("SELECT stages FROM governance WHERE only_row = 1", {})
    return msgspec.json.decode(row[0]) if row and row[0] is not None else None


def _note(tx: Transaction, change_id: str) -> None:
    tx.governed_by = None
    tx.run(
        """
        INSERT INTO governance (only_row, revision) VALUES (1, :change_id)
        ON CONFLICT (only_row) DO UPDATE SET revision = excluded.revision
        """,
        {"change_id": change_id},
    )


def set_stages(tx: Transaction, change_id: str, document: dict[str, Any]) -> None:
    """Replace the stages."""
    _note(tx, change_id)
    tx.run(
        "UPDATE governance SET stages = :document WHERE only_row = 1",
        {"document": msgspec.json.encode(document).decode()},
    )


def applied(tx: Transaction) -> list[Revision]:
    """The newest revision of every policy that is not retired, by name."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM policies p
        WHERE document IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM policies n WHERE n.name = p.name AND n.revision > p.revision
        )
        ORDER BY name
        """,
        {},
    )
    return [_revision(row) for row in rows]


def newest(tx: Transaction, name: str) -> Revision | None:
    """The newest revision of a policy, or None."""
    found = history(tx, name, 1)
    return found[0] if found else None


def history(tx: Transaction, name: str, limit: int) -> list[Revision]:
    """The revisions of a policy, the newest first."""
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM policies WHERE name = :name ORDER BY revision DESC LIMIT :limit",
        {"name": name, "limit": limit},
    )
    return [_revision(row) for row in rows]


def get(tx: Transaction, name: str, number: int) -> Revision | None:
    """One revision of a policy, or None."""
    row = tx.one(
        f"SELECT {_COLUMNS} FROM policies WHERE name = :name AND revision = :revision",
        {"name": name, "revision": number},
    )
    return None if row is None else _revision(row)


def _revision(row: tuple[Any, ...]) -> Revision:
    document = None if row[2] is None else msgspec.json.decode(row[2])
    return Revision(row[0], row[1], document, row[3], bool(row[4]), row[5])


def size_of(document: dict[str, Any]) -> int:
    """How many bytes a document has as it is kept."""
    return len(msgspec.json.encode(document))


def insert(tx: Transaction, change_id: str, made: Revision) -> None:
    """Add a revision of a policy; one without a document retires it."""
    _note(tx, change_id)
    tx.run(
        """
        INSERT INTO policies (name, revision, document, author, verified, creation_timestamp)
        VALUES (:name, :revision, :document, :author, :verified, :now)
        """,
        {
            "name": made.name,
            "revision": made.revision,
            "document": None if made.document is None else msgspec.json.encode(made.document).decode(),
            "author": made.author,
            "verified": int(made.verified),
            "now": made.creation_timestamp,
        },
    )
