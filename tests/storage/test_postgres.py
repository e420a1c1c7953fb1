"""PostgreSQL when it does not go as it should: held locks, lost connections, deadlocks, values it refuses."""

import threading
import time
from collections import deque

import psycopg
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound, OutOfSpace, Unavailable
from modelkeep.registry import commits, events, models, opening
from modelkeep.registry.commits import Job
from modelkeep.storage import connections
from modelkeep.storage.postgres import CHORES, LOCK_CLASS, TURN

ACTOR = Actor("ann", "admin", True, "embedded")
TURN_LOCK = f"pg_advisory_lock({LOCK_CLASS}, {TURN})"


@pytest.fixture
def registry(empty_database, tmp_path):
    opening.prepare(tmp_path, database=empty_database)
    registry = opening.open_registry(tmp_path, database=empty_database)
    yield registry
    opening.close(registry)


@pytest.fixture
def other(empty_database):
    """Somebody else's connection."""
    with psycopg.connect(empty_database, autocommit=True, application_name="other") as connection:
        yield connection


@pytest.fixture(autouse=True)
def long_batches(monkeypatch):
    """A batch ends with its jobs, however slow the machine is."""
    monkeypatch.setattr(commits, "MOST_SECONDS_AWAY", 60)


def run_batch(registry, works):
    queue = deque(Job(work, Actor("ann", "admin", True, "embedded")) for work in works)
    jobs = list(queue)
    while queue:
        commits.run_and_commit(registry.database, queue)
    return jobs


def end_all(other):
    """End every connection but this one, as a restart of the server would."""
    other.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def names(registry):
    return [model.name for model in models.search(ACTOR, registry).items]


# The turn to write ------------------------------------------------------------------------------------------


def test_a_held_turn_is_told_in_bounded_time_and_heals(registry, other):
    other.execute(f"SELECT {TURN_LOCK}")
    started = time.monotonic()

    jobs = run_batch(registry, [lambda name=name: models.create(ACTOR, registry, name) for name in "abc"])

    assert 4 < time.monotonic() - started < 60
    assert [type(job.error) for job in jobs] == [Unavailable] * 3
    assert "had the turn to write" in jobs[0].error.message
    (problem,) = registry.database.problems()
    assert f"process {other.info.backend_pid} of the database (other, from" in problem
    assert registry.database.try_begin() is False
    other.execute("SELECT pg_advisory_unlock_all()")
    assert registry.database.problems() == []
    models.create(ACTOR, registry, "d")
    assert names(registry) == ["d"]


