"""Fixtures of the storage tests."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.storage import library
from tests.storage.library import Library
from tests.support.postgres import Cluster

Libraries = Callable[[int], Library]


@pytest.fixture(scope="session")
def sqlite_libraries(tmp_path_factory: pytest.TempPathFactory) -> Libraries:
    """The library of a seed on SQLite, built once for all tests, which only read it."""
    folder = tmp_path_factory.mktemp("libraries")
    return cache(lambda seed: library.build(folder / f"{seed}.db", seed))


@pytest.fixture(scope="session")
def postgres_libraries(cluster: Cluster) -> Iterator[Libraries]:
    """The same on PostgreSQL."""
    built = []

    def build(seed: int) -> Library:
        built.append(library.build(cluster.make(), seed))
        return built[-1]

    yield cache(build)
    for each in built:
        each.connection.close()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def libraries(request: pytest.FixtureRequest) -> Libraries:
    """The library of a seed, on each database."""
    found: Libraries = request.getfixturevalue(f"{request.param}_libraries")
    return found
