"""Promotions: moving a version to a target."""

from __future__ import annotations

from modelkeep.domain import actors, names, stages
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.domain.versions import Version
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import versions as rows


def transition(
    actor: Actor,
    registry: Registry,
    name: str,
    version: str | int,
    stage: str,
    archive_existing_versions: bool | None = None,
) -> Version:
    """Move a version to a stage; with `archive_existing_versions` every other version in it goes to Archived.

    Raises:
        Invalid: there is no such stage, or archiving was asked for a stage other than Staging and Production.
        NotFound: there is no such version.
    Events: stage.changed for each version that moved, all under one change id
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    target = stages.canonical(stage)
    if archive_existing_versions and target in (stages.NONE, stages.ARCHIVED):
        raise Invalid(
            f"Model version transition cannot archive existing model versions because '{target}' is not an Active "
            "stage. Valid stages are Staging, Production."
        )
    with Change(actor, registry) as change:
        found = rows.get(change.tx, name, number)
        if archive_existing_versions:
            for other in rows.numbers_in_stage(change.tx, found.model_id, target):
                if other != number:
                    move(
                        change, found.model_id, name, other, target, stages.ARCHIVED, f"version {number} took its place"
                    )
        if found.current_stage == target:
            return found
        move(change, found.model_id, name, number, found.current_stage, target, "transition")
        found.current_stage = target
        found.last_updated_timestamp = found.promoted_timestamp = change.now
        return found


def move(change: Change, owner: int, name: str, number: int, before: str, after: str, cause: str) -> None:
    """Move a version to a stage and record it; the one place where a stage changes."""
    rows.move(change.tx, owner, number, change.now, after)
    change.record(
        "stage.changed",
        owner,
        **{"model": name, "version": number, "from": before, "to": after, "cause": cause},
    )
