"""One registry of each kind for all tests here; what is tested of the SDK is tested over both transports."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelkeep
from modelkeep.client import connections
from tests.support.servers import RunningServer, start_server


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of whoever runs the tests leaks in, and a cache of the test's own."""
    for name in list(os.environ):
        if name.startswith(("MODELKEEP_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODELKEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    connections.choose(None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start_server(tmp_path_factory.mktemp("server") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of the embedded registry."""
    yield tmp_path_factory.mktemp("embedded") / "data"
    connections.close_all()


@pytest.fixture(params=["embedded", "server"])
def uri(request: pytest.FixtureRequest) -> str:
    """The address of a registry of each kind."""
    if request.param == "server":
        return request.getfixturevalue("server").url
    return str(request.getfixturevalue("folder"))


@pytest.fixture
def client(uri: str) -> modelkeep.Client:
    return modelkeep.connect(uri)


@pytest.fixture
def model(client: modelkeep.Client) -> str:
    """The name of a registered model without versions."""
    return client.create_registered_model(f"churn-{uuid.uuid4().hex[:8]}").name


@pytest.fixture
def experiment_id(client: modelkeep.Client) -> str:
    return client.create_experiment(f"experiment-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def run_id(client: modelkeep.Client, experiment_id: str) -> str:
    return client.create_run(experiment_id).info.run_id
