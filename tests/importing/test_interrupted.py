"""An import that is killed and started again ends in what an uninterrupted one ends in, whatever it reads from.

With MODELKEEP_SOAK=1 of a few hundred runs and versions, also from MLflow's own server and from a file store that its
client 2.9.2 writes.
"""

from __future__ import annotations

import collections
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import modelkeep
from compat import environments
from modelkeep.registry import opening
from tests.importing import multiplying
from tests.importing.conftest import IS_SOAK, import_killed_at
from tests.importing.dumping import dump_with
from tests.mlflow_client.conftest import CLIENT_SETTINGS
from tests.support.servers import ROOT, start_server

RUNS = 300 if IS_SOAK else 8
SOURCES = ("database_2_9", "modelkeep_server", *(("mlflow_server_3_17", "file_store_2_9") if IS_SOAK else ()))


def fill(python: Path | str, address: object, **settings: str) -> None:
    """Fill a registry with RUNS runs and as many versions, through the client of an environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    environment = kept | CLIENT_SETTINGS | settings
    subprocess.run(
        [str(python), "-m", "tests.importing.filling", str(address), str(RUNS)], env=environment, cwd=ROOT,
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def database_2_9(database):
    multiplying.in_database(database, RUNS)
    return database


@pytest.fixture
def modelkeep_server(tmp_path):
    """Its API is MLflow's, so it can be read as one, and filled in a tenth of the time."""
    with start_server(tmp_path / "there") as server:
        fill(sys.executable, server.url)
        yield server.url


@pytest.fixture
def mlflow_server_3_17(mlflow_server):
    return mlflow_server.url


@pytest.fixture
def file_store_2_9(tmp_path):
    folder = tmp_path / "mlruns"
    fill(environments.python_of("2.9.2"), folder, PYTHONPATH=str(ROOT))
    return folder


@pytest.mark.timeout(7200 if IS_SOAK else 300)
@pytest.mark.parametrize("kind", SOURCES)
def test_an_import_that_is_killed_again_and_again_ends_as_one_that_is_not(kind, request, tmp_path, bring):
    source = request.getfixturevalue(kind)
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    assert bring(source, "--to", whole).returncode == 0
    opening.prepare(resumed)
    client, complete = modelkeep.connect(resumed), modelkeep.connect(whole)

    moments = 5
    seen = [events(client)]
    while (code := import_killed_at(moments, source, resumed)) == -signal.SIGKILL:
        seen.append(events(client))
        moments += moments // (8 if IS_SOAK else 2) + 1
    report = json.loads(bring(source, "--to", resumed, "--verify", "--json").stdout)

    assert code == 0
    assert (report["problems"], report["differences"]) == ([], [])
    expected = events(complete)
    assert events(client) == expected
    # Among the moments were some between the first of the runs and the last, and before the versions.
    assert any(0 < each["run.imported"] < expected["run.imported"] for each in seen)
    assert any(each["run.imported"] and not each["version.imported"] for each in seen)
    assert len(seen) > 4
    assert dump_with(client) == dump_with(complete)
    assert digests(client) == digests(complete)


def events(client: modelkeep.Client) -> collections.Counter[str]:
    """How many there are of each kind."""
    found, after = collections.Counter[str](), 0
    while page := client.events(after=after, limit=1000):
        found.update(event.kind for event in page)
        after = page[-1].position
    return found


def digests(client: modelkeep.Client) -> dict[str, str | None]:
    """What each version is pinned to."""
    return {
        f"{version.name}/{version.version}": client.get_model_version_manifest(version.name, version.version).digest
        for version in client.search_model_versions()
        if not version.source.startswith("s3:")
    }
