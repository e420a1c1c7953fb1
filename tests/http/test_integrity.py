"""A running server never gives out wrong bytes twice, and notices damage that nobody asks for."""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.http.files import FILES, MEGABYTE, ask, get, put, wait_until
from tests.support.damage import flip
from tests.support.servers import RunningServer, start_server

TRIALS = 300 if os.environ.get("MODELKEEP_SOAK") else 25
USAGE = "/api/2.0/modelkeep/storage/usage"


def blob_of(server: RunningServer, content: bytes) -> Path:
    digest = hashlib.sha256(content).hexdigest()
    return server.data / "blobs" / digest[:2] / digest[2:]


def events(server: RunningServer) -> list[dict[str, Any]]:
    reply = ask(server, "GET", "/api/2.0/modelkeep/events?kind=blob&limit=1000").json
    found: list[dict[str, Any]] = reply.get("events", [])
    return found


def events_of(server: RunningServer, content: bytes) -> list[str]:
    digest = hashlib.sha256(content).hexdigest()
    return [event["kind"] for event in events(server) if event["payload"]["digest"] == digest]


@pytest.fixture(params=["1", "2"])
def processes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningServer]:
    """A server of one process, and one of two, where each knows only what it has read itself."""
    with start_server(tmp_path / "data", "--processes", request.param, "--scrub-mb-per-second", "0") as running:
        yield running


def test_flipped_bytes_are_not_given_out(processes: RunningServer) -> None:
    chance = random.Random(3)
    for number in range(TRIALS):
        content = chance.randbytes(chance.choice([1, 100, chance.randrange(2, 300_000)])) + b"%d" % number
        put(processes, f"a/{number}", content)
        if chance.random() < 0.5:
            assert get(processes, f"a/{number}").body == content

        flip(blob_of(processes, content), chance.randrange(len(content) * 8), restore_times=chance.random() < 0.5)

        for _ in range(2):
            reply = get(processes, f"a/{number}")
            assert (reply.status, reply.json["error_code"]) == (410, "DATA_LOSS")
            assert "Upload the same file again" in reply.json["message"]
        assert events_of(processes, content) == ["blob.quarantined"]


def test_the_right_bytes_mend_a_damaged_file(server: RunningServer) -> None:
    content = b"to be mended"
    put(server, "mended", content)
    flip(blob_of(server, content), 5)
    assert get(server, "mended").status == 410
    assert ask(server, "HEAD", f"{FILES}/mended").status == 410

    put(server, "somewhere/else", content)

    assert get(server, "mended").body == content
    assert events_of(server, content) == ["blob.quarantined", "blob.mended"]


@pytest.mark.parametrize("content", [b"missing", b"", b"short"])
def test_a_missing_or_short_file_is_410(server: RunningServer, content: bytes) -> None:
    name = content.decode() or "empty"
    put(server, name, content)
    if content == b"short":
        blob_of(server, content).write_bytes(b"sho")
    else:
        blob_of(server, content).unlink()

    assert get(server, name).status == 410
    assert get(server, name, Range="bytes=-1").status == 410
    assert events_of(server, content) == ["blob.quarantined"]


def test_a_damaged_file_that_was_replaced_before_anyone_asked_is_given_out(server: RunningServer) -> None:
    put(server, "replaced", b"replaced in time")
    flip(blob_of(server, b"replaced in time"))

    put(server, "replaced", b"replaced in time")

    assert get(server, "replaced").body == b"replaced in time"
    assert events_of(server, b"replaced in time") == []


def test_a_range_of_damaged_bytes_is_refused_too(server: RunningServer) -> None:
    content = b"a range of these"
    put(server, "range", content)
    assert get(server, "range", Range="bytes=0-3").body == content[:4]
    flip(blob_of(server, content), 90)

    assert get(server, "range", Range="bytes=0-3").status == 410


def test_many_who_ask_at_once_for_a_large_damaged_file_get_it_once_at_most(processes: RunningServer) -> None:
    content = random.Random(5).randbytes(65 * MEGABYTE)
    put(processes, "large", content)
    assert get(processes, "large").body == content
    flip(blob_of(processes, content), 12_345_678)
    statuses: list[int] = []

    def ask_for_it() -> None:
        statuses.append(get(processes, "large").status)

    threads = [threading.Thread(target=ask_for_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(statuses)[1:] == [410] * 5
    assert get(processes, "large").status == 410
    assert events_of(processes, content) == ["blob.quarantined"]


def test_a_read_only_server_does_not_give_out_damaged_bytes_and_changes_nothing(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        put(server, "a", b"hello")
    with start_server(tmp_path / "data", "--read-only") as server:
        assert get(server, "a").body == b"hello"
        flip(blob_of(server, b"hello"))
        assert [get(server, "a").status for _ in range(2)] == [410, 410]
        assert events(server) == []
        assert blob_of(server, b"hello").exists()


def test_damage_is_found_without_a_request(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        for number in range(5):
            put(server, f"{number}", b"content %d" % number)
    flip(blob_of(server, b"content 3"))
    make_all_due(server)

    with start_server(tmp_path / "data", "--processes", "2") as server:
        wait_until(lambda: events(server) != [])
        assert events_of(server, b"content 3") == ["blob.quarantined"]
        assert get(server, "3").status == 410
        wait_until(lambda: unread(server) == 0)
        assert len(events(server)) == 1


def make_all_due(server: RunningServer) -> None:
    connection = apsw.Connection(str(server.data / "modelkeep.db"))
    connection.execute("UPDATE blobs SET verified_timestamp = NULL")
    connection.close()


def unread(server: RunningServer) -> int:
    connection = apsw.Connection(str(server.data / "modelkeep.db"))
    sql = "SELECT count(*) FROM blobs WHERE verified_timestamp IS NULL AND quarantined_timestamp IS NULL"
    count = connection.execute(sql).fetchone()
    connection.close()
    return int(count[0])


def test_unused_files_are_collected_without_a_request(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        put(server, "kept", b"kept")
        put(server, "deleted", b"deleted")
        assert ask(server, "DELETE", f"{FILES}/deleted").status == 200

    with start_server(tmp_path / "data", "--collect-grace-hours", "0") as server:
        wait_until(lambda: not blob_of(server, b"deleted").exists())
        assert get(server, "kept").body == b"kept"


def test_a_stop_does_not_wait_for_a_scrub(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        put(server, "large", random.Random(1).randbytes(60 * MEGABYTE))
    make_all_due(server)
    server = start_server(tmp_path / "data", "--scrub-mb-per-second", "1")

    assert server.stop() == 0
    assert unread(server) == 1  # at that rate it would have been read after a minute


def test_storage_use_is_told(server: RunningServer) -> None:
    before = ask(server, "GET", USAGE).json
    put(server, "used", b"some bytes that are used")

    after = ask(server, "GET", USAGE).json

    assert after["total_bytes"] - before["total_bytes"] == 24
    assert after["artifact_bytes"] - before["artifact_bytes"] == 24
    assert after["models"] == []
