"""A run: one execution that measured something, with what it logged."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from modelkeep.domain import enums, names, texts
from modelkeep.domain.datasets import DatasetInput
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.lifecycle import ACTIVE, DELETED
from modelkeep.domain.metrics import Metric
from modelkeep.domain.tags import Tag

RUNNING = "RUNNING"
_STATUSES = {RUNNING: 1, "SCHEDULED": 2, "FINISHED": 3, "FAILED": 4, "KILLED": 5}
ENDED = frozenset({"FINISHED", "FAILED", "KILLED"})
NAME_TAG = "mlflow.runName"
MODELS_TAG = "mlflow.log-model.history"
TAG_VALUE_LIMIT = 8000
_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")


@dataclass(slots=True)
class Run:
    """A run. Times are UTC milliseconds.

    `lifecycle_stage` is `deleted` when the run or its experiment is. What it logged is filled in by
    `storage.runs.with_data`: the newest point of each metric, (key, value) of params and tags, (model id, step) of
    model outputs.
    """

    id: str
    experiment_id: int
    name: str
    user_id: str | None
    status: str
    start_time: int | None
    end_time: int | None
    artifact_uri: str
    lifecycle_stage: str = ACTIVE
    metrics: list[Metric] = field(default_factory=list)
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    dataset_inputs: list[DatasetInput] = field(default_factory=list)
    model_inputs: list[str] = field(default_factory=list)
    model_outputs: list[tuple[str, int]] = field(default_factory=list)


def check_id(run_id: object, run_uuid: object = None) -> str:
    """Return a run's id, given by either of MLflow's two names for it.

    Raises:
        Invalid: both are missing, or it is too long.
    """
    return texts.required(run_id or run_uuid, "run_id")


def check_id_form(run_id: object) -> str:
    """`check_id`, but what cannot be an id of a run is refused before it is looked up, as MLflow's batch calls do.

    Raises:
        Invalid: it has other characters than letters, digits, `_` and `-`.
    """
    text = check_id(run_id)
    if not _ID.fullmatch(text):
        raise Invalid(f"Invalid value {text!r} for parameter 'run_id' supplied: use letters, digits, '_' and '-'.")
    return text


def check_status(status: object) -> str | None:
    """Return a status by its name or number; None for an unknown name, which MLflow ignores.

    Raises:
        Invalid: it is a number that stands for no status.
    """
    return enums.read(status, "status", _STATUSES)


def check_tag_value(value: object) -> str:
    """Return a run tag's value, cut to 8,000 characters as MLflow does by default; None is the empty text.

    Raises:
        Invalid: it is not text that can be stored.
    """
    if value is None:
        return ""
    return texts.check(value[:TAG_VALUE_LIMIT] if isinstance(value, str) else value, "value", TAG_VALUE_LIMIT)


def collect_tags(tags: Iterable[Tag] | None) -> dict[str, str]:
    """Check run tags and return them as a dict; of equal keys the last wins.

    Raises:
        Invalid: a key or a value is not allowed.
    """
    return {
        names.check_key(tag.key, f"tags[{index}].key"): check_tag_value(tag.value)
        for index, tag in enumerate(tags or ())
    }


def not_found(run_id: str) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"Run with id={run_id} not found")


def not_active(run_id: str) -> Invalid:
    """The error of a change to a deleted run, in MLflow's words."""
    return Invalid(f"The run {run_id} must be in the 'active' state. Current state is {DELETED}.")


def tag_not_found(run_id: str, key: str) -> NotFound:
    """The error of deleting a tag that is not there, in MLflow's words."""
    return NotFound(f"No tag with name: {key} in run with id {run_id}")
