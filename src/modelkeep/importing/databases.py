"""A source that is MLflow's SQLite database, read as it lies on the disk and never written.

The tables differ between MLflow's releases: which there are, and which columns they have, is looked up first.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from modelkeep.domain.datasets import Dataset, DatasetInput, ModelInput, ModelOutput
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.imports import Alias, Experiment, LoggedModel, Model, Run, Series, Version
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.importing.disks import Disk
from modelkeep.importing.folders import DELETED_STAGE
from modelkeep.importing.sources import Place, SourceFile, scheme_of

PAGE = 200
NEEDED = ("experiments", "runs", "registered_models", "model_versions")
_NAN = float("nan")
_IN = "IN (SELECT value FROM json_each(?))"
# What has rows in these tables is not brought, and is said.
_LACKING = {
    "trace_info": "traces",
    "evaluation_datasets": "evaluation data sets",
    "scorers": "scorers",
    "webhooks": "webhooks",
    "endpoints": "gateway endpoints",
    "issues": "issues",
}


class DatabaseSource:
    """MLflow's SQLite database on this machine.

    Args:
        artifacts: the folder that is behind `mlflow-artifacts:/` addresses, if there are any.
    Raises:
        Invalid: it is not a database of MLflow's.
    """

    def __init__(self, path: Path, artifacts: Path | None):
        self.address = str(path)
        self._disk = Disk(path.parent, artifacts)
        self._locations: dict[tuple[str, int], str] = {}
        try:
            # Threads that list files do not touch it, but a check would not know.
            self._connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, check_same_thread=False)
            tables = [
                name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            ]
            self._columns = {
                table: {row[1] for row in self._connection.execute(f'PRAGMA table_info("{table}")')} for table in tables
            }
        except sqlite3.Error as error:
            raise Invalid(f"'{path}' cannot be read as a SQLite database: {error}.") from None
        missing = [table for table in NEEDED if table not in self._columns]
        if missing:
            self._connection.close()
            raise Invalid(f"'{path}' is not a database of MLflow's: it has no table '{missing[0]}'.")
        for experiment in self.experiments():
            if not self._is_there(experiment.artifact_location):
                self._disk.learn(experiment.artifact_location, path.parent / "mlruns")

    def close(self) -> None:
        """See `Source`."""
        self._connection.close()

    def _rows(
        self, table: str, columns: Iterable[str], rest: str = "", parameters: tuple[Any, ...] = ()
    ) -> Iterator[Any]:
        """Rows of a table as dicts; a column that this release does not have is None, a table it does not have empty."""
        there = self._columns.get(table)
        if there is None:
            return
        names = list(columns)
        chosen = ", ".join(name if name in there else "NULL" for name in names)
        try:
            for row in self._connection.execute(f"SELECT {chosen} FROM {table} {rest}", parameters):
                yield dict(zip(names, row, strict=True))
        except sqlite3.Error as error:
            raise Invalid(
                f"'{self.address}' could not be read: {error}. Import from the server instead, or from a copy of the file."
            ) from None

    def _here(self, table: str, condition: str = "TRUE") -> str:
        """The condition, and that a row is of the default workspace, where there are several."""
        if "workspace" in self._columns.get(table, ()):
            return f"WHERE workspace = 'default' AND {condition}"
        return f"WHERE {condition}"

    # Experiments and runs -----------------------------------------------------------------------------------

    def experiments(self) -> Iterator[Experiment]:
        """See `Source`."""
        tags = self._pairs("experiment_tags", "experiment_id", "key", "value")
        columns = ("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time")
        for row in self._rows("experiments", columns, f"{self._here('experiments')} ORDER BY experiment_id"):
            yield Experiment(
                id=str(row["experiment_id"]),
                name=row["name"],
                artifact_location=row["artifact_location"],
                lifecycle_stage=row["lifecycle_stage"],
                creation_time=row["creation_time"],
                last_update_time=row["last_update_time"],
                tags=[Tag(key, value) for key, value in tags[row["experiment_id"]]],
            )

    def _is_there(self, location: str | None) -> bool:
        return scheme_of(location or "") == "file" and self._disk.path(location or "").exists()

    def _pairs(
        self, table: str, owner: str, key: str, value: str, ids: str | None = None
    ) -> dict[Any, list[tuple[str, str]]]:
        """Keys and values of a table by their owner, in the order of the keys."""
        found: dict[Any, list[tuple[str, str]]] = defaultdict(list)
        condition, parameters = ("", ()) if ids is None else (f"WHERE {owner} {_IN}", (ids,))
        for row in self._rows(table, (owner, key, value), f"{condition} ORDER BY {owner}, {key}", parameters):
            found[row[owner]].append((row[key], row[value] or ""))
        return found

    def runs(self, experiment_id: str) -> Iterator[list[Run]]:
        """See `Source`."""
        columns = (
            "run_uuid", "name", "user_id", "status", "start_time", "end_time", "deleted_time", "lifecycle_stage",
            "artifact_uri",
        )  # fmt: skip
        after = ""
        while True:
            rows = list(
                self._rows(
                    "runs", columns, "WHERE experiment_id = ? AND run_uuid > ? ORDER BY run_uuid LIMIT ?",
                    (int(experiment_id), after, PAGE),
                )
            )  # fmt: skip
            if not rows:
                return
            after = rows[-1]["run_uuid"]
            ids = json.dumps([row["run_uuid"] for row in rows])
            tags = self._pairs("tags", "run_uuid", "key", "value", ids)
            params = self._pairs("params", "run_uuid", "key", "value", ids)
            newest = self._series("latest_metrics", ids)
            inputs = self._inputs(ids)
            read, written = self._models_of(ids)
            yield [
                _run(row, experiment_id, tags, params, newest, inputs, read, written)
                for row in rows
            ]  # fmt: skip

    def _series(self, table: str, ids: str) -> dict[str, list[Series]]:
        found: dict[str, list[Series]] = defaultdict(list)
        rest = f"WHERE run_uuid {_IN} ORDER BY run_uuid, key, timestamp, step, value"
        for row in self._rows(table, ("run_uuid", "key", "timestamp", "step", "value", "is_nan"), rest, (ids,)):
            known = found[row["run_uuid"]]
            if not known or known[-1].key != row["key"]:
                known.append(Series(row["key"]))
            known[-1].timestamps.append(row["timestamp"])
            known[-1].steps.append(row["step"] or 0)
            known[-1].values.append(_NAN if row["is_nan"] or row["value"] is None else float(row["value"]))
        return found

    def _inputs(self, ids: str) -> dict[str, list[DatasetInput]]:
        links = list(
            self._rows(
                "inputs", ("input_uuid", "source_id", "destination_id"),
                f"WHERE source_type = 'DATASET' AND destination_type = 'RUN' AND destination_id {_IN} "
                "ORDER BY destination_id, source_id",
                (ids,),
            )
        )  # fmt: skip
        if not links:
            return defaultdict(list)
        tags = self._pairs(
            "input_tags", "input_uuid", "name", "value", json.dumps([row["input_uuid"] for row in links])
        )
        columns = (
            "dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source", "dataset_schema", "dataset_profile",
        )  # fmt: skip
        datasets = {
            row["dataset_uuid"]: Dataset(*(row[column] for column in columns[1:]))
            for row in self._rows(
                "datasets", columns, f"WHERE dataset_uuid {_IN}", (json.dumps([row["source_id"] for row in links]),)
            )
        }
        found: dict[str, list[DatasetInput]] = defaultdict(list)
        for row in links:
            if row["source_id"] in datasets:
                given = [Tag(key, value) for key, value in tags[row["input_uuid"]]]
                found[row["destination_id"]].append(DatasetInput(datasets[row["source_id"]], given))
        return found

    def _models_of(self, ids: str) -> tuple[dict[str, list[ModelInput]], dict[str, list[ModelOutput]]]:
        read: dict[str, list[ModelInput]] = defaultdict(list)
        written: dict[str, list[ModelOutput]] = defaultdict(list)
        rest = f"WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id {_IN} ORDER BY destination_id"
        for row in self._rows("inputs", ("source_type", "source_id", "destination_id", "step"), rest, (ids,)):
            if row["source_type"] == "RUN_INPUT":
                read[row["source_id"]].append(ModelInput(row["destination_id"]))
            else:
                written[row["source_id"]].append(ModelOutput(row["destination_id"], row["step"] or 0))
        return read, written

    def fill_histories(self, runs: list[Run]) -> None:
        """See `Source`."""
        found = self._series("metrics", json.dumps([run.id for run in runs]))
        for run in runs:
            run.metrics = found[cast(str, run.id)]

    def logged_models(self, experiment_ids: list[str]) -> Iterator[list[LoggedModel]]:
        """See `Source`."""
        columns = (
            "model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms",
            "last_updated_timestamp_ms", "status", "model_type", "source_run_id", "status_message",
        )  # fmt: skip
        wanted = json.dumps([int(each) for each in experiment_ids])
        after = ""
        while True:
            rest = (
                f"WHERE experiment_id {_IN} AND lifecycle_stage <> 'deleted' AND model_id > ? ORDER BY model_id LIMIT ?"
            )
            rows = list(self._rows("logged_models", columns, rest, (wanted, after, PAGE)))
            if not rows:
                return
            after = rows[-1]["model_id"]
            ids = json.dumps([row["model_id"] for row in rows])
            tags = self._pairs("logged_model_tags", "model_id", "tag_key", "tag_value", ids)
            params = self._pairs("logged_model_params", "model_id", "param_key", "param_value", ids)
            measured = self._measured(ids)
            yield [
                LoggedModel(
                    id=row["model_id"],
                    experiment_id=str(row["experiment_id"]),
                    name=row["name"],
                    model_type=row["model_type"] or None,
                    source_run_id=row["source_run_id"] or None,
                    status=str(row["status"]),
                    status_message=row["status_message"] or None,
                    creation_timestamp=row["creation_timestamp_ms"],
                    last_updated_timestamp=row["last_updated_timestamp_ms"],
                    artifact_location=row["artifact_location"],
                    tags=[Tag(key, value) for key, value in tags[row["model_id"]]],
                    params=[Param(key, value) for key, value in params[row["model_id"]]],
                    metrics=measured[row["model_id"]],
                )
                for row in rows
            ]

    def _measured(self, ids: str) -> dict[str, list[Series]]:
        columns = (
            "model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value", "run_id", "dataset_name",
            "dataset_digest",
        )  # fmt: skip
        found: dict[str, list[Series]] = defaultdict(list)
        rest = f"WHERE model_id {_IN} ORDER BY model_id, metric_name, metric_timestamp_ms, metric_step, run_id"
        for row in self._rows("logged_model_metrics", columns, rest, (ids,)):
            value = _NAN if row["metric_value"] is None else float(row["metric_value"])
            found[row["model_id"]].append(
                Series(
                    row["metric_name"], [row["metric_timestamp_ms"]], [row["metric_step"]], [value], row["run_id"],
                    row["dataset_name"] or None, row["dataset_digest"] or None,
                )
            )  # fmt: skip
        return found

    # Registered models --------------------------------------------------------------------------------------

    def models(self) -> Iterator[Model]:
        """See `Source`."""
        here = self._here
        tags: dict[str, list[Tag]] = defaultdict(list)
        rest = f"{here('registered_model_tags')} ORDER BY name, key"
        for row in self._rows("registered_model_tags", ("name", "key", "value"), rest):
            tags[row["name"]].append(Tag(row["key"], row["value"] or ""))
        aliases: dict[str, list[Alias]] = defaultdict(list)
        rest = f"{here('registered_model_aliases')} ORDER BY name, alias"
        for row in self._rows("registered_model_aliases", ("name", "alias", "version"), rest):
            aliases[row["name"]].append(Alias(row["alias"], row["version"]))
        versions = self._versions()
        columns = ("name", "creation_time", "last_updated_time", "description")
        for row in self._rows("registered_models", columns, f"{here('registered_models')} ORDER BY name"):
            yield Model(
                name=row["name"],
                description=row["description"] or None,
                creation_timestamp=row["creation_time"],
                last_updated_timestamp=row["last_updated_time"],
                tags=tags[row["name"]],
                aliases=aliases[row["name"]],
                versions=versions[row["name"]],
            )

    def _versions(self) -> dict[str, list[Version]]:
        tags: dict[tuple[str, int], list[Tag]] = defaultdict(list)
        rest = f"{self._here('model_version_tags')} ORDER BY name, version, key"
        for row in self._rows("model_version_tags", ("name", "version", "key", "value"), rest):
            tags[row["name"], row["version"]].append(Tag(row["key"], row["value"] or ""))
        columns = (
            "name", "version", "creation_time", "last_updated_time", "description", "user_id", "current_stage", "source",
            "run_id", "status", "status_message", "run_link", "storage_location",
        )  # fmt: skip
        found: dict[str, list[Version]] = defaultdict(list)
        condition = f"current_stage <> '{DELETED_STAGE}'"
        rest = f"{self._here('model_versions', condition)} ORDER BY name, version"
        for row in self._rows("model_versions", columns, rest):
            name, number, source = row["name"], row["version"], row["source"] or ""
            self._locations[name, number] = row["storage_location"] or source
            address = source.removeprefix("models:/")
            is_logged_model = address != source and "/" not in address and "@" not in address
            found[name].append(
                Version(
                    number=number,
                    source=source,
                    run_id=row["run_id"] or None,
                    run_link=row["run_link"] or None,
                    logged_model_id=address if is_logged_model else None,
                    current_stage=row["current_stage"] or "None",
                    status=row["status"],
                    status_message=row["status_message"] or None,
                    description=row["description"] or None,
                    user_id=row["user_id"] or None,
                    creation_timestamp=row["creation_time"],
                    last_updated_timestamp=row["last_updated_time"],
                    tags=tags[name, number],
                )
            )
        return found

    def download_uri(self, name: str, number: int, source: str) -> str:
        """See `Source`."""
        return self._locations.get((name, number), source)

    # Files --------------------------------------------------------------------------------------------------

    def files(self, place: Place) -> list[SourceFile]:
        """See `Source`."""
        path = self._disk.path(place.uri)
        if not path.exists() and place.kind == "run":
            return []  # a run that logged no file
        return self._disk.files(place.uri)

    def fetch(self, place: Place, file: SourceFile, to: Path) -> None:
        """See `Source`."""
        raise NotFound(f"'{file.path}' is not on this machine.")

    def lacking(self, experiment_ids: list[str]) -> list[str]:
        """See `Source`."""
        found = [
            f"It has {what}, which are not brought."
            for table, what in _LACKING.items()
            if any(True for _ in self._rows(table, ("1",), "LIMIT 1"))
        ]
        if "workspace" in self._columns["experiments"] and any(
            True for _ in self._rows("experiments", ("workspace",), "WHERE workspace <> 'default' LIMIT 1")
        ):
            found.append("It has several workspaces; only the one named 'default' was brought.")
        return found


def _run(
    row: dict[str, Any],
    experiment_id: str,
    tags: dict[str, list[tuple[str, str]]],
    params: dict[str, list[tuple[str, str]]],
    newest: dict[str, list[Series]],
    inputs: dict[str, list[DatasetInput]],
    read: dict[str, list[ModelInput]],
    written: dict[str, list[ModelOutput]],
) -> Run:
    run_id = row["run_uuid"]
    named = next((value for key, value in tags[run_id] if key == "mlflow.runName"), None)
    return Run(
        id=run_id,
        experiment_id=experiment_id,
        name=row["name"] or named or "",
        user_id=row["user_id"] or None,
        status=row["status"],
        start_time=row["start_time"],
        end_time=row["end_time"],
        lifecycle_stage=row["lifecycle_stage"],
        deleted_time=row["deleted_time"],
        artifact_uri=row["artifact_uri"],
        tags=[Tag(key, value) for key, value in tags[run_id]],
        params=[Param(key, value) for key, value in params[run_id]],
        metrics=newest[run_id],
        datasets=inputs[run_id],
        model_inputs=read[run_id],
        model_outputs=written[run_id],
    )
