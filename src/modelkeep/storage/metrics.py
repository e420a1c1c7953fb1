"""Rows of metrics: every point a run measured, and the newest of each key."""

from __future__ import annotations

import json
from typing import Any

from modelkeep.domain.metrics import Metric, Point
from modelkeep.storage import bulk
from modelkeep.storage.sqlite import Row, Transaction

_NAN = float("nan")


def insert(tx: Transaction, run_id: str, points: list[Point]) -> None:
    """Add points to a run. A point that is there already changes nothing.

    The newest of a key is the one with the highest (step, timestamp, value), as in MLflow; NaN counts as 0.
    """
    bulk.write(
        tx,
        "INSERT INTO metrics (run_id, key, timestamp, step, value, is_nan)",
        run_id,
        points,
        "ON CONFLICT DO NOTHING",
    )
    newest: dict[str, tuple[str, int, int, float, int]] = {}
    for key, timestamp, step, value, is_nan in points:
        known = newest.get(key)
        if known is None or (step, timestamp, value) > known[1:4]:
            newest[key] = (key, step, timestamp, value, is_nan)
    bulk.write(
        tx,
        "INSERT INTO latest_metrics (run_id, key, step, timestamp, value, is_nan)",
        run_id,
        list(newest.values()),
        """
        ON CONFLICT (run_id, key) DO UPDATE
            SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan
            WHERE (excluded.step, excluded.timestamp, excluded.value)
                > (latest_metrics.step, latest_metrics.timestamp, latest_metrics.value)
        """,
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
    parameters: dict[str, Any] = {"run_id": run_id, "key": key, "limit": -1 if limit is None else limit}
    condition = ""
    if after is not None:
        condition = "AND (timestamp, step, value, is_nan) > (:after0, :after1, :after2, :after3)"
        parameters |= {f"after{index}": value for index, value in enumerate(after)}
    rows = tx.all(
        f"""
        SELECT key, value, timestamp, step, is_nan, run_id FROM metrics
        WHERE run_id = :run_id AND key = :key {condition}
        ORDER BY timestamp, step, value, is_nan LIMIT :limit
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
        SELECT key, value, timestamp, step, is_nan, run_id FROM metrics
        WHERE run_id IN (SELECT value FROM json_each(:run_ids)) AND key = :key
        ORDER BY run_id, timestamp, step, value, is_nan LIMIT :limit
        """,
        {"run_ids": json.dumps(run_ids), "key": key, "limit": limit},
    )
    return [from_row(row) for row in rows]


def outline(tx: Transaction, run_id: str, key: str, size: int) -> list[float]:
    """The values of one key of a run at `size` moments, evenly spread from the first point's to the last one's.

    Costs one look-up for each moment, however many points there are.
    """
    parameters: dict[str, Any] = {"run_id": run_id, "key": key}
    ends = tx.one(
        """
        SELECT (SELECT min(timestamp) FROM metrics WHERE run_id = :run_id AND key = :key),
            (SELECT max(timestamp) FROM metrics WHERE run_id = :run_id AND key = :key)
        """,
        parameters,
    )
    if ends is None or ends[0] is None:
        return []
    first, last = ends
    moments = sorted({first + (last - first) * at // max(size - 1, 1) for at in range(size)})
    rows = tx.all(
        """
        SELECT (
            SELECT CASE WHEN is_nan = 0 THEN m.value END FROM metrics m
            WHERE m.run_id = :run_id AND m.key = :key AND m.timestamp >= moment.value
            ORDER BY m.timestamp, m.step, m.value, m.is_nan LIMIT 1)
        FROM json_each(:moments) AS moment
        """,
        {**parameters, "moments": json.dumps(moments)},
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
            SELECT value, timestamp, step, is_nan,
                row_number() OVER (ORDER BY step, timestamp, value, is_nan) AS place,
                ntile(:size) OVER (ORDER BY step, timestamp, value, is_nan) AS part,
                count(*) OVER () AS total
            FROM metrics
            WHERE run_id = :run_id AND key = :key {"AND step BETWEEN :first AND :last" if steps else ""}
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
