"""Metrics of runs: log, and look back."""

from __future__ import annotations

from collections.abc import Sequence

from modelkeep.domain import actors, metrics, pages, runs, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.domain.metrics import Given, Metric, Point
from modelkeep.domain.paging import Page
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import logged_models as logged_model_rows
from modelkeep.storage import metrics as rows
from modelkeep.storage import runs as run_rows
from modelkeep.storage.database import Transaction

# The browser's bulk calls, as MLflow bounds them.
BULK_RUNS = 100
BULK_POINTS = 25_000
SAMPLE_POINTS = 2_500
OUTLINE_POINTS = 1_000


def log(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    run_uuid: str | None = None,
    key: str | None = None,
    value: float | None = None,
    timestamp: int | None = None,
    step: int | None = None,
    model_id: str | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
) -> None:
    """Log one point of a metric.

    Args:
        run_uuid: another name for `run_id`.
        value: NaN is kept; an infinity is stored as the largest number of its sign, as in MLflow.
        timestamp: UTC milliseconds.
        step: 0 by default.
        model_id: of the logged model that was measured, on `dataset_name` with `dataset_digest`.
    Raises:
        Invalid: a value is missing or not allowed, or the run is deleted.
        NotFound: there is no such run or logged model.
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "write", f"run '{checked}'")
    given = metrics.One(key, value, timestamp, step, model_id, dataset_name, dataset_digest)
    points = metrics.check([given], "")
    with Change(actor, registry) as change:
        run_rows.get_active(change.tx, checked)
        insert(change.tx, checked, [given], points)


def insert(tx: Transaction, run_id: str, given: Sequence[Given], points: list[Point]) -> None:
    """Add points to a run, and to the logged models that were measured.

    Args:
        given: what `points` was checked from.
    Raises:
        Invalid: a model or data set is not named as it should be.
        NotFound: there is no such logged model.
    """
    rows.insert(tx, run_id, points)
    measured = [
        (texts.check(metric.model_id, "model_id", texts.NAME_LIMIT), *metrics.check_dataset(metric), point)
        for metric, point in zip(given, points, strict=True)
        if metric.model_id
    ]
    if measured:
        for logged_model_id in {each[0] for each in measured}:
            logged_model_rows.get(tx, logged_model_id)
        logged_model_rows.insert_metrics(tx, run_id, measured)


def history(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    run_uuid: str | None = None,
    metric_key: str | None = None,
    page_token: str | None = None,
    max_results: int | None = None,
) -> Page[Metric]:
    """Every point of one metric of a run, by time, step and value; none for a run or metric that is not there.

    Args:
        run_uuid: another name for `run_id`.
        max_results: at least 1; without it there is one page of everything.
    Raises:
        Invalid: a value is missing, or the page size or token is wrong.
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "read", f"run '{checked}'")
    key = texts.required(metric_key, "metric_key")
    if max_results is not None and texts.integer(max_results, "max_results") <= 0:
        raise Invalid(
            f"Invalid value {max_results} for parameter 'max_results' supplied. It must be a positive integer."
        )
    size = None if max_results is None else min(max_results, texts.INT64_MAX - 1)
    binding = pages.bind("metrics", checked, key)
    after = pages.decode(page_token, binding) if page_token else None
    if after is not None and not _is_place(after):
        raise Invalid("Parameter 'page_token' does not fit this search. Leave it out to start again.")
    with registry.database.read() as tx:
        found = rows.history(tx, checked, key, None if size is None else size + 1, after)
    if size is None or len(found) <= size:
        return Page(found)
    return Page(found[:size], pages.encode(rows.place(found[size - 1]), binding))


def _is_place(key: list[pages.Key]) -> bool:
    return len(key) == 4 and all(isinstance(part, int | float) for part in key)


