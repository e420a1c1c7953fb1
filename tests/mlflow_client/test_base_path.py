"""A server behind a proxy that gives it a folder of a site: the client is given http://host/folder."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy
import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.training import Trained, log_version
from tests.support.servers import start_server


@modelkeep_only("is not started by these tests")
def test_a_model_is_logged_registered_and_loaded_below_a_base_path(
    mlflow: ModuleType, model_name: str, churn_model: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_server(tmp_path / "data", "--base-path", "/registry") as server:
        assert server.url.endswith("/registry")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.url)
        mlflow.set_experiment("behind-a-proxy")

        log_version(mlflow, churn_model, model_name)

        loaded = mlflow.sklearn.load_model(f"models:/{model_name}/1")
        assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)
