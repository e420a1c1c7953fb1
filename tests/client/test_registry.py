"""Registered models and versions through the client."""

import pytest

from modelkeep.domain.errors import AlreadyExists, Invalid, NotFound


def test_a_registered_model_comes_back_as_it_was_made(client, model):
    client.update_registered_model(model, "Finds customers who will leave.")
    client.set_registered_model_tag(model, "team", 7)

    found = client.get_registered_model(model)

    assert (found.name, found.description, found.tags) == (model, "Finds customers who will leave.", {"team": "7"})
    assert found.latest_versions == [] and found.aliases == {}
    assert found.creation_timestamp > 1_600_000_000_000


def test_a_version_is_named_by_text_or_number(client, model):
    client.create_model_version(model, "s3://bucket/model", tags={"rows": 1000}, description="first")

    found = client.get_model_version(model, 1)

    assert found == client.get_model_version(model, "1")
    assert (found.version, found.current_stage, found.tags) == ("1", "None", {"rows": "1000"})
    assert (found.source, found.status, found.description) == ("s3://bucket/model", "READY", "first")


def test_an_alias_follows_its_version(client, model):
    for _ in range(2):
        client.create_model_version(model, "s3://bucket/model")
    client.set_registered_model_alias(model, "champion", 1)
    client.set_registered_model_alias(model, "champion", "2")

    assert client.get_model_version_by_alias(model, "champion").version == "2"
    assert client.get_registered_model(model).aliases == {"champion": "2"}
    assert client.get_model_version(model, 2).aliases == ["champion"]
    client.delete_registered_model_alias(model, "champion")
    with pytest.raises(Invalid, match="Registered model alias champion not found"):
        client.get_model_version_by_alias(model, "champion")


def test_promoting_archives_what_was_there(client, model):
    for _ in range(2):
        client.create_model_version(model, "s3://bucket/model")
    client.transition_model_version_stage(model, 1, "Production")

    moved = client.transition_model_version_stage(model, 2, "Production", archive_existing_versions=True)

    assert moved.current_stage == "Production"
    assert client.get_model_version(model, 1).current_stage == "Archived"
    assert [each.version for each in client.get_latest_versions(model, ["Production"])] == ["2"]
    client.set_model_version_tag(model, stage="Production", key="checked", value=True)
    assert client.get_model_version(model, 2).tags == {"checked": "True"}
    client.delete_model_version_tag(model, stage="Production", key="checked")
    assert client.get_model_version(model, 2).tags == {}
    assert client.get_model_version_stages(model, 2) == ["None", "Staging", "Production", "Archived"]


def test_a_tag_needs_a_version_or_a_stage(client, model):
    with pytest.raises(Invalid, match="either the version or the stage"):
        client.set_model_version_tag(model, key="a", value="b")
    with pytest.raises(NotFound, match="no version in stage Production"):
        client.set_model_version_tag(model, stage="Production", key="a", value="b")


def test_searches_come_in_pages(client, model):
    for number in range(3):
        client.create_model_version(model, "s3://bucket/model", tags={"n": number})

    first = client.search_model_versions(f"name='{model}'", max_results=2, order_by=["version_number ASC"])
    second = client.search_model_versions(
        f"name='{model}'", max_results=2, order_by=["version_number ASC"], page_token=first.token
    )

    assert [each.version for each in first + second] == ["1", "2", "3"]
    assert second.token is None
    assert [found.name for found in client.search_registered_models(f"name='{model}'")] == [model]


def test_a_copy_shares_what_the_version_had(client, model):
    client.create_model_version(model, "s3://bucket/model", tags={"a": "b"}, description="good")
    client.set_registered_model_alias(model, "champion", 1)

    copied = client.copy_model_version(f"models:/{model}@champion", f"{model}-production")

    assert (copied.name, copied.version, copied.tags, copied.description) == (
        f"{model}-production", "1", {"a": "b"}, "good",
    )  # fmt: skip
    assert copied.source == f"models:/{model}/1"
    assert client.copy_model_version(f"models:/{model}/1", f"{model}-production").version == "2"
    with pytest.raises(Invalid, match="Unsupported source model URI"):
        client.copy_model_version("runs:/x/y", "z")


def test_what_is_deleted_can_be_restored(client, model):
    client.create_model_version(model, "s3://bucket/model")
    client.delete_model_version(model, 1)
    with pytest.raises(NotFound, match=r"version=1\) not found"):
        client.get_model_version(model, 1)
    assert client.restore_model_version(model, 1).version == "1"

    client.delete_registered_model(model)
    with pytest.raises(NotFound, match=f"Registered Model with name={model} not found"):
        client.get_registered_model(model)
    assert client.restore_registered_model(model).name == model


def test_an_error_has_a_class_a_code_and_the_servers_sentence(client, model):
    with pytest.raises(AlreadyExists) as caught:
        client.create_registered_model(model)

    assert caught.value.error_code == "RESOURCE_ALREADY_EXISTS"
    assert str(caught.value) == f"Registered Model (name={model}) already exists."
    with pytest.raises(Invalid, match="Missing value for required parameter 'name'"):
        client.create_registered_model("")


def test_a_renamed_model_keeps_its_versions(client, model):
    client.create_model_version(model, "s3://bucket/model")

    assert client.rename_registered_model(model, f"{model}-new").name == f"{model}-new"
    assert client.get_model_version(f"{model}-new", 1).version == "1"
    with pytest.raises(NotFound):
        client.get_registered_model(model)


def test_every_change_is_an_event(client, model):
    before = int(client.events(model=model).token)
    client.create_model_version(model, "s3://bucket/model")

    (event,) = client.events(before, model=model)

    assert event.kind == "version.registered"
    assert event.payload["version"] == 1
    assert model in event.sentence
    assert not event.verified
    followed = client.follow_events(before, model=model)
    assert next(followed) == event
    assert client.events(event.position, model=model, wait=0.01) == []
    with pytest.raises(Invalid, match="'wait' must be between 0 and 20"):
        client.events(wait=21)


def test_an_entity_cannot_be_changed(client, model):
    found = client.get_registered_model(model)
    with pytest.raises(AttributeError):
        found.name = "other"
    assert repr(found).startswith(f"RegisteredModel(name='{model}'")
    assert found.to_dictionary()["name"] == model
