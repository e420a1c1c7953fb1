import pytest

from modelkeep.domain.errors import AlreadyExists, Invalid, NotFound, PermissionDenied
from modelkeep.domain.tags import Tag
from modelkeep.registry import aliases, events, models, promotions, versions

NAME = "customer-churn-classifier"


def kinds(actor, registry):
    return [
        event.kind for event in events.page(actor, registry, limit=1000, kinds=["model", "version", "alias", "stage"])
    ]


def test_a_created_model_has_what_it_was_given(actor, registry):
    models.create(actor, registry, NAME, [Tag("team", "risk")], "Predicts churn.")

    model = models.get(actor, registry, NAME)

    assert (model.name, model.description, model.tags) == (NAME, "Predicts churn.", [["team", "risk"]])
    assert model.user_id == "ann"
    assert model.latest_versions == []


def test_of_equal_tag_keys_the_last_wins(actor, registry):
    model = models.create(actor, registry, NAME, [Tag("k", "1"), Tag("k", "2")])

    assert model.tags == [["k", "2"]]


def test_a_name_is_unique_among_live_models(actor, registry):
    models.create(actor, registry, NAME)

    with pytest.raises(AlreadyExists, match=r"Registered Model \(name=customer-churn-classifier\) already exists\."):
        models.create(actor, registry, NAME)

    assert kinds(actor, registry) == ["model.created"]


def test_a_name_taken_by_a_prompt_says_so(actor, registry):
    models.create(actor, registry, NAME, [Tag("mlflow.prompt.is_prompt", "true")])

    with pytest.raises(AlreadyExists, match="taken by a prompt"):
        models.create(actor, registry, NAME)


@pytest.mark.parametrize("name", [None, "", " ", "a/b", "a:b", ".", "..", "..a", "a\0b", "x" * 257, 5, ["a"], "\ud800"])
def test_a_bad_name_is_refused_and_nothing_is_recorded(actor, registry, name):
    with pytest.raises(Invalid):
        models.create(actor, registry, name)

    assert kinds(actor, registry) == []


@pytest.mark.parametrize("name", ["a b", "naïve-☃", "<script>", "it's", 'q"q', "a\\b", " edge ", "line\nbreak"])
def test_an_odd_but_legal_name_works(actor, registry, name):
    models.create(actor, registry, name)

    assert models.get(actor, registry, name).name == name


def test_update_replaces_the_description_and_leaving_it_out_erases_it(actor, registry):
    models.create(actor, registry, NAME, description="old")

    assert models.update(actor, registry, NAME, "new").description == "new"
    assert models.update(actor, registry, NAME).description is None


def test_updating_to_the_same_description_records_nothing(actor, registry):
    models.create(actor, registry, NAME, description="same")

    models.update(actor, registry, NAME, "same")

    assert kinds(actor, registry) == ["model.created"]


def test_rename_keeps_versions_tags_aliases_and_numbering(actor, registry):
    models.create(actor, registry, NAME, [Tag("k", "v")])
    versions.register(actor, registry, NAME, "s3://bucket/1")
    aliases.point(actor, registry, NAME, "champion", 1)

    model = models.rename(actor, registry, NAME, "renamed")

    assert (model.name, model.tags, model.aliases) == ("renamed", [["k", "v"]], [("champion", 1)])
    assert versions.register(actor, registry, "renamed", "s3://bucket/2").number == 2
    with pytest.raises(NotFound, match="Registered Model with name=customer-churn-classifier not found"):
        models.get(actor, registry, NAME)


def test_rename_to_itself_changes_nothing(actor, registry):
    models.create(actor, registry, NAME)

    assert models.rename(actor, registry, NAME, NAME).name == NAME
    assert kinds(actor, registry) == ["model.created"]


def test_rename_to_a_taken_name_is_refused(actor, registry):
    models.create(actor, registry, NAME)
    models.create(actor, registry, "other")

    with pytest.raises(AlreadyExists):
        models.rename(actor, registry, NAME, "other")


def test_a_name_that_is_used_again_starts_at_version_one(actor, registry):
    models.create(actor, registry, NAME)
    versions.register(actor, registry, NAME, "s3://bucket/1")
    models.delete(actor, registry, NAME)

    models.create(actor, registry, NAME)

    assert versions.register(actor, registry, NAME, "s3://bucket/2").number == 1


