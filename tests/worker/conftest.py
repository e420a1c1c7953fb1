"""A real registry on a SQLite file, and actors of every role."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "data"
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    yield registry
    opening.close(registry)


@pytest.fixture
def actor() -> Actor:
    return Actor("ann", "admin", True, "embedded")


@pytest.fixture
def reader() -> Actor:
    return Actor("rae", "reader", True, "embedded")
