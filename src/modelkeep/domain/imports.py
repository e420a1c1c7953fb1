"""What an import brings from another registry, as its records: the same whichever kind of source they were read from.

Times are UTC milliseconds. Every field has a default, because the records are also the shapes of requests: what must be
there is checked by the verbs.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from modelkeep.domain.artifacts import SCHEME
from modelkeep.domain.datasets import DatasetInput, ModelInput, ModelOutput
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag

# Where the files of versions are put that belong to no run or logged model which was imported.
FILES_ROOT = "imported"
ORIGIN_LIMIT = 2048
BATCH_LIMIT = 1000

EXPERIMENT = "experiment"
RUN = "run"
FILES = "files"
LOGGED_MODEL = "logged_model"
MODEL = "model"
VERSION = "version"
KINDS = (EXPERIMENT, RUN, FILES, LOGGED_MODEL, MODEL, VERSION)

# What became of a record.
IMPORTED = "imported"
UPDATED = "updated"
UNCHANGED = "unchanged"
CONFLICT = "conflict"
REFUSED = "refused"


@dataclass(slots=True)
class Series:
    """Points of one metric, in columns. Of logged models also what was measured by which run on which data set."""

    key: str | None = None
    timestamps: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    run_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(slots=True)
class Experiment:
    """An experiment of the source. `artifact_location` is given when its files stay in an object store."""

    id: str | None = None
    name: str | None = None
    artifact_location: str | None = None
    lifecycle_stage: str | None = None
    creation_time: int | None = None
    last_update_time: int | None = None
    tags: list[Tag] = field(default_factory=list)
    fingerprint: str | None = None


@dataclass(slots=True)
class Run:
    """A run of the source, with its points or some of them. `experiment_id` is the source's.

    `artifact_uri` is given when its files stay in an object store. Without a fingerprint the run is not complete yet:
    the next import brings it again.
    """

    id: str | None = None
    experiment_id: str | None = None
    name: str | None = None
    user_id: str | None = None
    status: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    lifecycle_stage: str | None = None
    deleted_time: int | None = None
    artifact_uri: str | None = None
    tags: list[Tag] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    metrics: list[Series] = field(default_factory=list)
    datasets: list[DatasetInput] = field(default_factory=list)
    model_inputs: list[ModelInput] = field(default_factory=list)
    model_outputs: list[ModelOutput] = field(default_factory=list)
    fingerprint: str | None = None


@dataclass(slots=True)
class LoggedModel:
    """A logged model of the source. `experiment_id` is the source's."""

    id: str | None = None
    experiment_id: str | None = None
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    status: str | None = None
    status_message: str | None = None
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    artifact_location: str | None = None
    tags: list[Tag] = field(default_factory=list)
    params: list[Param] = field(default_factory=list)
    metrics: list[Series] = field(default_factory=list)
    fingerprint: str | None = None


@dataclass(slots=True)
class Version:
    """A version of the source. `source` is an address that is right here; `original` what it is there."""

    number: int | None = None
    source: str | None = None
    original: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    logged_model_id: str | None = None
    current_stage: str | None = None
    status: str | None = None
    status_message: str | None = None
    description: str | None = None
    user_id: str | None = None
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    tags: list[Tag] = field(default_factory=list)
    fingerprint: str | None = None


@dataclass(slots=True)
class Alias:
    """An alias and the number of the version it points to."""

    alias: str | None = None
    version: int | None = None


@dataclass(slots=True)
class Model:
    """A registered model or prompt of the source, with its versions or some of them.

    Without a fingerprint it is not complete yet: the next import brings it again.
    """

    name: str | None = None
    description: str | None = None
    user_id: str | None = None
    creation_timestamp: int | None = None
    last_updated_timestamp: int | None = None
    tags: list[Tag] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)
    fingerprint: str | None = None


@dataclass(slots=True)
class Files:
    """The files of a run or logged model, all of which are here. `id` is its kind and id, as in `run/<id>`."""

    id: str | None = None
    fingerprint: str | None = None


@dataclass(slots=True)
class Known:
    """What was imported before: the source's id of it, the one it has here, and what it was like.

    `position` is that of the newest event when it was imported last.
    """

    kind: str
    id: str
    local_id: str
    fingerprint: str | None
    position: int


@dataclass(slots=True)
class Result:
    """What became of one record, and, unless it is here as it is there, why not."""

    id: str
    local_id: str | None
    outcome: str
    message: str | None = None


def run_root(experiment_id: str, run_id: str) -> str:
    """The address of an imported run's files, when they are kept here. `experiment_id` is the one it has here."""
    return f"{SCHEME}/{experiment_id}/{run_id}/artifacts"


def logged_model_root(experiment_id: str, logged_model_id: str) -> str:
    """The address of an imported logged model's files, when they are kept here."""
    return f"{SCHEME}/{experiment_id}/models/{logged_model_id}/artifacts"


def version_root(origin: str, name: str, number: int) -> str:
    """The address of the files of a version that belong to no run or logged model which was imported."""
    place = hashlib.sha256(f"{origin}\n{name}".encode()).hexdigest()[:16]
    return f"{SCHEME}/{FILES_ROOT}/{place}/{number}"
