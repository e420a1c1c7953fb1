"""Joins whose order is settled: for each row found so far, the rows of a further table."""

from __future__ import annotations


def each(table: str, name: str, condition: str) -> str:
    """A table to stand after CROSS JOIN, from which SQLite takes that order.

    PostgreSQL begins with either side of a join, unless one is a subquery that needs the other; OFFSET 0 keeps it one.

    Args:
        condition: ties the rows of `name` to those of the tables before it. The statement's own WHERE has it too.
    """
    return f"/*sqlite*/{table} {name}/*postgres {_fenced(table, name, condition)}*/"


def following(table: str, name: str, condition: str) -> str:
    """As `each`, with its CROSS JOIN and its condition, for a table that SQLite may begin with."""
    return f"/*sqlite*/JOIN {table} {name} ON {condition}/*postgres CROSS JOIN {_fenced(table, name, condition)}*/"


def _fenced(table: str, name: str, condition: str) -> str:
    return f"LATERAL (SELECT * FROM {table} {name} WHERE {condition} OFFSET 0) AS {name}"
