"""The article: "Model Lineage": from a version back to its run, its code and its data."""

from __future__ import annotations

import json
from types import ModuleType
from typing import TYPE_CHECKING

import pandas

from tests.mlflow_client.article import get_model_lineage
from tests.mlflow_client.training import Trained, log_model_quickly

if TYPE_CHECKING:
    from mlflow import MlflowClient

COMMIT = "5f0c9bd1c1c8f3f5e0a2b5bd3b94aef4fd8c8a25"


def test_a_version_leads_to_its_run_its_code_and_its_data(
    mlflow: ModuleType, client: MlflowClient, model_name: str, experiment_id: str, churn_model: Trained
) -> None:
    rows = churn_model.unseen
    dataset = mlflow.data.from_pandas(rows, source="https://example.org/churn.csv", name="churn-2022-03")
    tags = {
        "mlflow.source.name": "train.py",
        "mlflow.source.git.commit": COMMIT,
        "sparkml.features": "total_orders,lifetime_value",
    }
    with mlflow.start_run(tags=tags) as run:
        mlflow.log_input(dataset, context="training")
        log_model_quickly(mlflow, churn_model, registered_model_name=model_name)

    lineage = get_model_lineage(client, model_name, "1")

    assert lineage == {
        "model_name": model_name,
        "version": "1",
        "run_id": run.info.run_id,
        "experiment_id": experiment_id,
        "artifact_uri": run.info.artifact_uri,
        "source_code": "train.py",
        "git_commit": COMMIT,
        "training_data": [{"name": "churn-2022-03", "digest": dataset.digest}],
        "features": ["total_orders", "lifetime_value"],
    }
    assert json.loads(json.dumps(lineage, indent=2)) == lineage


def test_a_dataset_is_stored_with_its_source_schema_profile_and_tags(
    mlflow: ModuleType, client: MlflowClient, churn_model: Trained
) -> None:
    rows = churn_model.unseen.assign(benign=churn_model.labels)
    dataset = mlflow.data.from_pandas(rows, source="https://example.org/churn.csv", targets="benign", name="churn")

    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training", tags={"owner": "growth"})

    (stored,) = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert (stored.dataset.name, stored.dataset.digest) == ("churn", dataset.digest)
    assert stored.dataset.source_type == "http"
    assert json.loads(stored.dataset.source) == {"url": "https://example.org/churn.csv"}
    assert json.loads(stored.dataset.profile)["num_rows"] == len(rows)
    columns = json.loads(stored.dataset.schema)["mlflow_colspec"]
    assert [column["name"] for column in columns] == list(rows.columns)
    assert {tag.key: tag.value for tag in stored.tags} == {
        "mlflow.data.context": "training",
        "owner": "growth",
    }


def test_a_run_may_read_several_datasets(mlflow: ModuleType, client: MlflowClient) -> None:
    train = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0, 2.0]}), name="train")
    test = mlflow.data.from_pandas(pandas.DataFrame({"x": [3.0]}), name="test")

    with mlflow.start_run() as run:
        mlflow.log_input(train, context="training")
        mlflow.log_input(test, context="testing")

    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert {(i.dataset.name, i.tags[0].value) for i in inputs} == {("train", "training"), ("test", "testing")}


def test_logging_the_same_dataset_twice_stores_it_once(mlflow: ModuleType, client: MlflowClient) -> None:
    dataset = mlflow.data.from_pandas(pandas.DataFrame({"x": [1.0, 2.0]}), name="train")

    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training")
        mlflow.log_input(dataset, context="training")

    assert len(client.get_run(run.info.run_id).inputs.dataset_inputs) == 1


def test_the_runs_that_read_a_dataset_are_found(mlflow: ModuleType, churn_model: Trained) -> None:
    dataset = mlflow.data.from_pandas(churn_model.unseen, name="churn-2022-03")
    with mlflow.start_run() as reader:
        mlflow.log_input(dataset, context="training")
    with mlflow.start_run():
        pass

    for condition in (
        "dataset.name = 'churn-2022-03'",
        f"dataset.digest = '{dataset.digest}'",
        "dataset.name LIKE 'churn%' AND dataset.context = 'training'",
    ):
        found = mlflow.search_runs(filter_string=condition, output_format="list")
        assert [run.info.run_id for run in found] == [reader.info.run_id], condition


def test_a_run_lists_the_models_it_made_and_the_models_it_read(
    mlflow: ModuleType, client: MlflowClient, churn_model: Trained
) -> None:
    with mlflow.start_run() as training_run:
        info = log_model_quickly(mlflow, churn_model)
    with mlflow.start_run() as scoring_run:
        mlflow.log_input(model=mlflow.entities.LoggedModelInput(model_id=info.model_id))

    made = client.get_run(training_run.info.run_id).outputs.model_outputs
    read = client.get_run(scoring_run.info.run_id).inputs.model_inputs
    assert [model.model_id for model in made] == [info.model_id]
    assert [model.model_id for model in read] == [info.model_id]


def test_a_run_says_who_ran_which_script(mlflow: ModuleType, client: MlflowClient) -> None:
    with mlflow.start_run(run_name="nightly") as run:
        pass

    tags = client.get_run(run.info.run_id).data.tags
    assert tags["mlflow.runName"] == "nightly"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["mlflow.user"]
    assert tags["mlflow.source.name"]
