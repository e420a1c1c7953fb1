"""What becomes of stored bytes: collection, quarantine, mending, and what they take up."""

from __future__ import annotations

import os
import threading

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied, Unavailable
from modelkeep.registry import artifacts, blobs, events, models, versions
from modelkeep.registry.handle import Registry
from tests.registry.storing import HOUR, WRITER, all_rows, digest_of, pin, store, stored_digests
from tests.support.damage import flip

ROUNDS = 2000 if os.environ.get("MODELKEEP_SOAK") else 60


@pytest.fixture
def clock(registry: Registry) -> list[int]:
    """The registry's clock, as the one item of a list."""
    now = [1_000_000_000_000]
    registry.clock = lambda: now[0]
    return now


def test_unused_bytes_are_deleted_a_grace_after_they_were_found_unused(
    actor: Actor, registry: Registry, clock: list[int]
) -> None:
    store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")

    assert blobs.collect(actor, registry).blobs == 0
    clock[0] += 24 * HOUR - 1
    assert blobs.collect(actor, registry).blobs == 0
    clock[0] += 1
    freed = blobs.collect(actor, registry)

    assert (freed.blobs, freed.bytes) == (1, 5)
    assert all_rows(registry, "SELECT * FROM blobs") == []
    assert [path for path in registry.blobs.folder.rglob("*") if not path.is_dir()] == []


def test_used_bytes_are_kept_however_old(actor: Actor, registry: Registry, clock: list[int]) -> None:
    store(registry, "a", b"hello")
    store(registry, "b", b"pinned")
    pin(registry, None, 0, {"b": b"pinned"})
    artifacts.delete(WRITER, registry, "b")

    for _ in range(3):
        clock[0] += 1000 * HOUR
        blobs.collect(actor, registry, 0)

    assert stored_digests(registry) == {digest_of(b"hello"), digest_of(b"pinned")}


def test_bytes_used_again_start_a_new_grace(actor: Actor, registry: Registry, clock: list[int]) -> None:
    store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")
    blobs.collect(actor, registry)
    clock[0] += 23 * HOUR
    store(registry, "b", b"hello")
    artifacts.delete(WRITER, registry, "b")
    clock[0] += 2 * HOUR

    assert blobs.collect(actor, registry).blobs == 0
    assert stored_digests(registry) == {digest_of(b"hello")}


def test_pinned_bytes_are_condemned_no_more(actor: Actor, registry: Registry, clock: list[int]) -> None:
    store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")
    blobs.collect(actor, registry)
    pin(registry, None, 0, {"a": b"hello"})

    blobs.collect(actor, registry, 0)

    assert all_rows(registry, "SELECT condemned_timestamp FROM blobs") == [(None,)]


def test_a_lease_keeps_bytes_until_it_runs_out(actor: Actor, registry: Registry, clock: list[int]) -> None:
    upload = registry.blobs.begin()
    upload.write(b"hello")
    upload.finish()
    lease = artifacts.reserve(WRITER, registry, "a", upload)
    upload.keep()

    assert blobs.collect(actor, registry, 0).blobs == 0
    clock[0] += HOUR
    assert blobs.collect(actor, registry, 0).blobs == 1
    with pytest.raises(Unavailable, match="too long"):
        artifacts.commit(WRITER, registry, "a", upload, lease)


def test_a_row_that_a_dying_collection_left_without_its_file_is_filled_by_the_next_upload(
    actor: Actor, registry: Registry, clock: list[int]
) -> None:
    digest = store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")
    taken = registry.blobs.take_out(digest)
    assert taken is not None
    taken.unlink()

    store(registry, "a", b"hello")

    assert registry.blobs.path(digest).read_bytes() == b"hello"


def test_a_collection_goes_on_past_one_batch(actor: Actor, registry: Registry, clock: list[int]) -> None:
    for number in range(150):
        store(registry, f"a/{number}", b"%d" % number)
    artifacts.delete(WRITER, registry, "a")

    assert blobs.collect(actor, registry, 0).blobs == 150


def test_a_collection_goes_on_past_one_round(
    actor: Actor, registry: Registry, clock: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blobs, "_READ_BATCH", 2)
    monkeypatch.setattr(blobs, "_UNUSED_AT_ONCE", 3)
    monkeypatch.setattr(blobs, "_DUE_AT_ONCE", 4)
    contents = {f"{number}": b"%d" % number for number in range(30)}
    for path, content in contents.items():
        store(registry, f"a/{path}", content)
    artifacts.delete(WRITER, registry, "a")
    blobs.collect(actor, registry)
    # Condemned already, as nothing that a manifest holds should be.
    pinned = {path: content for path, content in contents.items() if int(path) % 3 == 0}
    pin(registry, None, 0, pinned)

    assert blobs.collect(actor, registry, 0).blobs == 20
    assert stored_digests(registry) == {digest_of(content) for content in pinned.values()}
    assert set(all_rows(registry, "SELECT condemned_timestamp FROM blobs")) == {(None,)}


