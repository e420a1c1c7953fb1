"""A real registry, once on a SQLite file and once on PostgreSQL, and actors of every role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from modelkeep.domain.actors import Actor
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry
from tests.support import postgres
from tests.support.postgres import Cluster


@pytest.fixture(scope="session")
def used_database(cluster: Cluster) -> str:
    """The address of a database that the tests of this process use one after the other."""
    return cluster.make()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """The address of a PostgreSQL database without rows, or None for SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("used_database")
    clear(url, tmp_path / "data")
    return url


def clear(url: str, folder: Path) -> None:
    """Make a database that was used that of a new data folder."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('modelkeep_registry') IS NOT NULL").fetchone()
        if row and row[0]:
            location = (folder / "blobs").resolve().as_uri()
            connection.execute("UPDATE modelkeep_registry SET blob_location = %s", [location])
            postgres.empty(url)


@pytest.fixture
def registry(tmp_path: Path, database: str | None, prepared: Path) -> Iterator[Registry]:
    folder = tmp_path / "data"
    if database is None:
        shutil.copytree(prepared, folder)
    else:
        opening.prepare(folder, database=database)
    registry = opening.open_registry(folder, database=database)
    yield registry
    opening.close(registry)


@pytest.fixture
def actor() -> Actor:
    return Actor("ann", "admin", True, "embedded")


@pytest.fixture
def reader() -> Actor:
    return Actor("rae", "reader", True, "embedded")
