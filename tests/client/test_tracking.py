"""Experiments, runs and logged models through the client."""

import math
import uuid

import pytest

from modelkeep.client.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunTag,
    ViewType,
)
from modelkeep.domain.errors import Invalid, NotFound


def test_an_experiment_lives_its_life(client, experiment_id):
    name = client.get_experiment(experiment_id).name
    client.set_experiment_tag(experiment_id, "team", "risk")
    assert client.get_experiment_by_name(name).tags == {"team": "risk"}
    client.delete_experiment_tag(experiment_id, "team")

    client.rename_experiment(experiment_id, f"{name}-new")
    assert client.get_experiment_by_name(name) is None

    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    found = client.search_experiments(ViewType.DELETED_ONLY, filter_string=f"name='{name}-new'")
    assert [each.experiment_id for each in found] == [experiment_id]
    client.restore_experiment(experiment_id)
    assert client.get_experiment(experiment_id).tags == {}


def test_a_run_keeps_what_it_logged(client, run_id):
    client.log_metric(run_id, "auc", 0.9, step=1, timestamp=5)
    client.log_metric(run_id, "auc", 0.92, step=2, timestamp=6)
    assert client.log_param(run_id, "depth", 3) == 3
    client.set_tag(run_id, "team", "risk")
    client.set_terminated(run_id)

    found = client.get_run(run_id)

    assert found.data.metrics == {"auc": 0.92}
    assert found.data.params == {"depth": "3"}
    assert found.data.tags["team"] == "risk"
    assert found.info.status == "FINISHED" and found.info.end_time >= found.info.start_time
    assert found.info.run_uuid == run_id
    assert [(each.step, each.value, each.timestamp) for each in client.get_metric_history(run_id, "auc")] == [
        (1, 0.9, 5),
        (2, 0.92, 6),
    ]
    with pytest.raises(Invalid, match="Changing param values is not allowed"):
        client.log_param(run_id, "depth", 4)
    client.delete_tag(run_id, "team")
    with pytest.raises(NotFound):
        client.delete_tag(run_id, "team")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1, 1e300])
def test_a_number_of_any_kind_can_be_logged(client, run_id, value):
    client.log_metric(run_id, "m", value)

    found = client.get_run(run_id).data.metrics["m"]

    assert (
        math.isnan(found)
        if math.isnan(value)
        else found == max(min(value, 1.7976931348623157e308), -1.7976931348623157e308)
    )


def test_a_batch_may_be_of_any_size(client, run_id):
    metrics = [Metric("loss", 1 / step, step, step) for step in range(1, 1202)]
    params = [Param(f"p{number}", str(number)) for number in range(150)]

    client.log_batch(run_id, metrics, params, [RunTag("a", "b")])

    assert len(client.get_metric_history(run_id, "loss")) == 1201
    found = client.get_run(run_id)
    assert len(found.data.params) == 150 and found.data.tags["a"] == "b"
    client.log_batch(run_id)


def test_a_run_says_what_it_read_and_wrote(client, experiment_id, run_id):
    written = client.create_logged_model(experiment_id, "tree", run_id)
    dataset = Dataset("churn", "abc123", "local", '{"uri": "churn.csv"}', schema="{}")
    client.log_inputs(
        run_id,
        [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])],
        [LoggedModelInput(written.model_id)],
    )
    client.log_outputs(run_id, [LoggedModelOutput(written.model_id, 2)])

    found = client.get_run(run_id)

    assert found.inputs.dataset_inputs[0].dataset == dataset
    assert found.inputs.dataset_inputs[0].tags == [InputTag("mlflow.data.context", "training")]
    assert found.inputs.model_inputs == [LoggedModelInput(written.model_id)]
    assert found.outputs.model_outputs == [LoggedModelOutput(written.model_id, 2)]


def test_runs_are_found_by_what_they_logged(client, experiment_id):
    ids = [client.create_run(experiment_id, run_name=f"r{number}").info.run_id for number in range(3)]
    for number, run_id in enumerate(ids):
        client.log_metric(run_id, "auc", number / 10)

    found = client.search_runs([experiment_id], "metrics.auc > 0.05", order_by=["metrics.auc DESC"])

    assert [run.info.run_id for run in found] == [ids[2], ids[1]]
    client.delete_run(ids[2])
    assert len(client.search_runs(experiment_id)) == 2
    client.restore_run(ids[2])
    client.update_run(ids[2], "KILLED", "best")
    assert client.get_run(ids[2]).info.run_name == "best"
    first = client.search_runs([experiment_id], max_results=2)
    assert len(client.search_runs([experiment_id], max_results=2, page_token=first.token)) == 1


def test_a_run_knows_its_parent(client, experiment_id, run_id):
    child = client.create_run(experiment_id, tags={"mlflow.parentRunId": run_id}).info.run_id

    assert client.get_parent_run(child).info.run_id == run_id
    assert client.get_parent_run(run_id) is None


def test_a_logged_model_lives_its_life(client, experiment_id, run_id):
    name = f"tree-{uuid.uuid4().hex[:6]}"
    made = client.create_logged_model(experiment_id, name, run_id, {"a": "b"}, {"depth": 3}, "tree")
    assert made.status == "PENDING" and made.model_uri == f"models:/{made.model_id}"

    client.set_logged_model_tags(made.model_id, {"c": 1, "a/b": "slash"})
    client.delete_logged_model_tag(made.model_id, "a/b")
    client.log_model_params(made.model_id, {"seed": "1"})
    ready = client.finalize_logged_model(made.model_id, "READY")

    assert (ready.status, ready.tags, ready.params) == ("READY", {"a": "b", "c": "1"}, {"depth": "3", "seed": "1"})
    assert [each.model_id for each in client.search_logged_models([experiment_id], f"name='{name}'")] == [made.model_id]
    client.delete_logged_model(made.model_id)
    with pytest.raises(NotFound):
        client.get_logged_model(made.model_id)
