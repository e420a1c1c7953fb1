"""How long a model takes to answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelkeep.domain.errors import Invalid
from modelkeep.validation.checks import AVG_LATENCY, P50_LATENCY, P99_LATENCY
from modelkeep.validation.data import head


@dataclass(frozen=True, slots=True)
class Latency:
    """How it is measured: this many calls of this many rows each, after some that do not count."""

    calls: int = 100
    rows: int = 10
    warm_up: int = 10

    def __post_init__(self) -> None:
        for name, least, most in (("calls", 1, 100_000), ("rows", 1, 1_000_000), ("warm_up", 0, 100_000)):
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise Invalid(f"The setting '{name}' of the latency must be {least} to {most:,}, got {value!r:.100}.")


def measure(
    predict: Callable[[Any], Any], X: Any, settings: Latency, tell: Callable[[float], None] = lambda share: None
) -> dict[str, float]:
    """Milliseconds of a call: the mean, the median, and what 99 of 100 calls do not exceed.

    Args:
        tell: told which share is done.
    """
    rows = head(X, settings.rows)
    for _ in range(settings.warm_up):
        predict(rows)
    taken: list[float] = []
    for number in range(settings.calls):
        start = time.perf_counter()
        predict(rows)
        taken.append((time.perf_counter() - start) * 1000)
        tell((number + 1) / settings.calls)
    taken.sort()
    return {
        AVG_LATENCY: sum(taken) / len(taken),
        P50_LATENCY: _quantile(taken, 50),
        P99_LATENCY: _quantile(taken, 99),
    }


def _quantile(ordered: list[float], percent: int) -> float:
    """The smallest of the values that this many of a hundred do not exceed."""
    return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]
