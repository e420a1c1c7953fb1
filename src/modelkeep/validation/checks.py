"""What is to be measured, and what it must be: a name and bounds, as people write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelkeep.domain import names
from modelkeep.domain.errors import Invalid

AVG_LATENCY = "avg_latency_ms"
P50_LATENCY = "p50_latency_ms"
P99_LATENCY = "p99_latency_ms"
LATENCIES = (AVG_LATENCY, P50_LATENCY, P99_LATENCY)
MEAN = "prediction_mean"
PSI = "psi"
KS = "ks"
DRIFTS = (PSI, KS)
MISSING_COLUMNS = "missing_columns"
WRONG_TYPES = "wrong_types"
ROBUSTNESS = (MISSING_COLUMNS, WRONG_TYPES)
BUILT_IN = (*LATENCIES, MEAN, *DRIFTS, *ROBUSTNESS)

PREDICTIONS = "predictions"
SCORES = "scores"

_SETTINGS = ("at_least", "at_most", "expected", "tolerance", "scorer", "function", "on")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TEXT = re.compile(
    rf"(?P<name>.*?)\s*(?:(?P<sign>>=|<=|=)\s*(?P<number>{_NUMBER})(?:\s*(?:\+-|\+/-|±)\s*(?P<tolerance>{_NUMBER}))?)?"
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to measure.

    Attributes:
        name: what the value is called.
        scorer: of scikit-learn, when it is one: a name, or what `make_scorer` made.
        function: of the true and the predicted values, when it is one.
        on: what the function is given: `predictions`, or `scores`.
        at_least, at_most: the bounds of the value, both inclusive.
        expected, tolerance: or how far from what it may be.
    """

    name: str
    scorer: Any = None
    function: Callable[[Any, Any], Any] | None = None
    on: str = PREDICTIONS
    at_least: float | None = None
    at_most: float | None = None
    expected: float | None = None
    tolerance: float | None = None

    @property
    def is_performance(self) -> bool:
        """Whether true values are needed for it."""
        return self.scorer is not None or self.function is not None

    @property
    def is_bounded(self) -> bool:
        """Whether it can fail."""
        return self.at_least is not None or self.at_most is not None or self.expected is not None

    @property
    def bound(self) -> str:
        """What the value must be, in words; empty without a bound."""
        if self.expected is not None:
            return f"{self.expected:g} ± {self.tolerance:g}"
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return "" if self.at_most is None else f"at most {self.at_most:g}"

    def is_met(self, value: float) -> bool:
        """Whether a value is within the bounds."""
        if (
            self.expected is not None
            and self.tolerance is not None
            and not abs(value - self.expected) <= self.tolerance
        ):
            return False
        if self.at_least is not None and not value >= self.at_least:
            return False
        return self.at_most is None or value <= self.at_most


def parse(given: Any) -> list[Check] | None:
    """Checks as people write them; None is None.

    A dict has for each name nothing, a text (`">= 0.85"`), a dict of settings, or a function. A list has texts
    (`"roc_auc >= 0.85"`) and dicts with a `name`. What is named twice must meet both.

    Raises:
        Invalid: a check means nothing.
    """
    if given is None:
        return None
    if isinstance(given, str):
        given = [given]
    found: dict[str, Check] = {}
    for check in _each(given):
        found[check.name] = _both(found[check.name], check) if check.name in found else check
    return list(found.values())


def _each(given: Any) -> Iterable[Check]:
    if isinstance(given, Mapping):
        for name, settings in given.items():
            yield _named(name, settings)
    elif isinstance(given, Iterable):
        for item in given:
            if isinstance(item, Check):
                yield item
            elif isinstance(item, str):
                yield _text(item)
            elif isinstance(item, Mapping) and "name" in item:
                yield _named(item["name"], {key: value for key, value in item.items() if key != "name"})
            else:
                raise Invalid(
                    f"The check {item!r:.100} means nothing: write 'roc_auc >= 0.85', or a dict with a 'name' and bounds."
                )
    else:
        raise Invalid(f"Parameter 'checks' must be a dict or a list, got {given!r:.100}.")


