"""Bringing records of another registry, on both databases."""

import math

import pytest

from modelkeep.domain.datasets import Dataset, DatasetInput, ModelOutput
from modelkeep.domain.errors import NotFound, PermissionDenied
from modelkeep.domain.imports import Alias, Experiment, Files, LoggedModel, Model, Run, Series, Version
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.registry import (
    aliases,
    events,
    experiments,
    imports,
    logged_models,
    manifests,
    metrics,
    models,
    promotions,
    run_imports,
    runs,
    versions,
)
from tests.registry.storing import store

ORIGIN = "http://mlflow.example.com"


def _experiment(**fields):
    return Experiment(
        **{
            "id": "7", "name": "churn", "lifecycle_stage": "active", "creation_time": 1000, "last_update_time": 2000,
            "tags": [Tag("team", "growth")], "fingerprint": "1", **fields,
        }
    )  # fmt: skip


def _run(**fields):
    return Run(
        **{
            "id": "a" * 32, "experiment_id": "7", "name": "first", "user_id": "ann", "status": "FINISHED",
            "start_time": 1500, "end_time": 1600, "lifecycle_stage": "active", "fingerprint": "1", **fields,
        }
    )  # fmt: skip


def _version(number=1, **fields):
    return Version(
        **{
            "number": number, "source": f"s3://bucket/{number}", "current_stage": "None", "status": "READY",
            "creation_timestamp": 3000, "last_updated_timestamp": 4000, "fingerprint": "1", **fields,
        }
    )  # fmt: skip


def _model(*given, **fields):
    return Model(
        **{
            "name": "churn", "creation_timestamp": 1000, "last_updated_timestamp": 5000, "fingerprint": "1",
            "versions": list(given), **fields,
        }
    )  # fmt: skip


def _outcomes(results):
    return {each.id: each.outcome for each in results}


@pytest.fixture
def experiment(actor, registry):
    imports.bring_experiments(actor, registry, ORIGIN, [_experiment()])
    return experiments.get(actor, registry, "7")


def test_an_experiment_keeps_its_id_name_times_and_tags(experiment):
    assert (experiment.id, experiment.name, experiment.creation_time, experiment.last_update_time) == (
        7, "churn", 1000, 2000,
    )  # fmt: skip
    assert experiment.tags == [["team", "growth"]]
    assert experiment.artifact_location == "mlflow-artifacts:/7"


def test_an_experiment_whose_id_is_taken_gets_another(actor, registry):
    taken = experiments.create(actor, registry, "mine")

    (result,) = imports.bring_experiments(actor, registry, ORIGIN, [_experiment(id=str(taken.id))])

    assert result.outcome == "imported"
    assert experiments.get_by_name(actor, registry, "churn").id == int(result.local_id) != taken.id


def test_the_default_experiment_is_the_one_that_is_here(actor, registry):
    (result,) = imports.bring_experiments(actor, registry, ORIGIN, [_experiment(id="0", name="Default")])

    assert (result.outcome, result.local_id) == ("imported", "0")


def test_an_experiment_that_is_not_from_there_is_reported_and_left_alone(actor, registry):
    experiments.create(actor, registry, "churn")
    before = events.last_position(actor, registry)

    (result,) = imports.bring_experiments(actor, registry, ORIGIN, [_experiment()])
    (run,) = run_imports.bring_runs(actor, registry, ORIGIN, [_run()])

    assert result.outcome == "conflict" and "not imported from there" in result.message
    assert run.outcome == "refused" and "was not imported" in run.message
    assert events.last_position(actor, registry) == before


def test_a_run_keeps_everything_it_logged(actor, registry, experiment):
    series = Series("auc", [10, 20, 30], [0, 1, 2], [0.5, math.nan, math.inf])
    run = _run(
        tags=[Tag("mlflow.runName", "first")],
        params=[Param("depth", "3")],
        metrics=[series],
        datasets=[DatasetInput(Dataset("wine", "d1", "http", "{}"), [Tag("mlflow.data.context", "training")])],
        model_outputs=[ModelOutput("m-1", 0)],
    )

    (result,) = run_imports.bring_runs(actor, registry, ORIGIN, [run])

    assert (result.outcome, result.message) == ("imported", None)
    found = runs.get(actor, registry, run.id)
    assert (found.name, found.user_id, found.status, found.start_time, found.end_time) == (
        "first", "ann", "FINISHED", 1500, 1600,
    )  # fmt: skip
    assert (found.params, found.tags) == ([("depth", "3")], [("mlflow.runName", "first")])
    assert found.dataset_inputs[0].dataset.name == "wine" and found.model_outputs == [("m-1", 0)]
    points = metrics.history(actor, registry, run.id, metric_key="auc").items
    assert [(each.timestamp, each.step) for each in points] == [(10, 0), (20, 1), (30, 2)]
    assert points[0].value == 0.5 and math.isnan(points[1].value) and points[2].value > 1e308


