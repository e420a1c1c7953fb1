"""Two servers on one PostgreSQL database and one data folder: one order for everyone, also when a server is killed."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from modelkeep.storage.postgres import LOCK_CLASS, TURN
from tests.support.postgres import Cluster
from tests.support.servers import RunningServer, free_port, start_server
from tests.support.wire import Answer, Wire

MLFLOW = "/api/2.0/mlflow"
EVENTS = "/api/2.0/modelkeep/events"
CLIENTS = 32
VERSIONS_EACH = 4
LOCKED_SECONDS = 0.3
GIVE_UP_SECONDS = 90.0


@dataclass
class Pair:
    """Two servers, of which one may be away for a while."""

    data: Path
    database: str
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))
    servers: list[RunningServer] = field(default_factory=list)

    def start(self, number: int) -> RunningServer:
        return start_server(self.data, port=self.ports[number], database=self.database)

    def url(self, number: int) -> str:
        return f"http://127.0.0.1:{self.ports[number]}"


@pytest.fixture
def pair(cluster: Cluster, tmp_path: Path) -> Iterator[Pair]:
    pair = Pair(tmp_path / "data", cluster.make())
    pair.servers = [pair.start(0), pair.start(1)]
    yield pair
    for server in pair.servers:
        server.stop()
    cluster.drop(pair.database)


def insist(url: str, key: str, path: str, **body: Any) -> Answer:
    """Post until there is an answer: a server that was killed tells nobody what it did, and the key makes it safe."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while True:
        wire = Wire(url)
        try:
            return wire.send("POST", path, json.dumps(body).encode(), {"Idempotency-Key": key})
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < deadline, f"{url} did not come back"
            time.sleep(0.05)  # until the port is open again


def register(pair: Pair, client: int) -> list[int]:
    numbers = []
    for turn in range(VERSIONS_EACH):
        url, key = pair.url(client % 2), f"{client}-{turn}"
        answer = insist(url, key, f"{MLFLOW}/model-versions/create", name="churn", source=f"s3://b/{key}")
        assert answer.status == 200, (url, answer)
        numbers.append(int(answer.json["model_version"]["version"]))
    return numbers


def follow(pair: Pair, number: int, after: int, until: int) -> list[dict[str, Any]]:
    """Every event up to one, as a reader hears of them from one server that waits for each next one."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while sum(event["kind"] == "version.registered" for event in found) < until:
        assert time.monotonic() < deadline, f"only {len(found)} events came"
        wire = Wire(pair.url(number))
        try:
            answer = wire.get(EVENTS, after=found[-1]["position"] if found else after, limit=7, wait=2)
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)  # until the port is open again
            continue
        assert answer.status == 200, answer
        found += answer.json.get("events", [])
    return found


@contextmanager
def foreign_transaction(url: str, *statements: str) -> Iterator[None]:
    """Somebody else's open transaction."""
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)
        yield
        connection.rollback()


def hold_rows_open(pair: Pair, done: threading.Event) -> None:
    """Hold the model's row, and the turn to write, for a while each, again and again."""
    while not done.is_set():
        for statement in (
            "SELECT * FROM models WHERE name = 'churn' FOR UPDATE",
            f"SELECT pg_advisory_xact_lock({LOCK_CLASS}, {TURN})",
        ):
            with foreign_transaction(pair.database, statement):
                done.wait(LOCKED_SECONDS)
            done.wait(LOCKED_SECONDS / 3)


def test_registering_from_32_clients_counts_from_1_to_n_while_a_server_is_killed(pair: Pair) -> None:
    wire = Wire(pair.url(0))
    assert wire.post(f"{MLFLOW}/registered-models/create", name="churn").status == 200
    start = wire.get(EVENTS).json["events"][-1]["position"]
    count = CLIENTS * VERSIONS_EACH
    done = threading.Event()
    # One that has read something keeps its snapshot until the end, as a forgotten session does.
    snapshot = foreign_transaction(
        pair.database, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM events"
    )
    with snapshot, ThreadPoolExecutor(CLIENTS + 4) as pool:
        blocker = pool.submit(hold_rows_open, pair, done)
        readers = [pool.submit(follow, pair, number, start, count) for number in (0, 1)]
        clients: list[Future[list[int]]] = [pool.submit(register, pair, client) for client in range(CLIENTS)]
        try:
            _wait_for_versions(pair, count // 4)
            pair.servers[1].kill()
            _wait_for_versions(pair, count // 2)
            pair.servers[1] = pair.start(1)
            numbers = [number for client in clients for number in client.result(GIVE_UP_SECONDS)]
            heard = [reader.result(GIVE_UP_SECONDS) for reader in readers]
        finally:
            done.set()
        blocker.result()

    assert sorted(numbers) == list(range(1, count + 1))
    for events in heard:
        assert [event["position"] for event in events] == list(range(start + 1, start + 1 + len(events)))
        registered = [event["payload"]["version"] for event in events if event["kind"] == "version.registered"]
        assert registered == list(range(1, count + 1))
    assert heard[0] == heard[1]


def _wait_for_versions(pair: Pair, count: int) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    with psycopg.connect(pair.database, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM versions").fetchone()
            if row is not None and row[0] >= count:
                return
            assert time.monotonic() < deadline, row
            time.sleep(0.02)  # PostgreSQL has no way to wait for rows


def test_what_one_server_answered_the_other_tells_at_once(pair: Pair) -> None:
    first, second = Wire(pair.url(0)), Wire(pair.url(1))
    for turn in range(20):
        assert first.post(f"{MLFLOW}/registered-models/create", name=f"m{turn}").status == 200
        assert second.get(f"{MLFLOW}/registered-models/get", name=f"m{turn}").status == 200
