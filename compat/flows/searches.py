"""Searching, comparing, lineage and clean-up."""

from __future__ import annotations

from compat.flows.given import Given
from compat.flows.steps import step
from tests.mlflow_client import article

COMPARING = "Comparing and lineage"


@step(COMPARING, "compare the metrics of versions")
def compare(given: Given) -> None:
    name = given.name()
    for auc in (0.8, 0.9):
        given.version(name, metrics={"auc": auc, "f1": auc / 2})

    table = article.compare_models(given.client, name, ["1", "2"])
    assert table[["version", "stage", "metrics.auc", "metrics.f1"]].to_numpy().tolist() == [
        ["1", "None", 0.8, 0.4],
        ["2", "None", 0.9, 0.45],
    ]


@step(COMPARING, "follow a version to its run and that run's data sets")
def lineage(given: Given) -> None:
    name = given.name()
    data = given.mlflow.data.from_pandas(given.trained.unseen.head(20), name="customers-2024-06")
    with given.mlflow.start_run() as run:
        given.mlflow.log_input(data, context="training")
        given.mlflow.set_tag("mlflow.source.git.commit", "0123456789abcdef")
        given.mlflow.set_tag("sparkml.features", "total_orders,lifetime_value")
    given.client.create_registered_model(name)
    given.client.create_model_version(name, f"runs:/{run.info.run_id}/model", run.info.run_id)

    found = article.get_model_lineage(given.client, name, "1")
    assert (found["run_id"], found["experiment_id"]) == (run.info.run_id, given.experiment_id)
    assert found["git_commit"] == "0123456789abcdef"
    assert found["training_data"] == [{"name": "customers-2024-06", "digest": data.digest}]
    assert found["features"] == ["total_orders", "lifetime_value"]


SEARCHING = "Searching"


@step(SEARCHING, "models by a pattern in their name, and by tag")
def models(given: Given) -> None:
    stem = given.name("searched")
    for kind in ("tree", "forest", "line"):
        given.client.create_registered_model(f"{stem}-{kind}", tags={"kind": kind})

    found = given.client.search_registered_models(f"name LIKE '{stem}-%' AND tags.kind = 'forest'")
    assert [model.name for model in found] == [f"{stem}-forest"]
    assert len(given.client.search_registered_models(f"name ILIKE '{stem.upper()}%'")) == 3


@step(SEARCHING, "models in an order, page by page")
def pages(given: Given) -> None:
    stem = given.name("paged")
    for number in range(5):
        given.client.create_registered_model(f"{stem}-{number}")

    seen, token = [], None
    while True:
        page = given.client.search_registered_models(f"name LIKE '{stem}-%'", 2, ["name DESC"], token)
        seen += [model.name for model in page]
        token = page.token
        if not token:
            break
    assert seen == [f"{stem}-{number}" for number in (4, 3, 2, 1, 0)]


@step(SEARCHING, "versions of a model, of a run, and by tag")
def versions(given: Given) -> None:
    name = given.name()
    given.version(name, tags={"data": "2024-05"})
    given.version(name, tags={"data": "2024-06"})
    second = given.client.get_model_version(name, "2")

    search = given.client.search_model_versions
    assert sorted(str(v.version) for v in search(f"name='{name}'")) == ["1", "2"]
    assert [v.name for v in search(f"run_id='{second.run_id}'")] == [name]
    assert [str(v.version) for v in search(f"name='{name}' and tags.data='2024-06'")] == ["2"]
    assert [str(v.version) for v in search(f"name='{name}'", order_by=["version_number ASC"])] == ["1", "2"]


@step(SEARCHING, "versions by stage or alias, with OR")
def versions_by_stage(given: Given) -> None:
    name = given.name()
    for _ in range(3):
        given.version(name)
    given.client.transition_model_version_stage(name, "1", "Archived")
    given.client.set_registered_model_alias(name, "champion", "3")

    found = given.client.search_model_versions(f"name='{name}' and (current_stage='Archived' or alias='champion')")
    assert sorted(str(v.version) for v in found) == ["1", "3"]


@step(SEARCHING, "runs by metric, parameter and tag, in an order")
def runs(given: Given) -> None:
    mark = given.name("mark")
    for depth in (2, 4, 6):
        with given.mlflow.start_run(tags={"mark": mark}):
            given.mlflow.log_param("depth", depth)
            given.mlflow.log_metric("auc", 1 - depth / 10)

    found = given.client.search_runs(
        [given.experiment_id], f"tags.mark = '{mark}' and metrics.auc < 0.7", order_by=["metrics.auc ASC"]
    )
    assert [run.data.params["depth"] for run in found] == ["6", "4"]
    table = given.mlflow.search_runs([given.experiment_id], f"tags.mark = '{mark}' and params.depth = '2'")
    assert table["metrics.auc"].tolist() == [0.8]


@step(SEARCHING, "a filter that is none is refused")
def wrong_filter(given: Given) -> None:
    with given.refused("INVALID_PARAMETER_VALUE"):
        given.client.search_registered_models("nonsense == 5 and")


CLEAN_UP = "Clean-up"


@step(CLEAN_UP, "archive old versions")
def archive(given: Given) -> None:
    name = given.name()
    for _ in range(4):
        given.version(name)
    given.client.transition_model_version_stage(name, "1", "Production")
    article.cleanup_old_versions(given.client, name, keep_versions=2)

    assert given.stages(name) == {"1": "Production", "2": "Archived", "3": "None", "4": "None"}


@step(CLEAN_UP, "delete archived versions, found by their stage")
def delete_archived(given: Given) -> None:
    name = given.name()
    for _ in range(3):
        given.version(name)
    for version in "12":
        given.client.transition_model_version_stage(name, version, "Archived")
    article.delete_archived_versions(given.client, name, older_than_days=90)
    assert len(given.stages(name)) == 3
    article.delete_archived_versions(given.client, name, older_than_days=-1)

    assert given.stages(name) == {"3": "None"}


@step(CLEAN_UP, "delete a version and a model")
def delete(given: Given) -> None:
    name = given.name()
    given.version(name)
    given.version(name)
    given.client.delete_model_version(name, "1")
    with given.refused("RESOURCE_DOES_NOT_EXIST"):
        given.client.get_model_version(name, "1")
    given.client.delete_registered_model(name)

    with given.refused("RESOURCE_DOES_NOT_EXIST"):
        given.client.get_registered_model(name)
    assert list(given.client.search_model_versions(f"name='{name}'")) == []
