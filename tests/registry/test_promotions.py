import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, NotFound, PermissionDenied, Refused
from modelkeep.domain.moves import Wanted
from modelkeep.registry import aliases, events, evidence, history, models, promotions, versions
from tests.registry.gating import ADMIN, CI, WRITER, apply, measure, point, pointed, register, stock, told

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


def test_promoting_to_a_stage_archives_who_was_there_unless_told_not_to(actor, registry):
    promotions.promote(actor, registry, NAME, 1, "production")
    promotions.promote(actor, registry, NAME, 2, "Production", reason="better")
    promotions.promote(actor, registry, NAME, 3, "Production", False)

    assert stages_of(actor, registry) == ["Archived", "Production", "Production", "None"]
    assert [each["reason"] for each in told(registry, "stage.changed") if "reason" in each] == ["better", "better"]


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_promoting_to_an_inactive_stage_archives_nobody(actor, registry, stage):
    promotions.promote(actor, registry, NAME, 1, "Archived")

    assert promotions.promote(actor, registry, NAME, 2, stage).current_stage == stage
    assert stages_of(actor, registry)[0] == "Archived"


def test_promoting_to_an_alias_moves_it(actor, registry):
    promotions.promote(actor, registry, NAME, 1, "@champion")

    assert promotions.promote(actor, registry, NAME, 2, "@champion").aliases == ["champion"]
    assert [(each["from"], each["to"], each["cause"]) for each in told(registry, "alias.moved")] == [
        (None, 1, "promotion"), (1, 2, "promotion"),
    ]  # fmt: skip


def test_a_stage_is_not_an_alias(actor, registry):
    with pytest.raises(Invalid, match="'@champion' is an alias and not a stage"):
        promotions.transition(actor, registry, NAME, 1, "@champion")


@pytest.mark.parametrize("target", ["champion", "", None, "@", "@latest", "Canary", 3])
def test_an_unknown_target_is_refused(actor, registry, target):
    before = events.last_position(actor, registry)
    for ask in (promotions.promote, promotions.explain):
        with pytest.raises(Invalid):
            ask(actor, registry, NAME, 1, target)

    assert events.last_position(actor, registry) == before


@pytest.mark.parametrize("target", ["Production", "@champion"])
def test_a_promotion_can_be_compare_and_set(actor, registry, target):
    promotions.promote(actor, registry, NAME, 1, target, expected_version=0)
    promotions.promote(actor, registry, NAME, 2, target, expected_version="1")
    before = events.last_position(actor, registry)

    for expected in (1, "0", "", 7):
        with pytest.raises(Conflict, match=f"{target} of 'churn' is held by version 2, and .* was expected"):
            promotions.promote(actor, registry, NAME, 3, target, expected_version=expected)
    with pytest.raises(Invalid, match="must be an integer"):
        promotions.promote(actor, registry, NAME, 3, target, expected_version="two")
    assert events.last_position(actor, registry) == before


def test_of_a_stage_that_several_hold_the_highest_is_expected(actor, registry):
    promotions.transition(actor, registry, NAME, 1, "Staging")
    promotions.transition(actor, registry, NAME, 2, "Staging")

    with pytest.raises(Conflict):
        promotions.promote(actor, registry, NAME, 3, "Staging", False, expected_version=1)
    promotions.promote(actor, registry, NAME, 3, "Staging", False, expected_version=2)


def test_a_version_that_stays_may_make_the_others_leave_and_is_then_the_last_that_came(actor, registry):
    promotions.transition(actor, registry, NAME, 1, "Production")
    promotions.transition(actor, registry, NAME, 2, "Production")

    promotions.transition(actor, registry, NAME, 1, "Production", True)

    assert stages_of(actor, registry)[:2] == ["Production", "Archived"]
    assert [each.version for each in history.page(actor, registry, NAME, "Production").items] == [1, 2, 1]


