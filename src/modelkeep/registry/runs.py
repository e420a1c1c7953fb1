"""Runs: create, look up, end, delete, restore, tag, search, and what they logged in one batch."""

from __future__ import annotations

import json
import os
from typing import Any

from modelkeep.domain import actors, datasets, experiments, lifecycle, locations, names, runs, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import ModelOutput
from modelkeep.domain.errors import Invalid
from modelkeep.domain.paging import Page
from modelkeep.domain.runs import Run
from modelkeep.domain.tags import Tag
from modelkeep.registry import searching
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.random_names import random_name
from modelkeep.storage import datasets as dataset_rows
from modelkeep.storage import experiments as experiment_rows
from modelkeep.storage import runs as rows
from modelkeep.storage.database import Transaction

MODEL_JSON_LEVELS = 100


def create(
    actor: Actor,
    registry: Registry,
    experiment_id: str | int,
    user_id: str | None = None,
    run_name: str | None = None,
    start_time: int | None = None,
    tags: list[Tag] | None = None,
) -> Run:
    """Start a run. Of equal tag keys the last wins; without a name it gets one.

    Args:
        user_id: who runs it, unless a token says so.
        run_name: must agree with the tag `mlflow.runName` when both are given.
        start_time: UTC milliseconds; now by default.
    Raises:
        Invalid: a value is not allowed, or the experiment is deleted.
        NotFound: there is no such experiment.
    Events: run.created
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    owner = experiments.check_id(experiment_id)
    texts.check_optional(user_id, "user_id", texts.NAME_LIMIT)
    if start_time is not None:
        texts.integer(start_time, "start_time")
    collected = runs.collect_tags(tags)
    name = _agreed_name(run_name, collected) or random_name()
    collected[runs.NAME_TAG] = name
    run_id = os.urandom(16).hex()
    with Change(actor, registry) as change:
        experiment = experiment_rows.get(change.tx, owner)
        if experiment.lifecycle_stage != lifecycle.ACTIVE:
            raise experiments.not_active(owner)
        run = Run(
            id=run_id,
            experiment_id=owner,
            name=name,
            user_id=actor.name if actor.verified else user_id,
            status=runs.RUNNING,
            start_time=change.now if start_time is None else start_time,
            end_time=None,
            artifact_uri=locations.below(experiment.artifact_location, run_id, "artifacts"),
            tags=list(collected.items()),
        )
        rows.insert(change.tx, run)
        change.record(
            "run.created",
            run_id=run_id,
            experiment_id=owner,
            name=name,
            user_id=run.user_id,
            start_time=run.start_time,
            artifact_uri=run.artifact_uri,
        )
        return run


def _agreed_name(run_name: str | None, collected: dict[str, str]) -> str | None:
    tagged = collected.get(runs.NAME_TAG)
    if run_name and tagged and run_name != tagged:
        raise Invalid(
            "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
            f"(run_name='{run_name}', mlflow.runName='{tagged}')."
        )
    return texts.check(run_name, "run_name", runs.TAG_VALUE_LIMIT) if run_name else tagged


def get(actor: Actor, registry: Registry, run_id: str | None = None, run_uuid: str | None = None) -> Run:
    """A run, deleted or not, with what it logged.

    Args:
        run_uuid: another name for `run_id`.
    Raises:
        NotFound: there is none.
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "read", f"run '{checked}'")
    with registry.database.read_statement() as tx:
        return rows.get_with_data(tx, checked)