def test_a_missing_file_that_only_a_manifest_holds_is_quarantined(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    pin(registry, None, 0, {"a": b"hello"})
    artifacts.delete(WRITER, registry, "a")
    registry.blobs.path(digest).unlink()

    blobs.quarantine(actor, registry, digest, "its file is missing")

    assert blobs.is_quarantined(actor, registry, digest)


def test_a_collection_can_be_stopped(actor: Actor, registry: Registry) -> None:
    store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")

    assert blobs.collect(actor, registry, 0, stopped=lambda: True).blobs == 0


def test_only_an_administrator_collects(registry: Registry) -> None:
    with pytest.raises(PermissionDenied):
        blobs.collect(WRITER, registry)


def test_bytes_stored_while_they_are_collected_are_there_afterwards(actor: Actor, registry: Registry) -> None:
    wrong: list[object] = []
    done = threading.Event()

    def write(name: str) -> None:
        try:
            for _ in range(ROUNDS):
                digest = store(registry, name, b"the same bytes")
                if registry.blobs.path(digest).read_bytes() != b"the same bytes":
                    wrong.append(name)
                artifacts.delete(WRITER, registry, name)
        except Exception as error:
            wrong.append(error)

    def collect() -> None:
        while not done.is_set():
            blobs.collect(actor, registry, 0)

    collector = threading.Thread(target=collect)
    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b", "c")]
    for thread in (collector, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    collector.join()

    assert wrong == []


def test_quarantined_bytes_are_recorded_and_their_file_is_moved_aside(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    flip(registry.blobs.path(digest))

    with registry.blobs.open(digest) as file:
        assert blobs.quarantine(actor, registry, digest, "a bit has flipped", file)
        assert not blobs.quarantine(actor, registry, digest, "a bit has flipped", file)

    assert blobs.is_quarantined(actor, registry, digest)
    assert registry.blobs.size(digest) is None
    assert [path.read_bytes() for _, path in registry.blobs.quarantined()] == [b"iello"]
    found = events.page(actor, registry, kinds=["blob"])
    assert [(event.kind, event.payload) for event in found] == [
        ("blob.quarantined", {"digest": digest, "why": "a bit has flipped"})
    ]


def test_a_file_that_was_replaced_meanwhile_is_not_quarantined(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    flip(registry.blobs.path(digest))
    with registry.blobs.open(digest) as damaged:
        store(registry, "b", b"hello")

        assert not blobs.quarantine(actor, registry, digest, "a bit has flipped", damaged)

    assert registry.blobs.path(digest).read_bytes() == b"hello"
    assert not blobs.is_quarantined(actor, registry, digest)


def test_the_right_bytes_mend_what_was_quarantined(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    flip(registry.blobs.path(digest))
    with registry.blobs.open(digest) as file:
        blobs.quarantine(actor, registry, digest, "a bit has flipped", file)

    store(registry, "elsewhere", b"hello")
    blobs.collect(actor, registry)

    assert not blobs.is_quarantined(actor, registry, digest)
    assert registry.blobs.path(digest).read_bytes() == b"hello"
    assert [event.kind for event in events.page(actor, registry, kinds=["blob"])] == ["blob.quarantined", "blob.mended"]
    assert list(registry.blobs.quarantined()) == []


def test_bytes_announced_and_not_placed_yet_are_not_quarantined(actor: Actor, registry: Registry) -> None:
    upload = registry.blobs.begin()
    upload.write(b"hello")
    digest, _ = upload.finish()
    lease = artifacts.reserve(WRITER, registry, "a", upload)

    blobs.quarantine(actor, registry, digest, "its file is missing")
    upload.keep()
    artifacts.commit(WRITER, registry, "a", upload, lease)

    assert events.page(actor, registry, kinds=["blob"]) == []


def test_a_quarantined_file_put_back_by_hand_is_noticed(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    path = registry.blobs.path(digest)
    path.unlink()
    blobs.quarantine(actor, registry, digest, "its file is missing")
    path.write_bytes(b"hello")

    blobs.examine_quarantined(actor, registry)

    assert not blobs.is_quarantined(actor, registry, digest)


def test_storage_use_counts_shared_bytes_once(actor: Actor, registry: Registry) -> None:
    for name in ("churn", "fraud", "empty"):
        models.create(actor, registry, name)
    churn, fraud = (models.get(actor, registry, name).id for name in ("churn", "fraud"))
    for name, count in (("churn", 2), ("fraud", 1), ("empty", 1)):
        for _ in range(count):
            versions.register(actor, registry, name, "s3://bucket/model")
    for path, content in {"s": b"s" * 100, "c": b"c" * 10, "d": b"d" * 20, "f": b"f" * 3, "run": b"r" * 7}.items():
        store(registry, path, content)
    pin(registry, churn, 1, {"shared": b"s" * 100, "own": b"c" * 10})
    pin(registry, churn, 2, {"shared": b"s" * 100, "again": b"s" * 100, "own": b"d" * 20})
    pin(registry, fraud, 1, {"shared": b"s" * 100, "own": b"f" * 3})
    store(registry, "unused", b"u" * 1000)
    artifacts.delete(WRITER, registry, "unused")
    blobs.collect(actor, registry)
    lost = store(registry, "lost", b"l" * 50)
    registry.blobs.path(lost).unlink()
    blobs.quarantine(actor, registry, lost, "its file is missing")

    found = blobs.usage(actor, registry)

    assert [(model.name, model.files, model.bytes, model.shared_bytes) for model in found.models] == [
        ("churn", 3, 130, 100),
        ("fraud", 2, 103, 100),
    ]
    assert (found.blobs, found.bytes) == (7, 1190)
    assert (found.pinned_bytes, found.artifact_bytes) == (133, 57)
    assert (found.condemned_bytes, found.quarantined_bytes) == (1000, 50)


def test_storage_use_of_an_empty_store_is_nothing(reader: Actor, registry: Registry) -> None:
    found = blobs.usage(reader, registry)

    assert (found.blobs, found.bytes, found.models) == (0, 0, [])
    with pytest.raises(Invalid, match="at most 10,000"):
        blobs.usage(reader, registry, 10_001)


def test_what_was_collected_is_not_found(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")
    blobs.collect(actor, registry, 0)

    with pytest.raises(NotFound):
        registry.blobs.open(digest)
