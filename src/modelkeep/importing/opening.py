"""From an address to the source it names."""

from __future__ import annotations

import os
from pathlib import Path

from modelkeep.client import environment
from modelkeep.client.http import HttpTransport
from modelkeep.domain.errors import Invalid, ModelkeepError, PermissionDenied, Unauthenticated, Unavailable
from modelkeep.importing import folders
from modelkeep.importing.databases import DatabaseSource
from modelkeep.importing.folders import FolderSource
from modelkeep.importing.rest import RestSource
from modelkeep.importing.sources import Source


def open_source(address: str, artifacts: str | None = None) -> Source:
    """The source at an address: a server of MLflow's, its SQLite database, or its folder `mlruns`.

    Args:
        artifacts: the folder that is behind `mlflow-artifacts:/` addresses, of a database or a folder.
    Raises:
        Invalid: there is nothing of MLflow's there.
        Unavailable: a server does not answer.
    """
    if address.startswith(("http://", "https://")):
        if artifacts is not None:
            raise Invalid("A server gives out its files itself: leave --artifacts out.")
        return _server(address)
    path = _path(address)
    if not path.exists():
        raise Invalid(
            f"There is no '{path}'. Give the address of an MLflow server (http://…), a database file (mlflow.db) or a "
            "folder (mlruns)."
        )
    if path.is_file():
        return DatabaseSource(path, _artifacts(artifacts, path.parent))
    folder = folders.check_file_store(path)
    return FolderSource(folder, _artifacts(artifacts, folder.parent))


def _path(address: str) -> Path:
    return Path(os.path.realpath(Path(address.removeprefix("sqlite:///").removeprefix("file://")).expanduser()))


def _artifacts(given: str | None, beside: Path) -> Path | None:
    """The folder behind `mlflow-artifacts:/`: the one given, else the one that MLflow's server makes beside its data."""
    if given is not None:
        folder = Path(given).expanduser().resolve()
        if not folder.is_dir():
            raise Invalid(f"There is no folder '{folder}'. Give with --artifacts the one behind mlflow-artifacts:/.")
        return folder
    usual = beside / "mlartifacts"
    return usual if usual.is_dir() else None


def _server(address: str) -> Source:
    source = RestSource(HttpTransport(address, environment.mlflow_authorization))
    try:
        next(source.experiments(), None)
    except (Unavailable, Unauthenticated, PermissionDenied):
        raise
    except ModelkeepError as error:
        raise Invalid(f"{source.address} does not answer as a server of MLflow's does: {error.message}") from None
    return source
