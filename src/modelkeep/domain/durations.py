"""Lengths of time as people write them: `90s`, `15m`, `12h`, `30d`, `4w`."""

from __future__ import annotations

import re

from modelkeep.domain.errors import Invalid
from modelkeep.domain.texts import shown

SECOND = 1000
_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86_400 * SECOND, "w": 7 * 86_400 * SECOND}
_NAMES = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
# More seconds than these are no longer seen as a length.
_MOST_OF_ONE = 1000
_FORM = re.compile(r"([0-9]{1,9})\s*([smhdw])")


def parse(text: object, field: str) -> int:
    """Milliseconds of a length such as `30d`.

    Raises:
        Invalid: it is not a whole number with one of the units s, m, h, d and w, or is zero.
    """
    found = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    if found is None or int(found[1]) == 0:
        raise Invalid(f"{field} must be a length of time such as 90s, 15m, 12h, 30d or 4w, got {shown(text)}.")
    return int(found[1]) * _UNITS[found[2]]


def words(milliseconds: int) -> str:
    """A length to the second: in one unit where that says it exactly, as in `90 seconds`, or else in several."""
    for unit in reversed(_UNITS):
        count, rest = divmod(milliseconds, _UNITS[unit])
        if rest == 0 and 0 < count < _MOST_OF_ONE:
            return _counted(count, unit)
    parts, rest = [], milliseconds
    for unit in reversed(_UNITS):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(_counted(count, unit))
    return " ".join(parts) or "less than a second"


def _counted(count: int, unit: str) -> str:
    return f"{count} {_NAMES[unit]}{'' if count == 1 else 's'}"
