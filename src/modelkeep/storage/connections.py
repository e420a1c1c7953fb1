"""Connections to PostgreSQL through psycopg: opening them, keeping idle ones, and what their failures mean.

The pool is a list: a thread takes the connection that was put back last, or opens one. psycopg's own pool has threads that
open and check connections ahead, which costs a hand-over at each use and saves nothing where every user is a thread of a
bounded pool already, and where a connection that died is found by the statement that uses it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg import RawCursor, errors, pq
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import TextBinaryLoader

from modelkeep.domain.errors import Invalid, ModelkeepError, OutOfSpace, Unavailable
from modelkeep.storage.database import Parameters, Row
from modelkeep.storage.translations import translate

OLDEST_SERVER = 15
CONNECT_SECONDS = 5
# How long a transaction waits for a lock, above all for the turn to write; how long a statement may take; and how long
# a transaction may stay open between two of them, so that a process that was stopped cannot keep the turn for ever.
LOCK_SECONDS = 5
STATEMENT_SECONDS = 30
IDLE_SECONDS = 15
_PREPARE_AFTER = 3
_PREPARED_STATEMENTS = 500
_TAKE_SECONDS = 5.0

# Each statement is written for one way to go about it, as SQLite does without statistics: the tables in their order, an
# index to each row. PostgreSQL would decide by its statistics, which a new database lacks and no database has of what a
# recursion finds: it read all versions to find the newest three of a model. It also would plan anew for each set of values,
# which takes longer than any statement here runs; as does compiling the plan.
_PLANNING = """
    SET plan_cache_mode = force_generic_plan;
    SET join_collapse_limit = 1;
    SET from_collapse_limit = 1;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_memoize = off;
    SET jit = off
"""
_SETTINGS = f"""
    {_PLANNING};
    SET lock_timeout = '{LOCK_SECONDS}s';
    SET statement_timeout = '{STATEMENT_SECONDS}s';
    SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""

NOT_ANSWERING = "The database does not answer. Nothing was changed; try again shortly."
_decode = msgspec.json.Decoder(list[Any]).decode


class Adapters:
    """How values travel: an integer always as a bigint, so that a statement is prepared once and not for each size of
    number, and JSON as the text it is."""

    def __init__(self) -> None:
        self.adapters = AdaptersMap(psycopg.adapters)
        self.adapters.register_dumper(int, Int8BinaryDumper)
        self.adapters.register_loader("json", TextBinaryLoader)
        self.connection = None


class Session:
    """One connection with the one cursor that its statements share; used by one thread at a time."""

    __slots__ = ("connection", "cursor")

    def __init__(self, url: str, settings: str = _SETTINGS):
        """Connect.

        Raises:
            Unavailable: the server does not answer or lets nobody in.
        """
        try:
            self.connection: psycopg.Connection[Row] = psycopg.Connection.connect(
                url, autocommit=True, context=Adapters(), **_defaults(url)
            )
        except psycopg.Error as error:
            raise explain(error) from error
        self.connection.prepare_threshold = _PREPARE_AFTER
        self.connection.prepared_max = _PREPARED_STATEMENTS
        self.cursor = RawCursor(self.connection)
        self.cursor.format = pq.Format.BINARY
        self.command(settings)

    def command(self, text: str) -> None:
        """Execute a command without parameters or result, such as BEGIN; not through psycopg's cursor, which forgets
        every prepared statement at a ROLLBACK."""
        result = self.connection.pgconn.exec_(text.encode())
        if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
            error = errors.error_from_result(result)
            if error.sqlstate is None:
                # The server said nothing: it is gone, which libpq may admit only at the next command (seen with 18).
                self.close()
                error = psycopg.OperationalError(str(error))
            raise error

    def execute(self, sql: str, parameters: Parameters | Sequence[Any]) -> RawCursor[Row]:
        """Execute a statement in the words of SQLite."""
        statement = translate(sql)
        if not isinstance(parameters, dict):
            places = parameters
        elif statement.lists:
            lists = statement.lists
            places = [_decode(parameters[name]) if name in lists else parameters[name] for name in statement.names]
        else:
            places = [parameters[name] for name in statement.names]
        return self.cursor.execute(statement.text, places)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any] | Parameters]) -> None:
        """Execute a statement with parameters by place once for each row, in few round trips."""
        self.cursor.executemany(translate(sql).text, [_by_place(row) for row in rows])

    @property
    def status(self) -> pq.TransactionStatus:
        """Whether a transaction is open, has failed, or the connection is lost (UNKNOWN)."""
        return pq.TransactionStatus(self.connection.pgconn.transaction_status)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is of no use any more."""
        return self.status == pq.TransactionStatus.UNKNOWN

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _by_place(row: Sequence[Any] | Parameters) -> Sequence[Any]:
    assert not isinstance(row, dict), "a statement for many rows has parameters by place"
    return row


def _defaults(url: str) -> dict[str, Any]:
    """What a connection has unless its address says otherwise."""
    given = check_url(url)
    defaults = {
        "application_name": "modelkeep",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": (STATEMENT_SECONDS + LOCK_SECONDS) * 1000,
    }
    return {name: value for name, value in defaults.items() if name not in given}


def check_url(url: str) -> dict[str, Any]:
    """What the address of a database says.

    Raises:
        Invalid: it is not one of PostgreSQL's.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        raise Invalid("The address of the database must begin with postgresql://, such as postgresql://user@host/name.")
    try:
        return psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Invalid(
            "The address of the database cannot be read. Write postgresql://user:password@host:port/name, with %-escapes "
            "for special characters in the password."
        ) from None


