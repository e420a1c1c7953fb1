"""scikit-learn both ways: what we save MLflow loads, and what MLflow saved we load."""

from __future__ import annotations

import warnings
from pathlib import Path

import mlflow
import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import modelkeep.pyfunc
import modelkeep.sklearn
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import mlmodels
from modelkeep.flavors.errors import NotAModel, Untrusted
from tests.flavors.models import MODELS, X, Y, make


@pytest.fixture(autouse=True)
def mlflows_own_warnings():
    # MLflow 3.17.2 warns about its own calls of pandas and about what it thinks of pickles.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _types(folder: Path) -> list[str] | None:
    return mlmodels.read(folder).flavors["sklearn"]["skops_trusted_types"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_to_mlflow_and_comes_back(name, tmp_path):
    model, data = make(name)
    expected = model.predict(data)

    # MLflow's pyfunc refuses texts in a list, and categories, when it knows the signature.
    example = None if name in ("texts", "histogram boosting, categories") else data[:3]

    modelkeep.sklearn.save_model(model, tmp_path / "ours", input_example=example)

    assert mlmodels.read(tmp_path / "ours").flavors["sklearn"]["serialization_format"] == "skops"
    assert np.array_equal(modelkeep.sklearn.load_model(tmp_path / "ours").predict(data), expected)
    assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / "ours").predict(data), expected)
    assert np.array_equal(mlflow.sklearn.load_model(str(tmp_path / "ours")).predict(data), expected)
    assert np.array_equal(mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(data), expected)

    mlflow.sklearn.save_model(
        model, tmp_path / "theirs", skops_trusted_types=_types(tmp_path / "ours"), pip_requirements=["scikit-learn"]
    )
    assert np.array_equal(modelkeep.sklearn.load_model(tmp_path / "theirs").predict(data), expected)
    assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / "theirs").predict(data), expected)


@pytest.mark.parametrize("serialization_format", ["cloudpickle", "pickle"])
def test_a_pickle_goes_both_ways_when_it_is_trusted(serialization_format, tmp_path):
    model, data = make("random forest")
    expected = model.predict(data)
    modelkeep.sklearn.save_model(model, tmp_path / "ours", serialization_format=serialization_format)
    mlflow.sklearn.save_model(
        model, tmp_path / "theirs", serialization_format=serialization_format, pip_requirements=["scikit-learn"]
    )

    assert np.array_equal(mlflow.sklearn.load_model(str(tmp_path / "ours")).predict(data), expected)
    for folder in ("ours", "theirs"):
        with pytest.raises(Untrusted, match="trust=True"):
            modelkeep.sklearn.load_model(tmp_path / folder)
        with pytest.raises(Untrusted, match="trust=True"):
            modelkeep.pyfunc.load_model(tmp_path / folder)
        assert np.array_equal(modelkeep.sklearn.load_model(tmp_path / folder, trust=True).predict(data), expected)
        assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / folder, trust=True).predict(data), expected)


class Doubled(BaseEstimator):
    """An estimator of the people who use this."""

    def fit(self, X, y=None):
        self.factor_ = 2
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0] * self.factor_


NAME = f"{Doubled.__module__}.Doubled"


def test_a_type_that_nobody_vouched_for_is_an_error_that_names_it(tmp_path):
    modelkeep.sklearn.save_model(Doubled().fit(X), tmp_path / "model")

    # The list in the folder is information: whoever wrote the folder wrote it too.
    assert _types(tmp_path / "model") == [NAME]
    with pytest.raises(Untrusted, match=r"Doubled.*trusted_types=.*trust=True") as refused:
        modelkeep.sklearn.load_model(tmp_path / "model")
    assert refused.value.types == (NAME,)
    with pytest.raises(Untrusted):
        modelkeep.pyfunc.load_model(tmp_path / "model")

    for trusting in ({"trusted_types": [NAME]}, {"trust": True}):
        assert modelkeep.sklearn.load_model(tmp_path / "model", **trusting).predict(X)[0] == 2 * X[0, 0]
        assert modelkeep.pyfunc.load_model(tmp_path / "model", **trusting).predict(X)[0] == 2 * X[0, 0]
    assert mlflow.sklearn.load_model(str(tmp_path / "model")).predict(X)[0] == 2 * X[0, 0]


