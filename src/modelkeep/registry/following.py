"""Following: aliases that the registry keeps on the previous version of a target, as policies ask for."""

from __future__ import annotations

from collections.abc import Iterator

from modelkeep.domain.governance import Governance
from modelkeep.domain.moves import Entry
from modelkeep.registry import holders, moving
from modelkeep.registry.changes import Change
from modelkeep.storage import aliases as alias_rows
from modelkeep.storage import moves as rows
from modelkeep.storage import versions as version_rows
from modelkeep.storage.database import Transaction


def previous(tx: Transaction, owner: int, target: str) -> Iterator[Entry]:
    """The moves that a rollback of a target could return to, the last first.

    A rollback returns to a move, so what came after that move is not among them: two rollbacks go back two steps.
    """
    held = holders.now(tx, owner, target)
    newest = entry = rows.top(tx, owner, target)
    # Who holds it now, and what left it since, did not come before.
    while held and entry is not None and entry.number not in held:
        entry = rows.get(tx, owner, target, entry.below)
    entry = newest if entry is None or not held else rows.get(tx, owner, target, entry.below)
    while entry is not None:
        if held != [entry.number]:
            yield entry
        entry = rows.get(tx, owner, target, entry.below)


def follow(change: Change, governance: Governance, owner: int, name: str, but: str | None = None) -> bool:
    """Move the aliases that follow a target, after something of a model was moved; whether any was.

    Args:
        but: an alias that is left alone.
    Events: alias.moved
    """
    moved = False
    for alias, target in governance.followers(name).items():
        if alias == but:
            continue
        held = holders.now(change.tx, owner, target)
        after = next(
            (
                entry.number
                for entry in previous(change.tx, owner, target)
                if entry.number not in held and version_rows.find(change.tx, name, entry.number) is not None
            ),
            None,
        )
        before = alias_rows.find(change.tx, owner, alias)
        if before != after:
            moving.alias(change, owner, name, alias, before, after, f"previous of {target}")
            moved = True
    return moved
