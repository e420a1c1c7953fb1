"""Events: reading what happened, as it happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelkeep.domain import actors, events, names, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.domain.events import Event
from modelkeep.registry.handle import Registry
from modelkeep.storage import events as rows
from modelkeep.storage import models as model_rows

PAGE_DEFAULT = 100
PAGE_MAXIMUM = 1000
# No index leads from a version to its events, so only so many of its model's are looked through.
VERSION_WINDOW = 5000


def page(
    actor: Actor,
    registry: Registry,
    after: int | None = None,
    limit: int | None = None,
    model: str | None = None,
    actor_name: str | None = None,
    kinds: list[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Event]:
    """Events after a position, oldest first.

    Args:
        after: a position; 0 or None starts at the beginning.
        limit: 1 to 1,000, by default 100.
        model: only events of registered models that have this name now, deleted ones included.
        actor_name: only events by this actor.
        kinds: only events of these kinds; a noun alone, such as `version`, means every kind of it.
        since, until: bounds of the recorded time in UTC milliseconds, both inclusive.
    Raises:
        Invalid: a value is out of range or a kind does not exist.
    """
    actors.require(actor, "read", "events")
    after = texts.integer(0 if after is None else after, "after", 0)
    limit = _checked(limit, model, actor_name, since, until)
    wanted = _kinds(kinds)
    with registry.database.read() as tx:
        model_ids = None if model is None else model_rows.ids_ever_named(tx, model)
        return rows.page(
            tx, after=after, limit=limit, model_ids=model_ids, actor=actor_name, kinds=wanted, since=since, until=until
        )


def _checked(limit: int | None, model: str | None, actor_name: str | None, since: int | None, until: int | None) -> int:
    limit = texts.integer(PAGE_DEFAULT if limit is None else limit, "limit", 1)
    if limit > PAGE_MAXIMUM:
        raise Invalid(f"Parameter 'limit' must be at most {PAGE_MAXIMUM}, got {limit}.")
    for value, field in ((since, "from"), (until, "to")):
        if value is not None:
            texts.integer(value, field)
    texts.check_optional(actor_name, "actor", texts.NAME_LIMIT)
    if model is not None:
        names.check_model_name(model, "model")
    return limit


def _kinds(given: list[str] | None) -> list[str] | None:
    if not given:
        return None
    found: list[str] = []
    for kind in given:
        matching = [known for known in events.KINDS if known == kind or known.startswith(f"{kind}.")]
        if not matching:
            raise Invalid(f"There is no kind of event {kind!r}: choose from {', '.join(sorted(events.KINDS))}.")
        found += matching
    return found


def recent(
    actor: Actor,
    registry: Registry,
    before: int | None = None,
    limit: int | None = None,
    model: str | None = None,
    actor_name: str | None = None,
    kinds: list[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Event]:
    """Events before a position, newest first; otherwise as `page`.

    Args:
        before: a position; None starts at the newest event.
    Raises:
        Invalid: a value is out of range or a kind does not exist.
    """
    actors.require(actor, "read", "events")
    before = texts.integer(texts.INT64_MAX if before is None else before, "before", 0)
    limit = _checked(limit, model, actor_name, since, until)
    wanted = _kinds(kinds)
    with registry.database.read() as tx:
        model_ids = None if model is None else model_rows.ids_ever_named(tx, model)
        return rows.recent(
            tx,
            before=before,
            limit=limit,
            model_ids=model_ids,
            actor=actor_name,
            kinds=wanted,
            since=since,
            until=until,
        )


def recent_of_model(actor: Actor, registry: Registry, model_id: int, limit: int | None = None) -> list[Event]:
    """Events of one registered model, whatever it was called, newest first."""
    actors.require(actor, "read", "events")
    limit = _checked(limit, None, None, None, None)
    with registry.database.read() as tx:
        return rows.recent(tx, before=texts.INT64_MAX, limit=limit, model_ids=[model_id])


def recent_of_version(
    actor: Actor, registry: Registry, model_id: int, version: int, limit: int | None = None
) -> list[Event]:
    """Events that name one version, newest first, among the model's newest VERSION_WINDOW events."""
    actors.require(actor, "read", "events")
    limit = _checked(limit, None, None, None, None)
    with registry.database.read() as tx:
        return rows.recent_of_version(tx, model_id=model_id, version=version, limit=limit, within=VERSION_WINDOW)


@dataclass(frozen=True, slots=True)
class Subjects:
    """What of a list of events still exists.

    Attributes:
        models: the names that the models have now, by id.
        versions: pairs of model id and version number.
    """

    models: dict[int, str]
    versions: set[tuple[int, int]]


def subjects(actor: Actor, registry: Registry, found: Sequence[Event]) -> Subjects:
    """Which of the models and versions that events are about still exist, and what the models are called now."""
    actors.require(actor, "read", "events")
    model_ids = {event.model_id for event in found if event.model_id is not None}
    pairs = {
        (event.model_id, number)
        for event in found
        if event.model_id is not None
        for field in ("version", "from", "to")
        if type(number := event.payload.get(field)) is int
    }
    with registry.database.read() as tx:
        models = rows.live_names(tx, model_ids)
        return Subjects(models, rows.live_versions(tx, (pair for pair in pairs if pair[0] in models)))


def last_position(actor: Actor, registry: Registry) -> int:
    """The position of the newest event, 0 when there is none."""
    actors.require(actor, "read", "events")
    with registry.database.read() as tx:
        return rows.last_position(tx)
