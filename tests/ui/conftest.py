"""Servers with data folders that have something of everything, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.servers import start_server
from tests.support.wire import Wire
from tests.ui.furnishing import Furnished, furnish


@dataclass(frozen=True)
class Site:
    """A server with what was put into it. `base` is its base path."""

    url: str
    wire: Wire
    put: Furnished
    base: str = ""


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site") / "data"
    put = furnish(folder)
    with start_server(folder) as running:
        yield Site(running.url, Wire(running.url), put)


@pytest.fixture(scope="package")
def site_below_a_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("below") / "data"
    put = furnish(folder)
    with start_server(folder, "--base-path", "/registry/one") as running:
        yield Site(running.url, Wire(running.url), put, "/registry/one")


@pytest.fixture
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_server(tmp_path_factory.mktemp("empty") / "data") as running:
        yield Site(running.url, Wire(running.url), Furnished())
