"""The article: "Using Model Aliases"."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import numpy
import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def two_versions(client: MlflowClient, churn: str) -> str:
    client.create_model_version(churn, source="s3://models/churn/1")
    client.create_model_version(churn, source="s3://models/churn/2")
    return churn


def test_an_alias_names_a_version(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(name=two_versions, alias="champion", version="1")

    assert client.get_model_version_by_alias(two_versions, "champion").version == "1"
    assert client.get_registered_model(two_versions).aliases == {"champion": "1"}
    assert client.get_model_version(two_versions, "1").aliases == ["champion"]


def test_setting_an_alias_again_moves_it(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "1")

    client.set_registered_model_alias(two_versions, "champion", "2")

    assert client.get_model_version_by_alias(two_versions, "champion").version == "2"
    assert client.get_model_version(two_versions, "1").aliases == []


def test_a_version_may_have_several_aliases(client: MlflowClient, two_versions: str) -> None:
    for alias in ("champion", "rollback"):
        client.set_registered_model_alias(two_versions, alias, "1")
    client.set_registered_model_alias(two_versions, "challenger", "2")

    assert sorted(client.get_model_version(two_versions, "1").aliases) == ["champion", "rollback"]
    assert client.get_registered_model(two_versions).aliases == {
        "champion": "1",
        "rollback": "1",
        "challenger": "2",
    }


def test_what_an_alias_loads_changes_when_it_moves(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained, blunt_model: Trained
) -> None:
    log_version(mlflow, blunt_model, model_name)
    log_version(mlflow, churn_model, model_name)
    client.set_registered_model_alias(model_name, "champion", "1")
    uri = f"models:/{model_name}@champion"
    assert numpy.array_equal(mlflow.sklearn.load_model(uri).predict(blunt_model.unseen), blunt_model.predictions)

    client.set_registered_model_alias(model_name, "champion", "2")

    assert numpy.array_equal(mlflow.sklearn.load_model(uri).predict(churn_model.unseen), churn_model.predictions)


def test_a_deleted_alias_names_nothing(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "1")

    client.delete_registered_model_alias(two_versions, "champion")

    assert client.get_registered_model(two_versions).aliases == {}
    with refused("INVALID_PARAMETER_VALUE", saying="Registered model alias champion not found."):
        client.get_model_version_by_alias(two_versions, "champion")


def test_deleting_an_alias_that_is_not_there_is_no_error(client: MlflowClient, two_versions: str) -> None:
    client.delete_registered_model_alias(two_versions, "champion")

    assert client.get_registered_model(two_versions).aliases == {}


def test_loading_a_missing_alias_is_an_error(mlflow: ModuleType, two_versions: str) -> None:
    with refused("INVALID_PARAMETER_VALUE", saying="Registered model alias champion not found."):
        mlflow.sklearn.load_model(f"models:/{two_versions}@champion")


def test_an_alias_of_a_missing_version_is_refused(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "1")

    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Model Version (name={two_versions}, version=7) not found"):
        client.set_registered_model_alias(two_versions, "champion", "7")

    assert client.get_registered_model(two_versions).aliases == {"champion": "1"}


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V12", "has space", "a/b", "a@b"])
def test_an_alias_that_could_be_read_as_something_else_is_refused(
    client: MlflowClient, two_versions: str, alias: str
) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.set_registered_model_alias(two_versions, alias, "1")

    assert client.get_registered_model(two_versions).aliases == {}


def test_aliases_differ_by_case(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "1")
    client.set_registered_model_alias(two_versions, "Champion", "2")

    assert client.get_model_version_by_alias(two_versions, "champion").version == "1"
    assert client.get_model_version_by_alias(two_versions, "Champion").version == "2"


def test_a_deleted_version_frees_its_aliases(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "1")
    client.set_registered_model_alias(two_versions, "challenger", "2")

    client.delete_model_version(two_versions, "1")

    assert client.get_registered_model(two_versions).aliases == {"challenger": "2"}
    with refused("INVALID_PARAMETER_VALUE"):
        client.get_model_version_by_alias(two_versions, "champion")


def test_setting_an_alias_of_a_missing_model_is_an_error(client: MlflowClient, model_name: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={model_name} not found"):
        client.set_registered_model_alias(model_name, "champion", "1")


@modelkeep_only("leaves aliases out of search results")
def test_search_results_carry_aliases(client: MlflowClient, two_versions: str) -> None:
    client.set_registered_model_alias(two_versions, "champion", "2")

    found = client.search_model_versions(f"name='{two_versions}'")
    assert {version.version: version.aliases for version in found} == {"1": [], "2": ["champion"]}

    (model,) = client.search_registered_models(f"name='{two_versions}'")
    assert {version.version: version.aliases for version in model.latest_versions} == {"2": ["champion"]}
