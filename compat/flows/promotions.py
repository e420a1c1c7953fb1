"""Stages, aliases, and validation before either moves."""

from __future__ import annotations

from compat.flows.given import Given
from compat.flows.steps import step
from tests.mlflow_client import article

STAGES = "Stages"


@step(STAGES, "move a version through all stages")
def move(given: Given) -> None:
    name = given.name()
    given.version(name)

    for stage in ("Staging", "Production", "Archived", "None"):
        moved = given.client.transition_model_version_stage(name=name, version="1", stage=stage)
        assert moved.current_stage == stage
    assert given.stages(name) == {"1": "None"}


@step(STAGES, "archive the versions that were in a stage before")
def archive_existing(given: Given) -> None:
    name = given.name()
    for _ in range(3):
        given.version(name)
    for version in "123":
        given.client.transition_model_version_stage(name, version, "Production", archive_existing_versions=True)

    assert given.stages(name) == {"1": "Archived", "2": "Archived", "3": "Production"}


@step(STAGES, "a stage that does not exist is refused")
def wrong_stage(given: Given) -> None:
    name = given.name()
    given.version(name)

    with given.refused("INVALID_PARAMETER_VALUE"):
        given.client.transition_model_version_stage(name, "1", "Shipping")


@step(STAGES, "promote a version, noting when")
def promote(given: Given) -> None:
    name = given.name()
    given.version(name)
    article.promote_model(given.client, name, "1", "Staging", _no_validation)

    version = given.client.get_model_version(name, "1")
    assert version.current_stage == "Staging"
    assert "promoted_to_staging" in version.tags


def _no_validation(name: str, version: str) -> article.Results:
    raise AssertionError("only a promotion to Production is validated")


ALIASES = "Aliases"


@step(ALIASES, "point an alias at a version, and move it at once")
def point(given: Given) -> None:
    name = given.name()
    for version in "12":
        given.version(name)
        given.client.set_registered_model_alias(name=name, alias="champion", version=version)
        assert str(given.client.get_model_version_by_alias(name, "champion").version) == version

    assert given.client.get_registered_model(name).aliases in ({"champion": "2"}, {"champion": 2})
    assert list(given.client.get_model_version(name, "2").aliases) == ["champion"]
    assert list(given.client.get_model_version(name, "1").aliases) == []


@step(ALIASES, "name the version of an alias as a whole number")
def point_by_number(given: Given) -> None:
    name = given.name()
    given.version(name)
    given.client.set_registered_model_alias(name, "champion", 1)

    assert str(given.client.get_model_version_by_alias(name, "champion").version) == "1"


@step(ALIASES, "several aliases on one version, and one taken away")
def several(given: Given) -> None:
    name = given.name()
    given.version(name)
    for alias in ("champion", "challenger", "rollback"):
        given.client.set_registered_model_alias(name, alias, "1")
    given.client.delete_registered_model_alias(name, "challenger")

    assert sorted(given.client.get_model_version(name, "1").aliases) == ["champion", "rollback"]
    with given.refused("INVALID_PARAMETER_VALUE"):
        given.client.get_model_version_by_alias(name, "challenger")


VALIDATION = "Validation"


def _validate(given: Given) -> object:
    rate = given.trained.predictions.mean()
    return lambda name, version: article.validate_model(given.mlflow, name, version, given.trained, rate)


@step(VALIDATION, "a version that passes goes to Production")
def passes(given: Given) -> None:
    name = given.name()
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)
    article.promote_model(given.client, name, "1", "Production", _validate(given))

    assert given.stages(name) == {"1": "Production"}


@step(VALIDATION, "a version that does not pass stays where it is")
def fails(given: Given) -> None:
    name = given.name()
    given.log_version(name, given.blunt)
    try:
        article.promote_model(given.client, name, "1", "Production", _validate(given))
    except ValueError as error:
        assert str(error).startswith("Validation failed")
    else:
        raise AssertionError("the version was promoted")

    assert given.stages(name) == {"1": "None"}
