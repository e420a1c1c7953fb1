"""`modelkeep import mlflow`, from what MLflow 2.9.2 wrote on a disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import uuid

import pytest

import modelkeep
from modelkeep.domain.errors import Invalid
from modelkeep.registry import opening
from tests.importing.conftest import import_killed_at
from tests.importing.dumping import dump


@pytest.fixture(params=["file_store", "database"])
def source(request):
    return request.getfixturevalue(request.param)


def test_everything_comes_and_the_comparison_finds_no_difference(bring, source, target):
    done = bring(source, "--to", target, "--verify", "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["experiments"] == {"imported": 4}
    assert report["runs"] == {"imported": 7}
    assert report["models"] == {"imported": 3}
    assert report["versions"] == {"imported": 5}
    assert (report["problems"], report["differences"], report["files"]) == ([], [], 9)
    assert report["compared"]["files"] > 9


def test_the_stock_client_finds_the_same_on_both_sides(bring, file_store, server):
    assert bring(file_store, "--to", server.url).returncode == 0

    there = dump(str(file_store), files=False)
    here = dump(server.url)

    for run in here["runs"].values():
        run.pop("files")
    assert here == there
    assert there["runs"] and there["versions"]


def test_files_are_those_of_the_source_and_versions_pinned_to_them(bring, file_store, target):
    bring(file_store, "--to", target)
    client = modelkeep.connect(target)

    version = client.get_model_version_by_alias("churn", "champion")
    files = {file.path: file.digest for file in client.list_model_version_files("churn", version.version)}

    (there,) = file_store.glob(f"*/{version.run_id}/artifacts/model")
    assert files == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in there.iterdir()}
    run = client.get_run(version.run_id)
    assert {each.path for each in client.list_artifacts(version.run_id)} == {"model", "plots"}
    assert run.inputs.dataset_inputs[0].dataset.digest == "abc123"


def test_a_deleted_experiment_does_not_hide_the_files_of_the_others(bring, file_store, target):
    for meta in file_store.rglob("meta.yaml"):  # where it was written, as nearly everybody's is
        meta.write_text(meta.read_text().replace("/srv/mlflow/mlruns", str(file_store)))
    run = next(file_store.glob("*/*/artifacts/model")).parents[1]
    gone = file_store / ".trash" / "999"
    shutil.copytree(run, gone / uuid.UUID(int=9).hex, ignore=shutil.ignore_patterns("inputs"))
    meta = (
        (run.parent / "meta.yaml").read_text().replace(run.parent.name, "999").replace("name: churn", "name: trashed")
    )
    (gone / "meta.yaml").write_text(meta.replace("lifecycle_stage: active", "lifecycle_stage: deleted"))
    of_run = (run / "meta.yaml").read_text().replace(run.parent.name, "999").replace(run.name, uuid.UUID(int=9).hex)
    (gone / uuid.UUID(int=9).hex / "meta.yaml").write_text(of_run)

    report = json.loads(bring(file_store, "--to", target, "--verify", "--json").stdout)

    assert (report["files"], report["problems"], report["differences"]) == (12, [], [])
    client = modelkeep.connect(target)
    assert client.list_model_version_files("churn", "1")
    assert {each.path for each in client.list_artifacts(uuid.UUID(int=9).hex)} == {"model", "plots"}


def test_numbers_keep_their_gaps_and_the_next_one_is_new(bring, source, target):
    bring(source, "--to", target)
    client = modelkeep.connect(target)

    found = sorted(int(each.version) for each in client.search_model_versions("name = 'churn'"))

    assert found == [1, 3, 4, 5]
    assert client.create_model_version("churn", "s3://bucket/new").version == "6"


def test_what_is_in_an_object_store_keeps_its_address_and_that_is_said(bring, source, target):
    report = json.loads(bring(source, "--to", target, "--json").stdout)

    assert report["notes"] == ["Files in s3://bucket stay there: their addresses were brought as they are."]
    version = modelkeep.connect(target).get_model_version("churn", "5")
    assert version.source.startswith("s3://bucket/far/") and version.source.endswith("/model")


def test_a_second_import_changes_nothing_and_records_nothing(bring, source, target):
    bring(source, "--to", target)
    before = modelkeep.connect(target).events(limit=1000)

    report = json.loads(bring(source, "--to", target, "--json").stdout)

    outcomes = [outcome for noun in ("experiments", "runs", "models", "versions") for outcome in report[noun]]
    assert (outcomes, report["files"]) == (["unchanged"] * 4, 0)
    assert len(modelkeep.connect(target).events(limit=1000)) == len(before)


def test_only_what_is_new_or_changed_there_comes_later(bring, file_store, target):
    bring(file_store, "--to", target)
    run = next(file_store.glob("*/*/artifacts/model")).parents[1]
    with (run / "metrics" / "auc").open("a") as file:
        file.write("1700000000009 0.99 9\n")
    (run / "artifacts" / "late.txt").write_text("late")
    copy_run(run)

    report = json.loads(bring(file_store, "--to", target, "--verify", "--json").stdout)

    assert report["runs"] == {"imported": 1, "updated": 1, "unchanged": 6}
    assert report["models"] == {"unchanged": 3}
    assert report["differences"] == []


def copy_run(run, experiment=None):
    """Another run like one of a file store, with an id of its own."""
    made = run.with_name(uuid.uuid4().hex)
    shutil.copytree(run, made)
    meta = made / "meta.yaml"
    meta.write_text(meta.read_text().replace(run.name, made.name))
    return made


def test_an_import_that_was_killed_goes_on_where_it_stopped(file_store, target, bring):
    run = next(file_store.glob("*/*/artifacts/model")).parents[1]
    for _ in range(33):
        copy_run(run)
    opening.prepare(target)
    client = modelkeep.connect(target)
    moment = brought = 0
    while not brought:
        moment += 10
        assert import_killed_at(moment, file_store, target) == -signal.SIGKILL
        brought = len(client.events(kinds=["run.imported"], limit=1000))
    assert brought < 40

    done = bring(file_store, "--to", target, "--verify", "--json")

    report = json.loads(done.stdout)
    assert (done.returncode, report["differences"]) == (0, [])
    assert report["runs"] == {"unchanged": brought, "imported": 40 - brought}
    assert len(client.events(kinds=["run.imported"], limit=1000)) == 40
    assert len(client.events(kinds=["version.imported"], limit=1000)) == 5


def test_a_long_history_comes_in_several_calls_and_once(bring, file_store, target):
    run = next(file_store.glob("*/*/artifacts/model")).parents[1]
    (run / "metrics" / "auc").write_text("".join(f"{at} {at / 3} {at}\n" for at in range(45_000)))

    first = json.loads(bring(file_store, "--to", target, "--verify", "--json").stdout)
    again = json.loads(bring(file_store, "--to", target, "--json").stdout)

    assert (first["runs"], first["differences"], again["runs"]) == ({"imported": 7}, [], {"unchanged": 7})
    assert len(modelkeep.connect(target).get_metric_history(run.name, "auc")) == 45_000


def test_what_exists_here_is_reported_and_left_alone(bring, source, target):
    client = modelkeep.connect(target)
    client.create_experiment("churn")
    client.create_registered_model("churn", description="mine")
    client.create_model_version("churn", "s3://bucket/mine")

    done = bring(source, "--to", target, "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["experiments"] == {"imported": 3, "conflict": 1}
    assert report["models"] == {"imported": 2, "conflict": 1}
    assert {problem["noun"] for problem in report["problems"]} == {"experiments", "models"}
    assert client.get_registered_model("churn").description == "mine"
    assert [each.version for each in client.search_model_versions("name = 'churn'")] == ["1"]
    # The run behind it is in the experiment that did not come, and the files of the version came all the same.
    assert client.list_model_version_files("fraud-detection", "1")


def test_the_comparison_finds_what_differs(bring, file_store, target):
    bring(file_store, "--to", target)
    client = modelkeep.connect(target)
    champion = client.get_model_version_by_alias("churn", "champion")
    client.set_registered_model_alias("churn", "champion", "4")
    client.set_tag(champion.run_id, "kind", "other")
    weights = next(file_store.glob(f"*/{champion.run_id}/artifacts/model/weights.bin"))
    about = weights.stat()
    weights.write_bytes(b"x" * about.st_size)
    os.utime(weights, ns=(about.st_atime_ns, about.st_mtime_ns))

    done = bring(file_store, "--to", target, "--verify", "--json")

    assert done.returncode == 1
    found = {(each["noun"], each["id"]): each["message"] for each in json.loads(done.stdout)["differences"]}
    assert found.pop(("models", "churn")).startswith("aliases: 'champion' is 1 there and 4 here")
    assert ("versions", "churn/1") in found and "SHA-256" in found["versions", "churn/1"]
    assert ("runs", champion.run_id) in found


def test_files_that_are_missing_there_are_named(bring, file_store, target):
    for folder in file_store.glob("*/*/artifacts/model"):
        shutil.rmtree(folder.parent)

    done = bring(file_store, "--to", target, "--model", "fraud-detection", "--json")

    (problem,) = json.loads(done.stdout)["problems"]
    assert done.returncode == 1 and problem["id"] == "version/fraud-detection/1"
    assert modelkeep.connect(target).get_model_version("fraud-detection", "1").current_stage == "Archived"


def test_names_choose_what_comes(bring, source, target):
    report = json.loads(bring(source, "--to", target, "--model", "fraud-detection", "--json").stdout)

    assert report["models"] == {"imported": 1} and "runs" not in report
    client = modelkeep.connect(target)
    assert client.list_model_version_files("fraud-detection", "1")
    assert [model.name for model in client.search_registered_models()] == ["fraud-detection"]


def test_a_name_that_is_not_there_is_said(bring, source, target):
    done = bring(source, "--to", target, "--experiment", "chrun")

    assert done.returncode == 2 and "no experiment named 'chrun'" in done.stderr


def test_a_source_that_moved_is_known_by_its_origin(bring, file_store, target):
    bring(file_store, "--to", target)
    moved = shutil.move(file_store, file_store.with_name("elsewhere"))

    conflicts = bring(moved, "--to", target)
    known = bring(moved, "--to", target, "--origin", file_store, "--json")

    assert conflicts.returncode == 1 and "--origin" in conflicts.stdout
    assert json.loads(known.stdout)["runs"] == {"unchanged": 7}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: None, "There is no"),
        (lambda path: path.mkdir(), "is not MLflow's folder 'mlruns'"),
        (lambda path: path.write_text("hello, this is no database at all" * 40), "cannot be read as a SQLite database"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE other (id)").connection.close(), "no table 'experiments'"),
    ],
    ids=["nothing", "an empty folder", "a text", "another program's database"],
)  # fmt: skip
def test_what_is_not_mlflows_is_refused_with_one_sentence(bring, tmp_path, target, make, says):
    make(tmp_path / "thing")

    done = bring(tmp_path / "thing", "--to", target)

    assert done.returncode == 2
    assert says in done.stderr and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert not target.exists()


def test_what_cannot_be_read_is_named_and_the_rest_comes(bring, file_store, target):
    broken, other = (path.parents[1] for path in list(file_store.glob("*/*/artifacts/model"))[:2])
    (broken / "meta.yaml").write_text("{: no YAML")
    (other / "metrics" / "auc").write_text("1 0.5 0\nhalf a li")
    meta = next(file_store.glob("*/*/tags/kind")).parents[1] / "meta.yaml"
    for each in file_store.glob("*/*/meta.yaml"):
        if each.parent not in (broken, other) and "run-" in each.read_text():
            meta = each
    meta.write_text(meta.read_text().replace("start_time: ", "start_time: long ago "))
    (file_store / "models" / "churn" / "aliases" / "champion").write_text("one")

    done = bring(file_store, "--to", target, "--json")

    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["runs"] == {"imported": 5, "refused": 1}
    assert [problem["id"] for problem in report["problems"] if problem["noun"] == "runs"] == [meta.parent.name]
    assert sum(problem["noun"] == "source" for problem in report["problems"]) == 3


def test_a_server_that_is_not_there_is_refused_with_one_sentence(bring, target):
    done = bring("http://127.0.0.1:9", "--to", target)

    assert done.returncode == 2 and "does not answer" in done.stderr and done.stderr.count("\n") == 1


def test_an_address_that_answers_otherwise_is_refused_with_one_sentence(bring, server, target):
    done = bring(f"{server.url}/metrics", "--to", target)

    assert done.returncode == 2 and "does not answer as a server of MLflow's" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_source_is_not_its_own_target(bring, server):
    done = bring(server.url, "--to", server.url)

    assert done.returncode == 2 and "is the source" in done.stderr


def test_a_database_of_mlflow_is_refused_as_a_data_folder_with_the_command_that_imports_it(database):
    with pytest.raises(Invalid, match=f"modelkeep import mlflow {database}"):
        opening.prepare(database.parent)


def test_a_file_store_is_refused_as_a_data_folder_with_the_command_that_imports_it(file_store):
    with pytest.raises(Invalid, match=f"modelkeep import mlflow {file_store}"):
        opening.prepare(file_store)