class Sessions:
    """Idle connections for readers, at most `most` open at a time."""

    def __init__(self, url: str, most: int):
        self._url = url
        self._idle: list[Session] = []
        self._free = threading.BoundedSemaphore(most)
        self._closed = False

    def take(self) -> Session:
        """An idle connection, or a new one.

        Raises:
            Unavailable: all are in use, or the server does not answer.
        """
        if not self._free.acquire(timeout=_TAKE_SECONDS):
            raise Unavailable("Every connection to the database is in use. Try again shortly.")
        try:
            while self._idle:
                try:
                    session = self._idle.pop()
                except IndexError:  # another thread was faster
                    break
                if not session.is_lost:
                    return session
            return Session(self._url)
        except BaseException:
            self._free.release()
            raise

    def replace(self, lost: Session) -> Session:
        """A new connection for one that is lost; the idle ones are given up as well, for what happened to one of them
        happened to all. On an error nothing is taken any more."""
        lost.close()
        self._close_idle()
        try:
            return Session(self._url)
        except BaseException:
            self._free.release()
            raise

    def give_back(self, session: Session) -> None:
        """Put a connection back; what it left open is undone."""
        try:
            if session.status != pq.TransactionStatus.IDLE:
                session.command("ROLLBACK")
        except psycopg.Error:
            session.close()
        else:
            if self._closed:
                session.close()
            else:
                self._idle.append(session)
        finally:
            self._free.release()

    def _close_idle(self) -> None:
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:
                return

    def close(self) -> None:
        """Close the idle connections, and those in use when they come back."""
        self._closed = True
        self._close_idle()


def explain(error: BaseException) -> BaseException:
    """What a failure of PostgreSQL means for the caller, without its words, which may hold names, hosts and SQL.

    Anything unforeseen comes back as it is.
    """
    if isinstance(error, ModelkeepError):
        return error
    if isinstance(error, errors.DiskFull):
        return OutOfSpace("The disk of the database is full. Nothing was changed; free some space and try again.")
    if isinstance(error, errors.LockNotAvailable):
        return Unavailable(
            f"The database was kept busy by someone else for {LOCK_SECONDS} seconds. Nothing was changed; try again."
        )
    if isinstance(error, errors.QueryCanceled):
        return Unavailable(
            f"The database took more than {STATEMENT_SECONDS} seconds for this. Nothing was changed; ask for less, "
            "or try again."
        )
    if is_repeatable(error):
        return Unavailable("The change met another one in the database. Nothing of it was kept; try again.")
    if isinstance(error, errors.ProgramLimitExceeded):
        return Invalid("A value is too long to be stored in the database. Shorten it.")
    if isinstance(error, (psycopg.DataError, UnicodeEncodeError, OverflowError)):
        return Invalid(
            "A value cannot be stored in the database: text may hold no NUL character and no lone surrogate, and a "
            "number must fit its column."
        )
    if isinstance(error, (errors.ReadOnlySqlTransaction, errors.InsufficientPrivilege)):
        return Unavailable("The database lets nothing be changed by this user. Nothing was changed.")
    if isinstance(error, psycopg.InternalError):  # such as a statement in a transaction that has failed
        return Unavailable("The database gave up the transaction, so nothing of it was kept. Try again.")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        return Unavailable(NOT_ANSWERING)
    return error


def is_repeatable(error: BaseException | None) -> bool:
    """Whether the same change may succeed when it is done again: a deadlock, or an order that cannot be kept."""
    return isinstance(error, (errors.DeadlockDetected, errors.SerializationFailure))
