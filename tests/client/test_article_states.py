"""The article's program, in process, with a server and with the stock client, leaves the same state behind."""

from __future__ import annotations

import hashlib
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import modelkeep
from modelkeep.client import connections
from modelkeep.flavors import mlmodels
from tests.client.article_program import CHURN, FRAUD
from tests.mlflow_client.conftest import CLIENT_SETTINGS
from tests.support.servers import ROOT, start_server


def test_the_program_ends_in_the_same_state_in_each_way(tmp_path):
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("MODELKEEP_", "MLFLOW_"))}
    told, state = {}, {}
    for way in ("embedded", "server", "stock"):
        environment = clean | CLIENT_SETTINGS | {"MODELKEEP_CACHE": str(tmp_path / f"cache of {way}")}
        package = "mlflow" if way == "stock" else "modelkeep"
        if way == "embedded":
            told[way] = _run(package, str(tmp_path / way), environment)
            state[way] = _state(str(tmp_path / way))
        else:
            with start_server(tmp_path / way) as server:
                told[way] = _run(package, server.url, environment)
                state[way] = _state(server.url)
    connections.close_all()

    _check_that_it_is_the_articles(told["embedded"], state["embedded"])
    for way in ("server", "stock"):
        assert told[way] == told["embedded"]
        for part in state["embedded"]:
            assert state[way][part] == state["embedded"][part], f"{way}: {part}"


def _check_that_it_is_the_articles(told: Any, state: Any) -> None:
    assert told["stages"]["stages"] == {"1": "Archived", "2": "None", "3": "Production", "4": "None"}
    assert "AUC too low" in told["stages"]["refused"]
    (third, first), (fourth, second) = told["champions"]
    assert (third, fourth) == ("3", "4") and first != second
    assert [each["metrics.auc"] for each in told["compared"]] == [0.91, 0.92, 0.93, 0.94]
    assert told["lineage"]["training_data"] and told["lineage"]["features"] == ["mean radius", "mean texture"]
    assert sorted(state["versions"]) == [f"{CHURN}/2", f"{CHURN}/3", f"{CHURN}/4", f"{FRAUD}/1"]
    assert state["versions"][f"{CHURN}/3"]["aliases"] == ["champion"]
    assert state["versions"][f"{CHURN}/2"]["pickle"]
    assert len(state["runs"]) == 5 and len(state["runs"]["training-1"]["files"]) == 6


def _run(package: str, address: str, environment: dict[str, str]) -> Any:
    program = [sys.executable, "-m", "tests.client.article_program", package, address]
    ran = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-4000:]
    return json.loads(ran.stdout)


def _state(address: str) -> dict[str, Any]:
    """Everything that is the same in every registry: no ids, times and addresses."""
    client = modelkeep.connect(address)
    experiment = client.get_experiment_by_name("churn")
    runs = client.search_runs([experiment.experiment_id])
    names = {run.info.run_id: run.info.run_name for run in runs}
    versions = client.search_model_versions()
    return {
        "models": {
            model.name: (model.description, model.tags, model.aliases) for model in client.search_registered_models()
        },
        "versions": {f"{each.name}/{each.version}": _version(client, each, names) for each in versions},
        "runs": {run.info.run_name: _run_state(client, run) for run in runs},
        "logged models": sorted(
            (each.name, each.status, names.get(each.source_run_id))
            for each in client.search_logged_models([experiment.experiment_id])
        ),
    }


def _version(client: modelkeep.Client, version: Any, names: dict[str, str]) -> dict[str, Any]:
    files = {file.path: file.digest for file in client.list_model_version_files(version.name, version.version)}
    state = {
        "stage": version.current_stage,
        "aliases": sorted(version.aliases),
        "description": version.description,
        "tags": {key: "a time" if key.startswith("promoted_to") else value for key, value in version.tags.items()},
        "run": names[version.run_id],
        "status": version.status,
        "source": version.source.partition(":")[0],
        "files": sorted(files),
        # Written from the same object by cloudpickle. A skops file has the time of its making in it.
        "pickle": files.get("model.pkl"),
    }
    if "MLmodel" in files:
        described = mlmodels.read(client.download_uri(f"models:/{version.name}/{version.version}"))
        state["signature"] = described.signature and described.signature.to_dict()
        state["flavors"] = described.flavors
    return state


def _run_state(client: modelkeep.Client, run: Any) -> dict[str, Any]:
    return {
        "status": run.info.status,
        "user": run.info.user_id,
        "params": run.data.params,
        "metrics": {key: "NaN" if math.isnan(value) else value for key, value in run.data.metrics.items()},
        "history": [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, "loss_curve")],
        "tags": run.data.tags,
        "inputs": [
            (each.dataset.name, each.dataset.digest, each.dataset.source_type, each.dataset.source,
             each.dataset.schema, each.dataset.profile, [(tag.key, tag.value) for tag in each.tags])
            for each in run.inputs.dataset_inputs
        ],
        "models": len(run.outputs.model_outputs),
        "files": _files(client, run),
    }  # fmt: skip


def _files(client: modelkeep.Client, run: Any) -> dict[str, str]:
    root = Path(client.download_artifacts(run.info.run_id, ""))
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }
