"""The one place where a version's stage, or what an alias points to, changes. Whoever calls has asked the gates."""

from __future__ import annotations

from typing import Any

from modelkeep.domain.targets import of_alias
from modelkeep.registry.changes import Change
from modelkeep.storage import aliases as alias_rows
from modelkeep.storage import moves as rows
from modelkeep.storage import versions as version_rows


def stage(
    change: Change,
    owner: int,
    name: str,
    number: int,
    before: str,
    after: str,
    cause: str,
    below: int | None = None,
    **more: Any,
) -> None:
    """Move a version to a stage and record it.

    Args:
        below: as in `storage.moves.insert`.
        more: what else the event says.
    Events: stage.changed
    """
    version_rows.move(change.tx, owner, number, change.now, after)
    note_stage(change, owner, name, number, before, after, cause, below, **more)


def note_stage(
    change: Change,
    owner: int,
    name: str,
    number: int,
    before: str,
    after: str,
    cause: str,
    below: int | None = None,
    **more: Any,
) -> None:
    """As `stage`, for a row that says the new stage already."""
    change.record(
        "stage.changed",
        owner,
        **{"model": name, "version": number, "from": before, "to": after, "cause": cause, **more},
    )
    rows.insert(change.tx, owner, after, number, below)


def alias(
    change: Change,
    owner: int,
    name: str,
    alias: str,
    before: int | None,
    after: int | None,
    cause: str,
    below: int | None = None,
    **more: Any,
) -> None:
    """Point an alias at a version, or delete it, and record that; the arguments as in `stage`.

    Events: alias.moved
    """
    if after is None:
        alias_rows.delete(change.tx, owner, alias)
    else:
        alias_rows.point(change.tx, owner, alias, after)
    change.record(
        "alias.moved", owner, **{"model": name, "alias": alias, "from": before, "to": after, "cause": cause, **more}
    )
    rows.insert(change.tx, owner, of_alias(alias), after, below)


def note_stay(change: Change, owner: int, target: str, number: int, below: int | None = None) -> None:
    """Note that a version, which stays in a target, is the one that the newest event left there alone."""
    rows.insert(change.tx, owner, target, number, below)
