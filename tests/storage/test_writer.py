"""The writer: many callers, one commit, and nothing acknowledged that is not kept."""

import fcntl
import multiprocessing
import threading
from collections import deque
from functools import partial

import apsw
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError, NotFound, Unavailable
from modelkeep.registry import commits, events, models, opening, versions
from modelkeep.registry.commits import Job
from modelkeep.storage import sqlite


def actor():
    return Actor("ann", "admin", True, "embedded")


@pytest.fixture
def registry(tmp_path):
    folder = tmp_path / "data"
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    yield registry
    opening.close(registry)


def run_batch(registry, works):
    """Run works in one batch, as the server does, and return the finished jobs."""
    queue = deque(Job(work) for work in works)
    jobs = list(queue)
    while queue:
        commits.run_and_commit(registry.database, queue)
    return jobs


def test_a_failing_job_leaves_its_neighbours_in_the_batch_alone(registry):
    jobs = run_batch(
        registry,
        [
            lambda: models.create(actor(), registry, "one"),
            lambda: models.rename(actor(), registry, "nobody", "x"),
            lambda: models.create(actor(), registry, "three"),
        ],
    )

    assert [type(job.error) for job in jobs] == [type(None), NotFound, type(None)]
    assert [model.name for model in models.search(actor(), registry).items] == ["one", "three"]


def test_a_job_that_fails_half_way_leaves_nothing(registry):
    models.create(actor(), registry, "one")

    def half():
        with registry.database.write() as tx:
            tx.run("UPDATE models SET description = 'half' WHERE name = :name", {"name": "one"})
            raise NotFound("on purpose")

    (job,) = run_batch(registry, [half])

    assert isinstance(job.error, NotFound)
    assert models.get(actor(), registry, "one").description is None


def test_a_job_that_fails_half_way_leaves_its_neighbours_in_the_batch_alone(registry):
    ann = actor()

    def half():
        versions.register(actor(), registry, "one", "s3://bucket/model")  # a whole verb, which is kept
        with registry.database.write() as tx:
            tx.run("UPDATE models SET description = 'half' WHERE name = :name", {"name": "one"})
            raise NotFound("on purpose")

    jobs = run_batch(
        registry,
        [
            lambda: models.create(ann, registry, "one"),
            half,
            lambda: models.update(ann, registry, "one", "whole"),
        ],
    )

    assert [type(job.error) for job in jobs] == [type(None), NotFound, type(None)]
    kept = models.get(actor(), registry, "one")
    assert (kept.description, [version.number for version in kept.latest_versions]) == ("whole", [1])
    recorded = [event.kind for event in events.page(actor(), registry)]
    assert recorded == ["experiment.created", "model.created", "version.registered", "model.updated"]


def test_a_job_that_is_done_twice_names_its_change_once(registry, monkeypatch):
    monkeypatch.setattr(commits, "MOST_SECONDS", 60.0)  # however busy the machine is, both are in one batch
    ann = actor()

    def half():
        with registry.database.write() as tx:
            tx.run("UPDATE models SET description = 'half'", {})
            raise NotFound("on purpose")

    jobs = deque([Job(lambda: models.create(ann, registry, "one"), ann), Job(half)])
    done = commits.run_and_commit(registry.database, jobs)

    assert isinstance(done[1].error, NotFound)
    (change_id,) = ann.change_ids
    assert events.page(actor(), registry)[-1].change_id == change_id


def test_a_batch_is_bounded_and_the_rest_waits_for_the_next(registry, monkeypatch):
    monkeypatch.setattr(commits, "MOST_SECONDS", 60.0)  # by the number of its jobs, however busy the machine is
    queue = deque(Job(lambda: None) for _ in range(commits.MOST_JOBS + 1))

    done = commits.run_and_commit(registry.database, queue)

    assert (len(done), len(queue)) == (commits.MOST_JOBS, 1)


def test_32_threads_register_versions_1_to_n_without_an_error(registry):
    models.create(actor(), registry, "churn")
    numbers, errors = [], []

    def work():
        for _ in range(10):
            try:
                numbers.append(versions.register(actor(), registry, "churn", "s3://b/m").number)
            except ModelkeepError as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert sorted(numbers) == list(range(1, 321))


