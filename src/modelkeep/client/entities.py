"""What the SDK returns: MLflow's entities, with its attribute names and values. None of them can be changed.

Times are UTC milliseconds. They are made from the reply shapes of `modelkeep.api`, by the functions below them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Entity(msgspec.Struct, frozen=True):
    """The parent of every entity."""

    def to_dictionary(self) -> dict[str, Any]:
        """Its attributes, and theirs, as plain dicts and lists."""
        return msgspec.to_builtins(self)


class PagedList(list[T], Generic[T]):
    """A page of results. `token` asks for the next one; None on the last page."""

    def __init__(self, items: Iterable[T] = (), token: str | None = None):
        super().__init__(items)
        self.token = token


class ViewType:
    """Which experiments and runs a search is about."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3


class ModelVersion(Entity, frozen=True):
    """A version of a registered model. `version` is text; `status` is READY."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int | None = None
    current_stage: str = "None"
    source: str | None = None
    status: str = "READY"
    description: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    status_message: str | None = None
    user_id: str | None = None
    tags: dict[str, str] = {}
    aliases: list[str] = []


def model_version(shape: Any) -> ModelVersion:
    """A version from its shape."""
    tags = shape.tags
    return ModelVersion(  # by position: this is the hot path of an embedded registry
        shape.name,
        shape.version,
        shape.creation_timestamp,
        shape.last_updated_timestamp,
        shape.current_stage or "None",
        shape.source,
        shape.status or "READY",
        shape.description,
        shape.run_id,
        shape.run_link,
        shape.status_message,
        shape.user_id,
        {tag.key: tag.value for tag in tags} if tags else {},
        shape.aliases,
    )


class RegisteredModel(Entity, frozen=True):
    """A registered model. `latest_versions` has the newest version of each stage; `aliases` maps each to a version."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int | None = None
    description: str | None = None
    latest_versions: list[ModelVersion] = []
    tags: dict[str, str] = {}
    aliases: dict[str, str] = {}
    user_id: str | None = None


def registered_model(shape: Any) -> RegisteredModel:
    """A registered model from its shape."""
    return RegisteredModel(
        shape.name,
        shape.creation_timestamp,
        shape.last_updated_timestamp,
        shape.description,
        [model_version(version) for version in shape.latest_versions],
        pairs(shape.tags),
        {each.alias: each.version for each in shape.aliases},
        shape.user_id,
    )


def pairs(shapes: Iterable[Any]) -> dict[str, str]:
    """A dict from shapes with a key and a value; a value that is not there is the empty text."""
    return {shape.key: shape.value or "" for shape in shapes}


class Experiment(Entity, frozen=True):
    """An experiment. `lifecycle_stage` is `active` or `deleted`."""

    experiment_id: str
    name: str
    artifact_location: str | None = None
    lifecycle_stage: str = "active"
    creation_time: int | None = None
    last_update_time: int | None = None
    tags: dict[str, str] = {}


def experiment(shape: Any) -> Experiment:
    """An experiment from its shape."""
    return Experiment(
        shape.experiment_id,
        shape.name,
        shape.artifact_location,
        shape.lifecycle_stage,
        shape.creation_time,
        shape.last_update_time,
        pairs(shape.tags),
    )


class Metric(Entity, frozen=True):
    """One point of a metric."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


def metric(shape: Any) -> Metric:
    """A metric from its shape, where NaN and the infinities are texts."""
    return Metric(
        shape.key,
        float(shape.value),
        shape.timestamp,
        shape.step or 0,
        shape.model_id,
        shape.dataset_name,
        shape.dataset_digest,
        shape.run_id,
    )


class Param(Entity, frozen=True):
    """A parameter, for `log_batch`."""

    key: str
    value: str


class RunTag(Entity, frozen=True):
    """A tag of a run, for `log_batch`."""

    key: str
    value: str


class Dataset(Entity, frozen=True):
    """A data set. `schema` and `profile` are JSON texts."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class InputTag(Entity, frozen=True):
    """A tag about how a run used a data set."""

    key: str
    value: str


class DatasetInput(Entity, frozen=True):
    """A data set that a run read."""

    dataset: Dataset
    tags: list[InputTag] = []


class LoggedModelInput(Entity, frozen=True):
    """A logged model that a run read."""

    model_id: str


class LoggedModelOutput(Entity, frozen=True):
    """A logged model that a run wrote, and at which step."""

    model_id: str
    step: int = 0


class RunInfo(Entity, frozen=True):
    """What is known of a run besides what it logged. `status` is RUNNING, SCHEDULED, FINISHED, FAILED or KILLED."""

    run_id: str
    experiment_id: str
    run_name: str | None = None
    user_id: str | None = None
    status: str = "RUNNING"
    start_time: int | None = None
    end_time: int | None = None
    artifact_uri: str | None = None
    lifecycle_stage: str = "active"

    @property
    def run_uuid(self) -> str:
        """The old name of `run_id`."""
        return self.run_id


class RunData(Entity, frozen=True):
    """What a run logged: the last value of each metric, its params and tags."""

    metrics: dict[str, float] = {}
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class RunInputs(Entity, frozen=True):
    """What a run read."""

    dataset_inputs: list[DatasetInput] = []
    model_inputs: list[LoggedModelInput] = []


