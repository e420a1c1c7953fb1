"""A database that does not answer at once is never asked on the event loop."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeep.api.table import CALLS
from modelkeep.domain.actors import Actor
from modelkeep.registry import opening, tokens
from tests.http.files import FILES, ask, create_run
from tests.support.servers import RunningServer, start_server
from tests.support.watched_server import LOOP
from tests.support.wire import Wire

MLFLOW = "/api/2.0/mlflow"
OURS = "/api/2.0/modelkeep"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("cluster").make()


@pytest.fixture(scope="module")
def record(database: str | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record") / "threads"


@pytest.fixture(scope="module")
def secret(database: str | None, record: Path) -> str:
    folder = record.parent / "data"
    opening.prepare(folder, database=database)
    registry = opening.open_registry(folder, database=database)
    made = tokens.create(Actor("tests", "admin", True, "embedded"), registry, "ann", "admin")
    opening.close(registry)
    assert made.secret is not None
    return made.secret


@pytest.fixture(scope="module")
def server(database: str | None, record: Path, secret: str) -> Iterator[RunningServer]:
    launcher = [sys.executable, "-m", "tests.support.watched_server", str(record)]
    with start_server(record.parent / "data", launcher=launcher, database=database) as running:
        yield running


@pytest.fixture
def wire(server: RunningServer, secret: str) -> Wire:
    return Wire(server.url, secret)


def asked(record: Path) -> dict[str, set[str]]:
    """What each thread used of the database."""
    found: dict[str, set[str]] = {}
    for line in record.read_text().splitlines():
        thread, name = line.split()
        found.setdefault(thread, set()).add(name)
    return found


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
def test_every_call_is_answered_without_it(call, wire: Wire, record: Path) -> None:
    path = f"/api/{call.version}/{call.path.replace('{', '').replace('}', '')}"
    body = (
        None if call.method == "GET" else b'{"name": "churn", "key": "k", "value": "v", "run_id": "r", "version": "1"}'
    )

    answer = wire.send(call.method, f"{path}?name=churn&run_id=r&version=1" if call.method == "GET" else path, body)

    assert answer.status < 500, answer
    assert LOOP not in asked(record)


def test_what_a_client_does_with_files_goes_without_it(server: RunningServer, wire: Wire, record: Path) -> None:
    run_id, artifacts = create_run(server)
    content = b"0123456789" * 1000
    base = f"{FILES}/{artifacts}/model"
    assert ask(server, "PUT", f"{base}/weights.bin", content).status == 200
    assert ask(server, "GET", f"{base}/weights.bin").body == content
    assert ask(server, "GET", f"{base}/weights.bin", headers={"Range": "bytes=10-19"}).body == b"0123456789"
    assert ask(server, "GET", f"/get-artifact?run_id={run_id}&path=model/weights.bin").body == content
    upload = ask(server, "POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=note.txt", b"note")
    assert upload.status == 200, upload
    assert wire.post(f"{MLFLOW}/registered-models/create", name="with-files").status == 200
    source = f"runs:/{run_id}/model"
    created = wire.post(f"{MLFLOW}/model-versions/create", name="with-files", source=source, run_id=run_id)
    assert created.status == 200, created
    version = "/model-versions/get-artifact?name=with-files&version=1&path=weights.bin"
    assert ask(server, "GET", version).body == content
    assert ask(server, "DELETE", f"{FILES}/{artifacts}/note.txt").status == 200

    assert LOOP not in asked(record)


@pytest.mark.parametrize("path", ["/", "/models/nothing", "/experiments", "/activity", "/ready", "/metrics"])
def test_what_people_and_probes_look_at_goes_without_it(path: str, wire: Wire, record: Path) -> None:
    assert wire.get(path).status in (200, 404)
    assert LOOP not in asked(record)


def test_reads_run_in_the_readers_and_batches_in_the_one_thread_that_commits(wire: Wire, record: Path) -> None:
    assert wire.post(f"{MLFLOW}/registered-models/create", name="threads").status == 200
    assert wire.get(f"{MLFLOW}/registered-models/get", name="threads").status == 200

    threads = asked(record)

    assert {"begin", "enter", "commit"} <= threads["modelkeep-commit"]
    assert threads["modelkeep-reader"] & {"read", "read_statement"}
    assert "try_begin" not in set().union(*threads.values())
