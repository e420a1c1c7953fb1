"""The n-th operation on the disk fails, for every n: what was acknowledged is kept, what was refused leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import OutOfSpace, Unavailable
from modelkeep.domain.metrics import One
from modelkeep.domain.tags import Tag
from modelkeep.http.access import access_to
from modelkeep.http.uploads import receive_artifact
from modelkeep.registry import aliases, artifacts, batches, commits, models, opening, runs, versions
from modelkeep.registry.commits import Job
from modelkeep.registry.handle import Registry
from modelkeep.storage import sqlite
from tests.durability.disks import watched

ACTOR = Actor("wil", "admin", True, "embedded")
TURNS = 6 if os.environ.get("MODELKEEP_SOAK") else 1
KINDS = ("write", "sync", "rename", "unlink", "mkdir", "truncate", "allocate")


class Fault:
    """Lets the n-th operation of a kind fail, once or from then on."""

    def __init__(self, kind: str, n: int, error: int, *, lasts: bool = False):
        self._kind = kind
        self._left = n
        self._error = error
        self._lasts = lasts
        self.is_armed = False
        self.path: str | None = None  # where it fired

    def __call__(self, operation: str, path: str, do: Callable[[], Any]) -> Any:
        if self.is_armed and {"rewind": "write"}.get(operation, operation) == self._kind:
            self._left -= 1
            if self._left == 0 or (self._left < 0 and self._lasts):
                self.path = self.path or path
                raise OSError(self._error, os.strerror(self._error))
        # A sync that succeeds need not take its time: nobody pulls the plug here.
        return None if operation == "sync" else do()


Step = tuple[str, Callable[[], Any], Callable[[], Any]]  # row or file, the work, and what to remember of it


class Story:
    """Changes one after another, what of them was acknowledged, and whether a registry holds just that."""

    def __init__(self, registry: Registry, run_id: str, *, by_server: bool):
        self._registry = registry
        self._by_server = by_server
        self._run_id = run_id
        self.after_fault: list[tuple[str, bool]] = []
        self.models: set[str] = set()
        self.versions: list[int] = []
        self.tags: dict[str, str] = {}
        self.points = 0
        self.files: dict[str, bytes] = {}

    def tell(self, fault: Fault) -> None:
        for turn in range(TURNS):
            for kind, work, remember in [*self._rows(turn), *self._uploads(turn)]:
                had_fired = fault.path is not None
                kept = self._try(work, remember)
                if had_fired:
                    self.after_fault.append((kind, kept))
            self._batch([f"batch-{turn}-{number}" for number in range(3)])

    def _rows(self, turn: int) -> list[Step]:
        registry, name, key = self._registry, f"model-{turn}", f"t{turn}"
        works: list[tuple[Callable[[], Any], Callable[[], Any]]] = [
            (lambda: models.create(ACTOR, registry, name), lambda: self.models.add(name)),
            (
                lambda: versions.register(ACTOR, registry, "first", "s3://b/m"),
                lambda: self.versions.append(len(self.versions) + 1),
            ),
            (
                lambda: runs.set_tag(ACTOR, registry, self._run_id, key=key, value="v"),
                lambda: self.tags.update({key: "v"}),
            ),
            (lambda: self._log(turn), self._logged),
            (lambda: aliases.point(ACTOR, registry, "first", "a", "1"), lambda: None),
        ]
        return [("row", work, remember) for work, remember in works]

    def _uploads(self, turn: int) -> list[Step]:
        files = [
            (f"a/{turn}", b"%d" % turn * 1000),
            ("a/same", b"same" * 300),
            ("b/same", b"same" * 300),
            ("a/over", b"%d" % turn * 70_000),
            ("a/over", b"x" * 1000),
        ]
        stored: list[Step] = [
            ("file", partial(self._store, path, content), partial(self._stored, path, content))
            for path, content in files
        ]
        gone = f"a/{turn}"
        delete = partial(artifacts.delete, ACTOR, self._registry, gone)
        return [*stored, ("row", delete, lambda: self.files.pop(gone, None))]

    def _try(self, work: Callable[[], Any], remember: Callable[[], Any]) -> bool:
        try:
            work()
        except (OutOfSpace, Unavailable):
            return False
        remember()
        return True

    def _batch(self, names: list[str]) -> None:
        jobs = [Job(lambda name=name: models.create(ACTOR, self._registry, name)) for name in names]  # type: ignore[misc]
        queue = deque(jobs)
        while queue:
            commits.run_and_commit(self._registry.database, queue)
        for name, job in zip(names, jobs, strict=True):
            if job.error is None:
                self.models.add(name)
            else:
                assert isinstance(job.error, (OutOfSpace, Unavailable)), job.error

    def _log(self, turn: int) -> None:
        points = [One("m", float(step), 1, 100 * turn + step, None, None, None) for step in range(30)]
        batches.log(ACTOR, self._registry, self._run_id, points, None, [Tag(f"batch-{turn}", "v")])

    def _logged(self) -> None:
        self.points += 1

    def _store(self, path: str, content: bytes) -> None:
        if self._by_server:
            return self._store_as_the_server_does(path, content)
        upload = self._registry.blobs.begin(len(content))
        try:
            upload.write(content)
        except BaseException:
            upload.abort()
            raise
        artifacts.store(ACTOR, self._registry, path, upload)
        return None

    def _store_as_the_server_does(self, path: str, content: bytes) -> None:
        async def upload() -> None:
            access = access_to(self._registry)
            chunks = iter([content[: len(content) // 2], content[len(content) // 2 :], b""])

            async def receive() -> dict[str, Any]:
                chunk = next(chunks)
                return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

            try:
                await receive_artifact(access, ACTOR, path, len(content), receive)
            finally:
                await access.reads.close()
                await access.writes.close()

        asyncio.run(upload())

    def _stored(self, path: str, content: bytes) -> None:
        self.files[path] = content

    def assert_kept_by(self, registry: Registry) -> None:
        found = {model.name for model in models.search(ACTOR, registry, max_results=1000).items} - {"first"}
        assert found == self.models
        page = versions.search(ACTOR, registry, "name = 'first'", None, ["version_number ASC"])
        assert [version.number for version in page.items] == self.versions
        run = runs.get(ACTOR, registry, self._run_id)
        tags = dict(run.tags)
        assert {key: value for key, value in tags.items() if key.startswith("t")} == self.tags
        assert len([key for key in tags if key.startswith("batch-")]) == self.points
        listed = {
            f"{folder}/{entry.path}" for folder in "ab" for entry in artifacts.list(ACTOR, registry, folder).entries
        }
        assert listed == set(self.files)
        for path, content in self.files.items():
            found_file = artifacts.find(ACTOR, registry, path)
            assert found_file.digest == hashlib.sha256(content).hexdigest()
            with registry.blobs.open(found_file.digest) as file:
                assert file.read() == content
        assert list((registry.blobs.folder / "incoming").iterdir()) == []
        for blob in registry.blobs.folder.glob("??/*"):
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.parent.name + blob.name
        assert registry.database._writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("template") / "data"
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    models.create(ACTOR, registry, "first")
    versions.register(ACTOR, registry, "first", "s3://b/m")
    run_id = runs.create(ACTOR, registry, "0").id
    opening.close(registry)
    return folder, run_id


CASES = [
    *((kind, error, lasts, False) for kind in KINDS for error in (errno.EIO, errno.ENOSPC) for lasts in (False, True)),
    *((kind, errno.EIO, False, True) for kind in KINDS),
]


@pytest.mark.parametrize(("kind", "error", "lasts", "by_server"), CASES)
def test_a_fault_at_any_operation_loses_nothing_that_was_acknowledged(
    tmp_path: Path,
    template: tuple[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    error: int,
    lasts: bool,
    by_server: bool,
) -> None:
    monkeypatch.setattr(sqlite, "_CHECKPOINT_PAGES", 10)
    first, step = positions(kind, error, lasts, by_server)
    n = first - step
    while True:
        n += step
        folder = tmp_path / str(n)
        shutil.copytree(template[0], folder)
        fault = Fault(kind, n, error, lasts=lasts)
        story = tell(folder, template[1], fault, by_server=by_server)

        again = opening.open_registry(folder)
        try:
            story.assert_kept_by(again)
        except AssertionError as failed:
            raise AssertionError(f"{kind} number {n} failed, of {fault.path}: {failed}") from failed
        finally:
            opening.close(again)
        shutil.rmtree(folder)
        if fault.path is None:
            break
        assert_stopped(kind, fault, story)
    assert n > {"write": 50, "sync": 20, "rename": 3, "mkdir": 3, "allocate": 3}.get(kind, 0)


def positions(kind: str, error: int, lasts: bool, by_server: bool) -> tuple[int, int]:
    """The first operation that fails, and how many there are from one to the next.

    Of hundreds of writes each one fails with EIO. Of the other ways to fail, each write fails in one: all of them in each
    way is for a soak.
    """
    ways = [
        (errno.ENOSPC, False, False),
        (errno.EIO, True, False),
        (errno.ENOSPC, True, False),
        (errno.EIO, False, True),
    ]
    if kind != "write" or (error, lasts, by_server) not in ways or os.environ.get("MODELKEEP_SOAK"):
        return 1, 1
    return 1 + ways.index((error, lasts, by_server)), len(ways)


def tell(folder: Path, run_id: str, fault: Fault, *, by_server: bool = False) -> Story:
    with watched(fault):
        registry = opening.open_registry(folder)
        fault.is_armed = True
        story = Story(registry, run_id, by_server=by_server)
        story.versions = [1]
        try:
            story.tell(fault)
        finally:
            with contextlib.suppress(apsw.Error):
                opening.close(registry)
    return story


def assert_stopped(kind: str, fault: Fault, story: Story) -> None:
    """After a sync that failed, nothing that relies on it is acknowledged any more."""
    assert fault.path is not None
    if kind == "sync" and fault.path.endswith(("-wal", ".db")):
        assert not any(kept for _, kept in story.after_fault), fault.path
    if kind == "sync" and "/blobs" in fault.path and "/incoming/" not in fault.path:
        assert not any(kept for kind, kept in story.after_fault if kind == "file"), fault.path


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_start_that_failed_half_way_is_made_again(tmp_path: Path, kind: str) -> None:
    n = 0
    while True:
        # A schema is hundreds of writes, all of one kind: each of them in turn is for a soak.
        n += 7 if kind == "write" and not os.environ.get("MODELKEEP_SOAK") else 1
        folder = tmp_path / str(n)
        fault = Fault(kind, n, errno.EIO)
        fault.is_armed = True
        with watched(fault), contextlib.suppress(Exception):
            opening.prepare(folder)

        opening.prepare(folder)
        again = opening.open_registry(folder)
        models.create(ACTOR, again, "one")
        assert again.database._writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        opening.close(again)
        if fault.path is None:
            break


def test_an_upload_whose_own_sync_failed_is_refused_and_dropped_and_the_next_one_is_kept(
    tmp_path: Path, template: tuple[Path, str]
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(template[0], folder)
    fault = Fault("sync", 1, errno.EIO)
    fault.is_armed = True
    registry = opening.open_registry(folder)
    upload = registry.blobs.begin()
    upload.write(b"hello")
    with watched(fault), pytest.raises(Unavailable):
        artifacts.store(ACTOR, registry, "a", upload)

    assert fault.path is not None and "/incoming/" in fault.path
    assert [path for path in registry.blobs.folder.rglob("*") if not path.is_dir()] == []
    again = registry.blobs.begin()
    again.write(b"hello")
    assert artifacts.store(ACTOR, registry, "a", again).size == 5
    opening.close(registry)
