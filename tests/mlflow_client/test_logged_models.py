"""Logged models: what `log_model` makes before anything is registered."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy
import pandas
import pytest

from tests.mlflow_client.peer import modelkeep_only
from tests.mlflow_client.refusals import refused
from tests.mlflow_client.training import Trained, log_model_quickly

if TYPE_CHECKING:
    from mlflow import MlflowClient


def test_logging_a_model_leaves_a_ready_model_with_the_params_of_its_run(
    mlflow: ModuleType, experiment_id: str, churn_model: Trained
) -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("C", 1.0)
        info = log_model_quickly(mlflow, churn_model, name="churn", tags={"team": "growth"})

    model = mlflow.get_logged_model(info.model_id)
    assert (model.name, model.experiment_id, model.source_run_id) == ("churn", experiment_id, run.info.run_id)
    assert model.status == "READY"
    assert model.params == {"C": "1.0"}
    assert model.tags.items() >= {("team", "growth")}
    assert model.artifact_location == f"mlflow-artifacts:/{experiment_id}/models/{info.model_id}/artifacts"


def test_a_logged_model_loads_by_its_id(mlflow: ModuleType, churn_model: Trained) -> None:
    info = log_model_quickly(mlflow, churn_model)

    loaded = mlflow.sklearn.load_model(f"models:/{info.model_id}")

    assert numpy.array_equal(loaded.predict(churn_model.unseen), churn_model.predictions)


def test_a_model_is_initialised_filled_and_finalised_by_hand(mlflow: ModuleType, client: MlflowClient) -> None:
    model = mlflow.initialize_logged_model("agent", params={"temperature": "0.2"}, model_type="agent")
    assert (model.status, model.model_type) == ("PENDING", "agent")

    final = mlflow.finalize_logged_model(model.model_id, "READY")

    assert final.status == "READY"
    assert client.get_logged_model(model.model_id).params == {"temperature": "0.2"}


def test_a_model_may_be_finalised_as_failed(mlflow: ModuleType) -> None:
    model = mlflow.initialize_logged_model("agent")

    assert mlflow.finalize_logged_model(model.model_id, "FAILED").status == "FAILED"


def test_a_model_kept_elsewhere_is_ready_at_once(mlflow: ModuleType) -> None:
    model = mlflow.create_external_model(name="hosted", params={"endpoint": "eu"})

    assert mlflow.get_logged_model(model.model_id).status == "READY"


def test_tags_of_a_logged_model_are_set_and_deleted(mlflow: ModuleType) -> None:
    model = mlflow.initialize_logged_model("agent", tags={"team": "growth"})

    mlflow.set_logged_model_tags(model.model_id, {"reviewed": "yes", "owner": "ann"})
    mlflow.delete_logged_model_tag(model.model_id, "owner")

    tags = mlflow.get_logged_model(model.model_id).tags
    assert tags.items() >= {("team", "growth"), ("reviewed", "yes")}
    assert "owner" not in tags


def test_more_params_than_one_request_may_hold_are_logged(mlflow: ModuleType) -> None:
    params = {f"p{number}": str(number) for number in range(150)}

    model = mlflow.initialize_logged_model("agent", params=params)

    assert mlflow.get_logged_model(model.model_id).params == params


def test_params_are_added_to_a_logged_model(mlflow: ModuleType) -> None:
    model = mlflow.initialize_logged_model("agent")

    mlflow.log_model_params({"temperature": "0.2"}, model_id=model.model_id)

    assert mlflow.get_logged_model(model.model_id).params == {"temperature": "0.2"}


def test_a_metric_of_a_run_belongs_to_the_model_it_names(
    mlflow: ModuleType, client: MlflowClient, experiment_id: str
) -> None:
    model = mlflow.initialize_logged_model("agent")
    dataset = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0]}), name="unseen")

    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.92, model_id=model.model_id, dataset=dataset)

    (metric,) = mlflow.get_logged_model(model.model_id).metrics
    assert (metric.key, metric.value, metric.run_id) == ("auc", 0.92, run.info.run_id)
    assert (metric.dataset_name, metric.dataset_digest) == ("unseen", dataset.digest)


def test_files_of_a_logged_model_are_listed_and_added_to(
    mlflow: ModuleType, client: MlflowClient, churn_model: Trained, tmp_path: Path
) -> None:
    info = log_model_quickly(mlflow, churn_model)
    (tmp_path / "card.md").write_text("# Churn")

    client.log_model_artifact(info.model_id, str(tmp_path / "card.md"), artifact_path="docs")

    root = {file.path for file in client.list_logged_model_artifacts(info.model_id)}
    assert root >= {"MLmodel", "model.skops", "docs"}
    (card,) = client.list_logged_model_artifacts(info.model_id, "docs")
    assert (card.path, card.file_size) == ("docs/card.md", 7)


def test_a_deleted_logged_model_is_gone(mlflow: ModuleType, client: MlflowClient) -> None:
    model = mlflow.initialize_logged_model("agent")

    client.delete_logged_model(model.model_id)

    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_logged_model(model.model_id)


def test_a_missing_logged_model_is_an_error(mlflow: ModuleType, client: MlflowClient) -> None:
    missing = f"m-{uuid.uuid4().hex}"
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Logged model with ID '{missing}' not found."):
        client.get_logged_model(missing)
    with refused("RESOURCE_DOES_NOT_EXIST"):
        mlflow.finalize_logged_model(missing, "READY")
    # The client asks for the model first, and tells the 404 in words of its own.
    with refused("INVALID_PARAMETER_VALUE", saying=f"Failed to get logged model with ID {missing}."):
        mlflow.set_logged_model_tags(missing, {"a": "b"})


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", "a'b", 'a"b'])
def test_a_logged_model_with_an_illegal_name_is_refused(client: MlflowClient, experiment_id: str, name: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        client.create_logged_model(experiment_id, name=name)


@pytest.fixture
def three_models(mlflow: ModuleType) -> str:
    """Names a, b, c with params.depth 3, 5, 5 and auc 0.81, 0.92, 0.88; the last one pending."""
    with mlflow.start_run() as run:
        for name, depth, auc in (("a", "3", 0.81), ("b", "5", 0.92), ("c", "5", 0.88)):
            model = mlflow.initialize_logged_model(
                name, params={"depth": depth}, tags={"team": "risk" if name == "c" else "growth"}
            )
            mlflow.log_metric("auc", auc, model_id=model.model_id)
            if name != "c":
                mlflow.finalize_logged_model(model.model_id, "READY")
    identity: str = run.info.run_id
    return identity


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("name = 'a'", {"a"}),
        ("attributes.name LIKE 'b%'", {"b"}),
        ("params.depth = '5'", {"b", "c"}),
        ("metrics.auc > 0.85", {"b", "c"}),
        ("tags.team = 'growth' AND metrics.auc > 0.9", {"b"}),
        ("tags.team != 'growth'", {"c"}),
        ("name IN ('a', 'c')", {"a", "c"}),
        ("creation_timestamp > 0", {"a", "b", "c"}),
        ("metrics.auc > 2", set()),
        (None, {"a", "b", "c"}),
    ],
)
def test_logged_models_are_found(
    mlflow: ModuleType, three_models: str, condition: str | None, expected: set[str]
) -> None:
    found = mlflow.search_logged_models(filter_string=condition, output_format="list")

    assert {model.name for model in found} == expected


def test_logged_models_are_found_by_the_run_that_made_them(mlflow: ModuleType, three_models: str) -> None:
    found = mlflow.search_logged_models(filter_string=f"source_run_id = '{three_models}'", output_format="list")

    assert {model.name for model in found} == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ([{"field_name": "metrics.auc", "ascending": False}], ["b", "c", "a"]),
        ([{"field_name": "metrics.auc"}], ["a", "c", "b"]),
        ([{"field_name": "name", "ascending": False}], ["c", "b", "a"]),
    ],
)
def test_logged_models_are_ordered(
    mlflow: ModuleType, three_models: str, order_by: list[dict[str, object]], expected: list[str]
) -> None:
    found = mlflow.search_logged_models(order_by=order_by, output_format="list")

    assert [model.name for model in found] == expected


def test_pages_of_logged_models_hold_each_once(client: MlflowClient, experiment_id: str, three_models: str) -> None:
    order = [{"field_name": "name", "ascending": True}]
    first = client.search_logged_models([experiment_id], max_results=2, order_by=order)
    second = client.search_logged_models([experiment_id], max_results=2, order_by=order, page_token=first.token)

    assert [model.name for model in [*first, *second]] == ["a", "b", "c"]
    assert not second.token


@pytest.fixture
def dataset(mlflow: ModuleType) -> Any:
    """A dataset that the model `measured` was scored on, and the model `other` was not."""
    dataset = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0]}), name="unseen")
    measured, other = (mlflow.initialize_logged_model(name) for name in ("measured", "other"))
    with mlflow.start_run():
        mlflow.log_metric("auc", 0.92, model_id=measured.model_id, dataset=dataset)
        mlflow.log_metric("auc", 0.95, model_id=other.model_id)
    return dataset


@pytest.mark.parametrize("condition", ["metrics.auc > 0.5", None])
def test_logged_models_are_found_by_the_dataset_they_were_scored_on(
    mlflow: ModuleType, dataset: Any, condition: str | None
) -> None:
    def names(digest: str) -> list[str]:
        datasets = [{"dataset_name": "unseen", "dataset_digest": digest}]
        found = mlflow.search_logged_models(filter_string=condition, datasets=datasets, output_format="list")
        return [model.name for model in found]

    assert names(dataset.digest) == ["measured"]
    assert names("another") == []


@modelkeep_only("compares a digest left out with NULL, and finds nothing")
def test_logged_models_are_found_by_the_name_of_a_dataset(mlflow: ModuleType, dataset: Any) -> None:
    found = mlflow.search_logged_models(datasets=[{"dataset_name": dataset.name}], output_format="list")

    assert [model.name for model in found] == ["measured"]


@pytest.mark.parametrize("condition", ["params.depth > 3", "colour.auc = 1", "name ="])
def test_a_filter_on_logged_models_that_cannot_be_read_is_refused(mlflow: ModuleType, condition: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        mlflow.search_logged_models(filter_string=condition)


@modelkeep_only("answers 500, which the client retries")
def test_a_metric_of_a_logged_model_is_compared_with_a_number_only(mlflow: ModuleType) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        mlflow.search_logged_models(filter_string="metrics.auc > 'high'")
