"""Policies as users of the stock client meet them: they read why, and nothing was changed."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from modelkeep.client.client import Client
from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained
from tests.support.answers import Answer

if TYPE_CHECKING:
    from mlflow import MlflowClient

pytestmark = modelkeep_only("MLflow has no policies and only four stages")


@pytest.fixture
def registry(server_url: str) -> Client:
    return Client(server_url)


@pytest.fixture
def versions(mlflow: ModuleType, client: MlflowClient, churn: str, churn_model: Trained) -> str:
    """A model with two versions of a run that measured an AUC of 0.8 and then 0.9."""
    for auc in (0.8, 0.9):
        with mlflow.start_run():
            mlflow.log_metric("auc", auc)
            mlflow.log_metric("latency_ms", 12.5)
            mlflow.sklearn.log_model(churn_model.estimator, name="model", registered_model_name=churn)
    return churn


@pytest.fixture
def guarded(registry: Client, versions: str) -> Iterator[str]:
    """The model, with Production and @champion guarded."""
    policy = f"gate-{uuid.uuid4().hex[:8]}"
    registry.apply_policy(
        {
            "policy": policy, "models": [f"{versions}*"], "targets": ["Production", "@champion"],
            "rules": [{"metric": "auc", "at_least": 0.85}, {"tags": ["owner"]}], "on": ["enter", "delete", "leave"],
        }
    )  # fmt: skip
    yield versions
    registry.retire_policy(policy)


def state(client: MlflowClient, name: str) -> tuple[Any, ...]:
    model = client.get_registered_model(name)
    return model.aliases, [(v.version, v.current_stage, v.tags) for v in client.search_model_versions(f"name='{name}'")]


@pytest.mark.parametrize(
    ("attempt", "target"),
    [
        (lambda client, name: client.transition_model_version_stage(name, "1", "production"), "Production"),
        (lambda client, name: client.transition_model_version_stage(name, "1", "Production", True), "Production"),
        (lambda client, name: client.set_registered_model_alias(name, "champion", "1"), "@champion"),
    ],
)
def test_a_refusal_lists_every_rule_that_failed_and_changes_nothing(
    client: MlflowClient,
    registry: Client,
    guarded: str,
    answers: list[Answer],
    attempt: Callable[[MlflowClient, str], Any],
    target: str,
) -> None:
    before = state(client, guarded)
    with refused("PERMISSION_DENIED", f"Version 1 of '{guarded}' may not enter {target}:") as refusal:
        attempt(client, guarded)

    message = str(refusal.value)
    assert "metric auc at least 0.85: auc is 0.8 (evidence" in message
    assert "below 0.85" in message
    assert "tags owner: the version has no tag owner" in message
    assert "latency_ms" not in message
    assert answers[-1].status == 403
    assert state(client, guarded) == before
    (event,) = [each for each in registry.events(model=guarded) if each.kind == "promotion.refused"]
    assert (event.payload["target"], event.payload["version"], len(event.payload["refusals"])) == (target, 1, 2)


def test_what_its_run_had_measured_lets_a_version_pass(client: MlflowClient, guarded: str) -> None:
    run_id = client.get_model_version(guarded, "1").run_id
    client.log_metric(run_id, "auc", 0.99)
    client.set_model_version_tag(guarded, "1", "owner", "ann")
    client.set_model_version_tag(guarded, "2", "owner", "ann")

    with refused("PERMISSION_DENIED", "auc is 0.8"):
        client.set_registered_model_alias(guarded, "champion", "1")
    client.set_registered_model_alias(guarded, "champion", "2")
    assert client.transition_model_version_stage(guarded, "2", "Production").current_stage == "Production"


def test_deleting_and_renaming_are_refused_in_words_too(client: MlflowClient, registry: Client, guarded: str) -> None:
    client.set_model_version_tag(guarded, "2", "owner", "ann")
    client.set_registered_model_alias(guarded, "champion", "2")
    client.delete_model_version_tag(guarded, "2", "owner")
    before = state(client, guarded)

    for attempt in (
        lambda: client.delete_registered_model_alias(guarded, "champion"),
        lambda: client.delete_model_version(guarded, "2"),
        lambda: client.delete_registered_model(guarded),
        lambda: client.rename_registered_model(guarded, "elsewhere"),
        lambda: client.set_registered_model_alias(guarded, "champion", "1"),
    ):
        with refused("PERMISSION_DENIED", "the version has no tag owner"):
            attempt()
    assert state(client, guarded) == before


def test_a_stage_beyond_the_four_is_an_address(
    mlflow: ModuleType, client: MlflowClient, registry: Client, versions: str, churn_model: Trained
) -> None:
    registry.configure_stages(
        ["None", "Staging", "Canary", "Production", "Archived"], {"Canary": ["Production", "None"]}
    )
    try:
        moved = client.transition_model_version_stage(versions, "2", "canary", archive_existing_versions=True)
        assert moved.current_stage == "Canary"
        loaded = mlflow.pyfunc.load_model(f"models:/{versions}/Canary")
        assert list(loaded.predict(churn_model.unseen[:5])) == list(churn_model.predictions[:5])
        assert [v.version for v in client.get_latest_versions(versions, ["Canary"])] == ["2"]
        with refused("INVALID_PARAMETER_VALUE", "lead to Production, None, not to Staging"):
            client.transition_model_version_stage(versions, "2", "Staging")
        client.transition_model_version_stage(versions, "2", "None")
    finally:
        registry.configure_stages()
    with refused("INVALID_PARAMETER_VALUE", "Invalid Model Version stage: Canary"):
        client.transition_model_version_stage(versions, "2", "Canary")
