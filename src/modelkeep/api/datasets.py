"""Data sets on the wire: `runs/log-inputs` and `experiments/search-datasets`."""

from __future__ import annotations

from dataclasses import replace

from modelkeep.api.call import Call, Reply, Request
from modelkeep.api.tags import TagShape
from modelkeep.domain.datasets import DatasetInput, ModelInput, Summary


class DatasetShape(Reply):
    """MLflow's Dataset. `schema` and `profile` are JSON texts that only clients read."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class DatasetInputShape(Reply):
    """MLflow's DatasetInput: a data set that a run read, with tags about that use of it."""

    dataset: DatasetShape
    tags: list[TagShape] = []


def dataset_input_shape(read: DatasetInput) -> DatasetInputShape:
    """What a run read, as MLflow writes it."""
    dataset = read.dataset
    assert dataset is not None
    return DatasetInputShape(
        DatasetShape(*(getattr(dataset, field) for field in DatasetShape.__struct_fields__)),
        [TagShape(tag.key or "", tag.value or "") for tag in read.tags],
    )


class SummaryShape(Reply):
    """MLflow's DatasetSummary: a data set and what some run used it for."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class SummariesReply(Reply):
    dataset_summaries: list[SummaryShape] = []


def summaries_reply(found: list[Summary]) -> SummariesReply:
    return SummariesReply(
        [SummaryShape(str(each.experiment_id), each.name, each.digest, each.context) for each in found]
    )


class LogInputs(Request):
    run_id: str | None = None
    datasets: list[DatasetInput] | None = None
    models: list[ModelInput] | None = None


class Search(Request):
    experiment_ids: list[str] | None = None


_DATASET = "data set"
_SEARCH = Call(
    "POST", "mlflow/experiments/search-datasets", Search, "datasets.search", "read", _DATASET,
    "The data sets of experiments with what runs used them for.", summaries_reply, SummariesReply,
)  # fmt: skip

CALLS = (
    Call(
        "POST", "mlflow/runs/log-inputs", LogInputs, "datasets.log_inputs", "write", "run",
        "Record the data sets and logged models that a run read.", required=("run_id",),
    ),
    _SEARCH,
    # MLflow's route lacks a slash, so this is where its REST clients look (3.17.2).
    replace(_SEARCH, path="experiments/search-datasets", version="2.0mlflow"),
)  # fmt: skip
