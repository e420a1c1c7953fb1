"""Registered models and their aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import ModelVersion, PagedList, RegisteredModel, model_version, registered_model
from modelkeep.client.values import tag_list, text, version_text

if TYPE_CHECKING:
    from datetime import datetime

    from modelkeep.client.client import Client


def create(
    client: Client, name: str, tags: dict[str, Any] | None = None, description: str | None = None
) -> RegisteredModel:
    """Create a registered model.

    Raises:
        AlreadyExists: the name is taken.
    """
    reply = client.call("models.create", name=name, tags=tag_list(tags), description=description)
    return registered_model(reply.registered_model)


def get(client: Client, name: str) -> RegisteredModel:
    """A registered model with its newest version of every stage.

    Raises:
        NotFound: there is none.
    """
    return registered_model(client.call("models.get", name=name).registered_model)


def rename(client: Client, name: str, new_name: str) -> RegisteredModel:
    """Rename a model; everything on it stays."""
    return registered_model(client.call("models.rename", name=name, new_name=new_name).registered_model)


def update(client: Client, name: str, description: str | None = None) -> RegisteredModel:
    """Replace a model's description; None erases it."""
    return registered_model(client.call("models.update", name=name, description=description).registered_model)


def delete(client: Client, name: str) -> None:
    """Delete a model with its versions. `restore_registered_model` brings it back."""
    client.call("models.delete", name=name)


def restore(client: Client, name: str) -> RegisteredModel:
    """Bring back the model of this name that was deleted last. MLflow has no such call."""
    return registered_model(client.call("models.restore", name=name).registered_model)


def search(
    client: Client,
    filter_string: str | None = None,
    max_results: int = 100,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> PagedList[RegisteredModel]:
    """Models that meet a filter, by name."""
    reply = client.call(
        "models.search", filter=filter_string or None, max_results=max_results, order_by=order_by, page_token=page_token
    )
    return PagedList([registered_model(shape) for shape in reply.registered_models], reply.next_page_token)


def set_tag(client: Client, name: str, key: str, value: Any) -> None:
    """Set a tag of a model."""
    client.call("models.set_tag", name=name, key=key, value=text(value))


def delete_tag(client: Client, name: str, key: str) -> None:
    """Delete a tag of a model; a missing one is no error."""
    client.call("models.delete_tag", name=name, key=key)


def set_alias(client: Client, name: str, alias: str, version: str | int) -> None:
    """Point an alias at a version, wherever it pointed before."""
    client.call("aliases.point", name=name, alias=alias, version=version_text(version))


def delete_alias(client: Client, name: str, alias: str) -> None:
    """Delete an alias; a missing one is no error."""
    client.call("aliases.delete", name=name, alias=alias)


def get_version_by_alias(client: Client, name: str, alias: str, at: int | str | datetime | None = None) -> ModelVersion:
    """The version an alias points to.

    Args:
        at: a moment, as `target_at` takes it, for the version it pointed to then. MLflow has no such argument.
    Raises:
        Invalid: there is no such alias, as in MLflow.
        NotFound: there is no such model.
    """
    if at is not None:
        return client.target_at(name, f"@{alias}", at)
    return model_version(client.call("aliases.get", name=name, alias=alias).model_version)


def get_latest_versions(client: Client, name: str, stages: list[str] | None = None) -> list[ModelVersion]:
    """The newest version of each stage asked for; of every stage that has one when none is."""
    reply = client.call("versions.latest", name=name, stages=stages)
    return [model_version(shape) for shape in reply.model_versions]
