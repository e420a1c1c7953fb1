"""Rules about the time: when nothing may move."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from modelkeep.domain import freezes
from modelkeep.domain.errors import Invalid
from modelkeep.domain.facts import Facts
from modelkeep.domain.freezes import Freeze
from modelkeep.domain.rules.base import FAILED, PASSED, Options, Rule, Verdict


@dataclass(frozen=True)
class FreezeRule(Rule):
    """Nothing moves in some windows of time, in UTC: from one date until another, or every week."""

    kind = "not_during"
    example = 'not_during: [{from: "Fri 16:00", until: "Mon 08:00"}, {from: 2026-12-20, until: 2027-01-04}]'

    windows: tuple[Freeze, ...]

    @classmethod
    def take(cls, options: Options) -> FreezeRule:
        given = options.take("not_during")
        given = [given] if isinstance(given, dict) else given
        if not isinstance(given, list) or not given:
            raise Invalid(f"{options.where}: 'not_during' must be a list of windows, each with 'from' and 'until'.")
        return cls(tuple(freezes.parse(each, f"{options.where}: 'not_during'") for each in given))

    @cached_property
    def words(self) -> str:
        return f"not {' or '.join(window.words for window in self.windows)} (UTC)"

    def judge(self, facts: Facts) -> Verdict:
        for window in self.windows:
            if window.holds(facts.now):
                return self.verdict(FAILED, f"nothing moves {window.words} (UTC)")
        return self.verdict(PASSED, "no such window is open")
