"""SQLite through apsw: connections, transactions, and whose turn it is to write.

apsw carries its own, current SQLite. The one of Debian 12's Python (3.40) can lose a committed write when a commit
and a checkpoint race (sqlite.org/wal.html, "The WAL-reset bug", fixed in 3.51.3).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw

from modelkeep.domain.errors import ModelkeepError, OutOfSpace, Unavailable
from modelkeep.storage.claims import Claim
from modelkeep.storage.database import Parameters, Row
from modelkeep.storage.reserve import Reserve
from modelkeep.storage.turnstile import Turnstile

log = logging.getLogger("modelkeep.storage")

FILE_NAME = "modelkeep.db"
_STATEMENT_CACHE = 512
# How many batches are given savepoints after one in which a verb failed half-way: where one did, more will.
_CAREFUL_BATCHES = 16

# A WAL file that is reused needs no metadata sync at commit, so it is kept short enough to be reused often; but writing it
# back takes milliseconds in which nobody commits. At four times SQLite's own 1,000 pages there were 1.02 to 1.13 times as
# many promotions at 16 connections. The checkpoints are ours: SQLite's automatic ones keep a failed sync to themselves.
_CHECKPOINT_PAGES = 4000
# On a small disk the 16 MB of such a WAL would be missing.
_SMALL_DISK_PAGES = 1000
_SMALL_DISK_BYTES = 1024**3

# Measured: other cache and mmap sizes change throughput of a small registry by less than 15%. Of a million versions the
# inner pages of the trees do not fit into 16 MB: a read of one then took 49 µs instead of 40. Memory is taken as needed.
_PRAGMAS = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA cache_size = -64000;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA journal_size_limit = 67108864;
"""


class Transaction:
    """An open transaction; storage functions take it first. Statements use named parameters."""

    __slots__ = ("_connection", "governed_by", "is_writing")

    def __init__(self, connection: apsw.Connection, is_writing: bool = False):
        self._connection = connection
        self.is_writing = is_writing
        self.governed_by: str | None = None

    def one(self, sql: str, parameters: Parameters | Sequence[Any]) -> Row | None:
        """The first row, or None."""
        return self._connection.execute(sql, parameters).fetchone()

    def all(self, sql: str, parameters: Parameters | Sequence[Any]) -> list[Row]:
        """Every row."""
        return self._connection.execute(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Parameters | Sequence[Any]) -> int:
        """Execute a change and return how many rows it touched."""
        self._connection.execute(sql, parameters)
        return self._connection.changes()

    def many(self, sql: str, parameters: Iterable[Parameters | Sequence[Any]]) -> None:
        """Execute a change once for each set of parameters."""
        self._connection.executemany(sql, parameters)


