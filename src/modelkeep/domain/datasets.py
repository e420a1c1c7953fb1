"""A data set that a run read: what it is, by name and digest, and where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelkeep.domain import texts
from modelkeep.domain.errors import Invalid
from modelkeep.domain.tags import Tag

# The tag that says what a run used a data set for, such as `training`.
CONTEXT_TAG = "mlflow.data.context"
# How a logged model stands to a run: it was read or written.
INPUT = "input"
OUTPUT = "output"
NAME_LIMIT = 500
DIGEST_LIMIT = 36
SOURCE_TYPE_LIMIT = 36
SOURCE_LIMIT = 65_535
SCHEMA_LIMIT = 1_048_575
PROFILE_LIMIT = 16_777_215
TAG_KEY_LIMIT = 255
TAG_VALUE_LIMIT = 500
INPUTS_LIMIT = 1000


@dataclass(slots=True)
class Dataset:
    """A data set of an experiment. `schema` and `profile` are JSON texts that only clients read."""

    name: str | None = None
    digest: str | None = None
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


@dataclass(slots=True)
class DatasetInput:
    """A data set that a run read, with tags about that use of it."""

    dataset: Dataset | None = None
    tags: list[Tag] = field(default_factory=list)


@dataclass(slots=True)
class ModelInput:
    """A logged model that a run read."""

    model_id: str | None = None


@dataclass(slots=True)
class ModelOutput:
    """A logged model that a run wrote, and at which step."""

    model_id: str | None = None
    step: int | None = None


@dataclass(slots=True)
class Summary:
    """A data set of an experiment and what some run used it for."""

    experiment_id: int
    name: str
    digest: str
    context: str | None


def check_inputs(inputs: Sequence[DatasetInput] | None) -> list[DatasetInput]:
    """Check the data sets of one request; of those with equal name and digest the first is kept, as in MLflow.

    Raises:
        Invalid: there are over 1,000, or something in one is missing or too long.
    """
    given = inputs or ()
    if len(given) > INPUTS_LIMIT:
        raise Invalid(f"Parameter 'datasets' has {len(given):,} items; at most {INPUTS_LIMIT:,} are allowed.")
    kept: dict[tuple[str | None, str | None], DatasetInput] = {}
    for each in given:
        if each.dataset is None:
            raise Invalid("Dataset cannot be None: each item of 'datasets' needs a 'dataset'.")
        _check(each.dataset)
        for tag in each.tags or ():
            texts.required(tag.key, "tags.key", TAG_KEY_LIMIT)
            texts.check("" if tag.value is None else tag.value, "tags.value", TAG_VALUE_LIMIT)
        kept.setdefault((each.dataset.name, each.dataset.digest), each)
    return list(kept.values())


def _check(dataset: Dataset) -> None:
    texts.required(dataset.name, "dataset.name", NAME_LIMIT)
    texts.required(dataset.digest, "dataset.digest", DIGEST_LIMIT)
    texts.required(dataset.source_type, "dataset.source_type", SOURCE_TYPE_LIMIT)
    texts.required(dataset.source, "dataset.source", SOURCE_LIMIT)
    texts.check_optional(dataset.schema, "dataset.schema", SCHEMA_LIMIT)
    texts.check_optional(dataset.profile, "dataset.profile", PROFILE_LIMIT)
