"""The filter language, read into trees."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.domain import filters
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import And, Comparison, Not, Or, hide_prompts, mentions_prompts, parse
from modelkeep.domain.models import PROMPT_TAG
from modelkeep.domain.searching import (
    EXPERIMENTS,
    LOGGED_MODELS,
    MODELS,
    RUNS,
    VERSIONS,
    VOCABULARIES,
    page_size,
)

NAME_A = Comparison("attribute", "name", "=", "a")
NAME_B = Comparison("attribute", "name", "=", "b")
NAME_C = Comparison("attribute", "name", "=", "c")


def refusal(text, vocabulary=VERSIONS):
    with pytest.raises(Invalid) as refused:
        parse(text, vocabulary)
    return refused.value.message


@pytest.mark.parametrize("text", [None, "", "AND", "and AND"])
def test_an_empty_filter_is_no_filter(text):
    assert parse(text, MODELS) is None


def test_a_blank_filter_is_refused_as_in_mlflow():
    assert "expected a comparison" in refusal("  ")


@pytest.mark.parametrize(
    "text",
    [
        "name='a' AND name='b'",
        "name = 'a' and\n\tname = 'b'",
        "AND name='a' AND AND name='b' AND",
        "name='a' name='b'",
        "name='a'AND name='b'",
        "(name='a') AND (name='b')",
    ],
)
def test_mlflow_joins_comparisons_with_and_or_with_nothing(text):
    assert parse(text, MODELS) == And((NAME_A, NAME_B))


def test_and_binds_closer_than_or_and_not_closest():
    parsed = parse("NOT name='a' AND name='b' OR name='c'", MODELS)
    assert parsed == Or((And((Not(NAME_A), NAME_B)), NAME_C))


def test_parentheses_group():
    assert parse("name='a' AND (name='b' OR name='c')", MODELS) == And((NAME_A, Or((NAME_B, NAME_C))))


@pytest.mark.parametrize(
    ("text", "vocabulary", "kind", "key"),
    [
        ("tag.x='v'", MODELS, "tag", "x"),
        ("tags.x='v'", EXPERIMENTS, "tag", "x"),
        ("tags.`a b`='v'", MODELS, "tag", "a b"),
        ("tags.\"a b\"='v'", MODELS, "tag", "a b"),
        ("tags.'a b'='v'", MODELS, "tag", "a b"),
        ("tags.mlflow.source.name='v'", RUNS, "tag", "mlflow.source.name"),
        ("tags.a/b-c:d='v'", RUNS, "tag", "a/b-c:d"),
        ("tags.1='v'", RUNS, "tag", "1"),
        ("tags.and='v'", RUNS, "tag", "and"),
        ("tags.`odd``key`='v'", RUNS, "tag", "odd`key"),
        ("`tags`.x='v'", RUNS, "tag", "x"),
        ("parameters.x='v'", RUNS, "param", "x"),
        ("params.x='v'", VERSIONS, "param", "x"),
        ("attribute.name='v'", MODELS, "attribute", "name"),
        ("attributes.name='v'", LOGGED_MODELS, "attribute", "name"),
        ("run.run_name='v'", RUNS, "attribute", "run_name"),
        ("attr.`Run Name`='v'", RUNS, "attribute", "run_name"),
        ("\"run_name\"='v'", RUNS, "attribute", "run_name"),
        ("source='v'", VERSIONS, "attribute", "source_path"),
        ("aliases='v'", VERSIONS, "attribute", "alias"),
        ("datasets.context='v'", RUNS, "dataset", "context"),
    ],
)
def test_a_name_may_be_written_in_every_way_mlflow_knows(text, vocabulary, kind, key):
    assert parse(text, vocabulary) == Comparison(kind, key, "=", "v")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name='it''s'", "it's"),
        ('name="it\'s"', "it's"),
        ('name="say ""hi"""', 'say "hi"'),
        (r"name='a\'", "a\\"),
        ("name=''", ""),
        ("name=' é\n'", " é\n"),
    ],
)
def test_a_quote_is_escaped_by_doubling_it(text, value):
    assert parse(text, MODELS) == Comparison("attribute", "name", "=", value)


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("tags.x != 'v'", "!=", "v"),
        ("tags.x <> 'v'", "!=", "v"),
        ("tags.x == 'v'", "=", "v"),
        ("tags.x like 'v%'", "LIKE", "v%"),
        ("tags.x iLike 'v%'", "ILIKE", "v%"),
        ("tags.x in('v')", "IN", ("v",)),
        ("tags.x NOT  in ('v', \"w\",)", "NOT IN", ("v", "w")),
        ("tags.x is null", "IS NULL", None),
        ("tags.x IS  not\nNULL", "IS NOT NULL", None),
    ],
)
def test_operators_are_read_in_any_case(text, operator, value):
    assert parse(text, MODELS) == Comparison("tag", "x", operator, value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1.0), ("-.5", -0.5), ("+2.", 2.0), ("1e5", 1e5), ("9007199254740993", 2.0**53), ("1e999", float("inf"))],
)
def test_a_metric_is_compared_with_a_floating_point_number(text, value):
    parsed = parse(f"metrics.m >= {text}", RUNS)
    assert parsed == Comparison("metric", "m", ">=", value)
    assert isinstance(parsed.value, float)


