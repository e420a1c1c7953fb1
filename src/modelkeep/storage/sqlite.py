"""SQLite through apsw: connections, transactions, and the one writer that shares a commit among many callers.

apsw carries its own, current SQLite. The one of Debian 12's Python (3.40) can lose a committed write when a commit
and a checkpoint race (sqlite.org/wal.html, "The WAL-reset bug", fixed in 3.51.3).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import apsw

from modelkeep.domain.errors import ModelkeepError, OutOfSpace, Unavailable
from modelkeep.storage.turnstile import Turnstile

log = logging.getLogger("modelkeep.storage")

FILE_NAME = "modelkeep.db"
BATCH_JOBS = 64
BATCH_SECONDS = 0.005
_STATEMENT_CACHE = 512

# Measured: other cache and mmap sizes change throughput by less than 15%; automatic checkpoints stay at 1,000 pages
# because a WAL file that is reused needs no metadata sync at commit.
_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -16000;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;
"""

Parameters = dict[str, Any]
Row = tuple[Any, ...]


class Transaction:
    """An open transaction; storage functions take it first. Statements use named parameters."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection):
        self._connection = connection

    def one(self, sql: str, parameters: Parameters) -> Row | None:
        """The first row, or None."""
        rows = self._connection.execute(sql, parameters).fetchall()
        return rows[0] if rows else None

    def all(self, sql: str, parameters: Parameters) -> list[Row]:
        """Every row."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Parameters) -> int:
        """Execute a change and return how many rows it touched."""
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    def many(self, sql: str, parameters: Iterable[Parameters | Sequence[Any]]) -> None:
        """Execute a change once for each set of parameters."""
        self._connection.executemany(sql, parameters)


@dataclass(slots=True)
class _Job:
    work: Callable[[], Any]
    done: Callable[[list[tuple[_Job, Any, BaseException | None]]], None]
    future: Any


