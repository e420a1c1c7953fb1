"""Expecting: moving a target only if it is held by the version that the caller saw there."""

from __future__ import annotations

from modelkeep.domain import names
from modelkeep.domain.errors import Conflict


def check(expected: str | int | None, name: str, target: str, held: list[int]) -> None:
    """Refuse when another version holds a target than was expected.

    Args:
        expected: a version, 0 for none; None expects nothing.
        held: the versions that hold it, the newest number first.
    Raises:
        Conflict: another one does.
    """
    if expected is None:
        return
    wanted = None if expected in ("", "0", 0) else names.check_version(expected)
    holder = held[0] if held else None
    if wanted != holder:
        raise Conflict(
            f"{target} of '{name}' is held by {_version(holder)}, and {_version(wanted)} was expected. It was moved since; "
            "look again."
        )


def _version(number: int | None) -> str:
    return "no version" if number is None else f"version {number}"
