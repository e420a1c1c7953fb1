"""The article: "Comparing Model Versions"."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from sklearn.metrics import f1_score, roc_auc_score

from tests.mlflow_client.article import compare_models
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


def scores(trained: Trained) -> dict[str, float]:
    return {
        "auc": float(roc_auc_score(trained.labels, trained.predictions)),
        "f1": float(f1_score(trained.labels, trained.predictions)),
    }


def test_versions_are_compared_by_the_metrics_and_params_of_their_runs(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, blunt_model: Trained
) -> None:
    log_version(mlflow, blunt_model, model_name, params={"C": 0.0005}, metrics=scores(blunt_model))
    log_version(mlflow, churn_model, model_name, params={"C": 1.0}, metrics=scores(churn_model))
    client.transition_model_version_stage(model_name, "2", "Production")

    comparison = compare_models(client, model_name, ["1", "2"])

    shown = comparison[["version", "stage", "metrics.auc", "metrics.f1", "params.C"]]
    assert shown.to_dict("records") == [
        {
            "version": "1",
            "stage": "None",
            "metrics.auc": scores(blunt_model)["auc"],
            "metrics.f1": scores(blunt_model)["f1"],
            "params.C": "0.0005",
        },
        {
            "version": "2",
            "stage": "Production",
            "metrics.auc": scores(churn_model)["auc"],
            "metrics.f1": scores(churn_model)["f1"],
            "params.C": "1.0",
        },
    ]
    assert comparison["created"].is_monotonic_increasing


def test_a_version_without_a_known_run_cannot_be_compared(client: MlflowClient, churn: str) -> None:
    client.create_model_version(churn, source="runs:/abc123/model", run_id="abc123")

    with refused("RESOURCE_DOES_NOT_EXIST", saying="Run with id=abc123 not found"):
        compare_models(client, churn, ["1"])
