"""Policies as documents: what each key means, what is refused, and how its rules are put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain import policies
from modelkeep.domain.errors import Invalid
from modelkeep.domain.policies import DELETE, ENTER, LEAVE
from modelkeep.domain.stages import DEFAULT, Stages
from tests.domain.facts import Told

GATE = {"policy": "gate", "models": ["churn-*"], "targets": ["Production"], "rules": [{"pinned": True}]}


def parse(**changed):
    return policies.parse({**GATE, **changed}, DEFAULT)


def test_a_policy_is_read_from_its_document():
    policy = parse(
        description="for the bank", targets=["production", "@champion", "PRODUCTION"], on=["leave", "enter", "leave"],
        rules=[{"pinned": True}, {"tags": "owner"}], follow={"rollback": 'previous of "@champion"', "@back": "previous of staging"},
    )  # fmt: skip

    assert policy.targets == ("Production", "@champion")
    assert policy.moves == (LEAVE, ENTER)
    assert [guard.rule.words for guard in policy.guards] == ["pinned to its files", "tags owner"]
    assert policy.follow == {"rollback": "@champion", "back": "Staging"}
    assert (policy.name, policy.description, policy.allow_unpinned) == ("gate", "for the bank", False)


def test_it_judges_entering_unless_it_says_otherwise():
    assert parse().moves == (ENTER,)
    assert parse(on="delete").moves == (DELETE,)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("churn-*", ["churn-", "churn-eu"], ["churn", "Churn-eu", "x-churn-eu"]),
        ("*", ["a", "ü 1\n"], []),
        ("churn-?", ["churn-1"], ["churn-12"]),
        ("churn-[ab]", ["churn-a"], ["churn-c"]),
        ("a.c", ["a.c"], ["abc"]),
    ],
)
def test_patterns_of_names_are_a_shells(pattern, covered, not_covered):
    policy = parse(models=pattern)

    assert all(policy.covers(name) for name in covered)
    assert not any(policy.covers(name) for name in not_covered)


def test_it_guards_only_the_moves_targets_and_models_it_names():
    policy = parse(on=["leave"])

    assert policy.guards_move("churn-eu", "Production", LEAVE)
    assert not policy.guards_move("churn-eu", "Production", ENTER)
    assert not policy.guards_move("churn-eu", "Staging", LEAVE)
    assert not policy.guards_move("fraud", "Production", LEAVE)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"polcy": 1}, "A policy has no key 'polcy'; it has policy, description, models"),
        ({"policy": None}, "A policy needs a name of letters"),
        ({"policy": "a b"}, "A policy needs a name of letters"),
        ({"policy": "gate\n"}, "A policy needs a name of letters"),
        ({"policy": ["gate"]}, "A policy needs a name of letters"),
        ({"description": 3}, "'description' must be text"),
        ({"description": "\ud800"}, "lone surrogate"),
        ({"models": []}, "'models' must be a list with at least one entry"),
        ({"models": [1]}, "'models' must be patterns of names"),
        ({"models": ["x" * 257]}, "'models' must be patterns of names"),
        ({"models": ["a\0"]}, "NUL character"),
        ({"targets": None}, "'targets' must be a list with at least one entry"),
        ({"targets": ["Canary"]}, "Invalid Model Version stage: Canary"),
        ({"targets": ["@latest"]}, "reserved"),
        ({"targets": ["@"]}, "Missing value for required parameter 'alias'"),
        ({"targets": [{}]}, "a target is a stage such as Production or an alias"),
        ({"targets": ["none"]}, "every version begins in the stage None"),
        ({"on": []}, "'on' must be a list with at least one entry"),
        ({"on": ["entering"]}, "'on' must be a list of enter, leave, delete, got 'entering'"),
        ({"on": [[]]}, "'on' must be a list of enter, leave, delete"),
        ({"rules": None}, "'rules' must be a list of at most 200 rules"),
        ({"rules": [{"pinned": True}] * 201}, "'rules' must be a list of at most 200 rules"),
        ({"rules": []}, "has no rules, so it would let everything pass. If that is meant, call it 'permissive-gate'"),
        (
            {"rules": [{"pinned": True}, {"pinned": True, "on_rollback": 1}]},
            "rule 2: 'on_rollback' must be true or false",
        ),
        ({"rules": [{"on_rollback": True}]}, "rule 1: a rule has exactly one of the keys"),
        ({"allow_unpinned": "yes"}, "'allow_unpinned' must be true or false"),
        ({"follow": []}, "'follow' must be such as"),
        ({"follow": {"rollback": "champion"}}, "'follow' says 'previous of' a target"),
        ({"follow": {"rollback": "previous of @rollback"}}, "cannot follow itself"),
        ({"follow": {"a": "previous of @b", "b": "previous of @c"}}, "'a' cannot follow '@b', which follows another"),
        ({"follow": {"v1": "previous of Production"}}, "reserved"),
        ({"follow": {"rollback": "previous of None"}}, "cannot be guarded or followed"),
    ],
)
def test_what_is_no_policy_is_refused_with_a_sentence(changed, sentence):
    with pytest.raises(Invalid) as refusal:
        parse(**changed)

    assert sentence in refusal.value.message


@pytest.mark.parametrize("document", [None, [], "gate", {1: 2}])
def test_what_is_no_mapping_is_refused(document):
    with pytest.raises(Invalid, match="A policy is a mapping with the keys"):
        policies.parse(document, DEFAULT)


def test_what_is_nested_without_end_is_refused():
    nested: object = {"pinned": True}
    for _ in range(50_000):
        nested = {"not": nested}

    with pytest.raises(Invalid, match="nested more than 30 levels"):
        parse(rules=[nested])


def test_a_policy_that_says_so_in_its_name_may_have_no_rules():
    policy = parse(policy="permissive-dev", rules=[], allow_unpinned=True)

    assert policies.judge(policy, 1, "churn-eu", Told(is_pinned=False), ENTER).passed


def test_every_rule_must_pass_and_each_that_does_not_is_named():
    policy = parse(rules=[{"pinned": True}, {"tags": ["owner"]}, {"intact": True}])

    judgement = policies.judge(policy, 3, "churn-eu", Told(damaged="x"), ENTER)

    assert not judgement.passed
    assert [verdict.outcome for verdict in judgement.refusals] == ["missing", "failed"]
    assert (judgement.policy, judgement.revision, judgement.version) == ("gate", 3, 4)


def test_a_version_without_files_is_refused_unless_the_policy_allows_it():
    rules = [{"tags": ["owner"]}]
    facts = Told(is_pinned=False, tags={"owner": "ann"})

    assert not policies.judge(parse(rules=rules), 1, "m", facts, ENTER).passed
    assert not policies.judge(parse(rules=rules), 1, "m", facts, ENTER, is_rollback=True).passed
    assert policies.judge(parse(rules=rules), 1, "m", facts, LEAVE).passed
    assert policies.judge(parse(rules=rules, allow_unpinned=True), 1, "m", facts, ENTER).passed


def test_a_rollback_is_judged_by_the_rules_that_are_marked_so():
    policy = parse(
        rules=[
            {"tags": ["owner"]}, {"tags": ["ticket"], "on_rollback": True}, {"intact": True},
            {"runs_no_code": True, "on_rollback": False},
        ]
    )  # fmt: skip

    judgement = policies.judge(policy, 1, "m", Told(damaged="x"), ENTER, is_rollback=True)

    assert [verdict.rule for verdict in judgement.verdicts] == ["tags ticket", "no damaged file"]


@pytest.mark.parametrize(
    ("rule", "judged"),
    [
        ({"pinned": True}, True), ({"intact": True}, True), ({"signature": "present"}, True),
        ({"runs_no_code": True}, True), ({"metric": "auc", "at_least": 1}, False), ({"evidence": "scan"}, False),
        ({"tags": ["a"]}, False), ({"not_during": {"from": "Fri 10:00", "until": "Mon 10:00"}}, False),
    ],
)  # fmt: skip
def test_which_rules_a_rollback_has_to_pass_by_default(rule, judged):
    assert parse(rules=[rule]).guards[0].on_rollback is judged


def test_a_policy_may_name_the_stages_that_the_registry_has():
    stages = Stages(("None", "Canary", "Staging", "Production", "Archived"))

    policy = policies.parse({**GATE, "targets": ["canary"], "follow": {"back": "previous of CANARY"}}, stages)

    assert (policy.targets, policy.follow) == (("Canary",), {"back": "Canary"})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["Production", "@a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.one_of(_json, st.fixed_dictionaries({}, optional=dict.fromkeys(GATE, _json))), st.sampled_from(list(GATE)))
def test_whatever_json_says_is_a_policy_or_refused_with_a_sentence(document, key):
    tried = [document, {**GATE, key: document}]
    tried.append({**GATE, **document} if isinstance(document, dict) else [document])
    for each in tried:
        try:
            policy = policies.parse(each, DEFAULT)
        except Invalid as error:
            assert 10 < len(error.message) < 4000
        else:
            assert policy.guards or policy.name.startswith("permissive")
