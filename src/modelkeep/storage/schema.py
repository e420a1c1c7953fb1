"""Bringing a database file to the current schema, and refusing one that is not ours."""

from __future__ import annotations

import re
from importlib import resources

import apsw

from modelkeep.domain.errors import Invalid
from modelkeep.storage.sqlite import Database

# Stored in the file's header (PRAGMA application_id), so that a file that is not ours is known before it is touched.
APPLICATION_ID = 0x4D4B6570  # "MKep"


def migrations() -> list[tuple[int, str]]:
    """The numbered schema steps for SQLite, in order."""
    folder = resources.files("modelkeep.storage.migrations")
    steps = []
    for entry in folder.iterdir():
        if match := re.fullmatch(r"(\d{4})\.sqlite\.sql", entry.name):
            steps.append((int(match[1]), entry.read_text()))
    return sorted(steps)


def check_ours(path: str) -> None:
    """Refuse a database file of someone else, without writing to it.

    Raises:
        Invalid: the file is not a SQLite database, not Modelkeep's, or of a newer Modelkeep.
    """
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError:
        return  # it does not exist yet
    try:
        application = connection.pragma("application_id")
        version = connection.pragma("user_version")
        tables = [
            row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        ]
    except apsw.NotADBError:
        raise Invalid(f"{path} is not a SQLite database. Choose another data folder with --data.") from None
    finally:
        connection.close()
    if application == APPLICATION_ID:
        newest = migrations()[-1][0]
        if version > newest:
            raise Invalid(
                f"{path} has schema {version}, and this Modelkeep knows schemas up to {newest}. "
                "Install the Modelkeep that wrote it, or a newer one."
            )
    elif "alembic_version" in tables or "registered_models" in tables:
        raise Invalid(
            f"{path} is a database of MLflow and was left untouched. Choose an empty folder with --data, and bring what is "
            f"in it with `modelkeep import mlflow {path} --to <that folder>`."
        )
    elif tables:
        raise Invalid(
            f"{path} is a database of another program and was left untouched. Choose another folder with --data."
        )


def check_current(path: str) -> None:
    """Refuse a database that is missing or of an older schema, without writing to it.

    Raises:
        Invalid: it is not there, not ours, or not current.
    """
    check_ours(path)
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.CantOpenError:
        raise Invalid(f"There is no registry at {path}, and a read-only server makes none.") from None
    try:
        version = connection.pragma("user_version")
    finally:
        connection.close()
    newest = migrations()[-1][0]
    if version < newest:
        raise Invalid(f"{path} has schema {version}, older than {newest}. Start the server once without --read-only.")


def migrate(database: Database) -> None:
    """Apply the steps that are missing, each in its own transaction; other processes wait at the turnstile."""
    check_ours(str(database.path))
    for number, script in migrations():
        with database.write() as tx:
            connection = tx._connection
            if connection.pragma("user_version") >= number:
                continue
            connection.execute(script)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
