"""Lengths of time as people write them: `90s`, `15m`, `12h`, `30d`, `4w`."""

from __future__ import annotations

import re

from modelkeep.domain.errors import Invalid

SECOND = 1000
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND}
_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_FORM = re.compile(r"(\d{1,9})\s*([smhdw])")


def parse(text: object, field: str) -> int:
    """Milliseconds of a length such as `30d`.

    Raises:
        Invalid: it is not a whole number with one of the units s, m, h, d and w, or is zero.
    """
    found = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if found is None or int(found[1]) == 0:
        raise Invalid(f"{field} must be a length of time such as 90s, 15m, 12h, 30d or 4w, got {text!r}.")
    return int(found[1]) * _UNITS[found[2]]


def words(milliseconds: int) -> str:
    """A length in the largest unit that says it exactly, or else so closely that two units are told apart: `47 hours`."""
    for unit in reversed(_UNITS):
        count, rest = divmod(milliseconds, _UNITS[unit])
        if count and (rest == 0 or count >= 10 or unit == "s"):
            return f"{count} {_NAMES[unit]}{'' if count == 1 else 's'}"
    return "less than a second"
