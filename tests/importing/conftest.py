"""Sources written by MLflow, and registries to bring them to."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelkeep.client import connections
from tests.mlflow_client.conftest import CLIENT_SETTINGS, CLIENT_WARNINGS
from tests.support.servers import ROOT, RunningServer, start_server
from tests.support.stock import StockServer

HERE = Path(__file__).parent
DATA = HERE / "data"
IS_SOAK = bool(os.environ.get("MODELKEEP_SOAK"))

Import = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            for warning in (*CLIENT_WARNINGS, r"ignore:.*filesystem.*backend:FutureWarning"):
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of whoever runs the tests leaks in."""
    for name in list(os.environ):
        if name.startswith(("MODELKEEP_", "MLFLOW_")):
            monkeypatch.delenv(name)
    for name, value in CLIENT_SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MODELKEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    connections.close_all()


@pytest.fixture
def file_store(tmp_path: Path) -> Path:
    """A folder `mlruns` that MLflow 2.9.2 wrote, at another place than where it wrote it."""
    return Path(shutil.copytree(DATA / "file_store_2_9_2", tmp_path / "mlflow" / "mlruns"))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """An `mlflow.db` that MLflow 2.9.2 wrote, with the folder `mlruns` beside it."""
    folder = tmp_path / "mlflow"
    shutil.copytree(DATA / "database_2_9_2" / "artifacts", folder / "mlruns")
    connection = sqlite3.connect(folder / "mlflow.db")
    connection.executescript((DATA / "database_2_9_2" / "mlflow.sql").read_text())
    connection.close()
    return folder / "mlflow.db"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The data folder of a registry without a server."""
    return tmp_path / "data"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with start_server(tmp_path / "served") as server:
        yield server


@pytest.fixture
def bring() -> Import:
    """`modelkeep import mlflow …`, as a user runs it."""
    return run_import


def run_import(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `modelkeep import mlflow` to its end."""
    return subprocess.run(import_command(*arguments), capture_output=True, text=True, cwd=ROOT, check=False)


def import_command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "modelkeep", "import", "mlflow", *map(str, arguments)]


# `modelkeep import mlflow`, but killed at the n-th moment at which it begins or has done something in the registry.
MORTAL = """
import os, signal, sys, threading
from modelkeep.__main__ import run
from modelkeep.client.embedded import EmbeddedTransport

lock, left = threading.Lock(), int(sys.argv.pop(1))

def moment():
    global left
    with lock:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

def mortal(method):
    def wrapped(*args, **keywords):
        moment()
        result = method(*args, **keywords)
        moment()
        return result
    return wrapped

for name in ("call", "send"):
    setattr(EmbeddedTransport, name, mortal(getattr(EmbeddedTransport, name)))
run()
"""


def import_killed_at(moment: int, source: object, target: Path) -> int:
    """The exit code of an import that is killed after so many steps, unless it ends before."""
    command = [sys.executable, "-c", MORTAL, str(moment), *import_command(source, "--to", target)[3:]]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode


@pytest.fixture(scope="session")
def mlflow_server(stock_server: StockServer) -> StockServer:
    """A server of the newest MLflow, filled by its own client."""
    filling = [sys.executable, "-m", "tests.importing.filling", stock_server.url, "300" if IS_SOAK else "3"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    subprocess.run(filling, env=environment | CLIENT_SETTINGS, cwd=ROOT, check=True, capture_output=True)
    return stock_server
