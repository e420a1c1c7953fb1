import pytest

from modelkeep.domain.errors import AlreadyExists, Invalid, NotFound, PermissionDenied
from modelkeep.domain.tags import Tag
from modelkeep.registry import events, experiments, opening, runs


def create(actor, registry, name="churn", **fields):
    return experiments.create(actor, registry, name, **fields).id


def recorded(actor, registry, kind="experiment"):
    return [(event.kind, event.payload) for event in events.page(actor, registry, kinds=[kind])]


def found(actor, registry, **fields):
    return [each.name for each in experiments.search(actor, registry, **fields).items]


def test_a_new_registry_has_the_experiment_default(actor, registry):
    default = experiments.get(actor, registry, "0")

    assert (default.name, default.artifact_location) == ("Default", "mlflow-artifacts:/0")
    event = events.page(actor, registry)[0]
    assert (event.kind, event.actor, event.via) == ("experiment.created", "modelkeep", "background")


def test_opening_a_registry_again_leaves_default_as_it_is(actor, registry, database):
    experiments.delete(actor, registry, "0")

    opening.prepare(registry.folder, database=database)

    assert experiments.get(actor, registry, 0).lifecycle_stage == "deleted"
    assert len(recorded(actor, registry)) == 2


def test_experiments_are_numbered_from_1(actor, registry):
    assert [create(actor, registry, name) for name in "abc"] == [1, 2, 3]


def test_a_created_experiment_has_its_tags_and_a_location_of_its_own(actor, registry):
    number = create(actor, registry, tags=[Tag("team", "a"), Tag("team", "b"), Tag("empty")])

    experiment = experiments.get(actor, registry, str(number))

    assert sorted(experiment.tags) == [["empty", ""], ["team", "b"]]
    assert experiment.artifact_location == f"mlflow-artifacts:/{number}"
    assert experiment.lifecycle_stage == "active"
    assert recorded(actor, registry)[-1] == (
        "experiment.created",
        {
            "experiment_id": number,
            "name": "churn",
            "artifact_location": f"mlflow-artifacts:/{number}",
            "tags": {"team": "b", "empty": ""},
        },
    )


@pytest.mark.parametrize("name", ["/ : . ..", "😀", " padded ", "x" * 500, "a\nb"])
def test_a_name_may_hold_any_characters(actor, registry, name):
    create(actor, registry, name)

    assert experiments.get_by_name(actor, registry, name).name == name


@pytest.mark.parametrize("name", [None, "", "x" * 501, 5, ["a"], "a\0b", "\ud800"])
def test_a_wrong_name_is_refused(actor, registry, name):
    with pytest.raises(Invalid):
        create(actor, registry, name)

    assert found(actor, registry) == ["Default"]


@pytest.mark.parametrize("location", ["s3://bucket/a", "gs://b", "wasbs://c@a.blob.core.windows.net/x", "dbfs:/x"])
def test_an_object_store_may_be_the_location(actor, registry, location):
    number = create(actor, registry, artifact_location=location)

    assert experiments.get(actor, registry, number).artifact_location == location


@pytest.mark.parametrize("location", ["mlflow-artifacts:/a/b", "mlflow-artifacts:/a//b/"])
def test_a_folder_of_this_server_may_be_the_location(actor, registry, location):
    number = create(actor, registry, artifact_location=location)

    assert experiments.get(actor, registry, number).artifact_location == "mlflow-artifacts:/a/b"


@pytest.mark.parametrize(
    "location",
    [
        "/tmp/x",
        "relative",
        "file:///tmp/x",
        "FILE:/tmp",
        "C:\\data",
        "runs:/1/x",
        "models:/a/1",
        "http://internal/x",
        "hdfs://host/x",
        "mlflow-artifacts://host/x",
        "mlflow-artifacts:/",
        "mlflow-artifacts:/a/../b",
        "s3://bucket/../other",
        "s3://bucket/%2e%2e/other",
        "s3://bucket/x#fragment",
        "s3://bucket/x?a=../b",
        "s3://" + "x" * 2048,
        7,
    ],
)
def test_a_location_on_a_disk_or_another_host_is_refused(actor, registry, location):
    with pytest.raises(Invalid):
        create(actor, registry, artifact_location=location)


def test_a_name_is_taken_by_a_deleted_experiment_too(actor, registry):
    number = create(actor, registry)
    experiments.delete(actor, registry, number)

    with pytest.raises(AlreadyExists, match="deleted experiment has this name; restore it"):
        create(actor, registry)


@pytest.mark.parametrize("number", ["7", 7, "-1", str(2**70)])
def test_an_unknown_id_is_not_found(actor, registry, number):
    with pytest.raises(NotFound, match="No Experiment with id="):
        experiments.get(actor, registry, number)


@pytest.mark.parametrize("number", [None, "", "abc", "1.0", 1.5, True])
def test_an_id_that_is_no_integer_is_refused(actor, registry, number):
    with pytest.raises(Invalid):
        experiments.get(actor, registry, number)


def test_an_unknown_name_is_not_found(actor, registry):
    with pytest.raises(NotFound, match="Could not find experiment with name 'nope'"):
        experiments.get_by_name(actor, registry, "nope")


def test_renaming_keeps_the_id_and_is_recorded(actor, registry):
    number = create(actor, registry)

    experiments.update(actor, registry, number, "loss")

    assert experiments.get_by_name(actor, registry, "loss").id == number
    assert recorded(actor, registry)[-1] == (
        "experiment.renamed",
        {"experiment_id": number, "from": "churn", "name": "loss"},
    )


