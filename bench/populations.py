"""A registry of any number of versions, written straight into its tables.

What does not depend on the number is what the searches of `bench.growth` look for: as many hits at every size.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from modelkeep.registry.handle import Registry
from modelkeep.storage.database import Transaction
from modelkeep.storage.postgres import WritingTransaction

BEGAN = 1_700_000_000_000
BIG = "big"
RARE = 10  # hits of every selective search
SERIES = 5  # metrics of a run
POINTS = 20  # of a metric
_BATCH = 50_000


@dataclass(frozen=True)
class Population:
    """How much there is of what, for a number of versions."""

    versions: int

    @property
    def models(self) -> int:
        return self.versions // 100

    @property
    def big(self) -> int:
        """How many versions the largest model has."""
        return self.versions // 10

    @property
    def runs(self) -> int:
        return self.versions // 10

    @property
    def experiments(self) -> int:
        return max(self.versions // 10_000, 2)

    @property
    def points(self) -> int:
        return self.runs * SERIES * POINTS

    def name(self, model: int) -> str:
        """Names begin alike in families of ten."""
        return BIG if model == 0 else f"family-{model // 10:05}-model-{model % 10}"

    def owner(self, index: int) -> tuple[int, int]:
        """The model and number of the index-th version: a tenth is of the first, the others have all alike."""
        if index < self.big:
            return 0, index + 1
        rest = index - self.big
        others = self.models - 1
        return 1 + rest % others, 1 + rest // others

    def count(self, model: int) -> int:
        if model == 0:
            return self.big
        rest, others = self.versions - self.big, self.models - 1
        return rest // others + (model - 1 < rest % others)

    def run(self, index: int) -> str:
        return f"{index:032x}"


def fill(registry: Registry, population: Population) -> None:
    """Write everything, in transactions of 50,000 rows."""
    for table, columns, rows in _tables(population):
        for batch in _batches(rows):
            with registry.database.write() as tx:
                _insert(tx, table, columns, batch)


def _insert(tx: Transaction, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    names = ", ".join(columns)
    if isinstance(tx, WritingTransaction):
        with tx.session.connection.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    else:
        tx.many(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})", rows)


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, _BATCH)):
        yield batch


def _tables(population: Population) -> Iterator[tuple[str, tuple[str, ...], Iterable[Sequence[Any]]]]:
    experiment = ("id", "name", "artifact_location", "creation_time", "last_update_time")
    yield "experiments", experiment, _experiments(population)
    run = ("id", "experiment_id", "name", "status", "start_time", "end_time", "artifact_uri")
    yield "runs", run, _runs(population)
    yield "run_tags", ("run_id", "key", "value"), _run_tags(population)
    yield "params", ("run_id", "key", "value"), _params(population)
    newest = ("series", "run_id", "key", "value", "timestamp", "step", "is_nan")
    yield "latest_metrics", newest, _newest(population)
    yield "metrics", ("series", "timestamp", "step", "value", "is_nan"), _points(population)
    model = ("id", "name", "creation_timestamp", "last_updated_timestamp", "next_version")
    yield "models", model, _models(population)
    yield "model_tags", ("model_id", "key", "value"), _model_tags(population)
    version = (
        "model_id", "number", "current_stage", "status", "source", "run_id", "creation_timestamp",
        "last_updated_timestamp", "promoted_timestamp",
    )  # fmt: skip
    yield "versions", version, (row for row in _versions(population))
    tag = ("model_id", "number", "key", "value", "last_updated_timestamp")
    yield "version_tags", tag, _version_tags(population)
    yield "aliases", ("model_id", "alias", "number", "last_updated_timestamp"), _aliases(population)
    event = (
        "position", "recorded_timestamp", "actor", "verified", "via", "kind", "schema", "model_id", "change_id", "payload",
    )  # fmt: skip
    yield "events", event, _events(population)


def _experiments(population: Population) -> Iterator[Sequence[Any]]:
    for number in range(1, population.experiments + 1):
        yield number, f"experiment-{number}", f"mlflow-artifacts:/{number}", BEGAN + number, BEGAN + number


def _runs(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.runs):
        # Half of all runs are of the first experiment.
        experiment = 1 if index % 2 else 1 + index // 2 % population.experiments
        status = ("FINISHED", "FINISHED", "FINISHED", "FAILED")[index % 4]
        run, start = population.run(index), BEGAN + index * 10_000
        yield run, experiment, f"run-{index}", status, start, start + 5_000, f"mlflow-artifacts:/{experiment}/{run}"


def _is_rare(index: int, total: int) -> bool:
    """RARE of all indices, spread evenly, odd ones, so that the runs are of the first experiment."""
    step = total // RARE
    return index % step == (step // 2 | 1) % step


def _run_tags(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.runs):
        run = population.run(index)
        yield run, "mlflow.runName", f"run-{index}"
        yield run, "mlflow.user", f"user-{index % 50}"
        if _is_rare(index, population.runs):
            yield run, "review", "wanted"


def _params(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.runs):
        run = population.run(index)
        yield run, "batch_size", str(2 ** (index % 8))
        yield run, "learning_rate", "0.5" if _is_rare(index, population.runs) else f"0.{index % 100:03}1"
        yield run, "seed", str(index)


def _newest(population: Population) -> Iterator[Sequence[Any]]:
    chance = random.Random(1)
    for index in range(population.runs):
        run, start = population.run(index), BEGAN + index * 10_000
        for key in range(SERIES):
            value = 0.9 * chance.random()
            if key == 0 and _is_rare(index, population.runs):
                value = 0.99
            series = index * SERIES + key + 1
            yield series, run, f"metric-{key}", value, start + POINTS - 1, POINTS - 1, 0


def _points(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.runs):
        start = BEGAN + index * 10_000
        for key in range(SERIES):
            for step in range(POINTS):
                yield index * SERIES + key + 1, start + step, step, step / POINTS, 0


def _models(population: Population) -> Iterator[Sequence[Any]]:
    for model in range(population.models):
        updated = BEGAN + population.versions * 1_000 + model
        yield model + 1, population.name(model), BEGAN + model, updated, population.count(model) + 1


def _model_tags(population: Population) -> Iterator[Sequence[Any]]:
    for model in range(population.models):
        yield model + 1, "team", f"team-{model % 20}"
        yield model + 1, "owner", f"owner-{model}"


def _versions(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.versions):
        model, number = population.owner(index)
        stage = _stage(number, population.count(model))
        created = _created(index, population)
        promoted = None if stage == "None" else created
        source = f"s3://models/{model}/{number}"
        run = population.run(index % population.runs)
        yield model + 1, number, stage, "READY", source, run, created, created, promoted


def _created(index: int, population: Population) -> int:
    # The big model's versions were registered among those of the others, not before them: 7 and every size have no
    # common divisor, so each version has a second of its own.
    return BEGAN + index * 7 % population.versions * 1_000


def _stage(number: int, count: int) -> str:
    if number == count:
        return "Production"
    return "Staging" if number == count - 1 else "Archived" if number % 10 == 0 else "None"


def _version_tags(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.versions):
        model, number = population.owner(index)
        updated = _created(index, population)
        yield model + 1, number, "dataset", f"customers-{index}", updated
        yield model + 1, number, "team", f"team-{index % 20}", updated
        if index % 100 == 50:
            yield model + 1, number, "validation_status", "pending", updated
        if _is_rare(index, population.versions):
            yield model + 1, number, "audit", "wanted", updated


def _aliases(population: Population) -> Iterator[Sequence[Any]]:
    updated = {}
    for index in range(population.versions):
        model, number = population.owner(index)
        if number == population.count(model):
            updated[model] = _created(index, population)
    for model in range(population.models):
        number = population.count(model)
        yield model + 1, "champion", number, updated[model]
        if _is_rare(model, population.models):
            yield model + 1, "rollback", number, updated[model]


def _events(population: Population) -> Iterator[Sequence[Any]]:
    for index in range(population.versions):
        model, number = population.owner(index)
        payload = json.dumps({"model": population.name(model), "version": number, "source": "s3://models"})
        recorded = BEGAN + index * 1_000  # after the few events of a new registry
        yield index + 100, recorded, "anonymous", 0, "http", "version.registered", 1, model + 1, f"{index:x}", payload
