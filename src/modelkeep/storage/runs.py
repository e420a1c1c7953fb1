"""Rows of runs, their tags, and what they logged.

A run is deleted when it or its experiment is, so that deleting an experiment is one row, however many runs it has,
and restoring it leaves deleted what was deleted one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from modelkeep.domain import lifecycle, runs
from modelkeep.domain.datasets import OUTPUT, Dataset, DatasetInput
from modelkeep.domain.metrics import Metric
from modelkeep.domain.runs import Run
from modelkeep.domain.tags import Tag
from modelkeep.storage import bulk
from modelkeep.storage.database import Transaction
from modelkeep.storage.ordering import CompiledOrder

COLUMNS = """
    r.id, r.experiment_id, r.name, r.user_id, r.status, r.start_time, r.end_time, r.artifact_uri,
    CASE e.lifecycle_stage WHEN 'deleted' THEN 'deleted' ELSE r.lifecycle_stage END
"""
_WIDTH = 9
_FROM = "runs r JOIN experiments e ON e.id = r.experiment_id"
_SEEN_IN = {
    lifecycle.ACTIVE_ONLY: "r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active'",
    lifecycle.DELETED_ONLY: "(r.lifecycle_stage = 'deleted' OR e.lifecycle_stage = 'deleted')",
    lifecycle.ALL: "TRUE",
}
# What a run logged, each kind as one JSON text: every row more would be one more step, at which apsw gives up Python's
# global lock. SQLite writes a REAL with the digits that give the same double back.
_LOGGED = """
    (SELECT json_group_array(json_array(key, value) /*postgres ORDER BY key*/) FROM run_tags WHERE run_id = r.id),
    (SELECT json_group_array(json_array(key, value) /*postgres ORDER BY key*/) FROM params WHERE run_id = r.id),
    (SELECT json_group_array(json_array(key, value, timestamp, step, is_nan) /*postgres ORDER BY key*/)
        FROM latest_metrics WHERE run_id = r.id),
    (SELECT json_group_array(json_array(direction, model_id, step) /*postgres ORDER BY direction, model_id, step*/)
        FROM run_models WHERE run_id = r.id),
    (SELECT json_group_array(json_array(d.name, d.digest, d.source_type, d.source, d.schema, d.profile,
            json((SELECT json_group_array(json_array(t.key, t.value) /*postgres ORDER BY t.key*/) FROM run_dataset_tags t
                WHERE t.run_id = i.run_id AND t.dataset_id = i.dataset_id))) /*postgres ORDER BY d.id*/)
        FROM run_datasets i JOIN datasets d ON d.id = i.dataset_id WHERE i.run_id = r.id)
"""
_GIVEN = """
    /*sqlite*/(SELECT value AS id FROM json_each(:ids)) AS r
    /*postgres json_array_elements_text(cast(:ids AS json)) AS r (id)*/
"""
# By place: it is part of every registration, and apsw looks each name up.
_SOURCE = """
    SELECT r.artifact_uri, EXISTS (SELECT 1 FROM latest_metrics WHERE run_id = r.id)
        OR EXISTS (SELECT 1 FROM run_datasets WHERE run_id = r.id)
    FROM runs r WHERE r.id = ?
"""
_NOTHING = "[]"
_TEXTS = msgspec.json.Decoder(list[tuple[str, str]])
_NAN = float("nan")


def find(tx: Transaction, run_id: str) -> Run | None:
    """The run of an id, deleted or not, without what it logged, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM {_FROM} WHERE r.id = :id", {"id": run_id})
    return None if row is None else Run(*row)


def find_source(tx: Transaction, run_id: str) -> tuple[str, bool] | None:
    """Of a run, deleted or not: where its files are, and whether it has metrics or data sets. None when there is none.

    It is what a registration asks of its run, and a part of what `find` reads.
    """
    row = tx.one(_SOURCE, (run_id,))
    return None if row is None else (row[0], bool(row[1]))


def get(tx: Transaction, run_id: str) -> Run:
    """The run of an id, deleted or not, without what it logged, or NotFound."""
    found = find(tx, run_id)
    if found is None:
        raise runs.not_found(run_id)
    return found


def get_active(tx: Transaction, run_id: str) -> Run:
    """The run of an id without what it logged; NotFound, or Invalid when it is deleted."""
    found = get(tx, run_id)
    if found.lifecycle_stage != lifecycle.ACTIVE:
        raise runs.not_active(run_id)
    return found


def is_deleted_itself(tx: Transaction, run_id: str) -> bool:
    """Whether a run was deleted by itself, whatever its experiment is."""
    row = tx.one("SELECT lifecycle_stage FROM runs WHERE id = :id", {"id": run_id})
    return row is not None and row[0] == lifecycle.DELETED


