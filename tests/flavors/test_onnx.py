"""ONNX both ways."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import modelkeep.pyfunc
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import mlmodels
from modelkeep.flavors.errors import NotAModel, SchemaMismatch, Untrusted
from tests.flavors.models import DIABETES, IRIS

onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install onnx onnxruntime skl2onnx")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed: pip install onnx onnxruntime skl2onnx")
skl2onnx = pytest.importorskip("skl2onnx", reason="skl2onnx is not installed: pip install onnx onnxruntime skl2onnx")

import mlflow.onnx  # noqa: E402
from sklearn.linear_model import LinearRegression, LogisticRegression  # noqa: E402

import modelkeep.onnx  # noqa: E402


@pytest.fixture(autouse=True)
def mlflows_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


X = IRIS.data.to_numpy(dtype="float32")
REGRESSION = LinearRegression().fit(DIABETES.data, DIABETES.target)


@pytest.fixture(scope="module")
def classifier():
    model = LogisticRegression(max_iter=1000).fit(X, IRIS.target)
    return skl2onnx.to_onnx(model, X[:1], options={"zipmap": False})


@pytest.fixture(scope="module")
def regressor():
    return skl2onnx.to_onnx(REGRESSION, DIABETES.data[:1].astype("float32"))


@pytest.fixture(scope="module")
def adder():
    """Two inputs of their own, one output."""
    kind = onnx.TensorProto.FLOAT
    values = [onnx.helper.make_tensor_value_info(name, kind, ["n"]) for name in ("a", "b", "sum")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Add", ["a", "b"], ["sum"])], "adder", values[:2], values[2:])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("is_external", [False, True])
def test_a_model_goes_to_mlflow_and_comes_back(classifier, is_external, tmp_path):
    modelkeep.onnx.save_model(classifier, tmp_path / "ours", input_example=X[:2], save_as_external_data=is_external)
    mlflow.onnx.save_model(classifier, tmp_path / "theirs", pip_requirements=["onnx"])

    assert mlflow.onnx.load_model(str(tmp_path / "ours")).graph == classifier.graph
    expected = mlflow.pyfunc.load_model(str(tmp_path / "theirs")).predict(X)
    answers = [mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(X)]
    for folder in ("ours", "theirs"):
        assert modelkeep.onnx.load_model(tmp_path / folder).graph == classifier.graph
        answers.append(modelkeep.pyfunc.load_model(tmp_path / folder).predict(X))
    for answer in answers:
        assert answer.keys() == expected.keys()
        assert all(np.array_equal(answer[name], expected[name]) for name in expected)
    ours, theirs = (mlmodels.read(tmp_path / folder).flavors["onnx"] for folder in ("ours", "theirs"))
    assert ours == theirs


def test_a_table_of_doubles_is_answered_with_a_table(regressor, tmp_path):
    frame = pd.DataFrame(DIABETES.data, columns=DIABETES.feature_names)
    modelkeep.onnx.save_model(regressor, tmp_path / "model", input_example=frame.head(2))

    found = modelkeep.pyfunc.load_model(tmp_path / "model").predict(frame)

    assert list(found.columns) == ["variable"]
    assert np.allclose(found["variable"], REGRESSION.predict(DIABETES.data), rtol=1e-3)
    assert found.equals(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(frame))


def test_several_values_for_a_row_are_a_list_of_them(classifier, tmp_path):
    modelkeep.onnx.save_model(classifier, tmp_path / "model")

    found = modelkeep.pyfunc.load_model(tmp_path / "model").predict(IRIS.data)

    assert found["label"].tolist()[:3] == [0, 0, 0]
    assert np.allclose(np.array(found["probabilities"].tolist()).sum(axis=1), 1)


def test_inputs_are_fed_by_their_names(adder, tmp_path):
    modelkeep.onnx.save_model(adder, tmp_path / "model")
    model = modelkeep.pyfunc.load_model(tmp_path / "model")

    assert model.predict(pd.DataFrame({"b": [1.0, 2.0], "c": [0.0, 0.0], "a": [3.0, 4.0]}))["sum"].tolist() == [4, 6]
    assert model.predict({"a": np.float32([1]), "b": np.float32([2])})["sum"].tolist() == [3]
    with pytest.raises(SchemaMismatch, match="lacks b"):
        model.predict(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(SchemaMismatch, match="takes a, b: give a dict"):
        model.predict(X)


def test_what_saves_is_left_as_it_was(classifier, tmp_path):
    before = classifier.SerializeToString()
    modelkeep.onnx.save_model(classifier, tmp_path / "model", save_as_external_data=True)

    assert classifier.SerializeToString() == before


def test_a_damaged_file_is_an_error(classifier, tmp_path):
    modelkeep.onnx.save_model(classifier, tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"no model at all")

    for load in (modelkeep.onnx.load_model, modelkeep.pyfunc.load_model):
        with pytest.raises(NotAModel, match="cannot be read as an ONNX model"):
            load(tmp_path / "model")


def test_weights_outside_of_the_folder_are_not_read(classifier, tmp_path):
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    modelkeep.onnx.save_model(classifier, tmp_path / "model")
    crafted = onnx.ModelProto()
    crafted.CopyFrom(classifier)
    tensor = crafted.graph.initializer.add(name="weights", dims=[4], data_type=1, data_location=1)
    tensor.external_data.add(key="location", value="../secret")
    (tmp_path / "model" / "model.onnx").write_bytes(crafted.SerializeToString())

    for load in (modelkeep.onnx.load_model, modelkeep.pyfunc.load_model):
        with pytest.raises(NotAModel, match="is not in the model's folder"):
            load(tmp_path / "model")


@pytest.mark.parametrize(
    "settings",
    [
        {"providers": [["QNNExecutionProvider", {"backend_path": "/tmp/library.so"}]]},
        {"onnx_session_options": {"extra_session_config": {"session.intra_op.allow_spinning": "0"}}},
    ],
)
def test_settings_that_can_name_files_need_trust(classifier, tmp_path, settings):
    modelkeep.onnx.save_model(classifier, tmp_path / "model")
    described = mlmodels.read(tmp_path / "model")
    described.flavors["onnx"] |= settings
    mlmodels.write(described, tmp_path / "model")

    with pytest.raises(Untrusted, match="trust=True"):
        modelkeep.pyfunc.load_model(tmp_path / "model")
    assert modelkeep.pyfunc.load_model(tmp_path / "model", trust=True).predict(X)


def test_settings_that_are_none_are_named(classifier, tmp_path):
    modelkeep.onnx.save_model(classifier, tmp_path / "model", onnx_session_options={"execution_mode": "sideways"})

    with pytest.raises(NotAModel, match="settings for onnxruntime"):
        modelkeep.pyfunc.load_model(tmp_path / "model")


def test_another_packages_model_is_an_error(tmp_path):
    with pytest.raises(Invalid, match="is not an ONNX model"):
        modelkeep.onnx.save_model(REGRESSION, tmp_path / "model")
