"""Targets: the stages and aliases that a version is promoted to. `Production` is a stage, `@champion` an alias."""

from __future__ import annotations

from modelkeep.domain import names, texts
from modelkeep.domain.stages import Stages

# The target of a version that is in no stage, because it was deleted.
NOWHERE = ""


def check(target: object, stages: Stages) -> str:
    """The canonical form of a target: a stage in its own spelling, or `@` and an alias.

    Raises:
        Invalid: it is no text, or there is no such stage, or no alias may be called that.
    """
    text = texts.required(target, "target")
    if text.startswith("@"):
        return of_alias(names.check_alias(text[1:]))
    return stages.canonical(text)


def of_alias(alias: str) -> str:
    """The target that an alias is."""
    return f"@{alias}"


def alias_of(target: str) -> str | None:
    """The alias that a target is, None for a stage."""
    return target[1:] if target.startswith("@") else None
