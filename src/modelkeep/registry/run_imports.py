"""Imports of runs and logged models, with everything they logged: see `registry.imports`."""

from __future__ import annotations

from collections.abc import Sequence

from modelkeep.domain import datasets, imports, lifecycle, logged_models, metrics, names, params, runs, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import DatasetInput
from modelkeep.domain.errors import Invalid, ModelkeepError, NotFound
from modelkeep.domain.imports import LoggedModel, Result, Run, Series
from modelkeep.domain.metrics import One, Point
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.imports import (
    check_fingerprint,
    check_origin,
    check_records,
    check_times,
    kept,
    kept_location,
    note,
    result,
)
from modelkeep.storage import datasets as dataset_rows
from modelkeep.storage import imports as rows
from modelkeep.storage import logged_models as logged_model_rows
from modelkeep.storage import metrics as metric_rows
from modelkeep.storage import params as param_rows
from modelkeep.storage import runs as run_rows


def bring_runs(actor: Actor, registry: Registry, origin: str, runs: list[Run] | None = None) -> list[Result]:
    """Bring runs of experiments that were imported, with their ids and what they logged. Nothing logged is taken away.

    A run whose record has no fingerprint is not complete: its other points come with `bring_metrics`.

    Raises:
        Invalid: there are no records, or too many.
    Events: run.imported for each that is new or changed there
    """
    checked = check_origin(actor, origin)
    records = check_records(runs, "runs")
    with Change(actor, registry) as change:
        return [_bring_run(change, checked, record) for record in records]


def _bring_run(change: Change, origin: str, record: Run) -> Result:
    left_out: list[str] = []
    try:
        run_id = _check_id(record.id, "runs.id")
        experiment_id = texts.required(record.experiment_id, "runs.experiment_id")
        name = texts.check(record.name or "", "name", runs.TAG_VALUE_LIMIT)
        texts.check_optional(record.user_id, "user_id", texts.NAME_LIMIT)
        status = runs.check_status(record.status) or "FINISHED"
        check_times(record.start_time, record.end_time, record.deleted_time)
        check_fingerprint(record.fingerprint)
    except ModelkeepError as error:
        return Result(str(record.id), None, imports.REFUSED, error.message)
    before = rows.find(change.tx, origin, imports.RUN, run_id)
    if before is not None and before.fingerprint is not None and before.fingerprint == record.fingerprint:
        return Result(run_id, run_id, imports.UNCHANGED)
    owner = rows.find(change.tx, origin, imports.EXPERIMENT, experiment_id)
    if owner is None:
        return Result(run_id, None, imports.REFUSED, f"Its experiment '{experiment_id}' was not imported.")
    found = run_rows.find(change.tx, run_id)
    if before is None and found is not None:
        return Result(
            run_id, None, imports.CONFLICT,
            f"A run '{run_id}' exists here and was not imported from there. It was left as it is.",
        )  # fmt: skip
    is_deleted = record.lifecycle_stage == lifecycle.DELETED
    if found is not None and run_rows.is_deleted_itself(change.tx, run_id) and not is_deleted:
        return Result(
            run_id, run_id, imports.CONFLICT,
            f"The run '{run_id}' was deleted here since it was imported, and has changed there. It was left as it is.",
        )  # fmt: skip
    if found is None:
        found = runs.Run(
            id=run_id,
            experiment_id=int(owner.local_id),
            name=name,
            user_id=record.user_id,
            status=runs.RUNNING,
            start_time=record.start_time or record.end_time or 0,
            end_time=None,
            artifact_uri=kept_location(record.artifact_uri, left_out) or imports.run_root(owner.local_id, run_id),
        )
        run_rows.insert(change.tx, found)
    found.status = status
    found.lifecycle_stage = lifecycle.DELETED if is_deleted else lifecycle.ACTIVE
    deleted = (record.deleted_time or record.end_time or change.now) if is_deleted else None
    run_rows.update(
        change.tx, run_id, name=name, status=found.status, end_time=record.end_time,
        lifecycle_stage=found.lifecycle_stage, deleted_time=deleted,
    )  # fmt: skip
    _bring_logged(change, found, record, left_out)
    if before is None or before.fingerprint is not None:
        change.record(
            "run.imported",
            origin=origin,
            first=before is None,
            run_id=run_id,
            experiment_id=found.experiment_id,
            name=name,
            user_id=found.user_id,
            status=found.status,
            start_time=found.start_time,
            end_time=record.end_time,
            artifact_uri=found.artifact_uri,
            lifecycle_stage=found.lifecycle_stage,
            deleted_time=deleted,
        )
    note(change, origin, imports.RUN, run_id, run_id, record.fingerprint)
    return result(run_id, run_id, before is None, left_out)


