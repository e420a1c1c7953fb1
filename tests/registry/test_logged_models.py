import json

import pytest

from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied
from modelkeep.domain.logged_models import OrderBy
from modelkeep.domain.metrics import MeasuredOn
from modelkeep.domain.params import Param
from modelkeep.domain.tags import Tag
from modelkeep.registry import events, experiments, logged_models, metrics, runs
from modelkeep.storage import logged_models as rows


@pytest.fixture
def model(actor, registry):
    return logged_models.create(actor, registry, "0", "churn").id


def recorded(actor, registry):
    return [(event.kind, event.payload) for event in events.page(actor, registry, kinds=["logged_model"])]


def kinds(actor, registry):
    return [kind.removeprefix("logged_model.") for kind, _ in recorded(actor, registry)]


def test_a_created_logged_model_is_pending_and_has_a_folder_of_its_own(actor, registry):
    created = logged_models.create(
        actor, registry, "0", "churn", "sklearn", "some-run", [Param("p", "1")], [Tag("a=/:b", "1"), Tag("c")]
    )

    assert created == logged_models.get(actor, registry, created.id)
    assert created.id.startswith("m-")
    assert len(created.id) == 34
    assert created.status == "LOGGED_MODEL_PENDING"
    assert created.artifact_location == f"mlflow-artifacts:/0/models/{created.id}/artifacts"
    assert created.tags == [("a=/:b", "1"), ("c", "")]
    assert recorded(actor, registry) == [
        (
            "logged_model.created",
            {
                "logged_model_id": created.id,
                "experiment_id": 0,
                "name": "churn",
                "artifact_location": created.artifact_location,
                "model_type": "sklearn",
                "source_run_id": "some-run",
                "params": {"p": "1"},
                "tags": {"a=/:b": "1", "c": ""},
            },
        )
    ]


@pytest.mark.parametrize("name", [None, ""])
def test_a_logged_model_without_a_name_gets_one(actor, registry, name):
    assert logged_models.create(actor, registry, 0, name).name.count("-") == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a.b"},
        {"name": "a/b"},
        {"name": "a'b"},
        {"name": 5},
        {"name": "x" * 257},
        {"experiment_id": "abc"},
        {"params": [Param("p", "1"), Param("p", "2")]},
        {"params": [Param("", "1")]},
        {"tags": [Tag(None, "1")]},
        {"tags": [Tag("a", "x" * 100_001)]},
        {"model_type": 5},
    ],
)
def test_a_wrong_logged_model_is_refused(actor, registry, fields):
    with pytest.raises(Invalid):
        logged_models.create(actor, registry, **{"experiment_id": 0, **fields})

    assert recorded(actor, registry) == []


def test_a_logged_model_needs_a_live_experiment(actor, registry):
    with pytest.raises(NotFound):
        logged_models.create(actor, registry, 77)
    experiments.delete(actor, registry, 0)
    with pytest.raises(Invalid, match="must be in the 'active' state"):
        logged_models.create(actor, registry, 0)


@pytest.mark.parametrize("status", ["LOGGED_MODEL_READY", 2, "2"])
def test_finalizing_is_recorded_once(actor, registry, model, status):
    for _ in range(2):
        assert logged_models.finalize(actor, registry, model, status).status == "LOGGED_MODEL_READY"

    assert kinds(actor, registry) == ["created", "finalized"]


@pytest.mark.parametrize("status", [None, "", "READY?", 99, -1, True])
def test_an_unknown_status_is_refused(actor, registry, model, status):
    with pytest.raises(Invalid, match="status"):
        logged_models.finalize(actor, registry, model, status)

    assert logged_models.get(actor, registry, model).status == "LOGGED_MODEL_PENDING"


def test_a_deleted_logged_model_is_found_only_when_asked_for(actor, registry, model):
    logged_models.delete(actor, registry, model)
    logged_models.delete(actor, registry, model)

    with pytest.raises(NotFound, match=f"Logged model with ID '{model}' not found."):
        logged_models.get(actor, registry, model)
    assert logged_models.get(actor, registry, model, allow_deleted=True).id == model
    assert logged_models.search(actor, registry, ["0"]).items == []
    assert kinds(actor, registry) == ["created", "deleted"]


