"""Gates: the policies that guard a target, asked inside the transaction that would move a version.

A verb that moves something collects what it is about to do as attempts and asks `check`. A refusal is a value: the verb
changes nothing, the refusal is recorded and committed, and only then does the verb raise it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelkeep.domain import policies
from modelkeep.domain.errors import Refused
from modelkeep.domain.governance import Governance
from modelkeep.domain.policies import Judgement, Policy
from modelkeep.domain.rules.base import Verdict
from modelkeep.domain.versions import Version
from modelkeep.registry.cases import Case
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage.database import Transaction


@dataclass(frozen=True, slots=True)
class Attempt:
    """A version on its way.

    Attributes:
        version: as its row says.
        target: canonical.
        move: one of `domain.policies.MOVES`.
        is_rollback: only the rules that are marked so judge it.
        under: for a rollback the model's name when the version entered; policies that did not cover that name have never
            judged it, so every rule of theirs does.
        held: who holds the target now, the newest number first, when that is known already.
    """

    version: Version
    target: str
    move: str
    is_rollback: bool = False
    under: str | None = None
    held: list[int] | None = None


def judge(
    tx: Transaction,
    registry: Registry,
    governance: Governance,
    attempt: Attempt,
    now: int,
    *,
    keep: bool = False,
) -> list[Judgement]:
    """What each policy that guards the target says of an attempt. Nothing is changed."""
    guarding = governance.guarding(attempt.version.name, attempt.target, attempt.move)
    if not guarding:
        return []
    case = Case(tx, registry, attempt.version, attempt.target, now, held=attempt.held, keep=keep)
    return [
        policies.judge(policy, revision, attempt.version.name, case, attempt.move, _is_eased(attempt, policy))
        for policy, revision in guarding
    ]


def _is_eased(attempt: Attempt, policy: Policy) -> bool:
    return attempt.is_rollback and (attempt.under is None or policy.covers(attempt.under))


def judge_all(change: Change, governance: Governance, attempts: Iterable[Attempt]) -> list[Judgement]:
    """What the policies say of several attempts, all judged against the state before any of them."""
    if not governance.policies:
        return []
    return [
        judgement
        for attempt in attempts
        for judgement in judge(change.tx, change.registry, governance, attempt, change.now, keep=True)
    ]


def check(change: Change, governance: Governance, attempts: Iterable[Attempt]) -> Refused | None:
    """The refusal of some attempts, which is recorded; None when every policy lets them pass."""
    if not governance.policies:
        return None
    listed = list(attempts)
    return refuse(change, listed, judge_all(change, governance, listed))


def refuse(change: Change, attempts: list[Attempt], judgements: list[Judgement]) -> Refused | None:
    """Record what was refused, an event for each version and target, and make the error of all of it."""
    refused = [judgement for judgement in judgements if not judgement.passed]
    if not refused:
        return None
    for attempt in attempts:
        own = [each for each in refused if _is_of(each, attempt)]
        if own:
            change.record(
                "promotion.refused",
                attempt.version.model_id,
                model=attempt.version.name,
                version=attempt.version.number,
                target=attempt.target,
                move=attempt.move,
                refusals=[_refusal(each, verdict) for each in own for verdict in each.refusals],
            )
    told = [
        {
            **_refusal(each, verdict),
            "model": each.model,
            "version": str(each.version),
            "target": each.target,
            "move": each.move,
        }
        for each in refused
        for verdict in each.refusals
    ]
    return Refused(message(attempts, refused), told)


def _refusal(judgement: Judgement, verdict: Verdict) -> dict[str, Any]:
    return {
        "policy": judgement.policy,
        "revision": judgement.revision,
        "rule": verdict.rule,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
    }


def _is_of(judgement: Judgement, attempt: Attempt) -> bool:
    return (judgement.model, judgement.version, judgement.target, judgement.move) == (
        attempt.version.name,
        attempt.version.number,
        attempt.target,
        attempt.move,
    )


_WORDS = {policies.ENTER: "may not enter", policies.LEAVE: "may not leave", policies.DELETE: "may not be deleted from"}


def message(attempts: list[Attempt], refused: list[Judgement]) -> str:
    """What a caller reads: for each version and target, each rule that failed, with the value, the bound or what is missing."""
    parts: list[str] = []
    for attempt in attempts:
        own = [each for each in refused if _is_of(each, attempt)]
        if not own:
            continue
        version = attempt.version
        lines = [f"Version {version.number} of '{version.name}' {_WORDS[attempt.move]} {attempt.target}:"]
        lines += [
            f"- policy '{each.policy}'{'' if each.revision is None else f' (revision {each.revision})'}, "
            f"{verdict.rule}: {verdict.reason}."
            for each in own
            for verdict in each.refusals
        ]
        parts += dict.fromkeys(lines)
    return "\n".join(parts)


def passed(judgements: list[Judgement]) -> dict[str, Any]:
    """What an event of a move says of the policies that let it pass; nothing when none judged it."""
    if not judgements:
        return {}
    return {
        "policies": [{"policy": each.policy, "revision": each.revision, "passed": each.passed} for each in judgements],
        "evidence": sorted({number for each in judgements for verdict in each.verdicts for number in verdict.evidence}),
    }
