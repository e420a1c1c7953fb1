"""Logged models, which clients have from release 3 on."""

from __future__ import annotations

from compat.flows.given import Given
from compat.flows.steps import step

LOGGED_MODELS = "Logged models"


@step(LOGGED_MODELS, "log one with parameters, and load it by its own address")
def log(given: Given) -> None:
    given.needs(given.client, "create_logged_model")
    with given.mlflow.start_run() as run:
        info = given.log_model(given.trained, params={"depth": "3"})

    model = given.client.get_logged_model(info.model_id)
    assert (model.name, model.source_run_id, str(model.status)) == ("model", run.info.run_id, "READY")
    assert model.params["depth"] == "3"
    loaded = given.mlflow.sklearn.load_model(f"models:/{info.model_id}")
    assert (loaded.predict(given.trained.unseen) == given.trained.predictions).all()


@step(LOGGED_MODELS, "metrics of a model, searched and put in order")
def search(given: Given) -> None:
    given.needs(given.client, "search_logged_models")
    mark = given.name("mark")
    for auc in (0.8, 0.9):
        with given.mlflow.start_run():
            model = given.client.create_logged_model(given.experiment_id, name="scored", tags={"mark": mark})
            given.mlflow.log_metric("auc", auc, model_id=model.model_id)

    found = given.client.search_logged_models(
        [given.experiment_id],
        f"tags.mark = '{mark}' and metrics.auc > 0.5",
        order_by=[{"field_name": "metrics.auc", "ascending": False}],
    )
    assert [[metric.value for metric in model.metrics] for model in found] == [[0.9], [0.8]]


@step(LOGGED_MODELS, "tag, finalise and delete one")
def delete(given: Given) -> None:
    given.needs(given.client, "delete_logged_model")
    model = given.client.create_logged_model(given.experiment_id, name="short-lived")
    given.client.set_logged_model_tags(model.model_id, {"a": "1", "b": "2"})
    given.client.delete_logged_model_tag(model.model_id, "b")
    given.client.finalize_logged_model(model.model_id, "READY")
    assert given.client.get_logged_model(model.model_id).tags["a"] == "1"
    given.client.delete_logged_model(model.model_id)

    with given.refused("RESOURCE_DOES_NOT_EXIST"):
        given.client.get_logged_model(model.model_id)
