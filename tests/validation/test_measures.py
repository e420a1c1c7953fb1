"""The measures by themselves, against figures that were worked out otherwise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ks_2samp

from modelkeep.validation import distributions, latency
from modelkeep.validation.answers import Answers
from modelkeep.validation.latency import Latency
from modelkeep.validation.performance import NotMeasured


def numbers(values):
    return Answers(np.asarray(values, dtype=float))


def test_ks_is_that_of_scipy():
    rng = np.random.default_rng(3)
    for size in (5, 200):
        ours, theirs = rng.normal(size=size), rng.normal(0.5, 2, size=300)
        found, what = distributions.ks(numbers(ours), numbers(theirs))
        assert found == pytest.approx(ks_2samp(ours, theirs).statistic)
        assert what == "predictions"


def test_psi_is_the_sum_over_ten_parts_of_the_other():
    theirs = np.arange(100.0)
    ours = np.concatenate([np.arange(50.0), np.arange(50.0)])  # all in the lower half, twice as often

    found, _ = distributions.psi(numbers(ours), numbers(theirs))

    lower = 5 * (0.2 - 0.1) * math.log(0.2 / 0.1)
    upper = 5 * (1e-4 - 0.1) * math.log(1e-4 / 0.1)
    assert found == pytest.approx(lower + upper)
    assert distributions.psi(numbers(theirs), numbers(theirs))[0] == 0.0


def test_psi_of_labels_compares_their_shares():
    def labels(*counts):
        return Answers(np.repeat(np.array(["a", "b", "c"]), counts), np.array(["a", "b", "c"]))

    found, what = distributions.psi(labels(50, 50, 0), labels(80, 20, 0))

    assert what == "labels"
    assert found == pytest.approx((0.5 - 0.8) * math.log(0.5 / 0.8) + (0.5 - 0.2) * math.log(0.5 / 0.2))


def test_a_constant_champion_can_be_compared_with():
    assert distributions.psi(numbers([1, 1, 1]), numbers([1, 1, 1]))[0] == 0.0
    assert distributions.psi(numbers([0, 0, 0]), numbers([1, 1, 1]))[0] > 1
    assert distributions.ks(numbers([0, 0, 0]), numbers([1, 1, 1]))[0] == 1.0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(NotMeasured, match="some are not numbers"):
        distributions.psi(numbers([math.nan, 1]), numbers([1, 2]))
    with pytest.raises(NotMeasured, match="several values"):
        distributions.ks(Answers(np.zeros((2, 2))), numbers([1, 2]))


def test_latency_is_measured_over_the_calls_that_count():
    seen = []
    found = latency.measure(
        lambda rows: seen.append(len(rows)), np.zeros((25, 2)), Latency(calls=7, rows=10, warm_up=2)
    )

    assert seen == [10] * 9
    assert 0 < found["p50_latency_ms"] <= found["p99_latency_ms"]
    assert found["avg_latency_ms"] <= found["p99_latency_ms"]


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_a_quantile_is_one_of_the_values(percent, value):
    assert latency._quantile([float(n) for n in range(1, 101)], percent) == value
    assert latency._quantile([3.0], percent) == 3.0
