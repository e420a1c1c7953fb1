"""The article: "Naming Conventions", and what a name may not be."""

from __future__ import annotations

import uuid
from types import ModuleType
from typing import TYPE_CHECKING

import numpy
import pytest

from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_version

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.mark.parametrize(
    "name",
    [
        "customer-churn-classifier",
        "product-recommendation-collaborative",
        "fraud-detection-realtime",
        "demand-forecasting-daily",
        "Umsatz je Größe 📈",
        "100% of 'quoted' & <b>bold",
        "back\\slash",
    ],
)
def test_a_legal_name_is_kept_as_it_is(client: MlflowClient, name: str) -> None:
    unique = f"{name} {uuid.uuid4().hex[:8]}"

    client.create_registered_model(unique)
    client.create_model_version(unique, source="s3://models/churn/1")
    client.set_registered_model_alias(unique, "champion", "1")

    assert client.get_registered_model(unique).name == unique
    assert client.get_model_version_by_alias(unique, "champion").name == unique
    if "'" not in name:
        assert [version.name for version in client.search_model_versions(f"name='{unique}'")] == [unique]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", ".", "..", "../up"])
def test_a_name_that_is_no_single_word_of_a_uri_is_refused(client: MlflowClient, name: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_registered_model(name)


def test_a_renamed_model_keeps_its_versions_tags_aliases_and_files(
    mlflow: ModuleType, client: MlflowClient, model_name: str, churn_model: Trained
) -> None:
    log_version(mlflow, churn_model, model_name)
    client.set_registered_model_tag(model_name, "team", "growth")
    client.set_registered_model_alias(model_name, "champion", "1")
    client.transition_model_version_stage(model_name, "1", "Production")

    client.rename_registered_model(model_name, f"{model_name}-renamed")

    model = client.get_registered_model(f"{model_name}-renamed")
    assert (model.tags, model.aliases) == ({"team": "growth"}, {"champion": "1"})
    version = client.get_model_version(f"{model_name}-renamed", "1")
    assert (version.name, version.current_stage) == (f"{model_name}-renamed", "Production")
    loaded = mlflow.sklearn.load_model(f"models:/{model_name}-renamed@champion")
    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_the_old_name_is_free_after_a_rename(client: MlflowClient, churn: str) -> None:
    client.create_model_version(churn, source="s3://models/churn/1")

    client.rename_registered_model(churn, f"{churn}-renamed")

    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={churn} not found"):
        client.get_registered_model(churn)
    client.create_registered_model(churn)
    assert client.create_model_version(churn, source="s3://models/churn/1").version == "1"
    assert client.create_model_version(f"{churn}-renamed", source="s3://models/churn/2").version == "2"


def test_a_model_is_not_renamed_onto_another(client: MlflowClient, churn: str) -> None:
    client.create_registered_model(f"{churn}-other")

    with refused("RESOURCE_ALREADY_EXISTS", saying=f"Registered Model (name={churn}-other) already exists."):
        client.rename_registered_model(churn, f"{churn}-other")

    assert client.get_registered_model(churn).name == churn


def test_a_model_is_not_renamed_to_an_illegal_name(client: MlflowClient, churn: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.rename_registered_model(churn, "a/b")

    assert client.get_registered_model(churn).name == churn


def test_renaming_a_missing_model_is_an_error(client: MlflowClient, model_name: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name={model_name} not found"):
        client.rename_registered_model(model_name, f"{model_name}-renamed")
