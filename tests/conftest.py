"""What every folder of tests may use: PostgreSQL, started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import postgres
from tests.support.postgres import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with postgres.cluster() as running:
        yield running


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[str]:
    """The address of a PostgreSQL database with nothing in it."""
    url = cluster.make()
    yield url
    cluster.drop(url)
