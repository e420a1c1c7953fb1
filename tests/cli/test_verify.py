"""`modelkeep verify`."""

from __future__ import annotations

import contextlib
import sqlite3
import uuid
from pathlib import Path

import pytest

import modelkeep
from tests.cli.conftest import Run
from tests.registry.storing import digest_of
from tests.support.damage import flip


@pytest.fixture
def data(uri: str, request: pytest.FixtureRequest) -> Path:
    """The data folder of the registry at `uri`."""
    return request.getfixturevalue("server").data if uri.startswith("http") else Path(uri)


def test_a_version_that_is_whole_ends_with_0(run: Run, version: str) -> None:
    name = version.partition("/")[0]

    assert run("verify", f"models:/{version}").out == f"Version 1 of '{name}': 2 files, 112 bytes: all is well.\n"
    assert run("verify", version, "--json").json == {
        "name": name, "version": "1", "files": 2, "bytes": 112, "wrong": [],
    }  # fmt: skip


def test_damage_ends_with_1_and_the_file_is_named(
    run: Run, client: modelkeep.Client, model: str, run_id: str, tmp_path: Path, data: Path
) -> None:
    content = uuid.uuid4().bytes
    (tmp_path / "good").write_bytes(b"good")
    (tmp_path / "bad").write_bytes(content)
    client.log_artifacts(run_id, str(tmp_path), "model")
    client.create_model_version(model, f"runs:/{run_id}/model", run_id)
    digest = digest_of(content)
    flip(data / "blobs" / digest[:2] / digest[2:])

    ended = run("verify", f"{model}/1", "--json", code=None)

    assert ended.code == 1
    assert [wrong["path"] for wrong in ended.json["wrong"]] == ["bad"]
    assert ended.json["wrong"][0]["digest"] == digest
    lines = run("verify", f"{model}/1", code=None).out.splitlines()
    assert lines[0].startswith("bad: ")
    assert lines[1] == f"Version 1 of '{model}': 2 files, 20 bytes: 1 of 2 files are not what was registered."


def test_a_list_of_files_that_was_changed_is_found(run: Run, version: str, uri: str) -> None:
    if uri.startswith("http"):
        pytest.skip("the database of a running server is its own")
    name = version.partition("/")[0]
    database = sqlite3.connect(f"{uri}/modelkeep.db")
    with contextlib.closing(database), database:
        before = database.execute("SELECT id, size FROM manifests").fetchall()
        changed = database.execute("UPDATE manifest_files SET size = size + 1 WHERE path = 'data/weights'").rowcount
    try:
        assert before and changed
        assert f"of version 1 of '{name}' is not the one that its digest" in run("verify", version, code=1).err
    finally:
        database = sqlite3.connect(f"{uri}/modelkeep.db")
        with contextlib.closing(database), database:
            database.execute("UPDATE manifest_files SET size = size - 1 WHERE path = 'data/weights'")
    run("verify", version)


def test_what_cannot_be_compared_is_an_error(run: Run, client: modelkeep.Client, model: str) -> None:
    client.create_model_version(model, "s3://bucket/1")

    run("verify", f"{model}/2", code=3)
    assert "is not pinned" in run("verify", f"{model}/1", code=1).err
