"""Registering what a run wrote."""

from __future__ import annotations

from typing import Any

from modelkeep.client import addresses, logged_models, versions
from modelkeep.client.active import client
from modelkeep.client.client import Client
from modelkeep.client.entities import ModelVersion
from modelkeep.domain.artifacts import join
from modelkeep.domain.errors import Invalid, NotFound

_MODEL_FILE = "MLmodel"


def register_model(
    model_uri: str, name: str, await_registration_for: int = 300, *, tags: dict[str, Any] | None = None
) -> ModelVersion:
    """Register what an address names as the next version of a model, which is created when it does not exist.

    Args:
        model_uri: `runs:/<run id>/<path>`, `models:/…` of a logged model or a version, or any address that
            `create_model_version` accepts.
        await_registration_for: not needed: a version is ready when it is made.
    Raises:
        NotFound: the run has no model at this path.
    """
    using = client()
    source, run_id, model_id = _source(using, model_uri)
    versions.ensure_model(using, name)
    return using.create_model_version(name, source, run_id, tags, model_id=model_id)


def _source(using: Client, uri: str) -> tuple[str, str | None, str | None]:
    """The source, run and logged model to register for an address."""
    named = addresses.of_run(uri)
    if named is not None:
        if not named.path:
            raise Invalid(f"'{uri}' names a run and no model in it: write it as runs:/<run id>/<path>.")
        if any(file.path == join(named.path, _MODEL_FILE) for file in using.list_artifacts(named.run_id, named.path)):
            return uri, named.run_id, None
        found = logged_models.find_of_run(using, named.run_id, named.path)
        if found is None:
            raise NotFound(
                f"Run '{named.run_id}' has no model at '{named.path}': there is no file {_MODEL_FILE} and no logged model "
                "of that name. Log the model first, or register another kind of files with create_model_version()."
            )
        return found.model_uri, found.source_run_id, found.model_id
    model_id = addresses.of_logged_model(uri)
    if model_id is not None:
        model = using.get_logged_model(model_id)
        return model.model_uri, model.source_run_id, model.model_id
    return uri, None, None
