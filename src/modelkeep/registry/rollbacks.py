"""Rollbacks: giving a target back to the version that held it before."""

from __future__ import annotations

from typing import Any

from modelkeep.domain import actors, names, policies, targets, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid
from modelkeep.domain.governance import Governance
from modelkeep.domain.moves import Entry
from modelkeep.domain.policies import Judgement
from modelkeep.domain.stages import ARCHIVED, NONE
from modelkeep.domain.targets import alias_of
from modelkeep.domain.versions import Version
from modelkeep.registry import expecting, following, gates, governing, holders, moving
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.storage import models as model_rows
from modelkeep.storage import overrides, past
from modelkeep.storage import versions as rows

MOST_LOOKED_AT = 1000


def rollback(
    actor: Actor,
    registry: Registry,
    name: str,
    target: str,
    expected_version: str | int | None = None,
    reason: str | None = None,
) -> Version:
    """Return a target to the version that held it before the one that holds it now; again, and it goes back further.

    Versions that were deleted, and those that a rule marked `on_rollback` refuses, are passed over and named in the event.
    So are those that were forced in, or came in while the model had a name that a policy does not cover, if any rule refuses
    them: they have never passed. Who holds a stage now goes to Archived.

    Args:
        expected_version: the version that holds the target now, 0 for none; when another does, nothing is changed.
        reason: why, for the history.
    Raises:
        Invalid: there is no such target, or it is None or Archived.
        NotFound: there is no such model.
        Conflict: another version holds the target than was expected, or there is none to return to.
        Refused: a policy does not let the version that holds it now leave.
    Events: stage.changed or alias.moved, which name the promotion it returns to; or promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    texts.check_optional(reason, "reason", texts.DESCRIPTION_LIMIT)
    with Change(actor, registry) as change:
        governance = governing.current(change.tx, registry)
        checked = targets.check(target, governance.stages)
        if checked in (NONE, ARCHIVED):
            raise Invalid(
                f"The stage {checked} holds what is not in use, so there is nothing to go back to. Roll back an alias or one of "
                f"the stages {', '.join(governance.stages.active)}."
            )
        owner = model_rows.get_id(change.tx, name)
        held = holders.now(change.tx, owner, checked)
        expecting.check(expected_version, name, checked, held)
        entry, version, skipped, judgements = _choose(change, governance, owner, name, checked, held)
        if any(number != version.number for number in held) and not (
            alias_of(checked) is not None or governance.stages.allows(checked, ARCHIVED)
        ):
            raise Invalid(
                f"What is in {checked} cannot go to Archived to make room: the stages of this registry don't lead there."
            )
        refusal = gates.check(change, governance, _leaving(change, governance, name, checked, held, version))
        if refusal is None:
            said: dict[str, Any] = {"returns_to": entry.position, **gates.passed(judgements)}
            if skipped:
                said["skipped"] = skipped
            if reason:
                said["reason"] = reason
            _return(change, owner, name, checked, held, entry, version, said)
            following.follow(change, governance, owner, name)
            return rows.get(change.tx, name, version.number)
    raise refusal


def _leaving(
    change: Change, governance: Governance, name: str, target: str, held: list[int], version: Version
) -> list[Attempt]:
    """What gives way to a version that comes back, and the stage that it comes from."""
    if not governance.policies:
        return []
    is_stage = alias_of(target) is None
    attempts = []
    if is_stage and version.number not in held:
        attempts.append(Attempt(version, version.current_stage, policies.LEAVE, is_rollback=True))
    for number in held:
        if number != version.number:
            other = rows.get(change.tx, name, number)
            attempts.append(Attempt(other, target, policies.LEAVE, is_rollback=True))
            if is_stage:
                attempts.append(Attempt(other, ARCHIVED, policies.ENTER, is_rollback=True))
    return attempts


def _choose(
    change: Change, governance: Governance, owner: int, name: str, target: str, held: list[int]
) -> tuple[Entry, Version, list[dict[str, Any]], list[Judgement]]:
    """The move to return to, its version, those passed over and why, and what the policies said."""
    skipped: list[dict[str, Any]] = []
    for looked_at, entry in enumerate(following.previous(change.tx, owner, target)):
        if looked_at == MOST_LOOKED_AT:
            break
        version = rows.find(change.tx, name, entry.number)
        why = None
        judgements: list[Judgement] = []
        if version is None:
            why = "it was deleted"
        elif not _leads(governance, version.current_stage, target):
            why = f"the stages of this registry don't lead from {version.current_stage} to {target}"
        if version is not None and why is None:
            # What was forced in has never passed.
            was_forced = overrides.find(change.tx, entry.position) is not None
            under = past.name_at(change.tx, owner, entry.position) if governance.policies else None
            attempt = Attempt(version, target, policies.ENTER, not was_forced, under)
            judgements = gates.judge_all(change, governance, [attempt])
            refused = [verdict for judgement in judgements for verdict in judgement.refusals]
            if refused:
                why = "; ".join(f"{verdict.rule}: {verdict.reason}" for verdict in refused)
        if version is not None and why is None:
            return entry, version, skipped, judgements
        if entry.number not in [each["version"] for each in skipped]:
            skipped.append({"version": entry.number, "reason": why})
    said = "".join(f" Version {each['version']} was passed over: {each['reason']}." for each in skipped)
    holder = f"version {held[0]}, which holds it now" if held else "now"
    raise Conflict(
        f"There is no version of '{name}' that {target} could go back to: nothing held it before {holder}.{said}"
    )


def _leads(governance: Governance, before: str, target: str) -> bool:
    return alias_of(target) is not None or before == target or governance.stages.allows(before, target)


def _return(
    change: Change,
    owner: int,
    name: str,
    target: str,
    held: list[int],
    entry: Entry,
    version: Version,
    said: dict[str, Any],
) -> None:
    number = version.number
    alias = alias_of(target)
    if alias is not None:
        moving.alias(change, owner, name, alias, held[0] if held else None, number, "rollback", entry.below, **said)
        return
    if number in held:
        # It has been there beside the others, which now leave: the event that names the promotion is that of the last.
        for other in held:
            if other != number:
                moving.stage(change, owner, name, other, target, ARCHIVED, "rollback", **said)
        moving.note_stay(change, owner, target, number, entry.below)
        return
    for other in held:
        moving.stage(change, owner, name, other, target, ARCHIVED, f"rollback to version {number}")
    moving.stage(change, owner, name, number, version.current_stage, target, "rollback", entry.below, **said)
