"""`modelkeep import mlflow` from a running server of the newest MLflow, filled by its own client."""

from __future__ import annotations

import json
import shutil

import pytest

import modelkeep
from tests.importing.dumping import dump

pytestmark = pytest.mark.timeout(900)  # starting MLflow's server takes over a minute on a busy machine


@pytest.fixture(scope="module")
def client(mlflow_server):
    from mlflow import MlflowClient

    return MlflowClient(mlflow_server.url)


@pytest.fixture
def prompt(client):
    name = "greeting"
    if not any(each.name == name for each in client.search_prompts()):
        client.register_prompt(name, "Hello {{ name }}", commit_message="first")
        client.register_prompt(name, "Good morning, {{ name }}", commit_message="second")
        client.set_prompt_alias(name, "live", 2)
    return name


@pytest.fixture
def logged_model(client):
    """A logged model that was measured and registered, as MLflow 3 does it."""
    run = client.create_run(client.get_experiment_by_name("churn").experiment_id, run_name="with a logged model")
    model = client.create_logged_model(
        run.info.experiment_id, name="model", source_run_id=run.info.run_id, tags={"a": "b"}, params={"depth": "3"}
    )
    client.log_model_artifact(model.model_id, __file__)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_metric(run.info.run_id, "auc", 0.9, 10, 0, model_id=model.model_id)
    client.log_outputs(run.info.run_id, [_output(model.model_id)])
    version = client.create_model_version(
        "fraud-detection", f"models:/{model.model_id}", run.info.run_id, model_id=model.model_id
    )
    return model.model_id, version.version


def _output(model_id):
    from mlflow.entities import LoggedModelOutput

    return LoggedModelOutput(model_id, 1)


def test_the_stock_client_finds_the_same_on_both_sides(bring, mlflow_server, server):
    done = bring(mlflow_server.url, "--to", server.url, "--verify", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert (report["problems"], report["differences"]) == ([], [])
    assert dump(server.url) == dump(mlflow_server.url)


def test_logged_models_come_with_their_files_and_metrics(bring, mlflow_server, target, logged_model):
    model_id, number = logged_model

    done = bring(mlflow_server.url, "--to", target, "--verify", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    here = modelkeep.connect(target)
    found = here.get_logged_model(model_id)
    assert (found.tags["a"], found.params, found.metrics[0].value) == ("b", {"depth": "3"}, 0.9)
    version = here.get_model_version("fraud-detection", number)
    assert version.source == f"models:/{model_id}"
    assert [file.path for file in here.list_model_version_files("fraud-detection", number)] == ["test_servers.py"]


def test_prompts_come_with_their_versions_and_aliases(bring, mlflow_server, server, prompt):
    from mlflow import MlflowClient

    bring(mlflow_server.url, "--to", server.url)

    here = MlflowClient(server.url)
    assert here.get_prompt_version(prompt, "1").template == "Hello {{ name }}"
    assert here.get_prompt_version_by_alias(prompt, "live").template == "Good morning, {{ name }}"


def test_only_what_is_new_there_comes_later(bring, mlflow_server, target, client):
    bring(mlflow_server.url, "--to", target)
    run = client.create_run("0", run_name="later")
    client.log_metric(run.info.run_id, "auc", float("nan"), 5, 0)
    client.create_model_version("no-versions", "s3://bucket/later", run.info.run_id)

    report = json.loads(bring(mlflow_server.url, "--to", target, "--verify", "--json").stdout)

    assert report["runs"]["imported"] == report["versions"]["imported"] == 1
    assert report["models"]["updated"] == 1
    assert report["differences"] == []


def test_its_database_says_the_same_as_the_server(bring, mlflow_server, tmp_path, target):
    copy = shutil.copy(mlflow_server.database, tmp_path / "copy.db")

    done = bring(copy, "--to", target, "--artifacts", mlflow_server.artifacts, "--verify", "--json")
    from_server = bring(mlflow_server.url, "--to", tmp_path / "other", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report, other = json.loads(done.stdout), json.loads(from_server.stdout)
    for noun in ("experiments", "runs", "models", "versions", "files", "bytes"):
        assert report[noun] == other[noun], noun
