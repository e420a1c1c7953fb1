"""A registered model behind MLflow's own scoring server."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.conftest import CLIENT_SETTINGS
from tests.mlflow_client.training import Trained, log_version
from tests.support.servers import free_port, kill_group, start_process, wait_until_200

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def scoring_url(
    mlflow: ModuleType,
    client: MlflowClient,
    server_url: str,
    model_name: str,
    churn_model: Trained,
    tmp_path: Path,
) -> Iterator[str]:
    """`mlflow models serve -m models:/…@champion` on a free port."""
    log_version(mlflow, churn_model, model_name)
    client.set_registered_model_alias(model_name, "champion", "1")
    port = free_port()
    arguments = ["-m", f"models:/{model_name}@champion", "--env-manager", "local", "--port", str(port)]
    # It starts `uvicorn` by name, so the folder of this interpreter must be on the path.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    process, printed = start_process(
        [sys.executable, "-m", "mlflow", "models", "serve", *arguments],
        env={**CLIENT_SETTINGS, "MLFLOW_TRACKING_URI": server_url, "PATH": path},
        cwd=tmp_path,
    )
    url = f"http://127.0.0.1:{port}"
    wait_until_200(f"{url}/ping", process, printed, seconds=240)
    yield url
    kill_group(process)
    printed.close()


def test_the_champion_answers_over_http(scoring_url: str, churn_model: Trained) -> None:
    rows = {"dataframe_split": churn_model.unseen.to_dict(orient="split")}
    request = urllib.request.Request(
        f"{scoring_url}/invocations", json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )

    with urllib.request.urlopen(request, timeout=120) as response:
        answer = json.load(response)

    assert answer == {"predictions": churn_model.predictions.tolist()}
