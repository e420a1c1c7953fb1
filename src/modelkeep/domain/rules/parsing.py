"""From a mapping to a rule."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid
from modelkeep.domain.rules.base import Options, Rule
from modelkeep.domain.rules.combined import AllRule, AnyRule, NotRule
from modelkeep.domain.rules.evidence import DatasetRule, EvidenceRule, MetricRule
from modelkeep.domain.rules.formats import CodeRule, SignatureRule
from modelkeep.domain.rules.times import FreezeRule
from modelkeep.domain.rules.versions import DescriptionRule, HeldRule, IntactRule, PinnedRule, TagsRule
from modelkeep.domain.stages import DEFAULT, Stages
from modelkeep.domain.texts import shown

KINDS: dict[str, type[Rule]] = {
    rule.kind: rule
    for rule in (
        MetricRule, EvidenceRule, DatasetRule, TagsRule, DescriptionRule, SignatureRule, HeldRule, PinnedRule,
        IntactRule, CodeRule, FreezeRule, AllRule, AnyRule, NotRule,
    )
}  # fmt: skip


def parse(given: object, where: str, stages: Stages = DEFAULT) -> Rule:
    """A rule from its mapping.

    Args:
        stages: those that it may name.
    Raises:
        Invalid: a sentence that begins with `where`, about the first thing that is wrong.
    """
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise Invalid(f"{where}: a rule is a mapping such as {{{MetricRule.example}}}, got {shown(given)}.")
    kinds = [key for key in given if key in KINDS]
    if len(kinds) != 1:
        found = "there is none" if not kinds else f"this has {', '.join(kinds)}"
        raise Invalid(f"{where}: a rule has exactly one of the keys {', '.join(KINDS)}; {found} in {shown(given)}.")
    kind = KINDS[kinds[0]]
    options = Options(given, where, parse, stages)
    rule = kind.take(options)
    options.end(kind.kind, kind.options)
    return rule