def _text(text: str) -> Check:
    match = _TEXT.fullmatch(text.strip())
    name = match["name"].strip() if match else ""
    if match is None or not name or any(sign in name for sign in "<>="):
        raise Invalid(
            f"The check {text!r:.100} means nothing: write 'roc_auc', 'roc_auc >= 0.85', 'avg_latency_ms <= 100' or "
            "'prediction_mean = 0.15 +- 0.05'."
        )
    return _named(name, _bounds(match))


def _bounds(match: re.Match[str]) -> dict[str, Any]:
    if match["sign"] is None:
        return {}
    number = float(match["number"])
    if match["sign"] == "=":
        return {"expected": number, "tolerance": float(match["tolerance"] or 0)}
    if match["tolerance"]:
        raise Invalid(f"The check {match[0]!r:.100} means nothing: a tolerance goes with '=', as in '= 0.15 +- 0.05'.")
    return {"at_least" if match["sign"] == ">=" else "at_most": number}


def _named(name: object, settings: Any) -> Check:
    checked = names.check_key(name, "checks")
    if isinstance(settings, str):
        match = _TEXT.fullmatch(settings.strip())
        if match is None or match["name"] or match["sign"] is None:
            raise Invalid(
                f"The bound {settings!r:.100} of '{checked}' means nothing: write '>= 0.85', '<= 100' or '= 0.15 +- 0.05'."
            )
        settings = _bounds(match)
    elif callable(settings):
        settings = {"function": settings}
    elif settings is None or settings is True:
        settings = {}
    if not isinstance(settings, Mapping):
        raise Invalid(
            f"The bound {settings!r:.100} of '{checked}' does not say of which kind it is: write {{'at_least': 0.85}}, "
            "{'at_most': 100} or {'expected': 0.15, 'tolerance': 0.05}."
        )
    unknown = [key for key in settings if key not in _SETTINGS]
    if unknown:
        raise Invalid(f"The check '{checked}' has the setting {unknown[0]!r}; there are {', '.join(_SETTINGS)}.")
    return _made(checked, settings)


def _made(name: str, settings: Mapping[str, Any]) -> Check:
    numbers: dict[str, Any] = {
        key: _number(name, key, settings[key]) for key in _SETTINGS[:4] if settings.get(key) is not None
    }
    if ("expected" in numbers) != ("tolerance" in numbers):
        raise Invalid(f"The check '{name}' needs both 'expected' and 'tolerance', or neither.")
    if numbers.get("tolerance", 0.0) < 0:
        raise Invalid(f"The tolerance of '{name}' is {numbers['tolerance']:g}, and must be at least 0.")
    if numbers.get("at_least", -math.inf) > numbers.get("at_most", math.inf):
        raise Invalid(f"No value of '{name}' is at least {numbers['at_least']:g} and at most {numbers['at_most']:g}.")
    scorer, function, on = settings.get("scorer"), settings.get("function"), settings.get("on", PREDICTIONS)
    if name in BUILT_IN:
        if scorer is not None or function is not None:
            raise Invalid(f"'{name}' is measured by Modelkeep. Give your own measure another name.")
        if name in ROBUSTNESS and not numbers:
            numbers["at_least"] = 1.0
        return Check(name, **numbers)
    if scorer is not None and function is not None:
        raise Invalid(f"The check '{name}' has both a scorer and a function. Leave one out.")
    if function is not None and not callable(function):
        raise Invalid(f"The function of '{name}' is {function!r:.100}, which cannot be called.")
    if on not in (PREDICTIONS, SCORES):
        raise Invalid(f"The function of '{name}' can be given '{PREDICTIONS}' or '{SCORES}', not {on!r:.100}.")
    if function is None and scorer is None:
        scorer = name
    return Check(name, scorer, function, on, **numbers)


def _number(name: str, key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Invalid(f"The setting '{key}' of '{name}' must be a finite number, got {value!r:.100}.")
    return float(value)


def _both(first: Check, second: Check) -> Check:
    """One check that is met when two of one name are."""
    merged = replace(first)
    for field in ("at_least", "at_most", "expected", "tolerance"):
        value = getattr(second, field)
        if value is not None:
            if getattr(merged, field) is not None:
                raise Invalid(f"The check '{first.name}' is given two bounds of one kind. Give one.")
            merged = replace(merged, **{field: value})
    return _made(
        merged.name,
        {
            field: getattr(merged, field)
            for field in (*_SETTINGS[:4], *(("scorer", "function", "on") if merged.is_performance else ()))
        },
    )
