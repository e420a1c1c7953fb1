import json

import pytest

from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import ModelOutput
from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied
from modelkeep.domain.metrics import Metric
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.registry import batches, events, experiments, metrics, params, runs


@pytest.fixture
def run(actor, registry):
    return runs.create(actor, registry, "0", run_name="first", start_time=1000).id


def recorded(actor, registry):
    return [(event.kind, event.payload) for event in events.page(actor, registry, kinds=["run"])]


def tags_of(actor, registry, run):
    return dict(runs.get(actor, registry, run).tags)


# Creating ------------------------------------------------------------------------------------------------------


def test_a_created_run_is_running_and_has_a_folder_of_its_own(actor, registry):
    created = runs.create(actor, registry, "0", run_name="first", start_time=1000, tags=[Tag("a", "1")])

    assert created == runs.get(actor, registry, created.id)
    assert len(created.id) == 32
    assert (created.status, created.start_time, created.end_time) == ("RUNNING", 1000, None)
    assert created.artifact_uri == f"mlflow-artifacts:/0/{created.id}/artifacts"
    assert created.lifecycle_stage == "active"
    assert dict(created.tags) == {"a": "1", "mlflow.runName": "first"}
    assert recorded(actor, registry) == [
        (
            "run.created",
            {
                "run_id": created.id,
                "experiment_id": 0,
                "name": "first",
                "user_id": "ann",
                "start_time": 1000,
                "artifact_uri": created.artifact_uri,
            },
        )
    ]


def test_the_folder_of_a_run_is_below_the_location_of_its_experiment(actor, registry):
    owner = experiments.create(actor, registry, "s3", "s3://bucket/a/?region=x").id

    created = runs.create(actor, registry, owner)

    assert created.artifact_uri == f"s3://bucket/a/{created.id}/artifacts?region=x"


def test_a_run_without_a_name_gets_one(actor, registry):
    created = runs.create(actor, registry, 0)

    assert created.name.count("-") == 2
    assert dict(created.tags) == {"mlflow.runName": created.name}


def test_the_tag_names_a_run(actor, registry):
    assert runs.create(actor, registry, 0, tags=[Tag("mlflow.runName", "tagged")]).name == "tagged"


def test_two_names_that_differ_are_refused(actor, registry):
    with pytest.raises(Invalid, match="different values"):
        runs.create(actor, registry, 0, run_name="a", tags=[Tag("mlflow.runName", "b")])


def test_the_user_is_who_the_token_says(actor, registry):
    anonymous = Actor("anonymous", "writer", False, "http")

    assert runs.create(actor, registry, 0, user_id="someone").user_id == "ann"
    assert runs.create(anonymous, registry, 0, user_id="someone").user_id == "someone"


@pytest.mark.parametrize(
    "fields",
    [
        {"experiment_id": None},
        {"experiment_id": "abc"},
        {"start_time": "soon"},
        {"start_time": 2**63},
        {"run_name": "x" * 8001},
        {"run_name": 5},
        {"tags": [Tag("/bad", "1")]},
        {"tags": [Tag(None, "1")]},
        {"user_id": "x" * 300},
    ],
)
def test_a_wrong_run_is_refused(actor, registry, fields):
    with pytest.raises(Invalid):
        runs.create(actor, registry, **{"experiment_id": 0, **fields})

    assert recorded(actor, registry) == []


def test_a_run_needs_an_experiment_that_exists(actor, registry):
    with pytest.raises(NotFound, match="No Experiment with id=99 exists"):
        runs.create(actor, registry, 99)


# Reading and ending ---------------------------------------------------------------------------------------------


def test_a_run_is_found_by_either_name_of_its_id(actor, registry, run):
    assert runs.get(actor, registry, run_uuid=run) == runs.get(actor, registry, run)


def test_an_unknown_run_is_not_found(actor, registry):
    with pytest.raises(NotFound, match="Run with id=nope not found"):
        runs.get(actor, registry, "nope")


@pytest.mark.parametrize("run_id", [None, "", 5, "x" * 300])
def test_a_wrong_id_is_refused(actor, registry, run_id):
    with pytest.raises(Invalid, match="run_id"):
        runs.get(actor, registry, run_id)


