"""Files through the client: sent, listed, fetched, checked."""

import os
from pathlib import Path

import pytest

import modelkeep
from modelkeep.client import environment
from modelkeep.exceptions import DigestMismatch, Invalid, NotFound
from tests.support.damage import flip


class Figure:
    """All that is asked of a figure."""

    def savefig(self, path, **arguments):
        Path(path).write_text(f"a figure {arguments}")


@pytest.fixture
def folder_of_files(tmp_path):
    folder = tmp_path / "files"
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "data" / "weights.bin").write_bytes(os.urandom(200_000))
    (folder / "data" / "deep" / "Ünï çode.txt").write_text("same")
    (folder / "copy.txt").write_text("same")
    (folder / "empty").write_bytes(b"")
    return folder


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
    }


def test_a_folder_comes_back_as_it_was(client, run_id, folder_of_files, tmp_path):
    client.log_artifacts(run_id, str(folder_of_files), "model")

    path = client.download_artifacts(run_id, "model", str(tmp_path / "to"))

    assert path == str(tmp_path / "to" / "model")
    assert tree(path) == tree(folder_of_files)
    assert [(each.path, each.is_dir, each.file_size) for each in client.list_artifacts(run_id, "model")] == [
        ("model/MLmodel", False, 12),
        ("model/copy.txt", False, 4),
        ("model/data", True, None),
        ("model/empty", False, 0),
    ]
    assert tree(client.download_artifacts(run_id, "model/data/deep")) == {"Ünï çode.txt": b"same"}
    whole = client.download_artifacts(run_id, "", str(tmp_path / "whole"))
    assert tree(Path(whole) / "model") == tree(folder_of_files)


def test_a_file_or_folder_is_logged_under_its_own_name(client, run_id, folder_of_files):
    client.log_artifact(run_id, str(folder_of_files / "MLmodel"))
    client.log_artifact(run_id, folder_of_files / "data", "inside")

    assert [each.path for each in client.list_artifacts(run_id)] == ["MLmodel", "inside"]
    assert [each.path for each in client.list_artifacts(run_id, "inside/data")] == [
        "inside/data/deep", "inside/data/weights.bin",
    ]  # fmt: skip
    assert Path(client.download_artifacts(run_id, "MLmodel")).read_text() == "flavors: {}\n"
    with pytest.raises(Invalid, match="There is no file"):
        client.log_artifact(run_id, str(folder_of_files / "nothing"))
    with pytest.raises(Invalid, match="There is no folder"):
        client.log_artifacts(run_id, str(folder_of_files / "nothing"))
    with pytest.raises(NotFound, match="No such artifact"):
        client.download_artifacts(run_id, "nothing")


def test_texts_dicts_and_figures_are_files(client, run_id, uri):
    client.log_text(run_id, "grüße", "notes/hello.txt")
    client.log_dict(run_id, {"auc": 0.9, "names": ["ö"]}, "report.json")
    client.log_dict(run_id, {"auc": 0.9}, "report.yaml")
    client.log_figure(run_id, Figure(), "plots/roc.png", save_kwargs={"dpi": 7})

    def read(path):
        return Path(client.download_artifacts(run_id, path)).read_text(encoding="utf-8")

    assert read("notes/hello.txt") == "grüße"
    assert read("report.yaml") == "auc: 0.9\n"
    assert read("plots/roc.png") == "a figure {'dpi': 7}"
    modelkeep.set_tracking_uri(uri)
    assert modelkeep.artifacts.load_dict(f"runs:/{run_id}/report.json") == {"auc": 0.9, "names": ["ö"]}
    with pytest.raises(Invalid, match="is not a figure"):
        client.log_figure(run_id, object(), "plots/x.png")
    with pytest.raises(Invalid, match="names a folder"):
        client.log_text(run_id, "x", "notes/")


@pytest.fixture
def pinned(client, model, run_id, folder_of_files):
    """A version with files."""
    client.log_artifacts(run_id, str(folder_of_files), "model")
    return client.create_model_version(model, f"runs:/{run_id}/model", run_id)


def test_a_version_is_fetched_by_number_stage_and_alias(client, pinned, folder_of_files, tmp_path):
    name = pinned.name
    client.set_registered_model_alias(name, "champion", 1)
    client.transition_model_version_stage(name, 1, "Staging")

    for address in (
        f"models:/{name}/1",
        f"models:/{name}@champion",
        f"models:/{name}/staging",
        f"models:/{name}/latest",
    ):
        assert tree(client.download_uri(address)) == tree(folder_of_files)
    with pytest.raises(NotFound, match="no version in stage Production"):
        client.download_uri(f"models:/{name}/Production")
    with pytest.raises(Invalid, match="names no model"):
        client.download_uri("models:/a/b/c")
    with pytest.raises(Invalid, match="not an address of files"):
        client.download_uri("ftp://host/file")


