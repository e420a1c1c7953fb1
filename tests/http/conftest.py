"""A real server for a module's tests, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import RunningServer, start_server
from tests.support.wire import Wire


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    database = None if request.param == "sqlite" else request.getfixturevalue("cluster").make()
    with start_server(tmp_path_factory.mktemp("server") / "data", database=database) as running:
        yield running


@pytest.fixture(scope="module")
def wire(server: RunningServer) -> Wire:
    return Wire(server.url)
