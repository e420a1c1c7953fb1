"""The files that say in which environment a model works: requirements.txt, conda.yaml and python_env.yaml."""

from __future__ import annotations

import functools
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

from modelkeep.flavors.mlmodels import dump_yaml

# What the settings of the flavor python_function say about these files.
ENV = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}


def write(folder: Path, requirements: list[str], conda_env: dict[str, Any] | str | None = None) -> None:
    """Write the three files into a model's folder.

    Args:
        conda_env: what conda.yaml says instead, or the path of a file that does.
    """
    conda = _conda(requirements) if conda_env is None else conda_env
    if isinstance(conda, dict):
        (folder / ENV["conda"]).write_text(dump_yaml(conda), encoding="utf-8")
        requirements = _of_conda(conda) if conda_env is not None else requirements
    else:
        (folder / ENV["conda"]).write_bytes(Path(conda).read_bytes())
    (folder / "requirements.txt").write_text("\n".join(requirements), encoding="utf-8")
    python_env = {
        "python": platform.python_version(),
        "build_dependencies": list(_tools()),
        "dependencies": ["-r requirements.txt"],
    }
    (folder / ENV["virtualenv"]).write_text(dump_yaml(python_env), encoding="utf-8")


def _conda(requirements: list[str]) -> dict[str, Any]:
    pip = next((tool.replace("==", "<=") for tool in _tools() if tool.startswith("pip")), "pip")
    return {
        "channels": ["conda-forge"],
        "dependencies": [f"python={platform.python_version()}", pip, {"pip": requirements}],
        "name": "mlflow-env",
    }


def _of_conda(conda: dict[str, Any]) -> list[str]:
    for each in conda.get("dependencies", []):
        if isinstance(each, dict):
            return [str(line) for line in each.get("pip", [])]
    return []


@functools.cache
def _tools() -> tuple[str, ...]:
    found = []
    for name in ("pip", "setuptools", "wheel"):
        try:
            found.append(f"{name}=={importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(name)
    return tuple(found)