def test_a_run_comes_in_parts_and_is_known_as_complete_only_after_the_last(actor, registry, experiment):
    run_imports.bring_runs(actor, registry, ORIGIN, [_run(fingerprint=None)])
    run_imports.bring_metrics(actor, registry, ORIGIN, "a" * 32, [Series("auc", [1], [0], [0.5])])
    (unfinished,) = imports.known(actor, registry, ORIGIN, "run")
    run_imports.bring_runs(actor, registry, ORIGIN, [_run()])

    (finished,) = imports.known(actor, registry, ORIGIN, "run")
    assert (unfinished.fingerprint, finished.fingerprint) == (None, "1")
    assert len(events.page(actor, registry, kinds=["run.imported"])) == 1


def test_points_of_a_run_that_was_not_imported_are_refused(actor, registry, experiment):
    mine = runs.create(actor, registry, experiment.id)

    with pytest.raises(NotFound, match="No run"):
        run_imports.bring_metrics(actor, registry, ORIGIN, mine.id, [Series("auc", [1], [0], [0.5])])


def test_a_deleted_run_is_deleted_here_and_can_be_restored(actor, registry, experiment):
    run_imports.bring_runs(actor, registry, ORIGIN, [_run(lifecycle_stage="deleted")])

    assert runs.get(actor, registry, "a" * 32).lifecycle_stage == "deleted"
    runs.restore(actor, registry, "a" * 32)
    assert runs.get(actor, registry, "a" * 32).lifecycle_stage == "active"


def test_what_cannot_be_kept_of_a_run_is_said_and_the_rest_kept(actor, registry, experiment):
    run = _run(tags=[Tag("bad\0key", "x"), Tag("good", "y"), Tag("long", "z" * 9000)])

    (result,) = run_imports.bring_runs(actor, registry, ORIGIN, [run])

    assert result.outcome == "imported"
    assert "was left out" in result.message and "'long' was cut to 8,000 characters" in result.message
    assert dict(runs.get(actor, registry, run.id).tags).keys() == {"good", "long"}


def test_a_logged_model_keeps_its_id_status_and_metrics(actor, registry, experiment):
    record = LoggedModel(
        id="m-1", experiment_id="7", name="model", status="LOGGED_MODEL_UPLOAD_FAILED", creation_timestamp=10,
        last_updated_timestamp=20, source_run_id="a" * 32, params=[Param("depth", "3")], tags=[Tag("a.b", "c")],
        metrics=[Series("auc", [1], [0], [0.9], "a" * 32, "wine", "d1")], fingerprint="1",
    )  # fmt: skip

    (result,) = run_imports.bring_logged_models(actor, registry, ORIGIN, [record])

    assert result.outcome == "imported"
    found = logged_models.get(actor, registry, "m-1")
    assert (found.status, found.creation_timestamp, found.last_updated_timestamp) == (record.status, 10, 20)
    assert (found.metrics[0].value, found.metrics[0].dataset_name) == (0.9, "wine")


def test_versions_keep_their_numbers_gaps_stages_and_times(actor, registry):
    record = _model(
        _version(2, current_stage="Production", user_id="bob"), _version(5, status="FAILED_REGISTRATION"),
        aliases=[Alias("champion", 2)], tags=[Tag("task", "x")], description="Who leaves?",
    )  # fmt: skip

    results = imports.bring_models(actor, registry, ORIGIN, [record])

    assert _outcomes(results) == {"churn": "imported", "churn/2": "imported", "churn/5": "imported"}
    found = versions.get(actor, registry, "churn", 2)
    assert (found.current_stage, found.creation_timestamp, found.last_updated_timestamp, found.user_id) == (
        "Production", 3000, 4000, "bob",
    )  # fmt: skip
    assert found.aliases == ["champion"]
    assert versions.get(actor, registry, "churn", 5).status == "FAILED_REGISTRATION"
    model = models.get(actor, registry, "churn")
    assert (model.description, model.last_updated_timestamp, model.tags) == ("Who leaves?", 5000, [["task", "x"]])
    assert versions.register(actor, registry, "churn", "s3://bucket/new").number == 6


def test_every_imported_stage_and_alias_is_an_event_that_says_so(actor, registry):
    imports.bring_models(
        actor, registry, ORIGIN, [_model(_version(current_stage="Staging"), aliases=[Alias("champion", 1)])]
    )

    found = events.page(actor, registry, model="churn")
    assert [event.kind for event in found] == ["version.imported", "stage.changed", "alias.moved", "model.imported"]
    assert found[1].payload["cause"] == found[2].payload["cause"] == f"imported from {ORIGIN}"
    assert len({event.change_id for event in found}) == 1


