"""Rows of data sets, and of what runs read and wrote."""

from __future__ import annotations

import json
from collections.abc import Iterable

from modelkeep.domain.datasets import CONTEXT_TAG, Dataset, DatasetInput, Summary
from modelkeep.storage.database import Transaction

SUMMARIES_LIMIT = 1000


def insert_input(tx: Transaction, experiment_id: int, run_id: str, read: DatasetInput) -> None:
    """Record that a run read a data set. Of what is recorded already nothing changes, not its tags either."""
    assert read.dataset is not None
    dataset_id = _find_or_insert(tx, experiment_id, read.dataset)
    is_new = tx.run(
        "INSERT INTO run_datasets (run_id, dataset_id) VALUES (:run_id, :dataset_id) ON CONFLICT DO NOTHING",
        {"run_id": run_id, "dataset_id": dataset_id},
    )
    if is_new:
        tx.many(
            """
            INSERT INTO run_dataset_tags (run_id, dataset_id, key, value) VALUES (?, ?, ?, ?)
            ON CONFLICT (run_id, dataset_id, key) DO UPDATE SET value = excluded.value
            """,
            [(run_id, dataset_id, tag.key, tag.value or "") for tag in read.tags],
        )


def _find_or_insert(tx: Transaction, experiment_id: int, dataset: Dataset) -> int:
    fields = {field: getattr(dataset, field) for field in dataset.__slots__} | {"experiment_id": experiment_id}
    find = "SELECT id FROM datasets WHERE experiment_id = :experiment_id AND name = :name AND digest = :digest"
    row = tx.one(find, fields) or tx.one(
        """
        INSERT INTO datasets (experiment_id, name, digest, source_type, source, schema, profile)
        VALUES (:experiment_id, :name, :digest, :source_type, :source, :schema, :profile) RETURNING id
        """,
        fields,
    )
    assert row is not None
    return row[0]


def insert_models(tx: Transaction, run_id: str, direction: str, models: Iterable[tuple[str, int]]) -> None:
    """Record (logged model id, step) that a run read (`input`) or wrote (`output`), each once."""
    tx.many(
        "INSERT INTO run_models (run_id, direction, model_id, step) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [(run_id, direction, model_id, step) for model_id, step in models],
    )


def summaries(tx: Transaction, experiment_ids: list[int]) -> list[Summary]:
    """The data sets of experiments with each context they were used in, at most 1,000, as in MLflow."""
    rows = tx.all(
        """
        SELECT DISTINCT d.experiment_id, d.name, d.digest, t.value FROM datasets d
        JOIN run_datasets i ON i.dataset_id = d.id
        LEFT JOIN run_dataset_tags t ON t.run_id = i.run_id AND t.dataset_id = i.dataset_id AND t.key = :context
        WHERE d.experiment_id IN (SELECT value FROM json_each(:experiment_ids))
        ORDER BY 1, 2, 3, 4 NULLS FIRST LIMIT :limit
        """,
        {"experiment_ids": json.dumps(experiment_ids), "context": CONTEXT_TAG, "limit": SUMMARIES_LIMIT},
    )
    return [Summary(*row) for row in rows]