def test_a_fault_at_any_statement_of_a_batch_loses_nothing_that_was_acknowledged(tmp_path):
    """The n-th statement of a batch fails, for every n until none does."""
    n = 0
    while True:
        n += 1
        folder = tmp_path / str(n)
        opening.prepare(folder)
        registry = opening.open_registry(folder)
        fired = _fail_statement(registry.database, n)
        names = ["model-1", "model-2", "model-3"]
        jobs = run_batch(registry, [partial(_create_with_version, registry, name) for name in names])
        registry.database._writer.exec_trace = None
        opening.close(registry)

        again = opening.open_registry(folder)
        kept = {model.name for model in models.search(actor(), again).items}
        acknowledged = {name for name, job in zip(names, jobs, strict=True) if job.error is None}
        assert kept == acknowledged, f"fault at statement {n}"
        for name in kept:
            assert models.get(actor(), again, name).latest_versions[0].number == 1
        opening.close(again)
        if not fired:
            break
    assert n > 20


def _create_with_version(registry, name):
    with registry.database.write():
        models.create(actor(), registry, name)
        versions.register(actor(), registry, name, "s3://bucket/model")


def _fail_statement(database, n):
    """Make the writer's n-th statement from now fail, through SQLite's own trace hook."""
    fired = []
    count = 0

    def trace(cursor, sql, bindings):
        nonlocal count
        count += 1
        if count == n:
            fired.append(sql)
            raise apsw.IOError("injected")
        return True

    database._writer.exec_trace = trace
    return fired


@pytest.mark.parametrize("error", [apsw.CorruptError("injected"), OSError("injected"), ValueError("injected")])
def test_whatever_fails_a_commit_every_caller_hears_of_it(registry, error):
    def trace(cursor, sql, bindings):
        if sql == "COMMIT":
            raise error
        return True

    registry.database._writer.exec_trace = trace
    (job,) = run_batch(registry, [lambda: models.create(actor(), registry, "one")])
    registry.database._writer.exec_trace = None

    assert isinstance(job.error, Unavailable)
    models.create(actor(), registry, "two")
    assert [model.name for model in models.search(actor(), registry).items] == ["two"]


def test_a_turn_that_cannot_be_taken_is_not_kept(registry, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", _refuse)
    (job,) = run_batch(registry, [lambda: models.create(actor(), registry, "one")])
    monkeypatch.undo()

    assert isinstance(job.error, Unavailable)
    assert models.create(actor(), registry, "one").name == "one"


def _refuse(descriptor, operation):
    raise OSError(37, "No locks available")


def test_after_an_io_error_at_commit_writing_stops_and_reading_goes_on(registry):
    models.create(actor(), registry, "one")

    def trace(cursor, sql, bindings):
        if sql == "COMMIT":
            raise apsw.IOError("injected")
        return True

    registry.database._writer.exec_trace = trace
    with pytest.raises(ModelkeepError, match="disk"):
        models.create(actor(), registry, "two")
    registry.database._writer.exec_trace = None

    with pytest.raises(ModelkeepError, match="until the server is restarted"):
        models.create(actor(), registry, "three")
    assert [model.name for model in models.search(actor(), registry).items] == ["one"]
    assert "until the server is restarted" in registry.database.problems()[0]


def _register_many(folder, count, errors):
    registry = opening.open_registry(folder)
    try:
        for _ in range(count):
            versions.register(actor(), registry, "churn", "s3://b/m")
    except Exception as error:
        errors.put(repr(error))
    finally:
        opening.close(registry)


def test_three_processes_share_one_file_without_a_locked_database(registry):
    models.create(actor(), registry, "churn")
    context = multiprocessing.get_context("spawn")
    errors = context.Queue()
    processes = [context.Process(target=_register_many, args=(registry.folder, 40, errors)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert errors.empty()
    page = versions.search(actor(), registry, "name = 'churn'", None, ["version_number ASC"])
    assert [version.number for version in page.items] == list(range(1, 121))


def test_the_log_is_written_back_again_and_again_and_does_not_grow(registry):
    log = registry.folder / "modelkeep.db-wal"
    registry.database._checkpoint_pages = 1000
    pages_of_ours = registry.database._writer.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]

    for number in range(500):
        models.create(actor(), registry, f"model-{number}")

    pages = registry.database._writer.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0] - pages_of_ours
    assert pages > 3000
    assert log.stat().st_size < 1500 * 4120


@pytest.mark.parametrize(("small", "pages"), [(0, 4000), (2**62, 1000)])
def test_the_log_stays_shorter_on_a_small_disk(tmp_path, monkeypatch, small, pages):
    monkeypatch.setattr(sqlite, "_SMALL_DISK_BYTES", small)
    database = sqlite.Database(tmp_path)
    assert database._checkpoint_pages == pages
    database.close()
