"""From what a person types to a filter."""

from __future__ import annotations

import re

# What tells a filter from plain words: nothing else in the language compares.
_COMPARES = re.compile(r"[=<>]|\bi?like\b\s*['\"]|\bin\s*\(|\bis\s+(?:not\s+)?null\b", re.IGNORECASE)


def from_search(asked: str | None, name: str = "name") -> str | None:
    """What was typed into a search box as a filter: every plain word must be in the attribute `name`."""
    if asked is None or _COMPARES.search(asked):
        return asked
    return " AND ".join(f"{name} ILIKE '%{quoted(word)}%'" for word in asked.split())


def quoted(text: str) -> str:
    """Text for the inside of a filter's single quotes."""
    return text.replace("'", "''")
