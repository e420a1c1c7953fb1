"""A stored model comes back by version, stage, alias and run, and predicts what the original predicted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy
import pytest

from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_model_quickly, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

FLAVORS = [
    pytest.param(lambda mlflow: mlflow.sklearn.load_model, id="sklearn"),
    pytest.param(lambda mlflow: mlflow.pyfunc.load_model, id="pyfunc"),
]


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_model_loads_by_version_stage_alias_and_latest(
    mlflow: ModuleType,
    client: MlflowClient,
    model_name: str,
    churn_model: Trained,
    blunt_model: Trained,
    flavor: Callable[[ModuleType], Any],
) -> None:
    log_version(mlflow, blunt_model, model_name)
    log_version(mlflow, churn_model, model_name)
    client.transition_model_version_stage(model_name, "2", "Production")
    client.transition_model_version_stage(model_name, "1", "Staging")
    client.set_registered_model_alias(model_name, "champion", "2")
    load = flavor(mlflow)

    for suffix in ("/2", "/Production", "@champion", "/latest"):
        predicted = load(f"models:/{model_name}{suffix}").predict(churn_model.unseen)
        assert numpy.array_equal(predicted, churn_model.predictions), suffix
    for suffix in ("/1", "/Staging"):
        predicted = load(f"models:/{model_name}{suffix}").predict(blunt_model.unseen)
        assert numpy.array_equal(predicted, blunt_model.predictions), suffix


@pytest.mark.parametrize("flavor", FLAVORS)
def test_a_model_loads_from_the_run_that_logged_it(
    mlflow: ModuleType, churn_model: Trained, flavor: Callable[[ModuleType], Any]
) -> None:
    with mlflow.start_run() as run:
        log_model_quickly(mlflow, churn_model)

    loaded = flavor(mlflow)(f"runs:/{run.info.run_id}/model")

    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_a_tree_saved_with_cloudpickle_predicts_the_same(
    mlflow: ModuleType, model_name: str, wine_tree: Trained
) -> None:
    log_version(mlflow, wine_tree, model_name, serialization_format="cloudpickle")

    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")

    assert numpy.array_equal(loaded.predict(wine_tree.unseen), wine_tree.predictions)


def test_a_regression_predicts_the_same_to_the_last_bit(mlflow: ModuleType, model_name: str, diabetes: Trained) -> None:
    log_version(mlflow, diabetes, model_name)

    # Not as pyfunc: that copies the rows into another memory layout, and sums round differently.
    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")

    assert numpy.array_equal(loaded.predict(diabetes.unseen), diabetes.predictions)


def test_the_signature_is_stored_with_the_model(mlflow: ModuleType, model_name: str, churn_model: Trained) -> None:
    log_version(mlflow, churn_model, model_name, input_example=churn_model.unseen.head(3))

    info = mlflow.models.get_model_info(f"models:/{model_name}/1")
    assert info.signature.inputs.input_names() == list(churn_model.unseen.columns)
    loaded = mlflow.pyfunc.load_model(f"models:/{model_name}/1")
    assert numpy.array_equal(loaded.input_example, churn_model.unseen.head(3))
    with refused("INVALID_PARAMETER_VALUE", saying="mean radius"):
        loaded.predict(churn_model.unseen.drop(columns=["mean radius"]))


def test_a_loaded_model_knows_its_run_and_its_id(mlflow: ModuleType, model_name: str, churn_model: Trained) -> None:
    version = log_version(mlflow, churn_model, model_name)

    loaded = mlflow.pyfunc.load_model(f"models:/{model_name}/1")

    assert loaded.metadata.run_id == version.run_id
    assert f"models:/{loaded.metadata.model_id}" == version.source


def test_downloading_a_version_brings_every_file_and_says_where_it_came_from(
    mlflow: ModuleType, model_name: str, churn_model: Trained, tmp_path: Path
) -> None:
    log_version(mlflow, churn_model, model_name)

    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_name}/1", dst_path=str(tmp_path)))

    assert {path.name for path in folder.iterdir()} == {
        "MLmodel",
        "conda.yaml",
        "model.skops",
        "python_env.yaml",
        "requirements.txt",
        "registered_model_meta",
    }
    assert f"model_name: {model_name}" in (folder / "registered_model_meta").read_text()


def test_one_file_of_a_version_can_be_downloaded(mlflow: ModuleType, model_name: str, churn_model: Trained) -> None:
    log_version(mlflow, churn_model, model_name)

    text = mlflow.artifacts.load_text(f"models:/{model_name}/1/requirements.txt")

    assert "scikit-learn" in text


def test_loading_what_is_not_there_is_an_error(mlflow: ModuleType, churn: str, model_name: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Model Version (name={churn}, version=9) not found"):
        mlflow.sklearn.load_model(f"models:/{churn}/9")
    with refused("INTERNAL_ERROR", saying=f"No versions of model with name '{churn}' and stage 'Production'"):
        mlflow.sklearn.load_model(f"models:/{churn}/Production")
    with refused("RESOURCE_DOES_NOT_EXIST", saying="Registered Model with name=no-such-model not found"):
        mlflow.sklearn.load_model("models:/no-such-model/1")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        mlflow.sklearn.load_model("models:/m-00000000000000000000000000000000")
