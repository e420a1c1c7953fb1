"""`modelkeep runs`, `experiments` and `register`."""

from __future__ import annotations

from pathlib import Path

import modelkeep
from tests.cli.conftest import Run


def test_runs_are_listed_by_filter_and_experiment(run: Run, client: modelkeep.Client, experiment_id: str) -> None:
    for auc in (0.5, 0.75):
        run_id = client.create_run(experiment_id, run_name="trained").info.run_id
        client.log_metric(run_id, "auc", auc)
    name = client.get_experiment(experiment_id).name

    (row,) = run("runs", "list", "--experiment", name, "--filter", "metrics.auc > 0.6").rows
    assert (row[0], row[1], row[2], row[4]) == (run_id, "trained", "RUNNING", "auc=0.75")
    found = run(
        "runs", "list", "--experiment", experiment_id, "--order-by", "metrics.auc", "--limit", "1", "--json"
    ).json
    assert [each["data"]["metrics"] for each in found] == [{"auc": 0.5}]
    assert run_id in {row[0] for row in run("runs", "list").rows}
    run("runs", "list", "--experiment", "nowhere", code=3)
    run("runs", "list", "--filter", "metrics.auc >", code=1)


def test_a_run_is_shown(run: Run, version: str, run_id: str) -> None:
    rows = run("runs", "show", run_id).rows

    assert ["metric auc", "0.5"] in rows and ["param depth", "3"] in rows
    assert run("runs", "show", run_id, "--json").json["data"]["params"] == {"depth": "3"}
    run("runs", "show", "0" * 32, code=3)


def test_experiments_are_listed_and_shown(run: Run, client: modelkeep.Client, experiment_id: str) -> None:
    name = client.get_experiment(experiment_id).name

    assert [experiment_id, name] in [row[:2] for row in run("experiments", "list").rows]
    assert (
        run("experiments", "list", "--filter", f"name = '{name}'", "--json").json[0]["experiment_id"] == experiment_id
    )
    assert ["name", name] in run("experiments", "show", experiment_id).rows
    assert run("experiments", "show", name, "--json").json["experiment_id"] == experiment_id
    run("experiments", "show", "nowhere", code=3)


def test_a_folder_is_sent_and_registered(run: Run, client: modelkeep.Client, model: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "data" / "weights").write_bytes(b"12")

    made = run("register", f"{model}-new", str(tmp_path), "--tag", "a=b", "--description", "First.", "--json").json

    assert (made["version"], made["tags"], made["description"]) == ("1", {"a": "b"}, "First.")
    assert [row[:2] for row in run("versions", "files", f"{model}-new/1").rows] == [
        ["MLmodel", "12"],
        ["data/weights", "2"],
    ]
    info = client.get_run(made["run_id"]).info
    assert (info.status, info.experiment_id) == ("FINISHED", "0")


def test_a_file_is_registered_in_the_experiment_named(run: Run, model: str, experiment_id: str, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"12")

    said = run("register", model, str(tmp_path / "model.bin"), "--experiment", experiment_id).out

    assert said == f"Version 1 of '{model}' is registered.\n"
    assert run("versions", "files", f"{model}/1").rows[0][0] == "model.bin"
    assert len(run("runs", "list", "--experiment", experiment_id).rows) == 1


def test_addresses_are_registered_as_they_are(run: Run, model: str, version: str, run_id: str) -> None:
    again = run(
        "register", f"{model}-copy", f"runs:/{run_id}/model", "--tag", "a=b", "--description", "Again.", "--json"
    )
    assert (again.json["run_id"], again.json["tags"], again.json["description"]) == (run_id, {"a": "b"}, "Again.")
    assert run("register", f"{model}-copy", f"models:/{version}", "--json").json["version"] == "2"
    assert run("register", f"{model}-copy", "s3://bucket/3", "--json").json["source"] == "s3://bucket/3"


def test_a_source_that_is_not_there_registers_nothing(run: Run, model: str, run_id: str) -> None:
    run("register", f"{model}-none", "/nowhere/at/all", code=3)
    run("register", f"{model}-none", f"runs:/{run_id}/nothing", code=3)
    run("models", "show", f"{model}-none", code=3)
