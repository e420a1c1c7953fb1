"""Registered models: create, look up, describe, rename, delete, restore, tag."""

from __future__ import annotations

from modelkeep.domain import actors, models, names, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import AlreadyExists
from modelkeep.domain.models import Model
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag, check_value, collect
from modelkeep.registry import carrying, following, governing, searching
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import models as rows


def create(
    actor: Actor, registry: Registry, name: str, tags: list[Tag] | None = None, description: str | None = None
) -> Model:
    """Create a registered model. Of equal tag keys the last wins.

    Raises:
        Invalid: the name, a tag or the description is not allowed.
        AlreadyExists: the name is taken by a live model or prompt.
    Events: model.created
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    collected = collect(tags)
    texts.check_optional(description, "description", texts.DESCRIPTION_LIMIT)
    with Change(actor, registry) as change:
        holder = rows.find(change.tx, name)
        if holder is not None:
            raise _taken(holder, models.PROMPT_TAG in collected)
        model_id = rows.insert(change.tx, name, description, actor.name if actor.verified else None, change.now)
        for key, value in collected.items():
            rows.set_tag(change.tx, model_id, key, value)
        change.record("model.created", model_id, model=name, description=description, tags=collected)
        return rows.get(change.tx, name)


def _taken(holder: Model, for_prompt: bool) -> AlreadyExists:
    if holder.is_prompt == for_prompt:
        return models.already_exists(holder.name)
    kind = "prompt" if holder.is_prompt else "registered model"
    return AlreadyExists(
        f"Registered Model (name={holder.name}) already exists: the name is taken by a {kind}. Choose another name."
    )


def get(actor: Actor, registry: Registry, name: str) -> Model:
    """A registered model with its newest live version of every stage.

    Raises:
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        return rows.with_latest_versions(tx, [rows.get(tx, name)])[0]


def update(actor: Actor, registry: Registry, name: str, description: str | None = None) -> Model:
    """Replace the description; None erases it, as in MLflow.

    Raises:
        NotFound: there is no live model of this name.
    Events: model.updated
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    texts.check_optional(description, "description", texts.DESCRIPTION_LIMIT)
    with Change(actor, registry) as change:
        model = rows.get(change.tx, name)
        if model.description != description:
            rows.update(change.tx, model.id, change.now, description=description)
            change.record("model.updated", model.id, model=name, description=description)
        return rows.with_latest_versions(change.tx, [rows.get(change.tx, name)])[0]


def rename(actor: Actor, registry: Registry, name: str, new_name: str) -> Model:
    """Rename a model; versions, tags, aliases and numbering stay, because they refer to the model's id.

    Raises:
        NotFound: there is no live model of this name.
        AlreadyExists: the new name is taken.
        Refused: a version holds a target that policies for the new name guard, and does not pass them.
    Events: model.renamed, and alias.moved for each alias that follows another target under the new name; or
        promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    names.check_model_name(new_name, "new_name")
    refusal = None
    with Change(actor, registry) as change:
        model = rows.get(change.tx, name)
        if new_name != name:
            holder = rows.find(change.tx, new_name)
            if holder is not None:
                raise _taken(holder, model.is_prompt)
            refusal = carrying.check_rename(change, model, new_name)
            if refusal is None:
                rows.update(change.tx, model.id, change.now, name=new_name)
                change.record("model.renamed", model.id, **{"from": name, "model": new_name})
                following.follow(change, governing.current(change.tx, registry), model.id, new_name)
        if refusal is None:
            return rows.with_latest_versions(change.tx, [rows.get(change.tx, new_name)])[0]
    raise refusal


def delete(actor: Actor, registry: Registry, name: str) -> None:
    """Delete a model with everything on it. `restore` brings it back; a new model of the name starts at version 1.

    Raises:
        NotFound: there is no live model of this name.
        Refused: a policy that guards a target does not let the version that holds it go.
    Events: model.deleted; or promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    with Change(actor, registry) as change:
        model = rows.get(change.tx, name)
        refusal = carrying.check_deletion(change, model)
        if refusal is None:
            rows.update(change.tx, model.id, change.now, deleted_timestamp=change.now)
            change.record("model.deleted", model.id, model=name)
    if refusal is not None:
        raise refusal


def restore(actor: Actor, registry: Registry, name: str) -> Model:
    """Bring back the model of this name that was deleted last, as it was; but a target is empty if a policy that guards it
    would refuse the version that held it.

    Raises:
        NotFound: no deleted model has this name.
        AlreadyExists: a live model has it.
    Events: model.restored, and stage.changed or alias.moved for each target that was cleared
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    with Change(actor, registry) as change:
        deleted = rows.newest_deleted(change.tx, name)
        if deleted is None:
            raise models.not_found(name)
        if rows.find_id(change.tx, name) is not None:
            raise AlreadyExists(
                f"Registered Model (name={name}) already exists: rename the live one before restoring the deleted one."
            )
        rows.update(change.tx, deleted.id, change.now, deleted_timestamp=None)
        change.record("model.restored", deleted.id, model=name)
        carrying.clear_refused(change, rows.get(change.tx, name))
        return rows.with_latest_versions(change.tx, [rows.get(change.tx, name)])[0]


def set_tag(actor: Actor, registry: Registry, name: str, key: str, value: str | None = None) -> None:
    """Set a tag; a missing value is the empty text.

    Raises:
        Invalid: the key or value is not allowed.
        NotFound: there is no live model of this name.
    Events: model.tag_set
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    names.check_key(key)
    text = check_value(value)
    with Change(actor, registry) as change:
        model_id = rows.get_id(change.tx, name)
        if rows.set_tag(change.tx, model_id, key, text):
            change.record("model.tag_set", model_id, model=name, key=key, value=text)


def delete_tag(actor: Actor, registry: Registry, name: str, key: str) -> None:
    """Delete a tag; a missing one is no error, as in MLflow.

    Raises:
        NotFound: there is no live model of this name.
    Events: model.tag_deleted
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    names.check_key(key)
    with Change(actor, registry) as change:
        model_id = rows.get_id(change.tx, name)
        if rows.delete_tag(change.tx, model_id, key):
            change.record("model.tag_deleted", model_id, model=name, key=key)


def search(
    actor: Actor,
    registry: Registry,
    filter: str | None = None,
    max_results: int | None = None,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> Page[Model]:
    """Live models that meet a filter; prompts only when the filter asks for them.

    Raises:
        Invalid: the filter, order, page size or token is wrong.
    """
    actors.require(actor, "read", "registered models")
    with registry.database.read() as tx:
        page = searching.page(tx, "models", rows.page, filter, max_results, order_by, page_token)
        rows.with_latest_versions(tx, page.items)
        return page
