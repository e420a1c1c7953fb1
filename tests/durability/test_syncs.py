"""No answer of 200 before what it promises has been synced: told from a record of the server's file operations."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.durability.recorded_server import read
from tests.http.files import FILES, ask, call, create_run
from tests.support.servers import RunningServer, free_port, start_process, wait_until_200

Entry = dict[str, Any]


@dataclass
class Recorded:
    server: RunningServer
    path: Path

    def since(self, mark: int) -> list[Entry]:
        return read(self.path)[mark:]

    def mark(self) -> int:
        return len(read(self.path))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp("recorded")
    port, record = free_port(), folder / "record"
    command = [sys.executable, "-m", "tests.durability.recorded_server", str(record), "serve"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--data", str(folder / "data")]
    process, printed = start_process(command, cwd=Path(__file__).parents[2])
    url = f"http://127.0.0.1:{port}"
    wait_until_200(f"{url}/health", process, printed)
    with RunningServer(url, process, folder / "data", printed) as server:
        yield Recorded(server, record)


def wait_for_answer(entries: list[Entry], path: str) -> int:
    """Where the 200 of a path stands; there is one."""
    (at,) = [at for at, entry in enumerate(entries) if entry["what"] == "200" and entry["path"].endswith(path)]
    return at


def is_synced(entries: list[Entry], after: int, before: int, is_path: Any) -> bool:
    """Whether a sync of a path began after one entry and was done before another."""
    begun = [at for at in range(after + 1, before) if entries[at]["what"] == "sync" and is_path(entries[at]["path"])]
    return any(
        entry["what"] == "synced" and is_path(entry["path"]) for at in begun for entry in entries[at + 1 : before]
    )


def assert_wal_synced(entries: list[Entry], answered: int) -> None:
    """The WAL was written for this request, and synced after the last of these writes."""
    written = [at for at in range(answered) if entries[at]["what"] == "write" and is_wal(entries[at]["path"])]
    assert written, entries
    assert is_synced(entries, written[-1], answered, is_wal), entries


def is_wal(path: str) -> bool:
    return path.endswith(".db-wal")


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_a_file_its_folder_and_its_row_are_synced_before_the_answer(recorded: Recorded, size: int) -> None:
    mark = recorded.mark()
    assert ask(recorded.server, "PUT", f"{FILES}/files/{size}", os.urandom(size)).status == 200
    entries = recorded.since(mark)

    answered = wait_for_answer(entries, f"/files/{size}")
    (renamed,) = [at for at, entry in enumerate(entries) if entry["what"] == "rename"]
    written = [at for at in range(renamed) if entries[at]["what"] == "write" and "/incoming/" in entries[at]["path"]]
    last = written[-1] if written else 0
    assert bool(written) == bool(size)
    assert is_synced(entries, last, renamed, lambda path: "/incoming/" in path), entries
    shard = entries[renamed]["path"].rpartition("/")[0]
    assert is_synced(entries, renamed, answered, lambda path: path == shard), entries
    made = [at for at, entry in enumerate(entries) if entry["what"] == "mkdir"]
    assert made or size  # the digest of no bytes is always the same, and nobody had its folder before
    for at in made:
        # A new folder of the store is there for good before a file is moved into it.
        assert is_synced(entries, at, renamed, lambda path: path.endswith("/blobs")), entries
    # The lease was durable before the file was in its place, and the row is before the answer.
    assert_wal_synced(entries, renamed)
    assert_wal_synced(entries[renamed:], answered - renamed)


def test_the_bytes_that_are_there_already_are_synced_again(recorded: Recorded) -> None:
    content = os.urandom(1000)
    ask(recorded.server, "PUT", f"{FILES}/files/one", content)
    mark = recorded.mark()
    assert ask(recorded.server, "PUT", f"{FILES}/files/two", content).status == 200
    entries = recorded.since(mark)

    answered = wait_for_answer(entries, "/files/two")
    (placed,) = [at for at, entry in enumerate(entries) if entry["what"] == "rename"]
    assert is_synced(entries, placed, answered, lambda path: path.endswith(f"/blobs/{_shard(recorded, content)}"))
    assert_wal_synced(entries, answered)


def _shard(recorded: Recorded, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:2]


def test_every_kind_of_change_is_synced_before_its_answer(recorded: Recorded) -> None:
    run, _ = create_run(recorded.server)
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "registered-models/create", {"name": "churn"}),
        ("POST", "registered-models/set-tag", {"name": "churn", "key": "k", "value": "v"}),
        ("POST", "model-versions/create", {"name": "churn", "source": "s3://bucket/model"}),
        ("POST", "model-versions/transition-stage", {
            "name": "churn", "version": "1", "stage": "Production", "archive_existing_versions": True,
        }),
        ("POST", "registered-models/alias", {"name": "churn", "alias": "champion", "version": "1"}),
        ("POST", "runs/log-batch", {"run_id": run, "metrics": [
            {"key": "m", "value": step, "timestamp": 1, "step": step} for step in range(500)
        ]}),
        ("POST", "experiments/create", {"name": "one"}),
        ("DELETE", "registered-models/alias", {"name": "churn", "alias": "champion"}),
        ("DELETE", "model-versions/delete", {"name": "churn", "version": "1"}),
        ("DELETE", "registered-models/delete", {"name": "churn"}),
    ]  # fmt: skip
    for method, path, fields in changes:
        mark = recorded.mark()
        call(recorded.server, method, path, **fields)
        entries = recorded.since(mark)
        assert_wal_synced(entries, wait_for_answer(entries, path))


def test_among_many_requests_at_once_none_is_answered_before_a_sync_of_its_own_time(recorded: Recorded) -> None:
    """Each change writes to the WAL after its request has begun, so a sync that began later covers it."""
    mark = recorded.mark()

    def create(number: int) -> None:
        call(recorded.server, "POST", "registered-models/create", name=f"many-{number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create, range(100)))
    entries = recorded.since(mark)

    begun = {entry["request"]: at for at, entry in enumerate(entries) if entry["what"] == "begin"}
    answers = [(at, entry["request"]) for at, entry in enumerate(entries) if entry["what"] == "200"]
    assert len(answers) == 100
    for at, request in answers:
        assert_wal_synced(entries[begun[request] : at + 1], at - begun[request])


def test_a_checkpoint_syncs_the_wal_before_it_writes_the_database_and_the_database_before_it_reuses_the_wal(
    recorded: Recorded,
) -> None:
    mark = recorded.mark()
    # Of 250 pages each, and the log is written back every 4,000.
    for number in range(48):
        call(recorded.server, "POST", "registered-models/create", name=f"model-{number}", description="x" * 1_000_000)
    entries = recorded.since(mark)

    pages = [at for at, entry in enumerate(entries) if entry["what"] == "write" and entry["path"].endswith(".db")]
    assert pages, "no checkpoint came"
    assert any(entry["what"] == "rewind" for entry in entries), "no WAL was used again"
    unsynced_database = False
    unsynced_wal = False
    checked = 0
    for entry in entries:
        if is_wal(entry["path"]):
            if entry["what"] == "rewind":
                # A checkpoint that a reader kept from its end is not synced, and lets no WAL start again.
                assert not unsynced_database
            elif entry["what"] == "write":
                unsynced_wal = True
            elif entry["what"] == "synced":
                unsynced_wal = False
        elif entry["path"].endswith(".db"):
            if entry["what"] == "write":
                assert not unsynced_wal
                unsynced_database = True
                checked += 1
            elif entry["what"] == "synced":
                unsynced_database = False
    assert checked