@pytest.mark.parametrize("text", ["5", "'5'", '"05"', "+5", "' 5 '"])
def test_an_integer_may_be_quoted(text):
    assert parse(f"version_number = {text}", VERSIONS) == Comparison("attribute", "version_number", "=", 5)


def test_a_time_of_a_run_may_have_a_fraction():
    assert parse("start_time > 1.5", RUNS) == Comparison("attribute", "start_time", ">", 1.5)


def test_the_four_stages_are_read_in_any_case_and_other_words_as_they_stand():
    parsed = parse("current_stage IN ('production', 'ARCHIVED', 'none', 'Blue')", VERSIONS)
    assert parsed.value == ("Production", "Archived", "None", "Blue")


def test_a_logged_models_status_may_be_written_short():
    assert parse("status = 'READY'", LOGGED_MODELS) == parse("status = 'LOGGED_MODEL_READY'", LOGGED_MODELS)


def test_logged_models_take_text_without_quotes_as_mlflow_does():
    parsed = parse("params.lr = 0.01 AND name = abc", LOGGED_MODELS)
    assert parsed == And((Comparison("param", "lr", "=", "0.01"), Comparison("attribute", "name", "=", "abc")))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = 5", "character 8: name is compared with a text between quotes"),
        ("name = abc", "found 'abc'"),
        ("name", "name can be compared with =, !=, IN, NOT IN, LIKE, ILIKE, found the end"),
        ("name < 'a'", "found '<'"),
        ("name NOT LIKE 'a'", "found 'NOT LIKE'"),
        ("name IS 'a'", "expected NULL or NOT NULL after IS"),
        ("name IS NULL", "found 'IS NULL'"),
        ("name IN 'a'", "expected a list such as ('a', 'b')"),
        ("name IN ()", "found ')'"),
        ("name IN ('a' 'b')", "expected ',' or ')'"),
        ("name = 'a", "the quote ' is never closed"),
        ("name = 'a';", "the character ';' has no meaning here"),
        ("name = 'a' -- b", "'-- b' is neither a name nor a number"),
        ("name = 'a')", "this ')' closes nothing"),
        ("(name = 'a'", "character 1: this '(' is never closed"),
        ("(name = 'a' AND)", "expected a comparison"),
        ("name = 'a' OR", "found the end"),
        ("NOT", "expected a comparison"),
        ("'a' = name", "expected a comparison"),
        ("owner = 'a'", "there is no attribute 'owner' of model versions; the attributes are name, version_number"),
        ("Name = 'a'", "there is no attribute 'Name'"),
        ("label.x = 'a'", "there is no prefix 'label'"),
        ("version = 1.5", "version is compared with an integer of 64 bits, found '1.5'"),
        ("version = 'x'", "found \"'x'\""),
        ("version > 9223372036854775808", "integer of 64 bits"),
        ("version = '" + "9" * 5000 + "'", "integer of 64 bits"),
        ("metrics.a > '1'", "metrics.a is compared with a number of 64 bits without quotes"),
        ("metrics.a > nan", "found 'nan'"),
        ("metrics.a > 1and name = 'a'", "neither a name nor a number"),
        ("name = 'a\0'", "NUL"),
        ("name = '\ud800'", "lone surrogate"),
    ],
)
def test_a_wrong_filter_is_refused_with_the_place_and_what_is_allowed(text, says):
    assert says in refusal(text)


@pytest.mark.parametrize("text", ["start_time > '1'", "dataset.colour = 'a'", "experiment_id = '1'"])
def test_runs_refuse_what_mlflow_refuses(text):
    refusal(text, RUNS)


def test_the_message_names_the_parameter_of_the_call():
    with pytest.raises(Invalid, match=r"^Parameter 'filter_string' is wrong at character 1:"):
        parse("x", RUNS, "filter_string")


