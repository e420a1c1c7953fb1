"""Runs: parameters, metrics, tags, nesting, batches, ending, deleting and restoring."""

from __future__ import annotations

import math
import time
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def run_id(client: MlflowClient, experiment_id: str) -> str:
    identity: str = client.create_run(experiment_id).info.run_id
    return identity


def test_a_finished_run_says_when_it_ran(mlflow: ModuleType, client: MlflowClient, experiment_id: str) -> None:
    before = int(time.time() * 1000)
    with mlflow.start_run(run_name="nightly", description="Trains on yesterday") as run:
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
    after = int(time.time() * 1000)

    info = client.get_run(run.info.run_id).info
    assert (info.status, info.run_name, info.experiment_id) == ("FINISHED", "nightly", experiment_id)
    assert before <= info.start_time <= info.end_time <= after
    assert info.lifecycle_stage == "active"
    assert info.artifact_uri == f"mlflow-artifacts:/{experiment_id}/{run.info.run_id}/artifacts"
    assert client.get_run(run.info.run_id).data.tags["mlflow.note.content"] == "Trains on yesterday"


def test_a_run_that_raises_has_failed(mlflow: ModuleType, client: MlflowClient) -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        raise ZeroDivisionError

    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_without_a_name_gets_one(client: MlflowClient, run_id: str) -> None:
    run = client.get_run(run_id)

    assert run.info.run_name
    assert run.data.tags["mlflow.runName"] == run.info.run_name


def test_params_are_text_and_the_last_metric_counts(mlflow: ModuleType, client: MlflowClient) -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("C", 0.5)
        mlflow.log_params({"solver": "lbfgs", "max_iter": 100})
        mlflow.log_metric("loss", 0.9, step=0)
        mlflow.log_metric("loss", 0.4, step=1)
        mlflow.log_metrics({"auc": 0.92, "f1": 0.8})
        mlflow.set_tag("team", "growth")
        mlflow.set_tags({"release": "2022-03", "reviewed": True})

    data = client.get_run(run.info.run_id).data
    assert data.params == {"C": "0.5", "solver": "lbfgs", "max_iter": "100"}
    assert data.metrics == {"loss": 0.4, "auc": 0.92, "f1": 0.8}
    assert data.tags.items() >= {("team", "growth"), ("release", "2022-03"), ("reviewed", "True")}


def test_every_value_of_a_metric_is_kept_with_its_step_and_time(client: MlflowClient, run_id: str) -> None:
    for step, value in enumerate((0.9, 0.5, 0.7)):
        client.log_metric(run_id, "loss", value, timestamp=1_700_000_000_000 + step, step=step)

    history = client.get_metric_history(run_id, "loss")

    assert [(m.step, m.value, m.timestamp) for m in sorted(history, key=lambda m: m.step)] == [
        (0, 0.9, 1_700_000_000_000),
        (1, 0.5, 1_700_000_000_001),
        (2, 0.7, 1_700_000_000_002),
    ]


def test_the_metric_with_the_highest_step_is_the_latest(client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "loss", 0.3, timestamp=1_700_000_000_002, step=5)
    client.log_metric(run_id, "loss", 0.8, timestamp=1_700_000_000_003, step=2)

    assert client.get_run(run_id).data.metrics == {"loss": 0.3}


def test_a_metric_may_be_no_number(client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "loss", float("nan"))

    assert math.isnan(client.get_run(run_id).data.metrics["loss"])
    assert math.isnan(client.get_metric_history(run_id, "loss")[0].value)


def test_an_infinite_metric_is_the_largest_number(client: MlflowClient, run_id: str) -> None:
    client.log_metric(run_id, "up", float("inf"))
    client.log_metric(run_id, "down", float("-inf"))

    assert client.get_run(run_id).data.metrics == {
        "up": 1.7976931348623157e308,
        "down": -1.7976931348623157e308,
    }


def test_a_metric_never_logged_has_no_history(client: MlflowClient, run_id: str) -> None:
    assert client.get_metric_history(run_id, "loss") == []


def test_a_param_is_written_once(client: MlflowClient, run_id: str) -> None:
    client.log_param(run_id, "C", "0.5")
    client.log_param(run_id, "C", "0.5")

    with refused("INVALID_PARAMETER_VALUE", saying="Changing param values is not allowed"):
        client.log_param(run_id, "C", "0.7")

    assert client.get_run(run_id).data.params == {"C": "0.5"}


def test_a_batch_writes_metrics_params_and_tags_together(mlflow: ModuleType, client: MlflowClient, run_id: str) -> None:
    entities = mlflow.entities
    metrics = [entities.Metric("loss", 1 / (step + 1), 1_700_000_000_000 + step, step) for step in range(500)]

    client.log_batch(
        run_id,
        metrics=metrics,
        params=[entities.Param(f"p{n}", str(n)) for n in range(100)],
        tags=[entities.RunTag(f"t{n}", str(n)) for n in range(100)],
    )

    data = client.get_run(run_id).data
    assert data.metrics == {"loss": 1 / 500}
    assert data.params == {f"p{n}": str(n) for n in range(100)}
    assert data.tags.items() >= {(f"t{n}", str(n)) for n in range(100)}
    assert len(client.get_metric_history(run_id, "loss")) == 500


