"""Rows of metrics: every point a run measured, and the newest of each key."""

from __future__ import annotations

import json
from operator import itemgetter
from typing import Any

from modelkeep.domain.metrics import Metric, Point
from modelkeep.domain.texts import INT64_MAX
from modelkeep.storage import bulk
from modelkeep.storage.database import Row, Transaction

_NAN = float("nan")
# (step, timestamp, value) of a point.
_AGE = itemgetter(2, 1, 3)
_OF_KEY = "latest_metrics l JOIN metrics m ON m.series = l.series WHERE l.run_id = :run_id AND l.key = :key"


def insert(tx: Transaction, run_id: str, points: list[Point]) -> None:
    """Add points to a run. A point that is there already changes nothing.

    The newest of a key is the one with the highest (step, timestamp, value), as in MLflow; NaN counts as 0.
    """
    by_key: dict[str, list[Point]] = {}
    for point in points:
        known = by_key.get(point[0])
        if known is None:
            by_key[point[0]] = [point]
        else:
            known.append(point)
    bulk.write(
        tx,
        "INSERT INTO latest_metrics (run_id, key, timestamp, step, value, is_nan)",
        run_id,
        [max(measured, key=_AGE) for measured in by_key.values()],
        """
        ON CONFLICT (run_id, key) DO UPDATE
            SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan
            WHERE (excluded.step, excluded.timestamp, excluded.value)
                > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
        """,
    )
    values: list[int | float] = []
    for key, series in _series(tx, run_id, list(by_key)):
        for _, timestamp, step, value, is_nan in by_key[key]:
            values += (series, timestamp, step, value, is_nan)
    bulk.write_flat(
        tx, "INSERT INTO metrics (series, timestamp, step, value, is_nan)", values, 5, "ON CONFLICT DO NOTHING"
    )


def _series(tx: Transaction, run_id: str, keys: list[str]) -> list[Row]:
    if len(keys) == 1:
        return tx.all(
            "SELECT key, series FROM latest_metrics WHERE run_id = :run_id AND key = :key",
            {"run_id": run_id, "key": keys[0]},
        )
    return tx.all(
        """
        SELECT key, series FROM latest_metrics
        WHERE run_id = :run_id AND key IN (SELECT value FROM json_each(:keys)) ORDER BY series
        """,
        {"run_id": run_id, "keys": json.dumps(keys)},
    )


def from_row(row: Row) -> Metric:
    """A metric from (key, value, timestamp, step, is_nan, run id)."""
    key, value, timestamp, step, is_nan, run_id = row
    return Metric(key, _NAN if is_nan else value, timestamp, step, run_id)


def history(
    tx: Transaction, run_id: str, key: str, limit: int | None = None, after: list[Any] | None = None
) -> list[Metric]:
    """The points of one key of a run by time, step and value: all of them, or `limit` after a given one.

    Args:
        after: the `place` of the point before.
    """
    parameters: dict[str, Any] = {"run_id": run_id, "key": key, "limit": INT64_MAX if limit is None else limit}
    condition = ""
    if after is not None:
        condition = "AND (m.timestamp, m.step, m.value, m.is_nan) > (:after0, :after1, :after2, :after3)"
        parameters |= {f"after{index}": value for index, value in enumerate(after)}
    rows = tx.all(
        f"""
        SELECT l.key, m.value, m.timestamp, m.step, m.is_nan, l.run_id FROM {_OF_KEY} {condition}
        ORDER BY m.timestamp, m.step, m.value, m.is_nan LIMIT :limit
        """,
        parameters,
    )
    return [from_row(row) for row in rows]


def place(metric: Metric) -> list[Any]:
    """Where a point stands in the history of its key."""
    is_nan = metric.value != metric.value
    return [metric.timestamp, metric.step, 0.0 if is_nan else metric.value, int(is_nan)]


def histories(tx: Transaction, run_ids: list[str], key: str, limit: int) -> list[Metric]:
    """The first `limit` points of one key of several runs, by run, time, step and value."""
    rows = tx.all(
        """
        SELECT l.key, m.value, m.timestamp, m.step, m.is_nan, l.run_id
        FROM latest_metrics l JOIN metrics m ON m.series = l.series
        WHERE l.run_id IN (SELECT value FROM json_each(:run_ids)) AND l.key = :key
        ORDER BY l.run_id, m.timestamp, m.step, m.value, m.is_nan LIMIT :limit
        """,
        {"run_ids": json.dumps(run_ids), "key": key, "limit": limit},
    )
    return [from_row(row) for row in rows]


def outline(tx: Transaction, run_id: str, key: str, size: int) -> list[float]:
    """The values of one key of a run at `size` moments, evenly spread from the first point's to the last one's.

    Costs one look-up for each moment, however many points there are.
    """
    ends = tx.one(
        """
        SELECT l.series, (SELECT min(timestamp) FROM metrics WHERE series = l.series),
            (SELECT max(timestamp) FROM metrics WHERE series = l.series)
        FROM latest_metrics l WHERE l.run_id = :run_id AND l.key = :key
        """,
        {"run_id": run_id, "key": key},
    )
    if ends is None:
        return []
    series, first, last = ends
    moments = sorted({first + (last - first) * at // max(size - 1, 1) for at in range(size)})
    rows = tx.all(
        """
        SELECT (
            SELECT CASE WHEN is_nan = 0 THEN m.value END FROM metrics m
            WHERE m.series = :series AND m.timestamp >= moment.value
            ORDER BY m.timestamp, m.step, m.value, m.is_nan LIMIT 1)
        FROM /*sqlite*/json_each(:moments) AS moment/*postgres
            (SELECT cast(json_array_elements_text(cast(:moments AS json)) AS bigint) AS value) AS moment*/
        """,
        {"series": series, "moments": json.dumps(moments)},
    )
    return [_NAN if value is None else value for (value,) in rows]


def sample(tx: Transaction, run_id: str, key: str, size: int, steps: tuple[int, int] | None) -> list[Metric]:
    """At most `size` points of one key, evenly spread by step, the last one always among them.

    The points are cut into `size` equal parts and the first of each is taken, as MLflow's SQL store does.

    Args:
        steps: the first and the last step to look at.
    """
    rows = tx.all(
        f"""
        WITH placed AS (
            SELECT m.value, m.timestamp, m.step, m.is_nan,
                row_number() OVER (ORDER BY m.step, m.timestamp, m.value, m.is_nan) AS place,
                ntile(CAST(:size AS integer)) OVER (ORDER BY m.step, m.timestamp, m.value, m.is_nan) AS part,
                count(*) OVER () AS total
            FROM {_OF_KEY} {"AND m.step BETWEEN :first AND :last" if steps else ""}
        ), spread AS (
            SELECT *, lag(part, 1, 0) OVER (ORDER BY place) AS part_before FROM placed
        )
        SELECT :key, value, timestamp, step, is_nan, :run_id FROM spread
        WHERE part <> part_before OR place = total ORDER BY place
        """,
        {"run_id": run_id, "key": key, "size": size, "first": steps and steps[0], "last": steps and steps[1]},
    )
    found = [from_row(row) for row in rows]
    if len(found) > size:
        del found[size - 1]
    return found