@pytest.mark.parametrize(("status", "expected"), [("FINISHED", "FINISHED"), (4, "FAILED"), ("5", "KILLED")])
def test_ending_a_run_is_recorded(actor, registry, run, status, expected):
    ended = runs.update(actor, registry, run, status=status, end_time=2000)

    assert (ended.status, ended.end_time) == (expected, 2000)
    assert runs.get(actor, registry, run).status == expected
    assert recorded(actor, registry)[-1] == ("run.ended", {"run_id": run, "status": expected, "end_time": 2000})


def test_ending_a_run_again_the_same_way_records_nothing(actor, registry, run):
    runs.update(actor, registry, run, status="FINISHED", end_time=2000)

    runs.update(actor, registry, run, status="FINISHED", end_time=2000)

    assert [kind for kind, _ in recorded(actor, registry)] == ["run.created", "run.ended"]


def test_what_an_update_leaves_out_stays(actor, registry, run):
    runs.update(actor, registry, run, status="FINISHED", end_time=2000)

    runs.update(actor, registry, run, status="bogus")

    found = runs.get(actor, registry, run)
    assert (found.status, found.end_time, found.name) == ("FINISHED", 2000, "first")


@pytest.mark.parametrize("status", [0, 6, "6", 1.5, ["FINISHED"]])
def test_a_status_that_is_none_is_refused(actor, registry, run, status):
    with pytest.raises(Invalid, match="status"):
        runs.update(actor, registry, run, status=status)


def test_renaming_a_run_moves_its_tag_and_the_other_way_round(actor, registry, run):
    runs.update(actor, registry, run_uuid=run, run_name="second")
    assert tags_of(actor, registry, run) == {"mlflow.runName": "second"}

    runs.set_tag(actor, registry, run, key="mlflow.runName", value="third")
    assert runs.get(actor, registry, run).name == "third"

    runs.set_tag(actor, registry, run, key="mlflow.runName", value="")
    assert runs.get(actor, registry, run).name == "third"
    assert tags_of(actor, registry, run) == {"mlflow.runName": "third"}


# Deleting -------------------------------------------------------------------------------------------------------


def test_deleting_and_restoring_may_be_repeated(actor, registry, run):
    runs.delete(actor, registry, run)
    runs.delete(actor, registry, run)
    assert runs.get(actor, registry, run).lifecycle_stage == "deleted"

    runs.restore(actor, registry, run)
    runs.restore(actor, registry, run)
    assert runs.get(actor, registry, run).lifecycle_stage == "active"
    assert [kind for kind, _ in recorded(actor, registry)] == ["run.created", "run.deleted", "run.restored"]


def test_a_run_cannot_be_restored_without_its_experiment(actor, registry):
    owner = experiments.create(actor, registry, "gone").id
    run = runs.create(actor, registry, owner).id
    experiments.delete(actor, registry, owner)

    with pytest.raises(Invalid, match="Restore the experiment first"):
        runs.restore(actor, registry, run)


@pytest.mark.parametrize("by", ["itself", "its experiment"])
def test_a_deleted_run_cannot_be_written_to(actor, registry, by):
    owner = experiments.create(actor, registry, "owner").id
    run = runs.create(actor, registry, owner, tags=[Tag("a", "1")]).id
    if by == "itself":
        runs.delete(actor, registry, run)
    else:
        experiments.delete(actor, registry, owner)
    before = runs.get(actor, registry, run)

    for write in (
        lambda: runs.update(actor, registry, run, status="FINISHED"),
        lambda: runs.set_tag(actor, registry, run, key="a", value="2"),
        lambda: runs.delete_tag(actor, registry, run, "a"),
        lambda: params.log(actor, registry, run, key="p", value="1"),
        lambda: metrics.log(actor, registry, run, key="m", value=1.0, timestamp=1),
        lambda: batches.log(actor, registry, run, tags=[Tag("b", "1")]),
        lambda: runs.log_outputs(actor, registry, run, []),
        lambda: runs.log_model(actor, registry, run, model_json()),
    ):
        with pytest.raises(Invalid, match="must be in the 'active' state"):
            write()
    assert runs.get(actor, registry, run) == before


