"""Experiments on the wire: `/api/2.0/mlflow/experiments/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.tags import TagShape, tag_shapes
from modelkeep.domain.experiments import Experiment
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag


class ExperimentShape(Reply):
    """MLflow's Experiment. Times are UTC milliseconds."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str
    last_update_time: int
    creation_time: int
    workspace: str
    tags: list[TagShape] = []


def experiment_shape(experiment: Experiment) -> ExperimentShape:
    """An experiment as MLflow writes it."""
    return ExperimentShape(
        experiment_id=str(experiment.id),
        name=experiment.name,
        artifact_location=experiment.artifact_location,
        lifecycle_stage=experiment.lifecycle_stage,
        last_update_time=experiment.last_update_time,
        creation_time=experiment.creation_time,
        workspace="default",
        tags=tag_shapes(experiment.tags) if experiment.tags else [],
    )


class CreatedReply(Reply):
    experiment_id: str


def created_reply(experiment: Experiment) -> CreatedReply:
    return CreatedReply(str(experiment.id))


class ExperimentReply(Reply):
    experiment: ExperimentShape


def experiment_reply(experiment: Experiment) -> ExperimentReply:
    return ExperimentReply(experiment_shape(experiment))


class ExperimentsReply(Reply):
    experiments: list[ExperimentShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[Experiment]) -> ExperimentsReply:
    return ExperimentsReply([experiment_shape(experiment) for experiment in page.items], page.next_page_token)


class Create(Request):
    name: str | None = None
    artifact_location: str | None = None
    tags: list[Tag] | None = None


class Identified(Request):
    experiment_id: str | None = None


class Named(Request):
    experiment_name: str | None = None


class Update(Identified):
    new_name: str | None = None


class SetTag(Identified):
    key: str | None = None
    value: str | None = None


class DeleteTag(Identified):
    key: str | None = None


class Search(Request):
    max_results: Int64 | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: list[str] | None = None
    view_type: int | str | None = None


_EXPERIMENT = "experiment"
_ID = ("experiment_id",)

CALLS = (
    Call(
        "POST", "mlflow/experiments/create", Create, "experiments.create", "write", _EXPERIMENT,
        "Create an experiment.", created_reply, CreatedReply, ("name",), creates=True,
    ),
    Call(
        "GET", "mlflow/experiments/get", Identified, "experiments.get", "read", _EXPERIMENT,
        "An experiment, deleted or not.", experiment_reply, ExperimentReply, _ID, "point",
    ),
    Call(
        "GET", "mlflow/experiments/get-by-name", Named, "experiments.get_by_name", "read", _EXPERIMENT,
        "The experiment of a name, deleted or not.", experiment_reply, ExperimentReply, ("experiment_name",), "point",
    ),
    Call(
        "POST", "mlflow/experiments/update", Update, "experiments.update", "write", _EXPERIMENT,
        "Rename an experiment.", required=("experiment_id", "new_name"),
    ),
    Call(
        "POST", "mlflow/experiments/delete", Identified, "experiments.delete", "write", _EXPERIMENT,
        "Delete an experiment and with it its runs.", required=_ID,
    ),
    Call(
        "POST", "mlflow/experiments/restore", Identified, "experiments.restore", "write", _EXPERIMENT,
        "Bring back a deleted experiment and its runs, except those deleted one by one.", required=_ID,
    ),
    Call(
        "POST", "mlflow/experiments/set-experiment-tag", SetTag, "experiments.set_tag", "write", _EXPERIMENT,
        "Set a tag of an experiment.", required=("experiment_id", "key"),
    ),
    Call(
        "POST", "mlflow/experiments/delete-experiment-tag", DeleteTag, "experiments.delete_tag", "write", _EXPERIMENT,
        "Delete a tag of an experiment.", required=("experiment_id", "key"),
    ),
    Call(
        "POST", "mlflow/experiments/search", Search, "experiments.search", "read", _EXPERIMENT,
        "Experiments that meet a filter, the newest first.", page_reply, ExperimentsReply,
    ),
    Call(
        "GET", "mlflow/experiments/search", Search, "experiments.search", "read", _EXPERIMENT,
        "Experiments that meet a filter, the newest first.", page_reply, ExperimentsReply,
    ),
)  # fmt: skip
