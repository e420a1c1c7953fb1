"""From what callers give to what goes to the registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


def now() -> int:
    """UTC milliseconds."""
    return time.time_ns() // 1_000_000


def text(value: Any) -> str:
    """A value as text, as MLflow's client writes it: numbers and booleans as Python does."""
    return value if isinstance(value, str) else str(value)


def version_text(version: Any) -> str | None:
    """A version number, given as text or as a number."""
    return version if version is None or isinstance(version, str) else str(version)


def tag_list(tags: Mapping[str, Any] | None) -> list[dict[str, str]] | None:
    """Tags or params as the wire has them."""
    return [{"key": key, "value": text(value)} for key, value in tags.items()] if tags else None
