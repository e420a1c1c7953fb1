"""Promotions: moving versions to targets, past the gates that guard them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from modelkeep.domain import actors, names, policies, targets, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, PermissionDenied, Refused
from modelkeep.domain.governance import Governance
from modelkeep.domain.moves import Wanted
from modelkeep.domain.policies import Explanation, Judgement
from modelkeep.domain.stages import ARCHIVED, NONE, Stages
from modelkeep.domain.targets import alias_of
from modelkeep.domain.versions import Version
from modelkeep.registry import expecting, following, gates, governing, holders, moving
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.storage import overrides
from modelkeep.storage import versions as rows
from modelkeep.storage.database import Transaction

MOST_MOVES = 100


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
        Invalid: there is no such stage, archiving was asked for None or Archived, or the stages do not follow each other.
        NotFound: there is no such version.
        Refused: a policy that guards the stage, or the one it leaves, does not let it pass.
    Events: stage.changed for each version that moved, all under one change id; or promotion.refused
    """
    if texts.required(stage, "stage").startswith("@"):
        raise Invalid(f"'{stage}' is an alias and not a stage. Point the alias at the version instead.")
    wanted = Wanted(name, version, stage, archive_existing_versions)
    return _promote(actor, registry, [wanted], "transition")[0]


def promote(
    actor: Actor,
    registry: Registry,
    name: str,
    version: str | int,
    target: str,
    archive_existing_versions: bool | None = None,
    expected_version: str | int | None = None,
    reason: str | None = None,
    force: bool | None = None,
) -> Version:
    """Move a version to a target, a stage such as `Production` or an alias such as `@champion`.

    Args:
        archive_existing_versions: move every other version of the stage to Archived; done unless it is False.
        expected_version: the version that holds the target now, 0 for none; when another does, nothing is changed.
        reason: why, for the history.
        force: promote although a policy refuses it. Needs a reason, and a person with the permission to override who has
            proved who they are; it stays open until `close_override`.
    Raises:
        Invalid: there is no such target, or the stages do not follow each other.
        NotFound: there is no such version.
        Conflict: another version holds the target than was expected.
        Refused: a policy does not let it pass.
        PermissionDenied: the actor may not force it.
    Events: stage.changed or alias.moved for everything that moved, all under one change id; or promotion.refused
    """
    wanted = Wanted(name, version, target, archive_existing_versions, expected_version)
    return _promote(actor, registry, [wanted], "promotion", reason, bool(force), archives=True)[0]


def promote_all(
    actor: Actor, registry: Registry, moves: list[Wanted] | None = None, reason: str | None = None
) -> list[Version]:
    """Promote several versions, all of them or none: each is judged against the state before any moves.

    Args:
        moves: 1 to 100, no two into the same target of a model.
    Raises:
        as `promote`; a refusal names every rule that any of them failed.
    Events: as `promote`
    """
    actors.require(actor, "write", "registered models")
    if not isinstance(moves, list) or not all(isinstance(each, Wanted) for each in moves):
        raise Invalid(f"Parameter 'moves' must be a list of promotions, got {texts.shown(moves)}.")
    if not 1 <= len(moves) <= MOST_MOVES:
        raise Invalid(f"Parameter 'moves' must be 1 to {MOST_MOVES} promotions, got {len(moves)}.")
    return _promote(actor, registry, moves, "promotion", reason, archives=True)


def point(actor: Actor, registry: Registry, name: str, version: int, alias: str) -> None:
    """Point an alias at a version; `aliases.point` says the rest."""
    _promote(actor, registry, [Wanted(name, version, targets.of_alias(alias))], "alias set")


@dataclass(frozen=True, slots=True)
class _Planned:
    """A promotion that is allowed by everything but the policies: `displaced` are the versions that give way."""

    version: Version
    target: str
    holders: list[int]
    displaced: list[int]

    @property
    def is_there(self) -> bool:
        return self.version.number in self.holders


