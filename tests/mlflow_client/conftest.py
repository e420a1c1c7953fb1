"""The stock `mlflow` client, pointed at a server of this test process's own."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from tests.mlflow_client import peer, training
from tests.support.answers import Answer
from tests.support.answers import answers as seen_answers
from tests.support.servers import start_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

# What a user's script may set. Without it a broken answer would be retried for four minutes.
CLIENT_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "120",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MPLBACKEND": "agg",
}

# The client's own warnings, and those it causes in the libraries it calls, are not ours to mend.
CLIENT_WARNINGS = (
    r"ignore:::mlflow(\.|$)",
    r"ignore:.*Model registry stages will be removed:FutureWarning",
    # Of a library that is first imported when the client waits for it; whether it is depends on the tests before.
    r"ignore:_ImportHookChainedLoader:ImportWarning",
    r"ignore:the load_module\(\) method is deprecated:DeprecationWarning",
)

HERE = Path(__file__).parent


# What takes a client a minute of its own, and asks of the server only what other tests here ask on both databases.
ON_ONE_DATABASE = ("test_autologging.py", "test_readme.py", "test_serving.py")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    again = []
    for item in items:
        if item.path.is_relative_to(HERE):
            for warning in CLIENT_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))
            if item.path.name in ON_ONE_DATABASE and "[postgres" in item.name:
                again.append(item)
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [item for item in items if item not in again]


@pytest.fixture(scope="session", params=["given"] if peer.SERVER_URL else ["sqlite", "postgres"])
def server_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if peer.SERVER_URL:
        yield peer.SERVER_URL
        return
    database = None if request.param == "sqlite" else request.getfixturevalue("cluster").make()
    with start_server(tmp_path_factory.mktemp("server") / "data", database=database) as server:
        yield server.url


@pytest.fixture
def mlflow(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The `mlflow` module as a script sees it that was started with MLFLOW_TRACKING_URI set.

    Each test has an experiment of its own, so that runs of tests beside it never show in its searches, and a folder
    of its own for temporary files: the client leaves everything it downloads there.
    """
    temporary = tmp_path_factory.mktemp("temporary")
    ours = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    settings = {**CLIENT_SETTINGS, "MLFLOW_TRACKING_URI": server_url, "TMPDIR": str(temporary)}
    with (
        mock.patch.dict(os.environ, {**ours, **settings}, clear=True),
        mock.patch.object(tempfile, "tempdir", str(temporary)),
    ):
        import mlflow
        import mlflow.sklearn

        mlflow.set_experiment(f"experiment-{uuid.uuid4().hex[:12]}")
        yield mlflow
        while mlflow.active_run():
            mlflow.end_run()


@pytest.fixture
def client(mlflow: ModuleType) -> MlflowClient:
    return mlflow.MlflowClient()


@pytest.fixture
def experiment_id(mlflow: ModuleType, client: MlflowClient) -> str:
    """The experiment that the `mlflow` fixture made active."""
    return os.environ["MLFLOW_EXPERIMENT_ID"]


@pytest.fixture
def model_name() -> str:
    return f"customer-churn-classifier-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def churn(client: MlflowClient, model_name: str) -> str:
    """The name of a registered model without versions."""
    client.create_registered_model(model_name)
    return model_name


@pytest.fixture(autouse=True)
def answers() -> Iterator[list[Answer]]:
    """Every HTTP answer this test's client received, retried ones included, in order.

    No request of a stock client may make the server fail, so a 5xx among them fails the test, even where the
    client got over it by trying again.
    """
    with seen_answers() as seen:
        yield seen
    assert peer.IS_PEER or not [answer for answer in seen if answer.status >= 500]


@pytest.fixture(scope="session")
def churn_model() -> training.Trained:
    return training.breast_cancer()


@pytest.fixture(scope="session")
def blunt_model() -> training.Trained:
    """Trained like `churn_model`, but so strongly regularised that it predicts differently."""
    return training.breast_cancer(strength=0.0005)


@pytest.fixture(scope="session")
def wine_tree() -> training.Trained:
    return training.wine_tree()


@pytest.fixture(scope="session")
def diabetes() -> training.Trained:
    return training.diabetes()