def get_with_data(tx: Transaction, run_id: str) -> Run:
    """The run of an id, deleted or not, with what it logged, or NotFound."""
    row = tx.one(f"SELECT {COLUMNS}, {_LOGGED} FROM {_FROM} WHERE r.id = :id", {"id": run_id})
    if row is None:
        raise runs.not_found(run_id)
    return _fill(Run(*row[:_WIDTH]), row[_WIDTH:])


def with_data(tx: Transaction, found: list[Run]) -> list[Run]:
    """Fill in what runs logged, in one statement."""
    if found:
        by_id = {run.id: run for run in found}
        for run_id, *logged in tx.all(
            f"SELECT r.id, {_LOGGED} FROM {_GIVEN}",
            {"ids": json.dumps(list(by_id))},
        ):
            _fill(by_id[run_id], logged)
    return found


def _fill(run: Run, logged: Sequence[str]) -> Run:
    tags, params, metrics, models, read = logged
    if tags != _NOTHING:
        run.tags = _TEXTS.decode(tags)
    if params != _NOTHING:
        run.params = _TEXTS.decode(params)
    if metrics != _NOTHING:
        run.metrics = [
            Metric(key, _NAN if is_nan else value, timestamp, step)
            for key, value, timestamp, step, is_nan in msgspec.json.decode(metrics)
        ]
    if models != _NOTHING:
        for direction, model_id, step in msgspec.json.decode(models):
            if direction == OUTPUT:
                run.model_outputs.append((model_id, step))
            else:
                run.model_inputs.append(model_id)
    if read != _NOTHING:
        run.dataset_inputs = [
            DatasetInput(Dataset(*dataset), [Tag(*tag) for tag in tags]) for *dataset, tags in msgspec.json.decode(read)
        ]
    return run


def insert(tx: Transaction, run: Run) -> None:
    """Insert a run with its tags."""
    tx.run(
        """
        INSERT INTO runs (id, experiment_id, name, user_id, status, start_time, end_time, artifact_uri)
        VALUES (:id, :experiment_id, :name, :user_id, :status, :start_time, :end_time, :artifact_uri)
        """,
        {
            "id": run.id,
            "experiment_id": run.experiment_id,
            "name": run.name,
            "user_id": run.user_id,
            "status": run.status,
            "start_time": run.start_time,
            "end_time": run.end_time,
            "artifact_uri": run.artifact_uri,
        },
    )
    set_tags(tx, run.id, run.tags)


def update(tx: Transaction, run_id: str, **columns: Any) -> None:
    """Set columns of a run."""
    settings = ", ".join(f"{column} = :{column}" for column in columns)
    tx.run(f"UPDATE runs SET {settings} WHERE id = :id", {**columns, "id": run_id})


def rename(tx: Transaction, run_id: str, name: str) -> None:
    """Set the name of a run; the tag that says it too is set by `set_tags`."""
    tx.run("UPDATE runs SET name = :name WHERE id = :id AND name <> :name", {"name": name, "id": run_id})


def find_tag(tx: Transaction, run_id: str, key: str) -> str | None:
    """The value of a tag, or None."""
    row = tx.one("SELECT value FROM run_tags WHERE run_id = :id AND key = :key", {"id": run_id, "key": key})
    return None if row is None else row[0]


def set_tags(tx: Transaction, run_id: str, tags: Iterable[tuple[str, str]]) -> None:
    """Set tags."""
    bulk.write(
        tx,
        "INSERT INTO run_tags (run_id, key, value)",
        run_id,
        list(tags),
        "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value WHERE run_tags.value <> excluded.value",
    )


def delete_tag(tx: Transaction, run_id: str, key: str) -> bool:
    """Delete a tag; False when there was none."""
    return tx.run("DELETE FROM run_tags WHERE run_id = :id AND key = :key", {"id": run_id, "key": key}) > 0


def scope(experiment_ids: list[int], view: str) -> tuple[str, dict[str, Any]]:
    """The condition, with its parameters, that a run is of one of these experiments and seen in a view."""
    if len(experiment_ids) == 1:  # the index on start times gives the runs of one experiment in order
        return f"r.experiment_id = :experiment_id AND {_SEEN_IN[view]}", {"experiment_id": experiment_ids[0]}
    condition = f"r.experiment_id IN (SELECT value FROM json_each(:experiment_ids)) AND {_SEEN_IN[view]}"
    return condition, {"experiment_ids": json.dumps(experiment_ids)}


def page(
    tx: Transaction, tables: str, condition: str, order: CompiledOrder, parameters: dict[str, Any]
) -> list[tuple[Run, list[Any]]]:
    """Runs that meet a condition, in order and without what they logged, each with its keyset key.

    Args:
        tables: what is searched and what leads there: see `storage.leads`.
        parameters: those of the condition and the order, and `limit`.
    """
    rows = tx.all(order.page(COLUMNS, _WIDTH, f"FROM {tables} WHERE {condition}"), parameters)
    return [(Run(*row[:_WIDTH]), list(row[_WIDTH:])) for row in rows]
