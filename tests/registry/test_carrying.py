"""No way around a gate through what a model or a version carries with it: names, deletions, aliases, copies, imports."""

from __future__ import annotations

import pytest

from modelkeep.domain.errors import Conflict, Refused
from modelkeep.domain.imports import Alias
from modelkeep.domain.imports import Model as ImportedModel
from modelkeep.domain.imports import Version as ImportedVersion
from modelkeep.domain.tags import Tag
from modelkeep.registry import aliases, events, imports, manifests, models, promotions, runs, stages, versions
from tests.registry.gating import (
    ADMIN,
    NAME,
    WRITER,
    apply,
    measure,
    mlmodel,
    point,
    pointed,
    stage_of,
    stages_of,
    stock,
    told,
)
from tests.registry.storing import store

ORIGIN = "http://mlflow.example.com"


class TestRenaming:
    @pytest.fixture(autouse=True)
    def unguarded(self, registry):
        stock(registry, 2, "scratch")
        apply(registry)
        promotions.promote(WRITER, registry, "scratch", 1, "Production")
        point(registry, "champion", 2, "scratch")
        point(registry, "other", 1, "scratch")

    def test_into_a_guarded_name_what_holds_a_target_must_pass(self, registry):
        position = events.last_position(ADMIN, registry)
        with pytest.raises(Refused) as refusal:
            models.rename(WRITER, registry, "scratch", NAME)

        assert "Version 1 of 'churn' may not enter Production" in refusal.value.message
        assert "Version 2 of 'churn' may not enter @champion" in refusal.value.message
        assert models.get(ADMIN, registry, "scratch").name == "scratch"
        assert [each.kind for each in events.page(ADMIN, registry, after=position)] == ["promotion.refused"] * 2

        for number in (1, 2):
            measure(registry, number, "scratch", auc=0.9)
        models.rename(WRITER, registry, "scratch", NAME)

    def test_from_one_name_to_another_under_the_same_policy_nothing_is_judged(self, registry):
        apply(registry, models=["churn*", "scratch*"])

        models.rename(WRITER, registry, "scratch", "scratch-2")

    def test_in_between_is_no_way_in(self, registry):
        stock(registry, 1)
        models.rename(WRITER, registry, NAME, "aside")
        promotions.promote(WRITER, registry, "aside", 1, "Production")

        with pytest.raises(Refused):
            models.rename(WRITER, registry, "aside", NAME)

    def test_out_of_a_name_whose_policy_guards_leaving(self, registry):
        apply(registry, {"tags": ["retired"]}, models=["scratch"], on=["leave"], policy="stay")

        with pytest.raises(Refused, match="Version 1 of 'scratch' may not leave Production"):
            models.rename(WRITER, registry, "scratch", "elsewhere")


class TestDeletingAndRestoring:
    @pytest.fixture(autouse=True)
    def three(self, registry):
        stock(registry, 3)

    def test_what_would_be_refused_today_comes_back_out_of_its_targets(self, registry):
        promotions.promote(WRITER, registry, NAME, 1, "Production")
        promotions.promote(WRITER, registry, NAME, 2, "Staging")
        point(registry, "champion", 2)
        point(registry, "other", 2)
        models.delete(WRITER, registry, NAME)
        apply(registry)

        models.restore(WRITER, registry, NAME)

        assert stages_of(registry, 2) == ["None", "Staging"]
        assert (pointed(registry, "champion"), pointed(registry, "other")) == (None, 2)
        cleared = [*told(registry, "stage.changed")[-1:], *told(registry, "alias.moved")[-1:]]
        assert {each["cause"] for each in cleared} == {"model restored, refused by a policy"}

    def test_what_passes_stays(self, registry):
        apply(registry)
        measure(registry, 1, auc=0.9)
        promotions.promote(WRITER, registry, NAME, 1, "Production")
        models.delete(WRITER, registry, NAME)

        models.restore(WRITER, registry, NAME)

        assert stage_of(registry, 1) == "Production"

    def test_a_model_made_again_under_the_name_is_guarded(self, registry):
        apply(registry)
        models.delete(WRITER, registry, NAME)
        stock(registry, 1)

        with pytest.raises(Refused):
            promotions.promote(WRITER, registry, NAME, 1, "Production")

    def test_a_restored_version_holds_nothing(self, registry):
        promotions.promote(WRITER, registry, NAME, 1, "Production")
        point(registry, "champion", 1)
        versions.delete(WRITER, registry, NAME, 1)
        apply(registry)

        versions.restore(WRITER, registry, NAME, 1)

        assert (stage_of(registry, 1), pointed(registry, "champion")) == ("None", None)
        with pytest.raises(Refused):
            point(registry, "champion", 1)

    def test_an_alias_deleted_and_made_again_is_guarded(self, registry):
        point(registry, "champion", 1)
        apply(registry)
        aliases.delete(WRITER, registry, NAME, "champion")

        with pytest.raises(Refused):
            point(registry, "champion", 1)


