"""Applying policies, looking at them, and what they say of what stands already."""

from __future__ import annotations

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied, Refused
from modelkeep.registry import evidence, opening, policies, promotions, stages
from tests.registry.gating import ADMIN, CI, NAME, WRITER, apply, measure, stock, told

DOCUMENT = {"policy": "gate", "models": ["churn*"], "targets": ["Production"], "rules": [{"pinned": True}]}


def test_each_change_of_a_policy_is_a_revision_and_an_event(registry):
    first = policies.apply(ADMIN, registry, DOCUMENT)
    second = policies.apply(ADMIN, registry, {**DOCUMENT, "description": "strict"})

    assert [first.revision, second.revision] == [1, 2]
    assert policies.all_applied(WRITER, registry) == [second]
    assert policies.history(WRITER, registry, "gate") == [second, first]
    assert policies.get(WRITER, registry, "gate") == second
    assert policies.get(WRITER, registry, "gate", 1) == first
    assert [each["document"] for each in told(registry, "policy.applied")] == [first.document, second.document]
    assert (first.author, first.verified, first.document) == ("ann", True, DOCUMENT)


def test_applying_what_is_applied_changes_nothing(registry):
    first = policies.apply(ADMIN, registry, DOCUMENT)

    assert policies.apply(ADMIN, registry, dict(DOCUMENT)) == first
    assert len(told(registry, "policy.applied")) == 1


def test_a_retired_policy_guards_no_more_and_can_be_applied_again(registry):
    stock(registry, 1)
    apply(registry)
    policies.retire(ADMIN, registry, "gate")

    promotions.promote(WRITER, registry, NAME, 1, "Production")
    assert policies.all_applied(WRITER, registry) == []
    with pytest.raises(NotFound, match="no policy 'gate' in force"):
        policies.get(WRITER, registry, "gate")
    with pytest.raises(NotFound):
        policies.retire(ADMIN, registry, "gate")
    assert policies.history(WRITER, registry, "gate")[0].document is None
    assert apply(registry).revision == 3
    with pytest.raises(Refused):
        promotions.promote(WRITER, registry, NAME, 1, "@champion")


def test_it_takes_the_permission_to_govern(registry, reader):
    for actor in (reader, WRITER, Actor("app", "approver", True, "http")):
        for call, argument in ((policies.apply, DOCUMENT), (policies.retire, "gate")):
            with pytest.raises(PermissionDenied, match="needs the role admin"):
                call(actor, registry, argument)
    assert policies.lint(reader, registry, DOCUMENT).name == "gate"
    assert told(registry, "policy") == []


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (None, "Missing value for required parameter 'document'"),
        ({}, "A policy needs a name"),
        ({**DOCUMENT, "rules": []}, "it would let everything pass"),
        ({**DOCUMENT, "targets": ["Canary"]}, "Invalid Model Version stage"),
        ({**DOCUMENT, "description": "x" * 70_000}, "bytes; at most 65,536 are allowed"),
        ({**DOCUMENT, "description": "\ud800"}, "lone surrogate"),
        ({**DOCUMENT, "rules": [{"metric": "a", "at_least": 10**400}]}, "must be a finite number"),
        ({**DOCUMENT, "description": object()}, "'description' must be text"),
        ({**DOCUMENT, "follow": {"champion": "previous of Staging"}, "targets": ["@champion"]}, "cannot guard it"),
    ],
)
def test_what_is_no_policy_is_refused_by_lint_and_by_apply_alike(registry, document, sentence):
    for call in (policies.lint, policies.apply):
        with pytest.raises(Invalid) as refusal:
            call(ADMIN, registry, document)
        assert sentence in refusal.value.message
    assert told(registry, "policy") == []


def test_policies_may_not_contradict_each_other_about_what_follows(registry):
    policies.apply(ADMIN, registry, {**DOCUMENT, "follow": {"rollback": "previous of @champion"}})

    for changed, sentence in (
        ({"targets": ["@rollback"]}, "The alias 'rollback' is kept by the registry"),
        ({"follow": {"rollback": "previous of Production"}}, "say different things of 'rollback'"),
        ({"follow": {"champion": "previous of Production"}}, "cannot follow '@champion', which follows another"),
        ({"follow": {"before": "previous of @rollback"}}, "cannot follow '@rollback', which follows another"),
    ):
        with pytest.raises(Invalid, match=sentence):
            policies.apply(ADMIN, registry, {**DOCUMENT, "policy": "other", **changed})
    policies.apply(ADMIN, registry, {**DOCUMENT, "policy": "other", "follow": {"rollback": "previous of @champion"}})


