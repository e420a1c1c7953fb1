"""Looking at versions, describing, tagging, loading and deleting them."""

from __future__ import annotations

from compat.flows.given import Given
from compat.flows.steps import step

VERSIONS = "Versions"


@step(VERSIONS, "look at a version: number, stage, time, run")
def look(given: Given) -> None:
    name = given.name()
    given.version(name)

    version = given.client.get_model_version(name, "1")
    assert (str(version.version), version.current_stage) == ("1", "None")
    assert version.creation_timestamp > 1_600_000_000_000
    assert given.client.get_run(version.run_id).info.experiment_id == given.experiment_id


@step(VERSIONS, "describe a version")
def describe(given: Given) -> None:
    name = given.name()
    given.version(name)
    given.client.update_model_version(name=name, version="1", description="Improved model. AUC: 0.92")

    assert given.client.get_model_version(name, "1").description == "Improved model. AUC: 0.92"


@step(VERSIONS, "tag a version, and take a tag away")
def tag(given: Given) -> None:
    name = given.name()
    given.version(name, tags={"old": "1"})
    given.client.set_model_version_tag(name=name, version="1", key="validation_status", value="passed")
    given.client.delete_model_version_tag(name, "1", "old")

    assert given.client.get_model_version(name, "1").tags == {"validation_status": "passed"}


@step(VERSIONS, "the newest version of each stage")
def latest(given: Given) -> None:
    name = given.name()
    for _ in range(3):
        given.version(name)
    given.client.transition_model_version_stage(name, "1", "Production")

    newest = {v.current_stage: str(v.version) for v in given.client.get_latest_versions(name)}
    assert newest == {"Production": "1", "None": "3"}
    (in_production,) = given.client.get_latest_versions(name, stages=["Production"])
    assert str(in_production.version) == "1"


@step(VERSIONS, "a version that is not there is refused as such")
def missing(given: Given) -> None:
    name = given.name()
    given.client.create_registered_model(name)

    with given.refused("RESOURCE_DOES_NOT_EXIST"):
        given.client.get_model_version(name, "7")


LOADING = "Loading"


@step(LOADING, "load a version by its number, and the latest")
def load_by_number(given: Given) -> None:
    name = given.name()
    given.log_version(name, given.blunt)
    given.log_version(name)

    first = given.mlflow.sklearn.load_model(f"models:/{name}/1")
    latest = given.mlflow.sklearn.load_model(f"models:/{name}/latest")
    assert (first.predict(given.blunt.unseen) == given.blunt.predictions).all()
    assert (latest.predict(given.trained.unseen) == given.trained.predictions).all()


@step(LOADING, "load a version by its stage")
def load_by_stage(given: Given) -> None:
    name = given.name()
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)
    given.client.transition_model_version_stage(name, "1", "Production")

    loaded = given.mlflow.sklearn.load_model(f"models:/{name}/Production")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()


@step(LOADING, "load a version by its alias")
def load_by_alias(given: Given) -> None:
    name = given.name()
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)
    given.client.set_registered_model_alias(name, "champion", "1")

    loaded = given.mlflow.sklearn.load_model(f"models:/{name}@champion")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()


@step(LOADING, "predict through pyfunc, with the signature")
def predict(given: Given) -> None:
    name = given.name()
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)

    loaded = given.mlflow.pyfunc.load_model(f"models:/{name}/1")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()
    assert loaded.metadata.get_input_schema().input_names() == list(given.trained.unseen.columns)


@step(LOADING, "read a version's signature without loading it, and download its files")
def download(given: Given) -> None:
    name = given.name()
    given.mlflow.register_model(f"runs:/{given.model_run_id}/model", name)

    info = given.mlflow.models.get_model_info(f"models:/{name}/1")
    assert info.signature is not None
    folder = given.empty_folder()
    given.mlflow.artifacts.download_artifacts(f"models:/{name}/1", dst_path=str(folder))
    assert list(folder.rglob("MLmodel"))
    assert given.client.get_model_version_download_uri(name, "1")


@step(LOADING, "a version keeps its files when its run is deleted")
def kept(given: Given) -> None:
    name = given.name()
    with given.mlflow.start_run() as run:
        given.log_model(given.trained, registered_model_name=name)
    given.client.delete_run(run.info.run_id)

    loaded = given.mlflow.sklearn.load_model(f"models:/{name}/1")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()
