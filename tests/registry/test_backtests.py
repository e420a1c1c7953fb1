"""A policy tried on the promotions of the past, with what was known then."""

from __future__ import annotations

import pytest

from modelkeep.domain.errors import Invalid
from modelkeep.registry import backtests, events, models, promotions, rollbacks, versions
from tests.registry.gating import ADMIN, NAME, WRITER, measure, stock

POLICY = {
    "policy": "try",
    "models": ["churn*"],
    "targets": ["@champion"],
    "rules": [{"metric": "auc", "at_least": 0.85}],
}


@pytest.fixture(autouse=True)
def three(registry):
    now = [2_000_000_000_000]

    def clock():
        now[0] += 1000
        return now[0]

    registry.clock = clock
    stock(registry, 3)


def promote(registry, *numbers, target="@champion"):
    for number in numbers:
        promotions.promote(WRITER, registry, NAME, number, target)


def tried(registry, limit=None, **changed):
    return [(each.version, each.outcome) for each in backtests.run(WRITER, registry, {**POLICY, **changed}, limit)]


def test_evidence_counts_when_it_was_there_by_then(registry):
    promote(registry, 1)
    measure(registry, 1, auc=0.9)
    measure(registry, 2, auc=0.9)
    promote(registry, 2)
    measure(registry, 2, auc=0.1)
    position = events.last_position(ADMIN, registry)

    assert tried(registry) == [(2, "would pass"), (1, "would refuse")]
    assert events.last_position(ADMIN, registry) == position


def test_a_comparison_is_with_who_held_the_target_then(registry):
    for number, auc in ((1, 0.9), (2, 0.8), (3, 0.85)):
        measure(registry, number, auc=auc)
    promote(registry, 1, 2, 3)

    rules = [{"metric": "auc", "no_worse_than": "holder", "when_absent": "refuse"}]
    assert tried(registry, rules=rules) == [(3, "would pass"), (2, "would refuse"), (1, "would refuse")]
    promote(registry, 1, 2, target="Production")
    assert tried(registry, rules=rules, targets=["Production"]) == [(2, "would refuse"), (1, "would refuse")]


def test_of_what_is_known_as_it_is_today_only_nobody_can_tell(registry):
    promote(registry, 1)
    measure(registry, 2, auc=0.9)
    promote(registry, 2)
    versions.set_tag(WRITER, registry, NAME, 2, "owner", "ann")

    for rule in ({"tags": ["owner"]}, {"description": True}, {"intact": True}, {"not": {"any": [{"tags": ["owner"]}]}}):
        found = tried(registry, rules=[rule, {"metric": "auc", "at_least": 0.5}])
        assert found == [(2, "cannot tell"), (1, "would refuse")]


def test_a_rollback_is_tried_as_one(registry):
    promote(registry, 1, 2)
    rollbacks.rollback(WRITER, registry, NAME, "@champion")

    assert tried(registry) == [(1, "would pass"), (2, "would refuse"), (1, "would refuse")]


def test_versions_and_models_that_were_deleted_since_are_tried_too(registry):
    promote(registry, 1, 2)
    versions.delete(WRITER, registry, NAME, 1)
    models.delete(WRITER, registry, NAME)

    assert tried(registry) == [(2, "would refuse"), (1, "would refuse")]


def test_only_the_models_and_targets_of_the_policy_the_newest_first_up_to_a_limit(registry):
    stock(registry, 1, "fraud")
    promotions.promote(WRITER, registry, "fraud", 1, "@champion")
    promote(registry, 1, 2, 3)
    promote(registry, 1, target="Staging")
    promotions.promote(WRITER, registry, "fraud", 1, "@other")

    assert [version for version, _ in tried(registry, 2)] == [3, 2]
    assert len(tried(registry)) == 3
    assert [version for version, _ in tried(registry, targets=["Staging", "@champion"])] == [1, 3, 2, 1]


def test_what_is_wrong_is_said(registry):
    for limit in (0, 1001, "x"):
        with pytest.raises(Invalid, match="limit"):
            tried(registry, limit)
    with pytest.raises(Invalid, match="let everything pass"):
        tried(registry, rules=[])
