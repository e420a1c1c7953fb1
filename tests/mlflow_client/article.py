"""The functions that the article has its readers write, with what it leaves open passed in.

Word for word where that runs: only the client, the data to validate on, the clock and what depends on the machine are arguments here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pandas
from sklearn.metrics import roc_auc_score

from tests.mlflow_client.training import Trained

if TYPE_CHECKING:
    from mlflow import MlflowClient

Results = dict[str, Any]


def validate_model(
    mlflow: ModuleType,
    model_name: str,
    version: str,
    data: Trained,
    expected_rate: float,
    calls: int = 100,
    slowest: float = 5.0,
) -> Results:
    """Performance, latency and prediction distribution of a stored version, measured on `data`."""
    model = mlflow.sklearn.load_model(f"models:/{model_name}/{version}")
    results: Results = {"passed": True, "errors": [], "metrics": {}}

    predictions = model.predict(data.unseen)
    results["metrics"]["auc"] = roc_auc_score(data.labels, predictions)
    if results["metrics"]["auc"] < 0.85:
        results["errors"].append(f"AUC too low: {results['metrics']['auc']}")
        results["passed"] = False

    latencies = []
    for _ in range(calls):
        start = time.time()
        model.predict(data.unseen[:10])
        latencies.append(time.time() - start)
    avg_latency = sum(latencies) / len(latencies)
    results["metrics"]["avg_latency_ms"] = avg_latency * 1000
    if avg_latency > slowest:
        results["errors"].append(f"Latency too high: {avg_latency * 1000:.2f}ms")
        results["passed"] = False

    pred_mean = predictions.mean()
    if abs(pred_mean - expected_rate) > 0.05:
        results["errors"].append(f"Unusual prediction distribution: mean={pred_mean}")
        results["passed"] = False
    return results


def promote_model(
    client: MlflowClient,
    model_name: str,
    version: str,
    target_stage: str,
    validate: Callable[[str, str], Results],
) -> None:
    if target_stage == "Production":
        validation_result = validate(model_name, version)
        if not validation_result["passed"]:
            raise ValueError(f"Validation failed: {validation_result['errors']}")
    client.transition_model_version_stage(
        name=model_name, version=version, stage=target_stage, archive_existing_versions=True
    )
    client.set_model_version_tag(
        name=model_name,
        version=version,
        key=f"promoted_to_{target_stage.lower()}",
        value=datetime.now().isoformat(),
    )


def compare_models(client: MlflowClient, model_name: str, versions: list[str]) -> pandas.DataFrame:
    comparison = []
    for version in versions:
        mv = client.get_model_version(model_name, version)
        run = client.get_run(mv.run_id)
        comparison.append(
            {
                "version": version,
                "stage": mv.current_stage,
                "created": mv.creation_timestamp,
                "metrics": run.data.metrics,
                "params": run.data.params,
            }
        )
    # The article selects "metrics.auc" of a plain DataFrame, which has no such column.
    return pandas.json_normalize(comparison)


def get_model_lineage(client: MlflowClient, model_name: str, version: str) -> Results:
    mv = client.get_model_version(model_name, version)
    run = client.get_run(mv.run_id)
    lineage: Results = {
        "model_name": model_name,
        "version": version,
        "run_id": mv.run_id,
        "experiment_id": run.info.experiment_id,
        "artifact_uri": run.info.artifact_uri,
        "source_code": run.data.tags.get("mlflow.source.name"),
        "git_commit": run.data.tags.get("mlflow.source.git.commit"),
        "training_data": [],
        "features": [],
    }
    inputs = run.inputs.dataset_inputs if hasattr(run.inputs, "dataset_inputs") else []
    for input_dataset in inputs:
        lineage["training_data"].append({"name": input_dataset.dataset.name, "digest": input_dataset.dataset.digest})
    feature_spec = run.data.tags.get("sparkml.features")
    if feature_spec:
        lineage["features"] = feature_spec.split(",")
    return lineage


def cleanup_old_versions(client: MlflowClient, model_name: str, keep_versions: int = 5) -> None:
    versions = client.search_model_versions(f"name='{model_name}'")
    versions = sorted(versions, key=lambda v: v.creation_timestamp, reverse=True)
    for version in versions[keep_versions:]:
        if version.current_stage not in ["Production", "Staging"]:
            client.transition_model_version_stage(name=model_name, version=version.version, stage="Archived")


def delete_archived_versions(client: MlflowClient, model_name: str, older_than_days: int = 90) -> None:
    cutoff = datetime.now() - timedelta(days=older_than_days)
    versions = client.search_model_versions(f"name='{model_name}' and current_stage='Archived'")
    for version in versions:
        created = datetime.fromtimestamp(version.creation_timestamp / 1000)
        if created < cutoff:
            client.delete_model_version(model_name, version.version)