# Tags, params, models -------------------------------------------------------------------------------------------


def test_a_tag_is_set_changed_and_deleted(actor, registry, run):
    runs.set_tag(actor, registry, run, key="a", value="1")
    runs.set_tag(actor, registry, run_uuid=run, key="a", value=None)
    assert tags_of(actor, registry, run) == {"mlflow.runName": "first", "a": ""}

    runs.delete_tag(actor, registry, run, "a")
    with pytest.raises(NotFound, match="No tag with name: a in run with id"):
        runs.delete_tag(actor, registry, run, "a")


def test_long_values_are_cut_as_mlflow_cuts_them(actor, registry, run):
    runs.set_tag(actor, registry, run, key="t", value="x" * 9000)
    params.log(actor, registry, run, key="p", value="y" * 9000)

    found = runs.get(actor, registry, run)
    assert len(dict(found.tags)["t"]) == 8000
    assert len(dict(found.params)["p"]) == 6000


def test_a_param_is_logged_once(actor, registry, run):
    params.log(actor, registry, run, key="depth", value="3")
    params.log(actor, registry, run_uuid=run, key="depth", value="3")

    with pytest.raises(Invalid, match="already logged with value='3'"):
        params.log(actor, registry, run, key="depth", value="4")

    assert runs.get(actor, registry, run).params == [("depth", "3")]


@pytest.mark.parametrize(
    ("key", "value"), [("", "1"), (None, "1"), ("..", "1"), ("x" * 251, "1"), ("a", 5), ("a", "\0")]
)
def test_a_wrong_param_or_tag_is_refused(actor, registry, run, key, value):
    with pytest.raises(Invalid):
        params.log(actor, registry, run, key=key, value=value)
    with pytest.raises(Invalid):
        runs.set_tag(actor, registry, run, key=key, value=value)


def test_outputs_are_recorded_once_each(actor, registry, run):
    runs.log_outputs(actor, registry, run, [ModelOutput("m-1", 2), ModelOutput("m-2")])
    runs.log_outputs(actor, registry, run, [ModelOutput("m-1", 2)])

    assert runs.get(actor, registry, run).model_outputs == [("m-1", 2), ("m-2", 0)]


def model_json(**fields):
    model = {
        "run_id": "r",
        "artifact_path": "model",
        "utc_time_created": "now",
        "flavors": {"sklearn": {"config": 1, "a": 2}},
    }
    return json.dumps(model | fields)


def test_models_of_old_clients_are_collected_in_a_tag(actor, registry, run):
    runs.log_model(actor, registry, run, model_json())
    runs.log_model(actor, registry, run, model_json(artifact_path="other", signature={}))

    history = json.loads(tags_of(actor, registry, run)["mlflow.log-model.history"])

    assert [model["artifact_path"] for model in history] == ["model", "other"]
    assert history[1].keys() == {"run_id", "artifact_path", "utc_time_created", "flavors"}
    assert history[0]["flavors"] == {"sklearn": {"a": 2}}


NESTED = model_json(flavors={}).replace("{}", '{"a": ' * 990 + "1" + "}" * 990)


@pytest.mark.parametrize("text", ["", "nope", "[]", "{}", "[" * 100_000, model_json(flavors=[]), NESTED])
def test_a_model_that_is_none_is_refused(actor, registry, run, text):
    with pytest.raises(Invalid):
        runs.log_model(actor, registry, run, text)


# Batches --------------------------------------------------------------------------------------------------------


def test_a_batch_is_logged_whole(actor, registry, run):
    batches.log(
        actor,
        registry,
        run,
        metrics=[Metric("m", 1.0, 5, 2), Metric("m", 2, 6, 1)],
        params=[Param("p", "1"), Param("q")],
        tags=[Tag("t", "1"), Tag("t", "2"), Tag("mlflow.runName", "renamed")],
    )

    found = runs.get(actor, registry, run)
    assert [(m.key, m.value, m.timestamp, m.step) for m in found.metrics] == [("m", 1.0, 5, 2)]
    assert found.params == [("p", "1"), ("q", "")]
    assert dict(found.tags) == {"mlflow.runName": "renamed", "t": "2"}
    assert found.name == "renamed"


