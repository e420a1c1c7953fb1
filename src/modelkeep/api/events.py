"""Events on the wire: `GET /api/2.0/modelkeep/events`, a long poll."""

from __future__ import annotations

from typing import Any

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain import events
from modelkeep.domain.events import Event


class EventShape(Reply):
    """One recorded change. `recorded_timestamp` is UTC milliseconds; `sentence` is for people."""

    position: int
    recorded_timestamp: int
    actor: str
    verified: bool
    via: str
    kind: str
    schema: int
    change_id: str
    sentence: str
    payload: dict[str, Any]
    request_id: str | None = None


class EventsReply(Reply):
    """`next_after` is the position to ask after next; the same as asked when nothing came."""

    events: list[EventShape] = []
    next_after: int | None = None


def _reply(found: list[Event]) -> EventsReply:
    return EventsReply([_shape(event) for event in found], found[-1].position if found else None)


def _shape(event: Event) -> EventShape:
    return EventShape(
        position=event.position,
        recorded_timestamp=event.recorded_timestamp,
        actor=event.actor,
        verified=event.verified,
        via=event.via,
        kind=event.kind,
        schema=event.schema,
        change_id=event.change_id,
        sentence=events.sentence(event),
        payload=event.payload,
        request_id=event.request_id,
    )


class Page(Request, rename={"actor_name": "actor", "kinds": "kind", "since": "from", "until": "to"}):
    """`wait`: seconds to wait for the first event, at most 20."""

    after: Int64 | None = None
    wait: float | None = None
    limit: Int64 | None = None
    model: str | None = None
    actor_name: str | None = None
    kinds: list[str] | None = None
    since: Int64 | None = None
    until: Int64 | None = None


CALLS = (
    Call(
        "GET", "modelkeep/events", Page, "events.page", "read", "event",
        "Events after a position, oldest first; waits for the first one when asked to.", _reply, EventsReply,
        waits=True,
    ),
)  # fmt: skip
