"""Logging to the active run; without one, each of these starts a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from modelkeep.client.active import client, current_run_id, experiment_id, run_client
from modelkeep.client.client import Client
from modelkeep.client.datasets import given_input
from modelkeep.client.entities import DatasetInput, LoggedModelInput, Metric, Param, RunTag
from modelkeep.client.values import now, text
from modelkeep.domain.artifacts import join


def _target(run_id: str | None) -> tuple[Client, str]:
    """The client and id of the run that is meant: the active one unless another is named."""
    if run_id is not None:
        return client(), run_id
    found = current_run_id()
    return run_client(), found


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log a parameter and return its value, which never changes after."""
    using, run = _target(None)
    return using.log_param(run, key, value)


def log_params(params: dict[str, Any], synchronous: bool | None = None, run_id: str | None = None) -> None:
    """Log parameters."""
    using, run = _target(run_id)
    using.log_batch(run, params=[Param(key, text(value)) for key, value in params.items()])


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> None:
    """Log one point of a metric.

    Args:
        timestamp: UTC milliseconds; now by default.
        model_id: of the logged model that was measured.
        dataset: that it was measured on, from `modelkeep.data`.
    """
    log_metrics({key: value}, step, synchronous, run_id, timestamp, model_id, dataset)


def log_metrics(
    metrics: dict[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> None:
    """Log one point of each of several metrics. The arguments are those of `log_metric`."""
    using, run = _target(run_id)
    at = timestamp or now()
    name, digest = (None, None) if dataset is None else (dataset.name, dataset.digest)
    points = [Metric(key, float(value), at, step or 0, model_id, name, digest) for key, value in metrics.items()]
    if len(points) == 1:
        (point,) = points
        using.log_metric(run, point.key, point.value, at, step, None, name, digest, model_id)
    else:
        using.log_batch(run, points)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> None:
    """Set a tag of the active run."""
    using, run = _target(None)
    using.set_tag(run, key, value)


def set_tags(tags: dict[str, Any], synchronous: bool | None = None) -> None:
    """Set tags of the active run."""
    using, run = _target(None)
    using.log_batch(run, tags=[RunTag(key, text(value)) for key, value in tags.items()])


def delete_tag(key: str) -> None:
    """Delete a tag of the active run."""
    using, run = _target(None)
    using.delete_tag(run, key)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the experiment that is logged to."""
    client().set_experiment_tag(experiment_id(), key, value)


# Files ------------------------------------------------------------------------------------------------------


def log_artifact(local_path: str, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Send a file, or a folder with everything in it, to a folder of the run."""
    using, run = _target(run_id)
    using.log_artifact(run, local_path, artifact_path)


def log_artifacts(local_dir: str, artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Send everything in a folder to a folder of the run."""
    using, run = _target(run_id)
    using.log_artifacts(run, local_dir, artifact_path)


def log_dict(dictionary: dict[str, Any], artifact_file: str, run_id: str | None = None) -> None:
    """Store a dict as a file of the run: as YAML when the name ends in `.yml` or `.yaml`, otherwise as JSON."""
    using, run = _target(run_id)
    using.log_dict(run, dictionary, artifact_file)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Store a text as a file of the run."""
    using, run = _target(run_id)
    using.log_text(run, text, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None) -> None:
    """Store a figure as a file of the active run: anything with `savefig`, or plotly's."""
    using, run = _target(None)
    using.log_figure(run, figure, artifact_file, save_kwargs=save_kwargs)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The address of the active run's files, or of one of them."""
    using, run = _target(None)
    return join(using.get_run(run).info.artifact_uri or "", (artifact_path or "").strip("/"))


# Data sets --------------------------------------------------------------------------------------------------


def log_input(
    dataset: Any = None,
    context: str | None = None,
    tags: dict[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Record a data set that the active run read, or a logged model.

    Args:
        dataset: from `modelkeep.data`, or one of MLflow's own.
        context: what it was used for, such as `training`.
    """
    log_inputs([dataset], [context], [tags], [model])


def log_inputs(
    datasets: Sequence[Any] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[dict[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput | None] | None = None,
) -> None:
    """Record data sets that the active run read, with what each was used for, and logged models."""
    using, run = _target(None)
    given = list(datasets or ())
    inputs: list[DatasetInput] = [
        given_input(dataset, _at(contexts, index), _at(tags_list, index))
        for index, dataset in enumerate(given)
        if dataset is not None
    ]
    using.log_inputs(run, inputs, [model for model in models or () if model is not None])


def _at(values: Sequence[Any] | None, index: int) -> Any:
    return values[index] if values is not None and index < len(values) else None