class Database:
    """A SQLite file in a data folder: readers by thread, one writer connection for the process.

    Args:
        folder: the data folder, which exists.
        busy_milliseconds: how long a reader waits for SQLite's own locks.
    Attributes:
        answers_at_once: a statement is answered without waiting for another machine, so an event loop may ask.
    """

    answers_at_once = True

    def __init__(self, folder: Path, busy_milliseconds: int = 5000):
        self.path = folder / FILE_NAME
        # SQLite gives its WAL and index the permissions of the database file, so this decides for all three.
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._busy_milliseconds = busy_milliseconds
        # What an opening that failed leaves open would stay so for as long as the process lives.
        with contextlib.ExitStack() as opened:
            self._turnstile = opened.enter_context(contextlib.closing(Turnstile(folder)))
            self._reserve = opened.enter_context(contextlib.closing(Reserve(folder)))
            self._chores = opened.enter_context(contextlib.closing(Claim(folder / "background.lock")))
            self._lock = threading.Lock()
            self._writer = opened.enter_context(contextlib.closing(self._connect()))
            self._writer.wal_autocheckpoint(0)
            self._written_back = 0
            self._checkpoint_pages = _pages_between_checkpoints(folder)
            self._take_reserve()
            opened.pop_all()
        self._writing = Transaction(self._writer, is_writing=True)
        self._owner: int | None = None
        self._depth = 0
        self._careful = True
        self._careful_batches = 0
        self.spoiled = False
        self._broken: str | None = None
        self._local = threading.local()
        # Weakly: a thread's connection goes with the thread, and programs that embed this may start many.
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._readers_lock = threading.Lock()

    def _connect(self) -> apsw.Connection:
        try:
            connection = apsw.Connection(str(self.path), statementcachesize=_STATEMENT_CACHE)
        except apsw.Error as error:
            raise explain(error) from error
        try:
            connection.set_busy_timeout(self._busy_milliseconds)
            # Without it SQLite compiles a cached statement anew at each new value of a parameter that a partial
            # index's condition might depend on: measured 51 µs instead of 6.5 for a version with its tags and aliases.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            for _ in connection.execute(_PRAGMAS):
                pass
        except apsw.Error as error:
            connection.close()
            raise explain(error) from error
        return connection

    def _take_reserve(self) -> None:
        if self._turnstile.try_enter():  # otherwise somebody else is about to
            try:
                self._reserve.take()
            finally:
                self._turnstile.leave()

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
            # Not the writer's lock: an event loop may be waiting to run the batch that holds it.
            with self._readers_lock:
                self._readers.add(connection)
            reading = self._local.reading = _Reading(Transaction(connection), connection)
            self._local.statement = _Reading(reading.transaction, None)
        return reading

    def read_statement(self) -> _Reading:
        """As `read`, for a verb that answers from one statement: it is a snapshot by itself, without BEGIN and COMMIT."""
        if self._owner == threading.get_ident():
            return _Reading(self._writing, None)
        try:
            statement: _Reading = self._local.statement
        except AttributeError:
            self.read()
            statement = self._local.statement
        return statement

    # Writing ------------------------------------------------------------------------------------------------

    def write(self) -> _Writing:
        """A change: `with database.write() as tx`.

        In the middle of a batch it is a part of the batch's transaction, elsewhere a transaction of its own. On an
        exception nothing of it is kept.
        """
        return _Writing(self)

    def begin(self) -> None:
        """Wait for the turn to write, of this process and among processes, and open the transaction.

        Raises:
            Unavailable: writing has stopped, or the database does not answer.
        """
        self._take_turn()
        self._open()

    def begin_on_reserve(self) -> None:
        """As `begin`, on a disk that is full: the space kept back is free until the turn ends.

        Raises:
            Unavailable: writing has stopped, or the database does not answer.
        """
        self._take_turn()
        try:
            self._reserve.give_up()
            # Otherwise the WAL would grow by every delete, until the reserve is used up.
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except (apsw.Error, OSError) as error:
            log.warning("the WAL could not be emptied on a full disk: %s", error)
        self._open()

    def _take_turn(self) -> None:
        self._lock.acquire()
        try:
            self._turnstile.enter()
        except BaseException:
            self._lock.release()
            raise

    def try_begin(self) -> bool:
        """As `begin`, but give up at once when somebody else has the turn."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            has_turn = self._turnstile.try_enter()
        except BaseException:
            self._lock.release()
            raise
        if has_turn:
            self._open()
        else:
            self._lock.release()
        return has_turn

    def _open(self) -> None:
        try:
            if self._broken:
                raise Unavailable(self._broken)
            self._writing.governed_by = None
            self._writer.execute("BEGIN IMMEDIATE")
        except BaseException as error:
            self._release()
            raise error if isinstance(error, ModelkeepError) else explain(error) from error

    def enter(self) -> None:
        """Make the open transaction that of this thread: its verbs join it, until `leave`.

        They join without a savepoint, which costs a fifth of a small change: one that fails before it has changed
        anything needs none, and one that fails later leaves the transaction `spoiled`.
        """
        self._owner = threading.get_ident()
        self.spoiled = False
        self._depth = 0
        self._careful = self._careful_batches > 0
        if self._careful:
            self._careful_batches -= 1

    def start_over(self) -> None:
        """Undo the whole of the open transaction, keep the turn, and give each verb a savepoint from now on.

        When that fails the transaction stays spoiled, and `commit` refuses it.
        """
        self._careful = True
        self._careful_batches = _CAREFUL_BATCHES
        self._writing.governed_by = None
        try:
            self._writer.execute("ROLLBACK")
            self._writer.execute("BEGIN IMMEDIATE")
        except apsw.Error as error:
            log.error("a batch could not be started over: %s", error)
        else:
            self.spoiled = False

    def leave(self) -> None:
        """Let go of the open transaction, so that another thread may commit it."""
        self._owner = None

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is still open: some errors make SQLite give it up."""
        return self._writer.in_transaction

    def commit(self) -> None:
        """Make the open transaction durable and give up the turn; from any thread.

        Raises:
            Unavailable: nothing of it was kept.
        """
        try:
            if self.spoiled or not self._writer.in_transaction:
                raise Unavailable("The database gave up the transaction, so nothing of it was kept. Try again.")
            self._writer.execute("COMMIT")
        except BaseException as error:
            self._give_up(error)
            raise error if isinstance(error, ModelkeepError) else explain(error) from error
        else:
            # Asked for, and not told by a hook: that one waits for the interpreter in the middle of the commit.
            written = self._writer.status(apsw.SQLITE_DBSTATUS_CACHE_WRITE)[0]
            if written - self._written_back >= self._checkpoint_pages:
                self._written_back = written
                self._checkpoint()
        finally:
            self._release()

    def _checkpoint(self) -> None:
        """Write the WAL back. What is committed is durable in the WAL, so a failure takes nothing back."""
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.IOError as error:
            self._stop_writing(error)
        except apsw.Error as error:
            log.warning("the WAL could not be written back, and grows: %s", error)

    def rollback(self) -> None:
        """Undo the open transaction and give up the turn."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
        finally:
            self._release()

    def _give_up(self, error: BaseException) -> None:
        if isinstance(error, apsw.IOError):
            self._stop_writing(error)
        if self._writer.in_transaction:
            try:
                self._writer.execute("ROLLBACK")
            except apsw.Error:
                log.exception("rollback after a failed commit failed too")

    def _stop_writing(self, error: BaseException) -> None:
        # After a failed fsync nobody knows what is on the disk: acknowledging anything more would be a guess.
        self._broken = "The disk failed while committing. Writing has stopped until the server is restarted."
        log.critical("commit or checkpoint failed with an I/O error; no more writes are accepted: %s", error)

    def _release(self) -> None:
        self._owner = None
        try:
            self._reserve.take()
            self._turnstile.leave()
        finally:
            self._lock.release()

    # Life ---------------------------------------------------------------------------------------------------

    def explain(self, error: BaseException) -> BaseException:
        """What a failure of SQLite means for the caller; anything unforeseen comes back as it is."""
        return explain(error)

    def problems(self) -> list[str]:
        """Why writing does not go, as sentences; none when it does."""
        return [self._broken] if self._broken else []

    def claim_chores(self) -> bool:
        """Whether this process is the one, of all on this database, that does the background work; never waits.

        The claim ends with `close` or with the process. It may also be lost, so ask before each round of work.
        """
        return self._chores.try_take()

    def close(self) -> None:
        """Close every connection. One that fails, because the disk does, leaves none of the others open."""
        with self._lock, self._readers_lock, contextlib.ExitStack() as closing:
            for close in (self._chores.close, self._reserve.close, self._turnstile.close, self._writer.close):
                closing.callback(close)
            for reader in self._readers:
                closing.callback(reader.close)
            self._readers.clear()


class _Reading:
    """`BEGIN … COMMIT` around a read, so that all its statements see one state. Nested reads join the outer one."""

    __slots__ = ("_connection", "_depth", "transaction")

    def __init__(self, transaction: Transaction, connection: apsw.Connection | None):
        self.transaction = transaction
        self._connection = connection
        self._depth = 0

    def __enter__(self) -> Transaction:
        if self._connection is not None:
            if self._depth == 0:
                try:
                    self._connection.execute("BEGIN")
                except apsw.Error as error:
                    raise explain(error) from error
            self._depth += 1
        return self.transaction

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._connection is not None:
            self._depth -= 1
            if self._depth == 0 and self._connection.in_transaction:
                self._connection.execute("COMMIT")
        if error is not None and isinstance(error, apsw.Error):
            raise explain(error) from error


class _Writing:
    """A verb's change: a transaction of its own, a savepoint in one, or the only thing that may be undone as a whole."""

    __slots__ = ("_changes", "_database", "_is_own", "_is_savepoint")

    def __init__(self, database: Database):
        self._database = database

    def __enter__(self) -> Transaction:
        database = self._database
        self._is_own = database._owner != threading.get_ident()
        self._is_savepoint = False
        if self._is_own:
            database.begin()
            database.enter()
            database._careful = True
        elif database._careful or database._depth:
            database._writer.execute("SAVEPOINT verb")
            self._is_savepoint = True
        else:
            database._depth = 1
            self._changes = database._writer.total_changes()
        return database._writing

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        database = self._database
        if error is not None:
            database._writing.governed_by = None  # it may have governed otherwise for a while
        if self._is_own:
            if error is None:
                database.commit()
            else:
                database.rollback()
        elif self._is_savepoint:
            if database._writer.in_transaction:
                self._end_savepoint(keep=error is None)
        else:
            database._depth = 0
            if error is not None and database._writer.total_changes() != self._changes:
                database.spoiled = True
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


def _pages_between_checkpoints(folder: Path) -> int:
    disk = os.statvfs(folder)
    return _CHECKPOINT_PAGES if disk.f_blocks * disk.f_frsize > _SMALL_DISK_BYTES else _SMALL_DISK_PAGES


def explain(error: BaseException) -> BaseException:
    """What a storage failure means for the caller; anything unforeseen comes back as it is."""
    if isinstance(error, apsw.FullError):
        return OutOfSpace("The disk of the registry is full. Nothing was changed; free some space and try again.")
    if isinstance(error, (apsw.BusyError, apsw.LockedError, apsw.InterruptError, apsw.NoMemError)):
        return Unavailable("The database is busy. Nothing was changed; try again shortly.")
    if isinstance(error, (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)):
        return Unavailable("The disk of the registry does not answer as it should. Nothing was changed.")
    if isinstance(error, (apsw.CorruptError, apsw.NotADBError)):
        return Unavailable("The database file is damaged. Nothing was changed; stop the server and restore a backup.")
    return error
