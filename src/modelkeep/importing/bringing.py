"""Bringing what a source has: experiments, runs, logged models and their files, then registered models.

Nothing is remembered but in the registry: what was imported before, and what it was like, is asked for at the beginning,
and everything that is the same is passed over. So an import that was interrupted is simply started again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

import msgspec

from modelkeep.client.calls import Transport
from modelkeep.domain import imports
from modelkeep.domain.errors import Invalid
from modelkeep.domain.imports import Experiment, LoggedModel, Model, Run, Series, Version
from modelkeep.importing import placing, sources, transferring
from modelkeep.importing.reports import Report
from modelkeep.importing.sources import LOGGED_MODEL, RUN, Place, Source

# Of one call: how many records, points of metrics, and bytes of JSON, of which the server takes 16 MiB.
MOST_RECORDS = 200
MOST_POINTS = 20_000
MOST_BYTES = 4 * 1024 * 1024

T = TypeVar("T")
Tell = Callable[[str], None]


@dataclass(slots=True)
class Wanted:
    """What to bring. Without names everything; names of one kind alone leave the other kind out.

    Attributes:
        experiments, models: names; of experiments with their runs, of models with their versions.
        only: `experiments` or `models`.
    """

    experiments: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    only: str | None = None

    @property
    def has_experiments(self) -> bool:
        """Whether experiments are wanted at all."""
        return self.only == "experiments" or (self.only is None and bool(self.experiments or not self.models))

    @property
    def has_models(self) -> bool:
        """Whether registered models are wanted at all."""
        return self.only == "models" or (self.only is None and bool(self.models or not self.experiments))

    def chooses(self, names: list[str], name: str | None) -> bool:
        """Whether a name is wanted."""
        return not names or name in names


@dataclass(slots=True)
class Brought:
    """An import under way.

    Attributes:
        origin: the name under which the registry knows what came from there.
        known: by kind and the source's id, the fingerprint of what was imported before.
        experiments: the ids here of experiments that were imported, by those there.
        roots: where the files of runs and logged models are: their addresses there and here; the latter is None when
            they stay where they are.
        new_models: names of registered models that were not imported before.
    """

    source: Source
    target: Transport
    origin: str
    report: Report
    tell: Tell
    known: dict[str, dict[str, str | None]] = field(default_factory=dict)
    experiments: dict[str, str] = field(default_factory=dict)
    roots: dict[tuple[str, str], tuple[str, str | None]] = field(default_factory=dict)
    new_models: set[str] = field(default_factory=set)

    def call(self, verb: str, **arguments: Any) -> Any:
        """Call a verb of the imports."""
        return self.target.call(verb, {"origin": self.origin} | arguments)


def bring(source: Source, target: Transport, origin: str, wanted: Wanted, report: Report, tell: Tell) -> Brought:
    """Bring what is wanted from a source to a registry, filling in a report.

    Args:
        tell: is told what is being done, for people who wait.
    Raises:
        ModelkeepError: the source or the registry could not go on; what was brought until then stays.
    """
    brought = Brought(source, target, origin, report, tell)
    for kind in imports.KINDS:
        brought.known[kind] = _known(brought, kind)
    if wanted.has_experiments:
        chosen = _bring_experiments(brought, wanted)
        for number, experiment in enumerate(chosen, 1):
            tell(f"experiment {number:,} of {len(chosen):,}: {experiment.name}")
            _bring_runs(brought, experiment)
        _bring_logged_models(brought, [cast(str, experiment.id) for experiment in chosen])
        for sentence in source.lacking([cast(str, experiment.id) for experiment in chosen]):
            report.note(sentence)
    if wanted.has_models:
        _bring_models(brought, wanted)
    conflicts = sum(outcomes[imports.CONFLICT] for outcomes in report.outcomes.values())
    if conflicts and not any(brought.known.values()):
        report.note("If it was imported before, from another address, name that one with --origin, and import again.")
    return brought


def _known(brought: Brought, kind: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    after: str | None = None
    while True:
        reply = brought.call("imports.known", kind=kind, after=after)
        found |= {each.id: each.fingerprint for each in reply.known}
        if kind == imports.EXPERIMENT:
            brought.experiments |= {each.id: each.local_id for each in reply.known}
        after = reply.next_after
        if after is None:
            return found


def check_names(given: list[str], found: list[str | None], noun: str) -> None:
    """Raise Invalid when a name that was asked for is not there."""
    missing = [name for name in given if name not in found]
    if missing:
        raise Invalid(f"The source has no {noun} named '{missing[0]}'. Check the name; nothing of it was brought.")


# Experiments and runs ---------------------------------------------------------------------------------------


def _bring_experiments(brought: Brought, wanted: Wanted) -> list[Experiment]:
    everything = list(brought.source.experiments())
    check_names(wanted.experiments, [experiment.name for experiment in everything], "experiment")
    chosen = [each for each in everything if wanted.chooses(wanted.experiments, each.name)]
    records = []
    for experiment in chosen:
        mark = sources.fingerprint(experiment)
        if brought.known[imports.EXPERIMENT].get(cast(str, experiment.id)) == mark:
            brought.report.count("experiments", imports.UNCHANGED)
        else:
            stays = sources.is_elsewhere(experiment.artifact_location)
            location = experiment.artifact_location if stays else None
            records.append(replace(experiment, artifact_location=location, fingerprint=mark))
    for batch in batches(records):
        for result in _send(brought, "imports.bring_experiments", "experiments", batch):
            if result.local_id is not None:
                brought.experiments[result.id] = result.local_id
    return [each for each in chosen if each.id in brought.experiments]


def _send(brought: Brought, verb: str, field: str, records: list[Any]) -> list[Any]:
    results = brought.call(verb, **{field: to_wire(records)}).results
    for result in results:
        brought.report.add(field, result)
    return cast("list[Any]", results)


def to_wire(records: Any) -> Any:
    """Records as plain dicts; what JSON has no number for as text."""
    plain = msgspec.to_builtins(records)
    for record in plain:
        for series in record.get("metrics", ()):
            values = series["values"]
            for index, value in enumerate(values):
                if value != value or value in (float("inf"), float("-inf")):
                    values[index] = str(value)
    return plain


def batches(records: list[T], weigh: Callable[[T], int] = lambda record: 1) -> Iterator[list[T]]:
    """Records in batches that one call can carry.

    Args:
        weigh: how many points of metrics, or versions, a record has.
    """
    batch: list[T] = []
    weight = size = 0
    for record in records:
        bytes_, points = len(msgspec.json.encode(record)), weigh(record)
        if batch and (len(batch) >= MOST_RECORDS or size + bytes_ > MOST_BYTES or weight + points > MOST_POINTS):
            yield batch
            batch, weight, size = [], 0, 0
        batch.append(record)
        weight, size = weight + points, size + bytes_
    if batch:
        yield batch


def _bring_runs(brought: Brought, experiment: Experiment) -> None:
    local_id = brought.experiments[cast(str, experiment.id)]
    is_deleted = experiment.lifecycle_stage == "deleted"
    for page in brought.source.runs(cast(str, experiment.id)):
        places: list[tuple[Place, str]] = []
        changed: list[Run] = []
        for run in page:
            run_id, uri = cast(str, run.id), run.artifact_uri or ""
            stays = sources.is_elsewhere(uri)
            here = None if stays else imports.run_root(local_id, run_id)
            if stays:
                brought.report.note(placing.stays(uri))
            if is_deleted:
                # As MLflow deletes an experiment it deletes its runs, and brings all of them back with it.
                run.lifecycle_stage = "active"
            brought.roots[RUN, run_id] = (uri, here)
            run.fingerprint = sources.fingerprint(run)
            if brought.known[imports.RUN].get(run_id) == run.fingerprint:
                brought.report.count("runs", imports.UNCHANGED)
            else:
                changed.append(run)
            if here is not None:
                places.append((Place(RUN, run_id, uri), here))
        if changed:
            brought.source.fill_histories(changed)
            refused = _bring_page(brought, changed)
            places = [each for each in places if each[0].id not in refused]
        transferring.bring_files(brought, places)


def _bring_page(brought: Brought, runs: list[Run]) -> set[str]:
    """Bring runs with all their points, and return the ids of those that are not here now."""
    for run in runs:
        if sources.is_elsewhere(run.artifact_uri) is False:
            run.artifact_uri = None
    small = [run for run in runs if _points(run) <= MOST_POINTS]
    absent: set[str] = set()
    for batch in batches(small, _points):
        absent |= {each.id for each in _send(brought, "run_imports.bring_runs", "runs", batch) if each.local_id is None}
    for run in runs:
        if _points(run) <= MOST_POINTS:
            continue
        # The run, then its points, then the run again with the fingerprint that says it is complete.
        first = brought.call("run_imports.bring_runs", runs=to_wire([replace(run, metrics=[], fingerprint=None)]))
        if first.results[0].local_id is None or first.results[0].outcome == imports.CONFLICT:
            brought.report.add("runs", first.results[0])
            absent.add(cast(str, run.id))
            continue
        for chunk in _chunks(run.metrics):
            brought.tell(f"run {run.id}: {_points(run):,} points")
            brought.call(
                "run_imports.bring_metrics", run_id=run.id, metrics=to_wire([{"metrics": chunk}])[0]["metrics"]
            )
        brought.call("run_imports.bring_runs", runs=to_wire([replace(run, metrics=[])]))
        brought.report.add("runs", first.results[0])
    return absent


def _points(run: Run) -> int:
    return sum(len(series.values) for series in run.metrics)


def _chunks(metrics: list[Series]) -> Iterator[list[Series]]:
    chunk: list[Series] = []
    room = MOST_POINTS
    for series in metrics:
        start = 0
        while start < len(series.values):
            end = start + room
            part = replace(
                series,
                timestamps=series.timestamps[start:end], steps=series.steps[start:end], values=series.values[start:end],
            )  # fmt: skip
            chunk.append(part)
            room -= len(part.values)
            start += len(part.values)
            if room == 0:
                yield chunk
                chunk, room = [], MOST_POINTS
    if chunk:
        yield chunk


def _bring_logged_models(brought: Brought, experiment_ids: list[str]) -> None:
    brought.tell("logged models")
    for page in brought.source.logged_models(experiment_ids):
        places: list[tuple[Place, str]] = []
        changed: list[LoggedModel] = []
        for model in page:
            model_id, uri = cast(str, model.id), model.artifact_location or ""
            stays = sources.is_elsewhere(uri)
            here = None
            if stays:
                brought.report.note(placing.stays(uri))
            else:
                here = imports.logged_model_root(brought.experiments[cast(str, model.experiment_id)], model_id)
                places.append((Place(LOGGED_MODEL, model_id, uri), here))
            brought.roots[LOGGED_MODEL, model_id] = (uri, here)
            mark = sources.fingerprint(model)
            if brought.known[imports.LOGGED_MODEL].get(model_id) == mark:
                brought.report.count("logged_models", imports.UNCHANGED)
            else:
                changed.append(replace(model, artifact_location=uri if stays else None, fingerprint=mark))
        absent: set[str] = set()
        for batch in batches(changed):
            results = _send(brought, "run_imports.bring_logged_models", "logged_models", batch)
            absent |= {each.id for each in results if each.local_id is None}
        for model_id in absent:
            del brought.roots[LOGGED_MODEL, model_id]
        transferring.bring_files(brought, [each for each in places if each[0].id not in absent])


# Registered models ------------------------------------------------------------------------------------------


def _bring_models(brought: Brought, wanted: Wanted) -> None:
    brought.tell("registered models")
    everything = list(brought.source.models())
    check_names(wanted.models, [model.name for model in everything], "registered model")
    chosen = [model for model in everything if wanted.chooses(wanted.models, model.name)]
    refused = _bring_names(brought, chosen)
    waiting: list[Model] = []
    for number, model in enumerate(chosen, 1):
        brought.tell(f"registered model {number:,} of {len(chosen):,}: {model.name}")
        record = None if model.name in refused else _changed(brought, model)
        if record is None:
            continue
        while len(record.versions) > MOST_RECORDS:
            first = replace(record, versions=record.versions[:MOST_RECORDS], fingerprint=None, aliases=[])
            _send_models(brought, [first])
            record = replace(record, versions=record.versions[MOST_RECORDS:])
        waiting.append(record)
    for batch in batches(waiting, lambda model: MOST_POINTS // MOST_RECORDS * len(model.versions)):
        _send_models(brought, batch)


def _bring_names(brought: Brought, models: list[Model]) -> set[str]:
    """Bring models without their versions, before any file is sent for one; return the names that are not to be had."""
    new = [model for model in models if model.name not in brought.known[imports.MODEL]]
    refused: set[str] = set()
    for batch in batches([replace(model, versions=[], aliases=[]) for model in new]):
        for result in brought.call("imports.bring_models", models=to_wire(batch)).results:
            if result.local_id is None:
                refused.add(result.id)
                brought.report.add("models", result)
    brought.new_models |= {cast(str, model.name) for model in new}
    return refused


def _changed(brought: Brought, model: Model) -> Model | None:
    """The model with its versions that are new or changed, and their files brought; None when nothing is."""
    mark = sources.fingerprint_of_model(model)
    versions: list[Version] = []
    unchanged = 0
    for version in model.versions:
        own = sources.fingerprint(version)
        if brought.known[imports.VERSION].get(f"{model.name}/{version.number}") == own:
            unchanged += 1
        else:
            versions.append(replace(placing.place(brought, model, version), fingerprint=own))
    if unchanged:
        brought.report.count("versions", imports.UNCHANGED, unchanged)
    if not versions and brought.known[imports.MODEL].get(cast(str, model.name)) == mark:
        brought.report.count("models", imports.UNCHANGED)
        return None
    return replace(model, versions=versions, fingerprint=mark)


def _send_models(brought: Brought, models: list[Model]) -> None:
    is_last = models[0].fingerprint is not None
    for result in brought.call("imports.bring_models", models=to_wire(models)).results:
        if "/" in result.id:  # a model's name has no slash in it
            brought.report.add("versions", result)
        elif is_last:
            if result.outcome == imports.UPDATED and result.id in brought.new_models:
                result.outcome = imports.IMPORTED
            brought.report.add("models", result)