def test_texts_of_a_batch_come_back_as_they_were(actor, registry, run):
    texts = ["", 'say "hi"', "back\\slash", "two\nlines\ttab", "\x01\x1f\x7f", "é 損 𠮷 \u2028", "{}", "null", "0.10"]
    pairs = [(f"ключ {at}", text) for at, text in enumerate(texts)]

    for _ in range(2):
        batches.log(actor, registry, run, params=[Param(*pair) for pair in pairs], tags=[Tag(*pair) for pair in pairs])

    found = runs.get(actor, registry, run)
    assert found.params == pairs
    assert [tag for tag in found.tags if tag[0] != "mlflow.runName"] == pairs


def test_a_search_gives_each_run_what_it_logged(actor, registry):
    logged = {}
    for at in range(3):
        run = runs.create(actor, registry, 0, tags=[Tag("t", str(at))]).id
        batches.log(
            actor, registry, run, metrics=[Metric("m", at / 3, 2**53 + at, 2**62 + at)], params=[Param("p", str(at))]
        )
        logged[run] = runs.get(actor, registry, run)

    assert {run.id: run for run in runs.search(actor, registry, ["0"]).items} == logged
    assert [run.metrics[0].value for run in logged.values()] == [0, 1 / 3, 2 / 3]


def test_of_a_batch_with_a_changed_param_nothing_is_kept(actor, registry, run):
    params.log(actor, registry, run, key="p", value="1")
    before = runs.get(actor, registry, run)

    with pytest.raises(Invalid, match="Changing param values is not allowed"):
        batches.log(
            actor,
            registry,
            run,
            metrics=[Metric("m", 1.0, 5)],
            params=[Param("new", "1"), Param("p", "2")],
            tags=[Tag("t", "1")],
        )

    assert runs.get(actor, registry, run) == before


def test_of_a_batch_that_measures_an_unknown_model_nothing_is_kept(actor, registry, run):
    before = runs.get(actor, registry, run)

    with pytest.raises(NotFound, match="Logged model with ID 'm-nope' not found"):
        batches.log(
            actor,
            registry,
            run,
            metrics=[Metric("m", 1.0, 5, model_id="m-nope")],
            params=[Param("p", "1")],
        )

    assert runs.get(actor, registry, run) == before


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((1001, 0, 0), "at most 1000 metrics"),
        ((0, 101, 0), "at most 100 params"),
        ((0, 0, 101), "at most 100 tags"),
        ((950, 50, 1), "at most 1000 metrics, params, and tags"),
    ],
)
def test_a_batch_that_is_too_large_is_refused(actor, registry, run, sizes, message):
    with pytest.raises(Invalid, match=message):
        batches.log(
            actor,
            registry,
            run,
            metrics=[Metric("m", 1.0, step) for step in range(sizes[0])],
            params=[Param(f"p{number}", "1") for number in range(sizes[1])],
            tags=[Tag(f"t{number}", "1") for number in range(sizes[2])],
        )


def test_two_params_of_one_key_are_refused(actor, registry, run):
    with pytest.raises(Invalid, match="Duplicate parameter keys"):
        batches.log(actor, registry, run, params=[Param("p", "1"), Param("p", "1")])


@pytest.mark.parametrize("run_id", ["-x", "a/b", "a b", "é!", "x" * 257])
def test_what_cannot_be_an_id_is_refused_by_a_batch(actor, registry, run_id):
    with pytest.raises(Invalid, match="run_id"):
        batches.log(actor, registry, run_id)


# Searching ------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(actor, registry):
    for number in range(3):
        run = runs.create(actor, registry, 0, run_name=f"run {number}", start_time=number).id
        batches.log(
            actor,
            registry,
            run,
            metrics=[Metric("acc", number / 10, 1)],
            params=[Param("depth", str(number))],
            tags=[Tag("team", "a" if number else "b")],
        )


def names(actor, registry, **fields):
    return [run.name for run in runs.search(actor, registry, ["0"], **fields).items]


