"""Runs on the wire: `/api/2.0/mlflow/runs/…`."""

from __future__ import annotations

import msgspec

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.datasets import DatasetInputShape, dataset_input_shape
from modelkeep.api.metrics import MetricShape, metric_shape
from modelkeep.api.tags import TagShape, tag_shapes
from modelkeep.domain.datasets import ModelOutput
from modelkeep.domain.paging import Page
from modelkeep.domain.runs import Run
from modelkeep.domain.tags import Tag


class RunInfoShape(Reply):
    """MLflow's RunInfo. Times are UTC milliseconds; `run_uuid` is the old name of `run_id`."""

    run_id: str
    run_uuid: str
    run_name: str
    experiment_id: str
    status: str
    artifact_uri: str
    lifecycle_stage: str
    user_id: str | None = None
    start_time: int | None = None
    end_time: int | None = None


def run_info_shape(run: Run) -> RunInfoShape:
    """What MLflow says of a run besides what it logged."""
    return RunInfoShape(
        run_id=run.id,
        run_uuid=run.id,
        run_name=run.name,
        experiment_id=str(run.experiment_id),
        status=run.status,
        artifact_uri=run.artifact_uri,
        lifecycle_stage=run.lifecycle_stage,
        user_id=run.user_id,
        start_time=run.start_time,
        end_time=run.end_time,
    )


class RunDataShape(Reply):
    """MLflow's RunData."""

    metrics: list[MetricShape] = []
    params: list[TagShape] = []
    tags: list[TagShape] = []


class ModelInputShape(msgspec.Struct):
    """MLflow's ModelInput."""

    model_id: str


class RunInputsShape(Reply):
    """MLflow's RunInputs."""

    dataset_inputs: list[DatasetInputShape] = []
    model_inputs: list[ModelInputShape] = []


class ModelOutputShape(msgspec.Struct):
    """MLflow's LoggedModelOutput."""

    model_id: str
    step: int


class RunOutputsShape(Reply):
    """MLflow's RunOutputs."""

    model_outputs: list[ModelOutputShape] = []


class RunShape(Reply):
    """MLflow's Run."""

    info: RunInfoShape
    data: RunDataShape
    inputs: RunInputsShape
    outputs: RunOutputsShape


def run_shape(run: Run) -> RunShape:
    """A run as MLflow writes it."""
    return RunShape(
        run_info_shape(run),
        RunDataShape([metric_shape(metric) for metric in run.metrics], tag_shapes(run.params), tag_shapes(run.tags)),
        RunInputsShape(
            [dataset_input_shape(read) for read in run.dataset_inputs],
            [ModelInputShape(model_id) for model_id in run.model_inputs],
        ),
        RunOutputsShape([ModelOutputShape(model_id, step) for model_id, step in run.model_outputs]),
    )


class RunReply(Reply):
    run: RunShape


def run_reply(run: Run) -> RunReply:
    return RunReply(run_shape(run))


class RunInfoReply(Reply):
    run_info: RunInfoShape


def run_info_reply(run: Run) -> RunInfoReply:
    return RunInfoReply(run_info_shape(run))


class RunsReply(Reply):
    runs: list[RunShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[Run]) -> RunsReply:
    return RunsReply([run_shape(run) for run in page.items], page.next_page_token)


class Create(Request):
    experiment_id: str | None = None
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: list[Tag] | None = None


class Identified(Request):
    run_id: str | None = None


class IdentifiedTwice(Identified):
    """The calls that also know a run by the old name of its id."""

    run_uuid: str | None = None


class Update(IdentifiedTwice):
    status: int | str | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class SetTag(IdentifiedTwice):
    key: str | None = None
    value: str | None = None


class LogParam(IdentifiedTwice):
    key: str | None = None
    value: str | None = None


class DeleteTag(Identified):
    key: str | None = None


class LogOutputs(Identified):
    models: list[ModelOutput] | None = None


class LogModel(Identified):
    model_json: str | None = None


class Search(Request):
    experiment_ids: list[str] | None = None
    filter: str | None = None
    run_view_type: int | str | None = None
    max_results: Int64 | None = None
    order_by: list[str] | None = None
    page_token: str | None = None


_RUN = "run"
_ID = ("run_id",)

CALLS = (
    Call(
        "POST", "mlflow/runs/create", Create, "runs.create", "write", _RUN,
        "Start a run.", run_reply, RunReply, ("experiment_id",), creates=True,
    ),
    Call(
        "GET", "mlflow/runs/get", IdentifiedTwice, "runs.get", "read", _RUN,
        "A run, deleted or not, with what it logged.", run_reply, RunReply, cost="point",
    ),
    Call(
        "POST", "mlflow/runs/update", Update, "runs.update", "write", _RUN,
        "Change a run's status, end or name.", run_info_reply, RunInfoReply,
    ),
    Call(
        "POST", "mlflow/runs/delete", Identified, "runs.delete", "write", _RUN,
        "Delete a run.", required=_ID,
    ),
    Call(
        "POST", "mlflow/runs/restore", Identified, "runs.restore", "write", _RUN,
        "Bring back a deleted run.", required=_ID,
    ),
    Call(
        "POST", "mlflow/runs/search", Search, "runs.search", "read", _RUN,
        "Runs of some experiments that meet a filter, the last started first.", page_reply, RunsReply,
    ),
    Call(
        "POST", "mlflow/runs/set-tag", SetTag, "runs.set_tag", "write", _RUN,
        "Set a tag of a run.", required=("key",),
    ),
    Call(
        "POST", "mlflow/runs/delete-tag", DeleteTag, "runs.delete_tag", "write", _RUN,
        "Delete a tag of a run.", required=("run_id", "key"),
    ),
    Call(
        "POST", "mlflow/runs/log-parameter", LogParam, "params.log", "write", _RUN,
        "Log a parameter, whose value never changes after.", required=("key",),
    ),
    Call(
        "POST", "mlflow/runs/outputs", LogOutputs, "runs.log_outputs", "write", _RUN,
        "Record the logged models that a run wrote.", required=("run_id", "models"),
    ),
    Call(
        "POST", "mlflow/runs/log-model", LogModel, "runs.log_model", "write", _RUN,
        "Record a model that a run wrote, as clients before MLflow 3 do.", required=("run_id", "model_json"),
    ),
)  # fmt: skip
