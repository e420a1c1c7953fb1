"""Whether a manifest holds a blob is found without an index, and however a registration and a collection meet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.registry import artifacts, blobs, models, opening, runs, versions
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.unpinned import Unpinned
from modelkeep.storage import manifests
from tests.registry.storing import HOUR, all_rows, digest_of, pin, store, stored_digests

# However often a collection of one unused blob gives others their turn, it is less often.
MOMENTS = 25
# Of a blob before a collection, and what it is given. It deletes at once without a grace, and condemns only with one.
STATES = [(False, 0), (True, 0), (False, 24 * HOUR)]


@pytest.fixture
def other(tmp_path: Path, registry: Registry, database: str | None) -> Iterator[Registry]:
    """The registry as another process has it open: with connections of its own."""
    other = opening.open_registry(tmp_path / "data", database=database)
    yield other
    opening.close(other)


@pytest.fixture
def run(registry: Registry, actor: Actor) -> tuple[str, str]:
    """A run, and the folder of its files."""
    models.create(actor, registry, "churn")
    made = runs.create(actor, registry, "0")
    return made.id, made.artifact_uri.removeprefix("mlflow-artifacts:/")


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_slices_hold_every_file_of_every_manifest_once(registry: Registry, limit: int) -> None:
    expected: dict[int, list[str]] = {}
    for number, count in enumerate([1, 4, 1, 2, 7, 1]):
        contents = {f"{file}": b"%d %d" % (number, file) for file in range(count)}
        for path, content in contents.items():
            store(registry, path, content)
        expected[pin(registry, None, 0, contents)] = [digest_of(content) for content in contents.values()]

    found: list[str] = []
    sizes: list[int] = []
    last = 0
    with registry.database.read() as tx:
        while (slice_ := manifests.digests_above(tx, last, limit)) is not None:
            last, digests = slice_
            sizes.append(len(digests))
            found += digests

    assert sorted(found) == sorted(digest for digests in expected.values() for digest in digests)
    assert last == max(expected)
    # A slice ends with the manifest in which it has reached its limit.
    assert all(size >= min(limit, 7) for size in sizes[:-1])
    assert all(size < limit + 7 + 1 for size in sizes)


def test_what_came_since_is_read_by_the_one_who_finishes(registry: Registry) -> None:
    for path in ("a", "b", "c"):
        store(registry, path, path.encode())
    pin(registry, None, 0, {"a": b"a"})
    unpinned = Unpinned(registry, [digest_of(content) for content in (b"a", b"b", b"c")])
    unpinned.read()
    pin(registry, None, 0, {"b": b"b"})

    assert unpinned.left == {digest_of(b"b"), digest_of(b"c")}
    with registry.database.write() as tx:
        assert unpinned.finish(tx) == {digest_of(b"c")}


def test_a_manifest_that_gets_the_id_of_one_that_was_undone_is_read(registry: Registry, actor: Actor) -> None:
    for path in ("a", "b"):
        store(registry, path, path.encode())
    unpinned = Unpinned(registry, [digest_of(b"a"), digest_of(b"b")])
    with pytest.raises(ZeroDivisionError), Change(actor, registry) as change:
        pin(registry, None, 0, {"b": b"b"})
        unpinned.finish(change.tx)
        1 / 0  # noqa: B018
    pin(registry, None, 0, {"a": b"a"})

    with registry.database.write() as tx:
        assert digest_of(b"a") not in unpinned.finish(tx)


def collect_with(actor: Actor, registry: Registry, grace: int, moment: int, happen: Callable[[], object]) -> bool:
    """Collect what was unused for a grace, and have something happen when others get their turn for the nth time; whether it did."""
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        if asked == moment:
            happen()
        return False

    blobs.collect(actor, registry, grace, stopped)
    return asked >= moment


def make_unused(actor: Actor, registry: Registry, content: bytes, is_condemned: bool) -> str:
    digest = store(registry, "unused", content)
    artifacts.delete(actor, registry, "unused")
    if is_condemned:
        blobs.collect(actor, registry)
    return digest


@pytest.mark.parametrize(("is_condemned", "grace"), STATES)
def test_a_version_registered_between_any_two_steps_of_a_collection_keeps_its_files(
    actor: Actor, registry: Registry, other: Registry, run: tuple[str, str], is_condemned: bool, grace: int
) -> None:
    happened = 0
    for moment in range(1, MOMENTS):
        content = b"weights %d" % moment
        digest = make_unused(actor, registry, content, is_condemned)

        def register(moment: int = moment, content: bytes = content) -> None:
            store(other, f"{run[1]}/m{moment}/weights", content)
            versions.register(actor, other, "churn", f"runs:/{run[0]}/m{moment}", run[0])
            artifacts.delete(actor, other, f"{run[1]}/m{moment}")

        did = collect_with(actor, registry, grace, moment, register)
        happened += did

        assert (digest in stored_digests(registry)) == (did or grace > 0)
        check(registry)
    assert 5 < happened < MOMENTS - 1


@pytest.mark.parametrize(("is_condemned", "grace"), STATES)
def test_a_version_whose_registration_is_under_way_while_a_collection_reads_keeps_its_files(
    actor: Actor, registry: Registry, other: Registry, run: tuple[str, str], is_condemned: bool, grace: int
) -> None:
    """Another connection has the turn to write, and commits only when the collection waits for it, having read all."""
    happened = 0
    for moment in range(1, MOMENTS):
        content = b"weights %d" % moment
        digest = make_unused(actor, registry, content, is_condemned)
        registration = Registration(actor, other, run, f"m{moment}", content)

        did = collect_with(actor, registry, grace, moment, registration.begin)
        registration.end()
        happened += did

        assert (digest in stored_digests(registry)) == (did or grace > 0)
        check(registry)
    assert 5 < happened < MOMENTS - 1


class Registration:
    """An upload whose commit, a registration of it, and the deletion of its path are one transaction."""

    def __init__(self, actor: Actor, registry: Registry, run: tuple[str, str], name: str, content: bytes):
        self._actor = actor
        self._registry = registry
        self._source = f"runs:/{run[0]}/{name}"
        self._path = f"{run[1]}/{name}/weights"
        self._content = content
        self._is_open = threading.Event()
        self._thread = threading.Thread(target=self._register)

    def begin(self) -> None:
        self._upload = self._registry.blobs.begin(len(self._content))
        self._upload.write(self._content)
        self._upload.finish()
        self._lease = artifacts.reserve(self._actor, self._registry, self._path, self._upload)
        self._upload.keep()
        self._thread.start()
        assert self._is_open.wait(10)

    def _register(self) -> None:
        with self._registry.database.write():
            artifacts.commit(self._actor, self._registry, self._path, self._upload, self._lease)
            versions.register(self._actor, self._registry, "churn", self._source)
            artifacts.delete(self._actor, self._registry, self._path)
            self._is_open.set()
            time.sleep(0.05)

    def end(self) -> None:
        if self._is_open.is_set():
            self._thread.join()


@pytest.mark.parametrize("is_under_way", [False, True])
def test_a_manifest_keeps_its_files_even_if_nobody_took_back_that_they_are_condemned(
    actor: Actor, registry: Registry, other: Registry, is_under_way: bool
) -> None:
    happened = 0
    for moment in range(1, MOMENTS):
        content = b"weights %d" % moment
        digest = make_unused(actor, registry, content, is_condemned=True)
        is_pinned = threading.Event()
        is_open = threading.Event()

        def pin_it(content: bytes, is_pinned: threading.Event, is_open: threading.Event) -> None:
            with other.database.write():
                if all_rows(other, f"SELECT 1 FROM blobs WHERE digest = '{digest_of(content)}'"):
                    pin(other, None, 0, {"weights": content})
                    is_pinned.set()
                is_open.set()
                if is_under_way:
                    time.sleep(0.05)

        thread = threading.Thread(target=pin_it, args=(content, is_pinned, is_open))

        def happen(thread: threading.Thread = thread, is_open: threading.Event = is_open) -> None:
            thread.start()
            if not is_under_way:
                thread.join()
            assert is_open.wait(10)

        if collect_with(actor, registry, 0, moment, happen):
            thread.join()
        happened += is_pinned.is_set()

        assert (digest in stored_digests(registry)) == is_pinned.is_set()
        assert {row[0] for row in all_rows(registry, "SELECT digest FROM manifest_files")} <= stored_digests(registry)
    assert 3 < happened < MOMENTS - 1


def check(registry: Registry) -> None:
    """Every file of every manifest is there, and none is about to be deleted."""
    held = {row[0] for row in all_rows(registry, "SELECT digest FROM manifest_files")}
    spared = {row[0] for row in all_rows(registry, "SELECT digest FROM blobs WHERE condemned_timestamp IS NULL")}
    assert held <= spared
    assert held <= stored_digests(registry)
