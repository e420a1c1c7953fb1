"""Commands run over a registry of each kind: a data folder, and a running server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import modelkeep
from modelkeep.cli.main import main
from tests.client.conftest import client, environment, experiment_id, folder, model, run_id, server, uri

__all__ = ["client", "environment", "experiment_id", "folder", "model", "run_id", "server", "uri"]


@dataclass
class Ended:
    """A command that ended: its code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its standard output, which must be one JSON document."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """The cells of its lines."""
        return [line.split("\t") for line in self.out.splitlines()]


Run = Callable[..., Ended]


def run_main(*args: str, input: str | None = None) -> Ended:
    """Run a command line in this process, as in a pipe."""
    ended = CliRunner().invoke(main, [str(arg) for arg in args], input=input)
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


@pytest.fixture
def run(uri: str, client: modelkeep.Client, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line on the registry; it must end with 0 unless told otherwise; None is any code."""
    monkeypatch.setenv("MODELKEEP_URI", uri)

    def run(*args: str, code: int | None = 0, input: str | None = None) -> Ended:
        ended = run_main(*args, input=input)
        if code is None:
            return ended
        assert ended.code == code, ended.err or ended.out
        if code:
            first, *rules = ended.err.splitlines()
            assert first.startswith("Error: ") and all(line.startswith("- policy ") for line in rules)
        return ended

    return run


@pytest.fixture
def version(client: modelkeep.Client, model: str, run_id: str, tmp_path: Path) -> str:
    """The address, `name/1`, of a version of two files, whose run has a metric and a param."""
    return f"{model}/{register(client, model, run_id, tmp_path)}"


def register(client: modelkeep.Client, model: str, run_id: str, folder: Path) -> str:
    """Register a version of two files, from a run with a metric and a param; its number."""
    source = folder / f"source-{uuid.uuid4().hex}"
    (source / "data").mkdir(parents=True)
    (source / "MLmodel").write_text("flavors: {}\n")
    (source / "data" / "weights").write_bytes(b"\0" * 100)
    client.log_artifacts(run_id, str(source), "model")
    client.log_metric(run_id, "auc", 0.5)
    client.log_param(run_id, "depth", 3)
    return client.create_model_version(model, f"runs:/{run_id}/model", run_id).version
