"""Many rows in few steps.

apsw gives up Python's global lock at every step of a statement, and beside a busy thread each return costs more than
the row itself. Measured there: logging 1,000 points of one metric took 87 ms row by row and takes 12 with these
statements, of 6 and 5 alone. Values are bound, so they arrive as they are; sent as one JSON text they took SQLite twice
as long.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from modelkeep.storage.database import Transaction

_FEW = 16
_MOST = 512  # rows of one statement; a longer text would not fit apsw's cache of statements


def write(tx: Transaction, insert: str, owner: Any, rows: Sequence[Sequence[Any]], conflict: str) -> None:
    """Insert rows of one owner: 1,000 of them in six steps.

    Args:
        insert: `INSERT INTO … (owner, …)`, without its values.
        owner: the first column of every row, such as the run's id; `rows` leave it out.
        conflict: the `ON CONFLICT` clause. It meets the rows in their order.
    """
    if rows:
        write_flat(tx, insert, list(chain.from_iterable(rows)), len(rows[0]), conflict, (owner,))


def write_flat(
    tx: Transaction, insert: str, values: Sequence[Any], width: int, conflict: str, first: tuple[Any, ...] = ()
) -> None:
    """As `write`, with the values of all rows one after the other, `width` of them a row after those in `first`.

    Statements have up to 16 rows, or 16, 32, … or 512, so that few compiled ones serve every number of rows.
    """
    start, left = 0, len(values) // width
    while left:
        size = left if left <= _FEW else min(1 << (left.bit_length() - 1), _MOST)
        end = start + size * width
        tx.run(_statement(insert, len(first), width, size, conflict), (*first, *values[start:end]))
        start, left = end, left - size


@lru_cache(256)
def _statement(insert: str, shared: int, width: int, size: int, conflict: str) -> str:
    row = ",".join([f"?{number}" for number in range(1, shared + 1)] + ["?"] * width)
    return f"{insert} VALUES {','.join([f'({row})'] * size)} {conflict}"
