"""Holders: which versions a target is held by, now and at any moment."""

from __future__ import annotations

from modelkeep.domain.targets import alias_of
from modelkeep.storage import aliases as alias_rows
from modelkeep.storage import moves as rows
from modelkeep.storage import versions as version_rows
from modelkeep.storage.database import Transaction


def now(tx: Transaction, owner: int, target: str) -> list[int]:
    """The versions that hold a target now, the newest number first; of an alias at most one."""
    alias = alias_of(target)
    if alias is None:
        return version_rows.numbers_in_stage(tx, owner, target)[::-1]
    found = alias_rows.find(tx, owner, alias)
    return [] if found is None else [found]


def at(tx: Transaction, owner: int, target: str, position: int) -> list[int]:
    """As `now`, right after the event at a position."""
    if alias_of(target) is None:
        return rows.in_stage_at(tx, owner, target, position)
    found = rows.alias_at(tx, owner, target, position)
    return [] if found is None else [found]