@pytest.mark.usefixtures("three")
def test_a_search_finds_the_last_started_first_with_what_they_logged(actor, registry):
    found = runs.search(actor, registry, ["0"]).items

    assert [run.name for run in found] == ["run 2", "run 1", "run 0"]
    assert found == [runs.get(actor, registry, run.id) for run in found]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("metrics.acc > 0.05", ["run 2", "run 1"]),
        ("params.depth = '0'", ["run 0"]),
        ("tags.team = 'a' and metrics.acc < 0.2", ["run 1"]),
        ("attributes.status = 'RUNNING' and run_name = 'run 1'", ["run 1"]),
        ("start_time >= 2", ["run 2"]),
    ],
)
def test_a_search_filters_by_what_runs_logged(actor, registry, filter, expected):
    assert names(actor, registry, filter=filter) == expected


@pytest.mark.usefixtures("three")
def test_a_search_orders_by_what_runs_logged(actor, registry):
    assert names(actor, registry, order_by=["metrics.acc ASC"]) == ["run 0", "run 1", "run 2"]
    assert names(actor, registry, order_by=["tags.team", "params.depth DESC"]) == ["run 2", "run 1", "run 0"]


def test_a_search_shows_what_the_view_asks_for(actor, registry):
    live = runs.create(actor, registry, 0, run_name="live").id
    gone = runs.create(actor, registry, 0, run_name="gone").id
    runs.delete(actor, registry, gone)

    assert names(actor, registry) == ["live"]
    assert names(actor, registry, run_view_type="DELETED_ONLY") == ["gone"]
    assert sorted(names(actor, registry, run_view_type=3)) == ["gone", "live"]

    experiments.delete(actor, registry, 0)
    assert names(actor, registry) == []
    assert sorted(names(actor, registry, run_view_type=2)) == ["gone", "live"]
    assert runs.get(actor, registry, live).lifecycle_stage == "deleted"


def test_a_search_keeps_to_the_experiments_it_is_given(actor, registry, three):
    other = experiments.create(actor, registry, "other").id
    runs.create(actor, registry, other, run_name="elsewhere")

    assert len(runs.search(actor, registry, ["0", str(other)]).items) == 4
    assert [run.name for run in runs.search(actor, registry, [str(other)]).items] == ["elsewhere"]
    assert runs.search(actor, registry, []).items == []
    assert runs.search(actor, registry, ["77", "-5"]).items == []


def test_pages_show_each_run_once_and_a_token_belongs_to_its_search(actor, registry, three):
    first = runs.search(actor, registry, ["0"], max_results=2)
    second = runs.search(actor, registry, ["0"], max_results=2, page_token=first.next_page_token)

    assert [run.name for run in first.items + second.items] == ["run 2", "run 1", "run 0"]
    assert second.next_page_token is None
    with pytest.raises(Invalid, match="page_token"):
        runs.search(actor, registry, ["0", "1"], max_results=2, page_token=first.next_page_token)


@pytest.mark.parametrize("ids", ["0", ["x"], [None], {"a": 1}, ["0"] * 50_001])
def test_wrong_experiment_ids_are_refused(actor, registry, ids):
    with pytest.raises(Invalid, match="experiment"):
        runs.search(actor, registry, ids)


def test_a_reader_cannot_write_to_runs(actor, reader, registry, run):
    for write in (
        lambda: runs.create(reader, registry, 0),
        lambda: runs.update(reader, registry, run, status="FINISHED"),
        lambda: runs.delete(reader, registry, run),
        lambda: runs.restore(reader, registry, run),
        lambda: runs.set_tag(reader, registry, run, key="a", value="1"),
        lambda: runs.delete_tag(reader, registry, run, "mlflow.runName"),
        lambda: params.log(reader, registry, run, key="a", value="1"),
        lambda: metrics.log(reader, registry, run, key="a", value=1.0, timestamp=1),
        lambda: batches.log(reader, registry, run),
        lambda: runs.log_outputs(reader, registry, run, []),
        lambda: runs.log_model(reader, registry, run, model_json()),
    ):
        with pytest.raises(PermissionDenied):
            write()