def test_restore_brings_a_deleted_model_back_as_it_was(actor, registry):
    models.create(actor, registry, NAME, [Tag("k", "v")], "text")
    versions.register(actor, registry, NAME, "s3://bucket/1")
    aliases.point(actor, registry, NAME, "champion", 1)
    promotions.transition(actor, registry, NAME, 1, "Production")
    models.delete(actor, registry, NAME)

    model = models.restore(actor, registry, NAME)

    assert (model.description, model.tags, model.aliases) == ("text", [["k", "v"]], [("champion", 1)])
    assert [version.current_stage for version in model.latest_versions] == ["Production"]


def test_restore_is_refused_while_the_name_is_taken(actor, registry):
    models.create(actor, registry, NAME)
    models.delete(actor, registry, NAME)
    models.create(actor, registry, NAME)

    with pytest.raises(AlreadyExists, match="rename the live one"):
        models.restore(actor, registry, NAME)


def test_deleting_twice_is_not_found(actor, registry):
    models.create(actor, registry, NAME)
    models.delete(actor, registry, NAME)

    with pytest.raises(NotFound):
        models.delete(actor, registry, NAME)


def test_a_tag_is_set_changed_and_deleted(actor, registry):
    models.create(actor, registry, NAME)
    models.set_tag(actor, registry, NAME, "stage/owner", "ann")
    models.set_tag(actor, registry, NAME, "stage/owner", "bob")
    models.set_tag(actor, registry, NAME, "stage/owner", "bob")
    assert models.get(actor, registry, NAME).tags == [["stage/owner", "bob"]]

    models.delete_tag(actor, registry, NAME, "stage/owner")
    models.delete_tag(actor, registry, NAME, "stage/owner")

    assert models.get(actor, registry, NAME).tags == []
    assert kinds(actor, registry) == ["model.created", "model.tag_set", "model.tag_set", "model.tag_deleted"]


@pytest.mark.parametrize("key", [None, "", "/a", "a//b", "..", "a/../b", "a!", "x" * 251, 7])
def test_a_bad_tag_key_is_refused(actor, registry, key):
    models.create(actor, registry, NAME)

    with pytest.raises(Invalid):
        models.set_tag(actor, registry, NAME, key, "v")


def test_a_tag_value_over_the_limit_is_refused(actor, registry):
    models.create(actor, registry, NAME)
    models.set_tag(actor, registry, NAME, "k", "x" * 100_000)

    with pytest.raises(Invalid, match="at most 100,000"):
        models.set_tag(actor, registry, NAME, "k", "x" * 100_001)


def test_a_reader_may_look_and_not_touch(actor, reader, registry):
    models.create(actor, registry, NAME)
    assert models.get(reader, registry, NAME).name == NAME

    for attempt in (
        lambda: models.create(reader, registry, "x"),
        lambda: models.update(reader, registry, NAME, "d"),
        lambda: models.rename(reader, registry, NAME, "y"),
        lambda: models.delete(reader, registry, NAME),
        lambda: models.restore(reader, registry, NAME),
        lambda: models.set_tag(reader, registry, NAME, "k", "v"),
        lambda: models.delete_tag(reader, registry, NAME, "k"),
    ):
        with pytest.raises(PermissionDenied, match="has the role reader and may not write"):
            attempt()

    assert kinds(actor, registry) == ["model.created"]


def test_latest_versions_has_the_newest_of_each_stage(actor, registry):
    models.create(actor, registry, NAME)
    for number in range(1, 6):
        versions.register(actor, registry, NAME, f"s3://bucket/{number}")
    promotions.transition(actor, registry, NAME, 1, "Production")
    promotions.transition(actor, registry, NAME, 2, "Production")
    promotions.transition(actor, registry, NAME, 3, "Staging")
    versions.delete(actor, registry, NAME, 5)

    model = models.get(actor, registry, NAME)

    found = {version.current_stage: version.number for version in model.latest_versions}
    assert found == {"Production": 2, "Staging": 3, "None": 4}


def test_a_read_only_registry_refuses_every_change(actor, registry):
    models.create(actor, registry, NAME)
    registry.read_only = True

    with pytest.raises(PermissionDenied, match="read-only"):
        models.delete(actor, registry, NAME)

    assert models.get(actor, registry, NAME).name == NAME


def test_restore_takes_the_model_that_was_deleted_last(actor, registry):
    now = registry.clock()
    registry.clock = lambda: now
    models.create(actor, registry, "first", description="older id")
    models.create(actor, registry, NAME, description="newer id")
    models.delete(actor, registry, NAME)
    models.rename(actor, registry, "first", NAME)
    now += 10
    models.delete(actor, registry, NAME)

    assert models.restore(actor, registry, NAME).description == "older id"
