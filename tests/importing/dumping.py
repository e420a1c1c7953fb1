"""Everything that a client finds in a registry, the stock `mlflow` one or ours, so that two can be compared."""

from __future__ import annotations

import hashlib
import math
import tempfile
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import ViewType

# What MLflow's SQL databases, and we, keep an infinity as.
LARGEST = 1.7976931348623157e308


def dump(uri: str, *, files: bool = True) -> dict[str, Any]:
    """What the stock client finds at an address; see `dump_with`."""
    return dump_with(MlflowClient(uri, registry_uri=uri), files=files)


def dump_with(client: Any, *, files: bool = True) -> dict[str, Any]:
    """Experiments, runs, models and versions by what tells them apart, without addresses of files.

    Args:
        files: with the digest of every file of a run.
    """
    experiments = client.search_experiments(view_type=ViewType.ALL)
    names = {each.experiment_id: each.name for each in experiments}
    runs = [
        run
        for each in experiments
        for run in client.search_runs([each.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
    ]
    deleted = {each.experiment_id for each in experiments if each.lifecycle_stage == "deleted"}
    return {
        "experiments": {
            each.name: {
                "lifecycle_stage": each.lifecycle_stage,
                "tags": each.tags,
                # Every registry has this one by itself.
                "times": None if each.name == "Default" else (each.creation_time, each.last_update_time),
            }
            for each in experiments
        },
        "runs": {
            run.info.run_id: _run(client, run, names, deleted) | ({"files": _files(client, run)} if files else {})
            for run in runs
        },
        "models": {
            model.name: {
                "description": model.description or None,
                "times": (model.creation_timestamp, model.last_updated_timestamp),
                "tags": model.tags,
                "aliases": {alias: int(version) for alias, version in model.aliases.items()},
            }
            for model in client.search_registered_models()
        },
        "versions": {f"{each.name}/{each.version}": _version(each) for each in client.search_model_versions()},
    }


def _run(client: MlflowClient, run: Any, names: dict[str, str], deleted: set[str]) -> dict[str, Any]:
    info = run.info
    return {
        "experiment": names[info.experiment_id],
        "name": info.run_name,
        "user": info.user_id,
        "status": info.status,
        "times": (info.start_time, info.end_time),
        "lifecycle_stage": "deleted" if info.experiment_id in deleted else info.lifecycle_stage,
        "tags": run.data.tags,
        "params": run.data.params,
        "metrics": {
            key: sorted(
                (each.timestamp, each.step, _number(each.value)) for each in client.get_metric_history(info.run_id, key)
            )
            for key in run.data.metrics
        },
        "inputs": [each.to_dictionary() for each in run.inputs.dataset_inputs] if run.inputs else [],
    }


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else repr(min(max(value, -LARGEST), LARGEST))


def _files(client: MlflowClient, run: Any) -> dict[str, str]:
    if run.info.artifact_uri.startswith("s3:"):
        return {}
    if not client.list_artifacts(run.info.run_id):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(client.download_artifacts(run.info.run_id, "", folder))
        return {
            path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in root.rglob("*")
            if path.is_file()
        }


def _version(version: Any) -> dict[str, Any]:
    return {
        "times": (version.creation_timestamp, version.last_updated_timestamp),
        "stage": version.current_stage,
        "description": version.description or None,
        "run_id": version.run_id or None,
        "status": version.status,
        "tags": version.tags,
        "user": version.user_id or None,
    }
