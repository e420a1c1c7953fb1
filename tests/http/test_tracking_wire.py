"""Experiments, runs, metrics, data sets and logged models as bytes on the wire: MLflow's shapes, codes and texts."""

import itertools
import json

import pytest

API = "/api/2.0/mlflow"
_numbers = itertools.count()


@pytest.fixture
def experiment(wire):
    return wire.post(f"{API}/experiments/create", name=f"experiment-{next(_numbers)}").json["experiment_id"]


@pytest.fixture
def run(wire, experiment):
    answer = wire.post(f"{API}/runs/create", experiment_id=experiment, start_time=5, run_name="first", user_id="me")
    return answer.json["run"]["info"]["run_id"]


def get_run(wire, run):
    return wire.get(f"{API}/runs/get", run_id=run).json["run"]


def test_an_experiment_has_mlflows_shape(wire):
    created = wire.post(f"{API}/experiments/create", name="shape", tags=[{"key": "k", "value": "v"}])
    assert isinstance(created.json["experiment_id"], str)

    experiment = wire.get(f"{API}/experiments/get", experiment_id=created.json["experiment_id"]).json["experiment"]

    assert isinstance(experiment.pop("creation_time"), int)
    assert isinstance(experiment.pop("last_update_time"), int)
    assert experiment == {
        "experiment_id": created.json["experiment_id"],
        "name": "shape",
        "artifact_location": f"mlflow-artifacts:/{created.json['experiment_id']}",
        "lifecycle_stage": "active",
        "tags": [{"key": "k", "value": "v"}],
        "workspace": "default",
    }


def test_the_first_experiment_is_0_and_named_default(wire):
    assert (
        wire.get(f"{API}/experiments/get-by-name", experiment_name="Default").json["experiment"]["experiment_id"] == "0"
    )


@pytest.mark.parametrize(
    ("path", "query", "status", "message"),
    [
        ("experiments/get", {"experiment_id": "99999"}, 404, "No Experiment with id=99999 exists"),
        ("experiments/get-by-name", {"experiment_name": "nope"}, 404, "Could not find experiment with name 'nope'"),
        ("runs/get", {"run_id": "nope"}, 404, "Run with id=nope not found"),
        ("logged-models/m-nope", {}, 404, "Logged model with ID 'm-nope' not found."),
        (
            "runs/get",
            {},
            400,
            "Missing value for required parameter 'run_id'. See the API docs for more information about request "
            "parameters.",
        ),
    ],
)
def test_errors_are_what_clients_match(wire, path, query, status, message):
    answer = wire.get(f"{API}/{path}", **query)

    code = "RESOURCE_DOES_NOT_EXIST" if status == 404 else "INVALID_PARAMETER_VALUE"
    assert (answer.status, answer.json) == (status, {"error_code": code, "message": message})