def test_what_skops_cannot_hold_is_pickled_and_that_is_recorded(tmp_path, caplog):
    model = make_pipeline(FunctionTransformer(lambda data: data * 2), LogisticRegression(max_iter=9999)).fit(
        X[:, :2], Y
    )

    modelkeep.sklearn.save_model(model, tmp_path / "model")

    assert "saved with cloudpickle" in caplog.text
    settings = mlmodels.read(tmp_path / "model").flavors["sklearn"]
    assert (settings["serialization_format"], settings["pickled_model"]) == ("cloudpickle", "model.pkl")
    assert sorted(each.name for each in (tmp_path / "model").iterdir()) == [
        "MLmodel", "conda.yaml", "model.pkl", "python_env.yaml", "requirements.txt",
    ]  # fmt: skip
    assert "cloudpickle==" in (tmp_path / "model" / "requirements.txt").read_text()
    loaded = mlflow.sklearn.load_model(str(tmp_path / "model"))
    assert np.array_equal(loaded.predict(X[:, :2]), model.predict(X[:, :2]))
    with pytest.raises(Invalid, match="skops cannot hold this Pipeline"):
        modelkeep.sklearn.save_model(model, tmp_path / "again", serialization_format="skops")
    assert not (tmp_path / "again").exists()


def test_another_method_can_be_what_pyfunc_predicts_with(tmp_path):
    model, data = make("logistic regression")
    modelkeep.sklearn.save_model(model, tmp_path / "model", pyfunc_predict_fn="predict_proba")

    expected = model.predict_proba(data)
    assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / "model").predict(data), expected)
    assert np.array_equal(mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(data), expected)


def test_a_transformer_has_no_pyfunc(tmp_path):
    modelkeep.sklearn.save_model(FunctionTransformer(np.log1p).fit(X), tmp_path / "model")

    assert np.array_equal(modelkeep.sklearn.load_model(tmp_path / "model").transform(X), np.log1p(X))
    with pytest.raises(NotAModel, match="no flavor 'python_function'; it has: sklearn"):
        modelkeep.pyfunc.load_model(tmp_path / "model")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "note.txt").write_text("mine")

    with pytest.raises(Invalid, match="exists and is not empty"):
        modelkeep.sklearn.save_model(LogisticRegression().fit([[0], [1]], [0, 1]), tmp_path)

    assert [each.name for each in tmp_path.iterdir()] == ["note.txt"]


def test_an_mlmodel_file_cannot_name_files_elsewhere(tmp_path):
    model, _ = make("logistic regression")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    described = mlmodels.read(tmp_path / "model")
    (tmp_path / "elsewhere.skops").write_bytes((tmp_path / "model" / "model.skops").read_bytes())
    described.flavors["sklearn"]["pickled_model"] = "../elsewhere.skops"
    mlmodels.write(described, tmp_path / "model")

    with pytest.raises(NotAModel, match="not in the model's folder"):
        modelkeep.sklearn.load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "does not say which flavors"),
        ("flavors: [1]", "does not say which"),
        ("a: [", "not YAML"),
        ("- " * 9, "flavors"),
    ],
)
def test_an_mlmodel_file_that_says_nothing_is_an_error(content, message, tmp_path):
    (tmp_path / "MLmodel").write_text(content)

    with pytest.raises(NotAModel, match=message):
        modelkeep.sklearn.load_model(tmp_path)


def test_a_damaged_skops_file_is_an_error(tmp_path):
    model, _ = make("logistic regression")
    modelkeep.sklearn.save_model(model, tmp_path / "model")
    file = tmp_path / "model" / "model.skops"
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(NotAModel, match=r"'model.skops' cannot be read"):
        modelkeep.sklearn.load_model(tmp_path / "model")


def test_code_that_comes_with_a_model_is_run_only_when_it_is_trusted(tmp_path):
    (tmp_path / "churning.py").write_text("FACTOR = 3\n")
    model, _ = make("logistic regression")
    modelkeep.sklearn.save_model(model, tmp_path / "model", code_paths=[str(tmp_path / "churning.py")])

    assert (tmp_path / "model" / "code" / "churning.py").exists()
    with pytest.raises(Untrusted, match=r"code of its own to run: churning.py"):
        modelkeep.sklearn.load_model(tmp_path / "model")
