"""Inspections: every stored byte is read, and whatever is wrong is found."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.blobs import Finding, Progress
from modelkeep.domain.errors import PermissionDenied
from modelkeep.registry import artifacts, blobs, findings, models, versions
from modelkeep.registry.handle import Registry
from tests.registry.storing import WRITER, digest_of, everything_below, pin, store, stored_digests
from tests.support.damage import flip

TRIALS = 2000 if os.environ.get("MODELKEEP_SOAK") else 150


def inspect(actor: Actor, registry: Registry, repair: bool = False) -> list[Finding]:
    return list(findings.inspect(actor, registry, repair))


def shown(found: Sequence[Finding]) -> set[tuple[str, str]]:
    return {(finding.kind, finding.place) for finding in found}


def test_a_whole_store_has_no_findings(actor: Actor, registry: Registry) -> None:
    for number in range(20):
        store(registry, f"a/{number}", os.urandom(number * 1000))

    assert inspect(actor, registry) == []


def test_every_flipped_bit_is_found(actor: Actor, registry: Registry) -> None:
    chance = random.Random(7)
    sizes = [chance.choice([0, 1, 2, 100, 4096, chance.randrange(300_000)]) for _ in range(TRIALS)]
    stored = {store(registry, f"a/{number}", chance.randbytes(size)): size for number, size in enumerate(sizes)}
    damaged = {digest for digest, size in stored.items() if size and chance.random() < 0.7}
    for digest in damaged:
        flip(registry.blobs.path(digest), chance.randrange(stored[digest] * 8), restore_times=chance.random() < 0.5)

    found = inspect(actor, registry)

    assert shown(found) == {("corrupt", digest) for digest in damaged}


def test_a_finding_says_what_needs_the_bytes(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "run/model.pkl", b"hello")
    models.create(actor, registry, "churn")
    versions.register(actor, registry, "churn", "s3://bucket/model")
    pin(registry, models.get(actor, registry, "churn").id, 1, {"model.pkl": b"hello"})
    registry.blobs.path(digest).unlink()

    (finding,) = inspect(actor, registry)

    assert (finding.kind, finding.place, finding.repaired) == ("missing", digest, False)
    assert finding.needed_by == ("models:/churn/1", "run/model.pkl")


@pytest.mark.parametrize("content", [b"", b"hel", b"hello, world"])
def test_a_file_of_another_length_is_corrupt(actor: Actor, registry: Registry, content: bytes) -> None:
    digest = store(registry, "a", b"hello")
    registry.blobs.path(digest).write_bytes(content)

    assert shown(inspect(actor, registry)) == {("corrupt", digest)}


def test_bytes_that_nothing_refers_to_may_be_missing(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    artifacts.delete(WRITER, registry, "a")
    registry.blobs.path(digest).unlink()

    assert inspect(actor, registry) == []


def test_a_file_that_no_row_knows_is_an_orphan(actor: Actor, registry: Registry) -> None:
    digest = digest_of(b"orphan")
    store(registry, "a", b"hello")
    registry.blobs.path(digest).parent.mkdir(mode=0o700)
    registry.blobs.path(digest).write_bytes(b"orphan")
    registry.blobs.path(digest).chmod(0o600)

    assert shown(inspect(actor, registry)) == {("orphaned", digest)}
    assert [finding.repaired for finding in inspect(actor, registry, repair=True)] == [True]
    assert stored_digests(registry) == {digest_of(b"hello")}
    assert inspect(actor, registry) == []


def test_what_does_not_belong_into_the_store_is_found(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    folder, shard = registry.blobs.folder, digest[:2]
    (folder / "notes.txt").write_text("x")
    (folder / "link").symlink_to("/etc")
    (folder / shard / "ABC").write_text("x")
    (folder / shard / ("0" * 62)).symlink_to("/etc/passwd")
    (folder / shard / ("1" * 62)).mkdir()
    (folder / "incoming" / "folder").mkdir()
    other = "00" if shard != "00" else "01"
    (folder / other).symlink_to("/etc")

    assert shown(inspect(actor, registry)) == {
        ("stray", "notes.txt"),
        ("stray", "link"),
        ("stray", f"{shard}/ABC"),
        ("stray", f"{shard}/{'0' * 62}"),
        ("stray", f"{shard}/{'1' * 62}"),
        ("stray", "incoming/folder"),
        ("stray", other),
    }


def test_permissions_that_let_others_in_are_found(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    registry.blobs.path(digest).chmod(0o644)
    (registry.blobs.folder / "incoming").chmod(0o755)

    found = inspect(actor, registry)

    assert shown(found) == {("permissions", f"{digest[:2]}/{digest[2:]}"), ("permissions", "incoming")}
    assert "0644" in found[1].what


def test_a_link_in_a_blobs_place_is_found_and_not_followed(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    registry.blobs.path(digest).rename(registry.folder / "elsewhere")
    registry.blobs.path(digest).symlink_to(registry.folder / "elsewhere")

    assert shown(inspect(actor, registry)) == {("missing", digest), ("stray", f"{digest[:2]}/{digest[2:]}")}


def test_without_repair_nothing_is_written(actor: Actor, registry: Registry) -> None:
    damaged, missing = store(registry, "a", b"hello"), store(registry, "b", b"other")
    flip(registry.blobs.path(damaged))
    registry.blobs.path(missing).unlink()
    before = everything_below(registry.folder)

    inspect(actor, registry)

    assert everything_below(registry.folder) == before


def test_a_repair_quarantines_what_is_damaged(actor: Actor, registry: Registry) -> None:
    damaged, missing = store(registry, "a", b"hello"), store(registry, "b", b"other")
    flip(registry.blobs.path(damaged))
    registry.blobs.path(missing).unlink()

    assert {finding.repaired for finding in inspect(actor, registry, repair=True)} == {True}

    assert shown(inspect(actor, registry)) == {("quarantined", damaged), ("quarantined", missing)}
    assert blobs.is_quarantined(actor, registry, damaged)


def test_a_repair_mends_what_is_right_again(actor: Actor, registry: Registry) -> None:
    digest = store(registry, "a", b"hello")
    path = registry.blobs.path(digest)
    path.rename(registry.folder / "saved")
    inspect(actor, registry, repair=True)
    (registry.folder / "saved").rename(path)

    assert shown(inspect(actor, registry, repair=True)) == {("quarantined", digest)}
    assert inspect(actor, registry) == []


def test_progress_reaches_the_end(actor: Actor, registry: Registry) -> None:
    store(registry, "a", b"x" * 3_000_000)
    store(registry, "b", b"")
    told: list[tuple[int, int]] = []

    def tell(progress: Progress) -> None:
        told.append((progress.blobs, progress.bytes))
        assert (progress.all_blobs, progress.all_bytes) == (2, 3_000_000)

    list(findings.inspect(actor, registry, tell=tell))

    assert told[-1] == (2, 3_000_000)
    assert len(told) >= 5


def test_only_an_administrator_inspects(registry: Registry) -> None:
    with pytest.raises(PermissionDenied):
        inspect(WRITER, registry)
