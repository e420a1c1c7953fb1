import pytest

from modelkeep.domain.errors import Invalid, NotFound, PermissionDenied
from modelkeep.domain.tags import Tag
from modelkeep.registry import aliases, events, models, promotions, versions

NAME = "fraud-detector"


@pytest.fixture
def model(actor, registry):
    return models.create(actor, registry, NAME)


def register(actor, registry, source="s3://bucket/model", **fields):
    return versions.register(actor, registry, NAME, source, **fields)


def test_versions_are_numbered_from_one(actor, registry, model):
    assert [register(actor, registry).number for _ in range(3)] == [1, 2, 3]


def test_a_number_is_never_used_twice(actor, registry, model):
    register(actor, registry)
    register(actor, registry)
    versions.delete(actor, registry, NAME, 2)

    assert register(actor, registry).number == 3


def test_a_registered_version_has_what_it_was_given(actor, registry, model):
    register(actor, registry, run_id="unknown-run", tags=[Tag("k", "v")], description="95% recall", run_link="http://x")

    version = versions.get(actor, registry, NAME, "1")

    assert (version.run_id, version.tags, version.description) == ("unknown-run", [["k", "v"]], "95% recall")
    assert (version.status, version.current_stage, version.user_id) == ("READY", "None", "ann")


def test_a_run_unknown_here_is_accepted_as_the_source(actor, registry, model):
    register(actor, registry, "runs:/abc123/model", run_id="abc123")

    assert versions.download_location(actor, registry, NAME, 1) == "runs:/abc123/model"


@pytest.mark.parametrize(
    "source",
    [
        None,
        "",
        "model",
        "/etc/passwd",
        "file:/etc",
        "file:///etc",
        "FILE:/etc",
        "file://host/x",
        "C:\\models",
        "\\\\host\\share",
        "//host/share",
        "http://other.example/x",
        "https://other.example/x",
        "ftp://host/x",
        "hdfs://host/x",
        "runs:/",
        "runs:/only-a-run",
        "runs://host/run/model",
        "runs:/abc/../../etc",
        "runs:/abc/%2e%2e/etc",
        "runs:/abc/%252e%252e/etc",
        "runs:/abc/a#b",
        "runs:/abc/a?b",
        "s3://bucket/a/../b",
        "s3://bucket/%2e%2e/b",
        "s3:",
        "mlflow-artifacts://other.example/x",
        "mlflow-artifacts:/0/whatever/artifacts/model",
        "models:/",
        "models:/a/b/c",
        "models:/fraud-detector/Nowhere",
        "models:/m-0123",
        "x\0y",
        "s3://" + "x" * 9000,
    ],
)
def test_a_source_that_is_not_allowed_is_refused_and_draws_no_number(actor, registry, model, source):
    with pytest.raises(Invalid):
        register(actor, registry, source)

    assert register(actor, registry).number == 1


def test_a_source_of_another_run_is_refused(actor, registry, model):
    with pytest.raises(Invalid, match="is of run 'other', but run_id is 'mine'"):
        register(actor, registry, "runs:/other/model", run_id="mine")


def test_a_version_registered_from_an_alias_names_the_number_it_meant(actor, registry, model):
    register(actor, registry, "s3://bucket/one")
    aliases.point(actor, registry, NAME, "champion", 1)

    copy = register(actor, registry, f"models:/{NAME}@champion")

    assert copy.source == f"models:/{NAME}/1"
    assert versions.download_location(actor, registry, NAME, copy.number) == "s3://bucket/one"


def test_a_source_that_names_no_version_is_not_found(actor, registry, model):
    for source in (f"models:/{NAME}/9", f"models:/{NAME}@nobody", f"models:/{NAME}/latest", "models:/nothing/1"):
        with pytest.raises(NotFound):
            register(actor, registry, source)


def test_registering_in_a_missing_model_is_not_found(actor, registry):
    with pytest.raises(NotFound, match="Registered Model with name=fraud-detector not found"):
        register(actor, registry)


@pytest.mark.parametrize("version", ["abc", "1.0", "", None, "1" * 70])
def test_a_version_that_is_not_a_number_is_invalid(actor, registry, model, version):
    with pytest.raises(Invalid):
        versions.get(actor, registry, NAME, version)


@pytest.mark.parametrize("version", ["0", "-1", "99999999999999999999", "7"])
def test_a_version_that_does_not_exist_is_not_found(actor, registry, model, version):
    with pytest.raises(NotFound):
        versions.get(actor, registry, NAME, version)


