"""log_model: a model that a run wrote, registered, and loaded again by every kind of address."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
import numpy as np
import pytest

import modelkeep
import modelkeep.pyfunc
import modelkeep.sklearn
from modelkeep.client import connections
from modelkeep.flavors.errors import Untrusted
from tests.flavors.models import make
from tests.support.servers import RunningServer, start_server

MODEL, DATA = make("random forest")
EXPECTED = MODEL.predict(DATA)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(params=["embedded", "server"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    found = request.getfixturevalue("server").url if request.param == "server" else str(tmp_path / "registry")
    modelkeep.set_tracking_uri(found)
    yield found
    connections.close_all()


@pytest.fixture
def mlflow_server(server: RunningServer) -> Iterator[RunningServer]:
    """The server, to which mlflow's own functions go too."""
    mlflow.set_tracking_uri(server.url)
    yield server
    mlflow.set_tracking_uri(None)


def _log(name: str) -> modelkeep.sklearn.ModelInfo:
    with modelkeep.start_run():
        return modelkeep.sklearn.log_model(
            MODEL, "model", registered_model_name=name, input_example=DATA.head(2), metadata={"team": "flowers"}
        )


def test_a_logged_model_is_found_by_every_address(uri, request):
    name = request.node.name.partition("[")[2].strip("]") + "-addresses"
    info = _log(name)
    client = modelkeep.MlflowClient()
    client.set_registered_model_alias(name, "champion", info.registered_model_version)

    assert (info.registered_model_version, info.version.version, info.version.run_id) == (1, "1", info.run_id)
    assert info.model_uri == f"models:/{info.model_id}"
    assert info.signature.inputs.input_names() == list(DATA.columns)
    assert client.get_logged_model(info.model_id).status == "READY"
    assert [each.model_id for each in client.get_run(info.run_id).outputs.model_outputs] == [info.model_id]
    for address in (f"models:/{name}/1", f"models:/{name}@champion", info.model_uri, f"runs:/{info.run_id}/model"):
        assert np.array_equal(modelkeep.sklearn.load_model(address).predict(DATA), EXPECTED)
        loaded = modelkeep.pyfunc.load_model(address)
        assert np.array_equal(loaded.predict(DATA), EXPECTED)
        assert (loaded.metadata.metadata, loaded.model_id) == ({"team": "flowers"}, info.model_id)


def test_mlflow_loads_from_a_server_what_we_logged_there(mlflow_server):
    modelkeep.set_tracking_uri(mlflow_server.url)
    info = _log("to-mlflow")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for address in ("models:/to-mlflow/1", f"runs:/{info.run_id}/model", info.model_uri):
            assert np.array_equal(mlflow.sklearn.load_model(address).predict(DATA), EXPECTED)
        assert np.array_equal(mlflow.pyfunc.load_model("models:/to-mlflow/1").predict(DATA), EXPECTED)
        assert mlflow.models.get_model_info(info.model_uri).signature.inputs.input_names() == list(DATA.columns)


def test_what_mlflow_logged_to_a_server_is_loaded(mlflow_server):
    modelkeep.set_tracking_uri(mlflow_server.url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mlflow.start_run() as run:
            mlflow.sklearn.log_model(
                MODEL,
                name="model",
                registered_model_name="from-mlflow",
                skops_trusted_types=["sklearn.tree._tree.Tree"],
                pip_requirements=["scikit-learn"],
            )

    for address in ("models:/from-mlflow/1", f"runs:/{run.info.run_id}/model"):
        assert np.array_equal(modelkeep.sklearn.load_model(address).predict(DATA), EXPECTED)


def test_bytes_that_are_not_those_that_were_registered_are_never_opened(uri, request, monkeypatch):
    name = request.node.name.partition("[")[2].strip("]") + "-damaged"
    _log(name)
    client = modelkeep.MlflowClient()
    (file,) = [each for each in client.list_model_version_files(name, 1) if each.path == "model.skops"]
    data = request.getfixturevalue("server").data if uri.startswith("http") else Path(uri)
    (stored,) = [each for each in data.rglob("*") if each.is_file() and file.digest[4:] in each.name]
    stored.chmod(0o644)
    stored.write_bytes(b"\0" * file.size)

    # The registry finds it, or what came from it is found; which one depends on what each has looked at before.
    with pytest.raises((modelkeep.exceptions.DigestMismatch, modelkeep.exceptions.Gone)):
        modelkeep.sklearn.load_model(f"models:/{name}/1")


def test_a_pickle_from_a_registry_needs_trust(uri):
    with modelkeep.start_run() as run:
        modelkeep.pyfunc.log_model("double", python_model=lambda data: data * 2)

    address = f"runs:/{run.info.run_id}/double"
    with pytest.raises(Untrusted, match="The same holds for a file on this disk as for one from a server"):
        modelkeep.pyfunc.load_model(address)
    assert modelkeep.pyfunc.load_model(address, trust=True).predict(2) == 4


def test_files_that_a_model_reads_stay_until_it_is_gone(uri, tmp_path):
    (tmp_path / "factor.txt").write_text("3")

    class Reading(modelkeep.pyfunc.PythonModel):
        def load_context(self, context):
            self.path = context.artifacts["factor"]

        def predict(self, context, model_input, params=None):
            with open(self.path) as file:
                return model_input * int(file.read())

    with modelkeep.start_run():
        info = modelkeep.pyfunc.log_model(
            python_model=Reading(), artifacts={"factor": str(tmp_path / "factor.txt")}, name="reading"
        )

    loaded = modelkeep.pyfunc.load_model(info.model_uri, trust=True)
    folder = Path(loaded.unwrap_python_model().path)
    assert loaded.predict(2) == 6
    del loaded
    assert not folder.exists()


def test_nothing_is_left_behind_by_loading(uri, tmp_path, monkeypatch):
    import tempfile

    (tmp_path / "temporary").mkdir()
    info = _log("left-behind")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    modelkeep.sklearn.load_model(info.model_uri)
    modelkeep.pyfunc.load_model(info.model_uri)
    with pytest.raises(modelkeep.NotFound):
        modelkeep.sklearn.load_model("models:/left-behind/99")

    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_destination_keeps_the_files(uri, tmp_path):
    info = _log("kept")

    modelkeep.sklearn.load_model(info.model_uri, dst_path=str(tmp_path / "here"))

    assert list((tmp_path / "here").rglob("model.skops"))


def test_a_model_that_cannot_be_saved_is_marked_as_failed(uri):
    with modelkeep.start_run() as run, pytest.raises(modelkeep.Invalid, match="does not predict"):
        modelkeep.pyfunc.log_model("model", python_model=1)

    (found,) = modelkeep.MlflowClient().search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    assert found.status == "FAILED"


def test_without_a_run_a_model_is_of_the_experiment(uri):
    info = modelkeep.sklearn.log_model(MODEL, name="alone", params={"trees": 10}, tags={"team": "flowers"})

    found = modelkeep.MlflowClient().get_logged_model(info.model_id)
    assert (info.run_id, found.source_run_id, found.params, found.name) == (None, None, {"trees": "10"}, "alone")
    assert found.tags["team"] == "flowers"
    assert modelkeep.active_run() is None
