"""PostgreSQL through psycopg: transactions, and whose turn it is to write.

Every transaction that writes takes one advisory lock together with its BEGIN, in one round trip, and holds it until its
end: on all processes of all hosts one writes at a time, as on SQLite. So the position of an event is the highest and one,
without gaps and in the order of the commits, and everyone who reads positions may rely on it. The alternative is to let
transactions overlap and have a sealer order their events afterwards: that adds a delay before an event is seen and a
second order to reason about, and gains little, because a batch carries up to 64 requests under one lock and one commit.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import errors, pq

from modelkeep.domain.errors import ModelkeepError, Unavailable
from modelkeep.storage import connections
from modelkeep.storage.connections import LOCK_SECONDS, Session, Sessions
from modelkeep.storage.database import Parameters, Row
from modelkeep.storage.translations import translate

log = logging.getLogger("modelkeep.storage")

T = TypeVar("T")

# Advisory locks have two numbers: the first says that they are ours, the second what for.
LOCK_CLASS = 0x4D4B6570  # "MKep"
TURN, CHORES = 1, 2
READERS = 32
# Who has had the turn for less is one of us, at work.
_TOLD_AFTER_SECONDS = 1
# As on SQLite: where one verb failed half-way, more will.
_CAREFUL_BATCHES = 16

_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK_CLASS}, {TURN})"
_BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_HOLDERS = f"""
    SELECT a.pid, coalesce(a.application_name, ''), coalesce(host(a.client_addr), 'this host'),
        cast(extract(epoch FROM now() - coalesce(a.xact_start, a.state_change, a.backend_start)) AS bigint)
    FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = {LOCK_CLASS} AND l.objid = {TURN} AND l.objsubid = 2
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class WritingTransaction:
    """The open transaction that changes something."""

    __slots__ = ("changes", "governed_by", "session")

    is_writing = True

    def __init__(self, session: Session):
        self.session = session
        self.begin()

    def begin(self) -> None:
        """Forget what was before."""
        self.changes = 0
        self.governed_by: str | None = None

    def one(self, sql: str, parameters: Parameters | Sequence[Any]) -> Row | None:
        """The first row, or None."""
        cursor = self.session.execute(sql, parameters)
        if translate(sql).changes:
            self.changes += cursor.rowcount
        return cursor.fetchone()

    def all(self, sql: str, parameters: Parameters | Sequence[Any]) -> list[Row]:
        """Every row."""
        cursor = self.session.execute(sql, parameters)
        if translate(sql).changes:
            self.changes += cursor.rowcount
        return cursor.fetchall()

    def run(self, sql: str, parameters: Parameters | Sequence[Any]) -> int:
        """Execute a change and return how many rows it touched."""
        changed = self.session.execute(sql, parameters).rowcount
        self.changes += changed
        return changed

    def many(self, sql: str, parameters: Iterable[Parameters | Sequence[Any]]) -> None:
        """Execute a change once for each set of parameters."""
        self.session.execute_many(sql, parameters)
        self.changes += max(self.session.cursor.rowcount, 0)


class ReadingTransaction:
    """A snapshot, or single statements; a connection that is lost before it has answered is replaced once."""

    __slots__ = ("_answered", "_begin", "_begun", "_sessions", "governed_by", "session")

    is_writing = False

    def __init__(self, sessions: Sessions, begin: str | None):
        self._sessions = sessions
        self._begin = begin
        self._begun = False
        self._answered = False
        self.governed_by: str | None = None
        self.session = sessions.take()

    def one(self, sql: str, parameters: Parameters | Sequence[Any]) -> Row | None:
        """The first row, or None."""
        return self._repeated(sql, parameters).fetchone()

    def all(self, sql: str, parameters: Parameters | Sequence[Any]) -> list[Row]:
        """Every row."""
        return self._repeated(sql, parameters).fetchall()

    def run(self, sql: str, parameters: Parameters | Sequence[Any]) -> int:
        """Refused by the database: nothing is changed by a reader."""
        return self._execute(sql, parameters).rowcount

    def many(self, sql: str, parameters: Iterable[Parameters | Sequence[Any]]) -> None:
        """Refused by the database: nothing is changed by a reader."""
        for each in parameters:
            self._execute(sql, each)

    def _repeated(self, sql: str, parameters: Parameters | Sequence[Any]) -> psycopg.RawCursor[Row]:
        try:
            return self._execute(sql, parameters)
        except psycopg.Error:
            if self._answered or not self.session.is_lost:
                raise
            self.session = self._replaced()
            return self._execute(sql, parameters)

    def _replaced(self) -> Session:
        lost, self.session = self.session, None  # type: ignore[assignment] # nothing to give back if this fails
        self._begun = False
        return self._sessions.replace(lost)

    def _execute(self, sql: str, parameters: Parameters | Sequence[Any]) -> psycopg.RawCursor[Row]:
        if self._begin is not None and not self._begun:
            self.session.command(self._begin)
            self._begun = True
        cursor = self.session.execute(sql, parameters)
        self._answered = True
        return cursor

    def close(self) -> None:
        """End it; the connection is anybody's again."""
        if self.session is not None:
            self._sessions.give_back(self.session)