def test_a_version_is_pinned_to_the_files_of_its_run(actor, registry, experiment):
    run_imports.bring_runs(actor, registry, ORIGIN, [_run()])
    root = runs.get(actor, registry, "a" * 32).artifact_uri
    store(registry, f"{root.removeprefix('mlflow-artifacts:/')}/model/weights", b"12345")

    (_, result) = imports.bring_models(
        actor, registry, ORIGIN, [_model(_version(source=f"{root}/model", run_id="a" * 32))]
    )

    assert (result.outcome, result.message) == ("imported", None)
    assert manifests.get(actor, registry, "churn", 1).files[0].path == "weights"


def test_the_same_again_changes_nothing(actor, registry, experiment):
    def bring():
        results = imports.bring_experiments(actor, registry, ORIGIN, [_experiment()])
        results += run_imports.bring_runs(actor, registry, ORIGIN, [_run()])
        results += imports.bring_models(actor, registry, ORIGIN, [_model(_version(current_stage="Staging"))])
        imports.files(actor, registry, ORIGIN, [Files("run/" + "a" * 32, "1")])
        return {each.outcome for each in results}

    bring()
    before = events.last_position(actor, registry)

    assert bring() == {"unchanged"}
    assert events.last_position(actor, registry) == before


def test_what_changed_there_is_changed_here(actor, registry):
    imports.bring_models(
        actor, registry, ORIGIN,
        [_model(_version(tags=[Tag("old", "x")]), _version(2), aliases=[Alias("champion", 1), Alias("gone", 1)])],
    )  # fmt: skip

    changed = _version(current_stage="Production", description="new", tags=[Tag("new", "y")], fingerprint="2")
    results = imports.bring_models(
        actor, registry, ORIGIN, [_model(changed, aliases=[Alias("champion", 2)], fingerprint="2")]
    )

    assert _outcomes(results) == {"churn": "updated", "churn/1": "updated"}
    found = versions.get(actor, registry, "churn", 1)
    assert (found.current_stage, found.description, found.tags) == ("Production", "new", [["new", "y"]])
    assert models.get(actor, registry, "churn").aliases == [("champion", 2)]


def test_what_was_changed_here_since_is_left_as_it_is(actor, registry):
    imports.bring_models(actor, registry, ORIGIN, [_model(_version())])
    promotions.transition(actor, registry, "churn", 1, "Production")

    changed = [_version(current_stage="Archived", fingerprint="2"), _version(2)]
    results = imports.bring_models(actor, registry, ORIGIN, [_model(*changed, description="x", fingerprint="2")])
    again = imports.bring_models(actor, registry, ORIGIN, [_model(*changed, description="x", fingerprint="2")])

    assert _outcomes(results) == {"churn": "conflict", "churn/1": "conflict", "churn/2": "imported"}
    assert _outcomes(again) == {"churn": "conflict", "churn/1": "conflict", "churn/2": "unchanged"}
    assert versions.get(actor, registry, "churn", 1).current_stage == "Production"
    assert models.get(actor, registry, "churn").description is None


def test_a_model_or_version_that_is_not_from_there_is_reported(actor, registry):
    models.create(actor, registry, "mine")
    imports.bring_models(actor, registry, ORIGIN, [_model(_version(1))])
    versions.register(actor, registry, "churn", "s3://bucket/here")

    results = imports.bring_models(
        actor, registry, ORIGIN, [_model(name="mine"), _model(_version(1), _version(2), fingerprint="2")]
    )

    assert _outcomes(results) == {
        "mine": "conflict",
        "churn": "conflict",
        "churn/1": "unchanged",
        "churn/2": "conflict",
    }
    assert versions.get(actor, registry, "churn", 2).source == "s3://bucket/here"


def test_a_model_that_was_deleted_here_does_not_come_back(actor, registry):
    imports.bring_models(actor, registry, ORIGIN, [_model(_version(1))])
    models.delete(actor, registry, "churn")

    (result,) = imports.bring_models(actor, registry, ORIGIN, [_model(_version(1), fingerprint="2")])

    assert result.outcome == "conflict" and "deleted or renamed here" in result.message


def test_a_path_on_a_disk_is_no_source(actor, registry):
    results = imports.bring_models(actor, registry, ORIGIN, [_model(_version(source="/etc/passwd"))])

    assert _outcomes(results)["churn/1"] == "refused"


def test_an_alias_of_a_version_that_is_not_here_is_said_to_be_left_out(actor, registry):
    (result, _) = imports.bring_models(actor, registry, ORIGIN, [_model(_version(), aliases=[Alias("old", 9)])])

    assert result.outcome == "imported" and "'old' was left out" in result.message
    assert aliases.delete(actor, registry, "churn", "old") is None


def test_only_an_administrator_may_import(registry, reader):
    with pytest.raises(PermissionDenied, match="needs the role admin"):
        imports.bring_models(reader, registry, ORIGIN, [_model()])
