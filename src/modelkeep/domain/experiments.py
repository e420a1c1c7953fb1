"""An experiment: a named group of runs."""

from __future__ import annotations

from dataclasses import dataclass

from modelkeep.domain import texts
from modelkeep.domain.errors import AlreadyExists, Invalid, NotFound

DEFAULT_ID = 0
DEFAULT_NAME = "Default"
NAME_LIMIT = 500
TAG_VALUE_LIMIT = 20_000
IDS_LIMIT = 50_000


@dataclass(slots=True)
class Experiment:
    """An experiment. Times are UTC milliseconds; `tags` is a list of (key, value).

    Names are unique among all experiments, the deleted ones too.
    """

    id: int
    name: str
    artifact_location: str
    lifecycle_stage: str
    creation_time: int
    last_update_time: int
    tags: list[list[str]]


def check_id(experiment_id: object, field: str = "experiment_id") -> int:
    """Return an experiment's id from its text or integer form.

    Raises:
        Invalid: it is missing or not an integer.
        NotFound: it is negative or past 64 bits, which no experiment is.
    """
    if type(experiment_id) is int:
        number = experiment_id
    else:
        text = texts.required(experiment_id, field)
        try:
            number = int(text)
        except ValueError:
            raise Invalid(f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer.") from None
    if not 0 <= number <= texts.INT64_MAX:
        raise not_found(number)
    return number


def check_ids(experiment_ids: object, field: str = "experiment_ids") -> list[int]:
    """Return ids to search in, each once; what no experiment can have for an id is left out.

    Raises:
        Invalid: it is not a list, holds something that is not an integer, or is too long.
    """
    if experiment_ids is None:
        return []
    if not isinstance(experiment_ids, list):
        raise Invalid(f"Parameter '{field}' must be a list, got {str(experiment_ids)[:100]!r}.")
    if len(experiment_ids) > IDS_LIMIT:
        raise Invalid(f"Parameter '{field}' has {len(experiment_ids):,} items; at most {IDS_LIMIT:,} are allowed.")
    found: dict[int, None] = {}
    for experiment_id in experiment_ids:
        try:
            found[check_id(experiment_id, field)] = None
        except NotFound:
            continue
    return list(found)


def check_name(name: object, field: str = "name") -> str:
    """Return an experiment's name, which may hold any characters.

    Raises:
        Invalid: it is missing or over 500 characters.
    """
    return texts.required(name, field, NAME_LIMIT)


def not_found(experiment_id: int) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"No Experiment with id={experiment_id} exists")


def name_not_found(name: str) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"Could not find experiment with name '{name}'")


def already_exists(name: str, lifecycle_stage: str) -> AlreadyExists:
    """The error when a name is taken, by a deleted experiment too."""
    advice = "restore it or choose another name" if lifecycle_stage == "deleted" else "choose another name"
    state = "deleted" if lifecycle_stage == "deleted" else "live"
    return AlreadyExists(f"Experiment(name={name}) already exists: a {state} experiment has this name; {advice}.")


def not_active(experiment_id: int) -> Invalid:
    """The error of a change to a deleted experiment, in MLflow's words."""
    return Invalid(
        f"The experiment {experiment_id} must be in the 'active' state. Current state is deleted. Restore it first."
    )


def tag_not_found(experiment_id: int, key: str) -> NotFound:
    """The error of deleting a tag that is not there, in MLflow's words."""
    return NotFound(f"No tag with name: {key} in experiment with id {experiment_id}")
