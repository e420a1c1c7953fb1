"""Formats: what an MLmodel file says, whether loading the model runs code, and which signatures fit which."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain import formats
from modelkeep.domain.formats import Column, Signature
from modelkeep.registry.formats import parse

SKOPS = {"sklearn": {"pickled_model": "model.skops", "serialization_format": "skops", "skops_trusted_types": None}}


def pyfunc(loader, **more):
    return {"python_function": {"loader_module": loader, **more}}


@pytest.mark.parametrize(
    "flavors",
    [
        SKOPS,
        SKOPS | pyfunc("mlflow.sklearn", model_path="model.skops", predict_fn="predict"),
        {"sklearn": {"serialization_format": "skops", "skops_trusted_types": ["sklearn.tree._tree.Tree", "numpy.dtype"]}},
        {"xgboost": {"data": "model.ubj", "model_class": "xgboost.sklearn.XGBClassifier", "model_format": "ubj"}}
        | pyfunc("mlflow.xgboost", data="model.ubj"),
        {"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}} | pyfunc("mlflow.lightgbm", data="model.lgb"),
        {"lightgbm": {"data": "model.skops", "model_class": "lightgbm.sklearn.LGBMClassifier", "serialization_format": "skops",
                      "skops_trusted_types": ["lightgbm.sklearn.LGBMClassifier", "collections.OrderedDict"]}},
        {"onnx": {"data": "model.onnx"}} | pyfunc("mlflow.onnx", data="model.onnx"),
        {"catboost": {"data": "model.cb"}},
    ],
)  # fmt: skip
def test_models_whose_files_are_data_run_no_code(flavors):
    assert formats.runs_code(flavors) is None


@pytest.mark.parametrize(
    ("flavors", "why"),
    [
        ({}, "its only flavor is Python code"),
        (pyfunc("mlflow.sklearn"), "none of the other flavors"),
        ({"sklearn": {"serialization_format": "cloudpickle"}}, "sklearn is not known to be data"),
        ({"sklearn": {"pickled_model": "model.pkl"}}, "sklearn is not known to be data"),
        ({"sklearn": {"model_format": "skops"}}, "sklearn is not known to be data"),
        ({"sklearn": None}, "sklearn is not known to be data"),
        ({"sklearn": {"serialization_format": ["skops"]}}, "sklearn is not known to be data"),
        # Whoever wrote the file trusts his own type.
        ({"sklearn": {"serialization_format": "skops", "skops_trusted_types": ["os.system"]}}, "sklearn is not known"),
        ({"sklearn": {"serialization_format": "skops", "skops_trusted_types": "x"}}, "sklearn is not known"),
        (SKOPS | {"pytorch": {"model_data": "data"}}, "pytorch is not known to be data"),
        # A safe flavor beside a loader that reads something else.
        (SKOPS | pyfunc("mlflow.pytorch", data="data"), "is loaded by the module mlflow.pytorch"),
        (SKOPS | pyfunc("evil"), "is loaded by the module evil"),
        (SKOPS | pyfunc("python_function"), "is loaded by the module python_function"),
        (SKOPS | {"python_function": {}}, "is loaded by an unknown module"),
        (SKOPS | pyfunc("mlflow.sklearn", model_path="sub/model.pkl"), "loads a file in another folder"),
        (SKOPS | pyfunc("mlflow.sklearn", data=["x"]), "loads a file in another folder"),
        (SKOPS | pyfunc("mlflow.sklearn", code="code"), "brings code of its own"),
        ({"sklearn": {**SKOPS["sklearn"], "code": "code"}}, "sklearn brings code of its own"),
        (SKOPS | pyfunc("mlflow.sklearn", python_model="python_model.pkl"), "Python code or a pickle"),
        (pyfunc("mlflow.pyfunc.model", cloudpickle_version="3"), "Python code or a pickle"),
        ({"lightgbm": {"data": "model.lgb", "model_class": "lightgbm.sklearn.LGBMClassifier"}}, "lightgbm is not known"),
        ({"xgboost": {"data": "m", "model_class": "os.path"}}, "xgboost is not known"),
        ({"xgboost": {"data": "m", "model_format": "pickle"}}, "xgboost is not known"),
    ],
)  # fmt: skip
def test_everything_else_is_taken_for_code(flavors, why):
    assert why in (formats.runs_code(flavors) or "")


def mlmodel(flavors=SKOPS, **signature):
    document = {"flavors": flavors}
    if signature:
        document["signature"] = {key: json.dumps(value) for key, value in signature.items()}
    return json.dumps(document).encode()


def test_a_signature_is_read_by_name_and_unnamed_columns_by_their_place():
    found = parse(
        mlmodel(
            inputs=[{"type": "double", "name": "age"}, {"type": "string", "name": "city", "required": False}],
            outputs=[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}],
            params=[{"name": "t", "type": "double", "default": 0.5, "shape": None}],
        )
    )

    assert found.flavors == ("sklearn",)
    assert found.signature == Signature(
        {"age": Column("double", True), "city": Column("string", False)},
        {"#0": Column("tensor of float64 [-1]", True)},
        {"t": Column("double", False)},
    )


def test_an_mlmodel_file_without_a_signature_has_none():
    assert parse(mlmodel()).signature is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[", b"flavors", b"flavors: 3", b"{}", b"\xff\xfe\x00", b"flavors: !!int ''", b"flavors: !!timestamp 'x'",
        b"flavors: {sklearn: {serialization_format: skops}}\nsignature: {inputs: 5}",
        b"flavors: {sklearn: {}}\nsignature: {inputs: '[5]'}", b"flavors: {sklearn: {}}\nsignature: {inputs: '[{}]'}",
        b"flavors: {sklearn: {}}\nsignature: [1]", b"flavors: &a [*a]", b"!!python/object:os.system {}",
        b"flavors: {lightgbm: {data: 5, model_class: [x]}}\nsignature: {outputs: 'x'}", b"[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_vouches_for_nothing(content):
    found = parse(content)

    assert found.runs_code is not None
    assert found.signature is None


def test_a_file_that_names_one_thing_a_billion_times_is_read_in_a_moment():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    lines.append(
        "flavors: {sklearn: {serialization_format: *a19, skops_trusted_types: *a19, model_class: *a19, code: ''}}"
    )

    assert parse("\n".join(lines).encode()).runs_code


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_something_is_said(content):
    assert parse(content).runs_code


def signature(inputs=None, outputs=None, params=None):
    return Signature(inputs or {"x": DOUBLE}, outputs or {"y": DOUBLE}, params or {})


DOUBLE, FLOAT, LONG, INTEGER = (Column(kind, True) for kind in ("double", "float", "long", "integer"))
OPTIONAL = Column("double", False)


@pytest.mark.parametrize(
    ("old", "new", "change", "words"),
    [
        (signature(), signature(), "same", "the signatures are the same"),
        (signature({"x": FLOAT}), signature({"x": DOUBLE}), "widening", "the input x was float and is double"),
        (signature({"x": INTEGER}), signature({"x": LONG}), "widening", "was integer and is long"),
        (signature({"x": INTEGER}), signature({"x": DOUBLE}), "widening", "was integer and is double"),
        # MLflow refuses these: a long has more digits than a double holds.
        (signature({"x": LONG}), signature({"x": DOUBLE}), "breaking", "was long and is double"),
        (signature({"x": INTEGER}), signature({"x": FLOAT}), "breaking", "was integer and is float"),
        (signature({"x": DOUBLE}), signature({"x": FLOAT}), "breaking", "was double and is float"),
        (signature({"x": DOUBLE}), signature({"x": OPTIONAL}), "widening", "is double (optional)"),
        (signature({"x": OPTIONAL}), signature({"x": DOUBLE}), "breaking", "was double (optional) and is double"),
        (signature(), signature({"x": DOUBLE, "z": DOUBLE}), "breaking", "the input z is new and required"),
        (signature(), signature({"x": DOUBLE, "z": OPTIONAL}), "widening", "the input z is new and optional"),
        (signature({"x": DOUBLE, "z": DOUBLE}), signature(), "widening", "the input z is no longer needed"),
        (signature(params={"t": OPTIONAL}), signature(), "breaking", "the parameter t is gone"),
        (signature(), signature(params={"t": OPTIONAL}), "widening", "the parameter t is new and optional"),
        (signature(), signature(outputs={"z": DOUBLE}), "breaking", "the output y is gone"),
        (signature(), signature(outputs={"y": FLOAT}), "breaking", "the output y was double and is float"),
        (signature(), signature(outputs={"y": DOUBLE, "z": DOUBLE}), "breaking", "the output z is new"),
    ],
)
def test_what_a_caller_finds_when_one_model_takes_the_place_of_another(old, new, change, words):
    found, said = formats.compare(old, new)

    assert found == change
    assert words in said


_columns = st.dictionaries(
    st.sampled_from("abc"),
    st.sampled_from([DOUBLE, FLOAT, LONG, INTEGER, OPTIONAL, Column("string", False)]),
    max_size=3,
)
_signatures = st.builds(Signature, _columns, _columns, st.dictionaries(st.sampled_from("pq"), st.just(OPTIONAL)))


@given(_signatures, _signatures, _signatures)
def test_what_fits_the_second_and_the_second_the_first_fits_the_first(first, second, third):
    assert formats.compare(first, first)[0] == "same"
    if formats.compare(first, second)[0] == "same":
        assert formats.compare(second, first)[0] == "same"
    if "breaking" not in (
        formats.compare(first, second)[0],
        formats.compare(second, third)[0],
    ) and first.inputs.keys() >= (third.inputs.keys()):
        assert formats.compare(first, third)[0] != "breaking"