def test_a_log_of_more_metrics_than_a_request_may_hold_is_split_by_the_client(
    mlflow: ModuleType, client: MlflowClient
) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metrics({f"m{n}": float(n) for n in range(1500)})

    assert client.get_run(run.info.run_id).data.metrics == {f"m{n}": float(n) for n in range(1500)}


def test_tags_are_replaced_and_deleted(client: MlflowClient, run_id: str) -> None:
    client.set_tag(run_id, "team", "growth")
    client.set_tag(run_id, "team", "risk")
    assert client.get_run(run_id).data.tags["team"] == "risk"

    client.delete_tag(run_id, "team")

    assert "team" not in client.get_run(run_id).data.tags


def test_deleting_a_tag_a_run_does_not_have_is_an_error(client: MlflowClient, run_id: str) -> None:
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_tag(run_id, "team")


def test_nested_runs_know_their_parent(mlflow: ModuleType, client: MlflowClient) -> None:
    with mlflow.start_run() as parent:
        children = []
        for depth in (2, 3):
            with mlflow.start_run(nested=True) as child:
                mlflow.log_param("depth", depth)
                children.append(child.info.run_id)

    found = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list")
    assert {run.info.run_id for run in found} == set(children)
    assert client.get_parent_run(children[0]).info.run_id == parent.info.run_id


def test_a_run_is_ended_by_hand(client: MlflowClient, run_id: str) -> None:
    client.set_terminated(run_id, status="KILLED", end_time=1_700_000_000_000)

    info = client.get_run(run_id).info
    assert (info.status, info.end_time) == ("KILLED", 1_700_000_000_000)


def test_a_run_is_renamed(client: MlflowClient, run_id: str) -> None:
    client.update_run(run_id, name="second try")

    run = client.get_run(run_id)
    assert (run.info.run_name, run.data.tags["mlflow.runName"]) == ("second try", "second try")


def test_a_run_goes_on_where_it_stopped(mlflow: ModuleType, client: MlflowClient) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.9)
    with mlflow.start_run(run_id=run.info.run_id):
        assert client.get_run(run.info.run_id).info.status == "RUNNING"
        mlflow.log_metric("auc", 0.92)

    stored = client.get_run(run.info.run_id)
    assert (stored.info.status, stored.data.metrics) == ("FINISHED", {"loss": 0.9, "auc": 0.92})


def test_a_deleted_run_is_hidden_and_read_only_until_it_is_restored(
    client: MlflowClient, experiment_id: str, run_id: str
) -> None:
    client.delete_run(run_id)

    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    assert client.search_runs([experiment_id]) == []
    with refused("INVALID_PARAMETER_VALUE", saying="must be in the 'active' state"):
        client.log_param(run_id, "C", "0.5")

    client.restore_run(run_id)

    client.log_param(run_id, "C", "0.5")
    assert [run.info.run_id for run in client.search_runs([experiment_id])] == [run_id]


def test_a_missing_run_is_an_error_everywhere(client: MlflowClient) -> None:
    missing = "f" * 32
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Run with id={missing} not found"):
        client.get_run(missing)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.log_metric(missing, "loss", 0.9)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.set_tag(missing, "team", "growth")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.delete_run(missing)


def test_a_key_with_an_illegal_character_is_refused(client: MlflowClient, run_id: str) -> None:
    for log in (
        lambda: client.log_metric(run_id, "a,b", 1.0),
        lambda: client.log_param(run_id, "a,b", "1"),
        lambda: client.set_tag(run_id, "a,b", "1"),
    ):
        with refused("INVALID_PARAMETER_VALUE"):
            log()

    data = client.get_run(run_id).data
    assert (data.metrics, data.params) == ({}, {})


@pytest.mark.parametrize("key", ["val/auc", "top 5", "a.b-c_d", "größe"])
def test_a_key_may_hold_slashes_dots_spaces_and_letters_of_any_language(
    client: MlflowClient, run_id: str, key: str
) -> None:
    client.log_metric(run_id, key, 0.5)
    client.log_param(run_id, key, "x")

    data = client.get_run(run_id).data
    assert (data.metrics, data.params) == ({key: 0.5}, {key: "x"})


def test_metrics_logged_without_waiting_arrive(mlflow: ModuleType, client: MlflowClient) -> None:
    with mlflow.start_run() as run:
        for step in range(20):
            mlflow.log_metric("loss", 1.0 / (step + 1), step=step, synchronous=False)
    mlflow.flush_async_logging()

    assert len(client.get_metric_history(run.info.run_id, "loss")) == 20