def _check_id(id: object, field: str) -> str:
    text = texts.required(id, field)
    return names.check_key(text, field, texts.NAME_LIMIT) if "/" not in text else runs.check_id_form(text)


def _bring_logged(change: Change, found: runs.Run, record: Run, left_out: list[str]) -> None:
    tags = kept(record.tags, names.check_key, runs.TAG_VALUE_LIMIT, "A tag", left_out)
    if tags:
        run_rows.set_tags(change.tx, found.id, tags.items())
    logged = kept(record.params, names.check_key, params.VALUE_LIMIT, "A parameter", left_out)
    param_rows.insert(change.tx, found.id, logged)
    points = _points(record.metrics, left_out)
    if points:
        metric_rows.insert(change.tx, found.id, points)
    for each in _inputs(record.datasets, left_out):
        dataset_rows.insert_input(change.tx, found.experiment_id, found.id, each)
    read = [(model.model_id, 0) for model in record.model_inputs if _is_id(model.model_id, left_out)]
    dataset_rows.insert_models(change.tx, found.id, datasets.INPUT, read)  # type: ignore[arg-type] # ids are checked
    written = [(model.model_id, model.step or 0) for model in record.model_outputs if _is_id(model.model_id, left_out)]
    dataset_rows.insert_models(change.tx, found.id, datasets.OUTPUT, written)  # type: ignore[arg-type]


def _is_id(id: object, left_out: list[str]) -> bool:
    try:
        texts.required(id, "model_id")
    except Invalid as error:
        left_out.append(f"A logged model was left out: {error.message}")
        return False
    return True


def _inputs(given: Sequence[DatasetInput], left_out: list[str]) -> list[DatasetInput]:
    found: list[DatasetInput] = []
    for each in given:
        try:
            found += datasets.check_inputs([each])
        except Invalid as error:
            left_out.append(f"A data set was left out: {error.message}")
    return found


def _points(series: Sequence[Series], left_out: list[str]) -> list[Point]:
    points: list[Point] = []
    for each in series:
        try:
            points += check_series(each)
        except Invalid as error:
            left_out.append(f"Points of the metric '{each.key}' were left out: {error.message}")
    return points


def check_series(series: Series) -> list[Point]:
    """The points of a metric as rows.

    Raises:
        Invalid: the key or a value is not allowed, or the columns differ in length.
    """
    if not len(series.timestamps) == len(series.steps) == len(series.values):
        raise Invalid("Its timestamps, steps and values are not equally many.")
    given = zip(series.values, series.timestamps, series.steps, strict=True)
    return metrics.check([One(series.key, value, at, step, None, None, None) for value, at, step in given])


def bring_metrics(
    actor: Actor, registry: Registry, origin: str, run_id: str, metrics: list[Series] | None = None
) -> None:
    """Add points to a run that was imported. Those that are there already change nothing.

    Raises:
        Invalid: there are no records, or a point is not allowed.
        NotFound: no such run was imported from there.
    """
    checked = check_origin(actor, origin)
    texts.required(run_id, "run_id")
    points = [point for each in check_records(metrics, "metrics") for point in check_series(each)]
    with Change(actor, registry) as change:
        if rows.find(change.tx, checked, imports.RUN, run_id) is None or run_rows.find(change.tx, run_id) is None:
            raise NotFound(f"No run '{run_id}' was imported from '{checked}'. Import the run first.")
        metric_rows.insert(change.tx, run_id, points)


def bring_logged_models(
    actor: Actor, registry: Registry, origin: str, logged_models: list[LoggedModel] | None = None
) -> list[Result]:
    """Bring logged models of experiments that were imported, with their ids and what was measured of them.

    Raises:
        Invalid: there are no records, or too many.
    Events: logged_model.imported for each that is new or changed there
    """
    checked = check_origin(actor, origin)
    records = check_records(logged_models, "logged_models")
    with Change(actor, registry) as change:
        return [_bring_logged_model(change, checked, record) for record in records]


