"""A server that asks who is calling, and the two ways in which the `mlflow` client can say it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy
import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version
from tests.support.servers import modelkeep_command, start_server

pytestmark = modelkeep_only("is not started by these tests")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded") / "data"


@pytest.fixture(scope="module")
def guarded_url(data: Path) -> Iterator[str]:
    with start_server(data, "--auth") as server:
        yield server.url


@pytest.fixture
def guarded(mlflow: ModuleType, guarded_url: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`mlflow` pointed at the guarded server, not saying who is calling."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded_url)
    return mlflow


def modelkeep(*arguments: str, data: Path) -> dict[str, str]:
    command = [*modelkeep_command(), *arguments, "--json", "--data", str(data)]
    answer: dict[str, str] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return answer


def test_a_call_without_a_token_is_refused(guarded: ModuleType, model_name: str) -> None:
    with refused("UNAUTHENTICATED"):
        guarded.MlflowClient().create_registered_model(model_name)


def test_a_token_is_accepted_as_bearer_for_everything_a_script_does(
    guarded: ModuleType, data: Path, model_name: str, churn_model: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = modelkeep("tokens", "create", "--user", "ann", "--role", "writer", data=data)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token["secret"])
    guarded.set_experiment("as-bearer")

    log_version(guarded, churn_model, model_name)

    loaded = guarded.sklearn.load_model(f"models:/{model_name}/1")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_a_token_is_accepted_as_the_password_of_its_user(
    guarded: ModuleType, data: Path, model_name: str, churn_model: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = modelkeep("tokens", "create", "--user", "bob", "--role", "writer", data=data)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", token["secret"])
    guarded.set_experiment("as-password")

    version = log_version(guarded, churn_model, model_name)

    assert version.version == "1"


def test_a_reader_reads_and_changes_nothing(
    guarded: ModuleType, data: Path, model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = modelkeep("tokens", "create", "--user", "ann", "--role", "writer", data=data)
    reader = modelkeep("tokens", "create", "--user", "eve", "--role", "reader", data=data)
    client = guarded.MlflowClient()
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", writer["secret"])
    client.create_registered_model(model_name)

    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", reader["secret"])

    assert client.get_registered_model(model_name).name == model_name
    with refused("PERMISSION_DENIED"):
        client.set_registered_model_tag(model_name, "team", "growth")
    assert client.get_registered_model(model_name).tags == {}


def test_a_revoked_token_is_worthless_at_once(
    guarded: ModuleType, data: Path, model_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = modelkeep("tokens", "create", "--user", "ann", "--role", "writer", data=data)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token["secret"])
    client = guarded.MlflowClient()
    client.create_registered_model(model_name)

    modelkeep("tokens", "revoke", token["token_id"], data=data)

    with refused("UNAUTHENTICATED"):
        client.get_registered_model(model_name)
