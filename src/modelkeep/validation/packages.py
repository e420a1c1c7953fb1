"""The packages that validating needs, imported when it does."""

from __future__ import annotations

import platform
import sys
from importlib import import_module, metadata
from typing import Any

from modelkeep.flavors.errors import MissingPackage
from modelkeep.version import VERSION

# What a model may have been measured with: recorded when it was loaded.
_TOLD = {
    "numpy": "numpy",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "cloudpickle": "cloudpickle",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "pyarrow": "pyarrow",
}


def need(module: str, why: str) -> Any:
    """A module.

    Raises:
        MissingPackage: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = _TOLD.get(module.partition(".")[0], module)
        extra = "pip install 'modelkeep[sklearn]'" if package != "pyarrow" else "pip install pyarrow"
        raise MissingPackage(f"{why} needs the package '{package}', which is not installed: {extra}.") from None


def environment() -> dict[str, str]:
    """Where something was measured: Python, the platform, and the versions of what was used."""
    found = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "modelkeep": VERSION,
    }
    for module, package in _TOLD.items():
        if module in sys.modules:
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
    return found