def histories(
    actor: Actor,
    registry: Registry,
    run_id: list[str] | None = None,
    metric_key: str | None = None,
    max_results: int | None = None,
) -> list[Metric]:
    """The first points of one metric of several runs, by run, time, step and value.

    Args:
        run_id: of at most 100 runs (MLflow's name for them).
        max_results: at most 25,000, which is the default.
    Raises:
        Invalid: no run or no metric is named, or too many are.
    """
    actors.require(actor, "read", "runs")
    run_ids = _check_run_ids(run_id, "run_id", "GetMetricHistoryBulk")
    key = texts.required(metric_key, "metric_key")
    limit = BULK_POINTS if max_results is None else texts.integer(max_results, "max_results", 0)
    with registry.database.read() as tx:
        return rows.histories(tx, run_ids, key, min(limit, BULK_POINTS))


def _check_run_ids(run_ids: object, field: str, request: str) -> list[str]:
    if not run_ids:
        raise Invalid(f"Missing value for required parameter '{field}': {request} request must name at least one run.")
    if not isinstance(run_ids, list):
        raise Invalid(f"Parameter '{field}' must be a list, got {str(run_ids)[:100]!r}.")
    if len(run_ids) > BULK_RUNS:
        raise Invalid(f"{request} request must specify at most {BULK_RUNS} {field}s. Received {len(run_ids)} {field}s.")
    return list(dict.fromkeys(texts.required(run_id, field) for run_id in run_ids))


def outline(actor: Actor, registry: Registry, run_id: str, metric_key: str, size: int) -> list[float]:
    """How one metric of a run went, for a small drawing: its values in the order of time.

    Of a long history only `size` values are taken, evenly spread over its time, so that the cost stays small.

    Args:
        size: 2 to 1,000.
    Raises:
        Invalid: a value is missing, or the size is wrong.
    """
    checked = runs.check_id(run_id)
    actors.require(actor, "read", f"run '{checked}'")
    key = texts.required(metric_key, "metric_key")
    if not 2 <= texts.integer(size, "size") <= OUTLINE_POINTS:
        raise Invalid(f"Parameter 'size' must be between 2 and {OUTLINE_POINTS:,}, got {size}.")
    with registry.database.read() as tx:
        found = rows.history(tx, checked, key, OUTLINE_POINTS + 1)
        if len(found) <= OUTLINE_POINTS:
            return [metric.value for metric in found]
        return rows.outline(tx, checked, key, size)


def sample(
    actor: Actor,
    registry: Registry,
    run_ids: list[str] | None = None,
    metric_key: str | None = None,
    start_step: int | None = None,
    end_step: int | None = None,
    max_results: int | None = None,
) -> list[Metric]:
    """Points of one metric, evenly spread over the steps of each of several runs, the last one always included.

    Args:
        run_ids: of at most 100 runs; the answer keeps their order.
        start_step, end_step: both or neither, inclusive.
        max_results: points for each run, 1 to 2,500, which is the default.
    Raises:
        Invalid: no run or no metric is named, too many are, or the steps are wrong.
    """
    actors.require(actor, "read", "runs")
    ids = _check_run_ids(run_ids, "run_ids", "GetMetricHistoryBulkInterval")
    key = texts.required(metric_key, "metric_key")
    size = SAMPLE_POINTS if max_results is None else texts.integer(max_results, "max_results")
    if not 1 <= size <= SAMPLE_POINTS:
        raise Invalid(f"max_results must be between 1 and {SAMPLE_POINTS}. Got {size}.")
    steps = _check_steps(start_step, end_step)
    with registry.database.read() as tx:
        return [metric for run_id in ids for metric in rows.sample(tx, run_id, key, size, steps)]


def _check_steps(start: int | None, end: int | None) -> tuple[int, int] | None:
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise Invalid("If either start step or end step are specified, both must be specified.")
    if texts.integer(start, "start_step") > texts.integer(end, "end_step"):
        raise Invalid(f"end_step must be greater than start_step. Found start_step={start} and end_step={end}.")
    return start, end