def _bring_logged_model(change: Change, origin: str, record: LoggedModel) -> Result:
    left_out: list[str] = []
    try:
        model_id = _check_id(record.id, "logged_models.id")
        experiment_id = texts.required(record.experiment_id, "logged_models.experiment_id")
        name = texts.required(record.name, "name")
        status = logged_models.check_status(record.status)
        texts.check_optional(record.model_type, "model_type", logged_models.MODEL_TYPE_LIMIT)
        texts.check_optional(record.source_run_id, "source_run_id", texts.NAME_LIMIT)
        texts.check_optional(record.status_message, "status_message", texts.DESCRIPTION_LIMIT)
        check_times(record.creation_timestamp, record.last_updated_timestamp)
        check_fingerprint(record.fingerprint)
    except ModelkeepError as error:
        return Result(str(record.id), None, imports.REFUSED, error.message)
    before = rows.find(change.tx, origin, imports.LOGGED_MODEL, model_id)
    if before is not None and before.fingerprint == record.fingerprint:
        return Result(model_id, model_id, imports.UNCHANGED)
    owner = rows.find(change.tx, origin, imports.EXPERIMENT, experiment_id)
    if owner is None:
        return Result(model_id, None, imports.REFUSED, f"Its experiment '{experiment_id}' was not imported.")
    found = logged_model_rows.find_with_deleted(change.tx, model_id)
    if found is not None and (before is None or found.deleted_timestamp is not None):
        why = "exists here and was not imported from there" if before is None else "was deleted here"
        return Result(model_id, None, imports.CONFLICT, f"The logged model '{model_id}' {why}. It was left as it is.")
    tags = kept(record.tags, _free_key, texts.TAG_VALUE_LIMIT, "A tag", left_out)
    logged = kept(record.params, _free_key, texts.TAG_VALUE_LIMIT, "A parameter", left_out)
    created = change.now if record.creation_timestamp is None else record.creation_timestamp
    if found is None:
        location = kept_location(record.artifact_location, left_out)
        found = logged_models.LoggedModel(
            id=model_id,
            experiment_id=int(owner.local_id),
            name=name,
            artifact_location=location or imports.logged_model_root(owner.local_id, model_id),
            status=status,
            status_message=record.status_message,
            model_type=record.model_type,
            source_run_id=record.source_run_id,
            creation_timestamp=created,
            last_updated_timestamp=created,
        )
        logged_model_rows.insert(change.tx, found)
    for key, value in tags.items():
        logged_model_rows.set_tag(change.tx, model_id, key, value)
    logged_model_rows.insert_params(change.tx, model_id, logged)
    updated = created if record.last_updated_timestamp is None else record.last_updated_timestamp
    logged_model_rows.update(change.tx, model_id, updated, status=status, status_message=record.status_message)
    _bring_measured(change, model_id, record.metrics, left_out)
    change.record(
        "logged_model.imported",
        origin=origin,
        first=before is None,
        logged_model_id=model_id,
        experiment_id=found.experiment_id,
        name=found.name,
        artifact_location=found.artifact_location,
        status=status,
        status_message=record.status_message,
        model_type=found.model_type,
        source_run_id=found.source_run_id,
        creation_timestamp=found.creation_timestamp,
        last_updated_timestamp=updated,
        params=logged,
        tags=tags,
    )
    note(change, origin, imports.LOGGED_MODEL, model_id, model_id, record.fingerprint)
    return result(model_id, model_id, before is None, left_out)


def _free_key(key: object) -> str:
    return texts.required(key, "key", logged_models.KEY_LIMIT)


def _bring_measured(change: Change, model_id: str, measured: Sequence[Series], left_out: list[str]) -> None:
    for each in measured:
        try:
            points = check_series(each)
            run_id = texts.check(each.run_id or "", "run_id", texts.NAME_LIMIT)
            name = texts.check(each.dataset_name or "", "dataset_name", metrics.DATASET_LIMIT)
            digest = texts.check(each.dataset_digest or "", "dataset_digest", metrics.DATASET_LIMIT)
        except Invalid as error:
            left_out.append(f"Points of the metric '{each.key}' were left out: {error.message}")
            continue
        logged_model_rows.insert_metrics(change.tx, run_id, [(model_id, name, digest, point) for point in points])
