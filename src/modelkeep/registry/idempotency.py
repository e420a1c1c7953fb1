"""Doing a create once, however often the client has to ask."""

from __future__ import annotations

from collections.abc import Callable

from modelkeep.domain import actors, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import idempotency as rows

KEPT_MILLISECONDS = 24 * 60 * 60 * 1000


def once(actor: Actor, registry: Registry, key: str, fingerprint: str, work: Callable[[], bytes]) -> bytes:
    """The reply of `work`, which is called only if this actor did not use the key within 24 hours.

    Args:
        key: the caller's Idempotency-Key, at most 255 characters.
        fingerprint: of the request; a repeated key must come with the same one.
        work: calls the verb and returns the encoded reply.
    Raises:
        Conflict: the key was used for another request.
    """
    actors.require(actor, "write", "anything here")
    texts.required(key, "Idempotency-Key", 255)
    with Change(actor, registry) as change:
        rows.delete_before(change.tx, change.now - KEPT_MILLISECONDS)
        known = rows.find(change.tx, actor.name, key)
        if known is not None:
            if known[0] != fingerprint:
                raise Conflict(f"The Idempotency-Key '{key}' was already used for another request. Use a new key.")
            actor.change_ids.append(known[2])
            return known[1]
        reply = work()
        change_id = actor.change_ids[-1] if actor.change_ids else ""
        rows.insert(change.tx, actor.name, key, fingerprint, reply, change_id, change.now)
        return reply
