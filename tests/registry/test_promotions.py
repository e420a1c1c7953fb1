import pytest

from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.registry import events, models, promotions, versions

NAME = "churn"


@pytest.fixture(autouse=True)
def four_versions(actor, registry):
    models.create(actor, registry, NAME)
    for number in range(1, 5):
        versions.register(actor, registry, NAME, f"s3://bucket/{number}")


def stages_of(actor, registry):
    return [versions.get(actor, registry, NAME, number).current_stage for number in range(1, 5)]


def changes(actor, registry):
    found = events.page(actor, registry, kinds=["stage"])
    return [(e.payload["version"], e.payload["from"], e.payload["to"]) for e in found]


@pytest.mark.parametrize("spelling", ["Production", "production", "PRODUCTION"])
def test_a_stage_is_accepted_in_any_case(actor, registry, spelling):
    assert promotions.transition(actor, registry, NAME, "1", spelling).current_stage == "Production"


def test_archiving_moves_every_other_version_of_the_stage_in_one_change(actor, registry):
    promotions.transition(actor, registry, NAME, 1, "Production")
    promotions.transition(actor, registry, NAME, 2, "Production")

    promotions.transition(actor, registry, NAME, 3, "Production", True)

    assert stages_of(actor, registry) == ["Archived", "Archived", "Production", "None"]
    last = events.page(actor, registry, kinds=["stage"])[-3:]
    assert len({event.change_id for event in last}) == 1
    assert last[0].payload["cause"] == "version 3 took its place"


def test_without_archiving_two_versions_may_share_a_stage(actor, registry):
    promotions.transition(actor, registry, NAME, 1, "Staging")
    promotions.transition(actor, registry, NAME, 2, "Staging", False)

    assert stages_of(actor, registry)[:2] == ["Staging", "Staging"]


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_archiving_for_an_inactive_stage_is_refused(actor, registry, stage):
    with pytest.raises(Invalid, match="not an Active stage"):
        promotions.transition(actor, registry, NAME, 1, stage, True)


@pytest.mark.parametrize("stage", [None, "", "Canary", "Deleted_Internal", 3])
def test_an_unknown_stage_is_refused(actor, registry, stage):
    with pytest.raises(Invalid):
        promotions.transition(actor, registry, NAME, 1, stage)

    assert changes(actor, registry) == []


def test_moving_to_where_it_stands_records_nothing(actor, registry):
    promotions.transition(actor, registry, NAME, 1, "Staging")
    before = versions.get(actor, registry, NAME, 1)

    promotions.transition(actor, registry, NAME, 1, "staging")

    assert versions.get(actor, registry, NAME, 1) == before
    assert changes(actor, registry) == [(1, "None", "Staging")]


def test_a_missing_version_is_not_found(actor, registry):
    with pytest.raises(NotFound):
        promotions.transition(actor, registry, NAME, 9, "Staging")
