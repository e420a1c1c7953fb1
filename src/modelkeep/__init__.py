"""A model registry that speaks MLflow's API. The names of its SDK are loaded when they are first used."""

from __future__ import annotations

import importlib

from modelkeep.version import VERSION as __version__

# What type checkers take for typing's own, whose import would take most of this one's time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from modelkeep.client.active import ActiveRun as ActiveRun
    from modelkeep.client.active import active_run as active_run
    from modelkeep.client.active import end_run as end_run
    from modelkeep.client.active import get_registry_uri as get_registry_uri
    from modelkeep.client.active import get_tracking_uri as get_tracking_uri
    from modelkeep.client.active import last_active_run as last_active_run
    from modelkeep.client.active import set_experiment as set_experiment
    from modelkeep.client.active import set_registry_uri as set_registry_uri
    from modelkeep.client.active import set_tracking_uri as set_tracking_uri
    from modelkeep.client.active import start_run as start_run
    from modelkeep.client.client import Client as Client
    from modelkeep.client.client import connect as connect
    from modelkeep.client.fluent import delete_tag as delete_tag
    from modelkeep.client.fluent import get_artifact_uri as get_artifact_uri
    from modelkeep.client.fluent import log_artifact as log_artifact
    from modelkeep.client.fluent import log_artifacts as log_artifacts
    from modelkeep.client.fluent import log_dict as log_dict
    from modelkeep.client.fluent import log_figure as log_figure
    from modelkeep.client.fluent import log_input as log_input
    from modelkeep.client.fluent import log_inputs as log_inputs
    from modelkeep.client.fluent import log_metric as log_metric
    from modelkeep.client.fluent import log_metrics as log_metrics
    from modelkeep.client.fluent import log_param as log_param
    from modelkeep.client.fluent import log_params as log_params
    from modelkeep.client.fluent import log_text as log_text
    from modelkeep.client.fluent import set_experiment_tag as set_experiment_tag
    from modelkeep.client.fluent import set_tag as set_tag
    from modelkeep.client.fluent import set_tags as set_tags
    from modelkeep.client.registering import register_model as register_model
    from modelkeep.client.searches import create_experiment as create_experiment
    from modelkeep.client.searches import delete_experiment as delete_experiment
    from modelkeep.client.searches import delete_run as delete_run
    from modelkeep.client.searches import get_experiment as get_experiment
    from modelkeep.client.searches import get_experiment_by_name as get_experiment_by_name
    from modelkeep.client.searches import get_parent_run as get_parent_run
    from modelkeep.client.searches import get_run as get_run
    from modelkeep.client.searches import search_experiments as search_experiments
    from modelkeep.client.searches import search_model_versions as search_model_versions
    from modelkeep.client.searches import search_registered_models as search_registered_models
    from modelkeep.client.searches import search_runs as search_runs
    from modelkeep.domain.errors import AlreadyExists as AlreadyExists
    from modelkeep.domain.errors import Conflict as Conflict
    from modelkeep.domain.errors import DigestMismatch as DigestMismatch
    from modelkeep.domain.errors import Gone as Gone
    from modelkeep.domain.errors import Invalid as Invalid
    from modelkeep.domain.errors import ModelkeepError as ModelkeepError
    from modelkeep.domain.errors import NotFound as NotFound
    from modelkeep.domain.errors import NotImplementedHere as NotImplementedHere
    from modelkeep.domain.errors import OutOfSpace as OutOfSpace
    from modelkeep.domain.errors import PermissionDenied as PermissionDenied
    from modelkeep.domain.errors import Refused as Refused
    from modelkeep.domain.errors import Unauthenticated as Unauthenticated
    from modelkeep.domain.errors import Unavailable as Unavailable
    from modelkeep.validation.running import validate as validate

    MlflowClient = Client

# Where each name is, so that `import modelkeep` takes no longer than this file.
_NAMES = {
    "client.client": (
        "Client",
        "connect",
    ),
    "client.active": (
        "ActiveRun",
        "active_run",
        "end_run",
        "get_registry_uri",
        "get_tracking_uri",
        "last_active_run",
        "set_experiment",
        "set_registry_uri",
        "set_tracking_uri",
        "start_run",
    ),
    "client.fluent": (
        "delete_tag",
        "get_artifact_uri",
        "log_artifact",
        "log_artifacts",
        "log_dict",
        "log_figure",
        "log_input",
        "log_inputs",
        "log_metric",
        "log_metrics",
        "log_param",
        "log_params",
        "log_text",
        "set_experiment_tag",
        "set_tag",
        "set_tags",
    ),
    "client.searches": (
        "create_experiment",
        "delete_experiment",
        "delete_run",
        "get_experiment",
        "get_experiment_by_name",
        "get_parent_run",
        "get_run",
        "search_experiments",
        "search_model_versions",
        "search_registered_models",
        "search_runs",
    ),
    "client.registering": ("register_model",),
    "domain.errors": (
        "AlreadyExists",
        "Conflict",
        "DigestMismatch",
        "Gone",
        "Invalid",
        "ModelkeepError",
        "NotFound",
        "NotImplementedHere",
        "OutOfSpace",
        "PermissionDenied",
        "Refused",
        "Unauthenticated",
        "Unavailable",
    ),
    "validation.running": ("validate",),
}
_PLACES = {name: (module, name) for module, names in _NAMES.items() for name in names}
_PLACES["MlflowClient"] = ("client.client", "Client")
_MODULES = (
    "artifacts",
    "data",
    "entities",
    "exceptions",
    "lightgbm",
    "models",
    "onnx",
    "pyfunc",
    "sklearn",
    "tracking",
    "xgboost",
)

__all__ = ["__version__", *_PLACES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"modelkeep.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module 'modelkeep' has no attribute '{name}'")
    module, attribute = _PLACES[name]
    value = getattr(importlib.import_module(f"modelkeep.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
