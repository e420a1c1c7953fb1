"""Runs and experiments."""

from __future__ import annotations

import time

from compat.flows.given import Given
from compat.flows.steps import step

RUNS = "Runs"


@step(RUNS, "parameters, metrics and tags")
def data(given: Given) -> None:
    with given.mlflow.start_run(run_name="first", description="A first try") as run:
        given.mlflow.log_params({"depth": 3, "rate": 0.1})
        given.mlflow.log_metrics({"auc": 0.92, "loss": float("nan")})
        given.mlflow.set_tags({"team": "churn", "gone": "x"})
        given.mlflow.delete_tag("gone")

    found = given.client.get_run(run.info.run_id)
    assert (found.info.run_name, found.info.status) == ("first", "FINISHED")
    assert found.data.params == {"depth": "3", "rate": "0.1"}
    assert found.data.metrics["auc"] == 0.92
    assert found.data.metrics["loss"] != found.data.metrics["loss"]
    assert found.data.tags["team"] == "churn"
    assert "gone" not in found.data.tags


@step(RUNS, "a parameter cannot be changed")
def changed_parameter(given: Given) -> None:
    with given.mlflow.start_run():
        given.mlflow.log_param("depth", 3)
        given.mlflow.log_param("depth", 3)
        with given.refused("INVALID_PARAMETER_VALUE"):
            given.mlflow.log_param("depth", 4)


@step(RUNS, "the history of a metric")
def history(given: Given) -> None:
    with given.mlflow.start_run() as run:
        for at in range(5):
            given.mlflow.log_metric("loss", 1 / (at + 1), step=at)

    found = given.client.get_metric_history(run.info.run_id, "loss")
    assert [(metric.step, metric.value) for metric in found] == [(at, 1 / (at + 1)) for at in range(5)]


@step(RUNS, "a batch of metrics, parameters and tags")
def batch(given: Given) -> None:
    entities, now = given.mlflow.entities, int(time.time() * 1000)
    with given.mlflow.start_run() as run:
        given.client.log_batch(
            run.info.run_id,
            metrics=[entities.Metric("loss", number / 2, now, number) for number in range(500)],
            params=[entities.Param(f"p{number}", str(number)) for number in range(100)],
            tags=[entities.RunTag("kind", "batch")],
        )

    found = given.client.get_run(run.info.run_id).data
    assert (found.metrics["loss"], len(found.params), found.tags["kind"]) == (249.5, 100, "batch")
    assert len(given.client.get_metric_history(run.info.run_id, "loss")) == 500


@step(RUNS, "nested runs")
def nested(given: Given) -> None:
    with given.mlflow.start_run() as outer:
        for depth in (1, 2):
            with given.mlflow.start_run(nested=True):
                given.mlflow.log_param("depth", depth)

    found = given.client.search_runs([given.experiment_id], f"tags.mlflow.parentRunId = '{outer.info.run_id}'")
    assert sorted(run.data.params["depth"] for run in found) == ["1", "2"]


@step(RUNS, "go on with a run, and end it as failed")
def resume(given: Given) -> None:
    with given.mlflow.start_run() as run:
        pass
    with given.mlflow.start_run(run_id=run.info.run_id):
        given.mlflow.log_metric("late", 1.0)
    given.client.set_terminated(run.info.run_id, "FAILED")

    found = given.client.get_run(run.info.run_id)
    assert (found.info.status, found.data.metrics) == ("FAILED", {"late": 1.0})


@step(RUNS, "delete a run, and restore it")
def delete(given: Given) -> None:
    with given.mlflow.start_run() as run:
        pass
    run_id = run.info.run_id
    given.client.delete_run(run_id)
    assert given.client.get_run(run_id).info.lifecycle_stage == "deleted"
    given.client.restore_run(run_id)

    assert given.client.get_run(run_id).info.lifecycle_stage == "active"


@step(RUNS, "autologging of scikit-learn")
def autolog(given: Given) -> None:
    import pandas
    from sklearn.linear_model import LogisticRegression

    features = pandas.DataFrame({"age": [0.0, 1.0, 2.0, 3.0]})
    given.mlflow.sklearn.autolog(silent=True, log_models=False)
    try:
        with given.mlflow.start_run() as run:
            LogisticRegression(max_iter=200).fit(features, [0, 0, 1, 1])
    finally:
        given.mlflow.sklearn.autolog(disable=True)

    found = given.client.get_run(run.info.run_id)
    assert found.data.params["max_iter"] == "200"
    assert "training_score" in found.data.metrics
    assert len(found.inputs.dataset_inputs) == 1


EXPERIMENTS = "Experiments"


@step(EXPERIMENTS, "create, tag and rename an experiment")
def experiment(given: Given) -> None:
    name, new = given.name("experiment"), given.name("experiment")
    experiment_id = given.client.create_experiment(name, tags={"team": "churn"})
    given.client.set_experiment_tag(experiment_id, "phase", "trial")
    given.client.rename_experiment(experiment_id, new)

    found = given.client.get_experiment_by_name(new)
    assert found.experiment_id == experiment_id
    assert (found.tags["team"], found.tags["phase"]) == ("churn", "trial")
    assert given.client.get_experiment_by_name(name) is None


@step(EXPERIMENTS, "delete an experiment, and restore it")
def delete_experiment(given: Given) -> None:
    name = given.name("experiment")
    experiment_id = given.client.create_experiment(name)
    given.client.delete_experiment(experiment_id)
    assert given.client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    given.client.restore_experiment(experiment_id)

    assert given.client.get_experiment(experiment_id).lifecycle_stage == "active"


@step(EXPERIMENTS, "search experiments by name and tag")
def search_experiments(given: Given) -> None:
    name = given.name("experiment")
    given.client.create_experiment(name, tags={"mark": name})

    for text in (f"name = '{name}'", f"tags.mark = '{name}'"):
        assert [found.name for found in given.client.search_experiments(filter_string=text)] == [name]
