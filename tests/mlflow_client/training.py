"""Small real models, trained on data sets that scikit-learn ships."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy
import pandas
from sklearn.base import BaseEstimator
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


@dataclass(frozen=True)
class Trained:
    """A fitted estimator with the rows it has never seen, and what it said about them before it was stored."""

    estimator: BaseEstimator
    unseen: pandas.DataFrame
    labels: pandas.Series[Any]
    predictions: numpy.ndarray[Any, Any]


def breast_cancer(strength: float = 1.0) -> Trained:
    """A scaler and a logistic regression; a small `strength` (scikit-learn's C) gives other predictions."""
    return train(make_pipeline(StandardScaler(), LogisticRegression(C=strength)), load_breast_cancer)


def wine_tree() -> Trained:
    return train(DecisionTreeClassifier(max_depth=3, random_state=0), load_wine)


def diabetes() -> Trained:
    return train(make_pipeline(StandardScaler(), Ridge()), load_diabetes)


def train(estimator: BaseEstimator, load: Any) -> Trained:
    features, labels = load(return_X_y=True, as_frame=True)
    seen, unseen, seen_labels, unseen_labels = train_test_split(features, labels, random_state=0)
    estimator.fit(seen, seen_labels)
    return Trained(estimator, unseen, unseen_labels, estimator.predict(unseen))


def log_version(
    mlflow: ModuleType,
    trained: Trained,
    model_name: str,
    *,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    **log_model: Any,
) -> ModelVersion:
    """Log `trained` in a run of its own and register it under `model_name` in the same step."""
    with mlflow.start_run():
        mlflow.log_params(dict(params or {}))
        mlflow.log_metrics(dict(metrics or {}))
        info = log_model_quickly(mlflow, trained, registered_model_name=model_name, **log_model)
    return mlflow.MlflowClient().get_model_version(model_name, str(info.registered_model_version))


def log_model_quickly(mlflow: ModuleType, trained: Trained, **log_model: Any) -> Any:
    """`mlflow.sklearn.log_model` with the requirements given: inferring them starts a process for 5 s."""
    return mlflow.sklearn.log_model(
        trained.estimator,
        **{
            "name": "model",
            "signature": mlflow.models.infer_signature(trained.unseen, trained.predictions),
            "pip_requirements": ["scikit-learn"],
            **log_model,
        },
    )
