"""Stages beyond the four, and which may follow which."""

from __future__ import annotations

import pytest

from modelkeep.domain.errors import Conflict, Invalid, PermissionDenied
from modelkeep.domain.stages import DEFAULT
from modelkeep.registry import events, models, promotions, stages, versions
from tests.registry.gating import ADMIN, NAME, WRITER, apply, stage_of, stages_of, stock, told

FIVE = ["None", "Staging", "Canary", "Production", "Archived"]


@pytest.fixture(autouse=True)
def three(registry):
    stock(registry, 3)


def test_a_registry_has_mlflows_four_until_it_is_told_otherwise(registry, reader):
    assert stages.get(reader, registry) == DEFAULT

    made = stages.configure(ADMIN, registry, FIVE, {"Canary": ["production"]})

    assert stages.get(reader, registry) == made
    assert told(registry, "stages.configured") == [{"stages": FIVE, "transitions": {"Canary": ["Production"]}}]


def test_setting_what_is_set_changes_nothing(registry):
    stages.configure(ADMIN, registry, FIVE)
    position = events.last_position(ADMIN, registry)

    stages.configure(ADMIN, registry, list(FIVE), {})

    assert events.last_position(ADMIN, registry) == position


def test_it_takes_the_permission_to_govern(registry):
    with pytest.raises(PermissionDenied):
        stages.configure(WRITER, registry, FIVE)


def test_a_new_stage_is_a_stage_in_every_call(registry):
    stages.configure(ADMIN, registry, FIVE)

    promotions.transition(WRITER, registry, NAME, 1, "CANARY")
    promotions.transition(WRITER, registry, NAME, 2, "canary", True)

    assert stages_of(registry, 2) == ["Archived", "Canary"]
    assert [each.number for each in versions.latest(WRITER, registry, NAME, ["canary"])] == [2]
    assert {each.current_stage for each in models.get(WRITER, registry, NAME).latest_versions} == {
        "None",
        "Canary",
        "Archived",
    }
    found = versions.search(WRITER, registry, "current_stage = 'Canary'").items
    assert [each.number for each in found] == [2]


def test_transitions_bind_every_call_archiving_included(registry):
    stages.configure(ADMIN, registry, FIVE, {"None": ["Canary"], "Canary": ["Production", "Canary"], "Production": []})

    for call in (promotions.transition, promotions.promote):
        with pytest.raises(Invalid, match="is in None, from where the stages of this registry lead to Canary, not to"):
            call(WRITER, registry, NAME, 1, "Production")
    for number in (1, 2):
        promotions.transition(WRITER, registry, NAME, number, "Canary")
        if number == 1:
            promotions.promote(WRITER, registry, NAME, 1, "Production")
    with pytest.raises(Invalid, match="The versions in Production cannot be archived to make room"):
        promotions.promote(WRITER, registry, NAME, 2, "Production")
    with pytest.raises(Invalid, match="lead to nowhere, not to Archived"):
        promotions.transition(WRITER, registry, NAME, 1, "Archived")
    explained = promotions.explain(WRITER, registry, NAME, 2, "Production")
    assert (explained.allowed, "cannot be archived" in explained.message) == (False, True)
    promotions.promote(WRITER, registry, NAME, 2, "Production", False)
    promotions.promote(WRITER, registry, NAME, 3, "@champion")


def test_a_stage_that_a_version_holds_cannot_go(registry):
    stages.configure(ADMIN, registry, FIVE)
    promotions.promote(WRITER, registry, NAME, 1, "Canary")

    with pytest.raises(Conflict, match="The stage Canary is held by version 1 of 'churn'"):
        stages.configure(ADMIN, registry)
    versions.delete(WRITER, registry, NAME, 1)
    stages.configure(ADMIN, registry)

    versions.restore(WRITER, registry, NAME, 1)
    assert stage_of(registry, 1) == "None"


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        ({"pinned": True}, {"targets": ["Canary"]}),
        ({"pinned": True}, {"follow": {"before": "previous of Canary"}}),
        ({"held": "Canary", "for": "1d"}, {}),
        ({"any": [{"not": {"metric": "auc", "no_worse_than": "canary", "when_absent": "pass"}}]}, {}),
    ],
)
def test_a_stage_that_a_policy_names_anywhere_cannot_go(registry, rule, changed):
    stages.configure(ADMIN, registry, FIVE)
    apply(registry, rule, **changed)

    with pytest.raises(Conflict, match="The policy 'gate' needs stages as they are: "):
        stages.configure(ADMIN, registry)
    assert stages.get(ADMIN, registry).names == tuple(FIVE)


def test_a_new_stage_does_not_change_what_a_policy_means(registry):
    apply(registry, follow={"rollback": "previous of canary"})

    with pytest.raises(Conflict, match="would be read as a stage"):
        stages.configure(ADMIN, registry, FIVE)
