"""What a model carries with it when it is renamed, deleted or restored: versions that hold guarded targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from modelkeep.domain import policies, stages
from modelkeep.domain.errors import Conflict, Refused
from modelkeep.domain.governance import Governance
from modelkeep.domain.models import Model
from modelkeep.domain.targets import alias_of, of_alias
from modelkeep.domain.versions import Version
from modelkeep.registry import following, gates, governing, holders, moving
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.storage import versions as version_rows


def check_rename(change: Change, model: Model, new_name: str) -> Refused | None:
    """The refusal of a new name, or None.

    What holds a target enters it for the policies that cover the new name only, and leaves it for those that cover the old
    name only.
    """
    governance = governing.current(change.tx, change.registry)
    new, old = _only(governance, new_name, model.name), _only(governance, model.name, new_name)
    entering = [
        Attempt(replace(version, name=new_name), target, policies.ENTER)
        for target, version in _held(change, new, model, new_name, policies.ENTER)
    ]
    return gates.check(change, new, entering) or gates.check(change, old, _going(change, old, model))


def _only(governance: Governance, name: str, other: str) -> Governance:
    """What governs a name and not another."""
    found = tuple(each for each in governance.policies if each[0].covers(name) and not each[0].covers(other))
    return Governance(governance.revision, governance.stages, found)


def _going(change: Change, governance: Governance, model: Model) -> list[Attempt]:
    return [
        Attempt(version, target, move)
        for move in (policies.LEAVE, policies.DELETE)
        for target, version in _held(change, governance, model, model.name, move)
    ]


def check_deletion(change: Change, model: Model) -> Refused | None:
    """The refusal of deleting a model whose versions hold targets that they may not leave; or None."""
    governance = governing.current(change.tx, change.registry)
    return gates.check(change, governance, _going(change, governance, model))


def check_pin(change: Change, version: Version) -> None:
    """Refuse to put bytes under a version that holds a guarded target: they would come there without being judged.

    Raises:
        Conflict: it holds one.
    """
    governance = governing.current(change.tx, change.registry)
    held = {version.current_stage, *(of_alias(alias) for alias in version.aliases)}
    guarded = sorted(held & set(governance.guarded_targets(version.name, policies.ENTER)))
    if guarded:
        raise Conflict(
            f"Version {version.number} of '{version.name}' holds {' and '.join(guarded)}, which a policy guards, so no files "
            "can come under it there. Move it away, pin it, and promote it again."
        )


def clear_refused(change: Change, model: Model) -> None:
    """Empty the targets of a restored model whose versions a policy would refuse today.

    Events: stage.changed, alias.moved
    """
    governance = governing.current(change.tx, change.registry)
    cause = "model restored, refused by a policy"
    for target, version in list(_held(change, governance, model, model.name, policies.ENTER)):
        attempt = Attempt(version, target, policies.ENTER)
        judgements = gates.judge_all(change, governance, [attempt])
        if all(judgement.passed for judgement in judgements):
            continue
        said = gates.passed(judgements)
        alias = alias_of(target)
        if alias is None:
            moving.stage(change, model.id, model.name, version.number, target, stages.NONE, cause, **said)
        else:
            moving.alias(change, model.id, model.name, alias, version.number, None, cause, **said)
    following.follow(change, governance, model.id, model.name)


def _held(change: Change, governance: Governance, model: Model, name: str, move: str) -> Iterator[tuple[str, Version]]:
    """Each guarded target that some version of the model holds, with the version."""
    for target in governance.guarded_targets(name, move):
        for number in holders.now(change.tx, model.id, target):
            yield target, version_rows.get(change.tx, model.name, number)