def test_several_promotions_are_one_change(actor, registry):
    models.create(actor, registry, "fraud")
    versions.register(actor, registry, "fraud", "s3://bucket/f")

    found = promotions.promote_all(
        actor, registry,
        [Wanted(NAME, "1", "Production"), Wanted(NAME, "1", "@champion"), Wanted("fraud", "1", "Staging")], "release 7",
    )  # fmt: skip

    assert [(each.name, each.current_stage, each.aliases) for each in found] == [
        (NAME, "Production", ["champion"]), (NAME, "Production", ["champion"]), ("fraud", "Staging", []),
    ]  # fmt: skip
    moved = events.page(actor, registry, kinds=["stage", "alias"])
    assert len({each.change_id for each in moved}) == 1
    assert {each.payload["reason"] for each in moved} == {"release 7"}


def test_versions_can_change_places_in_one_change(actor, registry):
    promotions.promote(actor, registry, NAME, 1, "Production")
    promotions.promote(actor, registry, NAME, 2, "Staging")

    promotions.promote_all(actor, registry, [Wanted(NAME, "2", "Production"), Wanted(NAME, "1", "Staging")])

    assert stages_of(actor, registry)[:2] == ["Staging", "Production"]
    assert changes(actor, registry)[2:] == [(2, "Staging", "Production"), (1, "Production", "Staging")]


@pytest.mark.parametrize(
    "moves",
    [
        None, [], [Wanted(NAME, "1", "Staging")] * 2, [Wanted(NAME, "1", "Staging"), Wanted(NAME, "1", "Production")],
        [Wanted(NAME, "1", "Staging"), Wanted(NAME, "2", "staging")], [Wanted(NAME, "1", "@a")] * 101, [Wanted()],
        [Wanted(NAME, "1", None)],
    ],
)  # fmt: skip
def test_promotions_that_contradict_each_other_are_refused(actor, registry, moves):
    with pytest.raises(Invalid):
        promotions.promote_all(actor, registry, moves)

    assert changes(actor, registry) == []


def test_one_that_cannot_be_done_undoes_all(actor, registry):
    with pytest.raises(NotFound):
        promotions.promote_all(actor, registry, [Wanted(NAME, "1", "Staging"), Wanted(NAME, "9", "Production")])

    assert changes(actor, registry) == []


