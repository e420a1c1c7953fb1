"""How a metric went, for a small drawing."""

from __future__ import annotations

import math

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.domain.metrics import Metric
from modelkeep.registry import batches, metrics, runs
from modelkeep.registry.handle import Registry


def logged(actor: Actor, registry: Registry, points: list[Metric]) -> str:
    run_id = runs.create(actor, registry, 0).id
    for start in range(0, len(points), 1000):
        batches.log(actor, registry, run_id, points[start : start + 1000])
    return run_id


def test_a_short_history_is_whole(actor: Actor, registry: Registry) -> None:
    run_id = logged(actor, registry, [Metric("loss", float(step), 5, step) for step in range(1000)])
    assert metrics.outline(actor, registry, run_id, "loss", 100) == [float(step) for step in range(1000)]


def test_a_long_history_is_thinned_and_keeps_its_ends(actor: Actor, registry: Registry) -> None:
    run_id = logged(actor, registry, [Metric("loss", float(step), 10 * step, step) for step in range(5000)])
    values = metrics.outline(actor, registry, run_id, "loss", 100)
    assert len(values) == 100
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 4999.0)


def test_a_gap_in_the_time_of_a_long_history_is_passed_over(actor: Actor, registry: Registry) -> None:
    points = [Metric("loss", math.nan, step, step) for step in range(1001)] + [Metric("loss", 7.0, 10**12, 0)]
    values = metrics.outline(actor, registry, logged(actor, registry, points), "loss", 10)
    assert math.isnan(values[0])
    assert values[1:] == [7.0] * 9


def test_a_metric_that_is_not_there_has_no_outline(actor: Actor, registry: Registry) -> None:
    assert metrics.outline(actor, registry, logged(actor, registry, []), "loss", 10) == []


@pytest.mark.parametrize("size", [1, 1001])
def test_the_size_of_an_outline_is_bounded(actor: Actor, registry: Registry, size: int) -> None:
    with pytest.raises(Invalid):
        metrics.outline(actor, registry, "r", "loss", size)
