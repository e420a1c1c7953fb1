"""Data is brought into the form of a signature where nothing is lost, and refused with a sentence otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from modelkeep.flavors.enforcing import enforce_inputs, enforce_params
from modelkeep.flavors.errors import SchemaMismatch
from modelkeep.models import ColSpec, Schema, TensorSpec, infer_signature

COLUMNS = Schema([ColSpec("double", "size"), ColSpec("long", "count"), ColSpec("string", "shape", required=False)])
GOOD = pd.DataFrame({"size": [0.5, 1.5], "count": [1, 2], "shape": ["a", "b"]})


def test_columns_are_put_in_order_and_others_left_out():
    given = GOOD.assign(other=1)[["other", "shape", "count", "size"]]

    assert enforce_inputs(given, COLUMNS).equals(GOOD)
    assert list(given.columns) == ["other", "shape", "count", "size"]


def test_a_column_that_need_not_be_there_may_be_missing():
    assert list(enforce_inputs(GOOD[["count", "size"]], COLUMNS).columns) == ["size", "count"]


@pytest.mark.parametrize(
    "data",
    [
        {"size": [0.5, 1.5], "count": [1, 2], "shape": ["a", "b"]},
        {"size": np.array([0.5, 1.5]), "count": np.array([1, 2]), "shape": ["a", "b"]},
        [{"size": 0.5, "count": 1, "shape": "a"}, {"size": 1.5, "count": 2, "shape": "b"}],
        GOOD.astype({"count": "int8", "size": "float32"}),
        GOOD.astype({"count": "Int64"}),
    ],
    ids=["dict of lists", "dict of arrays", "list of rows", "smaller numbers", "numbers of pandas"],
)
def test_the_same_data_may_come_in_other_forms(data):
    found = enforce_inputs(data, COLUMNS)

    assert found["size"].tolist() == [0.5, 1.5]
    assert found["count"].tolist() == [1, 2]
    assert found["size"].dtype == "float64"


def test_one_row_may_be_a_dict_or_a_series():
    expected = GOOD.head(1)

    assert enforce_inputs({"size": 0.5, "count": 1, "shape": "a"}, COLUMNS).equals(expected)
    assert enforce_inputs(GOOD.iloc[0], COLUMNS)["count"].tolist() == [1]


def test_an_array_stands_for_the_columns_in_their_order():
    schema = Schema([ColSpec("double", "a"), ColSpec("double", "b")])

    assert list(enforce_inputs(np.array([[1, 2], [3, 4]]), schema).columns) == ["a", "b"]
    assert enforce_inputs([[1, 2], [3, 4]], schema)["b"].tolist() == [2.0, 4.0]
    assert enforce_inputs(sparse.csr_matrix(np.eye(2)), schema)["a"].tolist() == [1.0, 0.0]


def test_whole_numbers_are_taken_for_fractions_only_when_they_are_exactly_the_same():
    schema = Schema([ColSpec("double", "a")])

    assert enforce_inputs(pd.DataFrame({"a": [1, 2**53]}), schema)["a"].dtype == "float64"
    with pytest.raises(SchemaMismatch):
        enforce_inputs(pd.DataFrame({"a": [1, 2**53 + 1]}), schema)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (GOOD[["size"]], "lacks 'count', which the model needs. The model takes 'size', 'count', 'shape'"),
        (GOOD.rename(columns={"count": "Count"}), "it has 'Count', which the model does not know"),
        (
            GOOD.assign(count=[1.5, 2.0]),
            "Column 'count' is of type float64, and the model takes long.*double in the signature",
        ),
        (GOOD.assign(count=["1", "2"]), "Column 'count' is of type .*model takes long"),
        (GOOD.assign(size=["1", "2"]), "Column 'size' is of type .*model takes double"),
        (GOOD.assign(size=[True, False]), "Column 'size' is of type bool"),
        (GOOD.assign(shape=[1, 2]), "Column 'shape' is of type int64, and the model takes string"),
        (GOOD.assign(count=pd.array([1, None], dtype="Int64")), "1 values are missing"),
        (np.zeros((2, 2)), r"takes 3 columns, got an array of the shape \(2, 2\)"),
        ({"size": [1.0], "count": [1, 2]}, "cannot be made into columns"),
        (object(), "got a object"),
    ],
)
def test_what_is_not_the_models_data_is_an_error_that_says_why(data, message):
    with pytest.raises(SchemaMismatch, match=message):
        enforce_inputs(data, COLUMNS)


def test_nested_values_are_one_cell():
    signature = infer_signature({"ids": [1, 2], "name": "x"})

    found = enforce_inputs({"ids": [1, 2, 3], "name": "y"}, signature.inputs)

    assert found.to_dict(orient="records") == [{"ids": [1, 2, 3], "name": "y"}]


def test_values_without_names_stay_a_list():
    assert enforce_inputs(["a", "b"], Schema([ColSpec("string")])) == ["a", "b"]
    with pytest.raises(SchemaMismatch, match="model takes string"):
        enforce_inputs([1, 2], Schema([ColSpec("string")]))


ARRAY = Schema([TensorSpec("float64", (-1, 2))])


@pytest.mark.parametrize(
    "data", [np.ones((3, 2)), np.ones((3, 2), dtype="float32"), [[1, 1], [1, 1], [1, 1]], pd.DataFrame(np.ones((3, 2)))]
)
def test_an_array_may_come_in_other_forms(data):
    found = enforce_inputs(data, ARRAY)

    assert found.dtype == "float64"
    assert np.array_equal(found, np.ones((3, 2)))


def test_a_sparse_matrix_stays_one():
    assert sparse.issparse(enforce_inputs(sparse.csr_matrix(np.eye(2)), ARRAY))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((3, 3)), r"has the shape \(3, 3\), and the model takes \(any, 2\)"),
        (np.ones(2), r"has the shape \(2,\)"),
        (np.ones((1, 2), dtype="complex128"), "of type complex128 and the model takes float64"),
        ([["a", "b"]], "and the model takes float64"),
        ([[1], [1, 2]], "cannot be made into an array"),
        (object(), "must be an array of float64, got a object"),
    ],
)
def test_what_is_not_the_models_array_is_an_error_that_says_why(data, message):
    with pytest.raises(SchemaMismatch, match=message):
        enforce_inputs(data, ARRAY)


def test_arrays_by_name():
    schema = Schema([TensorSpec("float64", (-1, 2), "left"), TensorSpec("int64", (-1,), "right")])
    given = {"right": [1, 2], "left": np.zeros((2, 2)), "other": np.zeros(1)}

    assert list(enforce_inputs(given, schema)) == ["left", "right"]
    with pytest.raises(SchemaMismatch, match="lacks 'right'"):
        enforce_inputs({"left": np.zeros((2, 2))}, schema)
    with pytest.raises(SchemaMismatch, match="takes a dict of the arrays 'left', 'right'"):
        enforce_inputs(np.zeros((2, 2)), schema)


def test_params_have_the_values_of_the_signature_unless_others_are_given():
    schema = infer_signature(None, None, {"temperature": 0.5, "stop": ["a"], "loud": False}).params

    assert enforce_params(None, schema) == {"temperature": 0.5, "stop": ["a"], "loud": False}
    assert enforce_params({"temperature": 1, "stop": ["b", "c"]}, schema)["temperature"] == 1.0
    for wrong, message in (
        ({"heat": 1}, "no param 'heat'; it has 'temperature', 'stop', 'loud'"),
        ({"temperature": "hot"}, "'temperature' must be double, got 'hot'"),
        ({"loud": 1}, "'loud' must be boolean"),
        ({"stop": [1]}, "must be a list of string"),
    ):
        with pytest.raises(SchemaMismatch, match=message):
            enforce_params(wrong, schema)
    with pytest.raises(SchemaMismatch, match="takes no params"):
        enforce_params({"a": 1}, None)
