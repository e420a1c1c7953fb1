from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient

RUNS = {
    "ridge": {"auc": 0.81, "depth": "3", "team": "growth"},
    "forest": {"auc": 0.92, "depth": "5", "team": "growth"},
    "boost": {"auc": 0.88, "depth": "5", "team": "risk"},
}


@pytest.fixture
def runs(client: MlflowClient, experiment_id: str) -> dict[str, str]:
    """Three finished runs, started a second after another in the order of RUNS, and one without any data."""
    identities = {}
    for number, (name, facts) in enumerate(RUNS.items()):
        start = 1_700_000_000_000 + 1000 * number
        run = client.create_run(experiment_id, start_time=start, run_name=name, tags={"team": facts["team"]})
        client.log_metric(run.info.run_id, "auc", facts["auc"])
        client.log_param(run.info.run_id, "depth", facts["depth"])
        client.set_terminated(run.info.run_id, end_time=start + 500)
        identities[name] = run.info.run_id
    empty = client.create_run(experiment_id, start_time=1_700_000_000_000 - 1000, run_name="empty")
    return {**identities, "empty": empty.info.run_id}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("metrics.auc > 0.85", {"forest", "boost"}),
        ("metrics.auc >= 0.92", {"forest"}),
        ("metrics.auc != 0.92", {"ridge", "boost"}),
        ("metrics.auc < 0.9 and metrics.auc > 0.85", {"boost"}),
        ("params.depth = '5'", {"forest", "boost"}),
        ('params.depth = "5"', {"forest", "boost"}),
        ("params.depth != '5'", {"ridge"}),
        ("params.depth LIKE '%5'", {"forest", "boost"}),
        ("params.depth IS NULL", {"empty"}),
        ("params.depth IS NOT NULL", {"ridge", "forest", "boost"}),
        ("tags.team = 'growth'", {"ridge", "forest"}),
        ("tags.team ILIKE 'RI%'", {"boost"}),
        ("tags.`team` = 'risk'", {"boost"}),
        ("tags.team IS NULL", {"empty"}),
        ("tags.team = 'growth' AND metrics.auc > 0.85 AND params.depth = '5'", {"forest"}),
        ("attributes.status = 'FINISHED'", {"ridge", "forest", "boost"}),
        ("status = 'RUNNING'", {"empty"}),
        ("attributes.run_name = 'ridge'", {"ridge"}),
        ("run_name LIKE '%o%'", {"forest", "boost"}),
        ("attributes.start_time > 1700000000500", {"forest", "boost"}),
        ("attributes.end_time <= 1700000000500", {"ridge"}),
        ("attributes.artifact_uri LIKE 'mlflow-artifacts:%'", {"ridge", "forest", "boost", "empty"}),
        ("metrics.missing > 0", set()),
        ("", {"ridge", "forest", "boost", "empty"}),
    ],
)
def test_runs_are_found(
    client: MlflowClient, experiment_id: str, runs: dict[str, str], condition: str, expected: set[str]
) -> None:
    found = client.search_runs([experiment_id], filter_string=condition)

    assert {run.info.run_name for run in found} == expected


def test_runs_are_found_by_id(client: MlflowClient, experiment_id: str, runs: dict[str, str]) -> None:
    condition = f"attributes.run_id IN ('{runs['ridge']}', '{runs['boost']}')"

    found = client.search_runs([experiment_id], filter_string=condition)

    assert {run.info.run_name for run in found} == {"ridge", "boost"}


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ([], ["boost", "forest", "ridge", "empty"]),
        (["metrics.auc DESC"], ["forest", "boost", "ridge", "empty"]),
        (["metrics.auc ASC"], ["ridge", "boost", "forest", "empty"]),
        (["params.depth ASC", "metrics.auc DESC"], ["ridge", "forest", "boost", "empty"]),
        (["tags.team DESC", "attributes.run_name ASC"], ["boost", "forest", "ridge", "empty"]),
        (["attributes.start_time ASC"], ["empty", "ridge", "forest", "boost"]),
        (["start_time DESC"], ["boost", "forest", "ridge", "empty"]),
        (["run_name"], ["boost", "empty", "forest", "ridge"]),
    ],
)
def test_runs_are_ordered_with_nothing_last(
    client: MlflowClient, experiment_id: str, runs: dict[str, str], order_by: list[str], expected: list[str]
) -> None:
    found = client.search_runs([experiment_id], order_by=order_by)

    assert [run.info.run_name for run in found] == expected


def test_pages_of_runs_hold_each_once(client: MlflowClient, experiment_id: str, runs: dict[str, str]) -> None:
    pages = [client.search_runs([experiment_id], max_results=3, order_by=["metrics.auc DESC"])]
    while pages[-1].token:
        pages.append(
            client.search_runs(
                [experiment_id],
                max_results=3,
                order_by=["metrics.auc DESC"],
                page_token=pages[-1].token,
            )
        )

    assert [[run.info.run_name for run in page] for page in pages] == [["forest", "boost", "ridge"], ["empty"]]


def test_deleted_runs_are_found_only_when_asked_for(
    mlflow: ModuleType, client: MlflowClient, experiment_id: str, runs: dict[str, str]
) -> None:
    view = mlflow.entities.ViewType
    client.delete_run(runs["ridge"])

    def names(run_view_type: int) -> set[str]:
        return {run.info.run_name for run in client.search_runs([experiment_id], "", run_view_type)}

    assert names(view.ACTIVE_ONLY) == {"forest", "boost", "empty"}
    assert names(view.DELETED_ONLY) == {"ridge"}
    assert names(view.ALL) == {"ridge", "forest", "boost", "empty"}


def test_runs_of_several_experiments_are_searched_together(
    client: MlflowClient, experiment_id: str, runs: dict[str, str]
) -> None:
    other = client.create_experiment(f"other-{experiment_id}-{runs['empty']}")
    client.create_run(other, run_name="elsewhere")

    found = client.search_runs([experiment_id, other])

    assert {run.info.run_name for run in found} == {*RUNS, "empty", "elsewhere"}


def test_the_table_of_runs_has_a_column_for_everything_logged(mlflow: ModuleType, runs: dict[str, str]) -> None:
    table = mlflow.search_runs(order_by=["metrics.auc DESC"])

    assert list(table["metrics.auc"].dropna()) == [0.92, 0.88, 0.81]
    assert list(table["params.depth"].dropna()) == ["5", "5", "3"]
    assert list(table["tags.mlflow.runName"]) == ["forest", "boost", "ridge", "empty"]


def test_runs_found_carry_their_datasets(mlflow: ModuleType, client: MlflowClient, experiment_id: str) -> None:
    import pandas

    with mlflow.start_run():
        mlflow.log_input(mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0]}), name="train"), context="fit")

    (found,) = client.search_runs([experiment_id])

    assert found.inputs.dataset_inputs[0].dataset.name == "train"


@pytest.mark.parametrize(
    "condition",
    [
        "metrics.auc > '0.9'",
        "metrics.auc LIKE '0.9'",
        "params.depth = 5",
        "params.depth > '5'",
        "colour = 'red'",
        "attributes.experiment_id = '0'",
        "metrics.auc >",
        "status",
    ],
)
def test_a_filter_that_mlflow_cannot_read_is_refused(client: MlflowClient, experiment_id: str, condition: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment_id], filter_string=condition)


def test_too_large_a_page_and_a_foreign_token_are_refused(client: MlflowClient, experiment_id: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment_id], max_results=50_001)
    with refused("INVALID_PARAMETER_VALUE"):
        client.search_runs([experiment_id], page_token="not a token")