def test_a_manifest_names_every_file(client, pinned, folder_of_files):
    files = client.list_model_version_files(pinned.name, pinned.version)

    assert {file.path: file.size for file in files} == {path: len(data) for path, data in tree(folder_of_files).items()}
    manifest = client.get_model_version_manifest(pinned.name, 1)
    assert manifest.file_count == len(files)
    assert manifest.text.splitlines() == [f"{file.digest} {file.size} {file.path}" for file in files]


def test_equal_files_are_sent_once_and_known_bytes_not_at_all(client, run_id, folder_of_files, monkeypatch):
    sent = []
    send = type(client.transport).send

    def counted(self, path, file, digest, size, progress):
        sent.append(path.rpartition("artifacts/")[2])
        return send(self, path, file, digest, size, progress)

    monkeypatch.setattr(type(client.transport), "send", counted)
    (folder_of_files / "copy.txt").write_bytes(unique := os.urandom(10))
    (folder_of_files / "data" / "deep" / "Ünï çode.txt").write_bytes(unique)
    (folder_of_files / "MLmodel").write_bytes(os.urandom(10))
    client.log_artifacts(run_id, str(folder_of_files), "first")
    first = [path for path in sent if path != "first/empty"]
    sent.clear()
    client.log_artifacts(run_id, str(folder_of_files), "second")

    assert sorted(first) == ["first/MLmodel", "first/copy.txt", "first/data/weights.bin"]
    assert sent == []
    assert tree(client.download_artifacts(run_id, "second")) == tree(folder_of_files)


def test_downloads_are_kept_by_digest(pinned, client, folder_of_files):
    if client.transport.is_local:
        pytest.skip("what is on this disk already needs no cache")
    client.download_uri(f"models:/{pinned.name}/1")
    kept = [path for path in (environment.cache() / "files").rglob("*") if path.is_file()]
    assert {path.read_bytes() for path in kept} == set(tree(folder_of_files).values())

    for path in kept:
        path.write_bytes(b"damaged on this disk")
    assert tree(client.download_uri(f"models:/{pinned.name}/1")) == tree(folder_of_files)
    assert {path.read_bytes() for path in kept} == set(tree(folder_of_files).values())


def test_a_download_goes_on_where_an_earlier_program_stopped(pinned, client, folder_of_files):
    if client.transport.is_local:
        pytest.skip("nothing is resumed on one disk")
    file = next(each for each in client.list_model_version_files(pinned.name, 1) if each.path == "data/weights.bin")
    data = (folder_of_files / "data" / "weights.bin").read_bytes()
    partial = environment.cache() / "partial" / file.digest
    partial.parent.mkdir(parents=True)
    for begun in (data[:150_000], data, b"x" * 150_000, data + b"more"):
        partial.write_bytes(begun)
        assert tree(client.download_uri(f"models:/{pinned.name}/1")) == tree(folder_of_files)
        (environment.cache() / "files" / file.digest[:2] / file.digest[2:]).unlink()


def test_files_without_a_cache_folder_are_fetched_all_the_same(pinned, client, folder_of_files, monkeypatch, tmp_path):
    (tmp_path / "in the way").write_text("")
    monkeypatch.setenv("MODELKEEP_CACHE", str(tmp_path / "in the way"))
    assert tree(client.download_uri(f"models:/{pinned.name}/1")) == tree(folder_of_files)


def test_damaged_bytes_in_process_are_a_named_error(tmp_path, folder_of_files):
    client = modelkeep.connect(tmp_path / "registry")
    run_id = client.create_run("0").info.run_id
    client.log_artifacts(run_id, str(folder_of_files), "model")
    client.create_registered_model("churn")
    client.create_model_version("churn", f"runs:/{run_id}/model", run_id)
    file = next(each for each in client.list_model_version_files("churn", 1) if each.path == "data/weights.bin")
    flip(tmp_path / "registry" / "blobs" / file.digest[:2] / file.digest[2:])

    with pytest.raises(DigestMismatch, match="should have " + file.digest):
        client.download_uri("models:/churn/1", str(tmp_path / "to"))

    assert not (tmp_path / "to" / "data" / "weights.bin").exists()
    client.transport.close()
