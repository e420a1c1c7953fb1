"""The article: "Model Validation", and MLflow's own evaluation of a model."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from sklearn.metrics import accuracy_score

from tests.mlflow_client.article import promote_model, validate_model
from tests.mlflow_client.training import Trained, log_model_quickly, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


def test_a_good_version_passes_and_is_promoted(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    validate = functools.partial(validate_model, mlflow, data=churn_model, expected_rate=churn_model.labels.mean())

    promote_model(client, model_name, "1", "Production", validate=validate)

    assert client.get_model_version(model_name, "1").current_stage == "Production"


def test_what_validation_measured_is_what_the_original_scores(
    mlflow: ModuleType, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)

    results = validate_model(mlflow, model_name, "1", churn_model, churn_model.predictions.mean())

    assert results["passed"], results["errors"]
    assert results["metrics"]["auc"] > 0.95
    assert results["metrics"]["avg_latency_ms"] > 0


def test_a_bad_version_fails_and_stays_where_it_was(
    mlflow: ModuleType, client: MlflowClient, model_name: str, blunt_model: Trained, churn_model: Trained
) -> None:
    log_version(mlflow, blunt_model, model_name)
    validate = functools.partial(validate_model, mlflow, data=churn_model, expected_rate=0.15)

    with pytest.raises(ValueError, match=r"Validation failed: .*Unusual prediction distribution"):
        promote_model(client, model_name, "1", "Production", validate=validate)

    version = client.get_model_version(model_name, "1")
    assert (version.current_stage, version.tags) == ("None", {})


@pytest.mark.filterwarnings("ignore:::sklearn")
def test_evaluating_a_registered_version_stores_its_metrics_plots_and_dataset(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    rows = churn_model.unseen.assign(benign=churn_model.labels)

    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(
            f"models:/{model_name}/1",
            rows,
            targets="benign",
            model_type="classifier",
            evaluator_config={"log_explainer": False, "log_model_explainability": False},
        )

    stored = client.get_run(run.info.run_id)
    expected = accuracy_score(churn_model.labels, churn_model.predictions)
    assert stored.data.metrics["accuracy_score"] == result.metrics["accuracy_score"] == expected
    assert stored.inputs.dataset_inputs[0].dataset.profile
    paths = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"confusion_matrix.png", "roc_curve_plot.png"} <= paths


def test_metrics_of_an_evaluation_reach_the_logged_model(mlflow: ModuleType, churn_model: Trained) -> None:
    with mlflow.start_run():
        info = log_model_quickly(mlflow, churn_model)
        dataset = mlflow.data.from_pandas(churn_model.unseen, name="unseen")
        mlflow.log_metrics({"auc": 0.97}, dataset=dataset, model_id=info.model_id)

    (metric,) = mlflow.get_logged_model(info.model_id).metrics
    assert (metric.key, metric.value, metric.dataset_name) == ("auc", 0.97, "unseen")
