"""The SDK against MLflow's own server: everything that MLflow has works, and what it lacks is said clearly."""

from __future__ import annotations

import uuid

import pandas
import pytest

import modelkeep
from modelkeep.exceptions import AlreadyExists, Invalid, NotFound, NotImplementedHere
from tests.support.stock import StockServer

pytestmark = pytest.mark.timeout(900)  # starting MLflow's server takes over a minute on a busy machine


@pytest.fixture
def uri(stock_server: StockServer) -> str:
    return stock_server.url


def test_a_registered_model_lives_its_life(client, model):
    client.update_registered_model(model, "about")
    client.set_registered_model_tag(model, "a", "b")
    for _ in range(2):
        client.create_model_version(model, "s3://bucket/model", tags={"n": 1})
    client.transition_model_version_stage(model, 1, "Production")
    client.transition_model_version_stage(model, 2, "Production", archive_existing_versions=True)
    client.set_registered_model_alias(model, "champion", 2)

    assert client.get_model_version(model, 1).current_stage == "Archived"
    assert client.get_model_version_by_alias(model, "champion").version == "2"
    assert client.get_registered_model(model).aliases == {"champion": "2"}
    assert [each.version for each in client.get_latest_versions(model, ["Production"])] == ["2"]
    assert len(client.search_model_versions(f"name='{model}'")) == 2
    assert client.copy_model_version(f"models:/{model}/2", f"{model}-copy").tags == {"n": "1"}
    client.delete_model_version(model, 1)
    with pytest.raises(NotFound):
        client.get_model_version(model, 1)
    with pytest.raises(AlreadyExists):
        client.create_registered_model(model)
    with pytest.raises(Invalid):
        client.transition_model_version_stage(model, 2, "Nowhere")
    client.delete_registered_model_alias(model, "champion")
    assert client.rename_registered_model(model, f"{model}-new").name == f"{model}-new"
    client.delete_registered_model(f"{model}-new")


def test_a_run_is_logged_and_found(client, uri, tmp_path):
    modelkeep.set_tracking_uri(uri)
    name = f"experiment-{uuid.uuid4().hex[:8]}"
    modelkeep.set_experiment(name)
    data = pandas.DataFrame({"x": [1, 2]})
    with modelkeep.start_run(run_name="first") as run:
        modelkeep.log_params({"depth": 3})
        modelkeep.log_metric("auc", 0.9, step=1)
        modelkeep.log_metrics({"auc": 0.92, "nan": float("nan")}, step=2)
        modelkeep.set_tags({"team": "risk"})
        modelkeep.log_input(modelkeep.data.from_pandas(data, name="churn"), "training")
        modelkeep.log_dict({"a": 1}, "report.json")

    found = client.get_run(run.info.run_id)

    assert found.info.status == "FINISHED" and found.data.params == {"depth": "3"}
    assert found.data.metrics["auc"] == 0.92 and found.data.metrics["nan"] != found.data.metrics["nan"]
    assert found.inputs.dataset_inputs[0].dataset.name == "churn"
    assert [point.value for point in client.get_metric_history(run.info.run_id, "auc")] == [0.9, 0.92]
    assert len(modelkeep.search_runs(experiment_names=[name])) == 1
    assert modelkeep.artifacts.load_dict(f"runs:/{run.info.run_id}/report.json") == {"a": 1}
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["report.json"]
    with pytest.raises(NotFound):
        client.download_artifacts(run.info.run_id, "nothing")


def test_files_are_registered_and_fetched(client, uri, model, tmp_path):
    modelkeep.set_tracking_uri(uri)
    folder = tmp_path / "files"
    (folder / "data").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "weights.bin").write_bytes(b"w" * (20 * 1024 * 1024))
    with modelkeep.start_run(experiment_id="0") as run:
        modelkeep.log_artifacts(str(folder), "model")
        logged = client.create_logged_model("0", "tree", run.info.run_id, params={"a": "b"})
        client.log_model_artifacts(logged.model_id, str(folder))
        client.finalize_logged_model(logged.model_id, "READY")

    for address in (f"runs:/{run.info.run_id}/model", f"runs:/{run.info.run_id}/tree"):
        version = modelkeep.register_model(address, model)
        path = client.download_uri(f"models:/{model}/{version.version}")
        assert (path / "MLmodel").read_text() == "flavors: {}\n"
        assert (path / "data" / "weights.bin").stat().st_size == 20 * 1024 * 1024
    assert (client.download_uri(f"runs:/{run.info.run_id}/tree") / "MLmodel").exists()


def test_what_it_lacks_is_said(client):
    for lacking in (
        lambda: client.events(),
        lambda: client.restore_registered_model("churn"),
        lambda: client.get_model_version_manifest("churn", 1),
    ):
        with pytest.raises(NotImplementedHere, match="does not have this call of Modelkeep's"):
            lacking()
