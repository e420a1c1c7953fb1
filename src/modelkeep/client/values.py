"""From what callers give to what goes to the registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from datetime import datetime


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


def moment(at: int | str | datetime) -> tuple[int | None, int | None]:
    """A moment as UTC milliseconds, or as the position of an event, of which the other is None.

    Args:
        at: UTC milliseconds, a datetime (in local time when it has no zone), a text such as `2026-01-31T12:00`, which is in
            UTC when it names no zone, or `#1234`, a position.
    Raises:
        Invalid: it is none of these.
    """
    from datetime import UTC, datetime

    if isinstance(at, bool):
        raise Invalid(f"A moment is UTC milliseconds, a datetime, or a text such as 2026-01-31T12:00, got {at!r}.")
    if isinstance(at, int):
        return at, None
    if isinstance(at, str) and at.startswith("#") and at[1:].isdecimal():
        return None, int(at[1:])
    if isinstance(at, str):
        if at.isdecimal():
            return int(at), None
        try:
            found = datetime.fromisoformat(at)
        except ValueError:
            raise Invalid(
                f"{at!r} is no moment: write it as 2026-01-31, 2026-01-31T12:00, UTC milliseconds, or #1234 for the position "
                "of an event."
            ) from None
        at = found if found.tzinfo else found.replace(tzinfo=UTC)
    return int(at.timestamp() * 1000), None


def text(value: Any) -> str:
    """A value as text, as MLflow's client writes it: numbers and booleans as Python does."""
    return value if isinstance(value, str) else str(value)


def version_text(version: Any) -> str | None:
    """A version number, given as text or as a number."""
    return version if version is None or isinstance(version, str) else str(version)


def tag_list(tags: Mapping[str, Any] | None) -> list[dict[str, str]] | None:
    """Tags or params as the wire has them."""
    return [{"key": key, "value": text(value)} for key, value in tags.items()] if tags else None