@pytest.mark.parametrize("which", ["deleted", "unknown"])
def test_a_deleted_or_unknown_logged_model_cannot_be_changed(actor, registry, model, which):
    logged_models.delete(actor, registry, model)
    model_id = model if which == "deleted" else "m-nope"

    for change in (
        lambda: logged_models.finalize(actor, registry, model_id, 2),
        lambda: logged_models.log_params(actor, registry, model_id, [Param("p", "1")]),
        lambda: logged_models.set_tags(actor, registry, model_id, [Tag("a", "1")]),
        lambda: logged_models.delete_tag(actor, registry, model_id, "a"),
    ):
        with pytest.raises(NotFound):
            change()


def test_an_unknown_logged_model_cannot_be_deleted(actor, registry):
    with pytest.raises(NotFound):
        logged_models.delete(actor, registry, "m-nope")


def test_params_are_given_once(actor, registry, model):
    logged_models.log_params(actor, registry, model, [Param("p", "1")])
    logged_models.log_params(actor, registry, model, [Param("p", "1"), Param("q", "2")])

    with pytest.raises(Invalid, match="Changing param values is not allowed"):
        logged_models.log_params(actor, registry, model, [Param("r", "1"), Param("p", "2")])

    assert logged_models.get(actor, registry, model).params == [("p", "1"), ("q", "2")]
    assert [payload["params"] for kind, payload in recorded(actor, registry) if kind.endswith("params_logged")] == [
        {"p": "1"},
        {"q": "2"},
    ]


def test_tags_are_set_and_deleted(actor, registry, model):
    logged_models.set_tags(actor, registry, model, [Tag("a", "1"), Tag("a", "2"), Tag("b")])
    logged_models.set_tags(actor, registry, model, [Tag("a", "2"), Tag("b", "3")])
    logged_models.delete_tag(actor, registry, model, "b")

    assert logged_models.get(actor, registry, model).tags == [("a", "2")]
    assert kinds(actor, registry) == ["created", "tag_set", "tag_set", "tag_set", "tag_deleted"]
    with pytest.raises(NotFound, match="No tag with key 'b' found"):
        logged_models.delete_tag(actor, registry, model, "b")


def test_every_measured_point_is_listed_and_the_last_said_wins_at_one_time(actor, registry, model):
    run = runs.create(actor, registry, 0).id
    for value, timestamp, step in ((0.1, 1, 1), (0.3, 2, 2), (0.2, 2, 2)):
        metrics.log(actor, registry, run, key="acc", value=value, timestamp=timestamp, step=step, model_id=model)

    found = logged_models.get(actor, registry, model).metrics
    assert [(metric.value, metric.step) for metric in found] == [(0.1, 1), (0.2, 2)]
    assert {(metric.run_id, metric.model_id, metric.dataset_name) for metric in found} == {(run, model, None)}


def test_registrations_are_listed_once_each_in_a_tag(actor, registry, model):
    with registry.database.write() as tx:
        assert rows.add_registration(tx, model, "churn", 1)
        assert rows.add_registration(tx, model, "churn", 1) is None
        rows.add_registration(tx, model, "churn", 2)

    tags = dict(logged_models.get(actor, registry, model).tags)
    assert json.loads(tags["mlflow.modelVersions"]) == [
        {"name": "churn", "version": "1"},
        {"name": "churn", "version": "2"},
    ]


@pytest.mark.parametrize("value", ["nope", "5", "{}", "[1]"])
def test_a_tag_of_registrations_that_was_written_by_hand_is_no_trap(actor, registry, model, value):
    logged_models.set_tags(actor, registry, model, [Tag("mlflow.modelVersions", value)])

    with registry.database.write() as tx:
        written = rows.add_registration(tx, model, "churn", 1)

    assert json.loads(written)[-1] == {"name": "churn", "version": "1"}


