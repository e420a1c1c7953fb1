"""A tag: a key and a text value on a model, a version, a run, an experiment or a logged model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from modelkeep.domain import names, texts


@dataclass(slots=True)
class Tag:
    """A key with its value; a missing value is the empty text, as in MLflow."""

    key: str | None = None
    value: str | None = None


def check_value(value: object, limit: int = texts.TAG_VALUE_LIMIT) -> str:
    """Return a tag's value; None is the empty text.

    Raises:
        Invalid: it is not text or over `limit` characters.
    """
    return "" if value is None else texts.check(value, "value", limit)


def collect(tags: Iterable[Tag] | None, limit: int = texts.TAG_VALUE_LIMIT) -> dict[str, str]:
    """Check tags and return them as a dict; of equal keys the last wins.

    Raises:
        Invalid: a key or a value is not allowed.
    """
    return {names.check_key(tag.key, "tags.key"): check_value(tag.value, limit) for tag in tags or ()}
