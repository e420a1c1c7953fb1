"""Versions of real models, in a registry of each kind: a data folder, and a running server."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

import modelkeep
import modelkeep.sklearn
from modelkeep.models import infer_signature
from tests.client.conftest import client, environment, folder, server, uri

__all__ = ["client", "environment", "folder", "server", "uri"]

CANCER = load_breast_cancer(as_frame=True)
COLUMNS = ["mean radius", "mean texture", "mean smoothness", "worst area"]
X: pd.DataFrame = CANCER.data[COLUMNS]
Y: pd.Series = CANCER.target
TRAIN, TEST = slice(0, 400), slice(400, None)

Register = Callable[..., str]


@pytest.fixture
def name() -> str:
    return f"tumours-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def register(uri: str, client: modelkeep.Client, name: str) -> Register:
    """Registers a fitted model as the next version of `name`; its address."""
    modelkeep.set_tracking_uri(uri)

    def register(model: Any, signed: Any = None, module: Any = modelkeep.sklearn, **options: Any) -> str:
        if signed is not None:
            options["signature"] = infer_signature(signed, model.predict(signed))
        with modelkeep.start_run():
            info = module.log_model(model, name="model", registered_model_name=name, **options)
        return f"models:/{name}/{info.registered_model_version}"

    return register


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
