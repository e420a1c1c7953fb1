"""Values from a fixed list, given by name or number as protobuf's JSON allows."""

from __future__ import annotations

from collections.abc import Mapping

from modelkeep.domain.errors import Invalid


def read(value: object, field: str, numbers: Mapping[str, int]) -> str | None:
    """The name of a value; None when it is missing or a name that is not known, which MLflow ignores too.

    Args:
        numbers: the number of each name.
    Raises:
        Invalid: it is a number that stands for nothing, or neither text nor an integer.
    """
    if value is None or (isinstance(value, str) and not value.removeprefix("-").isdecimal()):
        return value if value in numbers else None
    try:
        number = int(value) if isinstance(value, str) and len(value) < 20 else value
        return next(name for name, known in numbers.items() if known == number and type(number) is int)
    except StopIteration:
        names = ", ".join(f"{name} ({number})" for name, number in numbers.items())
        raise Invalid(f"Invalid value {value!r} for parameter '{field}': use one of {names}.") from None
