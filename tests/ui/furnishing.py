"""A registry with something of everything in it: models that went through stages, runs behind them, hostile names."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import Dataset, DatasetInput
from modelkeep.domain.metrics import Metric
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.registry import (
    aliases,
    artifacts,
    batches,
    datasets,
    experiments,
    logged_models,
    models,
    opening,
    promotions,
    runs,
    versions,
)
from modelkeep.registry.handle import Registry

CHURN = "customer-churn-classifier"
CARD = """
# Customer Churn Prediction Model
Predicts the **probability** of a customer churning within the next 30 days.

## Input features
- `total_orders`: Total number of orders placed
- `lifetime_value`: Total customer spend

| Metric | Value |
|---|---|
| AUC | 0.92 |

Owner: [data science](https://example.com/ds), not [this](javascript:alert(1)).
<script>alert("card")</script>
"""
HOSTILE_NAMES = (
    "<script>alert(1)<⁄script>",
    '"><img src=x onerror=alert(1)>',
    'it\'s 100% "quoted" & {{ 7 * 7 }}',
    "a?b#c d+e%2f",
    "line\nbreak",
    "\u202edesrever",
    ".hidden",
    "ünïcode 模型 🚀",
)
ANN = Actor("ann", "admin", True, "embedded")
BOB = Actor("bob <b>", "admin", True, "embedded")


@dataclass
class Furnished:
    """What was put in, for tests to look for."""

    experiment_id: int = 0
    run_ids: list[str] = field(default_factory=list)
    logged_model_id: str = ""


def furnish(folder: Path) -> Furnished:
    """Make a data folder and fill it."""
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    try:
        return _fill(registry)
    finally:
        opening.close(registry)


def _fill(registry: Registry) -> Furnished:
    put = Furnished()
    experiment = experiments.create(
        ANN, registry, "customer-churn", tags=[Tag("mlflow.note.content", "What *we* tried.")]
    )
    put.experiment_id = experiment.id
    models.create(ANN, registry, CHURN, [Tag("team", "retention"), Tag("domain", "risk")], CARD)
    for number in range(1, 5):
        put.run_ids.append(_train(registry, experiment.id, number))
        logged = logged_models.create(ANN, registry, experiment.id, name="model", source_run_id=put.run_ids[-1])
        put.logged_model_id = logged.id
        _keep(registry, f"{logged.artifact_location.partition(':/')[2]}/MLmodel", b"flavors: {}\n" * number)
        _keep(registry, f"{logged.artifact_location.partition(':/')[2]}/data/model.skops", bytes(1500 * number))
        logged_models.finalize(ANN, registry, logged.id, "LOGGED_MODEL_READY")
        versions.register(
            ANN,
            registry,
            CHURN,
            f"models:/{logged.id}",
            tags=[Tag("validation_status", "passed"), Tag("feature_version", f"v{number}"), Tag("mlflow.user", "ann")],
            description=f"Number **{number}**, trained on more data.",
            model_id=logged.id,
        )
    promotions.transition(ANN, registry, CHURN, 3, "Production")
    promotions.transition(BOB, registry, CHURN, 4, "Production", archive_existing_versions=True)
    promotions.transition(ANN, registry, CHURN, 2, "Staging")
    aliases.point(ANN, registry, CHURN, "champion", 3)
    aliases.point(BOB, registry, CHURN, "champion", 4)
    aliases.point(ANN, registry, CHURN, "challenger", 2)
    versions.delete(ANN, registry, CHURN, 1)
    for name in HOSTILE_NAMES:
        models.create(BOB, registry, name, [Tag("note", name)], name)
        versions.register(
            BOB, registry, name, "runs:/unknown/model", "unknown", [Tag("note", name)], "javascript:x()", name
        )
        aliases.point(BOB, registry, name, "champion", 1)
    models.create(ANN, registry, "fraud-detector", description="Real-time fraud detection for card transactions")
    models.rename(ANN, registry, "fraud-detector", "fraud-detection-realtime")
    models.create(ANN, registry, "given-up")
    models.delete(ANN, registry, "given-up")
    return put


def _train(registry: Registry, experiment_id: int, number: int) -> str:
    run = runs.create(
        ANN,
        registry,
        experiment_id,
        run_name=f"forest-{number}",
        tags=[Tag("mlflow.source.name", "train.py"), Tag("note", "x\ny")],
    )
    started = run.start_time or 0
    batches.log(
        ANN,
        registry,
        run.id,
        metrics=[Metric("loss", math.exp(-step / (4 * number)), started + step, step) for step in range(40)]
        + [Metric("auc", 0.8 + number / 40, started, 0), Metric("f1", float("nan"), started, 0)],
        params=[Param("max_depth", str(number)), Param("criterion", "gini"), Param("notes", "<i>" * 200)],
    )
    datasets.log_inputs(
        ANN,
        registry,
        run.id,
        [
            DatasetInput(
                Dataset("orders", "a1b2c3d4", "local", '{"uri": "orders.parquet"}'),
                [Tag("mlflow.data.context", "training")],
            )
        ],
    )
    _keep(registry, f"{run.artifact_uri.partition(':/')[2]}/plots/roc & <pr>.svg", b"<svg/>")
    runs.update(ANN, registry, run.id, status="FINISHED", end_time=started + 83_000)
    return run.id


def _keep(registry: Registry, path: str, content: bytes) -> None:
    upload = registry.blobs.begin(len(content))
    upload.write(content)
    artifacts.store(ANN, registry, path, upload)
