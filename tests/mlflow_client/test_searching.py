"""Searching registered models and their versions, as the client's filters and orders allow."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def family(client: MlflowClient) -> str:
    """A prefix shared by five models: two of team growth, two of team risk, one without a team."""
    prefix = f"family-{uuid.uuid4().hex[:8]}"
    teams = {"a": "growth", "b": "growth", "c": "risk", "d": "risk", "E": None}
    for letter, team in teams.items():
        client.create_registered_model(f"{prefix}-{letter}", tags={"team": team} if team else {})
    return prefix


def letters(client: MlflowClient, filter_string: str, **search: object) -> list[str]:
    return [model.name[-1] for model in client.search_registered_models(filter_string, **search)]


def test_models_are_found_by_name(client: MlflowClient, family: str) -> None:
    assert letters(client, f"name = '{family}-a'") == ["a"]
    assert letters(client, f"name LIKE '{family}-%'") == ["E", "a", "b", "c", "d"]
    assert letters(client, f"name LIKE '{family}-e'") == []
    assert letters(client, f"name ILIKE '{family}-e'") == ["E"]
    assert letters(client, f"name LIKE '{family}-%' AND name != '{family}-a'") == ["E", "b", "c", "d"]
    assert letters(client, f"name IN ('{family}-a', '{family}-c')") == ["a", "c"]


def test_models_are_found_by_tag(client: MlflowClient, family: str) -> None:
    ours = f"name LIKE '{family}-%'"
    assert letters(client, f"{ours} AND tags.team = 'growth'") == ["a", "b"]
    assert letters(client, f"{ours} AND tag.team LIKE 'ri%'") == ["c", "d"]
    assert letters(client, f"{ours} AND tags.`team` ILIKE 'RISK'") == ["c", "d"]
    assert letters(client, f"{ours} AND tags.team != 'growth'") == ["c", "d"]


def test_models_are_ordered(client: MlflowClient, family: str) -> None:
    ours = f"name LIKE '{family}-%'"
    client.update_registered_model(f"{family}-c", description="touched last")

    assert letters(client, ours, order_by=["name DESC"]) == ["d", "c", "b", "a", "E"]
    assert letters(client, ours, order_by=["last_updated_timestamp DESC", "name ASC"])[0] == "c"
    assert letters(client, ours, order_by=["timestamp DESC"])[0] == "c"


def test_pages_of_models_hold_each_once(client: MlflowClient, family: str) -> None:
    pages = [client.search_registered_models(f"name LIKE '{family}-%'", max_results=2)]
    while pages[-1].token:
        pages.append(
            client.search_registered_models(f"name LIKE '{family}-%'", max_results=2, page_token=pages[-1].token)
        )

    assert [[model.name[-1] for model in page] for page in pages] == [["E", "a"], ["b", "c"], ["d"]]


def test_without_a_filter_every_model_is_found(client: MlflowClient, family: str) -> None:
    found = {model.name for model in client.search_registered_models(max_results=1000)}

    assert {f"{family}-{letter}" for letter in "abcdE"} <= found


@pytest.mark.parametrize(
    "condition", ["name", "name = ", "name = x", "nombre = 'x'", "name = 'x' AND OR", "name ~ 'x'", "'"]
)
def test_a_filter_that_cannot_be_read_is_refused(client: MlflowClient, condition: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(condition)
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_model_versions(condition)


def test_an_order_that_cannot_be_read_is_refused(client: MlflowClient) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(order_by=["colour"])
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_model_versions(order_by=["version_number SIDEWAYS"])


def test_a_page_token_that_is_none_of_the_servers_is_refused(client: MlflowClient, family: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(page_token="not a token")
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_model_versions("name = 'x'", page_token="not a token")


def test_a_page_larger_than_the_servers_limit_is_refused(client: MlflowClient) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_registered_models(max_results=1001)
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_model_versions(max_results=200_001)


@pytest.fixture
def versions(client: MlflowClient, churn: str) -> str:
    """Versions 1 to 4; the first two validated, each of a run and a source of its own."""
    for number in (1, 2, 3, 4):
        client.create_model_version(
            churn,
            source=f"s3://models/{churn}/{'eu' if number % 2 else 'us'}/{number}",
            run_id=f"{churn[-8:]}run{number}",
            tags={"validation_status": "passed" if number < 3 else "failed"},
        )
    return churn


def numbers(client: MlflowClient, filter_string: str, **search: object) -> list[str]:
    return [version.version for version in client.search_model_versions(filter_string, **search)]


def test_versions_are_found_by_number_run_source_and_tag(client: MlflowClient, versions: str) -> None:
    ours = f"name = '{versions}'"
    run = f"{versions[-8:]}run"
    assert numbers(client, ours) == ["4", "3", "2", "1"]
    assert numbers(client, f"{ours} AND version_number > 2") == ["4", "3"]
    assert numbers(client, f"{ours} AND version_number <= 2") == ["2", "1"]
    assert numbers(client, f"run_id = '{run}3'") == ["3"]
    assert numbers(client, f"run_id IN ('{run}1', '{run}4')") == ["4", "1"]
    assert numbers(client, f"source_path = 's3://models/{versions}/us/2'") == ["2"]
    assert numbers(client, f"source_path LIKE 's3://models/{versions}/eu/%'") == ["3", "1"]
    assert numbers(client, f"{ours} AND tags.validation_status = 'passed'") == ["2", "1"]
    assert numbers(client, f"{ours} AND tags.validation_status != 'passed'") == ["4", "3"]
    assert numbers(client, f"{ours} AND tags.missing = 'x'") == []


def test_versions_of_several_models_are_found_by_a_pattern(client: MlflowClient, family: str) -> None:
    for letter in "ab":
        client.create_model_version(f"{family}-{letter}", source="s3://models/churn/1")

    found = client.search_model_versions(f"name LIKE '{family}-%'", order_by=["name ASC"])

    assert [version.name[-1] for version in found] == ["a", "b"]


def test_versions_are_ordered(client: MlflowClient, versions: str) -> None:
    ours = f"name = '{versions}'"
    client.update_model_version(versions, "2", description="touched last")

    assert numbers(client, ours, order_by=["version_number ASC"]) == ["1", "2", "3", "4"]
    assert numbers(client, ours, order_by=["version_number DESC"]) == ["4", "3", "2", "1"]
    assert numbers(client, ours, order_by=["last_updated_timestamp DESC"])[0] == "2"
    assert numbers(client, ours, order_by=["creation_timestamp ASC", "version_number ASC"]) == list("1234")


@modelkeep_only("knows only AND, and none of these keys")
def test_filters_know_or_not_parentheses_stages_aliases_and_times(client: MlflowClient, versions: str) -> None:
    ours = f"name = '{versions}'"
    client.transition_model_version_stage(versions, "1", "Production")
    client.transition_model_version_stage(versions, "2", "Staging")
    client.set_registered_model_alias(versions, "champion", "3")
    client.update_model_version(versions, "4", description="Bob's model")
    client.set_model_version_tag(versions, "4", "owner", "bob")

    for condition, expected in {
        "current_stage = 'Production'": ["1"],
        "current_stage IN ('Production', 'Staging')": ["2", "1"],
        "NOT current_stage = 'None'": ["2", "1"],
        "alias = 'champion'": ["3"],
        "description = 'Bob''s model'": ["4"],
        "tags.owner IS NULL": ["3", "2", "1"],
        "tags.owner IS NOT NULL": ["4"],
        "(version_number = 1 OR version_number = 4) AND NOT tags.owner = 'bob'": ["1"],
        "creation_timestamp > 0": ["4", "3", "2", "1"],
        "status = 'READY' AND version_number = 2": ["2"],
    }.items():
        found = numbers(client, f"{ours} AND ({condition})", order_by=["version_number DESC"])
        assert found == expected, condition


@modelkeep_only("does not know metrics of versions")
def test_versions_are_found_by_the_metrics_and_params_of_their_runs(client: MlflowClient, churn: str) -> None:
    for auc, depth in ((0.81, "3"), (0.92, "5")):
        run = client.create_run("0")
        client.log_metric(run.info.run_id, "auc", auc)
        client.log_param(run.info.run_id, "depth", depth)
        client.create_model_version(churn, source="s3://models/churn/1", run_id=run.info.run_id)

    assert numbers(client, f"name = '{churn}' AND metrics.auc > 0.9") == ["2"]
    assert numbers(client, f"name = '{churn}' AND params.depth = '3'") == ["1"]
