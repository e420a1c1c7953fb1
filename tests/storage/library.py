"""A small random registry in a real SQLite file or PostgreSQL database, and the same rows as Python values to check searches against."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from modelkeep.storage import postgres_schema, schema
from modelkeep.storage.connections import Session

TEXTS = ["", "a", "A", "b", "aB", "a b", "it's", '"q"', "100%", "a_b", "*", "?", "[x]", "x", "é", "É", "日本", "a\nb"]
NUMBERS = [-1.0, 0.0, 0.5, 2.0, 1e300, float("nan")]
KEYS = ["k", "a b", "mlflow.x", "loss"]
TIMES = [1, 2, 3]

SEARCHES = {
    "models": "SELECT m.id{keys} FROM models m WHERE m.deleted_timestamp IS NULL",
    "versions": (
        "SELECT v.model_id || '/' || v.number{keys} FROM versions v JOIN models m ON m.id = v.model_id "
        "WHERE m.deleted_timestamp IS NULL AND v.deleted_timestamp IS NULL"
    ),
    "experiments": "SELECT e.id{keys} FROM experiments e WHERE e.lifecycle_stage IN ('active')",
    "runs": "SELECT r.id{keys} FROM runs r WHERE r.experiment_id IN (1, 2) AND r.lifecycle_stage IN ('active')",
    "logged_models": (
        "SELECT l.id{keys} FROM logged_models l WHERE l.experiment_id IN (1, 2) AND l.deleted_timestamp IS NULL"
    ),
}


Connection = apsw.Connection | Session


@dataclass
class Metric:
    key: str
    value: float
    timestamp: int = 0
    step: int = 0
    run_id: str = ""
    dataset: tuple[str, str] = ("", "")


@dataclass
class Row:
    """What a search of one noun may find: `id` is the first column of its SEARCHES statement."""

    id: Any
    attributes: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: list[Metric] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    datasets: list[dict[str, str]] = field(default_factory=list)


@dataclass
class Library:
    """The open file, and for each noun the rows that are live."""

    connection: Connection
    rows: dict[str, list[Row]]


def open_empty(place: Path | str) -> Connection:
    """The tables of the migrations, in a new SQLite file or, in an empty PostgreSQL database, at its address."""
    if isinstance(place, str):
        postgres_schema.migrate(place, "file:///nowhere")
        return Session(place)
    connection = apsw.Connection(str(place))
    # As every connection of `storage.sqlite`: it changes which indexes a bound value may use.
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    for _, script in schema.migrations():
        connection.execute(script)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def build(place: Path | str, seed: int) -> Library:
    """The library of a seed: a few models with versions, experiments with runs and logged models, some deleted."""
    builder = _Builder(open_empty(place), random.Random(seed))
    builder.execute("BEGIN")
    builder.experiments()
    builder.runs()
    builder.models()
    builder.logged_models()
    builder.execute("COMMIT")
    return Library(builder.connection, builder.rows)


class _Builder:
    def __init__(self, connection: Connection, chance: random.Random):
        self.connection = connection
        self.chance = chance
        self.rows: dict[str, list[Row]] = {noun: [] for noun in SEARCHES}

    def insert(self, table: str, **values: Any) -> None:
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)

    def execute(self, sql: str, parameters: dict[str, Any] | None = None) -> None:
        self.connection.execute(sql, parameters or {})

    def text(self) -> str:
        return self.chance.choice(TEXTS)

    def maybe(self, value: Any) -> Any:
        return value if self.chance.random() < 0.6 else None

    def time(self) -> int:
        return self.chance.choice(TIMES)

    def keyed(self) -> dict[str, str]:
        return {key: self.text() for key in KEYS if self.chance.random() < 0.5}

    def experiments(self) -> None:
        for number in range(1, 7):
            row = Row(
                number,
                {
                    "name": f"{self.text()}{number}",
                    "experiment_id": number,
                    "artifact_location": self.text(),
                    "lifecycle_stage": "active" if number < 6 else "deleted",
                    "creation_time": self.time(),
                    "last_update_time": self.time(),
                },
                tags=self.keyed(),
            )
            values = dict(row.attributes)
            self.insert("experiments", id=values.pop("experiment_id"), **values)
            for key, value in row.tags.items():
                self.insert("experiment_tags", experiment_id=number, key=key, value=value)
            if number < 6:
                self.rows["experiments"].append(row)
        for identity, name in enumerate(["a", "A", "x"], 1):
            self.insert(
                "datasets", id=identity, experiment_id=1, name=name, digest=f"d{identity}", source_type="", source=""
            )

    def runs(self) -> None:
        for number in range(14):
            run_id = f"r{number:02}"
            live = number < 12
            metrics = [Metric(key, self.chance.choice(NUMBERS)) for key in KEYS if self.chance.random() < 0.6]
            row = Row(
                run_id,
                {
                    "run_id": run_id,
                    "run_name": self.text(),
                    "user_id": self.maybe(self.text()),
                    "status": self.chance.choice(["RUNNING", "FINISHED", "FAILED"]),
                    "start_time": self.time(),
                    "end_time": self.maybe(self.time()),
                    "artifact_uri": self.text(),
                },
                tags=self.keyed(),
                params=self.keyed(),
                metrics=metrics,
            )
            values = dict(row.attributes)
            self.insert(
                "runs",
                id=values.pop("run_id"),
                name=values.pop("run_name"),
                experiment_id=self.chance.choice([1, 2]),
                lifecycle_stage="active" if live else "deleted",
                **values,
            )
            for table, pairs in (("run_tags", row.tags), ("params", row.params)):
                for key, value in pairs.items():
                    self.insert(table, run_id=run_id, key=key, value=value)
            for metric in metrics:
                self.insert("latest_metrics", run_id=run_id, timestamp=0, step=0, **_measured(metric))
            for identity, name in enumerate(["a", "A", "x"], 1):
                if self.chance.random() < 0.3:
                    context = self.maybe(self.text())
                    self.insert("run_datasets", run_id=run_id, dataset_id=identity)
                    row.datasets.append({"name": name, "digest": f"d{identity}"})
                    if context is not None:
                        row.datasets[-1]["context"] = context
                        self.insert(
                            "run_dataset_tags",
                            run_id=run_id,
                            dataset_id=identity,
                            key="mlflow.data.context",
                            value=context,
                        )
            if live:
                self.rows["runs"].append(row)

    def models(self) -> None:
        names = self.chance.sample(TEXTS[1:], 7)
        for number, name in enumerate(names, 1):
            live = number < 7
            row = Row(
                number,
                {
                    "name": name,
                    "description": self.maybe(self.text()),
                    "user_id": self.maybe(self.text()),
                    "creation_timestamp": self.time(),
                    "last_updated_timestamp": self.time(),
                },
                tags=self.keyed(),
            )
            self.insert("models", id=number, deleted_timestamp=None if live else 9, **row.attributes)
            for key, value in row.tags.items():
                self.insert("model_tags", model_id=number, key=key, value=value)
            for version in range(1, self.chance.randint(1, 5)):
                self.version(row, version, live)
            if live:
                self.rows["models"].append(row)

    def version(self, model: Row, number: int, live: bool) -> None:
        deleted = self.chance.random() < 0.15
        run = self.maybe(self.chance.choice([*self.rows["runs"], Row("unknown", {})]))
        row = Row(
            f"{model.id}/{number}",
            {
                "name": model.attributes["name"],
                "version_number": number,
                "current_stage": self.chance.choice(["None", "None", "Staging", "Production", "Archived"]),
                "status": self.chance.choice(["READY", "FAILED_REGISTRATION"]),
                "source_path": self.text(),
                "run_id": run and run.id,
                "description": self.maybe(self.text()),
                "user_id": self.maybe(self.text()),
                "creation_timestamp": self.time(),
                "last_updated_timestamp": self.time(),
                "promoted_at": self.maybe(self.time()),
            },
            tags=self.keyed(),
            params=run.params if run else {},
            metrics=run.metrics if run else [],
        )
        values = dict(row.attributes)
        values.pop("name")
        updated = {"last_updated_timestamp": values["last_updated_timestamp"]}
        self.insert(
            "versions",
            model_id=model.id,
            number=values.pop("version_number"),
            source=values.pop("source_path"),
            promoted_timestamp=values.pop("promoted_at"),
            deleted_timestamp=9 if deleted else None,
            **values,
        )
        for key, value in row.tags.items():
            self.insert("version_tags", model_id=model.id, number=number, key=key, value=value, **updated)
        if deleted:
            return
        for alias in ("champion", "Champion", "x"):
            if alias not in model.aliases and self.chance.random() < 0.3:
                self.insert("aliases", model_id=model.id, alias=alias, number=number, **updated)
                model.aliases.append(alias)
                row.aliases.append(alias)
        model.stages.append(row.attributes["current_stage"])
        if live:
            self.rows["versions"].append(row)

    def logged_models(self) -> None:
        for number in range(8):
            model_id = f"m-{number}"
            experiment = self.chance.choice([1, 2])
            row = Row(
                model_id,
                {
                    "model_id": model_id,
                    "name": self.text(),
                    "model_type": self.maybe(self.text()),
                    "status": self.chance.choice(["LOGGED_MODEL_READY", "LOGGED_MODEL_PENDING"]),
                    "status_message": self.maybe(self.text()),
                    "source_run_id": self.maybe("r01"),
                    "experiment_id": experiment,
                    "artifact_location": self.text(),
                    "creation_timestamp": self.time(),
                    "last_updated_timestamp": self.time(),
                },
                tags=self.keyed(),
                params=self.keyed(),
            )
            values = dict(row.attributes)
            live = number < 7
            self.insert("logged_models", id=values.pop("model_id"), deleted_timestamp=None if live else 9, **values)
            for table, pairs in (("logged_model_tags", row.tags), ("logged_model_params", row.params)):
                for key, value in pairs.items():
                    self.insert(table, logged_model_id=model_id, key=key, value=value)
            for key in KEYS:
                for dataset in [("", ""), ("a", "d1"), ("a", "d2"), ("x", "d1")]:
                    if self.chance.random() < 0.4:
                        self.logged_metric(row, key, dataset)
            if live:
                self.rows["logged_models"].append(row)

    def logged_metric(self, row: Row, key: str, dataset: tuple[str, str]) -> None:
        metric = Metric(key, self.chance.choice(NUMBERS), self.time(), self.time(), "r01", dataset)
        row.metrics.append(metric)
        self.insert(
            "logged_model_metrics",
            logged_model_id=row.id,
            run_id=metric.run_id,
            dataset_name=dataset[0],
            dataset_digest=dataset[1],
            timestamp=metric.timestamp,
            step=metric.step,
            **_measured(metric),
        )


def _measured(metric: Metric) -> dict[str, Any]:
    is_nan = metric.value != metric.value
    return {"key": metric.key, "value": 0.0 if is_nan else metric.value, "is_nan": int(is_nan)}
