"""A change: one verb's transaction, with the events it records in it."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import PermissionDenied
from modelkeep.registry.handle import Registry
from modelkeep.storage import events
from modelkeep.storage.database import Transaction


class Change:
    """`with Change(actor, registry) as change`: a write transaction whose events share one change id.

    Attributes:
        actor: who makes it.
        tx: the transaction.
        now: UTC milliseconds, the same for everything in the change.
    """

    __slots__ = ("_id", "_recorded", "_registry", "_writing", "actor", "now", "tx")

    tx: Transaction

    def __init__(self, actor: Actor, registry: Registry):
        if registry.read_only:
            raise PermissionDenied("This registry is served read-only, so nothing can be changed here.")
        self.actor = actor
        self._registry = registry
        self._id = next(registry.change_ids)
        self._recorded = False
        self.now = registry.clock()

    def __enter__(self) -> Change:
        self._writing = self._registry.database.write()
        self.tx = self._writing.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writing.__exit__(kind, error, trace)
        if error is None and self._recorded:
            self.actor.change_ids.append(self._id)

    def record(self, kind: str, model_id: int | None = None, **payload: Any) -> None:
        """Record an event of this change."""
        events.append(self.tx, self.actor, self.now, self._id, kind, model_id, payload)
        self._recorded = True
