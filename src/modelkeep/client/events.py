"""Events: what changed, in order. MLflow has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import Event, PagedList, event

if TYPE_CHECKING:
    from modelkeep.client.client import Client

_LONGEST_WAIT = 20.0


def page(
    client: Client,
    after: int = 0,
    *,
    limit: int | None = None,
    wait: float = 0.0,
    model: str | None = None,
    actor: str | None = None,
    kinds: list[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> PagedList[Event]:
    """Events after a position, oldest first. The list's `token` is the position to ask after next.

    Args:
        wait: seconds to wait for the first event, at most 20.
        kinds: such as `version.registered`, or `version` for all of its kinds.
        since, until: UTC milliseconds, inclusive.
    """
    reply = client.call(
        "events.page",
        after=after,
        limit=limit,
        wait=wait or None,
        model=model,
        actor_name=actor,
        kinds=kinds,
        since=since,
        until=until,
    )
    return PagedList([event(shape) for shape in reply.events], str(reply.next_after or after))


def follow(client: Client, after: int = 0, **chosen: Any) -> Iterator[Event]:
    """Every event after a position and every one to come, for as long as the caller goes on asking.

    Args:
        chosen: `model`, `actor` and `kinds`, as `events` takes them.
    """
    while True:
        found = page(client, after, wait=_LONGEST_WAIT, **chosen)
        yield from found
        after = int(found.token or after)