def test_a_filter_that_is_not_text_is_refused():
    assert "must be text" in refusal(["name = 'a'"])


def test_a_hundred_comparisons_are_allowed_and_one_more_is_not():
    allowed = " OR ".join(["name='a'"] * 100)
    assert len(parse(allowed, MODELS).children) == 100
    assert "100 comparisons" in refusal(allowed + " OR name='a'")


def test_a_thousand_values_are_allowed_and_one_more_is_not():
    values = ["'a'"] * 1000
    assert len(parse(f"name IN ({','.join(values)})", MODELS).value) == 1000
    assert "1,000 values" in refusal(f"name IN ({','.join([*values, 'b'])})")


def test_a_pattern_has_at_most_a_thousand_characters():
    assert parse(f"name LIKE '{'a' * 1000}'", MODELS)
    assert "1,001" in refusal(f"name LIKE '{'a' * 1001}'")


def test_sixteen_kibibytes_are_allowed_and_one_byte_more_is_not():
    fits = "name = '" + "é" * 8187 + "a'"
    assert len(fits.encode()) == 16_384
    assert parse(fits, MODELS)
    assert "16,384" in refusal(fits.replace("a'", "aa'"))


@pytest.mark.parametrize("opening", ["(", "NOT ", "NOT ("])
def test_nesting_has_a_bound(opening):
    assert "50 deep" in refusal(opening * 2000)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("piece", ["'", '"', "`", "''", "a.", "a.`", "a.``", "1", "1.", "1e", "(", ")", "AND ", "- "])
@pytest.mark.parametrize("end", ["", "'", " x"])
def test_a_long_repetition_is_refused_quickly(piece, end):
    text = (piece * (16_000 // len(piece))) + end
    if text.replace("AND", "").strip():
        refusal(text)


WORDS = """
    name version metrics.m params.`a b` tags.x alias current_stage AND OR NOT IN IS NULL LIKE ILIKE ( ) , ' " ` ''
    'a' "b" 1 -1.5 1e9 . ; = != <= > \0 é metrics. tags.` 99999999999999999999
"""
PIECES = st.sampled_from(WORDS.split())


@settings(max_examples=250)
@given(
    st.sampled_from(list(VOCABULARIES.values())),
    st.one_of(
        st.text(max_size=60), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)
    ),
)
def test_any_text_is_a_filter_or_refused_with_a_sentence(vocabulary, text):
    try:
        parse(text, vocabulary)
    except Invalid as refused:
        assert refused.message.endswith(".")
        assert len(refused.message) < 600


IS_PROMPT = Comparison("tag", PROMPT_TAG, "=", "true")


@pytest.mark.parametrize("text", [None, "name='a'", "tags.other='true'", f"tags.`{PROMPT_TAG}` != 'true'"])
def test_prompts_are_hidden_unless_asked_for(text):
    node = parse(text, MODELS)
    assert not mentions_prompts(node)
    hidden = hide_prompts(node)
    assert hidden == Not(IS_PROMPT) or Not(IS_PROMPT) in hidden.children


@pytest.mark.parametrize(
    "condition", ["= 'true'", "!= 'false'", "IN ('true')", "LIKE 'tr%'", "IS NOT NULL", "= 'true' OR name='a'"]
)
def test_a_filter_on_the_prompt_tag_asks_for_prompts(condition):
    node = parse(f"tags.`{PROMPT_TAG}` {condition}", MODELS)
    assert mentions_prompts(node)
    assert hide_prompts(node) == node


def test_not_a_prompt_means_the_same_for_models_without_the_tag():
    negated = parse(f"NOT tags.`{PROMPT_TAG}` = 'false'", MODELS)
    assert mentions_prompts(negated)
    assert hide_prompts(negated) == Not(Not(IS_PROMPT))


def test_a_page_has_the_size_asked_for_within_mlflows_bounds():
    assert page_size(None, MODELS) == 100
    assert page_size(1000, MODELS) == 1000
    assert page_size(None, VERSIONS) == 200_000
    assert page_size(0, LOGGED_MODELS) == 50


@pytest.mark.parametrize("size", [0, -1, 1001, True, 1.0, "5"])
def test_another_page_size_is_refused(size):
    with pytest.raises(Invalid, match="from 1 to 1000"):
        page_size(size, MODELS)


def test_the_limits_are_the_documented_ones():
    assert (filters.LEAVES, filters.VALUES, filters.DEPTH) == (100, 1000, 50)
