"""Stages: where a version is in its life. MLflow has four; a registry may have more, and say which follows which."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.domain.texts import shown

NONE = "None"
ARCHIVED = "Archived"
STAGES = (NONE, "Staging", "Production", ARCHIVED)
MOST_STAGES = 50
_FORM = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,63}")
# In a `models:/` address these mean something else already.
_RESERVED = re.compile(r"latest|v\d+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stages:
    """The stages of a registry.

    Attributes:
        names: in the order in which they are shown.
        transitions: the stages that a version may go to from a stage; from a stage that is not in it, to any.
    """

    names: tuple[str, ...] = STAGES
    transitions: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def canonical(self, stage: object) -> str:
        """The spelling of a stage, which may be given in any case.

        Raises:
            Invalid: there is no such stage.
        """
        if isinstance(stage, str):
            if stage in self.names:
                return stage
            for name in self.names:
                if name.lower() == stage.lower():
                    return name
        raise Invalid(
            f"Invalid Model Version stage: {stage if isinstance(stage, str) else shown(stage)}. Value must be one of {', '.join(self.names)}."
        )

    @property
    def active(self) -> tuple[str, ...]:
        """Those in which a version is in use, so that it can take the place of another."""
        return tuple(name for name in self.names if name not in (NONE, ARCHIVED))

    def allows(self, before: str, after: str) -> bool:
        """Whether a version may go from one stage to another."""
        return before not in self.transitions or after in self.transitions[before]

    @property
    def document(self) -> dict[str, Any]:
        """What `parse` makes these stages of."""
        return {"stages": list(self.names), "transitions": {key: list(to) for key, to in self.transitions.items()}}


def parse(document: object) -> Stages:
    """Stages from a document with `stages`, a list of names, and `transitions`, a list of names for each of some.

    Raises:
        Invalid: a sentence about the first thing that is wrong.
    """
    if not isinstance(document, dict) or set(document) - {"stages", "transitions"}:
        raise Invalid("The stages are described by 'stages', a list of names, and 'transitions'. Nothing else fits.")
    given = document.get("stages", list(STAGES))
    if not isinstance(given, list) or len(given) > MOST_STAGES:
        raise Invalid(f"'stages' must be a list of at most {MOST_STAGES} names, got {shown(given)}.")
    for name in given:
        if not isinstance(name, str) or not _FORM.fullmatch(name) or name != name.strip() or _RESERVED.fullmatch(name):
            raise Invalid(
                f"A stage cannot be called {shown(name)}: use a letter followed by letters, digits, spaces, '_' and '-', at "
                "most 64, and not 'latest' or a version such as 'v3'."
            )
    if len({name.lower() for name in given}) < len(given):
        raise Invalid("Two of the stages differ only in case, or are the same.")
    if missing := [stage for stage in STAGES if stage not in given]:
        raise Invalid(
            f"The stages {', '.join(STAGES)} are always there, for MLflow's clients: {missing[0]!r} is missing."
        )
    return Stages(tuple(given), _transitions(document.get("transitions") or {}, Stages(tuple(given))))


def _transitions(given: object, stages: Stages) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict):
        raise Invalid(f"'transitions' must name the stages that follow each of some stages, got {shown(given)}.")
    found: dict[str, tuple[str, ...]] = {}
    for before, after in given.items():
        if not isinstance(after, list):
            raise Invalid(f"What follows {shown(before)} must be a list of stages, got {shown(after)}.")
        stage = stages.canonical(before)
        if stage in found:
            raise Invalid(f"What follows {stage} is said twice.")
        found[stage] = tuple(stages.canonical(each) for each in after)
    return found


DEFAULT = Stages()
_CANONICAL = {stage.lower(): stage for stage in STAGES}


def find(stage: object) -> str | None:
    """The spelling of one of the four stages that every registry has, given in any case; None for anything else."""
    return _CANONICAL.get(stage.lower()) if isinstance(stage, str) else None
