"""Bringing a PostgreSQL database to the current schema, and refusing one that is not ours.

One row of the table `modelkeep_registry` says that the database is ours, which schema it has, and where its files are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources

import psycopg

from modelkeep.domain.errors import Invalid, Unavailable
from modelkeep.storage import connections
from modelkeep.storage.connections import OLDEST_SERVER, Session
from modelkeep.storage.postgres import LOCK_CLASS, TURN

MARKER = "modelkeep_registry"
# Whoever migrates may take as long as it takes, and the others wait for it.
_PATIENT = "SET lock_timeout = 0; SET statement_timeout = 0"
_MARKER_TABLE = f"""
    CREATE TABLE {MARKER} (
        only_row      BIGINT PRIMARY KEY CHECK (only_row = 1),
        schema        BIGINT NOT NULL,
        blob_location TEXT COLLATE "C" NOT NULL
    )
"""


def migrations() -> list[tuple[int, str]]:
    """The numbered schema steps for PostgreSQL, in order. The first is the state of SQLite's up to that number."""
    steps = []
    for entry in resources.files("modelkeep.storage.migrations").iterdir():
        if match := re.fullmatch(r"(\d{4})\.postgres\.sql", entry.name):
            steps.append((int(match[1]), entry.read_text()))
    return sorted(steps)


def migrate(url: str, blob_location: str, steps: Sequence[tuple[int, str]] | None = None) -> None:
    """Make the tables in an empty database, or apply the steps that are missing, all in one transaction.

    Processes that start together wait for one another, and the first does it.

    Args:
        blob_location: where this process keeps the files; noted the first time, and compared from then on.
        steps: for tests of steps to come.
    Raises:
        Invalid: the server is too old, the database is not ours, of a newer Modelkeep, or its files are elsewhere.
        Unavailable: it does not answer.
    """
    steps = migrations() if steps is None else steps
    session = _connect(url)
    try:
        session.command(f"BEGIN; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {TURN})")
        current = _check(session, blob_location, steps[-1][0])
        if current == 0:
            session.command(_MARKER_TABLE)
            session.execute(f"INSERT INTO {MARKER} VALUES (1, 0, :location)", {"location": blob_location})
        for number, script in steps:
            if number > current:
                session.command(script)
                session.execute(f"UPDATE {MARKER} SET schema = :number", {"number": number})
        session.command("COMMIT")
    except psycopg.errors.InsufficientPrivilege as error:
        raise Invalid(
            "The user of the database may not make tables in it. Give it the right to (GRANT CREATE ON SCHEMA), or "
            "choose another with --database."
        ) from error
    except psycopg.Error as error:
        raise connections.explain(error) from error
    finally:
        session.close()


def check_current(url: str, blob_location: str) -> None:
    """Refuse a database that is not ours or of an older schema; nothing is written.

    Raises:
        Invalid: it is not ours, not current, or its files are elsewhere.
        Unavailable: it does not answer.
    """
    session = _connect(url)
    try:
        newest = migrations()[-1][0]
        current = _check(session, blob_location, newest)
    except psycopg.Error as error:
        raise connections.explain(error) from error
    finally:
        session.close()
    if current == 0:
        raise Invalid("There is no registry in the database, and a read-only server makes none.")
    if current < newest:
        raise Invalid(
            f"The database has schema {current}, older than {newest}. Start the server once without --read-only."
        )


def _connect(url: str) -> Session:
    try:
        return Session(url, _PATIENT)
    except Unavailable as error:
        raise Unavailable(_why(error.__cause__)) from error


def _why(error: BaseException | None) -> str:
    """Why there is no connection, for whoever starts the server: in libpq's words, which hold no password."""
    said = (str(error).splitlines() or [""])[0].removeprefix("connection failed: ").removeprefix("connection is bad: ")
    if "password" in said:
        advice = "Write the password into the file that PGPASSFILE names, or into MODELKEEP_DATABASE."
    elif "database" in said and "does not exist" in said:
        advice = "Make it with createdb, or choose another with --database."
    else:
        advice = "Check --database, and that PostgreSQL runs there and lets this user in."
    return f"The database cannot be opened: {said}. {advice}"


def _check(session: Session, blob_location: str, newest: int) -> int:
    """The number of the database's schema, 0 of an empty one."""
    _check_server(session)
    tables = {
        name
        for (name,) in session.execute(
            "SELECT cast(tablename AS text) FROM pg_tables WHERE schemaname = current_schema()", {}
        ).fetchall()
    }
    if MARKER not in tables:
        if "alembic_version" in tables or "registered_models" in tables:
            raise Invalid(
                "The database is one of MLflow's and was left untouched. Choose an empty one with --database, and bring what "
                "is in it with `modelkeep import mlflow http://…`, the address of MLflow's server on it."
            )
        if tables:
            raise Invalid(
                f"The database holds tables of another program, such as '{min(tables)}', and was left untouched. Choose "
                "an empty one with --database."
            )
        return 0
    row = session.execute(f"SELECT schema, blob_location FROM {MARKER}", {}).fetchone()
    if row is None:
        raise Invalid(f"The table {MARKER} of the database is empty. Restore the database from a backup.")
    if row[0] > newest:
        raise Invalid(
            f"The database has schema {row[0]}, and this Modelkeep knows schemas up to {newest}. Install the Modelkeep that "
            "wrote it, or a newer one."
        )
    if row[1] != blob_location:
        raise Invalid(
            f"The files of this database are in {row[1]}, and this process would keep them in {blob_location}. Start it "
            f"with the same --data on every host. If the files were moved there, say so in the database: "
            f"UPDATE {MARKER} SET blob_location = '{blob_location}'."
        )
    return int(row[0])


def _check_server(session: Session) -> None:
    version = session.connection.info.server_version // 10000
    if version < OLDEST_SERVER:
        raise Invalid(f"The database server is PostgreSQL {version}; Modelkeep needs {OLDEST_SERVER} or newer.")
    row = session.execute("SELECT current_setting('server_encoding'), current_schema() IS NOT NULL", {}).fetchone()
    assert row is not None
    encoding, has_schema = row
    if encoding != "UTF8":
        raise Invalid(
            f"The database stores text as {encoding}. Make one with ENCODING 'UTF8', and choose it with --database."
        )
    if not has_schema:
        raise Invalid("The user of the database has no schema to make tables in. Create one, or set its search_path.")
