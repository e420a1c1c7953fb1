"""Stages: which names may be stages, and which may follow which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain import stages, targets
from modelkeep.domain.errors import Invalid

FIVE = ["None", "Staging", "Canary", "Production", "Archived"]


def test_without_a_document_there_are_mlflows_four_and_each_may_follow_each():
    assert stages.parse({}) == stages.DEFAULT
    assert all(stages.DEFAULT.allows(before, after) for before in stages.STAGES for after in stages.STAGES)


def test_stages_beyond_the_four_are_active_and_found_in_any_case():
    found = stages.parse({"stages": FIVE})

    assert found.canonical("cANARY") == "Canary"
    assert found.active == ("Staging", "Canary", "Production")


def test_transitions_bind_only_the_stages_that_have_some():
    found = stages.parse({"stages": FIVE, "transitions": {"canary": ["production", "Archived"], "Archived": []}})

    assert found.allows("Canary", "Production")
    assert not found.allows("Canary", "Staging")
    assert not found.allows("Archived", "None")
    assert found.allows("None", "Production")


def test_a_document_says_all_that_the_stages_are():
    found = stages.parse({"stages": FIVE, "transitions": {"Canary": ["Production"]}})

    assert stages.parse(found.document) == found


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (None, "The stages are described by"),
        ({"names": []}, "The stages are described by"),
        ({"stages": "Canary"}, "'stages' must be a list of at most 50 names"),
        ({"stages": ["S"] * 51}, "'stages' must be a list of at most 50 names"),
        ({"stages": ["None"]}, "'Staging' is missing"),
        ({"stages": ["none", "Staging", "Production", "Archived"]}, "'None' is missing"),
        ({"stages": [*FIVE, "CANARY"]}, "differ only in case"),
        ({"stages": [*FIVE, "Canary"]}, "or are the same"),
        ({"stages": [*FIVE, "latest"]}, "A stage cannot be called 'latest'"),
        ({"stages": [*FIVE, "v3"]}, "A stage cannot be called 'v3'"),
        ({"stages": [*FIVE, "3"]}, "A stage cannot be called '3'"),
        ({"stages": [*FIVE, "@champion"]}, "A stage cannot be called '@champion'"),
        ({"stages": [*FIVE, "a/b"]}, "A stage cannot be called 'a/b'"),
        ({"stages": [*FIVE, "Blue "]}, "A stage cannot be called 'Blue '"),
        ({"stages": [*FIVE, "Blue\n"]}, "A stage cannot be called 'Blue\\n'"),
        ({"stages": [*FIVE, ""]}, "A stage cannot be called ''"),
        ({"stages": [*FIVE, None]}, "A stage cannot be called None"),
        ({"stages": [*FIVE, "x" * 65]}, "at most 64"),
        ({"transitions": ["None"]}, "'transitions' must name the stages"),
        ({"transitions": {"None": "Staging"}}, "What follows 'None' must be a list of stages"),
        ({"transitions": {"Canary": []}}, "Invalid Model Version stage: Canary"),
        ({"transitions": {"None": ["Canary"]}}, "Invalid Model Version stage: Canary"),
        ({"transitions": {"None": [3]}}, "Invalid Model Version stage: 3"),
        ({"transitions": {"None": [], "none": ["Staging"]}}, "What follows None is said twice"),
    ],
)
def test_what_cannot_be_stages_is_refused(document, sentence):
    with pytest.raises(Invalid) as refusal:
        stages.parse(document)

    assert sentence in refusal.value.message


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(FIVE),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(FIVE) | st.text(max_size=3), inner),
    max_leaves=8,
)


@given(_json, _json)
def test_whatever_json_says_is_stages_or_refused(names, transitions):
    for document in (names, {"stages": names, "transitions": transitions}, {"transitions": transitions}):
        try:
            found = stages.parse(document)
        except Invalid as error:
            assert len(error.message) > 10
        else:
            assert set(stages.STAGES) <= set(found.names)


@pytest.mark.parametrize(("given", "target"), [("PRODUCTION", "Production"), ("@champion", "@champion")])
def test_a_target_is_a_stage_or_an_alias(given, target):
    assert targets.check(given, stages.DEFAULT) == target


@pytest.mark.parametrize("given", [None, "", 3, "champion", "@", "@@x", "@a b", "@latest", "@v2", "Prod\0", "@a\0"])
def test_what_is_neither_is_refused(given):
    with pytest.raises(Invalid):
        targets.check(given, stages.DEFAULT)
