"""The verdict of a run."""

from __future__ import annotations

from bench.report import Figure, Ratio, Report, figure_table, ratio_table


def test_a_ratio_of_times_tells_how_many_times_faster_ours_is():
    fast = Ratio("log_model", "ms", 20.0, "MLflow", 3000.0, 30, of_times=True)
    slow = Ratio("log_model", "ms", 200.0, "MLflow", 3000.0, 30, of_times=True)

    assert (fast.ratio, fast.reached) == (150.0, True)
    assert (slow.ratio, slow.reached) == (15.0, False)
    assert Report(("ours", "theirs"), [], [], [fast, slow]).failures() == [
        "log_model: 15.00× MLflow, at least 30× is needed"
    ]


def test_what_needs_no_ratio_is_reported_and_misses_none():
    report = Report(("ours", "theirs"), [], [], [Ratio("get", "ms", 0.0214, "MLflow", 2.0, None, of_times=True)])

    assert report.failures() == []
    assert ratio_table(report)[1] == ["get", "0.021 ms", "MLflow", "2.00 ms", "93.46×", "–", "–"]


def test_what_is_counted_has_no_fractions():
    report = Report(("ours", "theirs"), [], [Figure("distributions", "", 5, 86, 10.0)])

    assert figure_table(report)[1] == ["distributions", "5", "86", "< 10", "yes"]