def _promote(
    actor: Actor,
    registry: Registry,
    moves: list[Wanted],
    cause: str,
    reason: str | None = None,
    force: bool = False,
    archives: bool = False,
) -> list[Version]:
    for wanted in moves:
        actors.require(actor, "write", f"registered model '{wanted.name}'")
        names.check_model_name(wanted.name)
        names.check_version(wanted.version)
    texts.check_optional(reason, "reason", texts.DESCRIPTION_LIMIT)
    if force:
        _check_override(actor, reason)
    refusal: Refused | None = None
    with Change(actor, registry) as change:
        governance = governing.current(change.tx, registry)
        planned = [_plan(change.tx, governance.stages, wanted, archives) for wanted in moves]
        if len(planned) > 1:
            planned = _apart(planned)
        for one in planned:
            _check_transitions(governance.stages, one)
        attempts = [each for one in planned for each in _attempts(change.tx, governance, one)]
        judgements = gates.judge_all(change, governance, attempts)
        refused = not all(judgement.passed for judgement in judgements)
        if refused and not force:
            refusal = gates.refuse(change, attempts, judgements)
        else:
            for one in planned:
                _apply(change, one, cause, reason, _about(one, judgements), refused)
            owners = {one.version.model_id: one.version.name for one in planned}
            followed = [following.follow(change, governance, owner, name) for owner, name in owners.items()]
            if len(planned) > 1 or any(followed):
                return [rows.get(change.tx, one.version.name, one.version.number) for one in planned]
            return [planned[0].version]
    assert refusal is not None
    raise refusal


def _about(one: _Planned, judgements: list[Judgement]) -> list[Judgement]:
    key = (one.version.name, one.version.number, one.target)
    return [each for each in judgements if (each.model, each.version, each.target) == key]


def _check_override(actor: Actor, reason: str | None) -> None:
    actors.require(actor, "override", "a policy that refuses a promotion")
    if not actor.verified:
        raise PermissionDenied(
            "Forcing a promotion needs a person who has proved who they are, and nobody has here. Run the server with "
            "--auth and make a token with the role admin: `modelkeep tokens create`."
        )
    if not reason or not reason.strip():
        raise Invalid("Forcing a promotion needs a 'reason', which stays in the history.")


def _plan(tx: Transaction, stages: Stages, wanted: Wanted, archives: bool) -> _Planned:
    target = targets.check(wanted.target, stages)
    alias = alias_of(target)
    archive = wanted.archive_existing_versions
    if alias is None and archive and target in (NONE, ARCHIVED):
        raise Invalid(_not_active(stages, target))
    version = rows.get(tx, str(wanted.name), names.check_version(wanted.version))
    if alias is not None:
        held = holders.now(tx, version.model_id, target)
        displaced = [number for number in held if number != version.number]
    else:
        if archive is None:
            archive = archives and target not in (NONE, ARCHIVED)
        held = []
        if archive or wanted.expected_version is not None:
            held = holders.now(tx, version.model_id, target)
        elif version.current_stage == target:
            held = [version.number]
        displaced = [number for number in reversed(held) if number != version.number] if archive else []
    expecting.check(wanted.expected_version, version.name, target, held)
    return _Planned(version, target, held, displaced)


def _not_active(stages: Stages, stage: str) -> str:
    return (
        f"Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. "
        f"Valid stages are {', '.join(stages.active)}."
    )


def _check_transitions(stages: Stages, one: _Planned) -> None:
    version, target = one.version, one.target
    if alias_of(target) is not None:
        return
    if version.current_stage != target and not stages.allows(version.current_stage, target):
        raise Invalid(
            f"Version {version.number} of '{version.name}' is in {version.current_stage}, from where the stages of this "
            f"registry lead to {', '.join(stages.transitions[version.current_stage]) or 'nowhere'}, not to {target}."
        )
    if one.displaced and not stages.allows(target, ARCHIVED):
        raise Invalid(
            f"The versions in {target} cannot be archived to make room: from there the stages of this registry lead to "
            f"{', '.join(stages.transitions[target]) or 'nowhere'}. Move them first, or don't archive."
        )


