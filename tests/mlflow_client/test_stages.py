"""The article: "Stage Transitions"."""

from __future__ import annotations

from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

import numpy
import pytest

from tests.mlflow_client.article import promote_model
from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def versions(client: MlflowClient, churn: str) -> str:
    """A model with versions 1 to 4: 1 and 2 in Production, 3 in Staging, 4 nowhere."""
    for number in (1, 2, 3, 4):
        client.create_model_version(churn, source=f"s3://models/churn/{number}")
    for number, stage in (("1", "Production"), ("2", "Production"), ("3", "Staging")):
        client.transition_model_version_stage(churn, number, stage)
    return churn


def stages(client: MlflowClient, name: str) -> dict[str, str]:
    return {v.version: v.current_stage for v in client.search_model_versions(f"name='{name}'")}


def test_without_archiving_several_versions_share_a_stage(client: MlflowClient, versions: str) -> None:
    assert stages(client, versions) == {"1": "Production", "2": "Production", "3": "Staging", "4": "None"}


def test_archiving_moves_every_version_that_held_the_stage(client: MlflowClient, versions: str) -> None:
    moved = client.transition_model_version_stage(
        name=versions, version="3", stage="Production", archive_existing_versions=True
    )

    assert moved.current_stage == "Production"
    assert stages(client, versions) == {"1": "Archived", "2": "Archived", "3": "Production", "4": "None"}


def test_archiving_leaves_the_other_stages_alone(client: MlflowClient, versions: str) -> None:
    client.transition_model_version_stage(versions, "4", "Production", archive_existing_versions=True)

    assert stages(client, versions)["3"] == "Staging"


def test_a_version_can_leave_its_stage_again(client: MlflowClient, versions: str) -> None:
    client.transition_model_version_stage(versions, "3", "None")

    assert stages(client, versions)["3"] == "None"


def test_stage_names_are_read_in_any_case_and_answered_in_one(client: MlflowClient, versions: str) -> None:
    moved = client.transition_model_version_stage(versions, "4", "sTaGiNg")

    assert moved.current_stage == "Staging"


def test_an_unknown_stage_is_refused_and_changes_nothing(client: MlflowClient, versions: str) -> None:
    before = stages(client, versions)

    with refused(
        "INVALID_PARAMETER_VALUE",
        saying="Invalid Model Version stage: Prod. Value must be one of None, Staging, Production, Archived.",
    ):
        client.transition_model_version_stage(versions, "4", "Prod", archive_existing_versions=True)

    assert stages(client, versions) == before


def test_a_missing_version_cannot_be_promoted_and_nothing_is_archived(client: MlflowClient, versions: str) -> None:
    before = stages(client, versions)

    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.transition_model_version_stage(versions, "9", "Production", archive_existing_versions=True)

    assert stages(client, versions) == before


@modelkeep_only("answers 500, which the client retries")
def test_archiving_beside_a_move_to_archived_is_refused(client: MlflowClient, versions: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.transition_model_version_stage(versions, "4", "Archived", archive_existing_versions=True)

    assert stages(client, versions)["4"] == "None"


def test_the_latest_version_of_each_stage(client: MlflowClient, versions: str) -> None:
    newest = {v.current_stage: v.version for v in client.get_latest_versions(versions)}
    assert newest == {"Production": "2", "Staging": "3", "None": "4"}

    assert [v.version for v in client.get_latest_versions(versions, stages=["Production"])] == ["2"]
    assert client.get_latest_versions(versions, stages=["Archived"]) == []


def test_a_model_lists_the_latest_version_of_each_stage(client: MlflowClient, versions: str) -> None:
    latest = client.get_registered_model(versions).latest_versions

    assert {v.current_stage: v.version for v in latest} == {"Production": "2", "Staging": "3", "None": "4"}


def test_promote_model_moves_tags_and_archives(client: MlflowClient, versions: str) -> None:
    promote_model(client, versions, "3", "Staging", validate=passing)
    promote_model(client, versions, "3", "Production", validate=passing)

    assert stages(client, versions) == {"1": "Archived", "2": "Archived", "3": "Production", "4": "None"}
    tags = client.get_model_version(versions, "3").tags
    assert tags.keys() == {"promoted_to_staging", "promoted_to_production"}
    assert datetime.fromisoformat(tags["promoted_to_staging"]) <= datetime.fromisoformat(tags["promoted_to_production"])


def passing(model_name: str, version: str) -> dict[str, object]:
    return {"passed": True, "errors": [], "metrics": {}}


def test_promote_model_leaves_production_alone_when_validation_fails(client: MlflowClient, versions: str) -> None:
    with pytest.raises(ValueError, match=r"Validation failed: .*AUC too low"):
        promote_model(client, versions, "3", "Production", validate=failing)

    assert stages(client, versions) == {"1": "Production", "2": "Production", "3": "Staging", "4": "None"}
    assert client.get_model_version(versions, "3").tags == {}


def failing(model_name: str, version: str) -> dict[str, object]:
    return {"passed": False, "errors": ["AUC too low: 0.5"], "metrics": {}}


def test_the_production_model_is_another_one_after_a_promotion(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, blunt_model: Trained
) -> None:
    log_version(mlflow, blunt_model, model_name)
    log_version(mlflow, churn_model, model_name)
    client.transition_model_version_stage(model_name, "1", "Production")
    uri = f"models:/{model_name}/Production"
    assert numpy.array_equal(mlflow.sklearn.load_model(uri).predict(blunt_model.unseen), blunt_model.predictions)

    client.transition_model_version_stage(model_name, "2", "Production", archive_existing_versions=True)

    assert numpy.array_equal(mlflow.sklearn.load_model(uri).predict(churn_model.unseen), churn_model.predictions)
