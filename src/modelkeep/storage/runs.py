"""Rows of runs, their tags, and what they logged.

A run is deleted when it or its experiment is, so that deleting an experiment is one row, however many runs it has,
and restoring it leaves deleted what was deleted one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from modelkeep.domain import lifecycle, runs
from modelkeep.domain.datasets import Dataset, DatasetInput
from modelkeep.domain.metrics import Metric
from modelkeep.domain.runs import Run
from modelkeep.domain.tags import Tag
from modelkeep.storage.sqlite import Row, Transaction

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
_NAN = float("nan")


def find(tx: Transaction, run_id: str) -> Run | None:
    """The run of an id, deleted or not, without what it logged, or None."""
    row = tx.one(f"SELECT {COLUMNS} FROM {_FROM} WHERE r.id = :id", {"id": run_id})
    return None if row is None else Run(*row)


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


# What runs logged, as rows of one shape: run, kind, and up to eight values. One statement, because a statement of its
# own for each kind costs more than the rows of a usual run.
_LOGGED = """
    SELECT t.run_id, 'tag', t.key, t.value, NULL, NULL, NULL, NULL, NULL, NULL FROM run_tags t WHERE t.run_id {0}
    UNION ALL
    SELECT t.run_id, 'param', t.key, t.value, NULL, NULL, NULL, NULL, NULL, NULL FROM params t WHERE t.run_id {0}
    UNION ALL
    SELECT t.run_id, 'metric', t.key, t.value, t.timestamp, t.step, t.is_nan, NULL, NULL, NULL
        FROM latest_metrics t WHERE t.run_id {0}
    UNION ALL
    SELECT t.run_id, t.direction, t.model_id, t.step, NULL, NULL, NULL, NULL, NULL, NULL
        FROM run_models t WHERE t.run_id {0}
    UNION ALL
    SELECT t.run_id, 'dataset', d.name, d.digest, d.source_type, d.source, d.schema, d.profile, a.key, a.value
        FROM run_datasets t JOIN datasets d ON d.id = t.dataset_id
        LEFT JOIN run_dataset_tags a ON a.run_id = t.run_id AND a.dataset_id = t.dataset_id
        WHERE t.run_id {0}
"""
_LOGGED_BY_ONE = _LOGGED.format("= :id")
_LOGGED_BY_MANY = _LOGGED.format("IN (SELECT value FROM json_each(:ids))")


def with_data(tx: Transaction, found: list[Run]) -> list[Run]:
    """Fill in what runs logged, with one statement for all of them."""
    if not found:
        return found
    if len(found) == 1:
        rows = tx.all(_LOGGED_BY_ONE, {"id": found[0].id})
    else:
        rows = tx.all(_LOGGED_BY_MANY, {"ids": json.dumps([run.id for run in found])})
    by_id = {run.id: run for run in found}
    for row in rows:
        run, kind = by_id[row[0]], row[1]
        if kind == "tag":
            run.tags.append(row[2:4])
        elif kind == "param":
            run.params.append(row[2:4])
        elif kind == "metric":
            run.metrics.append(Metric(row[2], _NAN if row[6] else row[3], row[4], row[5]))
        elif kind == "dataset":
            _add_dataset(run, row)
        elif kind == "output":
            run.model_outputs.append(row[2:4])
        else:
            run.model_inputs.append(row[2])
    return found


def _add_dataset(run: Run, row: Row) -> None:
    last = run.dataset_inputs[-1] if run.dataset_inputs else None
    if last is None or last.dataset is None or (last.dataset.name, last.dataset.digest) != row[2:4]:
        last = DatasetInput(Dataset(*row[2:8]), [])
        run.dataset_inputs.append(last)
    if row[8] is not None:
        last.tags.append(Tag(row[8], row[9]))


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


def find_tag(tx: Transaction, run_id: str, key: str) -> str | None:
    """The value of a tag, or None."""
    row = tx.one("SELECT value FROM run_tags WHERE run_id = :id AND key = :key", {"id": run_id, "key": key})
    return None if row is None else row[0]


def set_tags(tx: Transaction, run_id: str, tags: Iterable[tuple[str, str]]) -> None:
    """Set tags."""
    tx.many(
        """
        INSERT INTO run_tags (run_id, key, value) VALUES (?, ?, ?)
        ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value WHERE run_tags.value <> excluded.value
        """,
        [(run_id, key, value) for key, value in tags],
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
    tx: Transaction, condition: str, order_by: str, keys: list[str], parameters: dict[str, Any]
) -> list[tuple[Run, list[Any]]]:
    """Runs that meet a condition, in order and without what they logged, each with its keyset key."""
    extra = "".join(f", {key}" for key in keys)
    rows = tx.all(
        f"SELECT {COLUMNS}{extra} FROM {_FROM} WHERE {condition} ORDER BY {order_by} LIMIT :limit", parameters
    )
    return [(Run(*row[:_WIDTH]), list(row[_WIDTH:])) for row in rows]
