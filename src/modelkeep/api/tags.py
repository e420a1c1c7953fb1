"""Tags on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class TagShape(msgspec.Struct):
    """A key and its value."""

    key: str
    value: str


def tag_shapes(pairs: Iterable[Sequence[str]]) -> list[TagShape]:
    """Tags from pairs of key and value."""
    return [TagShape(key, value) for key, value in pairs]