# Searching ------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(actor, registry):
    tick = iter(range(10_000, 20_000))
    registry.clock = lambda: next(tick)
    run = runs.create(actor, registry, 0).id
    for number in range(3):
        model = logged_models.create(
            actor, registry, 0, f"model {number}", params=[Param("depth", str(number))], tags=[Tag("team", "a")]
        ).id
        metrics.log(
            actor, registry, run, key="acc", value=number / 10, timestamp=1, model_id=model,
            dataset_name="train" if number else "test", dataset_digest="1",
        )  # fmt: skip
        if number == 2:
            logged_models.finalize(actor, registry, model, 2)


def names(actor, registry, *args, **fields):
    return [model.name for model in logged_models.search(actor, registry, ["0"], *args, **fields).items]


@pytest.mark.usefixtures("three")
def test_a_search_finds_the_newest_first_with_everything_in_them(actor, registry):
    found = logged_models.search(actor, registry, ["0"]).items

    assert [model.name for model in found] == ["model 2", "model 1", "model 0"]
    assert found == [logged_models.get(actor, registry, model.id) for model in found]


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ("name = 'model 1'", ["model 1"]),
        ("metrics.acc > 0.05", ["model 2", "model 1"]),
        ("params.depth = '0' AND tags.team = 'a'", ["model 0"]),
        ("status = 'READY'", ["model 2"]),
        ("creation_timestamp < 10003", ["model 0"]),
    ],
)
def test_a_search_filters(actor, registry, filter, expected):
    assert names(actor, registry, filter) == expected


@pytest.mark.usefixtures("three")
def test_a_search_looks_at_the_data_sets_it_is_given(actor, registry):
    assert names(actor, registry, datasets=[MeasuredOn("test")]) == ["model 0"]
    assert names(actor, registry, "metrics.acc >= 0", datasets=[MeasuredOn("train", "1")]) == ["model 2", "model 1"]
    assert names(actor, registry, datasets=[MeasuredOn("train", "2")]) == []
    with pytest.raises(Invalid, match="dataset_name"):
        names(actor, registry, datasets=[MeasuredOn(None, "1")])


@pytest.mark.usefixtures("three")
def test_a_search_orders_by_attributes_and_metrics(actor, registry):
    assert names(actor, registry, order_by=[OrderBy("name")]) == ["model 0", "model 1", "model 2"]
    assert names(actor, registry, order_by=[OrderBy("metrics.acc", ascending=False)])[0] == "model 2"
    on_test = OrderBy("metrics.acc", dataset_name="test")
    assert names(actor, registry, order_by=[on_test]) == ["model 0", "model 2", "model 1"]


@pytest.mark.usefixtures("three")
def test_pages_show_each_logged_model_once(actor, registry):
    first = logged_models.search(actor, registry, ["0"], max_results=2)
    second = logged_models.search(actor, registry, ["0"], max_results=2, page_token=first.next_page_token)

    assert [model.name for model in first.items + second.items] == ["model 2", "model 1", "model 0"]
    assert second.next_page_token is None


def test_a_search_keeps_to_the_experiments_it_is_given(actor, registry, three):
    other = experiments.create(actor, registry, "other").id
    logged_models.create(actor, registry, other, "elsewhere")

    assert [model.name for model in logged_models.search(actor, registry, [str(other)]).items] == ["elsewhere"]
    assert len(logged_models.search(actor, registry, ["0", str(other)]).items) == 4
    assert logged_models.search(actor, registry, []).items == []


def test_a_reader_cannot_change_logged_models(reader, registry, model):
    for change in (
        lambda: logged_models.create(reader, registry, 0),
        lambda: logged_models.finalize(reader, registry, model, 2),
        lambda: logged_models.delete(reader, registry, model),
        lambda: logged_models.log_params(reader, registry, model, []),
        lambda: logged_models.set_tags(reader, registry, model, []),
        lambda: logged_models.delete_tag(reader, registry, model, "a"),
    ):
        with pytest.raises(PermissionDenied):
            change()
