"""Back-tests: a policy tried on the promotions of the past, with the evidence that there was at the time."""

from __future__ import annotations

from typing import Any

from modelkeep.domain import actors, backtests, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.backtests import Trial
from modelkeep.domain.moves import Entry
from modelkeep.domain.policies import Policy
from modelkeep.domain.rules.base import FAILED, MISSING, PASSED, Rule
from modelkeep.domain.rules.combined import NotRule, Several
from modelkeep.domain.rules.versions import DescriptionRule, IntactRule, TagsRule
from modelkeep.domain.versions import Version
from modelkeep.registry import holders
from modelkeep.registry.cases import Case
from modelkeep.registry.handle import Registry
from modelkeep.registry.policies import lint
from modelkeep.storage import moves as rows
from modelkeep.storage import past
from modelkeep.storage.database import Transaction

DEFAULT_LIMIT = 100
LIMIT = 1000


def run(
    actor: Actor, registry: Registry, document: dict[str, Any] | None = None, limit: int | None = None
) -> list[Trial]:
    """What a policy would have said of the last promotions into its targets, the newest first. Nothing is changed.

    Evidence counts when it had been recorded by then. Tags, descriptions and damage are known as they are today only, so of
    rules about them nobody can tell. A rollback is tried by the rules that are marked for it.

    Args:
        document: the policy.
        limit: how many promotions, 1 to 1,000, by default 100.
    Raises:
        Invalid: what is wrong with the policy.
    """
    actors.require(actor, "read", "policies")
    size = DEFAULT_LIMIT if limit is None else texts.integer(limit, "limit", 1, LIMIT)
    policy = lint(actor, registry, document)
    found: list[Trial] = []
    with registry.database.read() as tx:
        before = texts.INT64_MAX
        while len(found) < size:
            entries = rows.recent_entries(tx, list(policy.targets), before, size)
            for model_id, model, target, is_rollback, entry in entries:
                if policy.covers(model) and len(found) < size:
                    case = _PastCase(tx, registry, past.version(tx, model_id, entry.number), target, entry)
                    found.append(_try(policy, model, case, entry, is_rollback))
            if len(entries) < size:
                break
            before = entries[-1][-1].position
    return found


class _PastCase(Case):
    """The facts as they were right before a promotion."""

    def __init__(self, tx: Transaction, registry: Registry, version: Version, target: str, entry: Entry):
        super().__init__(tx, registry, version, target, entry.timestamp, until=entry.timestamp)
        self._position = entry.position

    def _held(self, target: str) -> list[int]:
        return holders.at(self._tx, self._version.model_id, target, self._position - 1)


def _try(policy: Policy, model: str, case: _PastCase, entry: Entry, is_rollback: bool) -> Trial:
    refusals, unknown = [], []
    if not policy.allow_unpinned and not case.is_pinned:
        refusals.append("pinned to its files: it has no files here")
    for guard in policy.guards:
        if is_rollback and not guard.on_rollback:
            continue
        verdict = guard.rule.judge(case)
        if _is_of_today(guard.rule):
            unknown.append(f"{verdict.rule}: only today's answer is known")
        elif verdict.outcome in (FAILED, MISSING):
            refusals.append(f"{verdict.rule}: {verdict.reason}")
        else:
            assert verdict.outcome == PASSED
    outcome: backtests.Outcome = backtests.WOULD_PASS
    if refusals or unknown:
        outcome = backtests.WOULD_REFUSE if refusals else backtests.CANNOT_TELL
    return Trial(model, case.number, case.target, entry.position, entry.timestamp, outcome, tuple(refusals or unknown))


def _is_of_today(rule: Rule) -> bool:
    if isinstance(rule, Several):
        return any(_is_of_today(each) for each in rule.rules)
    if isinstance(rule, NotRule):
        return _is_of_today(rule.rule)
    return isinstance(rule, (TagsRule, DescriptionRule, IntactRule))
