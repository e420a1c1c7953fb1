"""Experiments: create, look up, rename, delete, restore, tag."""

from __future__ import annotations

from typing import Any

from modelkeep.domain import actors, experiments, lifecycle, locations, names, tags
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import SCHEME
from modelkeep.domain.errors import Invalid
from modelkeep.domain.experiments import Experiment
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag
from modelkeep.registry import searching
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import experiments as rows


def ensure_default(registry: Registry) -> None:
    """Create experiment 0, named Default, in a registry that has none: clients log there unless told otherwise.

    Events: experiment.created
    """
    with registry.database.read() as tx:
        if rows.find(tx, experiments.DEFAULT_ID) is not None:
            return
    with Change(Actor("modelkeep", "admin", True, "background"), registry) as change:
        if rows.find(change.tx, experiments.DEFAULT_ID) is None:
            rows.insert(change.tx, experiments.DEFAULT_NAME, change.now, experiments.DEFAULT_ID)
            _place(change, experiments.DEFAULT_ID, experiments.DEFAULT_NAME, None, {})


def create(
    actor: Actor,
    registry: Registry,
    name: str,
    artifact_location: str | None = None,
    tags: list[Tag] | None = None,
) -> Experiment:
    """Create an experiment. Of equal tag keys the last wins.

    Args:
        artifact_location: the address below which its runs keep their files; by default this server keeps them.
    Raises:
        Invalid: the name, the location or a tag is not allowed.
        AlreadyExists: an experiment has the name, live or deleted.
    Events: experiment.created
    """
    actors.require(actor, "write", f"experiment '{name}'")
    experiments.check_name(name)
    location = locations.check(artifact_location) if artifact_location else None
    collected = _collect(tags)
    with Change(actor, registry) as change:
        holder = rows.find_by_name(change.tx, name)
        if holder is not None:
            raise experiments.already_exists(name, holder.lifecycle_stage)
        experiment_id = rows.insert(change.tx, name, change.now)
        _place(change, experiment_id, name, location, collected)
        return rows.get(change.tx, experiment_id)


def _collect(given: list[Tag] | None) -> dict[str, str]:
    return tags.collect(given, experiments.TAG_VALUE_LIMIT)


def _place(change: Change, experiment_id: int, name: str, location: str | None, collected: dict[str, str]) -> None:
    location = location or f"{SCHEME}/{experiment_id}"
    rows.set_artifact_location(change.tx, experiment_id, location)
    for key, value in collected.items():
        rows.set_tag(change.tx, experiment_id, key, value)
    change.record(
        "experiment.created", experiment_id=experiment_id, name=name, artifact_location=location, tags=collected
    )


def get(actor: Actor, registry: Registry, experiment_id: str | int) -> Experiment:
    """An experiment, deleted or not.

    Raises:
        NotFound: there is none.
    """
    actors.require(actor, "read", f"experiment '{experiment_id}'")
    checked = experiments.check_id(experiment_id)
    with registry.database.read() as tx:
        return rows.get(tx, checked)


def get_by_name(actor: Actor, registry: Registry, experiment_name: str) -> Experiment:
    """The experiment of a name, deleted or not.

    Raises:
        NotFound: there is none.
    """
    actors.require(actor, "read", f"experiment '{experiment_name}'")
    experiments.check_name(experiment_name, "experiment_name")
    with registry.database.read() as tx:
        found = rows.find_by_name(tx, experiment_name)
        if found is None:
            raise experiments.name_not_found(experiment_name)
        return found