def test_a_taken_experiment_name_is_resource_already_exists(wire):
    answer = wire.post(f"{API}/experiments/create", name="Default")

    assert (answer.status, answer.json["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")


def test_experiments_are_searched_by_get_and_by_post(wire, experiment):
    by_post = wire.post(
        f"{API}/experiments/search", filter=f"experiment_id = '{experiment}'", view_type="ALL", max_results=9
    )
    by_get = wire.get(f"{API}/experiments/search", filter=f"experiment_id = '{experiment}'", view_type=3, max_results=9)

    assert [each["experiment_id"] for each in by_post.json["experiments"]] == [experiment]
    assert by_get.json == by_post.json


def test_a_run_has_mlflows_shape(wire, experiment):
    run = wire.post(
        f"{API}/runs/create", experiment_id=experiment, start_time="5", run_name="first", user_id="me"
    ).json["run"]

    run_id = run["info"]["run_id"]
    assert run == {
        "info": {
            "run_id": run_id,
            "run_uuid": run_id,
            "run_name": "first",
            "experiment_id": experiment,
            "user_id": "me",
            "status": "RUNNING",
            "start_time": 5,
            "artifact_uri": f"mlflow-artifacts:/{experiment}/{run_id}/artifacts",
            "lifecycle_stage": "active",
        },
        "data": {"tags": [{"key": "mlflow.runName", "value": "first"}]},
        "inputs": {},
        "outputs": {},
    }
    assert get_run(wire, run_id) == run


def test_a_run_is_known_by_the_old_name_of_its_id(wire, run):
    for path, body in (
        ("runs/update", {"status": "FINISHED", "end_time": 9}),
        ("runs/log-metric", {"key": "m", "value": 1.5, "timestamp": 1}),
        ("runs/log-parameter", {"key": "p", "value": "1"}),
        ("runs/set-tag", {"key": "t", "value": None}),
    ):
        assert wire.post(f"{API}/{path}", run_uuid=run, **body).status == 200

    found = wire.get(f"{API}/runs/get", run_uuid=run).json["run"]
    assert (found["info"]["status"], found["info"]["end_time"]) == ("FINISHED", 9)
    assert found["data"]["metrics"] == [{"key": "m", "value": 1.5, "timestamp": 1, "step": 0}]
    assert found["data"]["params"] == [{"key": "p", "value": "1"}]
    assert {"key": "t", "value": ""} in found["data"]["tags"]
    history = wire.get(f"{API}/metrics/get-history", run_uuid=run, metric_key="m").json
    assert history == {"metrics": [{"key": "m", "value": 1.5, "timestamp": 1, "step": 0}]}


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [("FAILED", 200, "FAILED"), (5, 200, "KILLED"), ("bogus", 200, "RUNNING"), (77, 400, "RUNNING")],
)
def test_a_status_is_a_name_or_a_number(wire, run, status, code, expected):
    assert wire.post(f"{API}/runs/update", run_id=run, status=status).status == code
    assert get_run(wire, run)["info"]["status"] == expected


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        ("1.5", 1.5),
        ('"1.5"', 1.5),
        ("0", 0.0),
        ('"NaN"', "NaN"),
        ("NaN", "NaN"),
        ('"Infinity"', 1.7976931348623157e308),
        ('"-Infinity"', -1.7976931348623157e308),
    ],
)
def test_a_metric_may_be_a_number_or_its_text(wire, run, sent, answered):
    body = f'{{"run_id": "{run}", "key": "m", "value": {sent}, "timestamp": "1", "step": "2"}}'

    assert wire.send("POST", f"{API}/runs/log-metric", body.encode()).status == 200

    assert get_run(wire, run)["data"]["metrics"] == [{"key": "m", "value": answered, "timestamp": 1, "step": 2}]


@pytest.mark.parametrize("missing", ["key", "value", "timestamp", "run_id"])
def test_a_metric_without_one_of_its_fields_is_refused(wire, run, missing):
    body = {"run_id": run, "key": "m", "value": 1, "timestamp": 1}
    del body[missing]

    answer = wire.post(f"{API}/runs/log-metric", **body)

    assert answer.status == 400
    assert answer.json["message"].startswith(f"Missing value for required parameter '{missing}'.")


def test_a_batch_is_logged_and_its_history_paged(wire, run):
    metrics = [{"key": "loss", "value": step / 10, "timestamp": step, "step": step} for step in range(5)]
    body = {"metrics": metrics, "params": [{"key": "p", "value": "1"}], "tags": [{"key": "t", "value": "1"}]}

    assert wire.post(f"{API}/runs/log-batch", run_id=run, **body).json == {}

    first = wire.get(f"{API}/metrics/get-history", run_id=run, metric_key="loss", max_results=3).json
    token = first["next_page_token"]
    second = wire.get(f"{API}/metrics/get-history", run_id=run, metric_key="loss", max_results=3, page_token=token).json
    assert first["metrics"] + second["metrics"] == metrics
    assert "next_page_token" not in second


