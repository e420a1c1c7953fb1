"""MLflow is imported once, before warnings become errors: it warns about its own use of other packages."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import pytest

from modelkeep.client import active, connections

with warnings.catch_warnings():
    warnings.simplefilter("ignore")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of whoever runs the tests leaks in, and a cache of the test's own."""
    for name in list(os.environ):
        if name.startswith(("MODELKEEP_", "MLFLOW_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("MODELKEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
    yield
    while active.active_run() is not None:
        active.end_run()
    connections.choose(None)