def update(actor: Actor, registry: Registry, experiment_id: str | int, new_name: str) -> None:
    """Rename an experiment.

    Raises:
        Invalid: the name is not allowed, or the experiment is deleted.
        NotFound: there is no such experiment.
        AlreadyExists: another experiment has the name, live or deleted.
    Events: experiment.renamed
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    checked = experiments.check_id(experiment_id)
    experiments.check_name(new_name, "new_name")
    with Change(actor, registry) as change:
        found = rows.get(change.tx, checked)
        if found.lifecycle_stage != lifecycle.ACTIVE:
            raise Invalid("Cannot rename a non-active experiment. Restore it first.")
        if found.name == new_name:
            return
        holder = rows.find_by_name(change.tx, new_name)
        if holder is not None:
            raise experiments.already_exists(new_name, holder.lifecycle_stage)
        rows.update(change.tx, checked, change.now, name=new_name)
        payload: dict[str, Any] = {"experiment_id": checked, "from": found.name, "name": new_name}
        change.record("experiment.renamed", **payload)


def delete(actor: Actor, registry: Registry, experiment_id: str | int) -> None:
    """Delete an experiment and with it all its runs; `restore` brings them back.

    Raises:
        NotFound: there is no live experiment of this id.
    Events: experiment.deleted
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    _move(actor, registry, experiments.check_id(experiment_id), lifecycle.DELETED)


def restore(actor: Actor, registry: Registry, experiment_id: str | int) -> None:
    """Bring back a deleted experiment and its runs, except those that were deleted one by one.

    Raises:
        NotFound: there is no deleted experiment of this id.
    Events: experiment.restored
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    _move(actor, registry, experiments.check_id(experiment_id), lifecycle.ACTIVE)


def _move(actor: Actor, registry: Registry, experiment_id: int, stage: str) -> None:
    with Change(actor, registry) as change:
        found = rows.get(change.tx, experiment_id)
        if found.lifecycle_stage == stage:
            raise experiments.not_found(experiment_id)
        rows.update(change.tx, experiment_id, change.now, lifecycle_stage=stage)
        kind = "experiment.deleted" if stage == lifecycle.DELETED else "experiment.restored"
        change.record(kind, experiment_id=experiment_id, name=found.name)


def set_tag(actor: Actor, registry: Registry, experiment_id: str | int, key: str, value: str | None = None) -> None:
    """Set a tag; a missing value is the empty text.

    Raises:
        Invalid: the key or value is not allowed, or the experiment is deleted.
        NotFound: there is no such experiment.
    Events: experiment.tag_set
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    checked = experiments.check_id(experiment_id)
    names.check_key(key)
    text = tags.check_value(value, experiments.TAG_VALUE_LIMIT)
    with Change(actor, registry) as change:
        found = _get_active(change, checked)
        if rows.set_tag(change.tx, checked, key, text):
            change.record("experiment.tag_set", experiment_id=checked, name=found.name, key=key, value=text)


def _get_active(change: Change, experiment_id: int) -> Experiment:
    found = rows.get(change.tx, experiment_id)
    if found.lifecycle_stage != lifecycle.ACTIVE:
        raise experiments.not_active(experiment_id)
    return found


def delete_tag(actor: Actor, registry: Registry, experiment_id: str | int, key: str) -> None:
    """Delete a tag.

    Raises:
        Invalid: the experiment is deleted.
        NotFound: there is no such experiment, or it has no such tag.
    Events: experiment.tag_deleted
    """
    actors.require(actor, "write", f"experiment '{experiment_id}'")
    checked = experiments.check_id(experiment_id)
    names.check_key(key)
    with Change(actor, registry) as change:
        found = _get_active(change, checked)
        if not rows.delete_tag(change.tx, checked, key):
            raise experiments.tag_not_found(checked, key)
        change.record("experiment.tag_deleted", experiment_id=checked, name=found.name, key=key)


def search(
    actor: Actor,
    registry: Registry,
    max_results: int | None = None,
    page_token: str | None = None,
    filter: str | None = None,
    order_by: list[str] | None = None,
    view_type: str | int | None = None,
) -> Page[Experiment]:
    """Experiments that meet a filter, the newest first.

    Args:
        view_type: ACTIVE_ONLY (the default), DELETED_ONLY or ALL, or its number from 1 to 3.
    Raises:
        Invalid: the filter, order, view, page size or token is wrong.
    """
    actors.require(actor, "read", "experiments")
    scope = rows.seen_in(lifecycle.check_view(view_type, "view_type"))
    with registry.database.read() as tx:
        return searching.page(tx, "experiments", rows.page, filter, max_results, order_by, page_token, scope=scope)