class TestGuarded:
    """Past a policy over Production and @champion."""

    NAME = "churn-eu"

    @pytest.fixture(autouse=True)
    def guarded(self, registry):
        stock(registry, 4, self.NAME)
        apply(registry)

    def refused(self, call, *arguments, **more):
        with pytest.raises(Refused) as refusal:
            call(*arguments, **more)
        return refusal.value

    @pytest.mark.parametrize(
        ("call", "arguments"),
        [
            (promotions.transition, ("production",)), (promotions.transition, ("Production", True)),
            (promotions.promote, ("Production",)), (promotions.promote, ("@champion",)),
        ],
    )  # fmt: skip
    def test_a_refusal_says_why_changes_nothing_and_is_recorded(self, registry, call, arguments):
        measure(registry, 1, self.NAME, auc=0.8)
        before = models.get(ADMIN, registry, self.NAME)
        position = events.last_position(ADMIN, registry)

        error = self.refused(call, WRITER, registry, self.NAME, 1, *arguments)

        target = "@champion" if arguments[0].startswith("@") else "Production"
        assert error.message == (
            f"Version 1 of 'churn-eu' may not enter {target}:\n- policy 'gate' (revision 1), metric auc at least 0.85: "
            "auc is 0.8 (evidence 1, validation on holdout by ci), below 0.85."
        )
        assert models.get(ADMIN, registry, self.NAME) == before
        (event,) = events.page(ADMIN, registry, after=position)
        assert (event.kind, event.actor) == ("promotion.refused", "wil")
        assert event.payload["refusals"][0]["rule"] == "metric auc at least 0.85"
        assert (event.payload["target"], event.payload["move"]) == (target, "enter")

    def test_an_alias_that_is_set_is_guarded_too_also_when_it_was_deleted_before(self, registry):
        measure(registry, 1, self.NAME, auc=0.9)
        point(registry, "champion", 1, self.NAME)
        aliases.delete(WRITER, registry, self.NAME, "champion")

        self.refused(aliases.point, WRITER, registry, self.NAME, "champion", 2)
        assert pointed(registry, "champion", self.NAME) is None
        point(registry, "champion", 1, self.NAME)

    def test_what_passes_names_the_policy_and_the_evidence(self, registry):
        measured = measure(registry, 1, self.NAME, auc=0.9)

        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

        (moved,) = told(registry, "stage.changed")
        assert moved["policies"] == [{"policy": "gate", "revision": 1, "passed": True}]
        assert moved["evidence"] == [measured.id]

    def test_every_policy_that_matches_must_pass_and_each_failure_is_told(self, registry):
        apply(registry, {"tags": ["owner"]}, {"description": True}, policy="care", models=["*"])
        measure(registry, 1, self.NAME, auc=0.8)

        error = self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")

        assert [line.split(",")[0] for line in error.message.splitlines()[1:]] == [
            "- policy 'care' (revision 1)", "- policy 'care' (revision 1)", "- policy 'gate' (revision 1)",
        ]  # fmt: skip

    def test_other_targets_and_other_models_are_free(self, registry):
        promotions.promote(WRITER, registry, self.NAME, 1, "Staging")
        point(registry, "challenger", 1, self.NAME)
        point(registry, "Champion", 1, self.NAME)
        stock(registry, 1, "fraud")
        promotions.promote(WRITER, registry, "fraud", 1, "Production")

    def test_only_evidence_about_these_bytes_counts(self, registry):
        measure(registry, 2, self.NAME, auc=0.9)

        self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")
        promotions.promote(WRITER, registry, self.NAME, 2, "Production")

    def test_a_version_without_files_is_refused(self, registry):
        apply(registry, {"tags": ["owner"]}, policy="care")
        models.create(ADMIN, registry, "churn-x")
        versions.register(ADMIN, registry, "churn-x", "s3://bucket/x")

        error = self.refused(promotions.promote, WRITER, registry, "churn-x", 1, "Production")
        assert "pinned to its files" in error.message

    def test_only_who_proved_to_be_the_producer_is_believed(self, registry):
        apply(registry, {"metric": "auc", "at_least": 0.85, "from": ["ci"]})
        for actor in (WRITER, Actor("ci", "writer", False, "http")):
            measure(registry, 1, self.NAME, actor, auc=0.99)

        self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")
        measure(registry, 1, self.NAME, auc=0.86)
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

    def test_the_newest_evidence_counts_and_not_the_best(self, registry):
        measure(registry, 1, self.NAME, auc=0.9)
        measure(registry, 1, self.NAME, auc=0.7)

        self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")

    def test_it_must_be_no_worse_than_who_holds_the_target(self, registry):
        apply(registry, {"metric": "auc", "no_worse_than": "holder", "tolerance": 0.01, "when_absent": "pass"})
        for version, auc in ((1, 0.9), (2, 0.88), (3, 0.89)):
            measure(registry, version, self.NAME, auc=auc)
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

        error = self.refused(promotions.promote, WRITER, registry, self.NAME, 2, "Production")
        assert "version 1 has 0.9 on the same dataset, which is better by 0.02" in error.message
        promotions.promote(WRITER, registry, self.NAME, 3, "Production")

    def test_freezes_follow_the_registrys_clock(self, registry):
        apply(registry, {"not_during": {"from": "2026-12-20", "until": "2027-01-04"}})
        registry.clock = lambda: 1_798_106_400_000

        self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")
        registry.clock = lambda: 1_799_106_400_000
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

    def test_it_must_have_held_another_target_for_long_enough(self, registry):
        apply(registry, {"held": "staging", "for": "2h"})
        start = registry.clock() + 1000
        registry.clock = lambda: start
        promotions.promote(WRITER, registry, self.NAME, 1, "Staging")
        registry.clock = lambda: start + 7_199_000

        error = self.refused(promotions.promote, WRITER, registry, self.NAME, 1, "Production")
        assert "it held Staging for 1 hour 59 minutes 59 seconds" in error.message
        registry.clock = lambda: start + 7_200_000
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

    def test_a_move_that_does_nothing_is_not_judged(self, registry):
        measure(registry, 1, self.NAME, auc=0.9)
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")
        measure(registry, 1, self.NAME, auc=0.1)

        promotions.promote(WRITER, registry, self.NAME, 1, "Production")

    def test_several_are_judged_against_the_state_before_any_moves_and_all_refusals_are_told(self, registry):
        apply(registry, {"metric": "auc", "no_worse_than": "holder", "when_absent": "pass"}, {"tags": ["owner"]})
        measure(registry, 1, self.NAME, auc=0.9)
        moves = [
            Wanted(self.NAME, "1", "Production"),
            Wanted(self.NAME, "2", "@champion"),
            Wanted(self.NAME, "3", "@x"),
        ]

        error = self.refused(promotions.promote_all, WRITER, registry, moves)

        lines = error.message.splitlines()
        assert [line for line in lines if line.startswith("Version")] == [
            "Version 1 of 'churn-eu' may not enter Production:", "Version 2 of 'churn-eu' may not enter @champion:",
        ]  # fmt: skip
        assert sum("no tag owner" in line for line in lines) == 2
        assert [each["version"] for each in told(registry, "promotion.refused")] == [1, 2]
        assert pointed(registry, "x", self.NAME) is None

    def test_leaving_is_guarded_when_the_policy_says_so(self, registry):
        measure(registry, 1, self.NAME, auc=0.9)
        measure(registry, 2, self.NAME, auc=0.9)
        promotions.promote_all(
            WRITER, registry, [Wanted(self.NAME, "1", "Production"), Wanted(self.NAME, "1", "@champion")]
        )
        apply(registry, {"tags": ["retired"]}, on=["leave"], policy="stay")

        for call, arguments in (
            (promotions.promote, (1, "Archived")), (promotions.promote, (2, "Production")),
            (promotions.transition, (1, "None")), (promotions.promote, (2, "@champion")), (versions.delete, (1,)),
        ):  # fmt: skip
            error = self.refused(call, WRITER, registry, self.NAME, *arguments)
            assert "Version 1 of 'churn-eu' may not leave" in error.message
        self.refused(aliases.delete, WRITER, registry, self.NAME, "champion")
        self.refused(models.delete, WRITER, registry, self.NAME)
        self.refused(models.rename, WRITER, registry, self.NAME, "elsewhere")
        promotions.transition(WRITER, registry, self.NAME, 2, "Production", False)

        versions.set_tag(WRITER, registry, self.NAME, 1, "retired", "yes")
        versions.delete(WRITER, registry, self.NAME, 1)

    def test_deleting_is_guarded_when_the_policy_says_so(self, registry):
        measure(registry, 1, self.NAME, auc=0.9)
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")
        apply(registry, {"tags": ["retired"]}, on=["delete"], policy="stay")

        error = self.refused(versions.delete, WRITER, registry, self.NAME, 1)
        assert "Version 1 of 'churn-eu' may not be deleted from Production" in error.message
        promotions.promote(WRITER, registry, self.NAME, 1, "Archived")
        versions.delete(WRITER, registry, self.NAME, 1)

    def test_archiving_is_entering_archived(self, registry):
        for version in (1, 2):
            measure(registry, version, self.NAME, auc=0.9)
        promotions.promote(WRITER, registry, self.NAME, 1, "Production")
        apply(registry, {"tags": ["why"]}, targets=["Archived"], policy="attic")

        error = self.refused(promotions.promote, WRITER, registry, self.NAME, 2, "Production")
        assert "Version 1 of 'churn-eu' may not enter Archived" in error.message

    @pytest.mark.parametrize("target", ["Production", "@champion", "Staging", "Archived", "None"])
    @pytest.mark.parametrize("archive", [None, True, False])
    def test_explaining_says_what_trying_does_and_does_nothing(self, registry, target, archive):
        measure(registry, 1, self.NAME, auc=0.9)
        for version in (1, 2):
            position = events.last_position(ADMIN, registry)
            told = promotions.explain(WRITER, registry, self.NAME, version, target, archive)
            assert events.last_position(ADMIN, registry) == position
            try:
                promotions.promote(WRITER, registry, self.NAME, version, target, archive)
            except (Refused, Invalid) as error:
                assert (told.allowed, told.message) == (False, error.message)
            else:
                assert (told.allowed, told.message) == (True, f"Version {version} of 'churn-eu' may enter {target}.")

    def test_an_alias_follows_whoever_held_the_target_before(self, registry):
        apply(
            registry, {"pinned": True}, follow={"rollback": "previous of champion", "before": "previous of Production"}
        )
        for version in (1, 2, 3):
            promotions.promote(WRITER, registry, self.NAME, version, "@champion")
            promotions.promote(WRITER, registry, self.NAME, version, "Production")
        assert (pointed(registry, "rollback", self.NAME), pointed(registry, "before", self.NAME)) == (2, 2)

        found = promotions.promote(WRITER, registry, self.NAME, 2, "@champion")
        assert found.aliases == ["before", "champion"]
        assert pointed(registry, "rollback", self.NAME) == 3

        versions.delete(WRITER, registry, self.NAME, 3)
        assert (pointed(registry, "rollback", self.NAME), pointed(registry, "before", self.NAME)) == (1, 2)
        versions.restore(WRITER, registry, self.NAME, 3)
        assert pointed(registry, "rollback", self.NAME) == 3

        aliases.delete(WRITER, registry, self.NAME, "champion")
        assert pointed(registry, "rollback", self.NAME) == 2

    def test_what_follows_moves_in_the_same_change(self, registry):
        apply(registry, {"pinned": True}, follow={"rollback": "previous of champion"})
        promotions.promote(WRITER, registry, self.NAME, 1, "@champion")
        position = events.last_position(ADMIN, registry)

        promotions.promote(WRITER, registry, self.NAME, 2, "@champion")

        moved = events.page(ADMIN, registry, after=position)
        assert [(each.payload["alias"], each.payload["to"], each.payload["cause"]) for each in moved] == [
            ("champion", 2, "promotion"), ("rollback", 1, "previous of @champion"),
        ]  # fmt: skip
        assert len({each.change_id for each in moved}) == 1

    def test_an_alias_that_follows_under_the_new_name_only_is_right_from_the_renaming_on(self, registry):
        apply(registry, {"pinned": True}, follow={"rollback": "previous of champion"})
        for version in (1, 2):
            promotions.promote(WRITER, registry, self.NAME, version, "@champion")
        models.rename(WRITER, registry, self.NAME, "free")
        promotions.promote(WRITER, registry, "free", 1, "@champion")
        assert (pointed(registry, "champion", "free"), pointed(registry, "rollback", "free")) == (1, 1)
        position = events.last_position(ADMIN, registry)

        models.rename(WRITER, registry, "free", self.NAME)

        assert (pointed(registry, "champion", self.NAME), pointed(registry, "rollback", self.NAME)) == (1, 2)
        told = events.page(ADMIN, registry, after=position)
        assert [(each.kind, each.payload["model"]) for each in told] == [
            ("model.renamed", self.NAME), ("alias.moved", self.NAME),
        ]  # fmt: skip
        assert len({each.change_id for each in told}) == 1

    class TestForced:
        """Past a refusal."""

        NAME = "churn-eu"

        def test_it_needs_the_permission_a_proven_name_and_a_reason(self, registry):
            for actor, more, error in (
                (WRITER, {"reason": "fire"}, PermissionDenied), (Actor("ann", "admin", False, "http"), {"reason": "x"}, PermissionDenied),
                (Actor("app", "approver", True, "http"), {"reason": "x"}, PermissionDenied), (ADMIN, {}, Invalid), (ADMIN, {"reason": " "}, Invalid),
            ):  # fmt: skip
                position = events.last_position(ADMIN, registry)
                with pytest.raises(error) as refusal:
                    promotions.promote(actor, registry, self.NAME, 1, "Production", force=True, **more)
                assert type(refusal.value) is error
                assert events.last_position(ADMIN, registry) == position

        @pytest.mark.parametrize("target", ["Production", "@champion"])
        def test_it_is_done_marked_and_stays_open_until_somebody_closes_it(self, registry, target):
            promotions.promote(ADMIN, registry, self.NAME, 1, target, force=True, reason="fire")

            (held,) = history.page(WRITER, registry, self.NAME, target).items
            assert (held.version, held.forced, held.reason) == (1, True, "fire")
            assert held.policies == [{"policy": "gate", "revision": 1, "passed": False}]
            (left_open,) = history.open_overrides(WRITER, registry, self.NAME)
            assert (left_open.target, left_open.version, left_open.position) == (target, 1, held.position)

            for actor, error in ((WRITER, PermissionDenied), (Actor("x", "approver", False, "http"), PermissionDenied)):
                with pytest.raises(error):
                    history.close_override(actor, registry, left_open.position, "looked at")
            with pytest.raises(Invalid):
                history.close_override(ADMIN, registry, left_open.position, "")
            with pytest.raises(NotFound):
                history.close_override(ADMIN, registry, left_open.position + 1, "looked at")
            approver = Actor("app", "approver", True, "http")
            closed = history.close_override(approver, registry, left_open.position, "looked at")
            assert (closed.closed_by, closed.note) == ("app", "looked at")
            assert history.open_overrides(WRITER, registry, self.NAME) == []
            with pytest.raises(Conflict, match="closed already, by app"):
                history.close_override(approver, registry, left_open.position, "again")
            assert told(registry, "override.closed")[0]["target"] == target

        def test_what_would_have_passed_is_not_marked(self, registry):
            measure(registry, 1, self.NAME, auc=0.9)
            promotions.promote(ADMIN, registry, self.NAME, 1, "Production", force=True, reason="fire")

            assert history.open_overrides(WRITER, registry, self.NAME) == []

        def test_making_others_leave_by_force_is_marked_too(self, registry):
            for version in (1, 2):
                measure(registry, version, self.NAME, auc=0.9)
                promotions.promote(WRITER, registry, self.NAME, version, "Production", False)
            apply(registry, {"tags": ["retired"]}, on=["leave"], policy="stay")

            promotions.promote(ADMIN, registry, self.NAME, 2, "Production", True, force=True, reason="fire")

            assert told(registry, "stage.changed")[-1]["forced"] is True
            (left_open,) = history.open_overrides(WRITER, registry, self.NAME)
            assert (left_open.target, left_open.version) == ("Production", 2)

        def test_transitions_of_stages_are_not_forced(self, registry):
            from modelkeep.registry import stages

            stages.configure(ADMIN, registry, transitions={"None": ["Staging"]})

            with pytest.raises(Invalid, match="lead to Staging, not to Production"):
                promotions.promote(ADMIN, registry, self.NAME, 1, "Production", force=True, reason="fire")


def test_a_run_that_is_edited_later_changes_nothing(actor, registry):
    from modelkeep.registry import metrics, runs

    run = runs.create(actor, registry, experiment_id="0")
    metrics.log(actor, registry, run.id, key="auc", value=0.8, timestamp=1)
    number = register(registry, NAME, run_id=run.id)
    apply(registry)
    metrics.log(actor, registry, run.id, key="auc", value=0.99, timestamp=2)

    with pytest.raises(Refused, match=r"auc is 0.8 \(evidence \d+, run by ann\), below"):
        promotions.promote(WRITER, registry, NAME, number, "Production")


def test_evidence_about_the_bytes_counts_for_every_version_of_them(actor, registry):
    apply(registry)
    number = register(registry, NAME, b"{}")
    again = register(registry, NAME, b"{}")
    evidence.add(CI, registry, "validation", NAME, number, values={"auc": 0.9})

    promotions.promote(WRITER, registry, NAME, again, "Production")
