"""The article: "Managing Model Versions" and "Version Metadata"."""

from __future__ import annotations

import time
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def three_versions(client: MlflowClient, churn: str) -> str:
    for number in (1, 2, 3):
        client.create_model_version(churn, source=f"s3://models/churn/{number}", run_id=f"run{number}")
    return churn


def test_a_version_says_when_and_by_which_run_it_was_made(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    before = int(time.time() * 1000)
    made = log_version(mlflow, churn_model, model_name)
    after = int(time.time() * 1000)

    version = client.get_model_version(model_name, "1")

    assert (version.version, version.current_stage, version.run_id) == ("1", "None", made.run_id)
    assert before <= version.creation_timestamp <= after
    assert version.last_updated_timestamp == version.creation_timestamp


def test_versions_count_up_from_one(client: MlflowClient, three_versions: str) -> None:
    found = client.search_model_versions(f"name='{three_versions}'", order_by=["version_number ASC"])

    assert [(version.version, version.run_id) for version in found] == [
        ("1", "run1"),
        ("2", "run2"),
        ("3", "run3"),
    ]


def test_a_new_description_replaces_the_old_one(client: MlflowClient, three_versions: str) -> None:
    client.update_model_version(three_versions, "3", description="First try")

    updated = client.update_model_version(
        name=three_versions, version="3", description="Improved model with new features. AUC: 0.92"
    )

    version = client.get_model_version(three_versions, "3")
    assert version.description == updated.description == "Improved model with new features. AUC: 0.92"
    assert version.last_updated_timestamp >= version.creation_timestamp
    assert client.get_model_version(three_versions, "2").description in (None, "")


def test_a_tag_is_set_replaced_and_deleted(client: MlflowClient, three_versions: str) -> None:
    client.set_model_version_tag(name=three_versions, version="3", key="validation_status", value="running")
    client.set_model_version_tag(three_versions, "3", "validation_status", "passed")
    assert client.get_model_version(three_versions, "3").tags == {"validation_status": "passed"}

    client.delete_model_version_tag(three_versions, "3", "validation_status")

    assert client.get_model_version(three_versions, "3").tags == {}


def test_deleting_a_tag_that_is_not_there_is_no_error(client: MlflowClient, three_versions: str) -> None:
    client.delete_model_version_tag(three_versions, "3", "never_set")

    assert client.get_model_version(three_versions, "3").tags == {}


def test_the_metadata_the_article_asks_for_comes_back(client: MlflowClient, three_versions: str) -> None:
    metadata = {
        "training_data_date": "2022-03-15",
        "training_data_rows": "1000000",
        "feature_version": "v2",
        "code_version": "5f0c9bd1c1c8f3f5e0a2b5bd3b94aef4fd8c8a25",
    }
    for key, value in metadata.items():
        client.set_model_version_tag(three_versions, "1", key, value)

    assert client.get_model_version(three_versions, "1").tags == metadata


@pytest.mark.parametrize("value", ["", "Größe: 99 %", "line\nbreak", "x" * 5000, "'; drop table tags; --"])
def test_a_tag_value_comes_back_as_it_was(client: MlflowClient, three_versions: str, value: str) -> None:
    client.set_model_version_tag(three_versions, "1", "note", value)

    assert client.get_model_version(three_versions, "1").tags["note"] == value


def test_a_stage_can_be_named_when_tagging(mlflow: ModuleType, client: MlflowClient, churn: str) -> None:
    client.create_model_version(churn, source="s3://models/churn/1")
    client.transition_model_version_stage(churn, "1", "Staging")

    client.set_model_version_tag(churn, key="validation_status", value="passed", stage="Staging")

    assert client.get_model_version(churn, "1").tags == {"validation_status": "passed"}


def test_a_missing_version_is_an_error_everywhere(client: MlflowClient, churn: str) -> None:
    saying = f"Model Version (name={churn}, version=7) not found"
    with refused("RESOURCE_DOES_NOT_EXIST", saying):
        client.get_model_version(churn, "7")
    with refused("RESOURCE_DOES_NOT_EXIST", saying):
        client.update_model_version(churn, "7", description="x")
    with refused("RESOURCE_DOES_NOT_EXIST", saying):
        client.set_model_version_tag(churn, "7", "key", "value")
    with refused("RESOURCE_DOES_NOT_EXIST", saying):
        client.get_model_version_download_uri(churn, "7")
    with refused("RESOURCE_DOES_NOT_EXIST", saying):
        client.delete_model_version(churn, "7")


def test_a_version_that_is_no_number_is_refused(client: MlflowClient, churn: str) -> None:
    with refused("INVALID_PARAMETER_VALUE", saying="'version' must be an integer"):
        client.get_model_version(churn, "newest")


def test_a_tag_key_with_an_illegal_character_is_refused(client: MlflowClient, three_versions: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.set_model_version_tag(three_versions, "1", "a,b", "value")


def test_the_four_stages_are_those_of_mlflow(client: MlflowClient, three_versions: str) -> None:
    stages = client.get_model_version_stages(three_versions, "1")

    assert list(stages) == ["None", "Staging", "Production", "Archived"]


def test_a_deleted_version_is_gone_and_its_number_is_not_used_again(client: MlflowClient, three_versions: str) -> None:
    client.delete_model_version(three_versions, "3")

    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(three_versions, "3")
    assert {v.version for v in client.search_model_versions(f"name='{three_versions}'")} == {"1", "2"}
    assert client.create_model_version(three_versions, source="s3://models/churn/4").version == "4"


def test_model_tags_are_set_and_deleted(client: MlflowClient, churn: str) -> None:
    client.set_registered_model_tag(churn, "team", "growth")
    client.set_registered_model_tag(churn, "domain", "risk")
    client.delete_registered_model_tag(churn, "domain")

    assert client.get_registered_model(churn).tags == {"team": "growth"}


def test_a_deleted_model_takes_its_versions_with_it_and_frees_its_name(
    client: MlflowClient, three_versions: str
) -> None:
    client.delete_registered_model(three_versions)

    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={three_versions} not found"):
        client.get_registered_model(three_versions)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(three_versions, "1")
    assert client.search_model_versions(f"name='{three_versions}'") == []
    client.create_registered_model(three_versions)
    assert client.create_model_version(three_versions, source="s3://models/churn/1").version == "1"


def test_deleting_a_model_twice_is_an_error(client: MlflowClient, churn: str) -> None:
    client.delete_registered_model(churn)

    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_registered_model(churn)
