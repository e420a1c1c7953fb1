"""Statements in the words of SQLite, said in PostgreSQL's.

A statement is written once. What is translated everywhere:

- `:name` and `?` become `$1`, `$2`, …; a `?` counts as in SQLite, one more than the highest number so far;
- `IN (SELECT value FROM json_each(:name))` becomes `= ANY($1)`, which an index serves, and the JSON text an array;
- the functions in `_FUNCTIONS` and `_AGGREGATES`.

Where the two must differ otherwise, the statement holds both: `/*sqlite*/max/*postgres greatest*/` is `max` on SQLite,
for which the rest is comments, and `greatest` on PostgreSQL; without `/*sqlite*/` before it, PostgreSQL has something
where SQLite has nothing. The space before it stays. Text in quotes and other comments are left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_ALTERNATIVES = re.compile(r"(?:/\*sqlite\*/.*?)?/\*postgres(\s.*?)\*/", re.DOTALL)
_TOKENS = re.compile(
    r"""
    (?P<untouched> '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | :: )
    | IN\s\(SELECT\svalue\sFROM\sjson_each\(:(?P<list>[a-z]\w*)\)\)
    | :(?P<name>[a-z]\w*)
    | \?(?P<number>\d*)
    | \b(?P<function>json_group_array|json_group_object|json_array|json|instr)\(
    | (?P<parenthesis>[()])
    """,
    re.VERBOSE | re.DOTALL,
)
_FUNCTIONS = {"json_array": "json_build_array(", "json": "to_json(", "instr": "strpos("}
# Of no rows SQLite makes an empty array, PostgreSQL NULL.
_AGGREGATES = {
    "json_group_array": ("coalesce(json_agg(", "), '[]')"),
    "json_group_object": ("coalesce(json_object_agg(", "), '{}')"),
}


@dataclass(frozen=True, slots=True)
class Translation:
    """A statement for PostgreSQL.

    Attributes:
        text: with `$1`, `$2`, ….
        names: the parameter of each place; empty when they come by place.
        lists: which of them are JSON texts to be bound as arrays.
        changes: it is no query.
    """

    text: bytes
    names: tuple[str, ...]
    lists: frozenset[str]
    changes: bool


@lru_cache(2048)
def translate(sql: str) -> Translation:
    """A statement with named parameters, or with parameters by place, for PostgreSQL."""
    names: dict[str, int] = {}
    lists: set[str] = set()
    highest = 0
    closing: list[str] = []

    def replace(token: re.Match[str]) -> str:
        nonlocal highest
        if name := token["list"]:
            lists.add(name)
            return f"= ANY(${names.setdefault(name, len(names) + 1)})"
        if name := token["name"]:
            return f"${names.setdefault(name, len(names) + 1)}"
        if (number := token["number"]) is not None:
            place = int(number) if number else highest + 1
            highest = max(highest, place)
            return f"${place}"
        if function := token["function"]:
            opening, end = _AGGREGATES.get(function, (_FUNCTIONS.get(function, ""), ")"))
            closing.append(end)
            return opening
        if token["parenthesis"] == "(":
            closing.append(")")
            return "("
        if token["parenthesis"] == ")":
            return closing.pop() if closing else ")"
        return token[0]

    chosen = _ALTERNATIVES.sub(lambda found: found[1], sql)
    text = _TOKENS.sub(replace, chosen).strip()
    changes = not re.match(r"SELECT\b|WITH\b", text, re.IGNORECASE)
    return Translation(text.encode(), tuple(names), frozenset(lists), changes)
