"""Rules: what each says when the facts are for it, against it, or missing, and which mappings are no rule."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from modelkeep.domain.errors import Invalid
from modelkeep.domain.formats import Column, Format, Signature
from modelkeep.domain.rules import parsing
from modelkeep.domain.rules.parsing import KINDS
from modelkeep.domain.stages import Stages
from tests.domain.facts import DAY, NOW, Told, found


def rule(text):
    return parsing.parse(yaml.safe_load("{" + text + "}"), "rule 1")


def judged(text, **facts):
    return rule(text).judge(Told(**facts))


def auc(value, number=4, **other):
    return {(number, "auc"): [found(number, value, **other)]}


def both(mine, theirs, **other):
    return auc(mine) | auc(theirs, 3, **other)


def signed(kind="double", **inputs):
    columns = {name: Column(of, True) for name, of in inputs.items()} or {"age": Column(kind, True)}
    return Format(("sklearn",), Signature(columns, {"prediction": Column("double", True)}, {}), None)


UNSIGNED = Format(("sklearn",), None, "the flavor sklearn is a pickle")
REPORT = found(7, passed=True, kind="scan")
OLD = found(9, 0.99, creation_timestamp=NOW - 40 * DAY)

# Each rule, the facts, what it says, and a piece of the sentence.
CASES = [
    ("metric: auc, at_least: 0.85", {"metrics": auc(0.85)}, "passed", "auc is 0.85 (evidence 4, validation on holdout"),
    ("metric: auc, at_least: 0.85", {"metrics": auc(0.8499999)}, "failed", "auc is 0.8499999 (evidence 4, validation on"),
    ("metric: auc, at_least: 0.85", {"metrics": auc(0.8)}, "failed", "below 0.85"),
    ("metric: auc, at_least: 0.85", {}, "missing", "no evidence with the metric auc about these bytes"),
    ("metric: auc, at_least: 0.85", {"metrics": auc(None)}, "missing", "no evidence with the metric auc"),
    ("metric: loss, at_most: 2", {"metrics": {(4, "loss"): [found(1, 2.0)]}}, "passed", "loss is 2"),
    ("metric: loss, at_most: 2", {"metrics": {(4, "loss"): [found(1, 2.1)]}}, "failed", "above 2"),
    ("metric: auc, between: [0.8, 0.9]", {"metrics": auc(0.9)}, "passed", "auc is 0.9"),
    ("metric: auc, between: [0.8, 0.9]", {"metrics": auc(0.79)}, "failed", "below 0.8"),
    ("metric: auc, between: [0.8, 0.9]", {"metrics": auc(0.91)}, "failed", "above 0.9"),
    ("metric: auc, at_least: 0, from: [ci]", {"metrics": auc(1, producer="eve")}, "missing", "auc from ci about"),
    ("metric: auc, at_least: 0, from: [eve, ci]", {"metrics": auc(1)}, "passed", "by ci"),
    ("metric: auc, at_least: 0, max_age: 30d", {"metrics": {(4, "auc"): [OLD]}}, "missing", "not older than 30 days"),
    ("metric: auc, at_least: 0, max_age: 41d", {"metrics": {(4, "auc"): [OLD]}}, "passed", "auc is 0.99"),
    ("metric: auc, at_least: 0, dataset: other", {"metrics": auc(1)}, "missing", "on the dataset other"),
    ("metric: auc, at_least: 0, evidence_kind: scan", {"metrics": auc(1)}, "missing", "in scan evidence"),
    ("metric: auc, no_worse_than: holder, when_absent: refuse", {"metrics": both(0.9, 0.9)}, "passed", "has 0.9 on the"),
    ("metric: auc, no_worse_than: holder, when_absent: refuse", {"metrics": both(0.8, 0.9)}, "failed", "better by 0.1"),
    ("metric: auc, no_worse_than: holder, tolerance: 0.01, when_absent: refuse", {"metrics": both(0.91, 0.92)}, "passed", "0.92"),
    ("metric: auc, no_worse_than: holder, tolerance: 0.01, when_absent: refuse", {"metrics": both(0.909, 0.92)}, "failed", "0.011"),
    ("metric: auc, no_worse_than: holder, better: lower, when_absent: pass", {"metrics": both(0.8, 0.9)}, "passed", "0.9"),
    ("metric: auc, no_worse_than: holder, better: lower, when_absent: pass", {"metrics": both(0.9, 0.8)}, "failed", "0.1"),
    ("metric: auc, no_worse_than: holder, when_absent: pass", {"metrics": auc(0.1), "holder": None}, "passed", "nobody holds Production"),
    ("metric: auc, no_worse_than: holder, when_absent: refuse", {"metrics": auc(0.1), "holder": None}, "missing", "nobody holds Production"),
    ("metric: auc, no_worse_than: holder, when_absent: pass", {"metrics": auc(0.1)}, "passed", "version 3 has no evidence"),
    ("metric: auc, no_worse_than: holder, when_absent: refuse", {"metrics": auc(0.1)}, "missing", "version 3 has no evidence"),
    ("metric: auc, no_worse_than: holder, when_absent: pass", {"holder": None}, "missing", "no evidence with the metric"),
    ("metric: auc, no_worse_than: holder, when_absent: refuse", {"metrics": both(0.8, 0.9, dataset_digest="d2")}, "missing", "same dataset"),
    ("metric: auc, no_worse_than: holder, when_absent: pass", {"metrics": auc(0.8, dataset_digest=None)}, "missing", "no dataset digest"),
    ("metric: auc, no_worse_than: holder, max_age: 2d, when_absent: refuse", {"metrics": both(0.9, 0.8, creation_timestamp=0)}, "passed", "0.8"),
    ('metric: auc, no_worse_than: "@champion", when_absent: refuse', {"metrics": both(0.8, 0.9), "holders": {"@champion": 3}}, "failed", "0.9"),
    ('metric: auc, no_worse_than: "@champion", when_absent: refuse', {"metrics": both(0.8, 0.9)}, "missing", "nobody holds @champion"),
    ("metric: auc, no_worse_than: staging, when_absent: refuse", {"metrics": both(0.8, 0.9), "holders": {"Staging": 3}}, "failed", "0.9"),
    ("metric: auc, at_least: 0.85, no_worse_than: holder, when_absent: pass", {"metrics": auc(0.8), "holder": None}, "failed", "below 0.85"),
    ("evidence: scan", {"reports": [REPORT]}, "passed", "evidence 7, scan on holdout by ci says that it passed"),
    ("evidence: scan", {"reports": [REPORT, found(8, passed=False, kind="scan")]}, "failed", "says that it did not pass"),
    ("evidence: scan", {"reports": [found(8, kind="scan")]}, "missing", "does not say whether it passed"),
    ("evidence: scan, from: [risk]", {"reports": [REPORT]}, "missing", "scan evidence passed from risk"),
    ("evidence: scan, max_age: 12h", {"reports": [REPORT]}, "missing", "not older than 12 hours"),
    ("evidence: scan, dataset: other", {"reports": [REPORT]}, "missing", "on the dataset other"),
    ("dataset_recorded: true", {"reports": [REPORT]}, "passed", "the dataset holdout (d1) is in evidence 7"),
    ("dataset_recorded: true", {"reports": [found(8, dataset_digest=None)]}, "missing", "no evidence about these bytes names"),
    ("tags: [owner]", {"tags": {"owner": "ann"}}, "passed", "has them"),
    ("tags: [owner, ticket]", {"tags": {"owner": "ann", "ticket": " "}}, "missing", "no tag ticket"),
    ('tags: {risk: low}', {"tags": {"risk": "low"}}, "passed", "has them"),
    ('tags: {risk: low}', {"tags": {"risk": "high"}}, "failed", "its tag risk is 'high' and not 'low'"),
    ('tags: {risk: low}', {}, "missing", "no tag risk"),
    ("description: true", {"description": "x"}, "passed", "has 1 characters"),
    ("description: 20", {"description": "short"}, "failed", "has 5 characters"),
    ("description: present", {"description": "  "}, "missing", "has no description"),
    ("signature: present", {"formats": {4: signed()}}, "passed", "it has one"),
    ("signature: present", {"formats": {4: UNSIGNED}}, "missing", "no signature"),
    ("signature: same", {"formats": {4: signed(), 3: signed()}}, "passed", "the signatures are the same"),
    ("signature: same", {"formats": {4: signed(), 3: signed("float")}}, "failed", "the input age was float and is double"),
    ("signature: compatible", {"formats": {4: signed(), 3: signed("float")}}, "passed", "was float and is double"),
    ("signature: compatible", {"formats": {4: signed("float"), 3: signed()}}, "failed", "was double and is float"),
    ("signature: compatible", {"formats": {4: signed()}}, "passed", "version 3, which it replaces, has no signature"),
    ("signature: compatible", {"formats": {4: signed()}, "holder": None}, "passed", "it replaces none"),
    ("signature: compatible", {"formats": {3: signed()}}, "missing", "no signature"),
    ("held: Staging, for: 2d", {"times": {"Staging": 2 * DAY}}, "passed", "it held Staging for 2 days"),
    ("held: staging, for: 2d", {"times": {"Staging": 2 * DAY - 1000}}, "failed", "1 day 23 hours 59 minutes 59 seconds"),
    ('held: "@challenger", for: 2d', {}, "missing", "it has never held @challenger"),
    ("pinned: true", {}, "passed", "it is"),
    ("pinned: true", {"is_pinned": False}, "missing", "it has no files here"),
    ("intact: true", {}, "passed", "as far as is known"),
    ("intact: true", {"damaged": "a/b"}, "failed", "the bytes of 'a/b' are damaged"),
    ("runs_no_code: true", {"formats": {4: signed()}}, "passed", "its flavors are sklearn"),
    ("runs_no_code: true", {"formats": {4: UNSIGNED}}, "failed", "a pickle"),
    ("runs_no_code: true", {}, "missing", "no MLmodel file"),
    ("not_during: [{from: 2026-12-20, until: 2027-01-04}]", {}, "failed", "nothing moves from 2026-12-20 until"),
    ("not_during: [{from: 2025-12-20, until: 2026-01-04}]", {}, "passed", "no such window is open"),
    ("not_during: {from: Thu 00:00, until: Fri 00:00}", {}, "failed", "nothing moves from Thu 00:00 until Fri 00:00"),
    ("all: [{pinned: true}, {tags: [owner]}]", {"tags": {"owner": "x"}}, "passed", "it is; "),
    ("all: [{pinned: true}, {tags: [owner]}]", {}, "missing", "no tag owner"),
    ("all: [{intact: true}, {tags: [owner]}]", {"damaged": "x"}, "failed", "are damaged"),
    ("any: [{tags: [owner]}, {pinned: true}]", {}, "passed", "pinned to its files: it is"),
    ("any: [{tags: [owner]}, {intact: true}]", {"damaged": "x"}, "missing", "no tag owner"),
    ("any: [{description: 9}, {intact: true}]", {"damaged": "x", "description": "?"}, "failed", "are damaged"),
    ('not: {tags: {experimental: "yes"}}', {}, "passed", "no tag experimental"),
    ('not: {tags: {experimental: "yes"}}', {"tags": {"experimental": "no"}}, "passed", "and not 'yes'"),
    ('not: {tags: {experimental: "yes"}}', {"tags": {"experimental": "yes"}}, "failed", "has them"),
    ("not: {held: Archived, for: 1s}", {}, "passed", "it has never held Archived"),
    ("not: {held: Archived, for: 1s}", {"times": {"Archived": 5000}}, "failed", "5 seconds"),
    ("not: {metric: auc, at_least: 0.9}", {}, "missing", "no evidence with the metric"),
    ("not: {metric: auc, at_least: 0.9}", {"metrics": auc(0.8)}, "passed", "below 0.9"),
    ("not: {evidence: scan}", {"reports": [found(1, kind="scan")]}, "missing", "does not say"),
    ("not: {not: {tags: [owner]}}", {}, "failed", "no tag owner"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "facts", "outcome", "piece"), CASES)
def test_a_rule_says_what_the_facts_say_and_why(text, facts, outcome, piece):
    verdict = judged(text, **facts)

    assert (verdict.outcome, piece in verdict.reason) == (outcome, True), verdict.reason
    assert verdict.rule == rule(text).words


def test_every_kind_of_rule_is_judged_here_with_each_outcome_it_has():
    outcomes = {kind: {case[2] for case in CASES if case[0].startswith(f"{kind}:")} for kind in KINDS}

    without = {"dataset_recorded": {"failed"}, "pinned": {"failed"}, "intact": {"missing"}, "not_during": {"missing"}}
    assert outcomes == {kind: {"passed", "failed", "missing"} - without.get(kind, set()) for kind in KINDS}


def test_a_verdict_names_the_evidence_and_the_value_it_relied_on():
    verdict = judged("metric: auc, no_worse_than: holder, when_absent: refuse", metrics=both(0.9, 0.8))

    assert (verdict.measured, verdict.evidence) == (0.9, (4, 3))
    assert judged("all: [{metric: auc, at_least: 0}, {evidence: scan}]", metrics=auc(1), reports=[REPORT]).evidence == (
        4,
        7,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_each_kind_is_a_rule_of_it(kind):
    parsed = rule(KINDS[kind].example)

    assert type(parsed) is KINDS[kind]
    assert parsed.words
    assert parsed.judge(Told()).reason


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (None, "a rule is a mapping such as"),
        ([], "a rule is a mapping such as"),
        ({1: 2}, "a rule is a mapping such as"),
        ({}, "exactly one of the keys"),
        ({"metrics": "auc"}, "exactly one of the keys"),
        ({"pinned": True, "intact": True}, "this has pinned, intact"),
        ({"metric": "auc"}, "needs one of at_least, at_most, between and no_worse_than"),
        ({"metric": 3, "at_least": 1}, "'metric' must be a text"),
        ({"metric": " ", "at_least": 1}, "'metric' must be a text"),
        ({"metric": "a\0b", "at_least": 1}, "NUL character"),
        ({"metric": "a\ud800", "at_least": 1}, "lone surrogate"),
        ({"metric": "auc", "at_least": None}, "'at_least' has no value"),
        ({"metric": "auc", "at_least": 1, "from": None}, "'from' has no value"),
        ({"metric": "auc", "at_least": 1, "max_age": None}, "'max_age' has no value"),
        ({"metric": "auc", "at_least": "0.8"}, "'at_least' must be a finite number, got '0.8'"),
        ({"metric": "auc", "at_least": True}, "'at_least' must be a finite number, got True"),
        ({"metric": "auc", "at_least": math.nan}, "'at_least' must be a finite number, got nan"),
        ({"metric": "auc", "at_least": 10**400}, "'at_least' must be a finite number"),
        ({"metric": "auc", "at_least": 10**5000}, "'at_least' must be a finite number, got a int too large to show"),
        ({"metric": "auc", "between": [1]}, "'between' must be a list of two numbers"),
        ({"metric": "auc", "between": [1, "x"]}, "'between' must be a finite number"),
        ({"metric": "auc", "between": [2, 1]}, "nothing is at least 2 and at most 1"),
        ({"metric": "auc", "between": [1, 2], "at_least": 1}, "'between' says both bounds"),
        ({"metric": "auc", "at_least": 2, "at_most": 1}, "nothing is at least 2 and at most 1"),
        ({"metric": "auc", "no_worse_than": "holder"}, "'when_absent' must be one of pass, refuse; it is missing"),
        ({"metric": "auc", "no_worse_than": "holder", "when_absent": "maybe"}, "got 'maybe'"),
        ({"metric": "auc", "no_worse_than": "champion", "when_absent": "pass"}, "An alias is written \"@champion\""),
        ({"metric": "auc", "no_worse_than": "@a b", "when_absent": "pass"}, "Invalid alias"),
        ({"metric": "auc", "no_worse_than": ["x"], "when_absent": "pass"}, "must be text"),
        ({"metric": "auc", "no_worse_than": "holder", "when_absent": "pass", "tolerance": -1}, "must be at least 0, got -1"),
        ({"metric": "auc", "no_worse_than": "holder", "when_absent": "pass", "better": "more"}, "must be one of higher, lower"),
        ({"metric": "auc", "at_least": 1, "tolerance": 1}, "'tolerance' belongs to 'no_worse_than'"),
        ({"metric": "auc", "at_least": 1, "when_absent": "pass"}, "'when_absent' belongs to 'no_worse_than'"),
        ({"metric": "auc", "at_least": 1, "atleast": 1}, "has no option 'atleast'; it has at_least, at_most"),
        ({"metric": "auc", "at_least": 1, "from": []}, "'from' must be a name or a list of names"),
        ({"metric": "auc", "at_least": 1, "from": [""]}, "'from' must be a name or a list of names"),
        ({"metric": "auc", "at_least": 1, "from": ["\0"]}, "NUL character"),
        ({"metric": "auc", "at_least": 1, "max_age": "30"}, "'max_age' must be a length of time such as 90s"),
        ({"metric": "auc", "at_least": 1, "max_age": "0d"}, "'max_age' must be a length of time"),
        ({"evidence": ""}, "'evidence' must be a text"),
        ({"evidence": "scan", "at_least": 1}, "has no option 'at_least'; it has from, dataset, max_age"),
        ({"dataset_recorded": False}, "is written 'dataset_recorded: true'"),
        ({"tags": []}, "'tags' must be a list of tag keys"),
        ({"tags": {}}, "'tags' must be a list of tag keys"),
        ({"tags": [1]}, "'tags' must be a list of tag keys"),
        ({"tags": {"a": True}}, "the value of the tag 'a' must be text"),
        ({"tags": {"a": ""}}, "The value of the tag 'a' is empty"),
        ({"tags": ["a\0"]}, "NUL character"),
        ({"description": 0}, "'description' must be true or the least number"),
        ({"description": 1.5}, "'description' must be true or the least number"),
        ({"signature": "wide"}, "'signature' must be one of present, same, compatible; got 'wide'"),
        ({"signature": ["same"]}, "'signature' must be one of present, same, compatible"),
        ({"held": "Canary", "for": "1d"}, "Invalid Model Version stage: Canary"),
        ({"held": "Staging"}, "'for' must be a length of time"),
        ({"held": "@latest", "for": "1d"}, "reserved"),
        ({"pinned": "yes"}, "is written 'pinned: true'"),
        ({"intact": 1}, "is written 'intact: true'"),
        ({"runs_no_code": False}, "is written 'runs_no_code: true'"),
        ({"not_during": []}, "'not_during' must be a list of windows"),
        ({"not_during": "Fri"}, "'not_during' must be a list of windows"),
        ({"all": []}, "'all' must be a list of rules"),
        ({"any": {"pinned": True}}, "'any' must be a list of rules"),
        ({"all": [{"pinned": True}, {"x": 1}]}, "rule 1, all 2: a rule has exactly one of the keys"),
        ({"all": [{"pinned": True, "on_rollback": True}]}, "has no option 'on_rollback'; it has none"),
        ({"not": []}, "rule 1, not: a rule is a mapping"),
        ({"not": None}, "'not' has no value"),
    ],
)  # fmt: skip
def test_what_is_no_rule_is_refused_with_a_sentence_that_says_where(given, sentence):
    with pytest.raises(Invalid) as refusal:
        parsing.parse(given, "rule 1")

    assert refusal.value.message.startswith("rule 1")
    assert sentence in refusal.value.message


def test_a_rule_may_name_the_stages_that_the_registry_has():
    stages = Stages(("None", "Staging", "Canary", "Production", "Archived"))

    assert parsing.parse({"held": "CANARY", "for": "1d"}, "x", stages).words == "held Canary for at least 1 day"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["auc", "holder", "pass", "1d", "@champion", "Staging", "present", "Fri 10:00", "2026-12-20"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            [*KINDS, "at_least", "between", "no_worse_than", "when_absent", "tolerance", "from", "until", "max_age", "for"]
        )
        | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_json)
def test_whatever_json_says_is_a_rule_or_refused_with_a_sentence(document):
    try:
        parsed = parsing.parse(document, "rule 1")
    except Invalid as error:
        assert error.message.startswith("rule 1")
        assert len(error.message) < 3000
    else:
        assert parsed.words
        assert parsed.judge(Told()).outcome in ("passed", "failed", "missing")


_numbers = st.floats(-1e300, 1e300)


def _passes(given, **facts):
    return parsing.parse(given, "x").judge(Told(**facts)).outcome == "passed"


@given(_numbers, _numbers, _numbers)
def test_a_stricter_bound_lets_nothing_pass_that_a_milder_one_refuses(value, one, other):
    mild, strict = sorted((one, other))
    facts = {"metrics": auc(value)}

    if _passes({"metric": "auc", "at_least": strict}, **facts):
        assert _passes({"metric": "auc", "at_least": mild}, **facts)
    if _passes({"metric": "auc", "at_most": mild}, **facts):
        assert _passes({"metric": "auc", "at_most": strict}, **facts)


@given(_numbers, _numbers, st.lists(_numbers, min_size=4, max_size=4))
def test_a_wider_range_holds_what_a_narrower_one_does(value, theirs, bounds):
    low, inner_low, inner_high, high = sorted(bounds)
    facts = {"metrics": auc(value)}

    if _passes({"metric": "auc", "between": [inner_low, inner_high]}, **facts):
        assert _passes({"metric": "auc", "between": [low, high]}, **facts)


@given(_numbers, _numbers, _numbers, st.floats(0, 1e300), st.floats(0, 1e300), st.sampled_from(["higher", "lower"]))
def test_a_better_value_or_more_tolerance_never_turns_a_pass_into_a_refusal(one, other, theirs, some, more, better):
    worse, good = sorted((one, other), reverse=better == "lower")
    strict, mild = sorted((some, more))
    wanted = {"metric": "auc", "no_worse_than": "holder", "better": better, "when_absent": "refuse"}
    assume(abs(worse) < 1e299 or worse == good)

    if _passes({**wanted, "tolerance": strict}, metrics=both(worse, theirs)):
        assert _passes({**wanted, "tolerance": mild}, metrics=both(worse, theirs))
        assert _passes({**wanted, "tolerance": strict}, metrics=both(good, theirs))


@given(st.integers(0, 10**12), st.integers(1, 10**6), st.integers(1, 10**6))
def test_less_time_and_more_age_are_easier(age, one, other):
    short, long = sorted((one, other))

    if _passes({"held": "Staging", "for": f"{long}s"}, times={"Staging": age}):
        assert _passes({"held": "Staging", "for": f"{short}s"}, times={"Staging": age})
    measured = {"metrics": auc(1, creation_timestamp=NOW - age)}
    if _passes({"metric": "auc", "at_least": 0, "max_age": f"{short}s"}, **measured):
        assert _passes({"metric": "auc", "at_least": 0, "max_age": f"{long}s"}, **measured)
