"""A PostgreSQL database: made once, upgraded in place, and refused when it is not ours."""

import multiprocessing

import psycopg
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, Unavailable
from modelkeep.registry import models, opening
from modelkeep.storage import postgres_schema, schema

ACTOR = Actor("ann", "admin", True, "embedded")


def described(url):
    """Every column, index and constraint of the tables."""
    with psycopg.connect(url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name, ordinal_position, data_type, collation_name, is_nullable, column_default, "
            "is_identity FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 3"
        ).fetchall()
        indexes = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        constraints = connection.execute(
            "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
            "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2"
        ).fetchall()
    return columns, indexes, constraints


def test_the_newest_schema_is_that_of_sqlite(empty_database, tmp_path):
    opening.prepare(tmp_path / "on postgres", database=empty_database)
    opening.prepare(tmp_path / "on sqlite")

    registry = opening.open_registry(tmp_path / "on sqlite")
    with registry.database.read() as tx:
        sqlite = tx.all(
            "SELECT t.name, c.name, c.cid FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' "
            "AND t.name NOT LIKE 'sqlite_%' ORDER BY 1, 3",
            {},
        )
    opening.close(registry)
    columns = [(table, column, place - 1) for table, column, place, *_ in described(empty_database)[0]]
    assert [column for column in columns if column[0] != postgres_schema.MARKER] == sqlite
    assert postgres_schema.migrations()[-1][0] == schema.migrations()[-1][0]


def test_every_text_compares_bytewise(empty_database, tmp_path):
    opening.prepare(tmp_path, database=empty_database)

    assert {column[4] for column in described(empty_database)[0] if column[3] == "text"} == {"C"}


def test_preparing_twice_changes_nothing(empty_database, tmp_path):
    opening.prepare(tmp_path, database=empty_database)
    before = described(empty_database)

    opening.prepare(tmp_path, database=empty_database)

    assert described(empty_database) == before


def _prepare(url, folder, waiting, outcome):
    waiting.wait()
    try:
        opening.prepare(folder, database=url)
        outcome.put("ready")
    except Exception as error:
        outcome.put(repr(error))


def test_processes_that_start_together_apply_the_steps_once(empty_database, tmp_path):
    context = multiprocessing.get_context("spawn")
    waiting, outcome = context.Barrier(4), context.Queue()
    processes = [context.Process(target=_prepare, args=(empty_database, tmp_path, waiting, outcome)) for _ in range(4)]
    for process in processes:
        process.start()
    outcomes = [outcome.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(120)

    assert outcomes == ["ready"] * 4
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (1,)


def test_a_database_with_rows_gets_the_steps_that_came_later(empty_database, tmp_path):
    opening.prepare(tmp_path, database=empty_database)
    registry = opening.open_registry(tmp_path, database=empty_database)
    models.create(ACTOR, registry, "churn")
    newest = postgres_schema.migrations()[-1][0]
    later = (newest + 1, "ALTER TABLE models ADD COLUMN later BIGINT NOT NULL DEFAULT 7; CREATE TABLE added (a BIGINT)")

    postgres_schema.migrate(empty_database, (tmp_path / "blobs").as_uri(), [*postgres_schema.migrations(), later])

    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT name, later FROM models").fetchall() == [("churn", 7)]
    assert models.get(ACTOR, registry, "churn").name == "churn"
    opening.close(registry)
    with pytest.raises(Invalid, match=f"has schema {newest + 1}, and this Modelkeep knows schemas up to {newest}"):
        opening.prepare(tmp_path, database=empty_database)


def test_a_step_that_fails_leaves_the_database_as_it_was(empty_database, tmp_path):
    opening.prepare(tmp_path, database=empty_database)
    before = described(empty_database)
    steps = [*postgres_schema.migrations(), (98, "CREATE TABLE half (a BIGINT)"), (99, "SELECT nonsense")]

    with pytest.raises(psycopg.errors.UndefinedColumn):
        postgres_schema.migrate(empty_database, (tmp_path / "blobs").as_uri(), steps)

    assert described(empty_database) == before


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("alembic_version", "is one of MLflow's"),
        ("registered_models", "is one of MLflow's"),
        ("orders", "such as 'orders'"),
    ],
)
def test_a_database_of_someone_else_is_refused_and_left_alone(empty_database, tmp_path, table, message):
    with psycopg.connect(empty_database) as connection:
        connection.execute(f"CREATE TABLE {table} (a INTEGER)")
    before = described(empty_database)

    with pytest.raises(Invalid, match=message):
        opening.prepare(tmp_path, database=empty_database)

    assert described(empty_database) == before


def test_files_in_another_place_are_refused(empty_database, tmp_path):
    opening.prepare(tmp_path / "one", database=empty_database)

    with pytest.raises(Invalid, match=r"The files of this database are in file://.*/one/blobs"):
        opening.prepare(tmp_path / "two", database=empty_database)


def test_a_folder_with_a_database_of_its_own_is_refused(empty_database, tmp_path):
    opening.prepare(tmp_path)

    with pytest.raises(Invalid, match="holds a registry in SQLite"):
        opening.prepare(tmp_path, database=empty_database)

    assert described(empty_database)[0] == []


def test_read_only_makes_no_tables(empty_database, tmp_path):
    with pytest.raises(Invalid, match="There is no registry in the database"):
        opening.prepare(tmp_path, database=empty_database, read_only=True)

    assert described(empty_database)[0] == []
    opening.prepare(tmp_path, database=empty_database)
    opening.prepare(tmp_path, database=empty_database, read_only=True)


@pytest.mark.parametrize(
    ("address", "message"),
    [("mysql://host/x", "must begin with postgresql://"), ("postgresql://u:p%zz@h/x", "cannot be read")],
)
def test_an_address_that_is_none_is_refused_without_its_password(tmp_path, address, message):
    with pytest.raises(Invalid, match=message) as refusal:
        opening.prepare(tmp_path, database=address)

    assert "p%zz" not in refusal.value.message


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path):
    with pytest.raises(Unavailable, match=r"cannot be opened: .*Connection refused") as refusal:
        opening.prepare(tmp_path, database="postgresql://someone:secret@127.0.0.1:1/x")

    assert "secret" not in refusal.value.message