def test_a_copy_holds_nothing_and_has_the_evidence_of_its_bytes(registry):
    stock(registry, 1, "scratch")
    models.create(ADMIN, registry, NAME)
    promotions.promote(WRITER, registry, "scratch", 1, "Production")
    apply(registry)

    copy = versions.register(WRITER, registry, NAME, "models:/scratch/1")
    assert (copy.current_stage, copy.aliases) == ("None", [])
    with pytest.raises(Refused):
        promotions.promote(WRITER, registry, NAME, copy.number, "Production")

    measure(registry, 1, "scratch", auc=0.9)
    promotions.promote(WRITER, registry, NAME, copy.number, "Production")


def test_no_bytes_come_under_a_version_where_it_is_guarded(registry):
    models.create(ADMIN, registry, NAME)
    run = runs.create(ADMIN, registry, experiment_id="0")
    versions.register(WRITER, registry, NAME, f"runs:/{run.id}/model", run.id)
    point(registry, "champion", 1)
    apply(registry)
    store(registry, f"{run.artifact_uri.removeprefix('mlflow-artifacts:/')}/model/MLmodel", mlmodel("x"))

    with pytest.raises(Conflict, match="Version 1 of 'churn' holds @champion, which a policy guards"):
        manifests.pin(WRITER, registry, NAME, 1)
    aliases.delete(WRITER, registry, NAME, "champion")
    manifests.pin(WRITER, registry, NAME, 1)


def test_tags_that_are_edited_later_move_nothing(registry):
    stock(registry, 1)
    apply(registry, {"tags": ["owner"]})
    versions.set_tag(WRITER, registry, NAME, 1, "owner", "ann")
    promotions.promote(WRITER, registry, NAME, 1, "Production")

    versions.delete_tag(WRITER, registry, NAME, 1, "owner")

    assert stage_of(registry, 1) == "Production"


class TestImporting:
    def bring(self, registry, *numbers, fingerprint="1", stage="Production", alias=None, tags=(), model=NAME):
        records = [
            ImportedVersion(
                number=number, source=f"s3://bucket/{number}", current_stage=stage, status="READY", creation_timestamp=1,
                last_updated_timestamp=2, fingerprint=fingerprint, tags=list(tags),
            )
            for number in numbers
        ]  # fmt: skip
        record = ImportedModel(
            name=model, creation_timestamp=1, last_updated_timestamp=2, fingerprint=fingerprint, versions=records,
            aliases=[Alias("champion", alias)] if alias else [],
        )  # fmt: skip
        return imports.bring_models(ADMIN, registry, ORIGIN, [record])

    def test_a_target_that_a_policy_refuses_is_left_out_and_told(self, registry):
        apply(registry)

        results = self.bring(registry, 1, alias=1)

        said = " ".join(each.message or "" for each in results)
        assert "The stage was left out. Version 1 of 'churn' may not enter Production" in said
        assert "The alias 'champion' was left out. Version 1 of 'churn' may not enter @champion" in said
        assert (stage_of(registry, 1), pointed(registry, "champion")) == ("None", None)

    def test_what_a_policy_lets_pass_comes_and_says_so(self, registry):
        apply(registry, {"tags": ["owner"]}, allow_unpinned=True)

        self.bring(registry, 1, alias=1, tags=[Tag("owner", "ann")])

        assert (stage_of(registry, 1), pointed(registry, "champion")) == ("Production", 1)
        assert all(each["policies"][0]["policy"] == "gate" for each in told(registry, "stage.changed", "alias.moved"))

    def test_a_version_is_judged_as_it_will_be(self, registry):
        apply(registry, {"tags": ["owner"]}, allow_unpinned=True)
        self.bring(registry, 1, stage="None", tags=[Tag("owner", "ann")])

        self.bring(registry, 1, fingerprint="2")
        assert stage_of(registry, 1) == "None"
        self.bring(registry, 1, fingerprint="3", tags=[Tag("owner", "ann")])
        assert stage_of(registry, 1) == "Production"

    def test_what_may_not_leave_stays(self, registry):
        self.bring(registry, 1, 2, alias=1)
        apply(registry, {"tags": ["retired"]}, on=["leave"], allow_unpinned=True)

        results = self.bring(registry, 1, 2, fingerprint="2", stage="Archived", alias=2)

        assert stages_of(registry, 2) == ["Production", "Production"]
        assert pointed(registry, "champion") == 1
        assert "Version 1 of 'churn' may not leave @champion" in " ".join(each.message or "" for each in results)

    def test_the_transitions_of_this_registry_bind_it(self, registry):
        stages.configure(ADMIN, registry, transitions={"None": ["Staging"]})

        results = self.bring(registry, 1)

        assert stage_of(registry, 1) == "None"
        assert any("do not lead from None to Production" in (each.message or "") for each in results)
