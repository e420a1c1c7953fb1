"""Receiving a body: what the client and the disk may do meanwhile. Runs on an event loop of the test's own."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import Artifact
from modelkeep.domain.errors import Invalid, NotFound, OutOfSpace, Unavailable
from modelkeep.http import uploads
from modelkeep.http.access import access_to
from modelkeep.registry import artifacts, opening
from modelkeep.registry.handle import Registry

ACTOR = Actor("wil", "writer", True, "http")
CHUNK = b"x" * 100_000


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    yield registry
    opening.close(registry)


class Client:
    """Sends chunks as an ASGI server hands them over, then ends the body or does nothing more."""

    def __init__(self, chunks: int, *, ends: bool = True):
        self.asked = 0
        self._chunks = chunks
        self._ends = ends

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        if self.asked <= self._chunks:
            return {"type": "http.request", "body": CHUNK, "more_body": True}
        if not self._ends:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"", "more_body": False}


def upload(registry: Registry, client: Client, length: int | None = None) -> Coroutine[Any, Any, Artifact]:
    return uploads.receive_artifact(access_to(registry), ACTOR, "a/b", length, client.receive)


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        return await work()

    return asyncio.run(main())


async def settle() -> None:
    """Let every task go as far as it can; a client here never makes one wait."""
    for _ in range(10):
        await asyncio.sleep(0)


def assert_nothing_was_kept(registry: Registry) -> None:
    assert [path for path in registry.blobs.folder.rglob("*") if not path.is_dir()] == []
    with pytest.raises(NotFound):
        artifacts.find(ACTOR, registry, "a/b")


def test_a_body_is_stored(registry: Registry) -> None:
    stored = run(lambda: upload(registry, Client(30), 30 * len(CHUNK)))

    assert artifacts.find(ACTOR, registry, "a/b") == stored
    assert registry.blobs.path(stored.digest).read_bytes() == CHUNK * 30


def test_a_body_that_stands_still_is_given_up(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "CHUNK_SECONDS", 0.05)

    with pytest.raises(Invalid, match="No byte of the body arrived"):
        run(lambda: upload(registry, Client(3, ends=False)))

    assert_nothing_was_kept(registry)


def test_a_cancelled_request_leaves_nothing(registry: Registry) -> None:
    async def cancel() -> None:
        client = Client(3, ends=False)
        task = asyncio.ensure_future(upload(registry, client))
        while client.asked < 4:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    run(cancel)

    assert_nothing_was_kept(registry)


def test_a_slow_disk_stops_the_client_and_not_the_memory(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    write, may_write = os.write, threading.Event()

    def write_later(descriptor: int, data: bytes) -> int:
        may_write.wait()
        return write(descriptor, data)

    async def watch() -> None:
        client = Client(300)
        task = asyncio.ensure_future(upload(registry, client))
        await settle()
        asked = client.asked
        may_write.set()
        assert (asked - 1) * len(CHUNK) <= uploads.ROOM_OF_ONE
        assert (await task).size == 300 * len(CHUNK)

    monkeypatch.setattr(os, "write", write_later)
    run(watch)


def test_a_disk_that_fills_up_is_said_and_the_next_upload_works(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = os.write, [5]

    def write_while_there_is_room(descriptor: int, data: bytes) -> int:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", write_while_there_is_room)
        with pytest.raises(OutOfSpace):
            run(lambda: upload(registry, Client(300)))
    assert_nothing_was_kept(registry)

    assert run(lambda: upload(registry, Client(3))).size == 3 * len(CHUNK)


def test_an_upload_beyond_the_limit_is_told_to_come_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_LIMIT", 0)

    with pytest.raises(Unavailable, match="uploads are under way"):
        run(lambda: upload(registry, Client(1)))


def test_no_thread_outlives_its_upload(registry: Registry) -> None:
    run(lambda: upload(registry, Client(3)))
    with pytest.raises(Invalid):
        run(lambda: upload(registry, Client(3), 1))

    for thread in threading.enumerate():
        if thread.name == "modelkeep-upload":
            thread.join(60)
            assert not thread.is_alive()


def test_many_uploads_at_once_share_the_memory_of_a_few(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    write, may_write = os.write, threading.Event()

    def write_later(descriptor: int, data: bytes) -> int:
        may_write.wait()
        return write(descriptor, data)

    async def watch() -> None:
        clients = [Client(100) for _ in range(16)]
        access = access_to(registry)
        tasks = [
            asyncio.ensure_future(uploads.receive_artifact(access, ACTOR, f"many/{number}", None, client.receive))
            for number, client in enumerate(clients)
        ]
        await settle()
        asked = sum(client.asked for client in clients)
        may_write.set()
        assert asked * len(CHUNK) <= uploads.ROOM_OF_ALL + 16 * (uploads.ROOM_AT_LEAST + 2 * len(CHUNK))
        await asyncio.gather(*tasks)

    monkeypatch.setattr(os, "write", write_later)
    run(watch)
