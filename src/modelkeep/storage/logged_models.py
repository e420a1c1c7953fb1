"""Rows of logged models, their tags, params and metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from modelkeep.domain import logged_models
from modelkeep.domain.logged_models import LoggedModel
from modelkeep.domain.metrics import Metric, Point
from modelkeep.storage.database import Transaction
from modelkeep.storage.ordering import CompiledOrder

# Logged model, name and digest of the data set it was measured on (empty for none), and the point.
Measured = tuple[str, str, str, Point]

COLUMNS = """
    l.id, l.experiment_id, l.name, l.artifact_location, l.status, l.status_message, l.model_type, l.source_run_id,
    l.creation_timestamp, l.last_updated_timestamp, l.deleted_timestamp
"""
_WIDTH = 11
_NAN = float("nan")


def find_with_deleted(tx: Transaction, logged_model_id: str) -> LoggedModel | None:
    """The logged model of an id, deleted or not, without its tags, params and metrics, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM logged_models l WHERE l.id = :id", {"id": logged_model_id})
    return None if row is None else LoggedModel(*row)


def find(tx: Transaction, logged_model_id: str) -> LoggedModel | None:
    """The live logged model of an id, without its tags, params and metrics, or None."""
    found = find_with_deleted(tx, logged_model_id)
    return None if found is None or found.deleted_timestamp is not None else found


def get(tx: Transaction, logged_model_id: str) -> LoggedModel:
    """The live logged model of an id, without its tags, params and metrics, or NotFound."""
    found = find(tx, logged_model_id)
    if found is None:
        raise logged_models.not_found(logged_model_id)
    return found


def find_of_run(tx: Transaction, run_id: str, name: str) -> str | None:
    """Where the newest live logged model of a name that a run wrote has its files, or None."""
    row = tx.one(
        """
        SELECT artifact_location FROM logged_models
        WHERE source_run_id = :run_id AND name = :name AND deleted_timestamp IS NULL
        ORDER BY creation_timestamp DESC, id DESC LIMIT 1
        """,
        {"run_id": run_id, "name": name},
    )
    return None if row is None else row[0]


def with_data(tx: Transaction, found: list[LoggedModel]) -> list[LoggedModel]:
    """Fill in tags, params and metrics, with one statement of each kind for all of them."""
    by_id = {model.id: model for model in found}
    parameters = {"ids": json.dumps(list(by_id))}
    condition = "logged_model_id IN (SELECT value FROM json_each(:ids))"
    for model_id, key, value in tx.all(
        f"SELECT logged_model_id, key, value FROM logged_model_tags WHERE {condition} ORDER BY logged_model_id, key",
        parameters,
    ):
        by_id[model_id].tags.append((key, value))
    for model_id, key, value in tx.all(
        f"SELECT logged_model_id, key, value FROM logged_model_params WHERE {condition} ORDER BY logged_model_id, key",
        parameters,
    ):
        by_id[model_id].params.append((key, value))
    for model_id, key, value, is_nan, timestamp, step, run_id, name, digest in tx.all(
        f"""
        SELECT logged_model_id, key, value, is_nan, timestamp, step, run_id, dataset_name, dataset_digest
        FROM logged_model_metrics WHERE {condition} ORDER BY logged_model_id, key, timestamp, step, run_id, dataset_name, dataset_digest
        """,
        parameters,
    ):
        number = _NAN if is_nan else value
        metric = Metric(key, number, timestamp, step, run_id, model_id, name or None, digest or None)
        by_id[model_id].metrics.append(metric)
    return found


def insert(tx: Transaction, model: LoggedModel) -> None:
    """Insert a logged model with its tags and params."""
    tx.run(
        """
        INSERT INTO logged_models (id, experiment_id, name, artifact_location, status, model_type, source_run_id,
            creation_timestamp, last_updated_timestamp)
        VALUES (:id, :experiment_id, :name, :artifact_location, :status, :model_type, :source_run_id,
            :creation_timestamp, :last_updated_timestamp)
        """,
        {
            "id": model.id,
            "experiment_id": model.experiment_id,
            "name": model.name,
            "artifact_location": model.artifact_location,
            "status": model.status,
            "model_type": model.model_type,
            "source_run_id": model.source_run_id,
            "creation_timestamp": model.creation_timestamp,
            "last_updated_timestamp": model.last_updated_timestamp,
        },
    )
    for key, value in model.tags:
        set_tag(tx, model.id, key, value)
    insert_params(tx, model.id, dict(model.params))


def update(tx: Transaction, logged_model_id: str, now: int, **columns: Any) -> None:
    """Set columns of a logged model and its last update."""
    settings = "".join(f"{column} = :{column}, " for column in columns)
    tx.run(
        f"UPDATE logged_models SET {settings}last_updated_timestamp = :now WHERE id = :id",
        {**columns, "now": now, "id": logged_model_id},
    )


