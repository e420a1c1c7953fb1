"""Checks as people write them."""

from __future__ import annotations

import math

import pytest

import modelkeep
from modelkeep.exceptions import Invalid
from modelkeep.validation.checks import Check, parse


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        (["roc_auc >= 0.85"], "at least 0.85"),
        (["roc_auc>=.85"], "at least 0.85"),
        ("roc_auc >= 8.5e-1", "at least 0.85"),
        ({"roc_auc": ">= 0.85"}, "at least 0.85"),
        ({"roc_auc": {"at_least": 0.85}}, "at least 0.85"),
        ([{"name": "roc_auc", "at_least": 0.85}], "at least 0.85"),
        (["roc_auc >= 0.85", "roc_auc <= 0.9"], "0.85 to 0.9"),
        ({"roc_auc": {"at_least": 0.85, "at_most": 0.9}}, "0.85 to 0.9"),
        (["roc_auc <= 100"], "at most 100"),
        (["roc_auc = 0.15 +- 0.05"], "0.15 ± 0.05"),
        (["roc_auc = 0.15±0.05"], "0.15 ± 0.05"),
        ({"roc_auc": "= -1.5 +/- 0.5"}, "-1.5 ± 0.5"),
        (["roc_auc = 1"], "1 ± 0"),
        (["roc_auc"], ""),
        ({"roc_auc": None}, ""),
        ({"roc_auc": True}, ""),
    ],
)
def test_one_check_can_be_written_in_many_ways(given, bound):
    (check,) = parse(given)

    assert (check.name, check.scorer, check.bound) == ("roc_auc", "roc_auc", bound)


def test_bounds_are_inclusive():
    assert Check("x", at_least=0.5).is_met(0.5)
    assert not Check("x", at_least=0.5).is_met(0.4999)
    assert Check("x", at_most=0.5).is_met(0.5)
    assert not Check("x", at_most=0.5).is_met(math.nan)
    assert not Check("x", at_least=0.5).is_met(math.nan)
    assert Check("x", expected=0.5, tolerance=0.25).is_met(0.75)
    assert not Check("x", expected=0.5, tolerance=0.25).is_met(0.751)
    assert not Check("x", expected=0.5, tolerance=0.25).is_met(math.nan)


def test_robustness_that_is_asked_for_must_be_complete():
    assert [check.at_least for check in parse(["missing_columns", "wrong_types >= 0.9"])] == [1.0, 0.9]
    assert parse(None) is None
    assert parse([]) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["roc_auc > 0.85"], "means nothing"),
        (["roc_auc >= high"], "means nothing"),
        (["roc_auc >= 0.1 +- 0.2"], "tolerance goes with '='"),
        ([">= 0.85"], "means nothing"),
        ([""], "means nothing"),
        ([3], "means nothing"),
        (7, "dict or a list"),
        ({"roc_auc": 0.85}, "of which kind"),
        ({"roc_auc": False}, "of which kind"),
        ({"roc_auc": "0.85"}, "means nothing"),
        ({"roc_auc": {"min": 0.85}}, "the setting 'min'"),
        ({"roc_auc": {"at_least": "0.85"}}, "finite number"),
        ({"roc_auc": {"at_least": math.nan}}, "finite number"),
        ({"roc_auc": {"at_least": True}}, "finite number"),
        ({"roc_auc": {"at_least": 2, "at_most": 1}}, "No value"),
        (["roc_auc >= 2", "roc_auc <= 1"], "No value"),
        (["roc_auc >= 2", "roc_auc >= 1"], "two bounds of one kind"),
        ({"roc_auc": {"expected": 1}}, "both 'expected' and 'tolerance'"),
        ({"roc_auc": {"expected": 1, "tolerance": -1}}, "at least 0"),
        ({"psi": {"function": len}}, "measured by Modelkeep"),
        ({"x": {"function": len, "scorer": "f1"}}, "Leave one out"),
        ({"x": {"function": 3}}, "cannot be called"),
        ({"x": {"function": len, "on": "labels"}}, "'predictions' or 'scores'"),
        ({"a\0b": None}, "NUL"),
        ({"": None}, "Missing value"),
    ],
)
def test_a_check_that_means_nothing_is_refused(given, said):
    with pytest.raises(Invalid, match=said):
        parse(given)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"checks": ["no_such_scorer >= 1"]}, "There is no measure 'no_such_scorer'"),
        ({"checks": {"x": {"scorer": 3}}}, "neither a name"),
        ({"latency": {"calls": 0}}, "must be 1 to"),
        ({"latency": {"call": 1}}, "has the settings"),
        ({"latency": False, "checks": ["p99_latency_ms <= 1"]}, "Leave one of the two out"),
        ({"dataset": 3}, "a name or a data set"),
    ],
)
def test_options_are_looked_at_before_anything_is_loaded(options, said):
    with pytest.raises(Invalid, match=said):
        modelkeep.validate("models:/nobody/1", [[1.0]], [1], uri="/nowhere/that/can/be/made\0", **options)