def update(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    run_uuid: str | None = None,
    status: str | int | None = None,
    end_time: int | None = None,
    run_name: str | None = None,
) -> Run:
    """Change a run's status, end or name; what is missing stays. Returns it without what it logged.

    Args:
        run_uuid: another name for `run_id`.
        status: its name or number; an unknown name is ignored, as in MLflow.
        end_time: UTC milliseconds.
    Raises:
        Invalid: a value is not allowed, or the run is deleted.
        NotFound: there is no such run.
    Events: run.ended, when it now is finished, failed or killed
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "write", f"run '{checked}'")
    new_status = runs.check_status(status)
    if end_time is not None:
        texts.integer(end_time, "end_time")
    texts.check_optional(run_name, "run_name", runs.TAG_VALUE_LIMIT)
    with Change(actor, registry) as change:
        run = rows.get_active(change.tx, checked)
        before = (run.status, run.end_time)
        run.status = new_status or run.status
        run.end_time = run.end_time if end_time is None else end_time
        if (run.status, run.end_time) != before:
            rows.update(change.tx, checked, status=run.status, end_time=run.end_time)
            if run.status in runs.ENDED:
                change.record("run.ended", run_id=checked, status=run.status, end_time=run.end_time)
        if run_name:
            set_tags(change.tx, checked, {runs.NAME_TAG: run_name})
            run.name = run_name
        return run


def set_tags(tx: Transaction, run_id: str, collected: dict[str, str]) -> None:
    """Set tags of a run; its name is a tag as well, and an empty one is ignored, as in MLflow."""
    name = collected.get(runs.NAME_TAG)
    if name:
        rows.rename(tx, run_id, name)
    elif name == "":
        collected = {key: value for key, value in collected.items() if key != runs.NAME_TAG}
    if collected:
        rows.set_tags(tx, run_id, collected.items())


def delete(actor: Actor, registry: Registry, run_id: str) -> None:
    """Delete a run; `restore` brings it back. Deleting a deleted one does nothing.

    Raises:
        NotFound: there is no such run.
    Events: run.deleted
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    with Change(actor, registry) as change:
        rows.get(change.tx, checked)
        if not rows.is_deleted_itself(change.tx, checked):
            rows.update(change.tx, checked, lifecycle_stage=lifecycle.DELETED, deleted_time=change.now)
            change.record("run.deleted", run_id=checked)


def restore(actor: Actor, registry: Registry, run_id: str) -> None:
    """Bring back a deleted run. Restoring a live one does nothing.

    Raises:
        Invalid: its experiment is deleted.
        NotFound: there is no such run.
    Events: run.restored
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    with Change(actor, registry) as change:
        run = rows.get(change.tx, checked)
        if run.lifecycle_stage == lifecycle.ACTIVE:
            return
        experiment = experiment_rows.get(change.tx, run.experiment_id)
        if experiment.lifecycle_stage != lifecycle.ACTIVE:
            raise Invalid(
                f"The run {checked} cannot be restored alone, because its experiment {experiment.id} is deleted. "
                "Restore the experiment first."
            )
        rows.update(change.tx, checked, lifecycle_stage=lifecycle.ACTIVE, deleted_time=None)
        change.record("run.restored", run_id=checked)


def set_tag(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    run_uuid: str | None = None,
    key: str | None = None,
    value: str | None = None,
) -> None:
    """Set a tag; a missing value is the empty text, a long one is cut to 8,000 characters, as in MLflow.

    Args:
        run_uuid: another name for `run_id`.
    Raises:
        Invalid: the key or value is not allowed, or the run is deleted.
        NotFound: there is no such run.
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "write", f"run '{checked}'")
    collected = {names.check_key(key): runs.check_tag_value(value)}
    with Change(actor, registry) as change:
        rows.get_active(change.tx, checked)
        set_tags(change.tx, checked, collected)


def delete_tag(actor: Actor, registry: Registry, run_id: str, key: str) -> None:
    """Delete a tag.

    Raises:
        Invalid: the run is deleted.
        NotFound: there is no such run, or it has no such tag.
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    names.check_key(key)
    with Change(actor, registry) as change:
        rows.get_active(change.tx, checked)
        if not rows.delete_tag(change.tx, checked, key):
            raise runs.tag_not_found(checked, key)


def log_outputs(actor: Actor, registry: Registry, run_id: str, models: list[ModelOutput]) -> None:
    """Record the logged models that a run wrote; what is recorded already stays as it is.

    Raises:
        Invalid: a model has no id, or the run is deleted.
        NotFound: there is no such run.
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    written = [
        (
            texts.required(model.model_id, f"models[{index}].model_id"),
            0 if model.step is None else texts.integer(model.step, f"models[{index}].step"),
        )
        for index, model in enumerate(models or ())
    ]
    with Change(actor, registry) as change:
        rows.get_active(change.tx, checked)
        dataset_rows.insert_models(change.tx, checked, datasets.OUTPUT, written)


