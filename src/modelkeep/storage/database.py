"""What storage and verbs need of a database; `sqlite.py` and `postgres.py` are the two there are.

SQL is written once, in the words of SQLite; `translations.py` turns it into PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

Parameters = dict[str, Any]
Row = tuple[Any, ...]


class Transaction(Protocol):
    """An open transaction; storage functions take it first.

    Parameters are named (`:name`, a dict that may hold more than the statement names) or, in the few statements where
    that costs too much, by place (`?`, a sequence). A list of values is one parameter: a JSON text, read by
    `IN (SELECT value FROM json_each(:name))`.

    Attributes:
        is_writing: it holds the turn to write, so what it has read nobody else changes.
        governed_by: while it is writing, what `storage.policies.revision` found; None when it has to ask.
    """

    @property
    def is_writing(self) -> bool: ...

    governed_by: str | None

    def one(self, sql: str, parameters: Parameters | Sequence[Any]) -> Row | None:
        """The first row, or None."""

    def all(self, sql: str, parameters: Parameters | Sequence[Any]) -> list[Row]:
        """Every row."""

    def run(self, sql: str, parameters: Parameters | Sequence[Any]) -> int:
        """Execute a change and return how many rows it touched."""

    def many(self, sql: str, parameters: Iterable[Parameters | Sequence[Any]]) -> None:
        """Execute a change once for each set of parameters."""


class Database(Protocol):
    """Snapshots for readers, one turn to write for everyone, and batches of writes under one commit.

    Attributes:
        answers_at_once: statements take microseconds, so an event loop may run them itself.
        spoiled: what a verb left behind makes the open batch one that must be done again.
    """

    answers_at_once: bool
    spoiled: bool

    def read(self) -> AbstractContextManager[Transaction]:
        """A snapshot: `with database.read() as tx`. Inside a write of the same thread it is that transaction."""

    def read_statement(self) -> AbstractContextManager[Transaction]:
        """As `read`, for a verb that answers from one statement."""

    def write(self) -> AbstractContextManager[Transaction]:
        """A change: a transaction of its own, or in the middle of a batch a part of that. On an exception nothing of
        it is kept."""

    def begin(self) -> None:
        """Wait for the turn to write and open the transaction of a batch.

        Raises:
            Unavailable: the turn cannot be had.
        """

    def begin_on_reserve(self) -> None:
        """As `begin`, on a disk that is full, for what frees space."""

    def try_begin(self) -> bool:
        """As `begin`, but give up at once when somebody else has the turn."""

    def enter(self) -> None:
        """Make the open transaction that of this thread: its verbs join it, until `leave`."""

    def start_over(self) -> None:
        """Undo the whole of the open transaction, keep going, and give each verb a savepoint from now on."""

    def leave(self) -> None:
        """Let go of the open transaction, so that another thread may commit it."""

    @property
    def in_transaction(self) -> bool:
        """Whether the transaction is still open: some errors end it."""

    def commit(self) -> None:
        """Make the open transaction durable and give up the turn; from any thread.

        Raises:
            Unavailable: nothing of it was kept, or nobody knows whether it was.
        """

    def rollback(self) -> None:
        """Undo the open transaction and give up the turn."""

    def explain(self, error: BaseException) -> BaseException:
        """What a failure of the database means for the caller; anything unforeseen comes back as it is."""

    def problems(self) -> list[str]:
        """Why nothing can be written now, as sentences; empty when all is well."""

    def claim_chores(self) -> bool:
        """Whether this process is the one that does the background work; takes it over when nobody does. Never waits."""

    def close(self) -> None:
        """Close every connection."""
