"""A registered version is its bytes: the stock client loads it unchanged whatever happens to the run."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy
import pytest

from tests.mlflow_client import peer
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version
from tests.support.wire import Wire

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = pytest.mark.skipif(bool(peer.SERVER_URL), reason="MLflow's own server pins nothing")


def contents(folder: str) -> dict[str, str]:
    """Every file below a folder with its digest, but for what the client itself adds after a download."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.name != "registered_model_meta"
    }


def test_a_version_survives_the_overwriting_and_the_end_of_its_run_byte_for_byte(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, tmp_path: Path, server_url: str
) -> None:
    log_version(mlflow, churn_model, model_name)
    version = client.get_model_version(model_name, "1")
    run = client.get_run(version.run_id)
    download = mlflow.artifacts.download_artifacts
    before = contents(download(f"models:/{model_name}/1", dst_path=str(tmp_path / "before")))

    wire = Wire(server_url)
    logged = client.search_logged_models([run.info.experiment_id], filter_string=f"source_run_id='{run.info.run_id}'")
    places = [run.info.artifact_uri, *(model.artifact_location for model in logged)]
    for place in places:
        folder = place.removeprefix("mlflow-artifacts:/")
        for name in before:
            for target in (f"{folder}/{name}", f"{folder}/model/{name}"):
                wire.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{target}", b"overwritten")
                wire.send("DELETE", f"/api/2.0/mlflow-artifacts/artifacts/{target}")
    client.delete_run(run.info.run_id)
    for model in logged:
        client.delete_logged_model(model.model_id)

    after = contents(download(f"models:/{model_name}/1", dst_path=str(tmp_path / "after")))
    assert len(before) >= 3
    assert after == before
    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_the_manifest_is_what_the_client_downloads(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, tmp_path: Path, server_url: str
) -> None:
    log_version(mlflow, churn_model, model_name)

    found = contents(mlflow.artifacts.download_artifacts(f"models:/{model_name}/1", dst_path=str(tmp_path)))

    answer = Wire(server_url).get("/api/2.0/modelkeep/versions/files", name=model_name, version="1").json
    assert {file["path"]: file["digest"] for file in answer["files"]} == found


def test_nobody_can_log_into_a_version(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, tmp_path: Path
) -> None:
    log_version(mlflow, churn_model, model_name)
    uri = client.get_model_version_download_uri(model_name, "1")
    (tmp_path / "MLmodel").write_text("mine")
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(uri)

    with pytest.raises(Exception, match=r"403|never change"):
        repository.log_artifact(str(tmp_path / "MLmodel"))
    with pytest.raises(Exception, match=r"403|never change"):
        repository.delete_artifacts("MLmodel")


def test_a_copied_version_has_the_bytes_of_its_original_after_that_is_deleted(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    copied = client.copy_model_version(f"models:/{model_name}/1", f"{model_name}-copy")
    client.delete_registered_model(model_name)

    loaded = mlflow.sklearn.load_model(f"models:/{copied.name}/{copied.version}")

    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(model_name, "1")


def test_a_version_made_from_the_address_of_a_run_has_its_model(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    from tests.mlflow_client.training import log_model_quickly

    with mlflow.start_run() as run:
        log_model_quickly(mlflow, churn_model)
    client.create_registered_model(model_name)
    client.create_model_version(model_name, f"runs:/{run.info.run_id}/model", run_id=run.info.run_id)
    client.delete_run(run.info.run_id)

    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")

    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)
