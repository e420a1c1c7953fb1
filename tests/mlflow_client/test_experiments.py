from __future__ import annotations

import uuid
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def name() -> str:
    return f"churn-{uuid.uuid4().hex[:8]}"


def test_an_experiment_is_created_with_tags(client: MlflowClient, name: str) -> None:
    identity = client.create_experiment(name, tags={"team": "growth"})

    experiment = client.get_experiment(identity)
    assert (experiment.name, experiment.experiment_id) == (name, identity)
    assert experiment.tags == {"team": "growth"}
    assert experiment.lifecycle_stage == "active"
    assert experiment.creation_time == experiment.last_update_time > 0
    assert experiment.artifact_location.startswith("mlflow-artifacts:")


def test_an_experiment_is_found_by_name(client: MlflowClient, name: str) -> None:
    identity = client.create_experiment(name)

    assert client.get_experiment_by_name(name).experiment_id == identity
    assert client.get_experiment_by_name(f"{name}-other") is None


def test_an_experiment_name_is_taken_once(client: MlflowClient, name: str) -> None:
    client.create_experiment(name)

    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)


def test_setting_an_experiment_twice_uses_the_same_one(mlflow: ModuleType, name: str) -> None:
    first = mlflow.set_experiment(name)
    second = mlflow.set_experiment(name)

    assert first.experiment_id == second.experiment_id


def test_an_experiment_is_renamed(client: MlflowClient, name: str) -> None:
    identity = client.create_experiment(name)

    client.rename_experiment(identity, f"{name}-renamed")

    assert client.get_experiment(identity).name == f"{name}-renamed"
    assert client.get_experiment_by_name(name) is None


def test_experiment_tags_are_set_replaced_and_deleted(client: MlflowClient, name: str) -> None:
    identity = client.create_experiment(name, tags={"stage": "research", "team": "growth"})

    client.set_experiment_tag(identity, "stage", "live")
    client.delete_experiment_tag(identity, "team")

    assert client.get_experiment(identity).tags == {"stage": "live"}


def test_a_deleted_experiment_takes_its_runs_with_it_until_it_is_restored(client: MlflowClient, name: str) -> None:
    identity = client.create_experiment(name)
    run = client.create_run(identity)

    client.delete_experiment(identity)
    assert client.get_experiment(identity).lifecycle_stage == "deleted"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"

    client.restore_experiment(identity)
    assert client.get_experiment(identity).lifecycle_stage == "active"
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def test_a_deleted_experiment_keeps_its_name_and_takes_no_runs(
    mlflow: ModuleType, client: MlflowClient, name: str
) -> None:
    identity = client.create_experiment(name)
    client.delete_experiment(identity)

    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_experiment(name)
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_run(identity)
    with refused("INVALID_PARAMETER_VALUE", saying="deleted experiment"):
        mlflow.set_experiment(name)


def test_a_missing_experiment_is_an_error(client: MlflowClient) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST", saying="No Experiment with id=987654321 exists"):
        client.get_experiment("987654321")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_experiment("987654321")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.create_run("987654321")


def test_the_default_experiment_is_there(client: MlflowClient) -> None:
    assert client.get_experiment("0").name == "Default"


@pytest.fixture
def family(client: MlflowClient, name: str) -> str:
    for letter, team in {"a": "growth", "b": "growth", "c": "risk"}.items():
        client.create_experiment(f"{name}-{letter}", tags={"team": team})
    return name


def letters(client: MlflowClient, filter_string: str, **search: object) -> list[str]:
    return [found.name[-1] for found in client.search_experiments(filter_string=filter_string, **search)]


def test_experiments_are_found_by_name_and_tag(client: MlflowClient, family: str) -> None:
    ours = f"name LIKE '{family}-%'"
    assert letters(client, f"name = '{family}-b'") == ["b"]
    assert letters(client, f"{ours} AND tags.team = 'growth'", order_by=["name"]) == ["a", "b"]
    assert letters(client, f"name ILIKE '{family.upper()}-C'") == ["c"]


def test_experiments_are_ordered(client: MlflowClient, family: str) -> None:
    ours = f"name LIKE '{family}-%'"
    assert letters(client, ours, order_by=["name DESC"]) == ["c", "b", "a"]
    assert letters(client, ours, order_by=["experiment_id ASC"]) == ["a", "b", "c"]
    assert letters(client, ours, order_by=["creation_time ASC", "name ASC"]) == ["a", "b", "c"]


def test_deleted_experiments_are_found_only_when_asked_for(client: MlflowClient, family: str) -> None:
    from mlflow.entities import ViewType

    ours = f"name LIKE '{family}-%'"
    client.delete_experiment(client.get_experiment_by_name(f"{family}-b").experiment_id)

    assert letters(client, ours, order_by=["name"]) == ["a", "c"]
    assert letters(client, ours, view_type=ViewType.DELETED_ONLY) == ["b"]
    assert letters(client, ours, view_type=ViewType.ALL, order_by=["name"]) == ["a", "b", "c"]


def test_pages_of_experiments_hold_each_once(client: MlflowClient, family: str) -> None:
    ours = f"name LIKE '{family}-%'"
    first = client.search_experiments(filter_string=ours, max_results=2, order_by=["name"])
    second = client.search_experiments(filter_string=ours, max_results=2, order_by=["name"], page_token=first.token)

    assert [found.name[-1] for found in [*first, *second]] == ["a", "b", "c"]
    assert not second.token
