"""What an import did, and what could not be kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Problem:
    """Something of the source that is not here as it is there: what, and a sentence that says why."""

    noun: str
    id: str
    message: str


@dataclass(slots=True)
class Report:
    """What an import did.

    Attributes:
        outcomes: how many of each noun were imported, updated, unchanged, in conflict or refused.
        files, bytes: that were brought to their places, whether or not they had to be sent.
        problems: conflicts, what was refused or cut, and what is missing at the source.
        notes: what stays where it is, and what is never brought.
        differences: what the comparison found; None when there was none.
        compared: how many of each noun were compared.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    files: int = 0
    bytes: int = 0
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    differences: list[Problem] | None = None
    compared: Counter[str] = field(default_factory=Counter)

    def count(self, noun: str, outcome: str, number: int = 1) -> None:
        """Add to the outcomes."""
        self.outcomes.setdefault(noun, Counter())[outcome] += number

    def add(self, noun: str, result: Any) -> None:
        """Add what became of a record, as the registry answered."""
        self.count(noun, result.outcome)
        if result.message:
            self.problems.append(Problem(noun, result.id, result.message))

    def note(self, sentence: str) -> None:
        """Add a note, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    @property
    def is_whole(self) -> bool:
        """Whether everything is here that can be."""
        return not self.problems and not self.differences
