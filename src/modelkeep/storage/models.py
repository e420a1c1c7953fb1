"""Rows of registered models, their tags and aliases."""

from __future__ import annotations

from typing import Any

import msgspec

from modelkeep.domain import models
from modelkeep.domain.models import Model
from modelkeep.storage import versions
from modelkeep.storage.database import Row, Transaction
from modelkeep.storage.ordering import CompiledOrder

COLUMNS = """
    m.id, m.name, m.description, m.user_id, m.creation_timestamp, m.last_updated_timestamp, m.deleted_timestamp,
    (SELECT json_group_array(json_array(t.key, t.value) /*postgres ORDER BY t.key*/) FROM model_tags t WHERE t.model_id = m.id),
    (SELECT json_group_array(json_array(a.alias, a.number) /*postgres ORDER BY a.alias*/) FROM aliases a WHERE a.model_id = m.id)
"""
_WIDTH = 9


def from_row(row: Row) -> Model:
    """A model from COLUMNS, without its latest versions."""
    aliases = [(alias, number) for alias, number in msgspec.json.decode(row[8])]
    return Model(*row[:7], msgspec.json.decode(row[7]), aliases)  # type: ignore[call-arg] # mypy cannot count a slice


def find(tx: Transaction, name: str) -> Model | None:
    """The live model of a name, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM models m WHERE m.name = :name AND m.deleted_timestamp IS NULL", {"name": name})
    return None if row is None else from_row(row)


def get(tx: Transaction, name: str) -> Model:
    """The live model of a name, or NotFound."""
    found = find(tx, name)
    if found is None:
        raise models.not_found(name)
    return found


def find_id(tx: Transaction, name: str) -> int | None:
    """The id of the live model of a name, or None."""
    row = tx.one("SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NULL", {"name": name})
    return None if row is None else row[0]


def get_id(tx: Transaction, name: str) -> int:
    """The id of the live model of a name, or NotFound."""
    found = find_id(tx, name)
    if found is None:
        raise models.not_found(name)
    return found


def ids_ever_named(tx: Transaction, name: str) -> list[int]:
    """The ids of every model, live or deleted, that has the name now."""
    rows = tx.all(
        """
        SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NULL
        UNION ALL SELECT id FROM models WHERE name = :name AND deleted_timestamp IS NOT NULL
        """,
        {"name": name},
    )
    return [row[0] for row in rows]


def newest_deleted(tx: Transaction, name: str) -> Model | None:
    """The model of this name that was deleted last, or None."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM models m WHERE m.name = :name AND m.deleted_timestamp IS NOT NULL ORDER BY m.deleted_timestamp DESC, m.id DESC LIMIT 1",
        {"name": name},
    )
    return None if row is None else from_row(row)


def insert(tx: Transaction, name: str, description: str | None, user_id: str | None, now: int) -> int:
    """Insert a model and return its id."""
    row = tx.one(
        """
        INSERT INTO models (name, description, user_id, creation_timestamp, last_updated_timestamp)
        VALUES (:name, :description, :user_id, :now, :now) RETURNING id
        """,
        {"name": name, "description": description, "user_id": user_id, "now": now},
    )
    assert row is not None
    return row[0]


def update(tx: Transaction, model_id: int, now: int, **columns: Any) -> None:
    """Set columns of a model and its last update."""
    settings = "".join(f"{column} = :{column}, " for column in columns)
    tx.run(
        f"UPDATE models SET {settings}last_updated_timestamp = :now WHERE id = :id",
        {**columns, "now": now, "id": model_id},
    )


def take_number(tx: Transaction, name: str, now: int) -> tuple[int, int]:
    """Draw the next version number of a live model: its id and the number, or NotFound.

    The row lock keeps two callers from drawing the same.
    """
    row = tx.one(
        """
        UPDATE models SET next_version = next_version + 1, last_updated_timestamp = :now
        WHERE name = :name AND deleted_timestamp IS NULL RETURNING id, next_version - 1
        """,
        {"name": name, "now": now},
    )
    if row is None:
        raise models.not_found(name)
    return row[0], row[1]


def set_tag(tx: Transaction, model_id: int, key: str, value: str) -> bool:
    """Set a tag; False when it had that value already."""
    changed = tx.run(
        """
        INSERT INTO model_tags (model_id, key, value) VALUES (:id, :key, :value)
        ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value WHERE model_tags.value <> excluded.value
        """,
        {"id": model_id, "key": key, "value": value},
    )
    return changed > 0


def delete_tag(tx: Transaction, model_id: int, key: str) -> bool:
    """Delete a tag; False when there was none."""
    return tx.run("DELETE FROM model_tags WHERE model_id = :id AND key = :key", {"id": model_id, "key": key}) > 0


def with_latest_versions(tx: Transaction, found: list[Model]) -> list[Model]:
    """Fill in each model's newest live version of every stage, with one statement for all of them."""
    by_id = {model.id: model for model in found}
    for version in versions.latest(tx, list(by_id)):
        by_id[version.model_id].latest_versions.append(version)
    return found


def page(
    tx: Transaction, tables: str, condition: str, order: CompiledOrder, parameters: dict[str, Any]
) -> list[tuple[Model, list[Any]]]:
    """Live models that meet a condition, in order, each with its keyset key; `parameters` holds `limit`.

    Args:
        tables: what is searched and what leads there: see `storage.leads`.
        parameters: those of the condition and the order, and `limit`.
    """
    rows = tx.all(
        order.page(COLUMNS, _WIDTH, f"FROM {tables} WHERE m.deleted_timestamp IS NULL AND {condition}"), parameters
    )
    return [(from_row(row), list(row[_WIDTH:])) for row in rows]
