"""Rules about the version itself: its tags, its description, where it has been, its files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from modelkeep.domain import durations, texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.facts import Facts
from modelkeep.domain.rules.base import FAILED, MISSING, PASSED, FlagRule, Options, Rule, Verdict
from modelkeep.domain.texts import shown


@dataclass(frozen=True)
class TagsRule(Rule):
    """The version has tags: a list of keys, whose values must not be empty, or values by key."""

    kind = "tags"
    example = "tags: [owner, ticket]"

    wanted: tuple[tuple[str, str | None], ...]

    @classmethod
    def take(cls, options: Options) -> TagsRule:
        given = options.take("tags")
        given = [given] if isinstance(given, str) else given
        if isinstance(given, list) and all(isinstance(each, str) for each in given):
            given = dict.fromkeys(given)
        if not isinstance(given, dict) or not given or not all(isinstance(key, str) and key for key in given):
            raise Invalid(f"{options.where}: 'tags' must be a list of tag keys, or a value for each of some keys.")
        for key, value in given.items():
            if not (value is None or isinstance(value, str)):
                raise Invalid(
                    f'{options.where}: the value of the tag {shown(key)} must be text. Write it in quotes: "{shown(value)}".'
                )
            try:
                texts.check(key, "tags", texts.TAG_KEY_LIMIT)
                if value is not None and not texts.check(value, "tags", texts.TAG_VALUE_LIMIT).strip():
                    raise Invalid(f"The value of the tag {shown(key)} is empty, and an empty tag counts as missing.")
            except Invalid as error:
                raise Invalid(f"{options.where}: {error.message}") from None
        return cls(tuple(given.items()))

    @cached_property
    def words(self) -> str:
        return f"tags {', '.join(key if value is None else f'{key}={value}' for key, value in self.wanted)}"

    def judge(self, facts: Facts) -> Verdict:
        missing = [key for key, _ in self.wanted if not facts.tags.get(key, "").strip()]
        if missing:
            return self.verdict(MISSING, f"the version has no tag {', '.join(missing)}")
        for key, value in self.wanted:
            if value is not None and facts.tags[key] != value:
                return self.verdict(FAILED, f"its tag {key} is '{facts.tags[key][:100]}' and not '{value}'")
        return self.verdict(PASSED, "the version has them")


@dataclass(frozen=True)
class DescriptionRule(Rule):
    """The version has a description, of at least so many characters."""

    kind = "description"
    example = "description: 20"

    least: int

    @classmethod
    def take(cls, options: Options) -> DescriptionRule:
        given = options.take("description")
        if given is True or given == "present":
            return cls(1)
        if type(given) is not int or not 1 <= given <= 100_000:
            raise Invalid(
                f"{options.where}: 'description' must be true or the least number of characters, got {shown(given)}."
            )
        return cls(given)

    @cached_property
    def words(self) -> str:
        return "a description" + (f" of at least {self.least} characters" if self.least > 1 else "")

    def judge(self, facts: Facts) -> Verdict:
        length = len((facts.description or "").strip())
        if length == 0:
            return self.verdict(MISSING, "the version has no description")
        return self.verdict(length >= self.least, f"its description has {length} characters", measured=float(length))


@dataclass(frozen=True)
class HeldRule(Rule):
    """The version has held another target, such as Staging, without a break for at least a time."""

    kind = "held"
    options = ("for",)
    example = "held: Staging, for: 2d"

    target: str
    least: int

    @classmethod
    def take(cls, options: Options) -> HeldRule:
        target = options.target("held")
        assert target is not None
        return cls(target, durations.parse(options.take("for"), f"{options.where}: 'for'"))

    @cached_property
    def words(self) -> str:
        return f"held {self.target} for at least {durations.words(self.least)}"

    def judge(self, facts: Facts) -> Verdict:
        held = facts.held(self.target)
        if held is None:
            return self.verdict(MISSING, f"it has never held {self.target}")
        return self.verdict(held >= self.least, f"it held {self.target} for {durations.words(held)}")


@dataclass(frozen=True)
class PinnedRule(FlagRule):
    """The version is pinned to files that are here, so that its bytes can never change."""

    kind = "pinned"
    example = "pinned: true"
    on_rollback_default = True

    @cached_property
    def words(self) -> str:
        return "pinned to its files"

    def judge(self, facts: Facts) -> Verdict:
        if facts.is_pinned:
            return self.verdict(PASSED, "it is")
        return self.verdict(MISSING, "it has no files here: log them, then pin it or register it again")


@dataclass(frozen=True)
class IntactRule(FlagRule):
    """None of the version's files is known to be damaged."""

    kind = "intact"
    example = "intact: true"
    on_rollback_default = True

    @cached_property
    def words(self) -> str:
        return "no damaged file"

    def judge(self, facts: Facts) -> Verdict:
        if facts.damaged is not None:
            return self.verdict(FAILED, f"the bytes of '{facts.damaged}' are damaged: upload the file again")
        return self.verdict(PASSED, "its files are whole, as far as is known")
