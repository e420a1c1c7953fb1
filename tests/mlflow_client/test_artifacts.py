"""Files of runs, through the server."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import requests

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def run_id(client: MlflowClient, experiment_id: str) -> str:
    identity: str = client.create_run(experiment_id).info.run_id
    return identity


def test_a_file_comes_back_byte_for_byte(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "weights.bin").write_bytes(content)

    client.log_artifact(run_id, str(tmp_path / "weights.bin"))

    copy = client.download_artifacts(run_id, "weights.bin", dst_path=str(tmp_path_of(tmp_path, "out")))
    assert hashlib.sha256(Path(copy).read_bytes()).digest() == hashlib.sha256(content).digest()


def tmp_path_of(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_an_empty_file_comes_back_empty(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()

    client.log_artifact(run_id, str(tmp_path / "empty.txt"))

    (listed,) = client.list_artifacts(run_id)
    assert (listed.path, listed.is_dir) == ("empty.txt", False)
    # MLflow's server leaves a size of 0 out of its listing.
    assert not listed.file_size
    assert Path(client.download_artifacts(run_id, "empty.txt")).read_bytes() == b""


def test_a_folder_comes_back_with_its_folders(client: MlflowClient, run_id: str, tmp_path: Path) -> None:
    folder = tmp_path_of(tmp_path, "data")
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a.txt").write_text("A")
    (folder / "deep" / "b.txt").write_text("B")
    (folder / "deep" / "er" / "c.txt").write_text("C")

    client.log_artifacts(run_id, str(folder), artifact_path="data")

    copy = Path(client.download_artifacts(run_id, "data", dst_path=str(tmp_path_of(tmp_path, "out"))))
    files = {str(path.relative_to(copy)): path.read_text() for path in copy.rglob("*") if path.is_file()}
    assert files == {"a.txt": "A", "deep/b.txt": "B", "deep/er/c.txt": "C"}


def test_a_listing_shows_one_folder_with_sizes(client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "hello", "notes/today.txt")
    client.log_text(run_id, "1", "notes/old/yesterday.txt")
    client.log_text(run_id, "top", "readme.md")

    def listing(path: str | None) -> list[tuple[str, bool, int | None]]:
        return [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run_id, path)]

    assert listing(None) == [("notes", True, None), ("readme.md", False, 3)]
    assert listing("notes") == [("notes/old", True, None), ("notes/today.txt", False, 5)]
    assert listing("notes/today.txt") == []
    assert listing("nowhere") == []


def test_texts_dicts_and_figures_are_logged(mlflow: ModuleType, client: MlflowClient) -> None:
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([1, 2, 3])
    with mlflow.start_run() as run:
        mlflow.log_text("Grüße", "greeting.txt")
        mlflow.log_dict({"threshold": 0.5}, "config.json")
        mlflow.log_dict({"threshold": 0.5}, "config.yaml")
        mlflow.log_figure(figure, "plots/curve.png")

    root = run.info.artifact_uri
    assert mlflow.artifacts.load_text(f"{root}/greeting.txt") == "Grüße"
    assert mlflow.artifacts.load_dict(f"{root}/config.json") == {"threshold": 0.5}
    assert mlflow.artifacts.load_text(f"{root}/config.yaml") == "threshold: 0.5\n"
    png = Path(client.download_artifacts(run.info.run_id, "plots/curve.png")).read_bytes()
    assert png.startswith(b"\x89PNG")


def test_a_table_grows_with_every_log(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_table({"question": ["a"], "score": [1]}, "answers.json")
        mlflow.log_table({"question": ["b"], "score": [2]}, "answers.json")

    table = mlflow.load_table("answers.json", run_ids=[run.info.run_id])
    assert table.to_dict("list") == {"question": ["a", "b"], "score": [1, 2]}


def test_logging_a_file_again_replaces_it(client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "a longer first text", "notes.txt")
    client.log_text(run_id, "second", "notes.txt")

    (listed,) = client.list_artifacts(run_id)
    assert listed.file_size == len("second")
    assert Path(client.download_artifacts(run_id, "notes.txt")).read_text() == "second"


@pytest.mark.parametrize("name", ["with space.txt", "größe 客户.txt", "100%.txt", "a+b&c=d.txt"])
def test_a_file_name_is_kept_as_it_is(client: MlflowClient, run_id: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(name)

    client.log_artifact(run_id, str(tmp_path / name))

    assert [listed.path for listed in client.list_artifacts(run_id)] == [name]
    assert Path(client.download_artifacts(run_id, name)).read_text() == name


def test_artifacts_are_found_by_their_uris(mlflow: ModuleType, client: MlflowClient, run_id: str) -> None:
    client.log_text(run_id, "hello", "notes/today.txt")

    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/today.txt") == "hello"
    listed = mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="notes")
    assert [file.path for file in listed] == ["notes/today.txt"]


def test_deleted_artifacts_are_gone(client: MlflowClient, run_id: str) -> None:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    client.log_text(run_id, "hello", "notes/today.txt")
    client.log_text(run_id, "top", "readme.md")
    repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)

    repository.delete_artifacts("notes")

    assert [file.path for file in client.list_artifacts(run_id)] == ["readme.md"]


def test_a_file_that_is_not_there_is_an_error(client: MlflowClient, run_id: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying="Failed to download artifacts from path 'nowhere.txt'"):
        client.download_artifacts(run_id, "nowhere.txt")


def test_a_path_out_of_the_run_is_refused(client: MlflowClient, run_id: str) -> None:
    with pytest.raises(requests.HTTPError, match="INVALID_PARAMETER_VALUE"):
        client.list_artifacts(run_id, "../..")


def test_files_of_one_run_are_not_those_of_another(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    other = client.create_run(experiment_id).info.run_id
    client.log_text(run_id, "mine", "notes.txt")
    client.log_text(other, "yours", "notes.txt")

    assert Path(client.download_artifacts(run_id, "notes.txt")).read_text() == "mine"
    assert Path(client.download_artifacts(other, "notes.txt")).read_text() == "yours"
