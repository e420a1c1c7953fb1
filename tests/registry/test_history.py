"""Who held a target when, and what it was like at a moment of the past."""

from __future__ import annotations

import pytest

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.registry import aliases, events, history, models, promotions, versions
from tests.registry.gating import ADMIN, NAME, WRITER, apply, measure, point, register, stock

BOTH = pytest.mark.parametrize("target", ["Production", "@champion"])


@pytest.fixture
def clock(registry):
    """The registry's time, which a test sets, in UTC milliseconds."""
    now = [2_000_000_000_000]
    registry.clock = lambda: now[0]
    return now


@pytest.fixture(autouse=True)
def three(registry, clock):
    stock(registry, 3)


def promote(registry, clock, target, *numbers):
    for number in numbers:
        clock[0] += 1000
        promotions.promote(WRITER, registry, NAME, number, target, reason=f"r{number}")


def held(registry, target, **moment):
    return history.at(WRITER, registry, NAME, target, **moment).number


@BOTH
def test_it_tells_who_held_a_target_from_when_to_when_and_why(registry, clock, target):
    apply(registry, {"pinned": True})
    start = clock[0]
    promote(registry, clock, target, 1, 2)
    clock[0] += 1000
    if target == "Production":
        promotions.promote(ADMIN, registry, NAME, 2, "Archived")
    else:
        aliases.delete(ADMIN, registry, NAME, "champion")

    second, first = history.page(WRITER, registry, NAME, target).items

    assert (first.version, first.since, first.until, first.ended_by) == (1, start + 1000, start + 2000, "wil")
    assert (second.version, second.since, second.until, second.ended_by) == (2, start + 2000, start + 3000, "ann")
    assert (second.actor, second.verified, second.cause, second.reason) == ("wil", True, "promotion", "r2")
    assert second.policies == [{"policy": "gate", "revision": 1, "passed": True}]
    assert (second.forced, second.returns_to) == (False, None)


@BOTH
def test_it_is_read_page_by_page(registry, clock, target):
    promote(registry, clock, target, 1, 2, 3, 1)
    whole = history.page(WRITER, registry, NAME, target).items
    found, token = [], None
    while True:
        page = history.page(WRITER, registry, NAME, target, 3, token)
        found += page.items
        if (token := page.next_page_token) is None:
            break

    assert found == whole
    assert [each.version for each in found] == [1, 3, 2, 1]
    with pytest.raises(Invalid, match="page_token"):
        history.page(
            WRITER, registry, NAME, "Staging", 3, history.page(WRITER, registry, NAME, target, 3).next_page_token
        )


def test_deleting_a_version_ends_what_it_held(registry, clock):
    promote(registry, clock, "Production", 1)
    promote(registry, clock, "@champion", 1)
    clock[0] += 1000
    versions.delete(ADMIN, registry, NAME, 1)

    for target in ("Production", "@champion"):
        (only,) = history.page(WRITER, registry, NAME, target).items
        assert (only.until, only.ended_by) == (clock[0], "ann")
        with pytest.raises(NotFound, match=f"No version of 'churn' held {target} then"):
            held(registry, target, timestamp=clock[0])
        assert held(registry, target, timestamp=clock[0] - 1) == 1


@BOTH
def test_the_past_is_answered_by_time_and_by_position(registry, clock, target):
    start = clock[0]
    promote(registry, clock, target, 1, 2)
    positions = [each.position for each in history.page(WRITER, registry, NAME, target).items][::-1]

    assert [held(registry, target, timestamp=start + each) for each in (1000, 1999, 2000, 10**9)] == [1, 1, 2, 2]
    assert [held(registry, target, position=each) for each in positions] == [1, 2]
    with pytest.raises(NotFound):
        held(registry, target, timestamp=start + 999)
    with pytest.raises(NotFound, match="No registered model was called 'churn' then"):
        held(registry, target, position=0)
    for moment in ({}, {"timestamp": 1, "position": 1}, {"timestamp": -1}, {"position": "x"}):
        with pytest.raises(Invalid):
            held(registry, target, **moment)


