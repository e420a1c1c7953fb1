"""The article's sections with the import lines changed, on a registry of each kind, but for what loads models."""

from __future__ import annotations

import uuid

import pandas
import pytest

import modelkeep as mlflow
from modelkeep.tracking import MlflowClient
from tests.mlflow_client.article import (
    cleanup_old_versions,
    compare_models,
    delete_archived_versions,
    get_model_lineage,
    promote_model,
)


@pytest.fixture
def registry(uri, tmp_path):
    """A client whose registry has a model with four versions, each of a run of its own."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment(f"article-{uuid.uuid4().hex[:8]}")
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    client = MlflowClient()
    name = f"customer-churn-classifier-{uuid.uuid4().hex[:8]}"
    client.create_registered_model(
        name=name,
        description="Real-time fraud detection model for transactions",
        tags={"team": "fraud-prevention", "domain": "risk"},
    )
    dataset = mlflow.data.from_pandas(
        pandas.DataFrame({"total_orders": [1, 2]}), source="s3://lake/churn", name="churn"
    )
    for number in range(4):
        with mlflow.start_run() as run:
            mlflow.log_params({"depth": number})
            mlflow.log_metrics({"auc": 0.9 + number / 100, "f1": 0.8})
            mlflow.log_input(dataset, context="training")
            mlflow.set_tag("sparkml.features", "total_orders,lifetime_value")
            mlflow.log_artifacts(str(tmp_path), "model")
        model_details = mlflow.register_model(f"runs:/{run.info.run_id}/model", name)
        assert model_details.version == str(number + 1)
    return client, name


def test_versions_are_described_and_promoted(registry):
    client, name = registry
    client.update_model_version(name=name, version="3", description="Improved model with new features. AUC: 0.92")
    client.set_model_version_tag(name=name, version="3", key="validation_status", value="passed")
    promote_model(client, name, "3", "Staging", lambda model, version: {"passed": True})
    promote_model(client, name, "3", "Production", lambda model, version: {"passed": True})
    with pytest.raises(ValueError, match="Validation failed"):
        promote_model(client, name, "4", "Production", lambda model, version: {"passed": False, "errors": ["AUC"]})

    version = client.get_model_version(name, "3")

    assert (version.version, version.current_stage) == ("3", "Production")
    assert {"validation_status", "promoted_to_staging", "promoted_to_production"} <= set(version.tags)


def test_an_alias_switches_at_once(registry):
    client, name = registry
    client.set_registered_model_alias(name=name, alias="champion", version="3")
    client.set_registered_model_alias(name=name, alias="champion", version="4")
    assert (client.download_uri(f"models:/{name}@champion") / "MLmodel").exists()
    assert client.get_model_version_by_alias(name, "champion").version == "4"


def test_versions_are_compared(registry):
    client, name = registry
    comparison = compare_models(client, name, ["1", "2", "3", "4"])
    assert list(comparison["metrics.auc"]) == [0.9, 0.91, 0.92, 0.93]
    assert list(comparison[["version", "stage", "metrics.auc", "metrics.f1"]]["stage"]) == ["None"] * 4


def test_the_lineage_of_a_version_is_complete(registry):
    client, name = registry
    lineage = get_model_lineage(client, name, "3")
    run = client.get_run(client.get_model_version(name, "3").run_id)
    assert lineage["artifact_uri"] == run.info.artifact_uri
    assert lineage["training_data"] == [{"name": "churn", "digest": run.inputs.dataset_inputs[0].dataset.digest}]
    assert lineage["features"] == ["total_orders", "lifetime_value"]
    assert lineage["source_code"]


def test_old_versions_are_archived_and_deleted(registry):
    client, name = registry
    client.transition_model_version_stage(name=name, version="1", stage="Production")
    cleanup_old_versions(client, name, keep_versions=1)
    stages = {each.version: each.current_stage for each in client.search_model_versions(f"name='{name}'")}
    assert stages == {"1": "Production", "2": "Archived", "3": "Archived", "4": "None"}
    delete_archived_versions(client, name, older_than_days=-1)
    assert {each.version for each in client.search_model_versions(f"name='{name}'")} == {"1", "4"}
