"""Large files, which the client sends in parts to addresses that the server gives out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import requests

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.test_authentication import modelkeep
from tests.support.servers import RunningServer, start_server

pytestmark = modelkeep_only("takes large files in one piece")

PART = 100_000


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the client sends in 11 parts, the last of them smaller."""
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", str(5 * PART))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(PART))
    file = tmp_path / "weights of größe 1.bin"
    file.write_bytes(os.urandom(10 * PART + 1))
    return file


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[RunningServer]:
    with start_server(tmp_path / "data", "--auth", "--base-path", "/registry") as server:
        yield server


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where this test's client sends its parts."""
    seen: list[str] = []
    put = requests.put

    def remember(url: str, **arguments: object) -> requests.Response:
        seen.append(url)
        return put(url, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(requests, "put", remember)
    return seen


@pytest.mark.parametrize("folder", [None, "model/data"])
def test_a_large_file_comes_back_byte_for_byte(
    mlflow: ModuleType, large: Path, addresses: list[str], tmp_path: Path, folder: str | None
) -> None:
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(large), folder)

    path = f"{folder}/{large.name}" if folder else large.name
    (tmp_path / "out").mkdir()
    copy = mlflow.MlflowClient().download_artifacts(run.info.run_id, path, dst_path=str(tmp_path / "out"))
    assert Path(copy).read_bytes() == large.read_bytes()
    assert len(addresses) == 11
    listed = mlflow.MlflowClient().list_artifacts(run.info.run_id, folder)
    assert [(file.path, file.file_size) for file in listed] == [(path, 10 * PART + 1)]


def test_a_large_file_replaces_the_one_before(mlflow: ModuleType, large: Path) -> None:
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(large))
        large.write_bytes(os.urandom(7 * PART))
        mlflow.log_artifact(str(large))

    copy = mlflow.MlflowClient().download_artifacts(run.info.run_id, large.name)
    assert Path(copy).read_bytes() == large.read_bytes()


def test_parts_are_sent_without_the_token_of_a_guarded_server_below_a_base_path(
    mlflow: ModuleType,
    guarded: RunningServer,
    large: Path,
    addresses: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = modelkeep("tokens", "create", "--user", "ann", "--role", "writer", data=guarded.data)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token["secret"])
    mlflow.set_experiment("guarded")

    with mlflow.start_run() as run:
        mlflow.log_artifact(str(large))

    assert len(addresses) == 11
    assert all(address.startswith(f"{guarded.url}/api/2.0/") for address in addresses)
    copy = mlflow.MlflowClient().download_artifacts(run.info.run_id, large.name)
    assert Path(copy).read_bytes() == large.read_bytes()


def test_a_reader_cannot_begin_an_upload(
    mlflow: ModuleType, guarded: RunningServer, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = modelkeep("tokens", "create", "--user", "eve", "--role", "reader", data=guarded.data)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", guarded.url)
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", token["secret"])
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    repository = get_artifact_repository("mlflow-artifacts:/0/somewhere", tracking_uri=guarded.url)
    with pytest.raises(requests.HTTPError, match="PERMISSION_DENIED"):
        repository.log_artifact(str(large))