def set_tag(tx: Transaction, logged_model_id: str, key: str, value: str) -> bool:
    """Set a tag; False when it had that value already."""
    changed = tx.run(
        """
        INSERT INTO logged_model_tags (logged_model_id, key, value) VALUES (:id, :key, :value)
        ON CONFLICT (logged_model_id, key) DO UPDATE SET value = excluded.value
            WHERE logged_model_tags.value <> excluded.value
        """,
        {"id": logged_model_id, "key": key, "value": value},
    )
    return changed > 0


def find_tag(tx: Transaction, logged_model_id: str, key: str) -> str | None:
    """The value of a tag, or None."""
    row = tx.one(
        "SELECT value FROM logged_model_tags WHERE logged_model_id = :id AND key = :key",
        {"id": logged_model_id, "key": key},
    )
    return None if row is None else row[0]


def delete_tag(tx: Transaction, logged_model_id: str, key: str) -> bool:
    """Delete a tag; False when there was none."""
    changed = tx.run(
        "DELETE FROM logged_model_tags WHERE logged_model_id = :id AND key = :key", {"id": logged_model_id, "key": key}
    )
    return changed > 0


def insert_params(tx: Transaction, logged_model_id: str, params: Mapping[str, str]) -> None:
    """Insert the params that a logged model does not have yet; those it has stay as they are."""
    tx.many(
        "INSERT INTO logged_model_params (logged_model_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(logged_model_id, key, value) for key, value in params.items()],
    )


def param_values(tx: Transaction, logged_model_id: str, keys: list[str]) -> dict[str, str]:
    """The values of those params that a logged model has."""
    rows = tx.all(
        """
        SELECT key, value FROM logged_model_params
        WHERE logged_model_id = :id AND key IN (SELECT value FROM json_each(:keys))
        """,
        {"id": logged_model_id, "keys": json.dumps(keys)},
    )
    return dict(rows)


def insert_metrics(tx: Transaction, run_id: str, measured: Iterable[Measured]) -> None:
    """Add points that a run measured of logged models; at the same time and step the last said wins."""
    tx.many(
        """
        INSERT INTO logged_model_metrics
            (logged_model_id, dataset_name, dataset_digest, key, timestamp, step, value, is_nan, run_id)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (logged_model_id, key, timestamp, step, run_id, dataset_name, dataset_digest)
            DO UPDATE SET value = excluded.value, is_nan = excluded.is_nan
        """,
        [(logged_model_id, name, digest, *point, run_id) for logged_model_id, name, digest, point in measured],
    )


def scope(experiment_ids: list[int]) -> tuple[str, dict[str, Any]]:
    """The condition, with its parameters, that a logged model is of one of these experiments."""
    if len(experiment_ids) == 1:  # the index on creation times gives those of one experiment in order
        return "l.experiment_id = :experiment_id", {"experiment_id": experiment_ids[0]}
    condition = "l.experiment_id IN (SELECT value FROM json_each(:experiment_ids))"
    return condition, {"experiment_ids": json.dumps(experiment_ids)}


def page(
    tx: Transaction, tables: str, condition: str, order: CompiledOrder, parameters: dict[str, Any]
) -> list[tuple[LoggedModel, list[Any]]]:
    """Live logged models that meet a condition, in order and without their data, each with its keyset key.

    Args:
        tables: what is searched and what leads there: see `storage.leads`.
        parameters: those of the condition and the order, and `limit`.
    """
    rows = tx.all(
        order.page(COLUMNS, _WIDTH, f"FROM {tables} WHERE l.deleted_timestamp IS NULL AND {condition}"), parameters
    )
    return [(LoggedModel(*row[:_WIDTH]), list(row[_WIDTH:])) for row in rows]


def add_registration(tx: Transaction, logged_model_id: str, name: str, number: int) -> str | None:
    """Append a registered version to the tag that lists them; the tag's new value, None when it had it already.

    A value that is not a JSON list, which someone wrote by hand, begins anew.
    """
    listed = _registrations(find_tag(tx, logged_model_id, logged_models.REGISTRATIONS_TAG))
    added = {"name": name, "version": str(number)}
    if any(isinstance(each, dict) and _same(each, added) for each in listed):
        return None
    value = json.dumps([*listed, added], ensure_ascii=False)
    set_tag(tx, logged_model_id, logged_models.REGISTRATIONS_TAG, value)
    return value


def _registrations(tag: str | None) -> list[Any]:
    try:
        listed = json.loads(tag or "[]")
    except (ValueError, RecursionError):
        return []
    return listed if isinstance(listed, list) else []


def _same(listed: dict[str, Any], added: dict[str, str]) -> bool:
    return listed.get("name") == added["name"] and str(listed.get("version")) == added["version"]
