"""Pinning: a version is the files that were at its source, whatever happens there afterwards."""

from __future__ import annotations

import hashlib

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Gone, Invalid, NotFound, PermissionDenied
from modelkeep.domain.versions import Version
from modelkeep.registry import artifacts, events, experiments, logged_models, manifests, models, runs, versions
from modelkeep.registry.handle import Registry
from tests.registry.test_artifacts import content_of, shown, store

UNKNOWN_RUN = "f" * 32


@pytest.fixture
def run(registry: Registry, actor: Actor) -> tuple[str, str]:
    """A run, and the folder of its files."""
    made = runs.create(actor, registry, experiments.create(actor, registry, "churn").id)
    return made.id, made.artifact_uri.removeprefix("mlflow-artifacts:/")


@pytest.fixture
def churn(registry: Registry, actor: Actor) -> str:
    models.create(actor, registry, "churn")
    return "churn"


def folder_of(version: Version) -> str:
    assert version.storage_location is not None
    return version.storage_location.removeprefix("mlflow-artifacts:/")


def register(registry: Registry, actor: Actor, run: tuple[str, str], content: bytes = b"weights") -> Version:
    store(registry, f"{run[1]}/model/MLmodel", b"flavors")
    store(registry, f"{run[1]}/model/data/model.skops", content)
    return versions.register(actor, registry, "churn", f"runs:/{run[0]}/model", run[0])


def test_nothing_that_happens_to_the_run_changes_a_version(registry, actor, run, churn):
    version = register(registry, actor, run)

    store(registry, f"{run[1]}/model/data/model.skops", b"other weights")
    store(registry, f"{run[1]}/model/data/more", b"more")
    artifacts.delete(actor, registry, f"{run[1]}/model/MLmodel")
    runs.delete(actor, registry, run[0])

    folder = folder_of(version)
    assert content_of(registry, f"{folder}/data/model.skops") == b"weights"
    assert content_of(registry, f"{folder}/MLmodel") == b"flavors"
    assert shown(artifacts.list(actor, registry, folder)) == [("MLmodel", False, 7), ("data", True, None)]
    assert shown(artifacts.list(actor, registry, f"{folder}/data")) == [("model.skops", False, 7)]


def test_the_manifest_names_every_file_with_its_digest(registry, actor, run, churn):
    register(registry, actor, run)

    manifest = manifests.get(actor, registry, churn, 1)

    assert manifest.text == "".join(
        f"{hashlib.sha256(content).hexdigest()} {len(content)} {path}\n"
        for path, content in (("MLmodel", b"flavors"), ("data/model.skops", b"weights"))
    )
    assert hashlib.sha256(manifest.text.encode()).hexdigest() == manifest.digest
    (event,) = events.page(actor, registry, kinds=["version.registered"])
    assert (event.payload["digest"], event.payload["files"], event.payload["size"]) == (manifest.digest, 2, 14)


def test_files_come_in_pages(registry, actor, run, churn):
    register(registry, actor, run)

    first = manifests.files(actor, registry, churn, "1", max_results=1)
    second = manifests.files(actor, registry, churn, "1", max_results=1, page_token=first.next_page_token)

    assert [file.path for file in (*first.items, *second.items)] == ["MLmodel", "data/model.skops"]
    assert second.next_page_token is None
    for wrong in ({"max_results": 0}, {"max_results": 1001}, {"page_token": "x"}):
        with pytest.raises(Invalid):
            manifests.files(actor, registry, churn, "1", **wrong)


def test_versions_of_equal_files_share_a_manifest(registry, actor, run, churn):
    register(registry, actor, run)
    register(registry, actor, run)

    assert manifests.get(actor, registry, churn, 1).digest == manifests.get(actor, registry, churn, 2).digest
    with registry.database.read() as tx:
        assert tx.one("SELECT count(*) FROM manifests", {}) == (1,)


def test_a_pinned_versions_files_cannot_be_written_or_deleted(registry, actor, run, churn):
    folder = folder_of(register(registry, actor, run))

    for path in (f"{folder}/MLmodel", f"{folder}/new", "registered-versions/x", "%72egistered-versions/1/1/MLmodel"):
        with pytest.raises(PermissionDenied, match="never change"):
            store(registry, path)
    for path in (f"{folder}/MLmodel", folder, "registered-versions", "registered-versions/1/"):
        with pytest.raises(PermissionDenied, match="never change"):
            artifacts.delete(actor, registry, path)
    assert content_of(registry, f"{folder}/MLmodel") == b"flavors"


def test_no_experiment_can_keep_its_files_among_those_of_versions(registry, actor):
    with pytest.raises(Invalid, match="registered-versions"):
        experiments.create(actor, registry, "x", "mlflow-artifacts:/registered-versions/1/1")


