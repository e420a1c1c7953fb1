"""Artifacts: files by path, stored once by digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact, Listing
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied, Unavailable
from modelkeep.domain.runs import Run
from modelkeep.registry import artifacts, models, opening, versions
from modelkeep.registry.handle import Registry
from modelkeep.storage import artifacts as rows
from modelkeep.storage import experiments as experiment_rows
from modelkeep.storage import runs as run_rows
from tests.support.hostile_paths import HOSTILE_PATHS

RUN = "0123456789abcdef0123456789abcdef"
ROOT = f"7/{RUN}/artifacts"
WRITER = Actor("wil", "writer", True, "embedded")


def store(registry: Registry, path: str, content: bytes = b"hello", actor: Actor = WRITER) -> Artifact:
    upload = registry.blobs.begin(len(content))
    upload.write(content)
    return artifacts.store(actor, registry, path, upload)


def content_of(registry: Registry, path: str) -> bytes:
    with registry.blobs.open(artifacts.find(WRITER, registry, path).digest) as file:
        return file.read()


def shown(listing: Listing) -> list[tuple[str, bool, int | None]]:
    return [(entry.path, entry.is_dir, entry.file_size) for entry in listing.entries]


def blob_files(registry: Registry) -> list[Path]:
    return [path for path in registry.blobs.folder.rglob("*") if not path.is_dir()]


def counted(registry: Registry, table: str) -> int:
    with registry.database.read() as tx:
        row = tx.one(f"SELECT count(*) FROM {table}", {})
    assert row is not None
    return int(row[0])


@pytest.fixture
def run(registry: Registry) -> str:
    add_run(registry, RUN, f"mlflow-artifacts:/{ROOT}")
    return RUN


def add_run(registry: Registry, run_id: str, artifact_uri: str) -> None:
    with registry.database.write() as tx:
        if experiment_rows.find(tx, 7) is None:
            experiment_rows.insert(tx, "churn", 1, 7)
        run_rows.insert(tx, Run(run_id, 7, "calm-owl-1", None, "RUNNING", 1, None, artifact_uri))


@pytest.fixture
def logged_model(registry: Registry, run: str) -> str:
    with registry.database.write() as tx:
        tx.run(
            """
            INSERT INTO logged_models
                (id, experiment_id, name, artifact_location, status, creation_timestamp, last_updated_timestamp)
            VALUES ('m-1', 7, 'clf', 'mlflow-artifacts:/7/models/m-1/artifacts', 'LOGGED_MODEL_READY', 1, 1)
            """,
            {},
        )
    return "m-1"


def test_a_stored_file_comes_back(registry: Registry) -> None:
    artifact = store(registry, "a/b.txt", b"hello")

    assert artifact.digest == hashlib.sha256(b"hello").hexdigest()
    assert artifact.size == 5
    assert artifacts.find(WRITER, registry, "a/b.txt") == artifact
    assert content_of(registry, "a/b.txt") == b"hello"


def test_storing_again_replaces_the_file(registry: Registry) -> None:
    store(registry, "a/b.txt", b"a longer first one")
    store(registry, "a/b.txt", b"second")

    assert content_of(registry, "a/b.txt") == b"second"
    assert shown(artifacts.list(WRITER, registry, "a")) == [("b.txt", False, 6)]


def test_the_same_bytes_at_two_paths_are_one_blob(registry: Registry) -> None:
    store(registry, "a", b"same")
    store(registry, "b", b"same")

    assert len(blob_files(registry)) == 1
    assert counted(registry, "blobs") == 1
    assert counted(registry, "artifacts") == 2


def test_a_finished_store_holds_no_lease(registry: Registry) -> None:
    store(registry, "a")

    assert counted(registry, "leases") == 0


def test_a_digest_is_leased_before_its_bytes_are_looked_for(registry: Registry) -> None:
    upload = registry.blobs.begin()
    upload.write(b"hello")
    digest, _ = upload.finish()

    lease = artifacts.reserve(WRITER, registry, "a", upload)

    with registry.database.read() as tx:
        assert tx.all("SELECT digest FROM leases", {}) == [(digest,)]
    assert registry.blobs.size(digest) is None
    upload.keep()
    artifacts.commit(WRITER, registry, "a", upload, lease)


def test_a_store_whose_lease_was_swept_is_given_up(registry: Registry) -> None:
    upload = registry.blobs.begin()
    upload.finish()
    lease = artifacts.reserve(WRITER, registry, "a", upload)
    upload.keep()
    with registry.database.write() as tx:
        rows.delete_lease(tx, lease)

    with pytest.raises(Unavailable, match="too long"):
        artifacts.commit(WRITER, registry, "a", upload, lease)

    with pytest.raises(NotFound):
        artifacts.find(WRITER, registry, "a")


def test_a_missing_file_is_not_found(registry: Registry) -> None:
    with pytest.raises(NotFound, match=r"^No such artifact: 'a/nope'$"):
        artifacts.find(WRITER, registry, "a/nope")


def test_a_folder_cannot_be_downloaded(registry: Registry) -> None:
    store(registry, "a/b")

    with pytest.raises(Invalid, match="'a' is a folder"):
        artifacts.find(WRITER, registry, "a")


def test_a_folder_cannot_become_a_file(registry: Registry) -> None:
    store(registry, "a/b/c")

    with pytest.raises(Invalid, match="'a/b' is a folder"):
        store(registry, "a/b", b"other")

    assert content_of(registry, "a/b/c") == b"hello"
    assert list((registry.blobs.folder / "incoming").iterdir()) == []


def test_a_file_cannot_become_a_folder(registry: Registry) -> None:
    store(registry, "a/b")

    with pytest.raises(Invalid, match="'a/b' is a file"):
        store(registry, "a/b/c/d", b"other")

    assert shown(artifacts.list(WRITER, registry, "a")) == [("b", False, 5)]


def test_a_folder_that_appeared_meanwhile_is_not_replaced(registry: Registry) -> None:
    upload = registry.blobs.begin()
    upload.finish()
    lease = artifacts.reserve(WRITER, registry, "a", upload)
    upload.keep()
    store(registry, "a/b")

    with pytest.raises(Invalid, match="'a' is a folder"):
        artifacts.commit(WRITER, registry, "a", upload, lease)


def test_names_around_a_slash_are_not_confused(registry: Registry) -> None:
    for path in ("m/x", "m-1", "m.txt", "m0", "mm/x", "m/x0/y", "m/x-"):
        store(registry, path)

    assert [entry.path for entry in artifacts.list(WRITER, registry).entries] == ["m", "m-1", "m.txt", "m0", "mm"]
    assert shown(artifacts.list(WRITER, registry, "m")) == [("x", False, 5), ("x-", False, 5), ("x0", True, None)]


def test_a_listing_shows_one_level(registry: Registry) -> None:
    store(registry, "a/one.txt", b"1")
    store(registry, "a/b/two.txt", b"22")
    store(registry, "a/b/c/three.txt", b"333")
    store(registry, "a/é/four.txt", b"4444")

    assert shown(artifacts.list(WRITER, registry)) == [("a", True, None)]
    assert shown(artifacts.list(WRITER, registry, "a/")) == [
        ("b", True, None),
        ("one.txt", False, 1),
        ("é", True, None),
    ]
    assert shown(artifacts.list(WRITER, registry, "a/é")) == [("four.txt", False, 4)]


@pytest.mark.parametrize("database", [None], ids=["sqlite"])  # counts the steps of SQLite's machine
def test_the_cost_of_a_listing_does_not_grow_with_what_lies_deeper(registry: Registry) -> None:
    store(registry, "a/deep/0")

    def steps_of_listing() -> int:
        steps = 0

        def count() -> bool:
            nonlocal steps
            steps += 1
            return False

        with registry.database.read() as tx:
            tx._connection.set_progress_handler(count, 1)
            assert len(rows.children(tx, "a")) == 1
            tx._connection.set_progress_handler(None)
        return steps

    steps_of_listing()  # the first one also prepares the statement
    before = steps_of_listing()
    with registry.database.write() as tx:
        digest = rows.under(tx, "a", 10)[0][0].digest
        for number in range(1000):
            rows.upsert(tx, Artifact(f"a/deep/{number}", digest, 5, 1))
    assert steps_of_listing() == before


@pytest.mark.parametrize("path", ["a/one.txt", "nowhere"])
def test_a_listing_of_what_is_no_folder_is_empty(registry: Registry, path: str) -> None:
    store(registry, "a/one.txt")

    assert artifacts.list(WRITER, registry, path).entries == []


def test_everything_under_a_folder_is_told_in_order(registry: Registry) -> None:
    for path in ("a/x", "a/b/c", "a-", "a0", "b"):
        store(registry, path)

    with registry.database.read() as tx:
        assert [file.path for file, _ in rows.under(tx, "a", 10)] == ["b/c", "x"]
        assert tx.one("SELECT count(*) FROM artifacts", {}) == (5,)


def test_deleting_a_file_leaves_its_neighbours(registry: Registry) -> None:
    store(registry, "a/x")
    store(registry, "a/x0")

    artifacts.delete(WRITER, registry, "a/x")

    assert shown(artifacts.list(WRITER, registry, "a")) == [("x0", False, 5)]


def test_deleting_a_folder_deletes_what_is_in_it(registry: Registry) -> None:
    for path in ("a/b/c", "a/b/d/e", "a/b0", "a/b-"):
        store(registry, path)

    artifacts.delete(WRITER, registry, "a/b/")

    assert [entry.path for entry in artifacts.list(WRITER, registry, "a").entries] == ["b-", "b0"]


def test_deleting_what_is_missing_is_no_error(registry: Registry) -> None:
    artifacts.delete(WRITER, registry, "nowhere")


@pytest.mark.parametrize("path", ["", "/", "."])
def test_the_root_cannot_be_deleted(registry: Registry, path: str) -> None:
    store(registry, "a")

    with pytest.raises(Invalid):
        artifacts.delete(WRITER, registry, path)

    assert counted(registry, "artifacts") == 1


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_hostile_path_is_refused_by_every_verb(registry: Registry, run: str, path: str) -> None:
    with pytest.raises(Invalid):
        store(registry, path)
    with pytest.raises(Invalid):
        artifacts.find(WRITER, registry, path)
    with pytest.raises(Invalid):
        artifacts.list(WRITER, registry, path)
    with pytest.raises(Invalid):
        artifacts.delete(WRITER, registry, path)
    with pytest.raises(Invalid):
        artifacts.find_of_run(WRITER, registry, run, path)
    with pytest.raises(Invalid):
        artifacts.list_of_run(WRITER, registry, run, path)
    assert blob_files(registry) == []


def test_a_reader_may_read_and_not_write(registry: Registry, reader: Actor) -> None:
    store(registry, "a")

    assert artifacts.find(reader, registry, "a").size == 5
    with pytest.raises(PermissionDenied):
        store(registry, "b", actor=reader)
    with pytest.raises(PermissionDenied):
        artifacts.delete(reader, registry, "a")
    assert counted(registry, "artifacts") == 1
    assert list((registry.blobs.folder / "incoming").iterdir()) == []


def test_nothing_is_stored_in_a_registry_served_read_only(registry: Registry, database: str | None) -> None:
    store(registry, "a")
    read_only = opening.open_registry(registry.folder, read_only=True, database=database)
    try:
        with pytest.raises(PermissionDenied, match="read-only"):
            store(read_only, "b")
        assert content_of(read_only, "a") == b"hello"
    finally:
        opening.close(read_only)


def test_changing_files_records_no_event(registry: Registry) -> None:
    before = counted(registry, "events")

    store(registry, "a")
    artifacts.delete(WRITER, registry, "a")

    assert counted(registry, "events") == before


def test_a_listing_of_a_run_is_told_from_its_root(registry: Registry, run: str) -> None:
    store(registry, f"{ROOT}/model/MLmodel")
    store(registry, f"{ROOT}/model/data/weights.bin")
    store(registry, f"{ROOT}/notes.txt")

    listing = artifacts.list_of_run(WRITER, registry, run_uuid=run)
    assert listing.root_uri == f"mlflow-artifacts:/{ROOT}"
    assert shown(listing) == [("model", True, None), ("notes.txt", False, 5)]
    assert shown(artifacts.list_of_run(WRITER, registry, run, "model")) == [
        ("model/MLmodel", False, 5),
        ("model/data", True, None),
    ]


def test_a_file_of_a_run_is_found_below_its_root(registry: Registry, run: str) -> None:
    store(registry, f"{ROOT}/notes.txt", b"mine")
    store(registry, "notes.txt", b"not mine")

    assert artifacts.find_of_run(WRITER, registry, run, "notes.txt").path == f"{ROOT}/notes.txt"
    assert artifacts.path_in_run(WRITER, registry, run, "new.txt") == f"{ROOT}/new.txt"


def test_an_unknown_run_has_no_files(registry: Registry) -> None:
    with pytest.raises(NotFound, match="Run with id=nope not found"):
        artifacts.list_of_run(WRITER, registry, "nope")
    with pytest.raises(NotFound, match="Run with id=nope not found"):
        artifacts.find_of_run(WRITER, registry, "nope", "a")
    with pytest.raises(Invalid, match="'run_id'"):
        artifacts.list_of_run(WRITER, registry)


def test_files_kept_elsewhere_are_refused_with_their_address(registry: Registry) -> None:
    add_run(registry, "elsewhere", "s3://bucket/7/elsewhere/artifacts")

    with pytest.raises(Invalid, match="s3://bucket/7/elsewhere"):
        artifacts.list_of_run(WRITER, registry, "elsewhere")


def test_a_page_token_is_refused_since_none_is_given_out(registry: Registry, run: str) -> None:
    with pytest.raises(Invalid, match="page_token"):
        artifacts.list_of_run(WRITER, registry, run, page_token="x")


def test_files_of_a_logged_model_are_listed_and_found(registry: Registry, logged_model: str) -> None:
    store(registry, "7/models/m-1/artifacts/MLmodel")
    store(registry, "7/models/m-1/artifacts/code/x.py")

    listing = artifacts.list_of_logged_model(WRITER, registry, logged_model)
    assert listing.root_uri == "mlflow-artifacts:/7/models/m-1/artifacts"
    assert shown(listing) == [("MLmodel", False, 5), ("code", True, None)]
    assert shown(artifacts.list_of_logged_model(WRITER, registry, logged_model, "code")) == [("code/x.py", False, 5)]
    assert artifacts.find_of_logged_model(WRITER, registry, logged_model, "MLmodel").size == 5
    with pytest.raises(NotFound):
        artifacts.list_of_logged_model(WRITER, registry, "m-2")


def test_files_of_a_version_are_found_at_its_source(registry: Registry, run: str, actor: Actor) -> None:
    store(registry, f"{ROOT}/model/MLmodel")
    models.create(actor, registry, "churn")
    versions.register(actor, registry, "churn", f"runs:/{run}/model", run_id=run)

    found = artifacts.find_of_version(actor, registry, "churn", 1, "MLmodel")

    assert (found.path, found.size) == ("MLmodel", 5)
    with pytest.raises(NotFound):
        artifacts.find_of_version(actor, registry, "churn", 1, "nope")
    with pytest.raises(NotFound):
        artifacts.find_of_version(actor, registry, "churn", 2, "MLmodel")


def test_files_of_a_version_are_found_once_its_run_is_known(registry: Registry, actor: Actor) -> None:
    models.create(actor, registry, "churn")
    versions.register(actor, registry, "churn", f"runs:/{RUN}/model", run_id=RUN)
    with pytest.raises(NotFound, match="Run with id"):
        artifacts.find_of_version(actor, registry, "churn", 1, "MLmodel")

    add_run(registry, RUN, f"mlflow-artifacts:/{ROOT}")
    store(registry, f"{ROOT}/model/MLmodel")

    assert artifacts.find_of_version(actor, registry, "churn", 1, "MLmodel").size == 5


def test_presigned_addresses_are_refused(registry: Registry, run: str, logged_model: str) -> None:
    with pytest.raises(Invalid, match="Presigned upload is not supported"):
        artifacts.presign_upload(WRITER, registry, "a", run_id=run)
    with pytest.raises(Invalid, match="Presigned upload is not supported"):
        artifacts.presign_upload(WRITER, registry, "a", model_id=logged_model)
    with pytest.raises(Invalid, match="Exactly one"):
        artifacts.presign_upload(WRITER, registry, "a", run_id=run, model_id=logged_model)
    with pytest.raises(Invalid, match="Presigned download is not supported"):
        artifacts.presign_download(WRITER, registry, run, "a")
    with pytest.raises(Invalid, match="604800"):
        artifacts.presign_download(WRITER, registry, run, "a", expiration=604_801)
    with pytest.raises(NotFound):
        artifacts.presign_download(WRITER, registry, "nope", "a")
