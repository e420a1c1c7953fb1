"""Metrics on the wire: `/api/2.0/mlflow/metrics/…`, `runs/log-metric` and `runs/log-batch`."""

from __future__ import annotations

import msgspec

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.metrics import Metric
from modelkeep.domain.paging import Page
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag


class MetricShape(Reply):
    """MLflow's Metric, and its MetricWithRunId. The value NaN is the text "NaN", which JSON has no number for."""

    key: str
    value: float | str
    timestamp: int
    step: int
    dataset_name: str | None = None
    dataset_digest: str | None = None
    model_id: str | None = None
    run_id: str | None = None


def metric_shape(metric: Metric) -> MetricShape:
    """A metric as MLflow writes it."""
    value = metric.value
    return MetricShape(metric.key, value if value == value else "NaN", metric.timestamp, metric.step)


def measured_shape(metric: Metric) -> MetricShape:
    """A metric with the run that measured it, the logged model and the data set."""
    shape = metric_shape(metric)
    shape.dataset_name = metric.dataset_name
    shape.dataset_digest = metric.dataset_digest
    shape.model_id = metric.model_id
    shape.run_id = metric.run_id
    return shape


class HistoryReply(Reply):
    metrics: list[MetricShape] = []
    next_page_token: str | None = None


def history_reply(page: Page[Metric]) -> HistoryReply:
    return HistoryReply([metric_shape(metric) for metric in page.items], page.next_page_token)


class MeasuredReply(Reply):
    metrics: list[MetricShape] = []


def measured_reply(found: list[Metric]) -> MeasuredReply:
    return MeasuredReply([measured_shape(metric) for metric in found])


class Log(Request):
    run_id: str | None = None
    run_uuid: str | None = None
    key: str | None = None
    value: float | None = None
    timestamp: Int64 | None = None
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class GivenMetric(msgspec.Struct):
    """One metric of a batch: a shape of its own, because a thousand are decoded three times as fast as dataclasses."""

    key: str | None = None
    value: float | None = None
    timestamp: Int64 | None = None
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogBatch(Request):
    run_id: str | None = None
    metrics: list[GivenMetric] | None = None
    params: list[Param] | None = None
    tags: list[Tag] | None = None


class History(Request):
    run_id: str | None = None
    run_uuid: str | None = None
    metric_key: str | None = None
    page_token: str | None = None
    max_results: Int64 | None = None


class Histories(Request):
    run_id: list[str] | None = None
    metric_key: str | None = None
    max_results: Int64 | None = None


class Sample(Request):
    run_ids: list[str] | None = None
    metric_key: str | None = None
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 | None = None


_METRIC = "metric"

CALLS = (
    Call(
        "POST", "mlflow/runs/log-metric", Log, "metrics.log", "write", _METRIC,
        "Log one point of a metric.", required=("key", "value", "timestamp"),
    ),
    Call(
        "POST", "mlflow/runs/log-batch", LogBatch, "batches.log", "write", "run",
        "Log metrics, parameters and tags of a run: all of them or none.", required=("run_id",), is_long=True,
    ),
    Call(
        "GET", "mlflow/metrics/get-history", History, "metrics.history", "read", _METRIC,
        "Every point of one metric of a run.", history_reply, HistoryReply, ("metric_key",),
    ),
    Call(
        "GET", "mlflow/metrics/get-history-bulk", Histories, "metrics.histories", "read", _METRIC,
        "The first points of one metric of several runs.", measured_reply, MeasuredReply, ("run_id", "metric_key"),
    ),
    Call(
        "GET", "mlflow/metrics/get-history-bulk-interval", Sample, "metrics.sample", "read", _METRIC,
        "Points of one metric of several runs, evenly spread over the steps.",
        measured_reply, MeasuredReply, ("run_ids", "metric_key"),
    ),
)  # fmt: skip