def test_update_replaces_the_description_and_leaving_it_out_erases_it(actor, registry, model):
    register(actor, registry, description="old")

    assert versions.update(actor, registry, NAME, "1", "AUC: 0.92").description == "AUC: 0.92"
    assert versions.update(actor, registry, NAME, "1").description is None


def test_a_deleted_version_is_gone_and_frees_its_aliases(actor, registry, model):
    register(actor, registry)
    aliases.point(actor, registry, NAME, "champion", 1)

    versions.delete(actor, registry, NAME, 1)

    with pytest.raises(NotFound):
        versions.get(actor, registry, NAME, 1)
    assert models.get(actor, registry, NAME).aliases == []
    moved = events.page(actor, registry, kinds=["alias"])[-1]
    assert (moved.payload["from"], moved.payload["to"], moved.payload["cause"]) == (1, None, "version deleted")


def test_everything_one_call_did_shares_a_change_id(actor, registry, model):
    register(actor, registry)
    aliases.point(actor, registry, NAME, "a", 1)
    aliases.point(actor, registry, NAME, "b", 1)

    versions.delete(actor, registry, NAME, 1)

    last = events.page(actor, registry, limit=1000)[-3:]
    assert [event.kind for event in last] == ["alias.moved", "alias.moved", "version.deleted"]
    assert {event.change_id for event in last} == {actor.change_ids[-1]}


def test_restore_brings_a_deleted_version_back_in_stage_none(actor, registry, model):
    register(actor, registry, tags=[Tag("k", "v")], description="text")
    promotions.transition(actor, registry, NAME, 1, "Production")
    versions.delete(actor, registry, NAME, 1)

    version = versions.restore(actor, registry, NAME, 1)

    assert (version.current_stage, version.description, version.tags) == ("None", "text", [["k", "v"]])
    moved = events.page(actor, registry, kinds=["stage"])[-1]
    assert (moved.payload["from"], moved.payload["to"]) == ("Production", "None")
    assert version.promoted_timestamp == moved.recorded_timestamp


def test_a_prompt_is_no_source_of_a_model(actor, registry, model):
    prompt = [Tag("mlflow.prompt.is_prompt", "true")]
    models.create(actor, registry, "greeting", prompt)
    versions.register(actor, registry, "greeting", "prompt-template", tags=prompt)

    with pytest.raises(Invalid, match="is a prompt, which has no files"):
        register(actor, registry, "models:/greeting/1")


def test_restoring_a_live_version_is_not_found(actor, registry, model):
    register(actor, registry)

    with pytest.raises(NotFound):
        versions.restore(actor, registry, NAME, 1)


def test_a_version_tag_is_set_and_deleted(actor, registry, model):
    register(actor, registry)
    versions.set_tag(actor, registry, NAME, "1", "validation_status", "passed")
    assert versions.get(actor, registry, NAME, 1).tags == [["validation_status", "passed"]]

    versions.delete_tag(actor, registry, NAME, "1", "validation_status")

    assert versions.get(actor, registry, NAME, 1).tags == []


def test_latest_answers_for_the_stages_asked_for(actor, registry, model):
    for _ in range(3):
        register(actor, registry)
    promotions.transition(actor, registry, NAME, 1, "Production")

    assert [v.number for v in versions.latest(actor, registry, NAME, ["production"])] == [1]
    assert sorted(v.number for v in versions.latest(actor, registry, NAME)) == [1, 3]
    assert versions.latest(actor, registry, NAME, ["Staging"]) == []
    with pytest.raises(Invalid, match="Invalid Model Version stage: Nowhere"):
        versions.latest(actor, registry, NAME, ["Nowhere"])


def test_a_reader_may_not_change_a_version(actor, reader, registry, model):
    register(actor, registry)

    for attempt in (
        lambda: register(reader, registry),
        lambda: versions.update(reader, registry, NAME, 1, "d"),
        lambda: versions.delete(reader, registry, NAME, 1),
        lambda: versions.restore(reader, registry, NAME, 1),
        lambda: versions.set_tag(reader, registry, NAME, 1, "k", "v"),
        lambda: versions.delete_tag(reader, registry, NAME, 1, "k"),
        lambda: promotions.transition(reader, registry, NAME, 1, "Production"),
        lambda: aliases.point(reader, registry, NAME, "a", 1),
        lambda: aliases.delete(reader, registry, NAME, "a"),
    ):
        with pytest.raises(PermissionDenied):
            attempt()
