"""Policies: the rules that guard targets of the models whose names match.

A policy is a document. What is applied is kept as it was written, one revision after the other.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any

from modelkeep.domain import targets, texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.facts import Facts
from modelkeep.domain.rules import parsing
from modelkeep.domain.rules.base import PASSED, Rule, Verdict
from modelkeep.domain.stages import NONE, Stages
from modelkeep.domain.texts import shown

ENTER, LEAVE, DELETE = "enter", "leave", "delete"
MOVES = (ENTER, LEAVE, DELETE)
MOST_RULES = 200
MOST_BYTES = 65_536
# A name that says that it lets everything pass.
PERMISSIVE = "permissive"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PREVIOUS = re.compile(r"previous of (\S.*)")
_KEYS = ("policy", "description", "models", "targets", "on", "rules", "allow_unpinned", "follow")
_MOST_NESTED = 30


@dataclass(frozen=True, slots=True)
class Guard:
    """A rule of a policy, and whether it is judged on a rollback."""

    rule: Rule
    on_rollback: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy.

    Attributes:
        name: as it is applied and shown under.
        description: None when it has none.
        models: patterns of names, of which one must match: `*`, `?` and `[abc]` as in a shell, upper and lower case apart.
        targets: canonical, such as `Production` and `@champion`.
        moves: those of MOVES that it judges.
        guards: its rules.
        allow_unpinned: whether a version without files of its own may pass.
        follow: for each alias the target whose previous version it names.
    """

    name: str
    description: str | None
    models: tuple[str, ...]
    targets: tuple[str, ...]
    moves: tuple[str, ...]
    guards: tuple[Guard, ...]
    allow_unpinned: bool
    follow: dict[str, str]

    def covers(self, model: str) -> bool:
        """Whether it is about a model of this name."""
        return any(fnmatch.fnmatchcase(model, pattern) for pattern in self.models)

    def guards_move(self, model: str, target: str, move: str) -> bool:
        """Whether it judges such a move of a version of such a model."""
        return move in self.moves and target in self.targets and self.covers(model)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one policy said of one move: `revision` is None for a policy that is only being tried."""

    policy: str
    revision: int | None
    model: str
    target: str
    version: int
    move: str
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool:
        return all(verdict.outcome == PASSED for verdict in self.verdicts)

    @property
    def refusals(self) -> list[Verdict]:
        """The verdicts that stand in the way."""
        return [verdict for verdict in self.verdicts if verdict.outcome != PASSED]


_UNPINNED = "pinned to its files"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of a promotion: `problem` is a sentence when something other than a policy stands in its way."""

    version: int
    target: str
    allowed: bool
    problem: str | None
    message: str
    judgements: list[Judgement]


@dataclass(frozen=True, slots=True)
class Standing:
    """A version that holds a guarded target.

    Attributes:
        passes: whether it would be let in today; if not, `message` says why.
    """

    target: str
    version: int
    passes: bool
    message: str | None
    judgements: list[Judgement]


def judge(
    policy: Policy, revision: int | None, model: str, facts: Facts, move: str, is_rollback: bool = False
) -> Judgement:
    """What a policy says of a move.

    Args:
        is_rollback: judge only the rules that are marked so.
    """
    verdicts = [guard.rule.judge(facts) for guard in policy.guards if guard.on_rollback or not is_rollback]
    if move == ENTER and not policy.allow_unpinned and not facts.is_pinned:
        reason = "it has no files here, so there are no bytes that evidence could be about: log them, then pin it"
        verdicts.insert(0, Verdict(_UNPINNED, "missing", reason))
    return Judgement(policy.name, revision, model, facts.target, facts.number, move, tuple(verdicts))


def parse(document: object, stages: Stages) -> Policy:
    """A policy from its document.

    Raises:
        Invalid: a sentence about the first thing that is wrong.
    """
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise Invalid(f"A policy is a mapping with the keys {', '.join(_KEYS)}, got {shown(document)}.")
    if _depth(document) > _MOST_NESTED:
        raise Invalid(f"The policy is nested more than {_MOST_NESTED} levels deep.")
    if unknown := [key for key in document if key not in _KEYS]:
        raise Invalid(f"A policy has no key {shown(unknown[0])}; it has {', '.join(_KEYS)}.")
    name = check_name(document.get("policy"))
    where = f"policy '{name}'"
    guarded = tuple(dict.fromkeys(_target(each, stages, where) for each in _list(document, "targets", where)))
    follow = _follow(document.get("follow"), stages, where)
    allow_unpinned = document.get("allow_unpinned", False)
    if not isinstance(allow_unpinned, bool):
        raise Invalid(f"{where}: 'allow_unpinned' must be true or false, got {shown(allow_unpinned)}.")
    return Policy(
        name, _text(document, "description", where), _patterns(document, where), guarded, _moves(document, where),
        _guards(document, name, where, stages), allow_unpinned, follow,
    )  # fmt: skip


