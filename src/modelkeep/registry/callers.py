"""Who calls: for programs and people that want to know before they begin."""

from __future__ import annotations

from modelkeep.domain import actors
from modelkeep.domain.actors import Actor, Caller
from modelkeep.registry.handle import Registry
from modelkeep.version import VERSION


def describe(actor: Actor, registry: Registry) -> Caller:
    """Whom the registry takes the caller for, and what it is itself."""
    actors.require(actor, "read", "who calls")
    return Caller(actor.name, actor.role, actor.verified, VERSION, registry.clock())