def test_renaming_to_the_same_name_records_nothing(actor, registry):
    number = create(actor, registry)
    before = recorded(actor, registry)

    experiments.update(actor, registry, number, "churn")

    assert recorded(actor, registry) == before


def test_renaming_to_a_taken_name_is_refused(actor, registry):
    number = create(actor, registry)

    with pytest.raises(AlreadyExists):
        experiments.update(actor, registry, number, "Default")


def test_a_deleted_experiment_cannot_be_changed(actor, registry):
    number = create(actor, registry, tags=[Tag("a", "1")])
    experiments.delete(actor, registry, number)

    for change in (
        lambda: experiments.update(actor, registry, number, "other"),
        lambda: experiments.set_tag(actor, registry, number, "a", "2"),
        lambda: experiments.delete_tag(actor, registry, number, "a"),
        lambda: runs.create(actor, registry, number),
    ):
        with pytest.raises(Invalid):
            change()


def test_deleting_and_restoring_twice_is_not_found(actor, registry):
    number = create(actor, registry)
    with pytest.raises(NotFound):
        experiments.restore(actor, registry, number)

    experiments.delete(actor, registry, number)
    with pytest.raises(NotFound):
        experiments.delete(actor, registry, number)

    experiments.restore(actor, registry, number)
    assert experiments.get(actor, registry, number).lifecycle_stage == "active"
    assert [kind for kind, _ in recorded(actor, registry)[-2:]] == ["experiment.deleted", "experiment.restored"]


def test_runs_are_deleted_and_restored_with_their_experiment(actor, registry):
    number = create(actor, registry)
    kept = runs.create(actor, registry, number).id
    deleted = runs.create(actor, registry, number).id
    runs.delete(actor, registry, deleted)

    experiments.delete(actor, registry, number)
    assert runs.get(actor, registry, kept).lifecycle_stage == "deleted"

    experiments.restore(actor, registry, number)
    assert runs.get(actor, registry, kept).lifecycle_stage == "active"
    assert runs.get(actor, registry, deleted).lifecycle_stage == "deleted"


def test_setting_a_tag_to_what_it_is_records_nothing(actor, registry):
    number = create(actor, registry)
    experiments.set_tag(actor, registry, number, "team", "a")
    before = recorded(actor, registry)

    experiments.set_tag(actor, registry, number, "team", "a")

    assert recorded(actor, registry) == before


def test_a_tag_is_set_and_deleted(actor, registry):
    number = create(actor, registry)

    experiments.set_tag(actor, registry, number, "team", "x" * 20_000)
    experiments.delete_tag(actor, registry, number, "team")

    assert experiments.get(actor, registry, number).tags == []
    assert [kind for kind, _ in recorded(actor, registry)[-2:]] == ["experiment.tag_set", "experiment.tag_deleted"]


def test_a_missing_tag_cannot_be_deleted(actor, registry):
    with pytest.raises(NotFound, match="No tag with name: nope in experiment with id 0"):
        experiments.delete_tag(actor, registry, 0, "nope")


@pytest.mark.parametrize(("key", "value"), [("", "v"), ("/a", "v"), (None, "v"), ("a", "x" * 20_001), ("a", 5)])
def test_a_wrong_tag_is_refused(actor, registry, key, value):
    with pytest.raises(Invalid):
        experiments.set_tag(actor, registry, 0, key, value)


def test_a_search_finds_the_newest_first(actor, registry):
    tick = iter(range(10_000, 20_000, 10))
    registry.clock = lambda: next(tick)
    for name in "abc":
        create(actor, registry, name)

    # Default is the newest: it was created by the real clock.
    assert found(actor, registry) == ["Default", "c", "b", "a"]
    assert found(actor, registry, filter="name LIKE '%b%'") == ["b"]
    assert found(actor, registry, order_by=["name"], filter="name != 'Default'") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("view", "names"),
    [
        (None, ["live"]),
        ("ACTIVE_ONLY", ["live"]),
        (2, ["gone"]),
        ("2", ["gone"]),
        ("ALL", ["gone", "live"]),
        ("nonsense", ["live"]),
    ],
)
def test_a_search_shows_what_the_view_asks_for(actor, registry, view, names):
    create(actor, registry, "live")
    experiments.delete(actor, registry, create(actor, registry, "gone"))

    assert found(actor, registry, view_type=view, order_by=["name"], filter="name != 'Default'") == names


@pytest.mark.parametrize("view", [0, 4, "9", -1, "-1", True, [1], 1.0])
def test_a_view_that_is_no_view_is_refused(actor, registry, view):
    with pytest.raises(Invalid, match="view_type"):
        experiments.search(actor, registry, view_type=view)


def test_pages_show_each_experiment_once(actor, registry):
    for name in "abcdefg":
        create(actor, registry, name)

    names, token = [], None
    while True:
        page = experiments.search(actor, registry, max_results=3, page_token=token)
        names += [each.name for each in page.items]
        token = page.next_page_token
        if token is None:
            break

    assert sorted(names) == ["Default", *"abcdefg"]


def test_a_reader_cannot_change_experiments(reader, registry):
    for change in (
        lambda: experiments.create(reader, registry, "x"),
        lambda: experiments.update(reader, registry, 0, "x"),
        lambda: experiments.delete(reader, registry, 0),
        lambda: experiments.restore(reader, registry, 0),
        lambda: experiments.set_tag(reader, registry, 0, "a", "b"),
        lambda: experiments.delete_tag(reader, registry, 0, "a"),
    ):
        with pytest.raises(PermissionDenied):
            change()
