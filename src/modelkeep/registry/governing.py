"""Governance as a verb needs it: what is applied now, parsed once for each change of it."""

from __future__ import annotations

from modelkeep.domain import policies, stages
from modelkeep.domain.governance import Governance
from modelkeep.domain.stages import Stages
from modelkeep.registry.handle import Registry
from modelkeep.storage import policies as rows
from modelkeep.storage.database import Transaction


def current(tx: Transaction, registry: Registry) -> Governance:
    """The policies and stages that count in a transaction."""
    revision = rows.revision(tx)
    known = registry.governance
    if known.revision == revision:
        return known
    document = rows.stages(tx)
    found = stages.DEFAULT if document is None else stages.parse(document)
    applied = tuple((policies.parse(each.document, found), each.revision) for each in rows.applied(tx))
    # Also when this transaction is undone: no other change has the same id.
    made = registry.governance = Governance(revision, found, applied)
    return made


def canonical_stage(tx: Transaction, stage: object) -> str:
    """The spelling of a stage. Most are those that every registry has, and need no look at what this one has.

    Raises:
        Invalid: there is no such stage.
    """
    return stages.find(stage) or stages.parse(rows.stages(tx) or {}).canonical(stage)


def stages_of(tx: Transaction, registry: Registry) -> Stages:
    """The stages there are."""
    return current(tx, registry).stages
