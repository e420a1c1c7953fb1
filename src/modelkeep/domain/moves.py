"""Moves: what entered a target, and for how long it held it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A version's move into a target.

    Attributes:
        position: of its event.
        number: of the version.
        below: the position of the move that a rollback returns to, 0 when there is none.
        timestamp: when it was recorded, in UTC milliseconds.
    """

    position: int
    number: int
    below: int
    timestamp: int


@dataclass(frozen=True, slots=True)
class Holding:
    """A version that held a target, from one move until another.

    Attributes:
        target, version: what held what.
        position: of the event that began it.
        since, until: UTC milliseconds; `until` is None while it holds it.
        actor, verified: who began it, and whether a token proved it.
        ended_by: whose change ended it, None while it holds it.
        cause: what began it: `transition`, `alias set`, `promotion`, `rollback`, an import, another change.
        reason: what the caller said, None when nothing.
        change_id: of that change.
        returns_to: for a rollback, the position of the promotion that it returned to.
        forced: a refusal was overridden for it.
        policies: those that judged it, each with its name and revision.
    """

    target: str
    position: int
    version: int
    since: int
    until: int | None
    actor: str
    verified: bool
    ended_by: str | None
    cause: str
    reason: str | None
    change_id: str
    returns_to: int | None
    forced: bool
    policies: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Override:
    """A promotion that was forced past a refusal.

    Attributes:
        position: of its event.
        target, version: what was promoted where.
        reason, actor, timestamp: what was said, by whom, when (UTC milliseconds).
        closed_timestamp, closed_by, note: how it was followed up, None while it was not.
    """

    position: int
    target: str
    version: int
    reason: str
    actor: str
    timestamp: int
    closed_timestamp: int | None = None
    closed_by: str | None = None
    note: str | None = None


@dataclass(slots=True)
class Wanted:
    """One of several promotions that a caller asks for; the fields as `registry.promotions.promote` has them."""

    name: str | None = None
    version: str | int | None = None
    target: str | None = None
    archive_existing_versions: bool | None = None
    expected_version: str | int | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """Who held a target at two moments: numbers of versions, the newest first; of an alias at most one."""

    target: str
    before: list[int]
    after: list[int]