def check_name(name: object) -> str:
    """The name of a policy.

    Raises:
        Invalid: it is missing or has other characters than letters, digits, `.`, `_` and `-`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Invalid(
            f"A policy needs a name of letters, digits, '.', '_' and '-', at most 100, under the key 'policy', got {shown(name)}."
        )
    return name


def _depth(value: object) -> int:
    deepest, level = 0, [value]
    while level and deepest <= _MOST_NESTED:
        deepest += 1
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return deepest


def _list(given: dict[str, Any], key: str, where: str) -> list[Any]:
    value = given.get(key)
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not value:
        raise Invalid(f"{where}: '{key}' must be a list with at least one entry, got {shown(value)}.")
    return value


def _text(given: dict[str, Any], key: str, where: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise Invalid(f"{where}: '{key}' must be text, got {shown(value)}.")
    return _storable(value, key, where) if value is not None else None


def _storable(value: str, key: str, where: str) -> str:
    try:
        return texts.check(value, key, MOST_BYTES)
    except Invalid as error:
        raise Invalid(f"{where}: {error.message}") from None


def _patterns(given: dict[str, Any], where: str) -> tuple[str, ...]:
    patterns = _list(given, "models", where)
    for pattern in patterns:
        if not isinstance(pattern, str) or not pattern or len(pattern) > 256:
            raise Invalid(f"{where}: 'models' must be patterns of names such as \"churn-*\", got {shown(pattern)}.")
        _storable(pattern, "models", where)
    return tuple(patterns)


def _target(given: object, stages: Stages, where: str) -> str:
    if not isinstance(given, str) or not given:
        raise Invalid(
            f'{where}: a target is a stage such as Production or an alias such as "@champion", got {shown(given)}.'
        )
    try:
        target = targets.check(given, stages)
    except Invalid as error:
        raise Invalid(f"{where}: {error.message}") from None
    if target == NONE:
        raise Invalid(f"{where}: every version begins in the stage {NONE}, so it cannot be guarded or followed.")
    return target


def _moves(given: dict[str, Any], where: str) -> tuple[str, ...]:
    moves = _list({"on": [ENTER], **given}, "on", where)
    for move in moves:
        if not isinstance(move, str) or move not in MOVES:
            raise Invalid(f"{where}: 'on' must be a list of {', '.join(MOVES)}, got {shown(move)}.")
    return tuple(dict.fromkeys(moves))


def _guards(given: dict[str, Any], name: str, where: str, stages: Stages) -> tuple[Guard, ...]:
    rules = given.get("rules")
    if not isinstance(rules, list) or len(rules) > MOST_RULES:
        raise Invalid(f"{where}: 'rules' must be a list of at most {MOST_RULES} rules, got {shown(rules)}.")
    if not rules and not name.startswith(PERMISSIVE):
        raise Invalid(
            f"{where} has no rules, so it would let everything pass. If that is meant, call it '{PERMISSIVE}-{name}'."
        )
    return tuple(_guard(each, f"{where}, rule {place}", stages) for place, each in enumerate(rules, 1))


def _guard(given: object, where: str, stages: Stages) -> Guard:
    marked = None
    if isinstance(given, dict) and "on_rollback" in given:
        marked = given["on_rollback"]
        if not isinstance(marked, bool):
            raise Invalid(f"{where}: 'on_rollback' must be true or false, got {shown(marked)}.")
        given = {key: value for key, value in given.items() if key != "on_rollback"}
    rule = parsing.parse(given, where, stages)
    return Guard(rule, rule.on_rollback_default if marked is None else marked)


def _follow(given: object, stages: Stages, where: str) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise Invalid(f"{where}: 'follow' must be such as {{rollback: previous of \"@champion\"}}, got {shown(given)}.")
    found: dict[str, str] = {}
    for alias, text in given.items():
        told = _PREVIOUS.fullmatch(text.strip()) if isinstance(text, str) else None
        if told is None or not isinstance(alias, str):
            raise Invalid(f"{where}: 'follow' says 'previous of' a target for each alias, got {shown({alias: text})}.")
        followed = told[1].strip().strip("\"'")
        if followed.lower() not in {stage.lower() for stage in stages.names} and not followed.startswith("@"):
            followed = f"@{followed}"
        alias = alias.removeprefix("@")
        if followed == f"@{alias}":
            raise Invalid(f"{where}: the alias '{alias}' cannot follow itself.")
        found[_target(f"@{alias}", stages, where)[1:]] = _target(followed, stages, where)
    for alias, followed in found.items():
        if followed[1:] in found and followed.startswith("@"):
            raise Invalid(
                f"{where}: the alias '{alias}' cannot follow '{followed}', which follows another target itself."
            )
    return found
