"""Rules about the format of the model: its signature, and whether loading it runs code."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from modelkeep.domain import formats
from modelkeep.domain.facts import Facts
from modelkeep.domain.rules.base import FAILED, MISSING, PASSED, FlagRule, Options, Rule, Verdict


@dataclass(frozen=True)
class SignatureRule(Rule):
    """The signature fits that of the version it replaces: `same`, or `compatible`, which lets it accept more than before.

    `present` only asks for a signature. A version that replaces none, or one without a signature, needs only to have one.
    """

    kind = "signature"
    example = "signature: compatible"
    on_rollback_default = True

    level: str

    @classmethod
    def take(cls, options: Options) -> SignatureRule:
        return cls(options.one_of("signature", ("present", "same", "compatible")))

    @cached_property
    def words(self) -> str:
        if self.level == "present":
            return "a signature"
        return f"a signature {'the same as' if self.level == 'same' else 'compatible with'} that of the version it replaces"

    def judge(self, facts: Facts) -> Verdict:
        mine = facts.format(facts.number)
        if mine is None or mine.signature is None:
            return self.verdict(MISSING, "the model has no signature: log it with one, or with an input example")
        if self.level == "present":
            return self.verdict(PASSED, "it has one")
        if facts.holder is None:
            return self.verdict(PASSED, f"nobody holds {facts.target}, so it replaces none")
        theirs = facts.format(facts.holder)
        if theirs is None or theirs.signature is None:
            return self.verdict(PASSED, f"version {facts.holder}, which it replaces, has no signature")
        change, why = formats.compare(theirs.signature, mine.signature)
        passed = change == "same" or (change == "widening" and self.level == "compatible")
        return self.verdict(passed, f"against version {facts.holder}: {why}")


@dataclass(frozen=True)
class CodeRule(FlagRule):
    """Loading the model runs no code that came with it: its files are data, and not a pickle or a script."""

    kind = "runs_no_code"
    example = "runs_no_code: true"
    on_rollback_default = True

    @cached_property
    def words(self) -> str:
        return "a format that runs no code"

    def judge(self, facts: Facts) -> Verdict:
        found = facts.format(facts.number)
        if found is None:
            return self.verdict(MISSING, "it has no MLmodel file that tells its format")
        if found.runs_code is not None:
            return self.verdict(FAILED, f"{found.runs_code}. Save it in a safe format, such as skops")
        return self.verdict(PASSED, f"its flavors are {', '.join(found.flavors)}")