def test_a_name_means_what_it_meant_then(registry, clock):
    promote(registry, clock, "@champion", 1)
    before = clock[0]
    clock[0] += 1000
    models.rename(WRITER, registry, NAME, "old")
    renamed = clock[0]
    clock[0] += 1000
    stock(registry, 2)
    promote(registry, clock, "@champion", 2)
    clock[0] += 1000
    models.delete(WRITER, registry, NAME)
    clock[0] += 1000
    models.rename(WRITER, registry, "old", NAME)

    first, second = (
        history.at(WRITER, registry, NAME, "@champion", timestamp=before),
        held(registry, "@champion", timestamp=clock[0] - 2000),
    )
    assert (first.number, second) == (1, 2)
    assert held(registry, "@champion", timestamp=clock[0]) == 1
    for moment in (renamed, clock[0] - 1000):
        with pytest.raises(NotFound, match="No registered model was called 'churn' then"):
            held(registry, "@champion", timestamp=moment)
    assert history.at(WRITER, registry, "old", "@champion", timestamp=clock[0] - 1).number == 1


def test_of_several_in_a_stage_the_highest_number_is_told(registry, clock):
    for number in (3, 1):
        promotions.transition(WRITER, registry, NAME, number, "Staging")

    assert held(registry, "staging", timestamp=clock[0]) == 3


def test_the_difference_between_two_moments(registry, clock):
    promote(registry, clock, "Production", 1)
    promote(registry, clock, "@same", 1)
    position = events.last_position(ADMIN, registry)
    promote(registry, clock, "Production", 2)
    promote(registry, clock, "@new", 3)

    found = {
        each.target: (each.before, each.after) for each in history.diff(WRITER, registry, NAME, from_position=position)
    }

    assert found.pop("Archived") == ([], [1])
    assert found == {"Production": ([1], [2]), "@new": ([], [3])}
    assert history.diff(WRITER, registry, NAME, from_position=position, to_position=position) == []
    with pytest.raises(Invalid):
        history.diff(WRITER, registry, NAME)
    with pytest.raises(Invalid):
        history.diff(WRITER, registry, NAME, from_position=1, to_position=2, to_timestamp=3)
    with pytest.raises(NotFound):
        history.diff(WRITER, registry, "nobody", from_position=1)


def test_what_is_not_there_has_no_history(registry):
    with pytest.raises(NotFound):
        history.page(WRITER, registry, "nobody", "Production")
    with pytest.raises(NotFound):
        history.open_overrides(WRITER, registry, "nobody")
    with pytest.raises(Invalid):
        history.page(WRITER, registry, NAME, "Canary")
    for size in (0, 1001, "x"):
        with pytest.raises(Invalid):
            history.page(WRITER, registry, NAME, "Production", size)
    assert history.page(WRITER, registry, NAME, "Production").items == []


def test_a_stage_that_is_entered_again_after_a_break_has_not_been_held_without_one(registry, clock):
    apply(registry, {"held": "Staging", "for": "1h"})
    for _ in range(2):
        promotions.promote(WRITER, registry, NAME, 1, "Staging")
        clock[0] += 1_800_000
        promotions.promote(WRITER, registry, NAME, 1, "None")

    assert not promotions.explain(WRITER, registry, NAME, 1, "@champion").allowed


def test_a_version_that_stays_while_others_leave_has_held_its_stage_without_a_break(registry, clock):
    apply(registry, {"held": "Staging", "for": "1h"})
    for number in (1, 2):
        promotions.transition(WRITER, registry, NAME, number, "Staging")
    clock[0] += 1_800_000
    promotions.transition(WRITER, registry, NAME, 1, "Staging", True)
    clock[0] += 1_800_000

    assert promotions.explain(WRITER, registry, NAME, 1, "@champion").allowed


def test_evidence_that_came_later_does_not_change_what_was_said(registry, clock):
    apply(registry)
    number = register(registry)
    measure(registry, number, auc=0.9)
    promote(registry, clock, "@champion", number)
    measure(registry, number, auc=0.1)
    point(registry, "other", number)

    assert history.page(WRITER, registry, NAME, "@champion").items[0].policies[0]["passed"] is True
