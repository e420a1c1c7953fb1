"""Going back to who held a target before: what is passed over, what it is judged by, and how far back twice goes."""

from __future__ import annotations

import pytest

from modelkeep.domain.errors import Conflict, Invalid, NotFound, PermissionDenied, Refused
from modelkeep.registry import aliases, events, history, models, promotions, rollbacks, stages, versions
from tests.registry.gating import (
    ADMIN,
    NAME,
    WRITER,
    apply,
    measure,
    mlmodel,
    point,
    pointed,
    register,
    stage_of,
    stages_of,
    stock,
    told,
)

BOTH = pytest.mark.parametrize("target", ["Production", "@champion"])


@pytest.fixture(autouse=True)
def four(registry):
    stock(registry, 4)


def promote(registry, target, *numbers):
    for number in numbers:
        promotions.promote(WRITER, registry, NAME, number, target)


def back(registry, target, actor=WRITER, **more):
    return rollbacks.rollback(actor, registry, NAME, target, **more).number


def holder(registry, target):
    if target.startswith("@"):
        return pointed(registry, target[1:])
    return next((number for number, stage in enumerate(stages_of(registry, 4), 1) if stage == target), None)


@BOTH
def test_it_returns_to_who_held_it_before_in_one_change_that_names_the_promotion(registry, target):
    promote(registry, target, 1, 2)
    first = told(registry, "stage", "alias")[0]
    position = events.last_position(ADMIN, registry)

    assert back(registry, target, reason="incident 12") == 1

    assert holder(registry, target) == 1
    moved = events.page(ADMIN, registry, after=position)
    assert len({each.change_id for each in moved}) == 1
    last = moved[-1].payload
    assert (last["to"], last["cause"], last["reason"]) == (first["to"], "rollback", "incident 12")
    promoted = next(each for each in events.page(ADMIN, registry, kinds=["stage", "alias"]) if each.payload == first)
    assert last["returns_to"] == promoted.position


@BOTH
def test_twice_goes_back_two_steps_and_then_there_is_nothing_left(registry, target):
    promote(registry, target, 1, 2, 3)

    assert [back(registry, target), back(registry, target)] == [2, 1]
    with pytest.raises(
        Conflict, match=f"no version of 'churn' that {target} could go back to: nothing held it before version 1"
    ):
        back(registry, target)


@BOTH
def test_a_promotion_after_a_rollback_is_what_the_next_one_undoes(registry, target):
    promote(registry, target, 1, 2, 3)
    back(registry, target)
    promote(registry, target, 4)

    assert [back(registry, target), back(registry, target)] == [2, 1]


def test_who_held_a_stage_goes_to_archived(registry):
    promote(registry, "Production", 1, 2)

    back(registry, "production")

    assert stages_of(registry, 2) == ["Production", "Archived"]


@BOTH
def test_a_deleted_version_is_passed_over_and_named(registry, target):
    promote(registry, target, 1, 2, 3)
    versions.delete(WRITER, registry, NAME, 2)

    assert back(registry, target) == 1
    assert told(registry, "stage", "alias")[-1]["skipped"] == [{"version": 2, "reason": "it was deleted"}]


@BOTH
def test_when_the_holder_was_deleted_the_one_before_it_returns(registry, target):
    promote(registry, target, 1, 2)
    versions.delete(WRITER, registry, NAME, 2)

    assert back(registry, target) == 1


def test_an_alias_that_was_deleted_comes_back_where_it_was(registry):
    promote(registry, "@champion", 1, 2)
    aliases.delete(WRITER, registry, NAME, "champion")

    assert [back(registry, "@champion"), back(registry, "@champion")] == [2, 1]


def test_a_version_that_was_taken_out_by_hand_does_not_return_in_the_place_of_one_that_stayed(registry):
    for number in (1, 2):
        promotions.transition(WRITER, registry, NAME, number, "Production")
    promotions.transition(WRITER, registry, NAME, 2, "Archived")

    with pytest.raises(Conflict, match="nothing held it before version 1"):
        back(registry, "Production")


def test_setting_an_alias_again_is_not_a_step(registry):
    point(registry, "champion", 1)
    aliases.delete(WRITER, registry, NAME, "champion")
    point(registry, "champion", 1)

    with pytest.raises(Conflict):
        back(registry, "@champion")
    assert len(told(registry, "alias.moved")) == 3


def test_of_several_in_a_stage_the_one_before_the_last_stays_alone(registry):
    for number in (1, 2, 3):
        promotions.transition(WRITER, registry, NAME, number, "Production")

    assert back(registry, "Production") == 2
    assert stages_of(registry, 3) == ["Archived", "Production", "Archived"]
    assert back(registry, "Production") == 1
    assert stages_of(registry, 3) == ["Production", "Archived", "Archived"]


@BOTH
def test_it_can_be_compare_and_set(registry, target):
    promote(registry, target, 1, 2)

    for expected in (1, 0, "", "0"):
        with pytest.raises(Conflict, match=f"{target} of 'churn' is held by version 2"):
            back(registry, target, expected_version=expected)
    assert back(registry, target, expected_version="2") == 1


def test_nothing_to_return_to_and_nothing_to_return(registry, reader):
    with pytest.raises(Conflict, match="nothing held it before now"):
        back(registry, "@champion")
    with pytest.raises(Invalid):
        back(registry, "champion")
    for stage in ("None", "archived"):
        with pytest.raises(Invalid, match="holds what is not in use"):
            back(registry, stage)
    with pytest.raises(NotFound):
        rollbacks.rollback(WRITER, registry, "nobody", "Production")
    with pytest.raises(PermissionDenied):
        back(registry, "Production", reader)