def log_model(actor: Actor, registry: Registry, run_id: str, model_json: str) -> None:
    """Append a model's description to the tag `mlflow.log-model.history`, as clients before MLflow 3 ask for.

    Args:
        model_json: the model's MLmodel file as JSON.
    Raises:
        Invalid: it is not the JSON of a model, or the run is deleted.
        NotFound: there is no such run.
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    described = _described(model_json)
    with Change(actor, registry) as change:
        rows.get_active(change.tx, checked)
        history = _appended(rows.find_tag(change.tx, checked, runs.MODELS_TAG), described)
        rows.set_tags(change.tx, checked, [(runs.MODELS_TAG, history)])


def _described(model_json: str) -> dict[str, Any]:
    texts.required(model_json, "model_json", texts.DESCRIPTION_LIMIT)
    try:
        model = json.loads(model_json)
    except (ValueError, RecursionError):
        raise Invalid(f"Malformed model info. {model_json[:200]!r} is not a valid JSON.") from None
    if not isinstance(model, dict):
        raise Invalid(f"Malformed model info. {model_json[:200]!r} is not a JSON object.")
    missing = {"artifact_path", "flavors", "utc_time_created", "run_id"} - model.keys()
    if missing:
        raise Invalid(f"Model json is missing mandatory fields: {sorted(missing)}")
    if not isinstance(model["flavors"], dict):
        raise Invalid("Model json is wrong: 'flavors' must be an object.")
    # How deep Python's own parser goes depends on its release, so the bound is ours.
    if _is_deeper(model, MODEL_JSON_LEVELS):
        raise Invalid(f"Model json is nested deeper than {MODEL_JSON_LEVELS} levels.")
    kept = {key: model[key] for key in ("run_id", "artifact_path", "utc_time_created", "model_uuid") if key in model}
    return kept | {"flavors": {name: _without_config(flavor) for name, flavor in model["flavors"].items()}}


def _is_deeper(value: Any, levels: int) -> bool:
    current = [value]
    for _ in range(levels):
        current = [
            inner
            for each in current
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not current:
            return False
    return True


def _without_config(flavor: Any) -> Any:
    return {key: value for key, value in flavor.items() if key != "config"} if isinstance(flavor, dict) else flavor


def _appended(tag: str | None, described: dict[str, Any]) -> str:
    try:
        history = json.loads(tag or "[]")
    except (ValueError, RecursionError):
        history = []  # someone wrote the tag by hand; the list begins anew
    try:
        text = json.dumps([*(history if isinstance(history, list) else []), described])
    except RecursionError:
        raise Invalid("Malformed model info: it is nested too deeply.") from None
    return texts.check(text, "model_json", texts.DESCRIPTION_LIMIT)


def search(
    actor: Actor,
    registry: Registry,
    experiment_ids: list[str] | None = None,
    filter: str | None = None,
    run_view_type: str | int | None = None,
    max_results: int | None = None,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> Page[Run]:
    """Runs of these experiments that meet a filter, the last started first, with what they logged.

    Args:
        run_view_type: ACTIVE_ONLY (the default), DELETED_ONLY or ALL, or its number from 1 to 3.
    Raises:
        Invalid: the filter, order, view, page size or token is wrong.
    """
    actors.require(actor, "read", "runs")
    ids = experiments.check_ids(experiment_ids)
    scope, parameters = rows.scope(ids, lifecycle.check_view(run_view_type, "run_view_type"))
    with registry.database.read() as tx:
        page = searching.page(
            tx, "runs", rows.page, filter, max_results, order_by, page_token, scope=scope, scope_parameters=parameters
        )
        rows.with_data(tx, page.items)
        return page
