"""`modelkeep fsck`, as a person runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.http.files import get, put, stored_files
from tests.registry.storing import digest_of, everything_below
from tests.support.damage import flip
from tests.support.servers import RunningServer, modelkeep_command, start_server


def fsck(data: Path, *args: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MODELKEEP_")}
    return subprocess.run(
        [*modelkeep_command(), "fsck", "--data", str(data), *args],
        capture_output=True, text=True, timeout=120, env=kept, check=False,
    )  # fmt: skip


def blob_of(server: RunningServer, content: bytes) -> Path:
    digest = digest_of(content)
    return server.data / "blobs" / digest[:2] / digest[2:]


@pytest.fixture
def stopped(tmp_path: Path) -> RunningServer:
    with start_server(tmp_path / "data") as server:
        put(server, "a", b"hello")
        put(server, "b", b"other")
    return server


def test_a_whole_store_ends_with_0(stopped: RunningServer) -> None:
    done = fsck(stopped.data)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "2 blobs, 10 bytes read: all is well.\n"


def test_damage_ends_with_1_and_is_told(stopped: RunningServer) -> None:
    flip(blob_of(stopped, b"hello"))

    done = fsck(stopped.data)

    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"corrupt {digest_of(b'hello')}: The bytes of its file are not those that were stored. Needed by a.",
        "2 blobs, 10 bytes read: 1 corrupt.",
    ]


def test_json_is_one_object_a_line(stopped: RunningServer) -> None:
    blob_of(stopped, b"hello").unlink()

    done = fsck(stopped.data, "--json")

    finding, summary = map(json.loads, done.stdout.splitlines())
    assert finding == {
        "kind": "missing",
        "place": digest_of(b"hello"),
        "what": "Its file is missing.",
        "needed_by": ["a"],
        "repaired": False,
    }
    assert summary == {"files": 2, "bytes": 5, "found": {"missing": 1}}


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_registry_ends_with_2(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")

    done = fsck(tmp_path / name)

    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert not (tmp_path / "nowhere").exists()


def test_it_changes_nothing_unless_told_to(stopped: RunningServer) -> None:
    flip(blob_of(stopped, b"hello"))
    before = everything_below(stopped.data / "blobs")

    assert fsck(stopped.data).returncode == 1

    assert everything_below(stopped.data / "blobs") == before


def test_a_repair_beside_a_running_server_is_seen_by_it(tmp_path: Path) -> None:
    with start_server(tmp_path / "data") as server:
        put(server, "a", b"hello")
        assert get(server, "a").body == b"hello"
        flip(blob_of(server, b"hello"))

        assert fsck(server.data, "--repair").returncode == 1

        assert get(server, "a").status == 410
        assert [path.parent.name for path in stored_files(server)] == ["quarantine"]
        put(server, "a", b"hello")
        assert get(server, "a").body == b"hello"
        assert fsck(server.data).returncode == 0


def test_a_names_control_characters_do_not_reach_the_terminal(stopped: RunningServer) -> None:
    (stopped.data / "blobs" / "\x1b[2J").write_text("x")

    done = fsck(stopped.data)

    assert done.returncode == 1
    assert "\x1b" not in done.stdout