@BOTH
def test_only_the_rules_that_are_marked_judge_it(registry, target):
    promote(registry, target, 1, 2)
    apply(registry, {"metric": "auc", "at_least": 0.85}, {"not_during": {"from": "2020-01-01", "until": "2999-01-01"}})

    assert back(registry, target) == 1
    assert told(registry, "stage", "alias")[-1]["policies"] == [{"policy": "gate", "revision": 1, "passed": True}]


@BOTH
def test_a_version_that_a_marked_rule_refuses_is_passed_over_and_named(registry, target):
    promote(registry, target, 1, 2, 3)
    apply(registry, {"tags": ["owner"], "on_rollback": True})
    versions.set_tag(WRITER, registry, NAME, 1, "owner", "ann")

    assert back(registry, target) == 1
    (skipped,) = told(registry, "stage", "alias")[-1]["skipped"]
    assert skipped == {"version": 2, "reason": "tags owner: the version has no tag owner"}


def test_when_all_are_refused_it_says_which_and_why(registry):
    promote(registry, "@champion", 1, 2)
    apply(registry, {"tags": ["owner"], "on_rollback": True})

    with pytest.raises(Conflict, match="Version 1 was passed over: tags owner: the version has no tag owner"):
        back(registry, "@champion")


def test_what_was_forced_in_is_no_better_for_having_been_there(registry):
    apply(registry)
    for number in (1, 3):
        measure(registry, number, auc=0.9)
    promote(registry, "@champion", 1)
    promotions.promote(ADMIN, registry, NAME, 2, "@champion", force=True, reason="fire")
    promote(registry, "@champion", 3)

    assert back(registry, "@champion") == 1
    (skipped,) = told(registry, "alias.moved")[-1]["skipped"]
    assert skipped["version"] == 2
    assert "no evidence with the metric auc" in skipped["reason"]


def test_what_came_in_under_a_name_that_was_not_guarded_is_judged_by_every_rule(registry):
    stock(registry, 2, "scratch")
    for number in (1, 2):
        promotions.promote(WRITER, registry, "scratch", number, "@champion")
    apply(registry)
    measure(registry, 2, "scratch", auc=0.9)
    models.rename(WRITER, registry, "scratch", "churn-new")

    with pytest.raises(Conflict, match=r"Version 1 was passed over: metric auc at least 0\.85"):
        rollbacks.rollback(WRITER, registry, "churn-new", "@champion")
    measure(registry, 1, "churn-new", auc=0.9)
    assert rollbacks.rollback(WRITER, registry, "churn-new", "@champion").number == 1


def test_a_new_name_under_the_same_policy_changes_nothing_of_that(registry):
    promote(registry, "@champion", 1, 2)
    apply(registry)
    models.rename(WRITER, registry, NAME, "churn-new")

    assert rollbacks.rollback(WRITER, registry, "churn-new", "@champion").number == 1


def test_leaving_archiving_and_where_it_comes_from_are_judged_by_the_marked_rules(registry):
    promote(registry, "Production", 1, 2)
    promote(registry, "Staging", 1)
    for target, move in (("Production", "leave"), ("Archived", "enter"), ("Staging", "leave")):
        rules = {"tags": ["sign-off"], "on_rollback": True}, {"tags": ["other"]}
        apply(registry, *rules, targets=[target], on=[move], policy="care")
        with pytest.raises(Refused, match=f"may not {move} {target}:\n- policy 'care' .* no tag sign-off") as refusal:
            back(registry, "Production")
        assert "other" not in refusal.value.message
        assert stages_of(registry, 2) == ["Staging", "Production"]
    assert len(told(registry, "promotion.refused")) == 3


def test_where_the_stages_do_not_lead_it_does_not_go(registry):
    promote(registry, "Production", 1, 2, 3)
    stages.configure(ADMIN, registry, transitions={"Archived": ["None"]})
    with pytest.raises(Conflict, match="don't lead from Archived to Production"):
        back(registry, "Production")

    stages.configure(ADMIN, registry, transitions={"Production": ["Staging"]})
    with pytest.raises(Invalid, match="cannot go to Archived to make room"):
        back(registry, "Production")
    assert stage_of(registry, 3) == "Production"


def test_the_signature_must_fit_also_on_the_way_back(registry):
    narrow = register(registry, content=mlmodel("a", kind="float"))
    wide = register(registry, content=mlmodel("b", kind="double"))
    promote(registry, "@champion", narrow, wide)
    apply(registry, {"signature": "compatible"})

    with pytest.raises(Conflict, match="the input age was double and is float"):
        back(registry, "@champion")


def test_the_follower_follows_a_rollback_too(registry):
    apply(registry, {"pinned": True}, follow={"rollback": "previous of champion"})
    promote(registry, "@champion", 1, 2, 3)
    assert pointed(registry, "rollback") == 2

    back(registry, "@champion")
    assert (pointed(registry, "champion"), pointed(registry, "rollback")) == (2, 1)
    back(registry, "@champion")
    assert (pointed(registry, "champion"), pointed(registry, "rollback")) == (1, None)


def test_history_says_to_which_promotion_each_rollback_returned(registry):
    promote(registry, "@champion", 1, 2)
    back(registry, "@champion")

    newest, second, first = history.page(WRITER, registry, NAME, "@champion").items
    assert (newest.version, newest.cause, newest.returns_to) == (1, "rollback", first.position)
    assert (second.version, second.until, second.ended_by) == (2, newest.since, "wil")
