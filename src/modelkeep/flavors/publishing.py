"""A model that was saved becomes one that a run wrote, and a version of a registered model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeep.api.errors import EndpointNotFound
from modelkeep.flavors.mlmodels import MLmodel
from modelkeep.flavors.signatures import ModelSignature

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import ModelVersion


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model that was logged, with MLflow's names.

    Attributes:
        model_uri: the address to load it from.
        registered_model_version: its version's number, and None when it was not registered.
        version: the version itself.
    """

    model_uri: str
    model_id: str | None
    name: str
    run_id: str | None
    artifact_path: str
    flavors: dict[str, dict[str, Any]]
    signature: ModelSignature | None
    saved_input_example_info: dict[str, Any] | None
    metadata: dict[str, Any] | None
    model_uuid: str
    utc_time_created: str
    mlflow_version: str | None
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    version: ModelVersion | None = None

    @property
    def registered_model_version(self) -> int | None:
        """The number of its version."""
        return None if self.version is None else int(self.version.version)

    @property
    def signature_dict(self) -> dict[str, str | None] | None:
        """The signature as an MLmodel file has it."""
        return None if self.signature is None else self.signature.to_dict()


def publish(
    save: Callable[[Path, MLmodel], MLmodel],
    name: str | None,
    registered_model_name: str | None = None,
    params: dict[str, Any] | None = None,
    tags: dict[str, Any] | None = None,
    model_type: str | None = None,
    step: int = 0,
    model_id: str | None = None,
) -> ModelInfo:
    """Save a model as one that the active run wrote; without a run, as one of the experiment.

    Args:
        save: writes the model to a path that does not exist, with what is known of it besides.
        name: what to call it in the run; `model` by default.
        registered_model_name: register it as the next version of this model, which is created when it does not exist.
        params, tags: of the logged model.
        step: of the run, at which it wrote the model.
        model_id: of a logged model that was created before, whose files these are.
    Raises:
        Invalid: the name is not one, or the model cannot be saved.
    """
    from modelkeep.client import active

    run = active.active_run()
    client = active.client() if run is None else active.run_client()
    run_id = None if run is None else run.info.run_id
    called = name or "model"
    try:
        if model_id is None:
            experiment = active.experiment_id() if run is None else run.info.experiment_id
            created = client.create_logged_model(experiment, called, run_id, tags, params, model_type)
            model_id = created.model_id
        elif params or tags:
            client.log_model_params(model_id, params or {})
            client.set_logged_model_tags(model_id, tags or {})
    except EndpointNotFound:  # MLflow before 3, which keeps models among a run's files
        return _as_files_of_run(client, save, active.current_run_id(), called, registered_model_name)
    return _as_logged_model(client, save, model_id, called, run_id, step, registered_model_name, params, tags)


def _as_logged_model(
    client: Client,
    save: Callable[[Path, MLmodel], MLmodel],
    model_id: str,
    name: str,
    run_id: str | None,
    step: int,
    registered_model_name: str | None,
    params: dict[str, Any] | None,
    tags: dict[str, Any] | None,
) -> ModelInfo:
    from modelkeep.client.entities import LoggedModelOutput

    try:
        with tempfile.TemporaryDirectory(prefix="modelkeep-") as temporary:
            saved = save(Path(temporary) / "model", MLmodel(model_id=model_id, run_id=run_id, artifact_path=name))
            client.log_model_artifacts(model_id, f"{temporary}/model")
        client.finalize_logged_model(model_id, "READY")
    except BaseException:
        client.finalize_logged_model(model_id, "FAILED")
        raise
    if run_id is not None:
        client.log_outputs(run_id, [LoggedModelOutput(model_id, step)])
    uri = f"models:/{model_id}"
    version = None if registered_model_name is None else _register(client, registered_model_name, uri, run_id, model_id)
    return _info(saved, uri, name, version, params, tags)


def _as_files_of_run(
    client: Client,
    save: Callable[[Path, MLmodel], MLmodel],
    run_id: str,
    name: str,
    registered_model_name: str | None,
) -> ModelInfo:
    with tempfile.TemporaryDirectory(prefix="modelkeep-") as temporary:
        saved = save(Path(temporary) / "model", MLmodel(run_id=run_id, artifact_path=name))
        client.log_artifacts(run_id, f"{temporary}/model", name)
    uri = f"runs:/{run_id}/{name}"
    version = None
    if registered_model_name is not None:
        source = f"{client.get_run(run_id).info.artifact_uri}/{name}"
        version = _register(client, registered_model_name, source, run_id, None)
    return _info(saved, uri, name, version, None, None)


def _register(client: Client, name: str, source: str, run_id: str | None, model_id: str | None) -> ModelVersion:
    from modelkeep.client.versions import ensure_model

    ensure_model(client, name)
    return client.create_model_version(name, source, run_id, model_id=model_id)


def _info(
    saved: MLmodel,
    uri: str,
    name: str,
    version: ModelVersion | None,
    params: dict[str, Any] | None,
    tags: dict[str, Any] | None,
) -> ModelInfo:
    return ModelInfo(
        model_uri=uri,
        model_id=saved.model_id,
        name=name,
        run_id=saved.run_id,
        artifact_path=name,
        flavors=saved.flavors,
        signature=saved.signature,
        saved_input_example_info=saved.saved_input_example_info,
        metadata=saved.metadata,
        model_uuid=saved.model_uuid,
        utc_time_created=saved.utc_time_created,
        mlflow_version=saved.mlflow_version,
        params={key: str(value) for key, value in (params or {}).items()},
        tags={key: str(value) for key, value in (tags or {}).items()},
        version=version,
    )
