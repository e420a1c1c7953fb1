from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def autologging(mlflow: ModuleType, model_name: str) -> Iterator[None]:
    mlflow.sklearn.autolog(registered_model_name=model_name, silent=True)
    yield
    mlflow.sklearn.autolog(disable=True, silent=True)


@pytest.mark.filterwarnings("ignore:::sklearn")
@pytest.mark.usefixtures("autologging")
def test_fitting_a_model_logs_and_registers_it(mlflow: ModuleType, client: MlflowClient, model_name: str) -> None:
    features, labels = load_breast_cancer(return_X_y=True, as_frame=True)
    with mlflow.start_run() as run:
        fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(features, labels)

    stored = client.get_run(run.info.run_id)
    assert stored.data.params["logisticregression__C"] == "0.5"
    assert stored.data.metrics["training_accuracy_score"] == fitted.score(features, labels)
    assert stored.data.tags["estimator_name"] == "Pipeline"
    assert stored.inputs.dataset_inputs[0].tags[0].value == "train"
    assert "training_confusion_matrix.png" in {file.path for file in client.list_artifacts(run.info.run_id)}
    assert client.get_model_version(model_name, "1").run_id == run.info.run_id
    loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")
    assert (loaded.predict(features) == fitted.predict(features)).all()
