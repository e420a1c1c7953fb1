"""Rows of experiments and their tags."""

from __future__ import annotations

import json
from typing import Any

from modelkeep.domain import experiments, lifecycle
from modelkeep.domain.experiments import Experiment
from modelkeep.storage.database import Row, Transaction
from modelkeep.storage.ordering import CompiledOrder

COLUMNS = """
    e.id, e.name, e.artifact_location, e.lifecycle_stage, e.creation_time, e.last_update_time,
    (SELECT json_group_array(json_array(t.key, t.value) /*postgres ORDER BY t.key*/) FROM experiment_tags t
        WHERE t.experiment_id = e.id)
"""
_WIDTH = 7
_SEEN_IN = {
    lifecycle.ACTIVE_ONLY: "e.lifecycle_stage = 'active'",
    lifecycle.DELETED_ONLY: "e.lifecycle_stage = 'deleted'",
    lifecycle.ALL: "TRUE",
}


def from_row(row: Row) -> Experiment:
    """An experiment from COLUMNS."""
    experiment_id, name, location, stage, created, updated, tags = row[:_WIDTH]
    return Experiment(experiment_id, name, location, stage, created, updated, json.loads(tags))


def find(tx: Transaction, experiment_id: int) -> Experiment | None:
    """The experiment of an id, deleted or not, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM experiments e WHERE e.id = :id", {"id": experiment_id})
    return None if row is None else from_row(row)


def get(tx: Transaction, experiment_id: int) -> Experiment:
    """The experiment of an id, deleted or not, or NotFound."""
    found = find(tx, experiment_id)
    if found is None:
        raise experiments.not_found(experiment_id)
    return found


def find_by_name(tx: Transaction, name: str) -> Experiment | None:
    """The experiment of a name, deleted or not, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM experiments e WHERE e.name = :name", {"name": name})
    return None if row is None else from_row(row)


def insert(tx: Transaction, name: str, now: int, experiment_id: int | None = None) -> int:
    """Insert an experiment without its artifact location, and return its id, which is new unless given."""
    row = tx.one(
        """
        INSERT INTO experiments (id, name, artifact_location, creation_time, last_update_time)
        VALUES (
            /*sqlite*/:id/*postgres coalesce(cast(:id AS bigint), (SELECT coalesce(max(id), 0) + 1 FROM experiments))*/,
            :name, '', :now, :now) RETURNING id
        """,
        {"id": experiment_id, "name": name, "now": now},
    )
    assert row is not None
    return row[0]


def set_artifact_location(tx: Transaction, experiment_id: int, location: str) -> None:
    """Say where a new experiment's files are, which may depend on its id."""
    tx.run(
        "UPDATE experiments SET artifact_location = :location WHERE id = :id",
        {"location": location, "id": experiment_id},
    )


def update(tx: Transaction, experiment_id: int, now: int, **columns: Any) -> None:
    """Set columns of an experiment and its last update."""
    settings = "".join(f"{column} = :{column}, " for column in columns)
    tx.run(
        f"UPDATE experiments SET {settings}last_update_time = :now WHERE id = :id",
        {**columns, "now": now, "id": experiment_id},
    )


def set_tag(tx: Transaction, experiment_id: int, key: str, value: str) -> bool:
    """Set a tag; False when it had that value already."""
    changed = tx.run(
        """
        INSERT INTO experiment_tags (experiment_id, key, value) VALUES (:id, :key, :value)
        ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value
            WHERE experiment_tags.value <> excluded.value
        """,
        {"id": experiment_id, "key": key, "value": value},
    )
    return changed > 0


def delete_tag(tx: Transaction, experiment_id: int, key: str) -> bool:
    """Delete a tag; False when there was none."""
    changed = tx.run(
        "DELETE FROM experiment_tags WHERE experiment_id = :id AND key = :key", {"id": experiment_id, "key": key}
    )
    return changed > 0


def seen_in(view: str) -> str:
    """The condition on `experiments e` that a view stands for."""
    return _SEEN_IN[view]


def page(
    tx: Transaction, tables: str, condition: str, order: CompiledOrder, parameters: dict[str, Any]
) -> list[tuple[Experiment, list[Any]]]:
    """Experiments that meet a condition, in order, each with its keyset key; `parameters` holds `limit`.

    Args:
        tables: what is searched and what leads there: see `storage.leads`.
        parameters: those of the condition and the order, and `limit`.
    """
    rows = tx.all(order.page(COLUMNS, _WIDTH, f"FROM {tables} WHERE {condition}"), parameters)
    return [(from_row(row), list(row[_WIDTH:])) for row in rows]
