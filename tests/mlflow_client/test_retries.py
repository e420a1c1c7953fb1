"""What the client does when nothing is wrong, and when it asks for something that this server does not have."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version
from tests.support.answers import Answer

if TYPE_CHECKING:
    from mlflow import MlflowClient

RETRIED = {408, 429, 500, 502, 503, 504}


def test_a_days_work_has_no_answer_that_a_client_retries(
    mlflow: ModuleType,
    client: MlflowClient,
    model_name: str,
    churn_model: Trained,
    answers: list[Answer],
) -> None:
    log_version(mlflow, churn_model, model_name, params={"C": 1.0}, metrics={"auc": 0.97})
    client.set_model_version_tag(model_name, "1", "validation_status", "passed")
    client.transition_model_version_stage(model_name, "1", "Production", archive_existing_versions=True)
    client.set_registered_model_alias(model_name, "champion", "1")
    mlflow.sklearn.load_model(f"models:/{model_name}@champion")
    client.search_model_versions(f"name='{model_name}'")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(model_name, "2")
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model(model_name)

    assert len(answers) > 20
    assert not RETRIED & {answer.status for answer in answers}


@modelkeep_only("keeps traces")
@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda mlflow: mlflow.search_traces(return_type="list"), id="search_traces"),
        pytest.param(lambda mlflow: mlflow.MlflowClient().get_trace("tr-1"), id="get_trace"),
        pytest.param(lambda mlflow: mlflow.MlflowClient().set_trace_tag("tr-1", "key", "value"), id="set_trace_tag"),
        pytest.param(lambda mlflow: mlflow.MlflowClient().delete_traces("0", trace_ids=["tr-1"]), id="delete_traces"),
    ],
)
def test_a_call_for_traces_fails_at_once_under_the_clients_own_retry_settings(
    mlflow: ModuleType, monkeypatch: pytest.MonkeyPatch, answers: list[Answer], call: Callable[[ModuleType], Any]
) -> None:
    for setting in ("MAX_RETRIES", "BACKOFF_FACTOR", "BACKOFF_JITTER", "TIMEOUT"):
        monkeypatch.delenv(f"MLFLOW_HTTP_REQUEST_{setting}")

    # The first call also imports what the client keeps for traces; that is not the server's time.
    for _ in ("warm up", "measure"):
        start = time.monotonic()
        with pytest.raises(mlflow.exceptions.MlflowException):
            call(mlflow)

    assert time.monotonic() - start < 30  # those settings would have it try again for minutes
    assert not RETRIED & {answer.status for answer in answers}
