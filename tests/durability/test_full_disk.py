"""A server on a file system of 16 MB that is filled to the last byte.

The file system is a tmpfs in a mount namespace of the server's own, so nothing is left of it afterwards.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.http.files import FILES, Reply, ask
from tests.support.servers import RunningServer, free_port, start_process, wait_until_200

MOUNT = 'mount -t tmpfs -o size=16m,mode=755 none "$0" && exec "$@"'
MLFLOW = "/api/2.0/mlflow"
JSON = {"Content-Type": "application/json"}


def unshare() -> list[str]:
    return ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]


def reason_without_namespaces() -> str | None:
    """Why no file system can be mounted here, or None."""
    try:
        command = [*unshare(), "sh", "-c", MOUNT, "/mnt", "true"]
        tried = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except OSError as error:
        return f"unshare cannot be run: {error.strerror}"
    return None if tried.returncode == 0 else f"no user namespaces here: {tried.stderr.strip()}"


@dataclass
class SmallDisk:
    """A server, and the view of its file system from outside."""

    server: RunningServer
    root: Path

    @property
    def free(self) -> int:
        found = os.statvfs(self.root)
        return found.f_bavail * found.f_frsize

    def put(self, path: str, content: bytes) -> Reply:
        return ask(self.server, "PUT", f"{FILES}/{path}", content)

    def call(self, method: str, path: str, **fields: Any) -> Reply:
        return ask(self.server, method, f"{MLFLOW}/{path}", json.dumps(fields).encode(), JSON)

    def delete_file(self, path: str) -> Reply:
        return ask(self.server, "DELETE", f"{FILES}/{path}")


@pytest.fixture(params=[1, 2], ids=["1-process", "2-processes"])
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[SmallDisk]:
    reason = reason_without_namespaces()
    if reason:
        if os.environ.get("CI"):
            pytest.fail(f"The full-disk tests must run in CI, and {reason}.")
        pytest.skip(reason)
    port = free_port()
    data = tmp_path / "data"
    serve = [sys.executable, "-m", "modelkeep", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command = [*serve, "--data", str(data), "--processes", str(request.param)]
    process, printed = start_process([*unshare(), "sh", "-c", MOUNT, str(tmp_path), *command])
    wait_until_200(f"http://127.0.0.1:{port}/health", process, printed)
    root = Path(f"/proc/{process.pid}/root{tmp_path}")
    with RunningServer(f"http://127.0.0.1:{port}", process, root / "data", printed) as server:
        yield SmallDisk(server, root)


def fill(disk: SmallDisk) -> tuple[dict[str, bytes], list[str]]:
    """Upload, then create models, until not a byte is left; what was acknowledged."""
    files: dict[str, bytes] = {}
    size = 1024 * 1024
    while size:
        path, content = f"files/{len(files)}", os.urandom(size)
        reply = disk.put(path, content)
        if reply.status == 200:
            files[path] = content
        else:
            assert_full(reply)
            size //= 4
    models: list[str] = []
    refused = 0
    while refused < 3 or disk.free:
        name = f"model-{len(models)}"
        # Growing until a page is needed, and small again, so that the last page is used too.
        reply = disk.call("POST", "registered-models/create", name=name, description="d" * (4000 if not refused else 1))
        if reply.status == 200:
            models.append(name)
        else:
            assert_full(reply)
            refused += 1
            assert refused < 1000, disk.free
    return files, models


def assert_full(reply: Reply) -> None:
    assert reply.status == 507, reply
    assert reply.json["error_code"] == "RESOURCE_EXHAUSTED"
    assert "is full" in reply.json["message"]
    assert "/" not in reply.json["message"]


def assert_intact(disk: SmallDisk, files: dict[str, bytes], models: list[str]) -> None:
    assert list((disk.root / "data" / "blobs" / "incoming").iterdir()) == []
    listed = ask(disk.server, "GET", f"{FILES}?path=files").json["files"]
    assert sorted(entry["path"] for entry in listed) == sorted(path.removeprefix("files/") for path in files)
    for path, content in files.items():
        reply = ask(disk.server, "GET", f"{FILES}/{path}")
        assert (reply.status, reply.body) == (200, content)
        assert reply.headers["etag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    for name in models:
        reply = ask(disk.server, "GET", f"{MLFLOW}/registered-models/get?name={name}")
        assert (reply.status, reply.json["registered_model"]["name"]) == (200, name)
    found = ask(disk.server, "GET", f"{MLFLOW}/registered-models/search?max_results=1000").json
    assert sorted(model["name"] for model in found.get("registered_models", [])) == sorted(models)


def test_a_full_disk_refuses_writes_keeps_what_it_has_and_recovers_without_a_restart(disk: SmallDisk) -> None:
    early = [f"early-{number}" for number in range(150)]
    for name in early:
        assert disk.call("POST", "registered-models/create", name=name, description="d" * 500).status == 200
    ballast = disk.root / "ballast"
    ballast.write_bytes(bytes(2 * 1024 * 1024))
    files, models = fill(disk)
    models += early

    assert disk.free == 0
    assert_full(disk.put("files/more", os.urandom(100_000)))
    assert_full(disk.call("POST", "registered-models/set-tag", name=early[0], key="k", value="v" * 5000))
    assert_intact(disk, files, models)

    for name in early[1:]:
        reply = disk.call("DELETE", "registered-models/delete", name=name)
        assert reply.status == 200, reply
        models.remove(name)
    for path in list(files)[: len(files) // 2]:
        assert disk.delete_file(path).status == 200
        del files[path]
    assert_intact(disk, files, models)

    ballast.unlink()
    content = os.urandom(500_000)
    assert disk.put("files/again", content).status == 200
    files["files/again"] = content
    assert disk.call("POST", "registered-models/create", name="again").status == 200
    models.append("again")
    assert_intact(disk, files, models)
    assert disk.server.stop() == 0
