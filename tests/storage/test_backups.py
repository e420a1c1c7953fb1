"""A copy of a database is of one moment, however much is written while it is taken."""

import threading

import apsw
import pytest

from modelkeep.registry import opening
from modelkeep.storage import backups, schema


@pytest.fixture
def database(tmp_path):
    opening.prepare(tmp_path / "data")
    registry = opening.open_registry(tmp_path / "data")
    yield registry.database
    opening.close(registry)


def _fill(database, size):
    with database.write() as tx:
        tx.many(
            "INSERT INTO idempotency VALUES (?, 'a', 'f', randomblob(1000), 'c', 1)",
            ((str(number),) for number in range(size // 1000)),
        )


def _write_pairs(database, number):
    """One transaction that changes the first and the last pages of the file alike."""
    with database.write() as tx:
        tx.run("INSERT INTO principals VALUES (:name, 1)", {"name": f"p{number}"})
        tx.run("INSERT INTO blobs (digest, size, creation_timestamp) VALUES (:name, 1, 1)", {"name": f"p{number}"})
        tx.run("UPDATE idempotency SET reply = randomblob(1000) WHERE key = :key", {"key": str(number % 8000)})


def test_a_copy_taken_while_others_write_is_of_one_moment(database, tmp_path):
    _fill(database, 8_000_000)  # several steps
    stop = threading.Event()
    written = 0

    def write():
        nonlocal written
        while not stop.is_set():
            _write_pairs(database, written)
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = []
        for number in range(5):
            before = written
            backups.take(database.path, tmp_path / f"{number}.db")
            copies.append((before, tmp_path / f"{number}.db"))
            while written == before:
                pass
    finally:
        stop.set()
        writer.join()

    for before, copy in copies:
        backups.check(copy)
        connection = apsw.Connection(str(copy))
        principals = connection.execute("SELECT name FROM principals ORDER BY 1").fetchall()
        blobs = connection.execute("SELECT digest FROM blobs ORDER BY 1").fetchall()
        connection.close()
        assert principals == blobs
        assert len(blobs) >= before


def test_a_copy_is_one_file(database, tmp_path):
    (tmp_path / "copy").mkdir()
    backups.take(database.path, tmp_path / "copy" / "modelkeep.db")

    backups.check(tmp_path / "copy" / "modelkeep.db")
    assert backups.describe(tmp_path / "copy" / "modelkeep.db") == (1, backups.newest_schema())

    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["modelkeep.db"]


def test_a_copy_is_taken_without_changing_the_wal_of_the_source(database, tmp_path):
    _write_pairs(database, 1)
    wal = database.path.with_name("modelkeep.db-wal")
    before = wal.read_bytes(), database.path.read_bytes()

    backups.take(database.path, tmp_path / "copy.db")

    assert (wal.read_bytes(), database.path.read_bytes()) == before


@pytest.mark.parametrize("number", [number for number, _ in schema.migrations()])
def test_what_rows_of_any_schema_refer_to_is_found(tmp_path, number):
    copy = tmp_path / "copy.db"
    connection = apsw.Connection(str(copy))
    for step, script in schema.migrations():
        if step <= number:
            connection.execute(script)
    for digest in ("pathed", "pinned", "unused"):
        connection.execute("INSERT INTO blobs (digest, size, creation_timestamp) VALUES (?, 5, 1)", (digest,))
    connection.execute("INSERT INTO artifacts VALUES ('p', 'pathed', 5, 1)")
    expected = ["pathed"]
    if number >= 3:
        expected.append("pinned")
        connection.execute("INSERT INTO manifests VALUES (1, 'd', 1, 5, 1)")
        connection.execute("INSERT INTO manifest_files VALUES (1, 'f', 'pinned', 5)")
    if 5 <= number <= 11:
        connection.execute("UPDATE blobs SET pinned_by = 1 WHERE digest = 'pinned'")
    connection.close()

    assert backups.count_files(copy) == (len(expected), 5 * len(expected))
    assert list(backups.files(copy)) == [(digest, 5) for digest in expected]
    backups.settle(copy, [])

    connection = apsw.Connection(str(copy))
    assert connection.execute("SELECT digest FROM blobs ORDER BY 1").fetchall() == [(digest,) for digest in expected]
    connection.close()
