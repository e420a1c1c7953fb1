"""Collection never deletes what is used: a state machine over everything that makes and drops a reference."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from modelkeep.blobs.local import Upload
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Unavailable
from modelkeep.registry import artifacts, blobs, opening
from tests.registry.conftest import clear
from tests.registry.storing import HOUR, WRITER, all_rows, digest_of, pin, store, stored_digests

CONTENTS = [b"", b"one", b"two", b"three" * 100]
PATHS = ["a", "b", "c/d"]
ADMIN = Actor("ann", "admin", True, "embedded")

contents = st.sampled_from(CONTENTS)
paths = st.sampled_from(PATHS)


class Collection(RuleBasedStateMachine):
    database: str | None = None

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        if self.database is not None:
            clear(self.database, self.folder / "data")
        opening.prepare(self.folder / "data", database=self.database)
        self.registry = opening.open_registry(self.folder / "data", database=self.database)
        self.now = 1_000_000_000_000
        self.registry.clock = lambda: self.now
        self.uploads: list[tuple[str, Upload, int, bool]] = []
        self.manifests: list[int] = []

    def teardown(self) -> None:
        opening.close(self.registry)
        shutil.rmtree(self.folder)

    @rule(path=paths, content=contents)
    def store(self, path: str, content: bytes) -> None:
        store(self.registry, path, content)

    @rule(path=paths)
    def delete(self, path: str) -> None:
        artifacts.delete(WRITER, self.registry, path)

    @rule(path=paths, content=contents)
    def announce(self, path: str, content: bytes) -> None:
        upload = self.registry.blobs.begin()
        upload.write(content)
        upload.finish()
        self.uploads.append((path, upload, artifacts.reserve(WRITER, self.registry, path, upload), False))

    @rule(data=st.data())
    def go_on(self, data: Any) -> None:
        if not self.uploads:
            return
        index = data.draw(st.integers(0, len(self.uploads) - 1))
        path, upload, lease, is_placed = self.uploads.pop(index)
        if not is_placed:
            upload.keep()
            self.uploads.append((path, upload, lease, True))
            return
        try:
            artifacts.commit(WRITER, self.registry, path, upload, lease)
        except Unavailable as error:
            assert "too long" in error.message

    @rule()
    def abandon(self) -> None:
        if self.uploads:
            self.uploads.pop()[1].abort()

    @rule(content=contents)
    def pin(self, content: bytes) -> None:
        if all_rows(self.registry, f"SELECT 1 FROM artifacts WHERE digest = '{digest_of(content)}'"):
            self.manifests.append(pin(self.registry, None, 0, {"file": content}))

    @rule()
    def unpin(self) -> None:
        if self.manifests:
            manifest = self.manifests.pop()
            with self.registry.database.write() as tx:
                tx.run("DELETE FROM manifest_files WHERE manifest_id = :id", {"id": manifest})

    @rule(hours=st.sampled_from([-30, -1, 0, 1, 25, 1000]))
    def jump(self, hours: int) -> None:
        self.now += hours * HOUR

    @rule(hours=st.sampled_from([0, 24]))
    def collect(self, hours: int) -> None:
        blobs.collect(ADMIN, self.registry, hours * HOUR)
        in_use = self.digests_of("artifacts") | self.digests_of("manifest_files") | self.digests_of("leases")
        if hours == 0:
            assert self.digests_of("blobs") <= in_use

    def digests_of(self, table: str) -> set[str]:
        return {row[0] for row in all_rows(self.registry, f"SELECT digest FROM {table}")}

    @invariant()
    def what_is_referred_to_is_there(self) -> None:
        if not hasattr(self, "registry"):
            return
        referred = self.digests_of("artifacts") | self.digests_of("manifest_files")
        assert referred <= self.digests_of("blobs")
        assert referred <= stored_digests(self.registry)
        for digest in referred:
            assert digest_of(self.registry.blobs.path(digest).read_bytes()) == digest


SETTINGS = settings(
    max_examples=500 if os.environ.get("MODELKEEP_SOAK") else 15,
    stateful_step_count=40,
    suppress_health_check=list(HealthCheck),
)


def test_collection_never_deletes_what_is_used(database: str | None) -> None:
    class CollectionOn(Collection):
        pass

    CollectionOn.database = database
    run_state_machine_as_test(CollectionOn, settings=SETTINGS)
