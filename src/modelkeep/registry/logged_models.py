"""Logged models: create, look up, finalize, delete, tag, give params, search."""

from __future__ import annotations

import os

from modelkeep.domain import actors, experiments, lifecycle, locations, logged_models, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.logged_models import LoggedModel
from modelkeep.domain.metrics import DATASET_LIMIT, MeasuredOn
from modelkeep.domain.paging import Page
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.registry import searching
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.random_names import random_name
from modelkeep.storage import experiments as experiment_rows
from modelkeep.storage import logged_models as rows


def create(
    actor: Actor,
    registry: Registry,
    experiment_id: str | int,
    name: str | None = None,
    model_type: str | None = None,
    source_run_id: str | None = None,
    params: list[Param] | None = None,
    tags: list[Tag] | None = None,
) -> LoggedModel:
    """Create a logged model, pending until it is finalized. Without a name it gets one.

    Args:
        source_run_id: of the run that writes it; one that is unknown here is accepted, as in MLflow.
    Raises:
        Invalid: a value is not allowed, or the experiment is deleted.
        NotFound: there is no such experiment.
    Events: logged_model.created
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    owner = experiments.check_id(experiment_id)
    chosen = logged_models.check_name(name) if name else random_name()
    texts.check_optional(model_type, "model_type", logged_models.MODEL_TYPE_LIMIT)
    texts.check_optional(source_run_id, "source_run_id", texts.NAME_LIMIT)
    collected_params = logged_models.collect_params(params)
    collected_tags = logged_models.collect(tags, "tags")
    logged_model_id = f"m-{os.urandom(16).hex()}"
    with Change(actor, registry) as change:
        experiment = experiment_rows.get(change.tx, owner)
        if experiment.lifecycle_stage != lifecycle.ACTIVE:
            raise experiments.not_active(owner)
        model = LoggedModel(
            id=logged_model_id,
            experiment_id=owner,
            name=chosen,
            artifact_location=locations.below(experiment.artifact_location, "models", logged_model_id, "artifacts"),
            status=logged_models.PENDING,
            status_message=None,
            model_type=model_type,
            source_run_id=source_run_id,
            creation_timestamp=change.now,
            last_updated_timestamp=change.now,
            params=list(collected_params.items()),
            tags=list(collected_tags.items()),
        )
        rows.insert(change.tx, model)
        change.record(
            "logged_model.created",
            logged_model_id=logged_model_id,
            experiment_id=owner,
            name=chosen,
            artifact_location=model.artifact_location,
            model_type=model_type,
            source_run_id=source_run_id,
            params=collected_params,
            tags=collected_tags,
        )
        return model


def get(actor: Actor, registry: Registry, model_id: str, allow_deleted: bool | None = None) -> LoggedModel:
    """A logged model with its tags, params and metrics.

    Args:
        allow_deleted: find a deleted one too.
    Raises:
        NotFound: there is none.
    """
    actors.require(actor, "read", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    with registry.database.read() as tx:
        found = rows.find_with_deleted(tx, model_id) if allow_deleted else rows.find(tx, model_id)
        if found is None:
            raise logged_models.not_found(model_id)
        return rows.with_data(tx, [found])[0]


def finalize(actor: Actor, registry: Registry, model_id: str, status: str | int) -> LoggedModel:
    """Say that a logged model is ready, or that its upload failed.

    Args:
        status: LOGGED_MODEL_READY, LOGGED_MODEL_UPLOAD_FAILED or LOGGED_MODEL_PENDING, or its number.
    Raises:
        Invalid: there is no such status.
        NotFound: there is no such logged model.
    Events: logged_model.finalized
    """
    actors.require(actor, "write", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    checked = logged_models.check_status(status)
    with Change(actor, registry) as change:
        model = rows.get(change.tx, model_id)
        if model.status != checked:
            rows.update(change.tx, model_id, change.now, status=checked)
            change.record("logged_model.finalized", logged_model_id=model_id, status=checked)
            model.status, model.last_updated_timestamp = checked, change.now
        return rows.with_data(change.tx, [model])[0]


def delete(actor: Actor, registry: Registry, model_id: str) -> None:
    """Delete a logged model; deleting a deleted one does nothing. `get` still finds it when asked to.

    Raises:
        NotFound: there never was one of this id.
    Events: logged_model.deleted
    """
    actors.require(actor, "write", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    with Change(actor, registry) as change:
        found = rows.find_with_deleted(change.tx, model_id)
        if found is None:
            raise logged_models.not_found(model_id)
        if found.deleted_timestamp is None:
            rows.update(change.tx, model_id, change.now, deleted_timestamp=change.now)
            change.record("logged_model.deleted", logged_model_id=model_id)


def log_params(actor: Actor, registry: Registry, model_id: str, params: list[Param] | None = None) -> None:
    """Give a logged model params, whose values never change after; the same value again is accepted.

    Raises:
        Invalid: a key or value is not allowed, or the logged model has another value for it.
        NotFound: there is no such logged model.
    Events: logged_model.params_logged
    """
    actors.require(actor, "write", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    collected = logged_models.collect_params(params)
    with Change(actor, registry) as change:
        rows.get(change.tx, model_id)
        known = rows.param_values(change.tx, model_id, list(collected))
        for key, value in known.items():
            if value != collected[key]:
                raise Invalid(
                    f"Changing param values is not allowed. Param with key='{key}' was already logged with "
                    f"value='{value}' for logged model '{model_id}'. Attempted logging new value '{collected[key]}'."
                )
        added = {key: value for key, value in collected.items() if key not in known}
        if added:
            rows.insert_params(change.tx, model_id, added)
            change.record("logged_model.params_logged", logged_model_id=model_id, params=added)


def set_tags(actor: Actor, registry: Registry, model_id: str, tags: list[Tag] | None = None) -> None:
    """Set tags; of equal keys the last wins, and a missing value is the empty text.

    Raises:
        Invalid: a key or value is not allowed.
        NotFound: there is no such logged model.
    Events: logged_model.tag_set for each that changed
    """
    actors.require(actor, "write", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    collected = logged_models.collect(tags, "tags")
    with Change(actor, registry) as change:
        rows.get(change.tx, model_id)
        for key, value in collected.items():
            if rows.set_tag(change.tx, model_id, key, value):
                change.record("logged_model.tag_set", logged_model_id=model_id, key=key, value=value)


def delete_tag(actor: Actor, registry: Registry, model_id: str, tag_key: str) -> None:
    """Delete a tag.

    Raises:
        NotFound: there is no such logged model, or it has no such tag.
    Events: logged_model.tag_deleted
    """
    actors.require(actor, "write", f"logged model '{model_id}'")
    texts.required(model_id, "model_id")
    texts.required(tag_key, "tag_key")
    with Change(actor, registry) as change:
        rows.get(change.tx, model_id)
        if not rows.delete_tag(change.tx, model_id, tag_key):
            raise NotFound(f"No tag with key '{tag_key}' found for model with ID '{model_id}'.")
        change.record("logged_model.tag_deleted", logged_model_id=model_id, key=tag_key)


def search(
    actor: Actor,
    registry: Registry,
    experiment_ids: list[str] | None = None,
    filter: str | None = None,
    datasets: list[MeasuredOn] | None = None,
    max_results: int | None = None,
    order_by: list[logged_models.OrderBy] | None = None,
    page_token: str | None = None,
) -> Page[LoggedModel]:
    """Live logged models of these experiments that meet a filter, the newest first.

    Args:
        datasets: only what was measured on one of these counts as a metric.
    Raises:
        Invalid: the filter, order, a data set, page size or token is wrong.
    """
    actors.require(actor, "read", "logged models")
    scope, parameters = rows.scope(experiments.check_ids(experiment_ids))
    measured_on = [
        (
            texts.required(each.dataset_name, "datasets.dataset_name", DATASET_LIMIT),
            texts.check_optional(each.dataset_digest, "datasets.dataset_digest", DATASET_LIMIT) or None,
        )
        for each in datasets or ()
    ]
    orders = [
        {
            "field_name": each.field_name,
            "ascending": each.ascending,
            "dataset_name": each.dataset_name,
            "dataset_digest": each.dataset_digest,
        }
        for each in order_by or ()
    ]
    with registry.database.read() as tx:
        page = searching.page(
            tx,
            "logged_models",
            rows.page,
            filter,
            max_results,
            orders,
            page_token,
            scope=scope,
            scope_parameters=parameters,
            datasets=measured_on,
        )
        rows.with_data(tx, page.items)
        return page
