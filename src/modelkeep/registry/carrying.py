"""What a model carries with it when it is renamed, deleted or restored: versions that hold guarded targets."""

from __future__ import annotations

from collections.abc import Iterator

from modelkeep.domain import policies, stages
from modelkeep.domain.errors import Refused
from modelkeep.domain.governance import Governance
from modelkeep.domain.models import Model
from modelkeep.domain.targets import alias_of
from modelkeep.domain.versions import Version
from modelkeep.registry import following, gates, governing, moving
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.storage import versions as version_rows


def check_rename(change: Change, model: Model, new_name: str) -> Refused | None:
    """The refusal of a new name, under which policies guard what they did not guard under the old one; or None."""
    governance = governing.current(change.tx, change.registry)
    new = Governance(
        governance.revision,
        governance.stages,
        tuple((policy, revision) for policy, revision in governance.policies if not policy.covers(model.name)),
    )
    attempts = [
        Attempt(_renamed(version, new_name), target, policies.ENTER)
        for target, version in _held(change, new, model, new_name, policies.ENTER)
    ]
    return gates.check(change, new, attempts)


def _renamed(version: Version, name: str) -> Version:
    version.name = name
    return version


def check_deletion(change: Change, model: Model) -> Refused | None:
    """The refusal of deleting a model whose versions hold targets that they may not leave; or None."""
    governance = governing.current(change.tx, change.registry)
    attempts = [
        Attempt(version, target, move)
        for move in (policies.LEAVE, policies.DELETE)
        for target, version in _held(change, governance, model, model.name, move)
    ]
    return gates.check(change, governance, attempts)


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


def _held(change: Change, governance: Governance, model: Model, name: str, move: str) -> Iterator[tuple[str, Version]]:
    """Each guarded target that some version of the model holds, with the version."""
    for target in governance.guarded_targets(name, move):
        for number in following.holders(change.tx, model.id, target):
            yield target, version_rows.get(change.tx, model.name, number)
