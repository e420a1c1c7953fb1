"""What steps start from: a client, and runs, models and files of their own."""

from __future__ import annotations

import itertools
import uuid
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from compat.flows.steps import Unavailable
from tests.mlflow_client import training


class Given:
    """A client in an experiment of its own.

    Args:
        mlflow: the client's module, with its tracking address set.
        folder: for files.
    """

    def __init__(self, mlflow: ModuleType, folder: Path):
        self.mlflow = mlflow
        self.folder = folder
        self.release = tuple(int(part) for part in mlflow.__version__.split(".")[:2])
        self.client = mlflow.MlflowClient()
        self.experiment_id: str = mlflow.set_experiment(f"compat-{uuid.uuid4().hex[:8]}").experiment_id
        self._numbers = itertools.count(1)
        self._suffix = uuid.uuid4().hex[:6]

    def name(self, noun: str = "customer-churn-classifier") -> str:
        """A name that nothing has yet."""
        return f"{noun}-{self._suffix}-{next(self._numbers)}"

    def file(self, content: bytes, name: str = "notes.txt") -> Path:
        """A file in a folder of its own."""
        path = self.folder / str(next(self._numbers)) / name
        path.parent.mkdir()
        path.write_bytes(content)
        return path

    def empty_folder(self) -> Path:
        path = self.folder / str(next(self._numbers))
        path.mkdir()
        return path

    @cached_property
    def trained(self) -> training.Trained:
        return training.breast_cancer()

    @cached_property
    def blunt(self) -> training.Trained:
        """So strongly regularised that it predicts differently."""
        return training.breast_cancer(strength=0.0005)

    @cached_property
    def model_run_id(self) -> str:
        """A run that logged `trained` at the path `model`."""
        with self.mlflow.start_run() as run:
            self.log_model(self.trained)
        return run.info.run_id

    def log_model(self, trained: training.Trained, **arguments: Any) -> Any:
        """As the article logs one, with the requirements given: finding them out starts a process for 5 s."""
        signature = self.mlflow.models.infer_signature(trained.unseen, trained.predictions)
        return self.mlflow.sklearn.log_model(
            trained.estimator, "model", signature=signature, pip_requirements=["scikit-learn"], **arguments
        )

    def log_version(self, name: str, trained: training.Trained | None = None) -> str:
        """Log and register in one step; return the version's number."""
        with self.mlflow.start_run():
            self.log_model(trained or self.trained, registered_model_name=name)
        return max((v.version for v in self.client.search_model_versions(f"name='{name}'")), key=int)

    def version(self, name: str, *, metrics: dict[str, float] | None = None, **fields: Any) -> str:
        """Register a version of a run without files by hand, and the model before it; return its number."""
        if not self.client.search_registered_models(f"name='{name}'"):
            self.client.create_registered_model(name)
        with self.mlflow.start_run() as run:
            self.mlflow.log_metrics(metrics or {})
            self.mlflow.log_params({"depth": len(metrics or {})})
        run_id = run.info.run_id
        made = self.client.create_model_version(name, f"runs:/{run_id}/model", run_id, **fields)
        return str(made.version)

    def stages(self, name: str) -> dict[str, str]:
        """The stage of each version by its number."""
        found = self.client.search_model_versions(f"name='{name}'")
        return {str(version.version): version.current_stage for version in found}

    def needs(self, owner: Any, *names: str) -> None:
        """Raise Unavailable unless the client has all of these."""
        for name in names:
            if not hasattr(owner, name):
                where = getattr(owner, "__name__", type(owner).__name__)
                raise Unavailable(f"The client has no `{where}.{name}`.")

    @contextmanager
    def refused(self, error_code: str) -> Any:
        """What is inside must be refused with this code."""
        try:
            yield
        except self.mlflow.exceptions.MlflowException as error:
            assert error.error_code == error_code, f"refused with {error.error_code}, not {error_code}: {error}"
        else:
            raise AssertionError(f"not refused with {error_code}")
