"""A logged model: the files a run wrote as a model, before or without being registered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelkeep.domain import enums, texts
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.metrics import Metric
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag

PENDING = "LOGGED_MODEL_PENDING"
_STATUSES = {
    "LOGGED_MODEL_STATUS_UNSPECIFIED": 0,
    PENDING: 1,
    "LOGGED_MODEL_READY": 2,
    "LOGGED_MODEL_UPLOAD_FAILED": 3,
}
# A JSON list of {name, version}: the registered versions made from a logged model.
REGISTRATIONS_TAG = "mlflow.modelVersions"
KEY_LIMIT = 255
MODEL_TYPE_LIMIT = 500
_FORBIDDEN = ("/", ":", ".", "%", '"', "'")


@dataclass(slots=True)
class LoggedModel:
    """A logged model. Times are UTC milliseconds; `params` and `tags` are lists of (key, value).

    `metrics` has every point measured of this model, oldest first.
    """

    id: str
    experiment_id: int
    name: str
    artifact_location: str
    status: str
    status_message: str | None
    model_type: str | None
    source_run_id: str | None
    creation_timestamp: int
    last_updated_timestamp: int
    deleted_timestamp: int | None = None
    params: list[tuple[str, str]] = field(default_factory=list)
    tags: list[tuple[str, str]] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)


@dataclass(slots=True)
class OrderBy:
    """One key of the order of a search, as MLflow writes it: an attribute, or a metric measured on a data set."""

    field_name: str | None = None
    ascending: bool | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


def check_name(name: object) -> str:
    """Return a logged model's name.

    Raises:
        Invalid: it is empty, over 256 characters, or has one of the characters / : . % " '
    """
    if isinstance(name, str) and (not name or any(character in name for character in _FORBIDDEN)):
        raise Invalid(
            f"Invalid model name ({name!r}) provided. Model name must be a non-empty string and cannot contain the "
            f"following characters: {_FORBIDDEN}"
        )
    return texts.required(name, "name")


def check_status(status: object) -> str:
    """Return a status by its name or number.

    Raises:
        Invalid: it is missing, or there is no such status.
    """
    if status is None or status == "":
        texts.required(None, "status")
    checked = enums.read(status, "status", _STATUSES)
    if checked is None:
        raise Invalid(f"Invalid value {status!r} for parameter 'status': use one of {', '.join(_STATUSES)}.")
    return checked


def collect(pairs: Iterable[Param | Tag] | None, field: str) -> dict[str, str]:
    """Check params or tags and return them as a dict; of equal keys the last wins. Keys may hold any characters.

    Raises:
        Invalid: a key is missing or too long, or a text cannot be stored.
    """
    return {
        texts.required(pair.key, f"{field}.key", KEY_LIMIT): (
            "" if pair.value is None else texts.check(pair.value, f"{field}.value", texts.TAG_VALUE_LIMIT)
        )
        for pair in pairs or ()
    }


def collect_params(params: Sequence[Param] | None) -> dict[str, str]:
    """`collect` for params, of which no two may share a key.

    Raises:
        Invalid: also when two do.
    """
    collected = collect(params, "params")
    if len(collected) < len(params or ()):
        raise Invalid("Duplicate parameter keys have been submitted. Give each parameter of a logged model once.")
    return collected


def not_found(logged_model_id: str) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"Logged model with ID '{logged_model_id}' not found.")
