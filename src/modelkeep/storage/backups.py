"""Copies of a registry's database: taking one while others write, checking it, and reading what it refers to.

A copy is one file by itself, without a WAL beside it, and is opened without SQLite's locks: nobody else writes it, and
backups often lie on network file systems whose locks SQLite cannot trust.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

from modelkeep.domain.errors import Gone, Invalid, ModelkeepError, OutOfSpace, Unavailable
from modelkeep.storage import events, schema
from modelkeep.storage.sqlite import Transaction

# Synced this often while copying, the writers' own syncs never wait for much more: measured on 240 MB, the longest
# pause of a writer is 0.15 to 0.27 s, and 0.4 to 0.9 s with a single sync at the end.
_STEP_BYTES = 2 * 1024 * 1024
# Where SQLite's header says whether the file has a WAL: 2 in both bytes if so, else 1 (sqlite.org/fileformat2.html).
_WAL_FLAGS_AT = 18
_BUSY_MILLISECONDS = 5000


def take(source: Path, target: Path) -> None:
    """Copy a database into a new file, as of one moment, and sync it. Writers go on meanwhile.

    The pages are read in one read transaction, so what is committed after its start is not in the copy. Nothing is
    written to the source: it is not even checkpointed.

    Raises:
        Gone: the source is damaged.
        OutOfSpace: the copy does not fit on its disk.
        Unavailable: a disk failed.
    """
    descriptor = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _copy_pages(source, target, descriptor)
        os.pwrite(descriptor, b"\1\1", _WAL_FLAGS_AT)
        os.fsync(descriptor)
    except (apsw.Error, OSError) as error:
        raise _explain(error, target) from error
    finally:
        os.close(descriptor)


def _copy_pages(source: Path, target: Path, descriptor: int) -> None:
    with closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)) as reading:
        reading.set_busy_timeout(_BUSY_MILLISECONDS)
        # A checkpoint belongs under the writer's turn, and the last connection that closes would make one.
        reading.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        page_size = reading.pragma("page_size")
        # Without an open transaction each step would see a newer state, and start the copy over.
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchall()
        with closing(_open(target, apsw.SQLITE_OPEN_READWRITE, "nolock")) as writing:
            writing.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
            with writing.backup("main", reading, "main") as copying:
                while not copying.done:
                    copying.step(max(1, _STEP_BYTES // page_size))
                    os.fsync(descriptor)
        reading.execute("COMMIT")


def _open(file: Path, flags: int, how: str) -> apsw.Connection:
    return apsw.Connection(f"file:{quote(str(file))}?{how}=1", flags=flags | apsw.SQLITE_OPEN_URI)


@contextmanager
def _reading(file: Path) -> Iterator[apsw.Connection]:
    try:
        with closing(_open(file, apsw.SQLITE_OPEN_READONLY, "immutable")) as connection:
            yield connection
    except apsw.Error as error:
        raise _explain(error, file) from error


def check(file: Path) -> None:
    """Read all of a copy and raise unless it is a whole database of Modelkeep's.

    Raises:
        Gone: it is damaged.
        Invalid: it is not Modelkeep's.
    """
    with _reading(file) as connection:
        application = connection.pragma("application_id")
        found = connection.execute("PRAGMA integrity_check(1)").fetchall()[0][0]
    if application != schema.APPLICATION_ID:
        raise Invalid("The database is not one of Modelkeep's.")
    if found != "ok":
        raise Gone(f"The database is damaged: {' '.join(str(found).split())}.")


def describe(file: Path) -> tuple[int, int]:
    """The newest event's position in a copy, and the number of its schema."""
    with _reading(file) as connection:
        return events.last_position(Transaction(connection)), connection.pragma("user_version")


def newest_schema() -> int:
    """The newest schema that this Modelkeep knows."""
    return schema.migrations()[-1][0]


def count_files(file: Path) -> tuple[int, int]:
    """How many blobs a copy's rows refer to, and how many bytes they have."""
    with _reading(file) as connection:
        row = Transaction(connection).one(
            f"SELECT count(*), coalesce(sum(b.size), 0) FROM blobs b WHERE {_is_referenced(connection)}", {}
        )
        assert row is not None
        return row[0], row[1]


def files(file: Path) -> Iterator[tuple[str, int]]:
    """Digest and size of every blob that a copy's rows refer to, by digest."""
    with _reading(file) as connection:
        yield from connection.execute(
            f"SELECT b.digest, b.size FROM blobs b WHERE {_is_referenced(connection)} ORDER BY b.digest"
        )


def _is_referenced(connection: apsw.Connection) -> str:
    """The condition on the row `b` of blobs that some other row refers to it.

    Found from the foreign keys, so it holds for older schemas as well, and a table that comes later cannot be forgotten.
    The files of manifests have had none since schema 5, and no index either: theirs are read as a whole.
    """
    referring = connection.execute(
        """
        SELECT format('"%w" r WHERE r."%w"', t.name, k."from") FROM sqlite_master t, pragma_foreign_key_list(t.name) k
        WHERE t.type = 'table' AND k."table" = 'blobs' ORDER BY 1
        """
    ).fetchall()
    conditions = [f"EXISTS (SELECT 1 FROM {reference} = b.digest)" for (reference,) in referring]
    if _columns(connection, "manifest_files"):
        conditions.append("b.digest IN (SELECT digest FROM manifest_files)")
    return " OR ".join(conditions)


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    """Of a table; none when it is not there."""
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def settle(file: Path, lost: list[str]) -> None:
    """Make a copy fit the files restored beside it, and sync it.

    Blobs that nothing referred to were not backed up, uploads under way are over, and what was quarantined has good
    bytes again unless it is among the `lost`.
    """
    try:
        with closing(_open(file, apsw.SQLITE_OPEN_READWRITE, "nolock")) as connection:
            connection.execute("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").fetchall()
            connection.execute("BEGIN")
            connection.execute("DELETE FROM leases")
            connection.execute(f"DELETE FROM blobs AS b WHERE NOT ({_is_referenced(connection)})")
            if "quarantined_timestamp" in _columns(connection, "blobs"):
                connection.execute(
                    """
                    UPDATE blobs SET quarantined_timestamp = NULL
                    WHERE quarantined_timestamp IS NOT NULL AND digest NOT IN (SELECT value FROM json_each(:lost))
                    """,
                    {"lost": json.dumps(lost)},
                )
            connection.execute("COMMIT")
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except (apsw.Error, OSError) as error:
        raise _explain(error, file) from error


def _explain(error: apsw.Error | OSError, file: Path) -> ModelkeepError:
    if isinstance(error, apsw.FullError) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    ):
        return OutOfSpace(f"The disk of {file.parent} is full. Free some space and try again.")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError, apsw.SQLError)):  # SQLError: a table is not there
        return Gone(f"The database is damaged: {str(error).rstrip('.')}.")
    return Unavailable(f"The database could not be copied to {file.parent}: {error}. Check both disks and try again.")
