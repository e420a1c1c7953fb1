"""Registering, describing, renaming and deleting registered models."""

from __future__ import annotations

from compat.flows.given import Given
from compat.flows.steps import step

REGISTERING = "Registering"


@step(REGISTERING, "log a model and register it in one step")
def log_and_register(given: Given) -> None:
    name = given.name()
    with given.mlflow.start_run() as run:
        given.log_model(given.trained, registered_model_name=name)

    version = given.client.get_model_version(name, "1")
    assert (version.run_id, version.status) == (run.info.run_id, "READY")


@step(REGISTERING, "register the model of a run after training")
def register_a_run(given: Given) -> None:
    name = given.name()
    first = given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)
    second = given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name, tags={"again": "yes"})

    assert [str(first.version), str(second.version)] == ["1", "2"]
    assert given.client.get_model_version(name, "2").tags == {"again": "yes"}


@step(REGISTERING, "create a model by hand, with a description and tags")
def create_by_hand(given: Given) -> None:
    name, tags = given.name("fraud-detector"), {"team": "fraud-prevention", "domain": "risk"}
    given.client.create_registered_model(name=name, description="Real-time fraud detection", tags=tags)

    model = given.client.get_registered_model(name)
    assert (model.description, model.tags) == ("Real-time fraud detection", tags)


@step(REGISTERING, "register a version by hand, with its run and a description")
def version_by_hand(given: Given) -> None:
    name, run_id = given.name("fraud-detector"), given.model_run_id
    given.client.create_registered_model(name)
    given.client.create_model_version(name, f"runs:/{run_id}/model", run_id, description="95% recall")

    version = given.client.get_model_version(name, "1")
    assert (version.run_id, version.description) == (run_id, "95% recall")


@step(REGISTERING, "a name that is taken is refused as such")
def taken(given: Given) -> None:
    name = given.name()
    given.client.create_registered_model(name)

    with given.refused("RESOURCE_ALREADY_EXISTS"):
        given.client.create_registered_model(name)


@step(REGISTERING, "copy a version to another model")
def copy(given: Given) -> None:
    name, other = given.name(), given.name("production")
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)
    copied = given.client.copy_model_version(f"models:/{name}/1", other)

    assert (copied.name, str(copied.version)) == (other, "1")
    loaded = given.mlflow.sklearn.load_model(f"models:/{other}/1")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()


DOCUMENTATION = "Documentation"


@step(DOCUMENTATION, "describe a model in Markdown")
def describe(given: Given) -> None:
    name, text = given.name(), "\n# Customer Churn\n## SLA\n- Latency: <100ms p99 — größer\n"
    given.client.create_registered_model(name)
    given.client.update_registered_model(name=name, description=text)

    assert given.client.get_registered_model(name).description == text


@step(DOCUMENTATION, "tag a model, and take a tag away")
def tag(given: Given) -> None:
    name = given.name()
    given.client.create_registered_model(name, tags={"old": "1"})
    given.client.set_registered_model_tag(name, "task", "classification")
    given.client.delete_registered_model_tag(name, "old")

    assert given.client.get_registered_model(name).tags == {"task": "classification"}


@step(DOCUMENTATION, "rename a model; its versions and aliases go along")
def rename(given: Given) -> None:
    name, new = given.name(), given.name("renamed")
    given.version(name)
    given.client.set_registered_model_alias(name, "champion", "1")
    given.client.rename_registered_model(name, new)

    assert str(given.client.get_model_version_by_alias(new, "champion").version) == "1"
    with given.refused("RESOURCE_DOES_NOT_EXIST"):
        given.client.get_registered_model(name)
