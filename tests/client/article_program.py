"""The article as one program: `python -m tests.client.article_program modelkeep|mlflow ADDRESS`.

Whichever of the two packages it is told to import, it makes the same calls. Prints what it was told, as JSON.
"""

from __future__ import annotations

import functools
import importlib
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from tests.mlflow_client import training
from tests.mlflow_client.article import (
    cleanup_old_versions,
    compare_models,
    delete_archived_versions,
    get_model_lineage,
    promote_model,
    validate_model,
)

CHURN = "customer-churn-classifier"
FRAUD = "fraud-detector"
STRENGTHS = (1.0, 0.1, 10.0, 0.0005)  # the last is so strongly regularised that it predicts badly


def play(mlflow: Any, address: str) -> dict[str, Any]:
    """Everything that the article does, in its order."""
    mlflow.set_tracking_uri(address)
    mlflow.set_experiment("churn")
    client = importlib.import_module(f"{mlflow.__name__}.tracking").MlflowClient()
    models = [training.breast_cancer(strength) for strength in STRENGTHS]
    told: dict[str, Any] = {}
    register(mlflow, client, models)
    manage(client)
    told["stages"] = promote(mlflow, client, models[0])
    told["champions"] = switch(mlflow, client, models[0])
    compared = compare_models(client, CHURN, ["1", "2", "3", "4"])
    told["compared"] = json.loads(compared[["version", "stage", "metrics.auc", "params.C"]].to_json(orient="records"))
    lineage = get_model_lineage(client, CHURN, "3")
    told["lineage"] = {key: lineage[key] for key in ("training_data", "features", "source_code", "git_commit")}
    document(client)
    cleanup_old_versions(client, CHURN, keep_versions=3)
    told["archived"] = sorted(each.version for each in client.search_model_versions("current_stage = 'Archived'"))
    client.delete_model_version_tag(CHURN, "3", "passing")
    delete_archived_versions(client, CHURN, older_than_days=-1)
    told["left"] = sorted(each.version for each in client.search_model_versions(f"name='{CHURN}'"))
    return told


def register(mlflow: Any, client: Any, models: list[training.Trained]) -> None:
    for number, trained in enumerate(models, 1):
        with mlflow.start_run(run_name=f"training-{number}") as run:
            mlflow.log_params({"C": STRENGTHS[number - 1], "scaled": True})
            mlflow.log_metric("auc", 0.9 + number / 100)
            mlflow.log_metrics({"f1": 0.8, "loss": float("nan")})
            for step in range(3):
                mlflow.log_metric("loss_curve", 1 / (step + 1), step=step)
            mlflow.set_tags({"sparkml.features": "mean radius,mean texture", "number": number})
            data = mlflow.data.from_pandas(trained.unseen, source="s3://lake/churn", name="churn")
            mlflow.log_input(data, context="training")
            log_files(mlflow, trained)
            # The article's two ways. One is a pickle, whose bytes are the same whoever writes it.
            names: dict[str, Any] = {"registered_model_name": CHURN} if number % 2 else {}
            if number == 2:
                names["serialization_format"] = "cloudpickle"
            info = training.log_model_quickly(mlflow, trained, **names)
        if number % 2 == 0:
            details = mlflow.register_model(info.model_uri, CHURN, tags={"way": "after training"})
            assert str(details.version) == str(number)
    client.create_registered_model(
        name=FRAUD,
        description="Real-time fraud detection model for transactions",
        tags={"team": "fraud-prevention", "domain": "risk"},
    )
    with mlflow.start_run(run_name="fraud") as run:
        mlflow.pyfunc.log_model(
            name="model", python_model=rule, input_example=["9", "1000"], pip_requirements=["pandas"]
        )
        mlflow.log_text("as files", "files/notes.txt")
    client.create_model_version(
        name=FRAUD,
        source=f"{run.info.artifact_uri}/files",
        run_id=run.info.run_id,
        description="XGBoost model with 95% recall",
    )


def rule(model_input: list[str]) -> list[bool]:
    """Amounts that are suspicious."""
    return [float(each) > 500 for each in model_input]


def log_files(mlflow: Any, trained: training.Trained) -> None:
    import matplotlib.pyplot as plt

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "unseen.csv")
        trained.unseen.head(20).to_csv(path, index=False)
        mlflow.log_artifact(str(path), "data")
        mlflow.log_artifacts(folder, "copies")
    mlflow.log_dict({"classes": [0, 1], "name": "Zoë"}, "report.json")
    mlflow.log_dict({"classes": [0, 1], "name": "Zoë"}, "report.yaml")
    mlflow.log_text("no notes", "notes/a b.txt")
    figure, axes = plt.subplots()
    axes.plot([0, 1], [0, 1])
    mlflow.log_figure(figure, "plots/roc.png")
    plt.close(figure)


def manage(client: Any) -> None:
    version = client.get_model_version(CHURN, "3")
    assert (version.version, version.current_stage) == ("3", "None")
    client.update_model_version(name=CHURN, version="3", description="Improved model with new features. AUC: 0.92")
    client.set_model_version_tag(name=CHURN, version="3", key="validation_status", value="passed")
    client.set_model_version_tag(CHURN, "3", "passing", "for now")
    for key, value in (
        ("training_data_date", "2022-03-15"),
        ("training_data_rows", "1000000"),
        ("feature_version", "v2"),
    ):
        client.set_model_version_tag(CHURN, "3", key, value)


def promote(mlflow: Any, client: Any, data: training.Trained) -> dict[str, Any]:
    validate = functools.partial(validate_model, mlflow, data=data, expected_rate=data.labels.mean(), calls=5)
    promote_model(client, CHURN, "1", "Production", validate)
    promote_model(client, CHURN, "3", "Staging", validate)
    promote_model(client, CHURN, "3", "Production", validate)
    try:
        promote_model(client, CHURN, "4", "Production", validate)
    except ValueError as error:
        refused = str(error)
    client.transition_model_version_stage(CHURN, "2", "Staging")
    client.transition_model_version_stage(CHURN, "2", "None")
    stages = {each.version: each.current_stage for each in client.search_model_versions(f"name='{CHURN}'")}
    latest = {each.current_stage: each.version for each in client.get_latest_versions(CHURN)}
    return {"refused": refused, "stages": stages, "latest": latest}


def switch(mlflow: Any, client: Any, data: training.Trained) -> list[Any]:
    found = []
    client.set_registered_model_alias(name=CHURN, alias="rollback", version="1")
    client.set_registered_model_alias(name=CHURN, alias="challenger", version="2")
    for version in ("3", "4"):
        client.set_registered_model_alias(name=CHURN, alias="champion", version=version)
        model = mlflow.pyfunc.load_model(f"models:/{CHURN}@champion")
        found.append(
            [client.get_model_version_by_alias(CHURN, "champion").version, model.predict(data.unseen).tolist()]
        )
    client.delete_registered_model_alias(CHURN, "challenger")
    client.set_registered_model_alias(CHURN, "champion", "3")
    return found


def document(client: Any) -> None:
    client.update_registered_model(
        name=CHURN,
        description="# Customer Churn Prediction Model\n\n## Owner\nData Science Team (ds-team@company.com)\n",
    )
    client.set_registered_model_tag(CHURN, "task", "classification")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    package = importlib.import_module(sys.argv[1])
    for flavor in ("sklearn", "pyfunc", "data", "models"):
        importlib.import_module(f"{sys.argv[1]}.{flavor}")
    answers, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps(play(package, sys.argv[2])), file=answers)
