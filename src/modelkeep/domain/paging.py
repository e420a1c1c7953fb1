"""A page of a list: what a search verb returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Page(Generic[T]):
    """Some items of a list, and the token that leads to the next ones, None on the last page."""

    items: list[T]
    next_page_token: str | None = None
