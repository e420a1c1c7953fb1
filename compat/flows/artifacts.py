"""Files of runs, small and large."""

from __future__ import annotations

import os
from unittest import mock

from compat.flows.given import Given
from compat.flows.steps import step
from tests.support.answers import answers

FILES = "Files"
PART = 100_000


@step(FILES, "send files and folders, list them, and fetch them again")
def files(given: Given) -> None:
    file = given.file("Größe: 5 µm".encode(), "notes on größe.txt")
    with given.mlflow.start_run() as run:
        given.mlflow.log_artifact(str(file))
        given.mlflow.log_artifacts(str(file.parent), "folder/inner")
        given.mlflow.log_dict({"a": [1]}, "config.json")

    run_id = run.info.run_id
    assert sorted(f.path for f in given.client.list_artifacts(run_id)) == ["config.json", "folder", file.name]
    (listed,) = given.client.list_artifacts(run_id, "folder/inner")
    assert (listed.path, listed.is_dir, listed.file_size) == (f"folder/inner/{file.name}", False, 14)
    folder = given.empty_folder()
    given.client.download_artifacts(run_id, "", str(folder))
    assert (folder / "folder" / "inner" / file.name).read_bytes() == file.read_bytes()
    assert given.mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json") == {"a": [1]}


@step(FILES, "a file that is not there is refused as such")
def missing(given: Given) -> None:
    with given.mlflow.start_run() as run:
        pass
    try:
        given.client.download_artifacts(run.info.run_id, "nothing.txt", str(given.empty_folder()))
    except Exception as error:
        assert "nothing.txt" in str(error) or "404" in str(error), str(error)
    else:
        raise AssertionError("there was something")


@step(FILES, "a large file, as the client sends it by itself")
def large(given: Given) -> None:
    _send_large(given, {}, in_parts=given.release >= (3, 17))


@step(FILES, "a large file in parts, where the client can (`MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD`)")
def large_in_parts(given: Given) -> None:
    _send_large(given, {"MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true"}, in_parts=given.release >= (2, 11))


def _send_large(given: Given, settings: dict[str, str], *, in_parts: bool) -> None:
    limits = {
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": str(5 * PART),
        "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": str(PART),
    }
    file = given.file(os.urandom(10 * PART + 1), "weights of größe 1.bin")
    with mock.patch.dict(os.environ, limits | settings), answers() as seen, given.mlflow.start_run() as run:
        given.mlflow.log_artifact(str(file))
        given.mlflow.log_artifact(str(file), "model/data")

    parts = sum("/uploads/parts/" in answer.request for answer in seen)
    assert parts == (22 if in_parts else 0), f"sent in {parts} parts"
    run_id = run.info.run_id
    for path in (file.name, f"model/data/{file.name}"):
        copy = given.client.download_artifacts(run_id, path, str(given.empty_folder()))
        with open(copy, "rb") as stored:
            assert stored.read() == file.read_bytes()
    (listed,) = given.client.list_artifacts(run_id, "model/data")
    assert listed.file_size == 10 * PART + 1