def test_what_stands_stays_and_is_shown_as_refused_today(registry):
    stock(registry, 2)
    measure(registry, 2, auc=0.9)
    for number in (1, 2):
        promotions.transition(WRITER, registry, NAME, number, "Production")
    promotions.promote(WRITER, registry, NAME, 2, "@champion")
    apply(registry)

    found = {(each.target, each.version): each for each in policies.standing(WRITER, registry, NAME)}

    assert {key: each.passes for key, each in found.items()} == {
        ("Production", 1): False, ("Production", 2): True, ("@champion", 2): True,
    }  # fmt: skip
    assert "no evidence with the metric auc" in (found["Production", 1].message or "")
    assert found["Production", 2].message is None


def test_what_is_not_there_is_not_found(registry):
    for call, argument in (
        (policies.get, "x"),
        (policies.history, "x"),
        (policies.retire, "x"),
        (policies.standing, "x"),
    ):
        with pytest.raises(NotFound):
            call(ADMIN, registry, argument)
    policies.apply(ADMIN, registry, DOCUMENT)
    with pytest.raises(NotFound, match="no revision 2"):
        policies.get(WRITER, registry, "gate", 2)


def test_another_process_that_has_the_registry_open_obeys_at_once(registry, database):
    stock(registry, 1)
    other = opening.open_registry(registry.folder, database=database)
    try:
        promotions.promote(WRITER, other, NAME, 1, "Staging")
        apply(registry)

        with pytest.raises(Refused):
            promotions.promote(WRITER, other, NAME, 1, "Production")
        stages.configure(ADMIN, registry, ["None", "Staging", "Canary", "Production", "Archived"])
        assert promotions.promote(WRITER, other, NAME, 1, "canary").current_stage == "Canary"
    finally:
        opening.close(other)


def test_a_batch_obeys_a_policy_from_the_moment_it_is_applied_until_it_is_retired(registry):
    stock(registry, 1)

    def promote() -> None:
        promotions.promote(WRITER, registry, NAME, 1, "Production")
        promotions.promote(WRITER, registry, NAME, 1, "Archived")

    with registry.database.write():
        promote()
        apply(registry)
        with pytest.raises(Refused):
            promote()
        policies.retire(ADMIN, registry, "gate")
        promote()
        stages.configure(ADMIN, registry, ["None", "Staging", "Canary", "Production", "Archived"])
        assert promotions.promote(WRITER, registry, NAME, 1, "canary").current_stage == "Canary"
        apply(registry)
    with pytest.raises(Refused):
        promote()


def test_what_an_undone_change_applied_does_not_guard(registry):
    stock(registry, 1)

    class Undone(Exception):
        pass

    with registry.database.write():
        with pytest.raises(Undone), registry.database.write():
            apply(registry)
            with pytest.raises(Refused):
                promotions.promote(WRITER, registry, NAME, 1, "Production")
            raise Undone
        assert promotions.promote(WRITER, registry, NAME, 1, "Production").current_stage == "Production"
    with pytest.raises(Undone), registry.database.write():
        apply(registry)
        raise Undone
    assert promotions.promote(WRITER, registry, NAME, 1, "@champion").aliases == ["champion"]


def test_what_an_undone_change_retired_guards_on(registry):
    stock(registry, 1)
    apply(registry)

    class Undone(Exception):
        pass

    with registry.database.write():
        with pytest.raises(Undone), registry.database.write():
            policies.retire(ADMIN, registry, "gate")
            promotions.promote(WRITER, registry, NAME, 1, "Production")
            raise Undone
        with pytest.raises(Refused):
            promotions.promote(WRITER, registry, NAME, 1, "Production")


def test_a_dataset_whose_digest_is_a_star_is_not_every_dataset(registry):
    stock(registry, 2)
    for number, digest in ((1, "d1"), (2, "*")):
        evidence.add(
            CI, registry, "validation", NAME, number, values={"auc": 0.9}, dataset_name="holdout", dataset_digest=digest
        )
    promotions.promote(WRITER, registry, NAME, 1, "Production")
    apply(registry, {"metric": "auc", "no_worse_than": "holder", "when_absent": "refuse"})

    with pytest.raises(Refused, match="no evidence with auc on the same dataset"):
        promotions.promote(WRITER, registry, NAME, 2, "Production")
