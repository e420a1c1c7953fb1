"""Values as people read them: times, sizes, numbers, names, first lines."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from markupsafe import Markup, escape

_UNITS = ("KiB", "MiB", "GiB", "TiB")
_LAST_MILLISECOND = 253_402_300_799_999  # of the year 9999, past which datetime knows no time
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


def when(milliseconds: int | None) -> Markup:
    """A time to the minute, with the whole of it for machines and for the pointer."""
    if milliseconds is None or not 0 <= milliseconds <= _LAST_MILLISECOND:
        return Markup('<span class="muted">–</span>')
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%Y-%m-%d %H:%M:%S"),
        moment.strftime("%Y-%m-%d %H:%M"),
    )


def ago(milliseconds: int, now: int) -> Markup:
    """How long ago, with the time itself for machines and for the pointer."""
    moment = datetime.fromtimestamp(min(max(milliseconds, 0), _LAST_MILLISECOND) / 1000, UTC)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"), moment.strftime("%Y-%m-%d %H:%M:%S"), _distance(now - milliseconds)
    )


def _distance(milliseconds: int) -> str:
    seconds = max(milliseconds, 0) // 1000
    for unit, name in ((86_400 * 365, "y"), (86_400 * 30, "mo"), (86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name} ago"
    return "just now"


def duration(milliseconds: int) -> str:
    """A length of time, to two units."""
    seconds, rest = divmod(max(milliseconds, 0), 1000)
    if seconds < 60:
        return f"{seconds}.{rest // 100} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def size(count: int | None) -> str:
    """Bytes in the largest unit that leaves at least 1."""
    if count is None:
        return "–"
    if count < 1024:
        return f"{count} B"
    power = min((count.bit_length() - 1) // 10, len(_UNITS))
    return f"{count / 1024**power:.1f} {_UNITS[power - 1]}"


def number(value: float) -> Markup:
    """A metric to six digits, all of them for the pointer."""
    return Markup('<span class="number" title="{}">{}</span>').format(repr(value), f"{value:.6g}".replace("nan", "NaN"))


def literal(text: str) -> str:
    """Text as a Python literal between double quotes, with what cannot be seen in it escaped."""
    # A double quote in it makes repr choose single quotes for the whole.
    inside = repr('"' + text)[2:-1]
    return '"' + inside.replace("\\'", "'").replace('"', '\\"') + '"'


def label(name: object) -> Markup:
    """A name with what cannot be seen in it made visible, so that no two names look the same."""
    return escape(_INVISIBLE.sub(_visible, str(name)))


def lines(text: str) -> Markup:
    """`label` for a text of several lines, which stay lines."""
    return Markup("\n").join(label(line) for line in text.replace("\r\n", "\n").split("\n"))


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"[U+{code:04X}]"


def first_line(text: str | None, limit: int = 140) -> str:
    """The first line that says something, without Markdown's signs, cut at a word."""
    for line in (text or "")[:10_000].splitlines():
        words = re.sub(r"[*_`]{1,3}", "", line.strip().lstrip("#>-=|").strip())
        if words:
            return shorten(words, limit)
    return ""


def shorten(text: object, limit: int = 80) -> str:
    """Text cut to a length, with a sign that it was."""
    whole = str(text)
    if len(whole) <= limit:
        return whole
    head = whole[:limit]
    return (head.rsplit(" ", 1)[0] if " " in head[limit // 2 :] else head) + "…"
