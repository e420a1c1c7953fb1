"""Stages: which a registry has, and which may follow which."""

from __future__ import annotations

from typing import Any

from modelkeep.domain import actors, policies
from modelkeep.domain import stages as domain
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid
from modelkeep.domain.governance import Revision
from modelkeep.domain.policies import Policy
from modelkeep.domain.stages import Stages
from modelkeep.registry import governing
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import policies as rows
from modelkeep.storage import versions as version_rows


def get(actor: Actor, registry: Registry) -> Stages:
    """The stages there are, and which may follow which."""
    actors.require(actor, "read", "the stages")
    with registry.database.read() as tx:
        return governing.stages_of(tx, registry)


def configure(
    actor: Actor,
    registry: Registry,
    stages: list[str] | None = None,
    transitions: dict[str, list[str]] | None = None,
) -> Stages:
    """Set the stages of the registry, MLflow's four among them, and which may follow which.

    Args:
        stages: their names in order; the four when it is left out.
        transitions: the stages that may follow a stage; a stage that is left out may be followed by any.
    Raises:
        Invalid: a name cannot be a stage's, or one of the four is missing.
        Conflict: a stage that would go is held by a version, or named by a policy.
    Events: stages.configured
    """
    actors.require(actor, "govern", "the stages of the registry")
    document: dict[str, Any] = {"transitions": transitions or {}}
    if stages is not None:
        document["stages"] = stages
    made = domain.parse(document)
    with Change(actor, registry) as change:
        governance = governing.current(change.tx, registry)
        if made == governance.stages:
            return made
        for gone in [name for name in governance.stages.names if name not in made.names]:
            if (held := version_rows.any_in_stage(change.tx, gone)) is not None:
                raise Conflict(
                    f"The stage {gone} is held by version {held[1]} of '{held[0]}'. Move what is in it before it goes."
                )
        current = {policy.name: policy for policy, _ in governance.policies}
        for each in rows.applied(change.tx):
            _check_still_means(each, current[each.name], made)
        rows.set_stages(change.tx, change.id, made.document)
        change.record("stages.configured", **made.document)
        return made


def _check_still_means(applied: Revision, policy: Policy, made: Stages) -> None:
    """Refuse stages under which an applied policy would be wrong, or be about something else."""
    try:
        if policies.parse(applied.document, made) == policy:
            return
        why = "one of its words would be read as a stage, or no longer as one."
    except Invalid as error:
        why = error.message
    raise Conflict(f"The policy '{applied.name}' needs stages as they are: {why} Change the policy first.")