class RunOutputs(Entity, frozen=True):
    """What a run wrote."""

    model_outputs: list[LoggedModelOutput] = []


class Run(Entity, frozen=True):
    """A run."""

    info: RunInfo
    data: RunData = RunData()
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()


def run_info(shape: Any) -> RunInfo:
    """What a run is, from its shape."""
    return RunInfo(
        shape.run_id or shape.run_uuid,
        shape.experiment_id,
        shape.run_name,
        shape.user_id,
        shape.status,
        shape.start_time,
        shape.end_time,
        shape.artifact_uri,
        shape.lifecycle_stage,
    )


def run(shape: Any) -> Run:
    """A run from its shape; servers before MLflow 2 and 3 leave out inputs and outputs."""
    data, inputs, outputs = shape.data, shape.inputs, shape.outputs
    return Run(
        run_info(shape.info),
        RunData({each.key: float(each.value) for each in data.metrics}, pairs(data.params), pairs(data.tags))
        if data
        else RunData(),
        RunInputs(
            [dataset_input(read) for read in inputs.dataset_inputs],
            [LoggedModelInput(read.model_id) for read in inputs.model_inputs],
        )
        if inputs
        else RunInputs(),
        RunOutputs([LoggedModelOutput(written.model_id, written.step or 0) for written in outputs.model_outputs])
        if outputs
        else RunOutputs(),
    )


def dataset_input(shape: Any) -> DatasetInput:
    """A data set that a run read, from its shape."""
    dataset = shape.dataset
    return DatasetInput(
        Dataset(dataset.name, dataset.digest, dataset.source_type, dataset.source, dataset.schema, dataset.profile),
        [InputTag(tag.key, tag.value) for tag in shape.tags],
    )


class LoggedModel(Entity, frozen=True):
    """A model that a run wrote, which need not be registered. `status` is PENDING, READY or FAILED."""

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: str = "READY"
    status_message: str | None = None
    tags: dict[str, str] = {}
    params: dict[str, str] = {}
    metrics: list[Metric] = []

    @property
    def model_uri(self) -> str:
        """The address to load it from."""
        return f"models:/{self.model_id}"


def logged_model(shape: Any) -> LoggedModel:
    """A logged model from its shape."""
    info, data = shape.info, shape.data
    return LoggedModel(
        info.model_id,
        info.experiment_id,
        info.name,
        info.artifact_uri,
        info.creation_timestamp_ms,
        info.last_updated_timestamp_ms,
        info.model_type,
        info.source_run_id,
        (info.status or "READY").removeprefix("LOGGED_MODEL_").replace("UPLOAD_FAILED", "FAILED"),
        info.status_message,
        pairs(info.tags),
        pairs(data.params) if data else {},
        [metric(each) for each in data.metrics] if data else [],
    )


class FileInfo(Entity, frozen=True):
    """A file or folder; a folder has no size."""

    path: str
    is_dir: bool
    file_size: int | None = None


def file_info(shape: Any) -> FileInfo:
    """A file or folder from its shape."""
    return FileInfo(shape.path, bool(shape.is_dir), None if shape.is_dir else shape.file_size or 0)


class PinnedFile(Entity, frozen=True):
    """A file that a version is pinned to: `digest` is the SHA-256 of its `size` bytes."""

    path: str
    digest: str
    size: int


class Manifest(Entity, frozen=True):
    """The files a version is pinned to, as the one text that its digest names."""

    digest: str
    file_count: int
    size: int
    text: str


class Evidence(Entity, frozen=True):
    """A report about the files with a digest. `source` is `run` when the registry took it from a run.

    `passed` is None when it was only measured; `verified` says that a token proved the producer.
    """

    evidence_id: str
    digest: str
    kind: str
    source: str
    producer: str
    verified: bool
    creation_timestamp: int
    passed: bool | None = None
    tool: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    values: dict[str, float] = {}
    environment: dict[str, str] = {}
    details: dict[str, Any] = {}


def evidence(shape: Any) -> Evidence:
    """Evidence from its shape."""
    return Evidence(
        shape.evidence_id,
        shape.digest,
        shape.kind,
        shape.source,
        shape.producer,
        bool(shape.verified),
        shape.creation_timestamp,
        shape.passed,
        shape.tool,
        shape.dataset_name,
        shape.dataset_digest,
        shape.values or {},
        shape.environment or {},
        shape.details or {},
    )


class Event(Entity, frozen=True):
    """One recorded change. `sentence` is for people, `payload` for programs; `position` is its place in the order."""

    position: int
    recorded_timestamp: int
    actor: str
    verified: bool
    via: str
    kind: str
    schema: int
    change_id: str
    sentence: str
    payload: dict[str, Any]
    request_id: str | None = None


def event(shape: Any) -> Event:
    """An event from its shape."""
    return Event(*(getattr(shape, field) for field in Event.__struct_fields__))


class Caller(Entity, frozen=True):
    """Whom the registry takes the caller for, `verified` when a token proved it; the registry's version and clock."""

    name: str
    role: str
    verified: bool
    version: str
    timestamp: int


def caller(shape: Any) -> Caller:
    """Who calls, from its shape."""
    return Caller(*(getattr(shape, field) for field in Caller.__struct_fields__))
