"""Fills a registry with the stock `mlflow` client of any version from 2.9 on: `python -m tests.importing.filling URI [RUNS]`.

Imports nothing of ours, because it also runs where only an old MLflow is installed.
"""

from __future__ import annotations

import math
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

MODELS = ("churn", "fraud-detection", "no-versions")


def fill(uri: str, runs: int = 3, artifact_root: str | None = None) -> None:
    """Make experiments, runs, models and versions with everything that an import should bring.

    Args:
        runs: of the first experiment.
        artifact_root: an address in an object store, for one more experiment.
    """
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    warnings.simplefilter("ignore")
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient(uri)
    churn = client.create_experiment("churn", tags={"team": "growth", "mlflow.note.content": "# Churn\n\nünïcode"})
    gone = client.create_experiment("gone")
    client.create_run(gone, run_name="in a deleted experiment")
    client.delete_experiment(gone)
    made = []
    for number in range(runs):
        run = client.create_run(churn, start_time=1_700_000_000_000 + number, run_name=f"run-{number}")
        run_id = run.info.run_id
        made.append(run_id)
        client.log_batch(
            run_id,
            metrics=[
                Metric("auc", 0.5 + step / 100, 1_700_000_000_000 + step, step) for step in range(5)
            ] + [Metric("loss", math.nan, 1_700_000_000_000, 0), Metric("loss", 0.25, 1_700_000_000_001, 1)]
            + [Metric("nan-at-last", 1.0, 5, 0), Metric("nan-at-last", math.nan, 6, 1)],
            params=[Param("depth", str(number)), Param("long", "x" * 500)],
            tags=[RunTag("kind", "baseline"), RunTag("mlflow.source.name", "train.py")],
        )  # fmt: skip
        _log_files(client, run_id, number)
        _log_inputs(client, run_id)
        client.set_terminated(run_id, ("FINISHED", "FAILED", "KILLED")[number % 3], 1_700_000_100_000 + number)
    client.log_metric(made[0], "infinite", math.inf, 7, 0)
    deleted = client.create_run(churn, run_name="deleted")
    client.delete_run(deleted.info.run_id)
    client.create_run("0", run_name="in Default")
    _register(client, made)
    if artifact_root is not None:
        far = client.create_experiment("far", artifact_location=artifact_root)
        run = client.create_run(far, run_name="far run")
        client.create_model_version("churn", f"{run.info.artifact_uri}/model", run.info.run_id)


def _log_files(client: Any, run_id: str, number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "model").mkdir()
        (root / "model" / "MLmodel").write_text(f"run_id: {run_id}\nflavors: {{}}\n")
        (root / "model" / "weights.bin").write_bytes(bytes(range(256)) * (number + 1))
        (root / "plots").mkdir()
        (root / "plots" / "a b ü.txt").write_text("the same in every run")
        client.log_artifacts(run_id, folder)


def _log_inputs(client: Any, run_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset("wine", "abc123", "http", '{"url": "https://data.example.com/wine"}', '{"columns": 4}', "{}")
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])


def _register(client: Any, run_ids: list[str]) -> None:
    client.create_registered_model("churn", {"task": "classification"}, "Who will leave?")
    client.create_registered_model("fraud-detection")
    client.create_registered_model("no-versions", description="ü")
    for run_id in run_ids:
        source = f"{client.get_run(run_id).info.artifact_uri}/model"
        client.create_model_version("churn", source, run_id, {"from": run_id}, None, f"of {run_id}")
    newest = client.create_model_version("churn", f"{client.get_run(run_ids[0]).info.artifact_uri}/model", run_ids[0])
    # A gap in the numbers, and one at the end that MLflow uses again.
    client.delete_model_version("churn", "2")
    client.transition_model_version_stage("churn", "1", "Production")
    client.transition_model_version_stage("churn", newest.version, "Staging")
    client.set_registered_model_alias("churn", "champion", "1")
    client.set_registered_model_alias("churn", "challenger", newest.version)
    client.set_model_version_tag("churn", "1", "validation_status", "passed")
    client.create_model_version("fraud-detection", f"{client.get_run(run_ids[1]).info.artifact_uri}/model", run_ids[1])
    client.transition_model_version_stage("fraud-detection", "1", "Archived")


if __name__ == "__main__":
    fill(sys.argv[1], *map(int, sys.argv[2:]), artifact_root="s3://bucket/far")
