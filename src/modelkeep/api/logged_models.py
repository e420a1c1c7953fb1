"""Logged models on the wire: `/api/2.0/mlflow/logged-models/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.metrics import MetricShape, measured_shape
from modelkeep.api.tags import TagShape, tag_shapes
from modelkeep.domain.logged_models import LoggedModel, OrderBy
from modelkeep.domain.metrics import MeasuredOn
from modelkeep.domain.paging import Page
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag


class InfoShape(Reply):
    """MLflow's LoggedModelInfo. Times are UTC milliseconds."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: str
    model_type: str | None = None
    source_run_id: str | None = None
    status_message: str | None = None
    tags: list[TagShape] = []


class DataShape(Reply):
    """MLflow's LoggedModelData."""

    params: list[TagShape] = []
    metrics: list[MetricShape] = []


class LoggedModelShape(Reply):
    """MLflow's LoggedModel."""

    info: InfoShape
    data: DataShape


def logged_model_shape(model: LoggedModel) -> LoggedModelShape:
    """A logged model as MLflow writes it."""
    return LoggedModelShape(
        InfoShape(
            model_id=model.id,
            experiment_id=str(model.experiment_id),
            name=model.name,
            creation_timestamp_ms=model.creation_timestamp,
            last_updated_timestamp_ms=model.last_updated_timestamp,
            artifact_uri=model.artifact_location,
            status=model.status,
            model_type=model.model_type,
            source_run_id=model.source_run_id,
            status_message=model.status_message,
            tags=tag_shapes(model.tags),
        ),
        DataShape(tag_shapes(model.params), [measured_shape(metric) for metric in model.metrics]),
    )


class LoggedModelReply(Reply):
    model: LoggedModelShape


def logged_model_reply(model: LoggedModel) -> LoggedModelReply:
    return LoggedModelReply(logged_model_shape(model))


class LoggedModelsReply(Reply):
    models: list[LoggedModelShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[LoggedModel]) -> LoggedModelsReply:
    return LoggedModelsReply([logged_model_shape(model) for model in page.items], page.next_page_token)


class Create(Request):
    experiment_id: str | None = None
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: list[Param] | None = None
    tags: list[Tag] | None = None


class Identified(Request):
    model_id: str | None = None


class Get(Identified):
    allow_deleted: bool | None = None


class Finalize(Identified):
    status: int | str | None = None


class LogParams(Identified):
    params: list[Param] | None = None


class SetTags(Identified):
    tags: list[Tag] | None = None


class DeleteTag(Identified):
    tag_key: str | None = None


class Search(Request):
    experiment_ids: list[str] | None = None
    filter: str | None = None
    datasets: list[MeasuredOn] | None = None
    max_results: Int64 | None = None
    order_by: list[OrderBy] | None = None
    page_token: str | None = None


_MODEL = "logged model"
_PATH = "mlflow/logged-models/{model_id}"
_ID = ("model_id",)

CALLS = (
    Call(
        "POST", "mlflow/logged-models", Create, "logged_models.create", "write", _MODEL,
        "Create a logged model, pending until it is finalized.",
        logged_model_reply, LoggedModelReply, ("experiment_id",), creates=True,
    ),
    Call(
        "POST", "mlflow/logged-models/search", Search, "logged_models.search", "read", _MODEL,
        "Logged models of some experiments that meet a filter, the newest first.",
        page_reply, LoggedModelsReply, ("experiment_ids",),
    ),
    Call(
        "GET", _PATH, Get, "logged_models.get", "read", _MODEL,
        "A logged model with its tags, params and metrics.", logged_model_reply, LoggedModelReply, _ID, "point",
    ),
    Call(
        "PATCH", _PATH, Finalize, "logged_models.finalize", "write", _MODEL,
        "Say that a logged model is ready, or that its upload failed.",
        logged_model_reply, LoggedModelReply, ("model_id", "status"),
    ),
    Call(
        "DELETE", _PATH, Identified, "logged_models.delete", "write", _MODEL,
        "Delete a logged model.", required=_ID,
    ),
    Call(
        "POST", f"{_PATH}/params", LogParams, "logged_models.log_params", "write", _MODEL,
        "Give a logged model params, whose values never change after.", required=_ID,
    ),
    Call(
        "PATCH", f"{_PATH}/tags", SetTags, "logged_models.set_tags", "write", _MODEL,
        "Set tags of a logged model.", required=_ID,
    ),
    Call(
        "DELETE", f"{_PATH}/tags/{{tag_key}}", DeleteTag, "logged_models.delete_tag", "write", _MODEL,
        "Delete a tag of a logged model.", required=("model_id", "tag_key"),
    ),
)  # fmt: skip
