"""The functions of `import modelkeep as mlflow`."""

import subprocess
import sys
import threading
from pathlib import Path

import pandas
import pytest

import modelkeep
from modelkeep.exceptions import Invalid, NotFound


@pytest.fixture(autouse=True)
def chosen(uri, experiment_id):
    modelkeep.set_tracking_uri(uri)
    modelkeep.set_experiment(experiment_id=experiment_id)
    yield
    while modelkeep.active_run():
        modelkeep.end_run()


def test_a_run_ends_finished_with_its_block(client):
    with modelkeep.start_run(run_name="first", tags={"team": "risk"}, description="A try.") as run:
        assert modelkeep.active_run().info.run_id == run.info.run_id
        assert modelkeep.log_param("depth", 3) == 3
        modelkeep.log_params({"seed": 1, "kind": "tree"})
        modelkeep.log_metric("auc", 0.9, step=1)
        modelkeep.log_metrics({"auc": 0.92, "f1": 0.8}, step=2)
        modelkeep.set_tag("a", 1)
        modelkeep.set_tags({"b": 2, "c": 3})
        modelkeep.delete_tag("c")
    assert modelkeep.active_run() is None

    found = client.get_run(run.info.run_id)

    assert found.info.status == "FINISHED" and found.info.run_name == "first"
    assert found.data.params == {"depth": "3", "seed": "1", "kind": "tree"}
    assert found.data.metrics == {"auc": 0.92, "f1": 0.8}
    tags = found.data.tags
    assert (tags["team"], tags["a"], tags["b"], tags["mlflow.note.content"]) == ("risk", "1", "2", "A try.")
    assert "c" not in tags
    assert modelkeep.last_active_run() == found


def test_a_run_fails_when_its_block_raises(client):
    with pytest.raises(ZeroDivisionError), modelkeep.start_run() as run:
        _ = 1 / 0
    assert client.get_run(run.info.run_id).info.status == "FAILED"


def test_runs_nest(client):
    with modelkeep.start_run() as parent:
        with pytest.raises(Invalid, match="is already active"):
            modelkeep.start_run()
        with modelkeep.start_run(nested=True) as child:
            modelkeep.log_metric("m", 1)
        modelkeep.log_metric("n", 2)
    assert client.get_run(child.info.run_id).data.metrics == {"m": 1.0}
    assert client.get_run(parent.info.run_id).data.metrics == {"n": 2.0}
    assert modelkeep.get_parent_run(child.info.run_id).info.run_id == parent.info.run_id


def test_an_inner_run_that_was_left_open_ends_with_the_outer_one(client):
    with modelkeep.start_run() as outer:
        inner = modelkeep.start_run(nested=True)
    assert [client.get_run(run.info.run_id).info.status for run in (outer, inner)] == ["FINISHED", "FINISHED"]
    assert modelkeep.active_run() is None


def test_a_run_can_be_gone_on_with(client, run_id):
    client.set_terminated(run_id, "FAILED")
    with modelkeep.start_run(run_id=run_id, tags={"again": "yes"}) as run:
        assert run.info.status == "RUNNING"
    assert client.get_run(run_id).info.status == "FINISHED"
    assert client.get_run(run_id).data.tags["again"] == "yes"

    client.delete_run(run_id)
    with pytest.raises(Invalid, match="deleted state"):
        modelkeep.start_run(run_id=run_id)


def test_logging_without_a_run_starts_one(client):
    modelkeep.log_metric("auc", 0.5)
    run = modelkeep.active_run()
    modelkeep.end_run("KILLED")
    assert client.get_run(run.info.run_id).info.status == "KILLED"
    modelkeep.end_run()


def test_each_thread_has_runs_of_its_own(client):
    ids = {}
    together = threading.Barrier(4, timeout=120)

    def work(number):
        with modelkeep.start_run() as run:
            together.wait()
            modelkeep.log_param("number", number)
            ids[number] = run.info.run_id

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids.values())) == 4
    assert {number: client.get_run(ids[number]).data.params["number"] for number in ids} == {
        n: str(n) for n in range(4)
    }


def test_an_experiment_is_made_by_naming_it(client, experiment_id):
    name = client.get_experiment(experiment_id).name + "-other"
    made = modelkeep.set_experiment(name)
    with modelkeep.start_run() as run:
        pass
    assert run.info.experiment_id == made.experiment_id == modelkeep.get_experiment_by_name(name).experiment_id
    modelkeep.set_experiment_tag("team", "risk")
    assert modelkeep.get_experiment(made.experiment_id).tags == {"team": "risk"}

    client.delete_experiment(made.experiment_id)
    with pytest.raises(Invalid, match="Cannot set a deleted experiment"):
        modelkeep.set_experiment(name)
    with pytest.raises(Invalid, match="exactly one of"):
        modelkeep.set_experiment()