class Database:
    """A SQLite file in a data folder: readers by thread, one writer connection for the process.

    Args:
        folder: the data folder, which exists.
        busy_milliseconds: how long a reader waits for SQLite's own locks.
    """

    def __init__(self, folder: Path, busy_milliseconds: int = 5000):
        self.path = folder / FILE_NAME
        # SQLite gives its WAL and index the permissions of the database file, so this decides for all three.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._busy_milliseconds = busy_milliseconds
        self._turnstile = Turnstile(folder)
        self._lock = threading.Lock()
        self._writer = self._connect()
        self._writing = Transaction(self._writer)
        self._owner: int | None = None
        self._broken: str | None = None
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self.path), statementcachesize=_STATEMENT_CACHE)
        connection.set_busy_timeout(self._busy_milliseconds)
        # Without it SQLite compiles a cached statement anew at each new value of a parameter that a partial index's
        # condition might depend on: measured 51 µs instead of 6.5 for a version with its tags and aliases.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        for _ in connection.execute(_PRAGMAS):
            pass
        return connection

    # Reading ------------------------------------------------------------------------------------------------

    def read(self) -> _Reading:
        """A snapshot: `with database.read() as tx`. Inside a write of the same thread it is that transaction."""
        if self._owner == threading.get_ident():
            return _Reading(self._writing, None)
        try:
            reading: _Reading = self._local.reading
        except AttributeError:
            connection = self._connect()
            connection.execute("PRAGMA query_only = ON")
            with self._lock:
                self._readers.append(connection)
            reading = self._local.reading = _Reading(Transaction(connection), connection)
        return reading

    # Writing ------------------------------------------------------------------------------------------------

    def write(self) -> _Writing:
        """A change: `with database.write() as tx`.

        In the middle of a batch it is a savepoint of the batch's transaction, elsewhere a transaction of its own. On
        an exception nothing of it is kept.
        """
        return _Writing(self)

    def submit(self, work: Callable[[], Any], done: Callable[[list[Any]], None], future: Any = None) -> None:
        """Queue `work`, which calls verbs, for the writer thread; it shares its commit with its neighbours.

        `done` gets a list of (job, result, error) once the batch is durable: one call for all the jobs of a batch
        that share the same `done`.
        """
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._write_for_ever, name="modelkeep-writer", daemon=True)
                    self._thread.start()
        self._jobs.put(_Job(work, done, future))

    def _write_for_ever(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                outcomes = self._run_batch(job)
            except BaseException:  # the writer must survive anything, or every later write hangs
                log.exception("the writer failed outside a batch")
                continue
            receivers: dict[Any, list[Any]] = {}
            for outcome in outcomes:
                receivers.setdefault(outcome[0].done, []).append(outcome)
            for done, of_one in receivers.items():
                try:
                    done(of_one)
                except RuntimeError:  # the event loop that waited is gone: the server is stopping
                    log.debug("nobody waits for %d finished writes", len(of_one))

    def _run_batch(self, first: _Job) -> list[tuple[_Job, Any, BaseException | None]]:
        outcomes: list[tuple[_Job, Any, BaseException | None]] = []
        job: _Job | None = first
        try:
            self._begin()
        except ModelkeepError as error:
            return [(first, None, error)]
        deadline = time.monotonic() + BATCH_SECONDS
        while job is not None:
            try:
                outcomes.append((job, job.work(), None))
            except ModelkeepError as error:
                outcomes.append((job, None, error))
            except Exception as error:
                outcomes.append((job, None, explain(error)))
            if not self._writer.in_transaction or len(outcomes) >= BATCH_JOBS or time.monotonic() > deadline:
                break
            try:
                job = self._jobs.get_nowait()
            except Empty:
                break
            if job is None:  # stop was asked for: finish this batch first
                self._jobs.put(None)
        try:
            self._commit()
        except ModelkeepError as error:
            return [(job, None, error) for job, _, _ in outcomes]
        return outcomes

    def _begin(self) -> None:
        self._lock.acquire()
        try:
            self._turnstile.enter()
            try:
                if self._broken:
                    raise Unavailable(self._broken)
                self._writer.execute("BEGIN IMMEDIATE")
            except BaseException:
                self._turnstile.leave()
                raise
        except BaseException as error:
            self._lock.release()
            raise error if isinstance(error, ModelkeepError) else explain(error) from error
        self._owner = threading.get_ident()

    def _commit(self) -> None:
        try:
            if not self._writer.in_transaction:
                raise Unavailable("The database gave up the transaction, so nothing of it was kept. Try again.")
            self._writer.execute("COMMIT")
        except BaseException as error:
            self._give_up(error)
            raise error if isinstance(error, ModelkeepError) else explain(error) from error
        finally:
            self._release()

    def _rollback(self) -> None:
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        finally:
            self._release()

    def _give_up(self, error: BaseException) -> None:
        if isinstance(error, apsw.IOError):
            # After a failed fsync nobody knows what is on the disk: acknowledging anything more would be a guess.
            self._broken = "The disk failed while committing. Writing has stopped until the server is restarted."
            log.critical("commit failed with an I/O error; no more writes are accepted: %s", error)
        if self._writer.in_transaction:
            try:
                self._writer.execute("ROLLBACK")
            except apsw.Error:
                log.exception("rollback after a failed commit failed too")

    def _release(self) -> None:
        self._owner = None
        self._turnstile.leave()
        self._lock.release()

    # Life ---------------------------------------------------------------------------------------------------

    @property
    def broken(self) -> str | None:
        """Why writing has stopped, or None."""
        return self._broken

    def close(self) -> None:
        """Finish the queued writes and close every connection."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None
        with self._lock:
            for connection in (*self._readers, self._writer):
                connection.close()
            self._readers.clear()
            self._turnstile.close()


class _Reading:
    """`BEGIN … COMMIT` around a read, so that all its statements see one state. Nested reads join the outer one."""

    __slots__ = ("_connection", "_depth", "_transaction")

    def __init__(self, transaction: Transaction, connection: apsw.Connection | None):
        self._transaction = transaction
        self._connection = connection
        self._depth = 0

    def __enter__(self) -> Transaction:
        if self._connection is not None:
            if self._depth == 0:
                self._connection.execute("BEGIN")
            self._depth += 1
        return self._transaction

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._connection is not None:
            self._depth -= 1
            if self._depth == 0 and self._connection.in_transaction:
                self._connection.execute("COMMIT")
        if error is not None and isinstance(error, apsw.Error):
            raise explain(error) from error


class _Writing:
    __slots__ = ("_database", "_nested")

    def __init__(self, database: Database):
        self._database = database
        self._nested = False

    def __enter__(self) -> Transaction:
        database = self._database
        self._nested = database._owner == threading.get_ident()
        if self._nested:
            database._writer.execute("SAVEPOINT verb")
        else:
            database._begin()
        return database._writing

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        database = self._database
        if not self._nested:
            if error is None:
                database._commit()
            else:
                database._rollback()
        elif database._writer.in_transaction:
            self._end_savepoint(keep=error is None)
        if error is not None and isinstance(error, apsw.Error):
            raise explain(error) from error

    def _end_savepoint(self, keep: bool) -> None:
        """Keep or undo the savepoint; when SQLite can do neither, the whole batch is given up."""
        writer = self._database._writer
        if keep:
            try:
                writer.execute("RELEASE verb")
                return
            except apsw.Error as error:
                self._end_savepoint(keep=False)
                raise explain(error) from error
        try:
            writer.execute("ROLLBACK TO verb")
            writer.execute("RELEASE verb")
        except apsw.Error:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            raise


def explain(error: BaseException) -> BaseException:
    """What a storage failure means for the caller; anything unforeseen comes back as it is."""
    if isinstance(error, apsw.FullError):
        return OutOfSpace("The disk of the registry is full. Nothing was changed; free some space and try again.")
    if isinstance(error, (apsw.BusyError, apsw.LockedError, apsw.InterruptError, apsw.NoMemError)):
        return Unavailable("The database is busy. Nothing was changed; try again shortly.")
    if isinstance(error, (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)):
        return Unavailable("The disk of the registry does not answer as it should. Nothing was changed.")
    return error