def test_writers_of_two_processes_take_turns_and_positions_have_no_gap(registry, empty_database, tmp_path):
    second = opening.open_registry(tmp_path, database=empty_database)

    def write(registry, letter):
        for number in range(15):
            models.create(Actor(letter, "admin", True, "embedded"), registry, f"{letter}{number}")

    threads = [threading.Thread(target=write, args=each) for each in ((registry, "a"), (second, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    opening.close(second)

    positions = [event.position for event in events.page(ACTOR, registry, limit=1000)]
    assert positions == list(range(1, 32))


def test_what_is_undone_leaves_no_gap_in_the_positions(registry):
    def half():
        models.create(ACTOR, registry, "half")
        raise NotFound("on purpose")

    with pytest.raises(NotFound), registry.database.write():
        half()
    models.create(ACTOR, registry, "one")

    assert [event.position for event in events.page(ACTOR, registry)] == [1, 2]


# Batches ----------------------------------------------------------------------------------------------------


def test_a_failing_statement_leaves_its_neighbours_in_the_batch_alone(registry):
    def fail():
        with registry.database.write() as tx:
            tx.one("SELECT 1 / :zero", {"zero": 0})

    jobs = run_batch(
        registry,
        [lambda: models.create(ACTOR, registry, "one"), fail, lambda: models.create(ACTOR, registry, "three")],
    )

    assert [type(job.error) for job in jobs] == [type(None), Invalid, type(None)]
    assert names(registry) == ["one", "three"]


def test_a_batch_that_is_the_victim_of_a_deadlock_is_done_again(registry, other, empty_database):
    for name in ("one", "two"):
        models.create(ACTOR, registry, name)
    # Whoever waits for deadlock_timeout looks for a deadlock, and is its victim: so it is the batch.
    other.execute("SET deadlock_timeout = '60s'")
    describing = "UPDATE models SET description = :by WHERE name = :name"
    tries = []
    theirs, ours = threading.Event(), threading.Event()

    def cross_the_other_way():
        with other.transaction():
            other.execute("UPDATE models SET description = 'them' WHERE name = 'two'")
            theirs.set()
            ours.wait(60)
            other.execute("UPDATE models SET description = 'them' WHERE name = 'one'")

    def cross():
        tries.append(1)
        with registry.database.write() as tx:
            tx.run(describing, {"by": "us", "name": "one"})
            ours.set()
            if len(tries) == 1:
                wait_until_blocked(empty_database, other.info.backend_pid)
            tx.run(describing, {"by": "us", "name": "two"})

    crossing = threading.Thread(target=cross_the_other_way)
    crossing.start()
    theirs.wait(60)
    jobs = run_batch(registry, [lambda: models.create(ACTOR, registry, "three"), cross])
    crossing.join(60)

    assert [job.error for job in jobs] == [None, None]
    assert len(tries) > 1
    assert {models.get(ACTOR, registry, name).description for name in ("one", "two")} == {"us"}
    assert names(registry) == ["one", "three", "two"]


def wait_until_blocked(url, pid):
    deadline = time.monotonic() + 60
    with psycopg.connect(url, autocommit=True) as watching:
        while watching.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND pid = %s", [pid]).fetchone() is None:
            assert time.monotonic() < deadline


# Lost connections -------------------------------------------------------------------------------------------


def test_a_read_is_done_again_when_its_connection_was_lost(registry, other):
    models.create(ACTOR, registry, "one")
    assert names(registry) == ["one"]

    end_all(other)

    assert names(registry) == ["one"]
    assert models.get(ACTOR, registry, "one").name == "one"


def test_a_read_that_has_answered_is_not_done_again(registry, other):
    with pytest.raises(Unavailable, match="does not answer"), registry.database.read() as tx:
        tx.one("SELECT 1", {})
        end_all(other)
        tx.one("SELECT 2", {})

    assert names(registry) == []


def test_a_write_goes_on_with_a_new_connection(registry, other):
    models.create(ACTOR, registry, "one")

    end_all(other)
    models.create(ACTOR, registry, "two")

    assert names(registry) == ["one", "two"]


def test_a_batch_whose_connection_is_lost_is_not_acknowledged_and_not_done_twice(registry, other):
    jobs = run_batch(
        registry,
        [
            lambda: models.create(ACTOR, registry, "one"),
            lambda: end_all(other),
            lambda: models.create(ACTOR, registry, "two"),
        ],
    )

    assert [type(job.error) for job in jobs] == [Unavailable] * 3
    assert names(registry) == []
    models.create(ACTOR, registry, "three")
    assert names(registry) == ["three"]


def test_a_commit_whose_connection_is_lost_is_not_acknowledged(registry, other):
    registry.database.begin()
    end_all(other)

    with pytest.raises(Unavailable, match="it is not known whether the change was kept"):
        registry.database.commit()

    models.create(ACTOR, registry, "one")
    assert names(registry) == ["one"]


# Chores -----------------------------------------------------------------------------------------------------


def test_one_process_does_the_chores_until_its_connection_is_lost(registry, empty_database, tmp_path, other):
    second = opening.open_registry(tmp_path, database=empty_database)
    assert registry.database.claim_chores()
    assert registry.database.claim_chores()
    assert not second.database.claim_chores()

    end_all(other)

    assert second.database.claim_chores()
    assert not registry.database.claim_chores()
    opening.close(second)
    assert registry.database.claim_chores()
    held = """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND objid = %s
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
    assert other.execute(held, [LOCK_CLASS, CHORES]).fetchone() == (1,)


# Errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a\0b", "\ud800", 2**63])
def test_a_value_that_cannot_be_stored_is_refused_with_a_sentence(registry, value):
    with pytest.raises(Invalid, match="cannot be stored in the database"), registry.database.write() as tx:
        tx.one("SELECT :value = 'x' OR 1 = :value" if isinstance(value, str) else "SELECT 1 = :value", {"value": value})

    models.create(ACTOR, registry, "one")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.DiskFull("secret"), OutOfSpace),
        (psycopg.errors.AdminShutdown("secret"), Unavailable),
        (psycopg.errors.CannotConnectNow("secret"), Unavailable),
        (psycopg.errors.LockNotAvailable("secret"), Unavailable),
        (psycopg.errors.QueryCanceled("secret"), Unavailable),
        (psycopg.errors.DeadlockDetected("secret"), Unavailable),
        (psycopg.errors.InFailedSqlTransaction("secret"), Unavailable),
        (psycopg.errors.ReadOnlySqlTransaction("secret"), Unavailable),
        (psycopg.errors.NumericValueOutOfRange("secret"), Invalid),
        (psycopg.errors.ProgramLimitExceeded("secret"), Invalid),
        (psycopg.OperationalError("secret"), Unavailable),
    ],
)
def test_a_failure_is_told_in_our_words(error, kind):
    explained = connections.explain(error)

    assert type(explained) is kind
    assert "secret" not in explained.message


def test_a_reader_changes_nothing(registry):
    with pytest.raises(Unavailable, match="lets nothing be changed"), registry.database.read() as tx:
        tx.run("DELETE FROM events", {})


def test_a_read_sees_one_state(registry):
    count = "SELECT count(*) FROM models"
    with registry.database.read() as tx:
        before = tx.one(count, {})
        thread = threading.Thread(target=lambda: models.create(ACTOR, registry, "one"))
        thread.start()
        thread.join()
        assert tx.one(count, {}) == before == (0,)
    with registry.database.read() as tx:
        assert tx.one(count, {}) == (1,)
