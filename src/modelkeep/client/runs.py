"""Runs: their life, and what they log besides files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import (
    DatasetInput,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    PagedList,
    Param,
    Run,
    RunTag,
    ViewType,
    metric,
    run,
)
from modelkeep.client.values import now, tag_list, text

if TYPE_CHECKING:
    from modelkeep.client.client import Client

PARENT_TAG = "mlflow.parentRunId"
USER_TAG = "mlflow.user"
# MLflow's own limits for one batch.
_BATCH_METRICS = 1000
_BATCH_TEXTS = 100
_HISTORY_PAGE = 25_000


def create(
    client: Client,
    experiment_id: str,
    start_time: int | None = None,
    tags: dict[str, Any] | None = None,
    run_name: str | None = None,
) -> Run:
    """Start a run. `start_time` is UTC milliseconds."""
    reply = client.call(
        "runs.create",
        experiment_id=text(experiment_id),
        user_id=(tags or {}).get(USER_TAG, "unknown"),
        run_name=run_name,
        start_time=start_time or now(),
        tags=tag_list(tags),
    )
    return run(reply.run)


def get(client: Client, run_id: str) -> Run:
    """A run, deleted or not, with what it logged.

    Raises:
        NotFound: there is none.
    """
    return run(client.call("runs.get", run_id=run_id).run)


def get_parent(client: Client, run_id: str) -> Run | None:
    """The run that this one is nested in, or None."""
    parent = get(client, run_id).data.tags.get(PARENT_TAG)
    return None if parent is None else get(client, parent)


def update(client: Client, run_id: str, status: str | None = None, name: str | None = None) -> None:
    """Change a run's status or name."""
    client.call("runs.update", run_id=run_id, status=status, run_name=name)


def set_terminated(client: Client, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
    """End a run: `status` is FINISHED by default, `end_time` now, in UTC milliseconds."""
    client.call("runs.update", run_id=run_id, status=status or "FINISHED", end_time=end_time or now())


def delete(client: Client, run_id: str) -> None:
    """Delete a run; `restore_run` brings it back."""
    client.call("runs.delete", run_id=run_id)


def restore(client: Client, run_id: str) -> None:
    """Bring back a deleted run."""
    client.call("runs.restore", run_id=run_id)


def search(
    client: Client,
    experiment_ids: list[str],
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = 1000,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> PagedList[Run]:
    """Runs of some experiments that meet a filter, the last started first."""
    reply = client.call(
        "runs.search",
        experiment_ids=[text(each) for each in _listed(experiment_ids)],
        filter=filter_string or None,
        run_view_type=run_view_type,
        max_results=max_results,
        order_by=order_by,
        page_token=page_token,
    )
    return PagedList([run(shape) for shape in reply.runs], reply.next_page_token)


def _listed(ids: Any) -> list[Any]:
    return [ids] if isinstance(ids, (int, str)) else list(ids)


def log_metric(
    client: Client,
    run_id: str,
    key: str,
    value: float,
    timestamp: int | None = None,
    step: int | None = None,
    synchronous: bool | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
    model_id: str | None = None,
) -> None:
    """Log one point of a metric. `timestamp` is UTC milliseconds, now by default.

    Args:
        synchronous: not needed: every call is over when it returns.
    """
    client.call(
        "metrics.log",
        run_id=run_id,
        key=key,
        value=float(value),
        timestamp=now() if timestamp is None else timestamp,
        step=step or 0,
        model_id=model_id,
        dataset_name=dataset_name,
        dataset_digest=dataset_digest,
    )


def log_param(client: Client, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log a parameter and return its value, which never changes after.

    Raises:
        Invalid: the run has another value for it.
    """
    client.call("params.log", run_id=run_id, key=key, value=text(value))
    return value


def log_batch(
    client: Client,
    run_id: str,
    metrics: Sequence[Metric] = (),
    params: Sequence[Param] = (),
    tags: Sequence[RunTag] = (),
    synchronous: bool | None = None,
) -> None:
    """Log metrics, params and tags.

    At most 1,000 metrics, 100 params and 100 tags go into one request, which is done as a whole or not at all.
    """
    points = [_point(each) for each in metrics]
    for batch in _batches(points, _pairs(params), _pairs(tags)):
        client.call("batches.log", run_id=run_id, metrics=batch[0], params=batch[1], tags=batch[2])


def _point(given: Any) -> dict[str, Any]:
    optional = {name: getattr(given, name, None) for name in ("model_id", "dataset_name", "dataset_digest")}
    point = {"key": given.key, "value": float(given.value), "timestamp": given.timestamp, "step": given.step or 0}
    return point | {name: value for name, value in optional.items() if value is not None}


def _pairs(given: Sequence[Any]) -> list[dict[str, str]]:
    return [{"key": each.key, "value": text(each.value)} for each in given]


def _batches(points: list[Any], params: list[Any], tags: list[Any]) -> Iterator[tuple[list[Any], ...]]:
    if len(points) + len(params) + len(tags) <= _BATCH_METRICS and max(len(params), len(tags)) <= _BATCH_TEXTS:
        if points or params or tags:
            yield points, params, tags
        return
    for start in range(0, len(params), _BATCH_TEXTS):
        yield [], params[start : start + _BATCH_TEXTS], []
    for start in range(0, len(tags), _BATCH_TEXTS):
        yield [], [], tags[start : start + _BATCH_TEXTS]
    for start in range(0, len(points), _BATCH_METRICS):
        yield points[start : start + _BATCH_METRICS], [], []


def set_tag(client: Client, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> None:
    """Set a tag of a run."""
    client.call("runs.set_tag", run_id=run_id, key=key, value=text(value))


def delete_tag(client: Client, run_id: str, key: str) -> None:
    """Delete a tag of a run.

    Raises:
        NotFound: it has no such tag.
    """
    client.call("runs.delete_tag", run_id=run_id, key=key)


def log_inputs(
    client: Client,
    run_id: str,
    datasets: Sequence[DatasetInput] | None = None,
    models: Sequence[LoggedModelInput] | None = None,
) -> None:
    """Record the data sets and logged models that a run read."""
    client.call(
        "datasets.log_inputs",
        run_id=run_id,
        datasets=[_dataset(each) for each in datasets or ()] or None,
        models=[{"model_id": each.model_id} for each in models or ()] or None,
    )


def _dataset(given: DatasetInput) -> dict[str, Any]:
    dataset = {name: value for name, value in given.dataset.to_dictionary().items() if value is not None}
    return {"dataset": dataset, "tags": [{"key": tag.key, "value": text(tag.value)} for tag in given.tags]}


def log_outputs(client: Client, run_id: str, models: list[LoggedModelOutput]) -> None:
    """Record the logged models that a run wrote."""
    written = [{"model_id": each.model_id, "step": each.step} for each in models]
    client.call("runs.log_outputs", run_id=run_id, models=written)


def get_metric_history(client: Client, run_id: str, key: str) -> list[Metric]:
    """Every point of one metric of a run."""
    points: list[Metric] = []
    token: str | None = None
    while True:
        reply = client.call(
            "metrics.history", run_id=run_id, metric_key=key, max_results=_HISTORY_PAGE, page_token=token
        )
        points += [metric(shape) for shape in reply.metrics]
        token = reply.next_page_token
        if not token:
            return points
