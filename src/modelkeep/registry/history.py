"""History: who held which target when, and how that came about."""

from __future__ import annotations

from modelkeep.domain import actors, names, pages, targets, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, NotFound, PermissionDenied
from modelkeep.domain.moves import Holding, Override, Point
from modelkeep.domain.paging import Page
from modelkeep.domain.versions import Version
from modelkeep.registry import governing, holders
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import events as event_rows
from modelkeep.storage import models as model_rows
from modelkeep.storage import moves as rows
from modelkeep.storage import overrides, past
from modelkeep.storage.database import Transaction

PAGE_DEFAULT = 100
PAGE_LIMIT = 1000


def page(
    actor: Actor,
    registry: Registry,
    name: str,
    target: str,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[Holding]:
    """Every version that held a target of a model, the newest first, with who put it there and why.

    Raises:
        Invalid: there is no such target, or the page size or token is wrong.
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    size = PAGE_DEFAULT if max_results is None else texts.integer(max_results, "max_results", 1, PAGE_LIMIT)
    with registry.database.read() as tx:
        checked = targets.check(target, governing.stages_of(tx, registry))
        owner = model_rows.get_id(tx, name)
        binding = pages.bind("history", f"{owner} {checked}")
        before = pages.place(page_token, binding, texts.INT64_MAX)
        found = rows.history(tx, owner, checked, before, size + 1)
    if len(found) <= size:
        return Page(found)
    return Page(found[:size], pages.encode([found[size - 1].position], binding))


def at(
    actor: Actor,
    registry: Registry,
    name: str,
    target: str,
    timestamp: int | None = None,
    position: int | None = None,
) -> Version:
    """The version that held a target at a moment; of a stage with several the highest number, as everywhere.

    Args:
        name: as it was then.
        timestamp: UTC milliseconds, inclusive.
        position: of an event, inclusive; instead of a time.
    Raises:
        Invalid: there is no such target, or neither or both of time and position are given.
        NotFound: there was no such model then, or nothing held the target.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        checked = targets.check(target, governing.stages_of(tx, registry))
        moment = _position(tx, timestamp, position)
        owner = past.model_named(tx, name, moment)
        if owner is None:
            raise NotFound(f"No registered model was called '{name}' then.")
        found = holders.at(tx, owner, checked, moment)
        if not found:
            raise NotFound(f"No version of '{name}' held {checked} then.")
        return past.version(tx, owner, found[0])


def _position(tx: Transaction, timestamp: int | None, position: int | None) -> int:
    if (timestamp is None) == (position is None):
        raise Invalid("Give either 'timestamp', in UTC milliseconds, or 'position', that of an event.")
    if position is not None:
        return texts.integer(position, "position", 0)
    return rows.position_at(tx, texts.integer(timestamp, "timestamp", 0))


def diff(
    actor: Actor,
    registry: Registry,
    name: str,
    from_timestamp: int | None = None,
    from_position: int | None = None,
    to_timestamp: int | None = None,
    to_position: int | None = None,
) -> list[Point]:
    """The targets of a model that were held by other versions at two moments; the second is now when it is not given.

    Raises:
        Invalid: the first moment is missing, or a moment is given as both a time and a position.
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        owner = model_rows.get_id(tx, name)
        first = _position(tx, from_timestamp, from_position)
        last = (
            event_rows.last_position(tx)
            if to_timestamp is None and to_position is None
            else _position(tx, to_timestamp, to_position)
        )
        points = [
            Point(target, holders.at(tx, owner, target, first), holders.at(tx, owner, target, last))
            for target in rows.targets(tx, owner)
        ]
    return [point for point in points if point.before != point.after]


def open_overrides(actor: Actor, registry: Registry, name: str) -> list[Override]:
    """The forced promotions of a model that nobody has followed up, the newest first.

    Raises:
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        return overrides.open_ones(tx, model_rows.get_id(tx, name))


def close_override(actor: Actor, registry: Registry, position: int, note: str) -> Override:
    """Say how a forced promotion was followed up; from then on views no longer point at it.

    Args:
        position: of the event that forced it, as `open_overrides` tells.
        note: what was found and done.
    Raises:
        Invalid: there is no note.
        NotFound: nothing was forced at that position.
        Conflict: it is closed already.
    Events: override.closed
    """
    actors.require(actor, "approve", "the follow-up of a forced promotion")
    if not actor.verified:
        raise PermissionDenied(
            "Closing a forced promotion needs a person who has proved who they are. Run the server with --auth, and use a "
            "token with the role approver."
        )
    texts.required(note, "note", texts.DESCRIPTION_LIMIT)
    texts.integer(position, "position", 1)
    with Change(actor, registry) as change:
        found = overrides.find(change.tx, position)
        if found is None:
            raise NotFound(f"No promotion was forced at position {position}.")
        owner, override = found
        if override.closed_timestamp is not None:
            raise Conflict(f"The forced promotion at position {position} was closed already, by {override.closed_by}.")
        overrides.close(change.tx, position, change.now, actor.name, note)
        change.record(
            "override.closed", owner,
            model=past.name_of(change.tx, owner), version=override.version, target=override.target, position=position,
            note=note,
        )  # fmt: skip
        closed = overrides.find(change.tx, position)
        assert closed is not None
        return closed[1]