class Database:
    """A database on a PostgreSQL server: a few connections for readers, one that writes, one that claims the chores.

    Args:
        url: `postgresql://…`.
    Raises:
        Invalid: the address cannot be read.
    """

    answers_at_once = False

    def __init__(self, url: str):
        connections.check_url(url)
        self._url = url
        self._sessions = Sessions(url, READERS)
        self._lock = threading.Lock()
        self._writing: WritingTransaction | None = None
        self._owner: int | None = None
        self._depth = 0
        self._careful = True
        self._careful_batches = 0
        self.spoiled = False
        self._is_blocked = False
        self._local = threading.local()
        self._chores: Session | None = None
        self._chores_lock = threading.Lock()

    # Reading ------------------------------------------------------------------------------------------------

    def read(self) -> _Reading:
        """A snapshot: `with database.read() as tx`. Inside a write of the same thread it is that transaction."""
        return _Reading(self, _BEGIN_SNAPSHOT)

    def read_statement(self) -> _Reading:
        """As `read`, for a verb that answers from one statement: it is a snapshot by itself, without BEGIN and COMMIT."""
        return _Reading(self, None)

    # Writing ------------------------------------------------------------------------------------------------

    def write(self) -> _Writing:
        """A change: `with database.write() as tx`.

        In the middle of a batch it is a part of the batch's transaction, elsewhere a transaction of its own. On an
        exception nothing of it is kept.
        """
        return _Writing(self)

    def begin(self) -> None:
        """Wait for the turn to write, of this process and among all, and open the transaction.

        Raises:
            Unavailable: the turn is not to be had within 5 seconds, or the database does not answer.
        """
        if not self._lock.acquire(timeout=LOCK_SECONDS):
            raise Unavailable(f"Another change took more than {LOCK_SECONDS} seconds. Nothing was changed; try again.")
        try:
            self._open(lambda session: session.command(_BEGIN))
        except BaseException:
            self._lock.release()
            raise

    def begin_on_reserve(self) -> None:
        """As `begin`: the disk is the server's, and nothing is kept back on it."""
        self.begin()

    def try_begin(self) -> bool:
        """As `begin`, but give up at once when somebody else has the turn."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            has_turn = self._open(_try_to_begin)
        except BaseException:
            self._lock.release()
            raise
        if not has_turn:
            self._lock.release()
        return has_turn

    def _open(self, begin: Callable[[Session], T]) -> T:
        """Open the transaction on the connection that writes, on a new one if it was lost meanwhile."""
        try:
            writing = self._writing
            if writing is not None and not writing.session.is_lost:
                try:
                    begun = begin(writing.session)
                except psycopg.Error:
                    if not writing.session.is_lost:
                        raise
                else:
                    writing.begin()
                    self._is_blocked = False
                    return begun
            if writing is not None:
                writing.session.close()
                self._writing = None
            self._writing = WritingTransaction(Session(self._url))
            begun = begin(self._writing.session)
            self._is_blocked = False
            return begun
        except errors.LockNotAvailable as error:
            self._undo()
            self._is_blocked = True
            holders = " ".join(self._holders())
            log.warning("the turn to write was not to be had in %d seconds. %s", LOCK_SECONDS, holders)
            raise Unavailable(
                f"Somebody else has had the turn to write for more than {LOCK_SECONDS} seconds. Nothing was changed; try "
                "again, and see /ready for who it is."
            ) from error
        except psycopg.Error as error:
            self._undo()
            raise connections.explain(error) from error

    def enter(self) -> None:
        """Make the open transaction that of this thread: its verbs join it, until `leave`.

        They join without a savepoint, which costs a round trip: one that fails before it has changed anything needs
        none, and one that fails later, or by a statement, leaves the transaction `spoiled`.
        """
        self._owner = threading.get_ident()
        self.spoiled = False
        self._depth = 0
        self._careful = self._careful_batches > 0
        if self._careful:
            self._careful_batches -= 1

    def start_over(self) -> None:
        """Undo the whole of the open transaction, begin it anew, and give each verb a savepoint from now on.

        When that fails the transaction stays spoiled, and `commit` refuses it.
        """
        self._careful = True
        self._careful_batches = _CAREFUL_BATCHES
        self._depth = 0
        assert self._writing is not None
        self._writing.governed_by = None
        session = self._session
        try:
            session.command("ROLLBACK")
            session.command(_BEGIN)
        except psycopg.Error as error:
            log.error("a batch could not be started over: %s", _told(error))
        else:
            self.spoiled = False

    def leave(self) -> None:
        """Let go of the open transaction, so that another thread may commit it."""
        self._owner = None

    @property
    def _session(self) -> Session:
        assert self._writing is not None
        return self._writing.session

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is still open: not when the connection is lost."""
        return self._writing is not None and self._session.status in (
            pq.TransactionStatus.INTRANS,
            pq.TransactionStatus.INERROR,
        )

    def commit(self) -> None:
        """Make the open transaction durable and give up the turn; from any thread.

        Raises:
            Unavailable: nothing of it was kept, or the connection was lost before the answer came.
        """
        try:
            if self.spoiled or self._session.status != pq.TransactionStatus.INTRANS:
                raise Unavailable("The database gave up the transaction, so nothing of it was kept. Try again.")
            self._session.command("COMMIT")
        except psycopg.Error as error:
            if self._session.is_lost:
                raise Unavailable(
                    "The connection to the database was lost during the commit, so it is not known whether the change "
                    "was kept. Look before you try again."
                ) from error
            raise connections.explain(error) from error
        finally:
            self._release()

    def rollback(self) -> None:
        """Undo the open transaction and give up the turn."""
        self._release()

    def _release(self) -> None:
        self._owner = None
        try:
            self._undo()
        finally:
            self._lock.release()

    def _undo(self) -> None:
        """Leave no transaction open on the connection that writes; give the connection up if it will not."""
        if self._writing is None or self._session.status == pq.TransactionStatus.IDLE:
            return
        try:
            self._session.command("ROLLBACK")
        except psycopg.Error:
            self._session.close()
            self._writing = None

    # Life ---------------------------------------------------------------------------------------------------

    def explain(self, error: BaseException) -> BaseException:
        """What a failure of the database means for the caller; anything unforeseen comes back as it is."""
        return connections.explain(error)

    def problems(self) -> list[str]:
        """Who kept this process from writing, if somebody still does; empty when all is well."""
        if not self._is_blocked:
            return []
        try:
            return self._holders()
        except ModelkeepError as error:
            return [error.message]

    def _holders(self) -> list[str]:
        with self.read_statement() as tx:
            rows = tx.all(_HOLDERS, {})
        return [
            f"The turn to write is held by process {pid} of the database ({name or 'unnamed'}, from {host}) since {seconds} "
            f"seconds. If it does not let go, end it with SELECT pg_terminate_backend({pid})."
            for pid, name, host, seconds in rows
            if seconds >= _TOLD_AFTER_SECONDS
        ]

    def claim_chores(self) -> bool:
        """Whether this process is the one that does the background work; takes it over when nobody does. Never waits.

        The claim is a lock of a connection's own: it ends with the connection, whatever becomes of the process.
        """
        with self._chores_lock:
            if self._chores is not None:
                try:
                    self._chores.command("SELECT 1")
                    return True
                except psycopg.Error:
                    self._chores.close()
                    self._chores = None
            try:
                session = Session(self._url)
            except Unavailable:
                return False
            if _try_lock(session, f"pg_try_advisory_lock({LOCK_CLASS}, {CHORES})"):
                self._chores = session
                return True
            session.close()
            return False

    def close(self) -> None:
        """Close every connection."""
        with self._lock, self._chores_lock:
            self._sessions.close()
            if self._writing is not None:
                self._writing.session.close()
            if self._chores is not None:
                self._chores.close()
            self._writing = self._chores = None


