"""Freezes: times in which nothing moves. Once, from one date to another; or every week, from one hour to another. UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

from modelkeep.domain.errors import Invalid
from modelkeep.domain.texts import shown

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKLY = re.compile(
    r"(mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?\s+([0-9]{1,2}):([0-9]{2})", re.IGNORECASE
)
_MINUTE = 60_000
_WEEK = 7 * 24 * 60 * _MINUTE
# 1970 began on a Thursday.
_FIRST_MONDAY = 4 * 24 * 60 * _MINUTE


@dataclass(frozen=True, slots=True)
class Freeze:
    """One window. `since` and `until` are UTC milliseconds, of the week when it is weekly; `words` is how it was written."""

    since: int
    until: int
    weekly: bool
    words: str

    def holds(self, now: int) -> bool:
        """Whether a moment lies in it; its end does not."""
        if not self.weekly:
            return self.since <= now < self.until
        moment = (now - _FIRST_MONDAY) % _WEEK
        if self.since <= self.until:
            return self.since <= moment < self.until
        return moment >= self.since or moment < self.until


def parse(window: object, field: str) -> Freeze:
    """A window from `{from: …, until: …}`: two dates such as 2026-12-20T18:00, or two hours such as `Fri 18:00`.

    Raises:
        Invalid: it is none of these, or ends before it begins.
    """
    if not isinstance(window, dict) or set(window) != {"from", "until"}:
        raise Invalid(f"{field} must be windows, each with 'from' and 'until', got {shown(window)}.")
    since, until = window["from"], window["until"]
    for each in (since, until):
        if not isinstance(each, (str, date)):
            raise Invalid(f"{field} has {shown(each)}, which is no text. Write it in quotes.")
    words = f"from {since} until {until}"
    weekly = [_WEEKLY.fullmatch(str(each).strip()) for each in (since, until)]
    if weekly[0] and weekly[1]:
        moments = [_of_week(found, field) for found in weekly if found]
        if moments[0] == moments[1]:
            raise Invalid(f"{field} has a window {words}, which is empty.")
        return Freeze(moments[0], moments[1], True, words)
    first, last = _date(since, field), _date(until, field)
    if first >= last:
        raise Invalid(f"{field} has a window {words}, which ends before it begins.")
    return Freeze(first, last, False, words)


def _of_week(found: re.Match[str], field: str) -> int:
    hour, minute = int(found[2]), int(found[3])
    if hour > 23 or minute > 59:
        raise Invalid(f"{field} has {found[0]!r}, but there is no time {found[2]}:{found[3]}.")
    return ((_DAYS.index(found[1].lower()) * 24 + hour) * 60 + minute) * _MINUTE


def _date(given: object, field: str) -> int:
    try:
        moment = datetime.fromisoformat(str(given).strip())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{field} has {shown(given)}, which is neither a date such as 2026-12-20T18:00 nor an hour of the week such as "
            "Fri 18:00. Both are in UTC."
        ) from None
