"""Signatures are MLflow's: inferred alike, written alike, read alike."""

from __future__ import annotations

import datetime
import json
import warnings
from decimal import Decimal

import mlflow.models
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from modelkeep.domain.errors import Invalid
from modelkeep.models import ColSpec, ModelSignature, Schema, TensorSpec, infer_signature

FRAME = pd.DataFrame(
    {
        "whole": [1, 2],
        "small": np.array([1, 2], dtype="int16"),
        "unsigned": np.array([1, 2], dtype="uint32"),
        "fraction": [0.5, None],
        "single": np.array([1, 2], dtype="float32"),
        "text": ["a", "b"],
        "some text": ["a", None],
        "yes": [True, False],
        "when": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "bytes": [b"a", b"b"],
        "list": [[1, 2], [3]],
        "dict": [{"a": 1, "b": [0.5]}, {"a": 2}],
    }
)

DATA = {
    "a frame": FRAME,
    "a series": FRAME["fraction"],
    "an array": np.zeros((3, 4), dtype="float32"),
    "a row": np.zeros(3, dtype="int64"),
    "an array of texts": np.array([["a", "bcd"]]),
    "a picture": np.zeros((2, 8, 8, 3), dtype="uint8"),
    "arrays by name": {"left": np.zeros((2, 2)), "right": np.zeros((2, 3), dtype="int32")},
    "a sparse matrix": sparse.csr_matrix(np.eye(3)),
    "a dict": {"a": [1, 2], "b": "x", "c": {"d": 0.5}},
    "texts": ["a", "b"],
    "numbers": [1.5, 2.5],
    "lists": [[1, 2], [3]],
    "rows": [{"a": 1, "b": "x"}, {"a": 2}],
    "a text": "a",
    "a number": 1,
    "a time": datetime.datetime(2026, 1, 1),
    "a numpy number": np.float32(1),
    "nothing": [],
}


@pytest.mark.parametrize("name", DATA)
def test_a_signature_is_inferred_as_mlflow_does(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its advice about whole numbers
        theirs = mlflow.models.infer_signature(DATA[name]).to_dict()

    ours = infer_signature(DATA[name])

    assert json.loads(ours.to_dict()["inputs"]) == json.loads(theirs["inputs"])
    assert ModelSignature.from_dict(theirs) == ours


def test_params_are_inferred_as_mlflow_does():
    params = {"temperature": 0.5, "top": 3, "stop": ["a", "b"], "loud": True, "name": "x"}
    theirs = mlflow.models.infer_signature(None, None, params).to_dict()

    ours = infer_signature(None, None, params)

    assert json.loads(ours.to_dict()["params"]) == json.loads(theirs["params"])
    assert ModelSignature.from_dict(theirs) == ours


def test_mlflow_reads_what_we_write():
    written = infer_signature(FRAME, FRAME["fraction"], {"top": 3}).to_dict()

    assert mlflow.models.ModelSignature.from_dict(written).to_dict() == {
        name: json.dumps(json.loads(text)) for name, text in written.items()
    }


def test_values_with_no_type_in_common_can_be_anything():
    assert infer_signature(["a", 1]).inputs.to_dict() == [{"type": "any", "required": False}]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: infer_signature(object()), "no type for a object"),
        (lambda: infer_signature([Decimal(1)]), "no type for a Decimal"),
        (lambda: infer_signature({1: "a"}), "keys are texts"),
        (lambda: infer_signature(), "needs inputs, outputs or params"),
        (lambda: infer_signature(None, None, {"a": {"b": 1}}), "The parameter 'a' must be"),
        (lambda: Schema([]), "at least one"),
        (lambda: Schema([ColSpec("long", "a"), ColSpec("long")]), "Either all columns"),
        (lambda: Schema([ColSpec("long"), TensorSpec("int64", (-1,))]), "either columns or arrays"),
        (lambda: ColSpec("number"), "'number' is not a type"),
        (lambda: ModelSignature(inputs=[ColSpec("long")]), "must be a Schema, got list"),
    ],
)
def test_what_is_no_signature_is_an_error_that_says_so(make, message):
    with pytest.raises(Invalid, match=message):
        make()
