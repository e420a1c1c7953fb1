"""Filters as SQL, run on a real SQLite file and checked against a reference that knows no SQL."""

import contextlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import hide_prompts, parse
from modelkeep.domain.searching import INTEGER, TEXT, VOCABULARIES
from modelkeep.storage.filters import compile_filter
from tests.storage.library import KEYS, SEARCHES, TEXTS, Row, open_empty

SEEDS = st.integers(1, 6)
NOUNS = st.sampled_from(list(VOCABULARIES))


def search(connection, noun, text, datasets=(), hide=False):
    node = parse(text, VOCABULARIES[noun])
    condition, parameters = compile_filter(hide_prompts(node) if hide else node, noun, datasets)
    return {row[0] for row in connection.execute(f"{SEARCHES[noun].format(keys='')} AND {condition}", parameters)}


# The reference: a filter text together with the rows it is true for ---------------------------------------------


@dataclass
class Said:
    """A piece of filter text and what it means."""

    text: str
    holds: Callable[[Row], bool]


def compare(operator: str, wanted: Any) -> Callable[[Any], bool]:
    if operator in ("LIKE", "ILIKE"):
        pieces = ({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in wanted)
        pattern = re.compile("".join(pieces), re.DOTALL | (re.IGNORECASE | re.ASCII if operator == "ILIKE" else 0))
        return lambda value: pattern.fullmatch(value) is not None
    return {
        "=": lambda value: value == wanted,
        "!=": lambda value: value != wanted,
        "<": lambda value: value < wanted,
        "<=": lambda value: value <= wanted,
        ">": lambda value: value > wanted,
        ">=": lambda value: value >= wanted,
        "IN": lambda value: value in wanted,
        "NOT IN": lambda value: value not in wanted,
    }[operator]


def leaf(chance: random.Random, noun: str) -> Said:
    vocabulary = VOCABULARIES[noun]
    kind = chance.choice(["attribute", "attribute", *vocabulary.kinds, *(["dataset"] if vocabulary.datasets else [])])
    prefix = chance.choice([each for each, meant in vocabulary.prefixes.items() if meant == kind])
    if kind == "attribute":
        spelling, term = chance.choice(list(vocabulary.attributes.items()))
        name = f"`{spelling}`" if " " in spelling else spelling
        name = chance.choice([name, f"{prefix}.{name}"])
        values = attribute_values(term.name, noun)
    elif kind == "dataset":
        key, term = chance.choice(list(vocabulary.datasets.items()))
        name = f"{prefix}.{key}"
        values = lambda row: [dataset[key] for dataset in row.datasets if key in dataset]  # noqa: E731
    else:
        key, term = chance.choice(KEYS), vocabulary.kinds[kind]
        name = f"{prefix}.`{key}`" if " " in key or chance.random() < 0.3 else f"{prefix}.{key}"
        values = linked_values(kind, key)
    operator = chance.choice(term.operators)
    written = chance.choice([operator, operator.lower()])
    if operator.endswith("NULL"):
        is_null = operator == "IS NULL"
        return Said(f"{name} {written}", lambda row: (values(row) == []) is is_null)
    if operator.endswith("IN"):
        wanted = [constant(chance, term.type) for _ in range(chance.randint(1, 4))]
        text = f"{name} {written} ({', '.join(quote(chance, each) for each in wanted)})"
        test = compare(operator, tuple(wanted))
    else:
        one = pattern(chance) if operator.endswith("LIKE") else constant(chance, term.type)
        space = " " if operator.isalpha() else chance.choice(["", " ", "\n"])
        text = f"{name}{space}{written}{space}{quote(chance, one)}"
        test = compare(operator, one)
    return Said(text, lambda row: any(test(value) for value in values(row)))


def attribute_values(name: str, noun: str) -> Callable[[Row], list[Any]]:
    if name == "alias":
        return lambda row: row.aliases
    if name == "current_stage" and noun == "models":
        return lambda row: row.stages
    return lambda row: [] if row.attributes[name] is None else [row.attributes[name]]


def linked_values(kind: str, key: str) -> Callable[[Row], list[Any]]:
    if kind == "metric":
        return lambda row: [metric.value for metric in row.metrics if metric.key == key]
    if kind == "param":
        return lambda row: [row.params[key]] if key in row.params else []
    return lambda row: [row.tags[key]] if key in row.tags else []


def constant(chance: random.Random, type_: str) -> str | int | float:
    if type_ == TEXT:
        return chance.choice(
            [*TEXTS, "champion", "Production", "None", "FAILED_REGISTRATION", "FINISHED", "LOGGED_MODEL_READY", "r01"]
        )
    return chance.choice([-1, 0, 1, 2, 3] if type_ == INTEGER else [-1, 0, 0.5, 1, 2, 3, 1e300])


def pattern(chance: random.Random) -> str:
    return "".join(
        chance.choice(["%", "_", "a", "A", "é", "*", "?", "[", "]", "b", "%"]) for _ in range(chance.randint(0, 4))
    )


def quote(chance: random.Random, value: str | int | float) -> str:
    if not isinstance(value, str):
        return repr(value)
    mark = chance.choice("'\"")
    return mark + value.replace(mark, mark * 2) + mark


def filter_of(chance: random.Random, noun: str, depth: int) -> Said:
    alternatives = [conjunction(chance, noun, depth) for _ in range(chance.choice([1, 1, 2]))]
    word = chance.choice([" OR ", " or "])
    return Said(
        word.join(each.text for each in alternatives), lambda row: any(each.holds(row) for each in alternatives)
    )


def conjunction(chance: random.Random, noun: str, depth: int) -> Said:
    parts = [atom(chance, noun, depth) for _ in range(chance.choice([1, 1, 2, 3]))]
    word = chance.choice([" AND ", " and ", " AND AND ", " "])
    return Said(word.join(each.text for each in parts), lambda row: all(each.holds(row) for each in parts))


def atom(chance: random.Random, noun: str, depth: int) -> Said:
    choice = chance.random()
    if depth and choice < 0.2:
        inner = filter_of(chance, noun, depth - 1)
        return Said(f"({inner.text})", inner.holds)
    if depth and choice < 0.4:
        denied = atom(chance, noun, depth - 1)
        return Said(f"NOT {denied.text}", lambda row: not denied.holds(row))
    return leaf(chance, noun)


@settings(max_examples=600)
@given(SEEDS, NOUNS, st.integers(0, 2**32))
def test_sql_finds_what_the_filter_says(libraries, seed, noun, chance):
    library = libraries(seed)
    said = filter_of(random.Random(chance), noun, depth=2)
    assert search(library.connection, noun, said.text) == {row.id for row in library.rows[noun] if said.holds(row)}


@pytest.mark.parametrize("noun", VOCABULARIES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_word_of_a_vocabulary_with_every_operator_finds_what_it_says(libraries, noun, seed):
    library = libraries(seed)
    chance = random.Random(seed)
    for _ in range(300):
        said = leaf(chance, noun)
        expected = {row.id for row in library.rows[noun] if said.holds(row)}
        assert search(library.connection, noun, said.text) == expected, said.text
        assert (
            search(library.connection, noun, f"NOT ({said.text})") == {row.id for row in library.rows[noun]} - expected
        )


WORDS = """
    name version_number metrics.k params.`a b` tags.k alias current_stage start_time dataset.name AND OR NOT ( ) ,
    'a' "%" 1 -1.5 1e999 = != <= > LIKE ILIKE IN ('a') (1,2) IS NULL 'a\0' 99999999999999999999 é
"""
GARBAGE = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)


@settings(max_examples=400)
@given(NOUNS, GARBAGE)
def test_what_is_not_refused_runs(libraries, noun, text):
    with contextlib.suppress(Invalid):
        search(libraries(1).connection, noun, text)


# What the reference cannot show ---------------------------------------------------------------------------------


@pytest.mark.parametrize("case_sensitive", ["ON", "OFF"])
def test_like_sees_case_and_ilike_does_not_whatever_the_connection_says(tmp_path, case_sensitive):
    connection = open_empty(tmp_path / "modelkeep.db")
    connection.pragma("case_sensitive_like", case_sensitive)
    for number, name in enumerate(["Churn", "churn", "CHURN*", "ÉTÉ", "été"], 1):
        connection.execute(
            "INSERT INTO models (id, name, creation_timestamp, last_updated_timestamp) VALUES (?, ?, 0, 0)",
            (number, name),
        )
    assert search(connection, "models", "name LIKE 'Chur_'") == {1}
    assert search(connection, "models", "name LIKE '%*'") == {3}
    assert search(connection, "models", "name ILIKE 'chur_'") == {1, 2}
    # Letters outside ASCII keep their case, as in MLflow on SQLite.
    assert search(connection, "models", "name ILIKE 'ÉtÉ'") == {4}


def test_not_equal_needs_the_tag_and_not_does_not(libraries):
    library = libraries(1)
    with_tag = {row.id for row in library.rows["runs"] if "k" in row.tags}
    everything = {row.id for row in library.rows["runs"]}
    assert search(library.connection, "runs", "tags.k != 'nobody'") == with_tag
    assert search(library.connection, "runs", "NOT tags.k = 'nobody'") == everything > with_tag


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("wanted", [["None"], ["Archived"], ["None", "Archived"]])
def test_versions_in_no_stage_are_found_like_those_in_one(libraries, seed, wanted):
    library = libraries(seed)
    expected = {row.id for row in library.rows["versions"] if row.attributes["current_stage"] in wanted}
    values = ", ".join(f"'{stage}'" for stage in wanted)
    assert expected
    assert search(library.connection, "versions", f"current_stage IN ({values.lower()})") == expected


def test_nan_differs_from_every_number_and_is_nothing_else(libraries):
    library = libraries(2)
    rows = library.rows["runs"]
    nan = {row.id for row in rows for metric in row.metrics if metric.key == "k" and metric.value != metric.value}
    assert nan
    assert nan <= search(library.connection, "runs", "metrics.k != 0")
    assert not nan & search(library.connection, "runs", "metrics.k >= 0 OR metrics.k < 0")
    assert nan <= search(library.connection, "runs", "metrics.k IS NOT NULL")


def test_a_row_is_found_once_however_many_tags_match(libraries):
    connection = libraries(1).connection
    condition, parameters = compile_filter(
        parse("tags.k IS NOT NULL OR tags.loss IS NOT NULL", VOCABULARIES["runs"]), "runs"
    )
    found = connection.execute(f"{SEARCHES['runs'].format(keys='')} AND {condition}", parameters).fetchall()
    assert len(found) == len(set(found))


@pytest.mark.parametrize("datasets", [[("a", None)], [("a", "d2")], [("x", "d1"), ("a", "d1")]])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_metrics_of_logged_models_can_be_limited_to_datasets(libraries, seed, datasets):
    library = libraries(seed)

    def on_them(metric):
        return any(metric.dataset[0] == name and digest in (None, metric.dataset[1]) for name, digest in datasets)

    rows = library.rows["logged_models"]
    high = {row.id for row in rows if any(m.key == "k" and m.value > 0 and on_them(m) for m in row.metrics)}
    measured = {row.id for row in rows if any(on_them(metric) for metric in row.metrics)}
    assert search(library.connection, "logged_models", "metrics.k > 0", datasets) == high
    assert search(library.connection, "logged_models", None, datasets) == measured
    assert search(library.connection, "logged_models", "NOT name = 'nobody'", datasets) == measured


def test_prompts_are_found_only_by_those_who_ask(tmp_path):
    connection = open_empty(tmp_path / "modelkeep.db")
    for number, prompt in enumerate(["true", "false", None], 1):
        connection.execute(
            "INSERT INTO models (id, name, creation_timestamp, last_updated_timestamp) VALUES (?, ?, 0, 0)",
            (number, f"m{number}"),
        )
        if prompt:
            connection.execute("INSERT INTO model_tags VALUES (?, 'mlflow.prompt.is_prompt', ?)", (number, prompt))
    found = {
        text: search(connection, "models", text, hide=True)
        for text in (
            None,
            "name LIKE 'm%'",
            "tags.mlflow.prompt.is_prompt = 'true'",
            "tags.mlflow.prompt.is_prompt != 'true'",
            "tags.mlflow.prompt.is_prompt = 'false'",
            "name = 'm1' OR tags.mlflow.prompt.is_prompt = 'false'",
            "NOT tags.mlflow.prompt.is_prompt = 'false'",
        )
    }
    assert list(found.values()) == [{2, 3}, {2, 3}, {1}, {2, 3}, {2, 3}, {2, 3}, {1}]


def test_the_largest_filter_runs(libraries):
    connection = libraries(1).connection
    values = ",".join(f"'{number}'" for number in range(1000))
    assert search(connection, "models", f"name IN ({values}) OR tags.k NOT IN ({values})") is not None
    leaves = " OR ".join(f"NOT (tags.k LIKE '{'%a' * 20}' AND alias = 'x')" for _ in range(50))
    assert search(connection, "versions", leaves) == {row.id for row in libraries(1).rows["versions"]}
    assert search(connection, "models", "NOT (" * 24 + "name = 'nobody'" + ")" * 24) == set()
    assert search(connection, "models", f"name LIKE '{'*日' * 500}'") == set()


def test_no_filter_is_true():
    assert compile_filter(None, "models") == ("TRUE", {})
