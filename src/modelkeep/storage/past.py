"""What names meant at a position: which model was called so, and versions that may be deleted by now."""

from __future__ import annotations

import msgspec

from modelkeep.domain.versions import Version
from modelkeep.storage import models, versions
from modelkeep.storage.database import Transaction


def model_named(tx: Transaction, name: str, position: int) -> int | None:
    """The id of the model that was live under a name right after a position, or None."""
    return next((model_id for model_id in _candidates(tx, name) if _was(tx, model_id, name, position)), None)


def _candidates(tx: Transaction, name: str) -> list[int]:
    """Models that may ever have had a name: those that have it now, and those that were renamed from or to it."""
    found = set(models.ids_ever_named(tx, name))
    for model_id, payload in tx.all("SELECT model_id, payload FROM events WHERE kind = 'model.renamed'", {}):
        renamed = msgspec.json.decode(payload)
        if name in (renamed["from"], renamed["model"]):
            found.add(model_id)
    return sorted(found, reverse=True)


def _was(tx: Transaction, model_id: int, name: str, position: int) -> bool:
    first = tx.one("SELECT min(position) FROM events WHERE model_id = :id", {"id": model_id})
    if first is None or first[0] is None or first[0] > position:
        return False
    if name_at(tx, model_id, position) != name:
        return False
    live = True
    for at, payload in _of_kinds(tx, model_id, ["model.deleted", "model.restored"]):
        if at <= position:
            live = payload["kind"] == "model.restored"
    return live


def name_at(tx: Transaction, model_id: int, position: int) -> str:
    """The name that a model had right after a position."""
    for at, payload in _of_kinds(tx, model_id, ["model.renamed"]):
        if at > position:
            return payload["from"]
    return name_of(tx, model_id)


def _of_kinds(tx: Transaction, model_id: int, kinds: list[str]) -> list[tuple[int, dict[str, str]]]:
    rows = tx.all(
        """
        SELECT position, kind, payload FROM events
        WHERE kind IN (SELECT value FROM json_each(:kinds)) AND model_id = :id ORDER BY position
        """,
        {"id": model_id, "kinds": msgspec.json.encode(kinds).decode()},
    )
    return [(row[0], {**msgspec.json.decode(row[2]), "kind": row[1]}) for row in rows]


def name_of(tx: Transaction, model_id: int) -> str:
    """The name that a model has, or had when it was deleted."""
    row = tx.one("SELECT name FROM models WHERE id = :id", {"id": model_id})
    return row[0] if row else ""


def version(tx: Transaction, model_id: int, number: int) -> Version:
    """A version as its row says now, deleted or not."""
    row = tx.one(
        f"SELECT {versions.COLUMNS} FROM models m JOIN versions v ON v.model_id = m.id WHERE m.id = :id AND v.number = :number",
        {"id": model_id, "number": number},
    )
    assert row is not None, "versions are never purged while something remembers them"
    return versions.from_row(row)
