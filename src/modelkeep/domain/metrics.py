"""A metric: numbers measured along a run, by key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from modelkeep.domain import names, texts
from modelkeep.domain.errors import Invalid

# What infinity is stored as, as MLflow's SQL store does: the largest double.
LARGEST = 1.7976931348623157e308
# Of the name and the digest of a data set that a metric was measured on.
DATASET_LIMIT = 500


class Given(Protocol):
    """A metric as a caller gives it, unchecked: `One`, `Metric`, or a shape of the HTTP API."""

    key: str | None
    value: float | None
    timestamp: int | None
    step: int | None
    model_id: str | None
    dataset_name: str | None
    dataset_digest: str | None


@dataclass(slots=True)
class Metric:
    """One measurement, as it is kept. `timestamp` is in UTC milliseconds.

    `model_id` is the logged model that was measured, on the data set `dataset_name` with `dataset_digest`.
    """

    key: str
    value: float
    timestamp: int
    step: int = 0
    run_id: str | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(slots=True)
class One:
    """A metric given alone, unchecked."""

    key: str | None
    value: float | None
    timestamp: int | None
    step: int | None
    model_id: str | None
    dataset_name: str | None
    dataset_digest: str | None


@dataclass(slots=True)
class MeasuredOn:
    """A data set that logged models were measured on, by name and, unless any will do, digest."""

    dataset_name: str | None = None
    dataset_digest: str | None = None


# (key, timestamp, step, value, is_nan): a measurement as its row has it. NaN is the value 0 with is_nan 1.
Point = tuple[str, int, int, float, int]


def check(metrics: Iterable[Given], path: str = "metrics[{}].") -> list[Point]:
    """Check measurements and return them as rows.

    Args:
        path: what stands before a field's name in a message; `{}` becomes the index.
    Raises:
        Invalid: a key, value, timestamp or step is missing or not allowed.
    """
    points: list[Point] = []
    keys: set[str] = set()
    largest, latest = LARGEST, texts.INT64_MAX
    for index, metric in enumerate(metrics):
        key, value, timestamp, step = metric.key, metric.value, metric.timestamp, metric.step
        if (  # as nearly all of a batch are
            type(key) is str
            and type(value) is float
            and type(timestamp) is int
            and type(step) is int
            and key in keys
            and 0 <= timestamp <= latest
            and 0 <= step <= latest
            and -largest <= value <= largest
        ):
            points.append((key, timestamp, step, value, 0))
            continue
        if type(key) is not str or key not in keys:
            keys.add(key := names.check_key(key, path.format(index) + "key"))
        if type(value) is not float:
            value = _number(value, path.format(index) + "value")
        if type(timestamp) is not int or not 0 <= timestamp <= texts.INT64_MAX:
            raise _wrong_timestamp(timestamp, path.format(index) + "timestamp", key)
        if step is None:
            step = 0
        elif type(step) is not int or not -texts.INT64_MAX <= step <= texts.INT64_MAX:
            texts.integer(step, path.format(index) + "step", -texts.INT64_MAX)
        if -LARGEST <= value <= LARGEST:
            points.append((key, timestamp, step, value, 0))
        elif value != value:
            points.append((key, timestamp, step, 0.0, 1))
        else:
            points.append((key, timestamp, step, LARGEST if value > 0 else -LARGEST, 0))
    return points


def _number(value: object, field: str) -> float:
    if value is None:
        texts.required(None, field)
    if type(value) is int:
        try:
            return float(value)
        except OverflowError:
            pass
    raise Invalid(
        f"Invalid value {str(value)[:100]!r} for parameter '{field}' supplied: "
        "Please specify value as a valid double (64-bit floating point)."
    )


def _wrong_timestamp(timestamp: object, field: str, key: str) -> Invalid:
    if timestamp is None:
        texts.required(None, field)
    return Invalid(
        f"Invalid value {timestamp!r} for parameter '{field}' supplied: metric '{key}'. "
        "Timestamp must be a nonnegative long (64-bit integer)."
    )


def check_dataset(metric: Given) -> tuple[str, str]:
    """The name and digest of the data set a metric was measured on, empty when it says none.

    Raises:
        Invalid: one of them cannot be stored.
    """
    name = texts.check_optional(metric.dataset_name, "dataset_name", DATASET_LIMIT) or ""
    digest = texts.check_optional(metric.dataset_digest, "dataset_digest", DATASET_LIMIT) or ""
    return name, digest