def _try_to_begin(session: Session) -> bool:
    session.command("BEGIN ISOLATION LEVEL READ COMMITTED")
    if _try_lock(session, f"pg_try_advisory_xact_lock({LOCK_CLASS}, {TURN})"):
        return True
    session.command("ROLLBACK")
    return False


def _try_lock(session: Session, call: str) -> bool:
    row = session.execute(f"SELECT {call}", {}).fetchone()
    return row is not None and row[0] is True


def _told(error: psycopg.Error) -> str:
    """An error for the log: without the statement and its values."""
    return error.diag.message_primary or type(error).__name__


class _Reading:
    """One read. Reads inside it join it when it is a snapshot, or when they need none."""

    __slots__ = ("_begin", "_database", "_is_outermost", "_outer", "transaction")

    transaction: WritingTransaction | ReadingTransaction

    def __init__(self, database: Database, begin: str | None):
        self._database = database
        self._begin = begin

    def __enter__(self) -> WritingTransaction | ReadingTransaction:
        database = self._database
        self._is_outermost = False
        if database._owner == threading.get_ident():
            assert database._writing is not None
            self.transaction = database._writing
            return self.transaction
        self._outer: _Reading | None = getattr(database._local, "reading", None)
        if self._outer is not None and (self._outer._begin is not None or self._begin is None):
            self.transaction = self._outer.transaction
            return self.transaction
        self.transaction = ReadingTransaction(database._sessions, self._begin)
        database._local.reading = self
        self._is_outermost = True
        return self.transaction

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self._is_outermost:
            self._database._local.reading = self._outer
            assert isinstance(self.transaction, ReadingTransaction)
            self.transaction.close()
        if error is not None and not isinstance(error, ModelkeepError):
            explained = connections.explain(error)
            if explained is not error:
                raise explained from error