def test_runs_are_found_as_a_table_and_as_a_list(experiment_id):
    for number in range(3):
        with modelkeep.start_run(run_name=f"r{number}"):
            modelkeep.log_metric("auc", number / 10)
            if number:
                modelkeep.log_param("depth", number)

    table = modelkeep.search_runs(order_by=["metrics.auc DESC"])

    assert list(table["metrics.auc"]) == [0.2, 0.1, 0.0]
    assert list(table["params.depth"].fillna("")) == ["2", "1", ""]
    assert list(table["tags.mlflow.runName"]) == ["r2", "r1", "r0"]
    assert set(table["experiment_id"]) == {experiment_id} and set(table["status"]) == {"FINISHED"}
    assert isinstance(table["start_time"].dtype, pandas.DatetimeTZDtype)
    found = modelkeep.search_runs([experiment_id], "metrics.auc > 0.05", output_format="list", max_results=1)
    assert len(found) == 1
    name = modelkeep.get_experiment(experiment_id).name
    assert len(modelkeep.search_runs(experiment_names=[name])) == 3
    assert modelkeep.search_runs(experiment_names=["nobody"], output_format="list") == []
    with pytest.raises(Invalid, match="not both"):
        modelkeep.search_runs(["1"], experiment_names=["x"])
    with pytest.raises(Invalid, match="Unsupported output format"):
        modelkeep.search_runs(output_format="csv")


def test_a_search_goes_through_all_pages(experiment_id, model, client, monkeypatch):
    monkeypatch.setattr("modelkeep.client.searches._VERSIONS_PAGE", 2)
    for _ in range(5):
        client.create_model_version(model, "s3://bucket/model")

    assert len(modelkeep.search_model_versions(filter_string=f"name='{model}'")) == 5
    assert len(modelkeep.search_model_versions(3, f"name='{model}'")) == 3
    assert [each.name for each in modelkeep.search_registered_models(filter_string=f"name='{model}'")] == [model]
    found = modelkeep.search_experiments(filter_string=f"experiment_id = '{experiment_id}'")
    assert [each.experiment_id for each in found] == [experiment_id]


def test_a_data_set_is_recorded_with_its_context(client):
    data = pandas.DataFrame({"orders": [1, 2, 3], "plan": ["a", "b", "c"]})
    dataset = modelkeep.data.from_pandas(data, source="s3://lake/churn.csv", name="churn", targets="orders")
    with modelkeep.start_run() as run:
        modelkeep.log_input(dataset, context="training", tags={"rows": 3})
        modelkeep.log_metric("auc", 0.9, dataset=dataset)

    (read,) = client.get_run(run.info.run_id).inputs.dataset_inputs

    assert (read.dataset.name, read.dataset.digest, read.dataset.source_type) == ("churn", dataset.digest, "s3")
    assert {tag.key: tag.value for tag in read.tags} == {"rows": "3", "mlflow.data.context": "training"}


def test_a_models_files_are_registered_by_their_runs_address(client, model, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with modelkeep.start_run() as run:
        modelkeep.log_artifacts(str(tmp_path), "model")
        modelkeep.log_text("hello", "notes/hello.txt")

    version = modelkeep.register_model(f"runs:/{run.info.run_id}/model", f"{model}-new", tags={"a": 1})

    assert (version.version, version.run_id, version.tags) == ("1", run.info.run_id, {"a": "1"})
    assert modelkeep.register_model(f"models:/{model}-new/1", model).version == "1"
    with pytest.raises(NotFound, match="has no model at 'notes'"):
        modelkeep.register_model(f"runs:/{run.info.run_id}/notes", model)
    with pytest.raises(Invalid, match="no model in it"):
        modelkeep.register_model(f"runs:/{run.info.run_id}", model)


def test_a_logged_model_is_registered_by_its_runs_address(client, model, tmp_path):
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    with modelkeep.start_run() as run:
        logged = client.create_logged_model(run.info.experiment_id, "tree", run.info.run_id)
        client.log_model_artifacts(logged.model_id, str(tmp_path))
        client.finalize_logged_model(logged.model_id, "READY")

    for address in (f"runs:/{run.info.run_id}/tree", logged.model_uri):
        version = modelkeep.register_model(address, model)
        assert version.source == logged.model_uri and version.run_id == run.info.run_id
    path = modelkeep.artifacts.download_artifacts(f"runs:/{run.info.run_id}/tree")
    assert (Path(path) / "MLmodel").read_text() == "flavors: {}\n"


PROGRAM = """
import modelkeep
modelkeep.set_tracking_uri({uri!r})
run = modelkeep.start_run(experiment_id={experiment_id!r})
print(run.info.run_id, flush=True)
{rest}
"""


@pytest.mark.parametrize(
    ("rest", "status"), [("", "FINISHED"), ("1 / 0", "FAILED"), ("raise SystemExit(3)", "FINISHED")]
)
def test_a_run_ends_with_its_program(client, uri, experiment_id, rest, status, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(PROGRAM.format(uri=uri, experiment_id=experiment_id, rest=rest))

    ran = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=120)

    found = client.get_run(ran.stdout.strip())
    assert found.info.status == status
    assert found.data.tags["mlflow.source.name"] == str(program)
    assert found.data.tags["mlflow.source.type"] == "LOCAL"
    assert found.data.tags["mlflow.user"]
