"""A parameter of a run or a logged model: a key with a text that never changes once it is logged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelkeep.domain import names, texts
from modelkeep.domain.errors import Invalid

VALUE_LIMIT = 6000


@dataclass(slots=True)
class Param:
    """A key with its value; a missing value is the empty text, as in MLflow."""

    key: str | None = None
    value: str | None = None


def check_value(value: object, limit: int = VALUE_LIMIT) -> str:
    """Return a parameter's value, cut to `limit` characters as MLflow does by default; None is the empty text.

    Raises:
        Invalid: it is not text that can be stored.
    """
    if value is None:
        return ""
    return texts.check(value[:limit] if isinstance(value, str) else value, "value", limit)


def collect(params: Iterable[Param] | None) -> dict[str, str]:
    """Check the parameters of one request and return them as a dict.

    Raises:
        Invalid: a key or value is not allowed, or two parameters share a key.
    """
    collected: dict[str, str] = {}
    for index, param in enumerate(params or ()):
        key = names.check_key(param.key, f"params[{index}].key")
        if key in collected:
            raise Invalid(
                f"Duplicate parameter keys have been submitted: ['{key}']. Please ensure the request contains only "
                "one param value per param key."
            )
        collected[key] = check_value(param.value)
    return collected


def changed(run_id: str, key: str, old: str, new: str) -> Invalid:
    """The error of another value for a parameter that a run has, in MLflow's words."""
    return Invalid(
        f"Changing param values is not allowed. Param with key='{key}' was already logged with value='{old}' for "
        f"run ID='{run_id}'. Attempted logging new value '{new}'."
    )
