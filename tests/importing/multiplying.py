"""More of what MLflow 2.9.2 wrote: runs like one that is there, each with its files and a version of its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

# What refers to a run, by the column that does.
_OF_RUNS = {"metrics": "run_uuid", "latest_metrics": "run_uuid", "params": "run_uuid", "tags": "run_uuid"}


def in_database(database: Path, count: int) -> None:
    """Add runs to an `mlflow.db` and to the folder `mlruns` beside it, and a version of "churn" for each."""
    connection = sqlite3.connect(database)
    with connection:
        like, artifacts, experiment = connection.execute(
            "SELECT run_uuid, artifact_uri, experiment_id FROM runs WHERE name = 'run-1'"
        ).fetchone()
        newest = connection.execute("SELECT max(version) FROM model_versions WHERE name = 'churn'").fetchone()[0]
        for number in range(1, count + 1):
            made = f"{number:032x}"
            folder = artifacts.replace(like, made)
            _copy(connection, "runs", like, made, "run_uuid", {"name": f"copy-{number}", "artifact_uri": folder})
            for table, column in _OF_RUNS.items():
                _copy(connection, table, like, made, column, {})
            _copy(connection, "inputs", like, made, "destination_id", {"input_uuid": made})
            given = {"version": newest + number, "source": f"{folder}/model", "storage_location": f"{folder}/model"}
            _copy(
                connection, "model_versions", like, made, "run_id", {"name": "churn", "current_stage": "None", **given}
            )
            files = database.parent / "mlruns" / str(experiment)
            shutil.copytree(files / like, files / made)
            (files / made / "artifacts" / "model" / "weights.bin").write_bytes(os.urandom(200))
    connection.close()


def _copy(
    connection: sqlite3.Connection, table: str, like: str, made: str, column: str, given: dict[str, object]
) -> None:
    """Copy the rows of a run to another, with values of their own in some columns."""
    columns = [each[1] for each in connection.execute(f"PRAGMA table_info({table})")]
    values = {column: made, **given}
    selected = ", ".join(f":{each}" if each in values else f'"{each}"' for each in columns)
    done = connection.execute(
        f"INSERT INTO {table} SELECT {selected} FROM {table} WHERE {column} = :like", {**values, "like": like}
    )
    assert done.rowcount > 0
