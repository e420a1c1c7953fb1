"""A model registry that speaks MLflow's API. The names of its SDK are loaded when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from modelkeep.version import VERSION as __version__

if TYPE_CHECKING:
    from modelkeep.client.client import Client as Client
    from modelkeep.client.client import connect as connect

    MlflowClient = Client

# Where each name is, so that `import modelkeep` takes no longer than this file.
_PLACES = {
    "Client": "client.client:Client",
    "MlflowClient": "client.client:Client",
    "connect": "client.client:connect",
}
_MODULES = ("models", "pyfunc", "sklearn", "tracking")

__all__ = ["__version__", *_PLACES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"modelkeep.{name}")
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module 'modelkeep' has no attribute '{name}'")
    module, _, attribute = place.partition(":")
    value = getattr(importlib.import_module(f"modelkeep.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
