"""Registries whose rows are in a database server: PostgreSQL.

Its driver is an extra, so it is imported only when it is asked for.
"""

from __future__ import annotations

from pathlib import Path

from modelkeep.domain.errors import Invalid
from modelkeep.storage.database import Database
from modelkeep.storage.sqlite import FILE_NAME


def connect(url: str) -> Database:
    """A database; nothing is sent to it yet.

    Raises:
        Invalid: the address cannot be read, or the driver is not installed.
    """
    _require_driver()
    from modelkeep.storage import postgres

    return postgres.Database(url)


def prepare(url: str, folder: Path) -> None:
    """Make the tables, or bring them to the current schema.

    Args:
        folder: the data folder, whose blobs are noted as those of the database.
    Raises:
        Invalid: the database is not Modelkeep's, has its files elsewhere, or the folder has a database of its own.
        Unavailable: it does not answer.
    """
    _require_driver()
    _refuse_file(folder)
    from modelkeep.storage import postgres_schema

    postgres_schema.migrate(url, _blob_location(folder))


def check_current(url: str, folder: Path) -> None:
    """Refuse a database that is missing, not ours or of an older schema, without writing to it.

    Raises:
        Invalid: it is so, or has its files elsewhere.
        Unavailable: it does not answer.
    """
    _require_driver()
    _refuse_file(folder)
    from modelkeep.storage import postgres_schema

    postgres_schema.check_current(url, _blob_location(folder))


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise Invalid(
            "PostgreSQL needs its driver, which is not installed here: pip install 'modelkeep[postgres]'."
        ) from None


def _refuse_file(folder: Path) -> None:
    # Its blobs are in the folder as well, and nothing in the other database would refer to them.
    if (folder / FILE_NAME).exists():
        raise Invalid(
            f"The data folder {folder} holds a registry in SQLite ({FILE_NAME}) and was left untouched. Choose an empty "
            "folder with --data, or leave out --database."
        )


def _blob_location(folder: Path) -> str:
    return (folder / "blobs").resolve().as_uri()
