"""Rules made of rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from modelkeep.domain.errors import Invalid
from modelkeep.domain.facts import Facts
from modelkeep.domain.rules.base import FAILED, MISSING, PASSED, Options, Outcome, Rule, Verdict
from modelkeep.domain.rules.versions import DescriptionRule, HeldRule, TagsRule


@dataclass(frozen=True)
class Several(Rule):
    rules: tuple[Rule, ...] = field(default=())

    @classmethod
    def take(cls, options: Options) -> Rule:
        given = options.take(cls.kind)
        if not isinstance(given, list) or not given:
            raise Invalid(f"{options.where}: '{cls.kind}' must be a list of rules.")
        return cls(tuple(options.rule(each, f"{cls.kind} {place}") for place, each in enumerate(given, 1)))

    def _judged(self, facts: Facts) -> list[Verdict]:
        return [rule.judge(facts) for rule in self.rules]

    def _joined(self, outcome: Outcome, verdicts: list[Verdict]) -> Verdict:
        reason = "; ".join(f"{each.rule}: {each.reason}" for each in verdicts)
        used = tuple(dict.fromkeys(number for each in verdicts for number in each.evidence))
        return Verdict(self.words, outcome, reason, None, used)


@dataclass(frozen=True)
class AllRule(Several):
    """Every one of some rules passes; of use inside `any` and `not`."""

    kind = "all"
    example = "all: [{pinned: true}, {tags: [owner]}]"

    @cached_property
    def words(self) -> str:
        return " and ".join(f"({rule.words})" for rule in self.rules)

    def judge(self, facts: Facts) -> Verdict:
        verdicts = self._judged(facts)
        bad = [each for each in verdicts if each.outcome != PASSED]
        outcome: Outcome = FAILED if any(each.outcome == FAILED for each in bad) else MISSING
        return self._joined(outcome, bad) if bad else self._joined(PASSED, verdicts)


@dataclass(frozen=True)
class AnyRule(Several):
    """At least one of some rules passes."""

    kind = "any"
    example = "any: [{metric: auc, at_least: 0.9}, {evidence: manual-review}]"

    @cached_property
    def words(self) -> str:
        return " or ".join(f"({rule.words})" for rule in self.rules)

    def judge(self, facts: Facts) -> Verdict:
        verdicts = self._judged(facts)
        good = [each for each in verdicts if each.outcome == PASSED]
        if good:
            return self._joined(PASSED, good[:1])
        outcome: Outcome = MISSING if any(each.outcome == MISSING for each in verdicts) else FAILED
        return self._joined(outcome, verdicts)


@dataclass(frozen=True)
class NotRule(Rule):
    """A rule fails. Where there is nothing to judge the inner rule by, this one is missing its facts too."""

    kind = "not"
    example = 'not: {tags: {experimental: "yes"}}'

    rule: Rule

    @classmethod
    def take(cls, options: Options) -> NotRule:
        return cls(options.rule(options.take("not"), "not"))

    @cached_property
    def words(self) -> str:
        return f"not ({self.rule.words})"

    def judge(self, facts: Facts) -> Verdict:
        inner = self.rule.judge(facts)
        # A tag that is not there is a fact, not a lack of evidence.
        absent = inner.outcome == MISSING and isinstance(self.rule, (TagsRule, DescriptionRule, HeldRule))
        outcome: Outcome = (
            FAILED if inner.outcome == PASSED else PASSED if inner.outcome == FAILED or absent else MISSING
        )
        return Verdict(self.words, outcome, inner.reason, inner.measured, inner.evidence)