def _apart(planned: list[_Planned]) -> list[_Planned]:
    """The same promotions, when no two of them are about the same; none displaces what another one moves away."""
    seen: set[tuple[int, str]] = set()
    stages: set[tuple[int, int]] = set()
    for one in planned:
        key = (one.version.model_id, one.target)
        version = (one.version.model_id, one.version.number)
        if key in seen or (alias_of(one.target) is None and version in stages):
            raise Invalid(
                f"Two of the promotions move '{one.version.name}' to {one.target}, or its version {one.version.number} to "
                "two stages. Ask for each once."
            )
        seen.add(key)
        if alias_of(one.target) is None:
            stages.add(version)
    return [
        one
        if alias_of(one.target) is not None
        else replace(
            one, displaced=[number for number in one.displaced if (one.version.model_id, number) not in stages]
        )
        for one in planned
    ]


def _attempts(tx: Transaction, governance: Governance, one: _Planned) -> Iterator[Attempt]:
    if not governance.policies:
        return
    version, target = one.version, one.target
    is_stage = alias_of(target) is None
    if not one.is_there:
        # Of a stage only those are known that the promotion itself depends on.
        yield Attempt(version, target, policies.ENTER, held=None if is_stage else one.holders)
        if is_stage:
            yield Attempt(version, version.current_stage, policies.LEAVE)
    if not one.displaced:
        return
    giving_way = [(target, policies.LEAVE)]
    if is_stage:
        giving_way.append((ARCHIVED, policies.ENTER))
    if any(governance.guarding(version.name, *move) for move in giving_way):
        for number in one.displaced:
            other = rows.get(tx, version.name, number)
            yield from (Attempt(other, *move) for move in giving_way)


def _apply(
    change: Change,
    one: _Planned,
    cause: str,
    reason: str | None,
    judgements: list[Judgement],
    forced: bool,
) -> None:
    version, target = one.version, one.target
    owner, name, number = version.model_id, version.name, version.number
    said: dict[str, Any] = {"reason": reason} if reason else {}
    if forced:
        said["forced"] = True
    alias = alias_of(target)
    if alias is None:
        for other in one.displaced:
            moving.stage(change, owner, name, other, target, ARCHIVED, f"version {number} took its place", **said)
    said |= gates.passed(judgements)
    if one.is_there:
        if alias is not None or not one.displaced:
            return
        moving.note_stay(change, owner, target, number)
    elif alias is None:
        moving.stage(change, owner, name, number, version.current_stage, target, cause, **said)
        version.current_stage = target
        version.last_updated_timestamp = version.promoted_timestamp = change.now
    else:
        before = one.holders[0] if one.holders else None
        moving.alias(change, owner, name, alias, before, number, cause, **said)
        version.aliases = sorted({*version.aliases, alias})
    if forced:
        overrides.insert(change.tx, owner, target, number, str(reason), change.actor.name)


def explain(
    actor: Actor,
    registry: Registry,
    name: str,
    version: str | int,
    target: str,
    archive_existing_versions: bool | None = None,
) -> Explanation:
    """What each rule says of a promotion, without trying it.

    Raises:
        Invalid: there is no such target.
        NotFound: there is no such version.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with registry.database.read() as tx:
        governance = governing.current(tx, registry)
        checked = targets.check(target, governance.stages)
        problem = None
        if archive_existing_versions and checked in (NONE, ARCHIVED):
            problem = _not_active(governance.stages, checked)
            archive_existing_versions = None
        planned = _plan(tx, governance.stages, Wanted(name, number, checked, archive_existing_versions), archives=True)
        try:
            _check_transitions(governance.stages, planned)
        except Invalid as error:
            problem = error.message
        attempts = list(_attempts(tx, governance, planned))
        now = registry.clock()
        judgements = [each for attempt in attempts for each in gates.judge(tx, registry, governance, attempt, now)]
        refused = [each for each in judgements if not each.passed]
        told = gates.message(attempts, refused) or problem or f"Version {number} of '{name}' may enter {checked}."
        return Explanation(number, checked, not refused and problem is None, problem, told, judgements)