def test_of_a_batch_with_an_error_nothing_is_kept(wire, run):
    wire.post(f"{API}/runs/log-parameter", run_id=run, key="p", value="1")
    before = get_run(wire, run)

    answer = wire.post(
        f"{API}/runs/log-batch",
        run_id=run,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}],
        params=[{"key": "q", "value": "1"}, {"key": "p", "value": "2"}],
    )

    assert (answer.status, answer.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert get_run(wire, run) == before


def test_the_browsers_bulk_histories_name_the_run(wire, run):
    wire.post(f"{API}/runs/log-metric", run_id=run, key="m", value="NaN", timestamp=1, step=1)
    expected = {"metrics": [{"key": "m", "value": "NaN", "timestamp": 1, "step": 1, "run_id": run}]}

    assert (
        wire.get("/ajax-api/2.0/mlflow/metrics/get-history-bulk", run_id=[run, "nope"], metric_key="m").json == expected
    )
    assert wire.get(f"{API}/metrics/get-history-bulk-interval", run_ids=[run], metric_key="m").json == expected


def test_a_search_of_runs_without_any_is_an_empty_object(wire, experiment):
    assert wire.post(f"{API}/runs/search", experiment_ids=[experiment]).json == {}
    assert wire.post(f"{API}/runs/search", experiment_ids=[]).json == {}


def test_runs_are_searched(wire, experiment, run):
    wire.post(f"{API}/runs/log-metric", run_id=run, key="m", value=1, timestamp=1)

    found = wire.post(
        f"{API}/runs/search", experiment_ids=[experiment], filter="metrics.m > 0.5", order_by=["start_time DESC"]
    )

    assert found.json == {"runs": [get_run(wire, run)]}


@pytest.mark.parametrize("prefix", ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0mlflow", "/ajax-api/2.0mlflow"])
def test_inputs_and_outputs_stand_in_the_run_and_data_sets_are_searched_at_mlflows_odd_path(
    wire, experiment, run, prefix
):
    dataset = {"name": "iris", "digest": "1", "source_type": "local", "source": "{}", "schema": "{}"}
    read = {"tags": [{"key": "mlflow.data.context", "value": "training"}], "dataset": dataset}
    assert wire.post(f"{API}/runs/log-inputs", run_id=run, datasets=[read], models=[{"model_id": "m-1"}]).json == {}
    assert wire.post(f"{API}/runs/outputs", run_id=run, models=[{"model_id": "m-2", "step": "3"}]).json == {}

    found = get_run(wire, run)
    assert found["inputs"] == {"dataset_inputs": [read], "model_inputs": [{"model_id": "m-1"}]}
    assert found["outputs"] == {"model_outputs": [{"model_id": "m-2", "step": 3}]}
    summaries = wire.post(f"{prefix}/experiments/search-datasets", experiment_ids=[experiment])
    assert summaries.json == {
        "dataset_summaries": [{"experiment_id": experiment, "name": "iris", "digest": "1", "context": "training"}]
    }


def test_a_logged_model_lives_as_the_client_expects(wire, experiment, run):
    created = wire.post(
        f"{API}/logged-models",
        experiment_id=experiment,
        name="churn",
        model_type="sklearn",
        source_run_id=run,
        params=[{"key": "p", "value": "1"}],
        tags=[{"key": "t", "value": "1"}],
    ).json["model"]
    model_id = created["info"]["model_id"]
    path = f"{API}/logged-models/{model_id}"
    assert isinstance(created["info"].pop("creation_timestamp_ms"), int)
    assert isinstance(created["info"].pop("last_updated_timestamp_ms"), int)
    assert created == {
        "info": {
            "model_id": model_id,
            "experiment_id": experiment,
            "name": "churn",
            "artifact_uri": f"mlflow-artifacts:/{experiment}/models/{model_id}/artifacts",
            "status": "LOGGED_MODEL_PENDING",
            "model_type": "sklearn",
            "source_run_id": run,
            "tags": [{"key": "t", "value": "1"}],
        },
        "data": {"params": [{"key": "p", "value": "1"}]},
    }

    assert wire.post(f"{path}/params", model_id=model_id, params=[{"key": "q", "value": "2"}]).json == {}
    assert wire.patch(f"{path}/tags", tags=[{"key": "a b", "value": "2"}]).json == {}
    assert wire.delete(f"{path}/tags/t").json == {}
    assert wire.delete(f"{path}/tags/t").status == 404
    finalized = wire.patch(path, model_id=model_id, status="LOGGED_MODEL_READY").json["model"]
    assert finalized["info"]["status"] == "LOGGED_MODEL_READY"
    measured = {"key": "m", "value": 1.5, "timestamp": 1, "step": 2, "model_id": model_id, "dataset_name": "d"}
    wire.post(f"{API}/runs/log-metric", run_id=run, **measured)
    assert wire.get(path).json["model"]["data"]["metrics"] == [{**measured, "run_id": run}]
    assert wire.get(path).json["model"]["info"]["tags"] == [{"key": "a b", "value": "2"}]

    found = wire.post(
        f"{API}/logged-models/search",
        experiment_ids=[experiment],
        filter="metrics.m > 1",
        order_by=[{"field_name": "metrics.m", "ascending": False}],
    )
    assert found.json == {"models": [wire.get(path).json["model"]]}

    assert wire.send("DELETE", path).json == {}
    assert wire.get(path).status == 404
    assert wire.get(path, allow_deleted="true").json["model"]["info"]["model_id"] == model_id


def test_a_create_that_is_sent_twice_with_one_key_makes_one_run(wire, experiment):
    body = json.dumps({"experiment_id": experiment}).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"key-{experiment}"}

    answers = [wire.send("POST", f"{API}/runs/create", body, headers).json for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(wire.post(f"{API}/runs/search", experiment_ids=[experiment]).json["runs"]) == 1
