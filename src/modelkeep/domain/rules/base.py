"""What every rule is, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Literal

from modelkeep.domain import targets, texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.evidence import Fact
from modelkeep.domain.facts import Facts
from modelkeep.domain.stages import Stages
from modelkeep.domain.texts import shown

Outcome = Literal["passed", "failed", "missing"]
PASSED: Final = "passed"
FAILED: Final = "failed"
MISSING: Final = "missing"


@dataclass(slots=True)  # not frozen: that makes each four times as slow to create, and a promotion has many
class Verdict:
    """What a rule said.

    Attributes:
        rule: the rule in words.
        outcome: `passed`; `failed`: the facts are against it; `missing`: there is nothing to judge it by.
        reason: a sentence with the value, the bound, or what is missing.
        measured: the value judged, if it is one.
        evidence: the ids of the evidence it relied on.
    """

    rule: str
    outcome: Outcome
    reason: str
    measured: float | None = None
    evidence: tuple[int, ...] = ()


class Rule:
    """The parent of rules.

    Attributes:
        kind: the key that a rule of this kind begins with.
        options: what else it may say.
        example: a rule of this kind, as a policy writes it.
        on_rollback_default: whether it is judged on a rollback when it does not say so itself.
    """

    kind: ClassVar[str]
    options: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str]
    on_rollback_default: ClassVar[bool] = False

    @classmethod
    def take(cls, options: Options) -> Rule:
        """The rule that the options describe."""
        raise NotImplementedError

    @cached_property
    def words(self) -> str:
        """The rule as a person would say it."""
        raise NotImplementedError

    def judge(self, facts: Facts) -> Verdict:
        """What the facts say."""
        raise NotImplementedError

    def verdict(self, outcome: Outcome | bool, reason: str, *found: Fact, measured: float | None = None) -> Verdict:
        if isinstance(outcome, bool):
            outcome = PASSED if outcome else FAILED
        return Verdict(self.words, outcome, reason, measured, tuple([each.id for each in found]))


class FlagRule(Rule):
    """The parent of rules that say nothing but `true`."""

    @classmethod
    def take(cls, options: Options) -> Rule:
        options.must_be_true(cls.kind)
        return cls()


def figure(value: float) -> str:
    """A number as a sentence shows it: exact enough to see which side of a bound it is on."""
    return f"{value:.12g}"


Parse = Callable[[object, str, Stages], Rule]


class Options:
    """The keys of a rule's mapping, each taken once; what is left over is refused.

    A key without a value is refused at once: half a rule must not be read as one that demands less.
    """

    def __init__(self, given: dict[str, Any], where: str, parse: Parse, stages: Stages):
        self._left = dict(given)
        self.where = where
        self._parse = parse
        self._stages = stages
        for key, value in given.items():
            if value is None:
                raise Invalid(f"{where}: '{key}' has no value. Write one, or leave the key out.")

    def rule(self, given: object, where: str) -> Rule:
        """A rule inside this one."""
        return self._parse(given, f"{self.where}, {where}", self._stages)

    def target(self, key: str, or_word: str | None = None) -> str | None:
        """A target in its canonical form, None when the key is not there; a word may stand for something else."""
        value = self.take(key)
        if value is None or value == or_word:
            return value
        try:
            return targets.check(value, self._stages)
        except Invalid as error:
            raise Invalid(f"{self.where}: '{key}': {error.message} An alias is written \"@champion\".") from None

    def take(self, key: str, default: Any = None) -> Any:
        """The value of a key, which is not left over then."""
        return self._left.pop(key, default)

    def has(self, key: str) -> bool:
        """Whether a key is there and was not taken."""
        return key in self._left

    def number(self, key: str, default: float | None = None, at_least: float | None = None) -> float | None:
        """A finite number, or `default` when the key is not there."""
        value = self.take(key, default)
        if value is None:
            return None
        return self.checked(value, key, at_least)

    def checked(self, value: object, key: str, at_least: float | None = None) -> float:
        """A finite number."""
        try:
            number = math.nan if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Invalid(f"{self.where}: '{key}' must be a finite number, got {shown(value)}.")
        if at_least is not None and number < at_least:
            raise Invalid(f"{self.where}: '{key}' must be at least {at_least:g}, got {number:g}.")
        return number

    def text(self, key: str, default: str | None = None) -> str | None:
        """A text of 1 to 256 characters, or `default`."""
        value = self.take(key, default)
        return None if value is None else self._checked_text(value, key, "a text of 1 to 256 characters")

    def _checked_text(self, value: object, key: str, what: str) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > texts.NAME_LIMIT:
            raise Invalid(f"{self.where}: '{key}' must be {what}, got {shown(value)}.")
        try:
            return texts.check(value, key, texts.NAME_LIMIT)
        except Invalid as error:
            raise Invalid(f"{self.where}: {error.message}") from None

    def one_of(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> str:
        """One of some words; it must be there when there is no default."""
        value = self.take(key, default)
        if not isinstance(value, str) or value not in allowed:
            got = "it is missing" if value is None else f"got {shown(value)}"
            raise Invalid(f"{self.where}: '{key}' must be one of {', '.join(allowed)}; {got}.")
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of names, which may be written as one name."""
        value = self.take(key)
        if value is None:
            return None
        value = [value] if isinstance(value, str) else value
        what = "a name or a list of names"
        if not isinstance(value, list) or not value:
            raise Invalid(f"{self.where}: '{key}' must be {what}, got {shown(value)}.")
        return tuple(self._checked_text(each, key, what) for each in value)

    def must_be_true(self, key: str) -> None:
        """Take a key whose only value is true."""
        if self.take(key) is not True:
            raise Invalid(f"{self.where}: '{key}' is written '{key}: true'. Leave the rule out for the opposite.")

    def end(self, kind: str, known: tuple[str, ...]) -> None:
        """Refuse what is left over."""
        if self._left:
            fitting = f"it has {', '.join(known)}" if known else "it has none"
            raise Invalid(f"{self.where}: the rule '{kind}' has no option {shown(next(iter(self._left)))}; {fitting}.")
