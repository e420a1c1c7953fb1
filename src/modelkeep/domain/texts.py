"""What text may be stored at all: no NUL (PostgreSQL refuses it), nothing that is not UTF-8, nothing over its limit."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid

INT64_MAX = 2**63 - 1

NAME_LIMIT = 256
TAG_KEY_LIMIT = 250
TAG_VALUE_LIMIT = 100_000
DESCRIPTION_LIMIT = 1_048_576
SOURCE_LIMIT = 8_192


def check(value: object, field: str, limit: int) -> str:
    """Return `value` when it is text of at most `limit` characters that every database can store.

    Raises:
        Invalid: it is not text, too long, or holds NUL or a lone surrogate.
    """
    if not isinstance(value, str):
        raise Invalid(f"Parameter '{field}' must be text, got {value!r} of type '{type(value).__name__}'.")
    if len(value) > limit:
        raise Invalid(f"Parameter '{field}' has {len(value):,} characters; at most {limit:,} are allowed.")
    if "\0" in value:
        raise Invalid(f"Parameter '{field}' contains a NUL character, which cannot be stored. Remove it.")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Invalid(f"Parameter '{field}' contains a lone surrogate, which is not valid Unicode text.") from None
    return value


def check_optional(value: object, field: str, limit: int) -> str | None:
    """`check`, but None passes."""
    return None if value is None else check(value, field, limit)


def required(value: object, field: str, limit: int = NAME_LIMIT) -> str:
    """`check`, but None and the empty text are missing values, said in MLflow's words."""
    if value is None or value == "":
        raise Invalid(
            f"Missing value for required parameter '{field}'. "
            "See the API docs for more information about request parameters."
        )
    return check(value, field, limit)


def integer(value: object, field: str, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return `value` when it is a 64-bit integer, at least `at_least` and at most `at_most` when these are given.

    Raises:
        Invalid: it is of another type, or out of range.
    """
    if type(value) is not int:
        raise Invalid(f"Parameter '{field}' must be an integer, got {value!r}.")
    if not -(2**63) <= value <= INT64_MAX:
        raise Invalid(f"Parameter '{field}' is out of range for a 64-bit integer.")
    if at_least is not None and value < at_least:
        raise Invalid(f"Parameter '{field}' must be at least {at_least}, got {value}.")
    if at_most is not None and value > at_most:
        raise Invalid(f"Parameter '{field}' must be at most {at_most:,}, got {value}.")
    return value


def shown(given: object) -> str:
    """A value as a message quotes it, not too long."""
    try:
        text = repr(given)
    except (ValueError, RecursionError):
        return f"a {type(given).__name__} too large to show"
    return text if len(text) <= 200 else f"{text[:200]}…"
