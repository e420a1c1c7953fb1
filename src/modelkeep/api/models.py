"""Registered models and their aliases on the wire: `/api/2.0/mlflow/registered-models/…`."""

from __future__ import annotations

import msgspec

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.tags import TagShape, tag_shapes
from modelkeep.api.versions import (
    VersionReply,
    VersionShape,
    VersionsReply,
    version_reply,
    version_shape,
    versions_reply,
)
from modelkeep.domain.models import Model
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag


class AliasShape(msgspec.Struct):
    """An alias and the version it points to."""

    alias: str
    version: str


class ModelShape(Reply):
    """MLflow's RegisteredModel. Times are UTC milliseconds."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str | None = None
    description: str | None = None
    latest_versions: list[VersionShape] = []
    tags: list[TagShape] = []
    aliases: list[AliasShape] = []


def model_shape(model: Model) -> ModelShape:
    """A registered model as MLflow writes it."""
    return ModelShape(
        name=model.name,
        creation_timestamp=model.creation_timestamp,
        last_updated_timestamp=model.last_updated_timestamp,
        user_id=model.user_id,
        description=model.description,
        latest_versions=[version_shape(version) for version in model.latest_versions],
        tags=tag_shapes(model.tags) if model.tags else [],
        aliases=[AliasShape(alias, str(number)) for alias, number in model.aliases],
    )


class ModelReply(Reply):
    registered_model: ModelShape


def model_reply(model: Model) -> ModelReply:
    return ModelReply(model_shape(model))


class ModelsReply(Reply):
    registered_models: list[ModelShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[Model]) -> ModelsReply:
    return ModelsReply([model_shape(model) for model in page.items], page.next_page_token)


class Create(Request):
    name: str | None = None
    tags: list[Tag] | None = None
    description: str | None = None


class Named(Request):
    name: str | None = None


class Update(Named):
    description: str | None = None


class Rename(Named):
    new_name: str | None = None


class Search(Request):
    filter: str | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


class Listing(Request):
    max_results: Int64 | None = None
    page_token: str | None = None


class Latest(Named):
    stages: list[str] | None = None


class SetTag(Named):
    key: str | None = None
    value: str | None = None


class DeleteTag(Named):
    key: str | None = None


class Aliased(Named):
    alias: str | None = None


class Point(Aliased):
    version: str | None = None


_MODEL = "registered model"
_NAME = ("name",)

CALLS = (
    Call(
        "POST", "mlflow/registered-models/create", Create, "models.create", "write", _MODEL,
        "Create a registered model.", model_reply, ModelReply, _NAME, creates=True,
    ),
    Call(
        "GET", "mlflow/registered-models/get", Named, "models.get", "read", _MODEL,
        "A registered model with its newest version of every stage.", model_reply, ModelReply, _NAME, "point",
    ),
    Call(
        "PATCH", "mlflow/registered-models/update", Update, "models.update", "write", _MODEL,
        "Replace a model's description; leaving it out erases it.", model_reply, ModelReply, _NAME,
    ),
    Call(
        "POST", "mlflow/registered-models/rename", Rename, "models.rename", "write", _MODEL,
        "Rename a model; everything on it stays.", model_reply, ModelReply, ("name", "new_name"),
    ),
    Call(
        "DELETE", "mlflow/registered-models/delete", Named, "models.delete", "write", _MODEL,
        "Delete a model and everything on it.", required=_NAME,
    ),
    Call(
        "POST", "modelkeep/models/restore", Named, "models.restore", "write", _MODEL,
        "Bring back the model of this name that was deleted last.", model_reply, ModelReply, _NAME,
    ),
    Call(
        "GET", "mlflow/registered-models/search", Search, "models.search", "read", _MODEL,
        "Models that meet a filter, by name.", page_reply, ModelsReply,
    ),
    Call(
        "GET", "mlflow/registered-models/list", Listing, "models.search", "read", _MODEL,
        "Every model, by name.", page_reply, ModelsReply,
    ),
    Call(
        "POST", "mlflow/registered-models/get-latest-versions", Latest, "versions.latest", "read", _MODEL,
        "The newest version of each stage asked for.", versions_reply, VersionsReply, _NAME, "point",
    ),
    Call(
        "GET", "mlflow/registered-models/get-latest-versions", Latest, "versions.latest", "read", _MODEL,
        "The newest version of each stage asked for.", versions_reply, VersionsReply, _NAME, "point",
    ),
    Call(
        "POST", "mlflow/registered-models/set-tag", SetTag, "models.set_tag", "write", _MODEL,
        "Set a tag of a model.", required=("name", "key"),
    ),
    Call(
        "DELETE", "mlflow/registered-models/delete-tag", DeleteTag, "models.delete_tag", "write", _MODEL,
        "Delete a tag of a model.", required=("name", "key"),
    ),
    Call(
        "POST", "mlflow/registered-models/alias", Point, "aliases.point", "write", "alias",
        "Point an alias at a version.", required=("name", "alias", "version"),
    ),
    Call(
        "DELETE", "mlflow/registered-models/alias", Aliased, "aliases.delete", "write", "alias",
        "Delete an alias.", required=("name", "alias"),
    ),
    Call(
        "GET", "mlflow/registered-models/alias", Aliased, "aliases.get", "read", "alias",
        "The version an alias points to.", version_reply, VersionReply, ("name", "alias"), "point",
    ),
)  # fmt: skip
