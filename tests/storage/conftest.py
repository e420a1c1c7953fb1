"""Fixtures of the storage tests."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.storage import library
from tests.storage.library import Library


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Library]:
    """The library of a seed, built once for all tests, which only read it."""
    folder = tmp_path_factory.mktemp("libraries")
    return cache(lambda seed: library.build(folder / f"{seed}.db", seed))
