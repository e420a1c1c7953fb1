"""Orders as SQL: pages walk through a real database exactly as the reference sorts the rows."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelkeep.domain import pages
from modelkeep.domain.errors import Invalid
from modelkeep.domain.filters import parse
from modelkeep.domain.ordering import parse_logged_model_order, parse_order
from modelkeep.domain.searching import VOCABULARIES, Order
from modelkeep.storage.filters import compile_filter
from modelkeep.storage.ordering import compile_order
from tests.storage.library import KEYS, SEARCHES, open_empty

# What mlflow-compatible searches sort by when nothing is asked for, and what always decides in the end.
DEFAULTS = {
    "models": [("name", True)],
    "versions": [("last_updated_timestamp", False), ("name", True), ("version_number", False)],
    "experiments": [("creation_time", False), ("experiment_id", True)],
    "runs": [("start_time", False), ("run_id", True)],
    "logged_models": [("creation_timestamp", False), ("model_id", True)],
}
TIE_BREAKS = {
    **DEFAULTS,
    "versions": [("name", True), ("version_number", False)],
    "experiments": [("experiment_id", False)],
}


def walk(connection, noun, orders, size, filter_text=None):
    """The ids of a search, page by page, each page reached through a token."""
    node = parse(filter_text, VOCABULARIES[noun])
    order = compile_order(orders, noun, node)
    condition, parameters = compile_filter(node, noun)
    binding = pages.bind(noun, node, orders)
    columns, tables = SEARCHES[noun].removeprefix("SELECT ").split("{keys} ")
    found, after, key = [], "TRUE", {}
    while True:
        rows = connection.execute(
            order.page(columns, 1, f"{tables} AND {condition} AND {after}"),
            {**parameters, **order.parameters, **key, "limit": size},
        ).fetchall()
        found += [row[0] for row in rows]
        if len(rows) < size:
            return found
        after, key = order.after(pages.decode(pages.encode(rows[-1][1:], binding), binding))


def sorted_rows(rows, asked, noun):
    """The reference: one stable sort for each key, the last first; NaN and then missing values at the end."""
    named = {order.key for order in asked if order.kind == "attribute"}
    ends = [Order("attribute", key, up) for key, up in (TIE_BREAKS if asked else DEFAULTS)[noun] if key not in named]
    for order in reversed([*asked, *ends]):
        present, nan, missing = [], [], []
        for row in rows:
            value = value_of(row, order)
            is_nan = isinstance(value, float) and math.isnan(value)
            (missing if value is None else nan if is_nan else present).append((value, row))
        present.sort(key=lambda pair: pair[0], reverse=not order.ascending)
        rows = [row for _, row in (*present, *nan, *missing)]
    return [row.id for row in rows]


def value_of(row, order):
    if order.kind == "attribute":
        return row.attributes[order.key]
    if order.kind == "metric":
        measured = [
            metric
            for metric in row.metrics
            if metric.key == order.key
            and all(wanted in (None, has) for wanted, has in zip(order.dataset, metric.dataset, strict=True))
        ]
        newest = min(measured, key=lambda m: (-m.timestamp, -m.step, m.run_id, m.dataset), default=None)
        return newest and newest.value
    return (row.tags if order.kind == "tag" else row.params).get(order.key)


def some_order(chance, noun):
    vocabulary = VOCABULARIES[noun]
    kinds = ["metric"] if noun == "logged_models" else list(vocabulary.kinds)
    names = [
        *(each for each, term in vocabulary.attributes.items() if term.sortable and " " not in each),
        *(f"{kind}s.{key}" for kind in kinds for key in KEYS),
    ]
    chosen = chance.sample(names, chance.randint(0, 3))
    directions = [chance.choice(["", " ASC", " desc"]) for _ in chosen]
    if noun != "logged_models":
        quoted = [f"{name.replace('.', '.`', 1)}`" if "." in name else name for name in chosen]
        return parse_order([name + way for name, way in zip(quoted, directions, strict=True)], vocabulary)
    dataset = chance.choice([{}, {"dataset_name": "a"}, {"dataset_name": "a", "dataset_digest": "d2"}])
    return parse_logged_model_order(
        [
            {"field_name": name, "ascending": way != " desc", **(dataset if "." in name else {})}
            for name, way in zip(chosen, directions, strict=True)
        ]
    )


@settings(max_examples=500)
@given(st.integers(1, 6), st.sampled_from(list(VOCABULARIES)), st.integers(0, 2**32), st.integers(1, 5))
def test_pages_walk_every_row_once_in_mlflows_order(libraries, seed, noun, chance, size):
    library = libraries(seed)
    try:
        orders = some_order(random.Random(chance), noun)
    except Invalid:  # two names of one attribute were drawn
        return
    assert walk(library.connection, noun, orders, size) == sorted_rows(library.rows[noun], list(orders), noun)


@pytest.mark.parametrize("noun", VOCABULARIES)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_default_order_is_mlflows(libraries, noun, seed):
    library = libraries(seed)
    orders = parse_order(None, VOCABULARIES[noun])
    assert walk(library.connection, noun, orders, 2) == sorted_rows(library.rows[noun], [], noun)


@pytest.mark.parametrize("order_by", [None, ["name"], ["version_number"], ["name DESC", "current_stage"]])
@pytest.mark.parametrize(
    "filter_text", ["name = '{name}'", "name = '{name}' AND NOT tags.k = 'a'", "(name = '{name}')"]
)
def test_a_filter_on_one_name_gives_the_same_order_without_sorting_by_name(libraries, order_by, filter_text):
    library = libraries(1)
    orders = parse_order(order_by, VOCABULARIES["versions"])
    for model in library.rows["models"]:
        text = filter_text.format(name=model.attributes["name"].replace("'", "''"))
        found = walk(library.connection, "versions", orders, 1, text)
        assert "m.name" not in compile_order(orders, "versions", parse(text, VOCABULARIES["versions"])).order_by_sql
        everything = walk(library.connection, "versions", orders, 100)
        assert found == [each for each in everything if each in found]


def test_long_texts_are_sorted_by_their_beginning_so_that_tokens_stay_short(tmp_path):
    connection = open_empty(tmp_path / "modelkeep.db")
    for number in range(4):
        connection.execute(
            "INSERT INTO models (id, name, creation_timestamp, last_updated_timestamp) VALUES (?, ?, 0, 0)",
            (number, f"m{number}"),
        )
        connection.execute("INSERT INTO model_tags VALUES (?, 'note', ?)", (number, "日" * 100_000 + str(-number)))
    orders = parse_order(["tags.note"], VOCABULARIES["models"])
    order = compile_order(orders, "models")
    row = connection.execute(
        f"{SEARCHES['models'].format(keys=''.join(f', {key}' for key in order.key_columns_sql))} LIMIT 1",
        order.parameters,
    ).fetchone()
    assert len(pages.encode(row[1:], pages.bind("models"))) < 2000
    assert walk(connection, "models", orders, 1) == [0, 1, 2, 3]


@pytest.mark.parametrize("key", [[], ["a", "b"], [5], [None], [1.5]])
def test_a_key_of_another_order_is_refused(key):
    with pytest.raises(Invalid, match="page_token"):
        compile_order(parse_order(None, VOCABULARIES["models"]), "models").after(key)


# How SQLite goes about it -----------------------------------------------------------------------------------------


def plan(connection, noun, order_by, filter_text=None, key=None, where=None):
    node = parse(filter_text, VOCABULARIES[noun])
    order = compile_order(parse_order(order_by, VOCABULARIES[noun]), noun, node)
    condition, parameters = compile_filter(node, noun)
    after, after_parameters = order.after(key) if key else ("TRUE", {})
    statement = (where or SEARCHES[noun]).format(keys="".join(f", {each}" for each in order.key_columns_sql))
    steps = connection.execute(
        f"EXPLAIN QUERY PLAN {statement} AND {condition} AND {after} ORDER BY {order.order_by_sql} LIMIT 100",
        {**parameters, **order.parameters, **after_parameters},
    )
    return [step[3] for step in steps]


# With a column that no index has, as every search of versions returns some.
WHOLE = SEARCHES["versions"].replace("{keys}", ", v.source{keys}")
OF_ONE = "SELECT r.id{keys} FROM runs r WHERE r.experiment_id IN (1) AND r.lifecycle_stage IN ('active')"


@pytest.mark.parametrize(
    ("noun", "order_by", "filter_text", "key", "index"),
    [
        ("versions", None, "name = 'a'", None, "versions_of_model_by_update (model_id=?)"),
        (
            "versions",
            None,
            "name = 'a'",
            [5, 3],
            "versions_of_model_by_update (model_id=? AND (last_updated_timestamp,number)<(?,?))",
        ),
        ("versions", None, "name = 'a' AND tags.k = 'b'", [5, 3], "versions_of_model_by_update"),
        ("versions", ["version_number"], "name = 'a'", [5], "PRIMARY KEY (model_id=? AND number>?)"),
        ("versions", None, "name = 'a' AND version = 3", None, "PRIMARY KEY (model_id=? AND number=?)"),
        ("models", None, None, None, "models_by_name"),
        ("models", None, None, ["a"], "models_by_name (name>?)"),
        ("models", ["name DESC"], None, ["a"], "models_by_name (name<?)"),
        ("models", None, "name = 'a'", None, "models_by_name (name=?)"),
        ("models", None, "name LIKE 'churn%'", None, "models_by_name (name>? AND name<?)"),
        ("models", ["timestamp"], None, [5, "a"], "models_by_update ((last_updated_timestamp,name)>(?,?))"),
    ],
)
def test_common_searches_follow_an_index_and_sort_nothing(sqlite_libraries, noun, order_by, filter_text, key, index):
    steps = plan(sqlite_libraries(1).connection, noun, order_by, filter_text, key)
    assert any(index in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.parametrize(
    ("noun", "order_by", "key", "index", "where"),
    [
        ("versions", None, None, "versions_by_update", WHOLE),
        ("versions", None, [5, "a", 3], "versions_by_update (last_updated_timestamp<?)", WHOLE),
        ("models", ["timestamp DESC"], [5, "a"], "models_by_update (last_updated_timestamp<?)", None),
        ("runs", None, None, "runs_of_experiment", OF_ONE),
        (
            "runs",
            None,
            [5, "a"],
            "runs_of_experiment (experiment_id=? AND lifecycle_stage=? AND start_time<?)",
            OF_ONE,
        ),
    ],
)
def test_other_common_searches_sort_only_rows_of_the_same_time(sqlite_libraries, noun, order_by, key, index, where):
    steps = plan(sqlite_libraries(1).connection, noun, order_by, key=key, where=where)
    assert any(index in step for step in steps), steps
    sorting = [step for step in steps if "TEMP B-TREE" in step]
    assert all("LAST" in step for step in sorting), steps


def test_a_stage_is_found_through_its_index(sqlite_libraries):
    steps = plan(sqlite_libraries(1).connection, "versions", None, "current_stage = 'archived'")
    assert any("versions_of_stage (current_stage=?)" in step for step in steps), steps
