"""Back-tests: what a policy would have said of promotions that were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Outcome = Literal["would pass", "would refuse", "cannot tell"]
WOULD_PASS: Final = "would pass"
WOULD_REFUSE: Final = "would refuse"
CANNOT_TELL: Final = "cannot tell"


@dataclass(frozen=True, slots=True)
class Trial:
    """One past promotion.

    Attributes:
        model, version, target: what was promoted where.
        position, timestamp: of its event, and when (UTC milliseconds).
        outcome: one of the three.
        reasons: a sentence for each rule that did not pass, or of which nobody can tell any more.
    """

    model: str
    version: int
    target: str
    position: int
    timestamp: int
    outcome: Outcome
    reasons: tuple[str, ...]
