"""LightGBM both ways."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import modelkeep.pyfunc
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import mlmodels
from modelkeep.flavors.errors import NotAModel, Untrusted
from tests.flavors.models import DIABETES, IRIS

try:
    lightgbm = pytest.importorskip("lightgbm", reason="lightgbm is not installed: pip install lightgbm")
except OSError as error:  # Its wheel takes OpenMP from the system, unlike those of XGBoost and scikit-learn.
    pytest.skip(f"lightgbm cannot be loaded ({error}): apt-get install libgomp1", allow_module_level=True)

import mlflow.lightgbm

import modelkeep.lightgbm
import modelkeep.sklearn


@pytest.fixture(autouse=True)
def mlflows_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


X, Y = IRIS.data.to_numpy(), IRIS.target.to_numpy()
MODELS = {
    "classifier": lambda: lightgbm.LGBMClassifier(n_estimators=3, verbose=-1).fit(X, Y),
    "regressor": lambda: lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(X, Y),
    "booster": lambda: lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, Y), 3),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_to_mlflow_and_comes_back(name, tmp_path):
    model = MODELS[name]()
    expected = model.predict(X)
    modelkeep.lightgbm.save_model(model, tmp_path / "ours", input_example=X[:2])
    types = mlmodels.read(tmp_path / "ours").flavors["lightgbm"].get("skops_trusted_types")
    mlflow.lightgbm.save_model(model, tmp_path / "theirs", skops_trusted_types=types, pip_requirements=["lightgbm"])

    assert np.array_equal(mlflow.lightgbm.load_model(str(tmp_path / "ours")).predict(X), expected)
    assert np.array_equal(mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(X), expected)
    for folder in ("ours", "theirs"):
        loaded = modelkeep.lightgbm.load_model(tmp_path / folder)
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict(X), expected)
        assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / folder).predict(X), expected)


def test_its_types_are_trusted_in_its_own_models_only(tmp_path):
    modelkeep.sklearn.save_model(MODELS["classifier"](), tmp_path / "model")

    with pytest.raises(Untrusted, match=r"lightgbm\.basic\.Booster"):
        modelkeep.sklearn.load_model(tmp_path / "model")


def test_a_damaged_file_is_an_error(tmp_path):
    modelkeep.lightgbm.save_model(MODELS["booster"](), tmp_path / "model")
    (tmp_path / "model" / "model.lgb").write_text("tree")

    with pytest.raises(NotAModel, match="cannot be read as a model of LightGBM"):
        modelkeep.lightgbm.load_model(tmp_path / "model")


def test_another_packages_model_is_an_error(tmp_path):
    with pytest.raises(Invalid, match="is not a model of LightGBM"):
        modelkeep.lightgbm.save_model(DIABETES, tmp_path / "model")
