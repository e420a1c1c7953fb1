"""The order of a search."""

import pytest

from modelkeep.domain.errors import Invalid
from modelkeep.domain.ordering import parse_logged_model_order, parse_order
from modelkeep.domain.searching import EXPERIMENTS, MODELS, RUNS, VERSIONS, Order


def attribute(key, ascending=True):
    return Order("attribute", key, ascending)


@pytest.mark.parametrize(
    ("vocabulary", "default"),
    [
        (MODELS, [attribute("name")]),
        (
            VERSIONS,
            [attribute("last_updated_timestamp", False), attribute("name"), attribute("version_number", False)],
        ),
        (EXPERIMENTS, [attribute("creation_time", False), attribute("experiment_id")]),
        (RUNS, [attribute("start_time", False), attribute("run_id")]),
    ],
)
@pytest.mark.parametrize("items", [None, []])
def test_the_default_order_is_mlflows(vocabulary, default, items):
    assert list(parse_order(items, vocabulary)) == default


@pytest.mark.parametrize(
    ("vocabulary", "item", "keys"),
    [
        (MODELS, "timestamp DESC", [attribute("last_updated_timestamp", False), attribute("name")]),
        (MODELS, "creation_timestamp", [attribute("creation_timestamp"), attribute("name")]),
        (MODELS, "`name` desc", [attribute("name", False)]),
        (VERSIONS, "version_number  ASC ", [attribute("version_number"), attribute("name")]),
        (VERSIONS, "name", [attribute("name"), attribute("version_number", False)]),
        (VERSIONS, "metrics.f1 DESC", [Order("metric", "f1", False), attribute("name")]),
        (EXPERIMENTS, "name", [attribute("name"), attribute("experiment_id", False)]),
        (RUNS, "metrics.`a b` desc", [Order("metric", "a b", False), attribute("start_time", False)]),
        (RUNS, 'params."a b"', [Order("param", "a b"), attribute("start_time", False)]),
        (RUNS, "tags.a.b ASC", [Order("tag", "a.b"), attribute("start_time", False)]),
        (RUNS, "Created", [attribute("start_time"), attribute("run_id")]),
        (RUNS, "attribute.end_time", [attribute("end_time"), attribute("start_time", False)]),
    ],
)
def test_what_mlflow_sorts_by_is_read_and_completed(vocabulary, item, keys):
    assert list(parse_order([item], vocabulary))[: len(keys)] == keys


def test_keys_after_a_unique_one_are_left_out():
    assert parse_order(["run_id DESC", "start_time"], RUNS) == (attribute("run_id", False),)


@pytest.mark.parametrize(
    "items",
    [
        ["name", "name DESC"],
        ["timestamp", "last_updated_timestamp"],
        [""],
        [" "],
        ["name, timestamp"],
        ["name NULLS LAST"],
        ["name UP"],
        ["'name'"],
        ["name = 'a'"],
        ["description"],
        ["alias"],
        ["size"],
        ["metrics.a"],
        [5],
        [None],
        ["name\0"],
        ["`name"],
        ["tags.a"] * 21,
        "name",
        {"name": 1},
    ],
)
def test_another_order_is_refused(items):
    with pytest.raises(Invalid):
        parse_order(items, MODELS)


def test_the_order_of_logged_models_is_a_list_of_objects():
    parsed = parse_logged_model_order(
        [
            {"field_name": "metrics.f1 score", "ascending": False, "dataset_name": "test", "dataset_digest": "d1"},
            {"field_name": "creation_time"},
        ]
    )
    assert parsed == (
        Order("metric", "f1 score", False, ("test", "d1")),
        attribute("creation_timestamp"),
        attribute("model_id"),
    )


def test_the_same_metric_on_two_datasets_is_two_keys():
    keys = parse_logged_model_order([{"field_name": "metrics.a", "dataset_name": name} for name in ("x", "y")])
    assert [key.dataset for key in keys[:2]] == [("x", None), ("y", None)]


@pytest.mark.parametrize(
    "items",
    [
        ["name"],
        [{}],
        [{"field_name": ""}],
        [{"field_name": 5}],
        [{"field_name": "size"}],
        [{"field_name": "name", "ascending": "yes"}],
        [{"field_name": "metrics.a", "dataset_digest": "d"}],
        [{"field_name": "metrics.a", "dataset_name": 5}],
        [{"field_name": "name"}, {"field_name": "name", "ascending": False}],
        [{"field_name": "creation_time"}, {"field_name": "creation_timestamp"}],
    ],
)
def test_another_order_of_logged_models_is_refused(items):
    with pytest.raises(Invalid):
        parse_logged_model_order(items)