def test_a_copied_version_copies_the_pin_and_outlives_its_original(registry, actor, run, churn):
    register(registry, actor, run)
    models.create(actor, registry, "copy")

    copied = versions.register(actor, registry, "copy", "models:/churn/1")
    models.delete(actor, registry, "churn")

    assert folder_of(copied).startswith("registered-versions/")
    assert content_of(registry, f"{folder_of(copied)}/MLmodel") == b"flavors"
    with registry.database.read() as tx:
        assert tx.one("SELECT count(*) FROM manifests", {}) == (1,)


def test_files_of_a_deleted_version_are_not_found_until_it_is_restored(registry, actor, run, churn):
    folder = folder_of(register(registry, actor, run))

    versions.delete(actor, registry, churn, 1)
    with pytest.raises(NotFound):
        artifacts.find(actor, registry, f"{folder}/MLmodel")
    assert artifacts.list(actor, registry, folder).entries == []

    versions.restore(actor, registry, churn, 1)
    assert content_of(registry, f"{folder}/MLmodel") == b"flavors"


def test_a_renamed_model_keeps_the_address_of_its_files(registry, actor, run, churn):
    folder = folder_of(register(registry, actor, run))

    models.rename(actor, registry, churn, "loyalty")

    assert folder_of(versions.get(actor, registry, "loyalty", 1)) == folder
    assert content_of(registry, f"{folder}/MLmodel") == b"flavors"


def test_one_file_can_be_a_version(registry, actor, run, churn):
    store(registry, f"{run[1]}/model.onnx", b"weights")

    version = versions.register(actor, registry, churn, f"runs:/{run[0]}/model.onnx", run[0])
    copied = versions.register(actor, registry, churn, "models:/churn/1")
    artifacts.delete(actor, registry, f"{run[1]}/model.onnx")

    for each in (version, copied):
        assert folder_of(each).endswith("/model.onnx")
        assert content_of(registry, folder_of(each)) == b"weights"


def test_a_version_without_files_is_pinned_once_when_they_have_come(registry, actor, run, churn):
    version = versions.register(actor, registry, churn, f"runs:/{run[0]}/model", run[0])
    assert version.storage_location is None
    with pytest.raises(NotFound, match="not pinned"):
        manifests.get(actor, registry, churn, 1)
    with pytest.raises(Invalid, match="no files"):
        manifests.pin(actor, registry, churn, 1)

    store(registry, f"{run[1]}/model/MLmodel", b"flavors")
    pinned = manifests.pin(actor, registry, churn, "1")

    assert content_of(registry, f"{folder_of(pinned)}/MLmodel") == b"flavors"
    assert events.page(actor, registry)[-1].kind == "version.pinned"
    with pytest.raises(Conflict, match="already"):
        manifests.pin(actor, registry, churn, 1)


def test_a_version_of_another_store_or_of_an_unknown_run_is_not_pinned(registry, actor, churn):
    for source, run_id in (("s3://bucket/model", None), (f"runs:/{UNKNOWN_RUN}/model", UNKNOWN_RUN)):
        number = versions.register(actor, registry, churn, source, run_id).number
        with pytest.raises(Invalid, match="no files"):
            manifests.pin(actor, registry, churn, number)


def test_a_runs_address_finds_the_logged_model_that_the_run_wrote(registry, actor, run, churn):
    experiment_id = runs.get(actor, registry, run[0]).experiment_id
    logged = logged_models.create(actor, registry, experiment_id, "model", source_run_id=run[0])
    store(registry, logged.artifact_location.removeprefix("mlflow-artifacts:/") + "/MLmodel", b"flavors")

    version = versions.register(actor, registry, churn, f"runs:/{run[0]}/model", run[0])
    logged_models.delete(actor, registry, logged.id)

    assert content_of(registry, f"{folder_of(version)}/MLmodel") == b"flavors"


def test_names_that_differ_in_case_alone_make_no_version(registry, actor, run, churn):
    store(registry, f"{run[1]}/model/mlmodel")

    with pytest.raises(Invalid, match="cannot tell apart"):
        register(registry, actor, run)
    assert models.get(actor, registry, churn).latest_versions == []


def test_damaged_files_make_no_version(registry, actor, run, churn):
    store(registry, f"{run[1]}/model/MLmodel", b"flavors")
    with registry.database.write() as tx:
        tx.run("UPDATE blobs SET quarantined_timestamp = 1", {})

    with pytest.raises(Gone, match="damaged"):
        versions.register(actor, registry, churn, f"runs:/{run[0]}/model", run[0])


def test_a_reader_may_see_a_manifest_and_pin_nothing(registry, actor, reader, run, churn):
    register(registry, actor, run)

    assert manifests.get(reader, registry, churn, 1).size == 14
    with pytest.raises(PermissionDenied):
        manifests.pin(reader, registry, churn, 1)
