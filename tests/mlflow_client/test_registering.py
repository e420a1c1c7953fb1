"""The article: "Registering Models", from a run, afterwards, and by hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_model_quickly, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


def test_logging_a_model_under_a_name_registers_version_1(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    with mlflow.start_run() as run:
        # As in the article: the second argument is where the files went before logged models had names.
        mlflow.sklearn.log_model(
            churn_model.estimator,
            "model",
            registered_model_name=model_name,
            pip_requirements=["scikit-learn"],
        )

    version = client.get_model_version(model_name, "1")
    assert (version.name, version.version) == (model_name, "1")
    assert version.run_id == run.info.run_id
    assert version.status == "READY"
    assert version.current_stage == "None"
    assert version.source.startswith("models:/m-")


def test_registering_a_run_afterwards_makes_the_next_version(
    mlflow: ModuleType, model_name: str, churn_model: Trained
) -> None:
    first = log_version(mlflow, churn_model, model_name)

    model_details = mlflow.register_model(f"runs:/{first.run_id}/model", model_name)

    assert model_details.version == "2"
    assert model_details.run_id == first.run_id


def test_registering_under_a_new_name_creates_the_model(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    with mlflow.start_run() as run:
        log_model_quickly(mlflow, churn_model)

    mlflow.register_model(f"runs:/{run.info.run_id}/model", model_name, tags={"team": "growth"})

    assert client.get_registered_model(model_name).name == model_name
    assert client.get_model_version(model_name, "1").tags == {"team": "growth"}


def test_registering_a_logged_model_by_its_uri(mlflow: ModuleType, model_name: str, churn_model: Trained) -> None:
    with mlflow.start_run() as run:
        info = log_model_quickly(mlflow, churn_model)

    version = mlflow.register_model(info.model_uri, model_name)

    assert (version.source, version.run_id) == (info.model_uri, run.info.run_id)
    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_two_versions_of_one_run_have_the_same_bytes(
    mlflow: ModuleType, model_name: str, churn_model: Trained, tmp_path: Path
) -> None:
    first = log_version(mlflow, churn_model, model_name)
    mlflow.register_model(f"runs:/{first.run_id}/model", model_name)

    one, two = (
        digests(mlflow.artifacts.download_artifacts(f"models:/{model_name}/{n}", dst_path=str(tmp_path / n)))
        for n in ("1", "2")
    )

    assert one == two
    assert {"MLmodel", "model.skops", "requirements.txt"} <= one.keys()


def digests(folder: str) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        # Written by the client after the download: it names the version.
        if path.is_file() and path.name != "registered_model_meta"
    }


def test_a_logged_model_knows_the_versions_made_of_it(
    mlflow: ModuleType, model_name: str, churn_model: Trained
) -> None:
    with mlflow.start_run():
        info = log_model_quickly(mlflow, churn_model, registered_model_name=model_name)
    mlflow.register_model(info.model_uri, model_name)

    tag = mlflow.get_logged_model(info.model_id).tags["mlflow.modelVersions"]
    for number in ("1", "2"):
        assert f'"version": "{number}"' in tag


def test_registering_a_run_without_such_a_model_creates_no_version(
    mlflow: ModuleType, client: MlflowClient, churn: str
) -> None:
    with mlflow.start_run() as run:
        pass

    with refused("INTERNAL_ERROR", saying="Unable to find a logged_model with artifact_path model"):
        mlflow.register_model(f"runs:/{run.info.run_id}/model", churn)

    assert client.search_model_versions(f"name='{churn}'") == []


def test_a_model_created_by_hand_keeps_its_description_and_tags(client: MlflowClient, model_name: str) -> None:
    tags = {"team": "fraud-prevention", "domain": "risk"}

    created = client.create_registered_model(
        name=model_name, description="Real-time fraud detection model for transactions", tags=tags
    )

    assert (created.name, created.tags) == (model_name, tags)
    model = client.get_registered_model(model_name)
    assert model.description == "Real-time fraud detection model for transactions"
    assert model.tags == tags
    assert model.latest_versions == []
    assert model.creation_timestamp == model.last_updated_timestamp == created.creation_timestamp


def test_a_model_is_created_once(client: MlflowClient, churn: str) -> None:
    with refused("RESOURCE_ALREADY_EXISTS", saying=f"Registered Model (name={churn}) already exists."):
        client.create_registered_model(churn)


def test_a_version_by_hand_may_name_a_run_the_server_does_not_know(client: MlflowClient, churn: str) -> None:
    created = client.create_model_version(
        name=churn,
        source="runs:/abc123/model",
        run_id="abc123",
        description="XGBoost model with 95% recall",
        tags={"framework": "xgboost"},
    )

    assert created.version == "1"
    version = client.get_model_version(churn, "1")
    assert (version.source, version.run_id) == ("runs:/abc123/model", "abc123")
    assert version.description == "XGBoost model with 95% recall"
    assert version.tags == {"framework": "xgboost"}
    assert version.status == "READY"
    assert client.get_model_version_download_uri(churn, "1") == "runs:/abc123/model"


def test_a_version_may_point_at_a_bucket(client: MlflowClient, churn: str) -> None:
    client.create_model_version(churn, source="s3://models/churn/7")

    assert client.get_model_version(churn, "1").source == "s3://models/churn/7"
    assert client.get_model_version_download_uri(churn, "1") == "s3://models/churn/7"


def test_a_version_of_a_model_that_does_not_exist_is_refused(client: MlflowClient, model_name: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={model_name} not found"):
        client.create_model_version(model_name, source="s3://models/churn/1")


def test_a_source_on_the_servers_own_disk_is_refused(client: MlflowClient, churn: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_model_version(churn, source="file:///etc")


def test_a_version_copied_to_another_model_has_the_same_model_in_it(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    client.set_model_version_tag(model_name, "1", "validation_status", "passed")
    production = f"{model_name}-production"

    copy = client.copy_model_version(f"models:/{model_name}/1", production)

    assert (copy.name, copy.version, copy.source) == (production, "1", f"models:/{model_name}/1")
    assert copy.tags == {"validation_status": "passed"}
    loaded = mlflow.sklearn.load_model(f"models:/{production}/1")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_a_copy_outlives_the_version_it_was_made_from(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    production = f"{model_name}-production"
    client.copy_model_version(f"models:/{model_name}/1", production)

    client.delete_registered_model(model_name)

    loaded = mlflow.sklearn.load_model(f"models:/{production}/1")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)
