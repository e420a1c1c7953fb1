"""XGBoost both ways, with the distribution `xgboost-cpu`: the other is as large as everything else together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import modelkeep.pyfunc
from modelkeep.domain.errors import Invalid
from modelkeep.flavors import mlmodels
from modelkeep.flavors.errors import NotAModel
from tests.flavors.models import DIABETES, IRIS

xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed: pip install xgboost-cpu, then run this file")

import mlflow.xgboost  # noqa: E402

import modelkeep.xgboost  # noqa: E402


@pytest.fixture(autouse=True)
def mlflows_own_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


MODELS = {
    "classifier": lambda: xgboost.XGBClassifier(n_estimators=3).fit(IRIS.data, IRIS.target),
    "regressor": lambda: xgboost.XGBRegressor(n_estimators=3).fit(IRIS.data, IRIS.target),
    "random forest": lambda: xgboost.XGBRFRegressor(n_estimators=3).fit(IRIS.data, IRIS.target),
    "booster": lambda: xgboost.train({}, xgboost.DMatrix(IRIS.data, IRIS.target), 3),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("model_format", ["ubj", "json"])
def test_a_model_goes_to_mlflow_and_comes_back(name, model_format, tmp_path):
    model = MODELS[name]()
    data = xgboost.DMatrix(IRIS.data) if name == "booster" else IRIS.data
    expected = model.predict(data)
    modelkeep.xgboost.save_model(model, tmp_path / "ours", input_example=IRIS.data.head(2), model_format=model_format)
    mlflow.xgboost.save_model(model, tmp_path / "theirs", model_format=model_format, pip_requirements=["xgboost"])

    assert np.array_equal(mlflow.xgboost.load_model(str(tmp_path / "ours")).predict(data), expected)
    assert np.array_equal(mlflow.pyfunc.load_model(str(tmp_path / "ours")).predict(IRIS.data), expected)
    for folder in ("ours", "theirs"):
        loaded = modelkeep.xgboost.load_model(tmp_path / folder)
        assert type(loaded) is type(model)
        assert np.array_equal(loaded.predict(data), expected)
        assert np.array_equal(modelkeep.pyfunc.load_model(tmp_path / folder).predict(IRIS.data), expected)
    ours, theirs = (mlmodels.read(tmp_path / folder).flavors["xgboost"] for folder in ("ours", "theirs"))
    assert ours == theirs


def test_only_xgboosts_own_classes_are_made(tmp_path):
    modelkeep.xgboost.save_model(MODELS["booster"](), tmp_path / "model")
    described = mlmodels.read(tmp_path / "model")
    described.flavors["xgboost"]["model_class"] = "subprocess.Popen"
    mlmodels.write(described, tmp_path / "model")

    with pytest.raises(NotAModel, match=r"a 'subprocess.Popen', which is none of"):
        modelkeep.xgboost.load_model(tmp_path / "model")


def test_a_damaged_file_is_an_error(tmp_path):
    modelkeep.xgboost.save_model(MODELS["classifier"](), tmp_path / "model")
    file = tmp_path / "model" / "model.ubj"
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(NotAModel, match="cannot be read as a model of XGBoost"):
        modelkeep.xgboost.load_model(tmp_path / "model")


def test_another_packages_model_is_an_error(tmp_path):
    with pytest.raises(Invalid, match="is not a model of XGBoost"):
        modelkeep.xgboost.save_model(DIABETES, tmp_path / "model")