class _Writing:
    """A verb's change: a transaction of its own, a savepoint in one, or the only thing that may be undone as a whole."""

    __slots__ = ("_changes", "_database", "_is_own", "_is_savepoint")

    def __init__(self, database: Database):
        self._database = database

    def __enter__(self) -> WritingTransaction:
        database = self._database
        self._is_own = database._owner != threading.get_ident()
        self._is_savepoint = False
        if self._is_own:
            database.begin()
            database.enter()
            database._careful = True
        elif database._careful or database._depth:
            self._command("SAVEPOINT verb")
            self._is_savepoint = True
        else:
            database._depth = 1
        assert database._writing is not None
        self._changes = database._writing.changes
        return database._writing

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        database = self._database
        if error is not None and database._writing is not None:
            database._writing.governed_by = None  # it may have governed otherwise for a while
        if self._is_own:
            if error is None:
                database.commit()
            else:
                database.rollback()
        elif self._is_savepoint:
            if database.in_transaction:
                self._command("RELEASE verb" if error is None else "ROLLBACK TO verb; RELEASE verb")
            if connections.is_repeatable(error):
                database.spoiled = True
        else:
            database._depth = 0
            if error is not None:
                assert database._writing is not None
                failed = database._session.status == pq.TransactionStatus.INERROR
                if failed or database._writing.changes != self._changes:
                    database.spoiled = True
        if error is not None and not isinstance(error, ModelkeepError):
            explained = connections.explain(error)
            if explained is not error:
                raise explained from error

    def _command(self, text: str) -> None:
        try:
            self._database._session.command(text)
        except psycopg.Error as error:
            self._database.spoiled = True
            raise connections.explain(error) from error
