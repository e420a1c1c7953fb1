"""What every folder of tests may use, started when the first test asks for it, and which worker does which test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from modelkeep.registry import opening
from tests.support import postgres, sharing, stock
from tests.support.postgres import Cluster
from tests.support.stock import StockServer

# A generated test is the same each time, on a machine of any speed; a soak looks for examples that nobody has seen.
settings.register_profile(
    "suite",
    deadline=None,
    database=None,
    derandomize=not os.environ.get("MODELKEEP_SOAK"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: sharing.rank(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    config.option.loadscopereorder = False
    return sharing.ByWhatTheyShare(config, log)


@pytest.fixture(scope="session")
def stock_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StockServer]:
    """A server of the newest MLflow. Starting it takes long, so there is one for all."""
    with stock.start(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as it is before anything was done in it, to be copied."""
    folder = tmp_path_factory.mktemp("prepared") / "data"
    opening.prepare(folder)
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    url = cluster.make()
    yield url
    cluster.drop(url)


@pytest.fixture(autouse=True)
def surroundings() -> Iterator[None]:
    """What a test says to the whole process, it takes back: the tests after it may be any."""
    before = _surroundings()
    yield
    assert _surroundings() == before, "the test left a setting behind"


def _surroundings() -> dict[str, Any]:
    found: dict[str, Any] = {
        key: value
        for key, value in os.environ.items()
        if key.startswith(("MLFLOW_TRACKING_", "MLFLOW_REGISTRY_", "MODELKEEP_"))
    }
    service = sys.modules.get("mlflow.tracking._tracking_service.utils")
    if service is not None and service._tracking_uri is not None:
        found["the client's address"] = service._tracking_uri
    return found
