"""What a server does while its PostgreSQL database is away, or somebody else keeps it from writing."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from modelkeep.storage.postgres import LOCK_CLASS, TURN
from tests.support import postgres
from tests.support.postgres import Cluster
from tests.support.servers import RunningServer, start_server
from tests.support.wire import Answer, Wire

MLFLOW = "/api/2.0/mlflow"
WRITERS = 8
PATIENCE_SECONDS = 120.0
STOP_SECONDS = 25.0


@pytest.fixture(scope="module")
def durable() -> Iterator[Cluster]:
    """A PostgreSQL of this module's own, which syncs, and may be stopped."""
    with postgres.cluster(durable=True) as cluster:
        yield cluster


@pytest.fixture
def server(durable: Cluster, tmp_path: Path) -> Iterator[RunningServer]:
    with start_server(tmp_path / "data", "--log-format", "text", database=durable.make()) as running:
        yield running


def own_server(durable: Cluster) -> postgres.Server:
    if durable.server is None:
        pytest.skip("the PostgreSQL that was given cannot be stopped")
    return durable.server


def create(wire: Wire, name: str) -> Answer:
    return wire.post(f"{MLFLOW}/registered-models/create", name=name)


def get(wire: Wire, name: str) -> Answer:
    return wire.get(f"{MLFLOW}/registered-models/get", name=name)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"it did not happen: {what}"
        time.sleep(0.02)  # nothing tells when another process has got there


def assert_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert answer.headers["retry-after"] == "1"
    assert answer.json["error_code"] == "TEMPORARILY_UNAVAILABLE"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_restart_of_the_database_under_load_loses_nothing_that_was_acknowledged(
    durable: Cluster, server: RunningServer, how: signal.Signals
) -> None:
    database = own_server(durable)
    names, kept, refused = itertools.count(), [], []
    done = threading.Event()

    def write() -> None:
        wire = Wire(server.url)
        while not done.is_set():
            name = f"model-{next(names)}"
            answer = create(wire, name)
            if answer.status == 200:
                kept.append(name)
            else:
                refused.append(answer)

    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write) for _ in range(WRITERS)]
        wait_until(lambda: len(kept) > 50, "50 models")
        database.stop(how)
        wait_until(lambda: len(refused) > 2 * WRITERS, "refusals while the database is away")
        away = get(Wire(server.url), "model-0")
        ready = Wire(server.url).get("/ready")
        healthy = Wire(server.url).get("/health")
        database.start()
        again = len(kept) + 50
        wait_until(lambda: len(kept) > again, "50 models more")
        done.set()
        for writer in writers:
            writer.result(PATIENCE_SECONDS)

    assert "Traceback" not in server.output(), server.output()
    for answer in (*refused, away):
        assert_unavailable(answer)
    assert (ready.status, healthy.status) == (503, 200)
    wire = Wire(server.url)
    assert wire.get("/ready").status == 200
    missing = [name for name in kept if get(wire, name).status != 200]
    assert not missing
    assert "a request was answered 503" in server.output()


def test_a_session_that_keeps_the_turn_to_write_is_named_and_its_end_heals(
    server: RunningServer, durable: Cluster
) -> None:
    wire = Wire(server.url)
    assert create(wire, "before").status == 200
    with psycopg.connect(database_of(server, durable), application_name="a forgotten psql") as session:
        session.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, TURN])

        assert_unavailable(create(wire, "during"))

        ready = wire.get("/ready")
        assert ready.status == 503
        (problem,) = ready.json["problems"]
        assert "a forgotten psql" in problem
        assert f"pg_terminate_backend({session.info.backend_pid})" in problem
        assert "a forgotten psql" in server.output()
        assert get(wire, "before").status == 200

    assert wire.get("/ready").status == 200
    assert create(wire, "during").status == 200


def database_of(server: RunningServer, durable: Cluster) -> str:
    """The database of a server, by the name that it prints."""
    wait_until(lambda: "Modelkeep is ready" in server.output(), "the line that says so")
    name = server.output().partition("(database ")[2].partition(",")[0].rpartition("/")[2]
    return durable.url(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_a_server_whose_database_is_away_ends_promptly(
    durable: Cluster, server: RunningServer, how: signal.Signals
) -> None:
    database = own_server(durable)
    wire = Wire(server.url)
    assert create(wire, "one").status == 200
    database.stop(how)
    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            under_way = [pool.submit(create, Wire(server.url), f"model-{number}") for number in range(WRITERS)]
            for answer in under_way:
                assert_unavailable(answer.result(PATIENCE_SECONDS))
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < STOP_SECONDS
    finally:
        database.start()


def test_a_server_that_waits_for_the_turn_to_write_ends_promptly(server: RunningServer, durable: Cluster) -> None:
    wire = Wire(server.url)
    assert create(wire, "one").status == 200
    with (
        psycopg.connect(database_of(server, durable)) as session,
        ThreadPoolExecutor(1) as pool,
    ):
        session.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK_CLASS, TURN])
        waiting = pool.submit(create, Wire(server.url), "two")
        wait_until(lambda: is_waited_for(session), "the server waits")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < STOP_SECONDS
        assert_unavailable(waiting.result())


def is_waited_for(session: psycopg.Connection) -> bool:
    row = session.execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted", [TURN]
    ).fetchone()
    return row is not None and row[0] > 0
