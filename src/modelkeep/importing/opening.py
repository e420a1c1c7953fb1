"""From an address to the source it names."""

from __future__ import annotations

import os
from pathlib import Path

from modelkeep.client import environment
from modelkeep.client.http import HttpTransport
from modelkeep.domain.errors import Invalid, ModelkeepError, PermissionDenied, Unauthenticated, Unavailable
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
    path = Path(address.removeprefix("sqlite:///").removeprefix("file://")).expanduser()
    if not path.exists():
        raise Invalid(
            f"There is no '{path}'. Give the address of an MLflow server, an mlflow.db file or an mlruns folder."
        )
    raise Invalid(f"'{path}' is neither a database nor a folder of MLflow's.")


def _server(address: str) -> Source:
    source = RestSource(HttpTransport(address, environment.mlflow_authorization))
    try:
        next(source.experiments(), None)
    except (Unavailable, Unauthenticated, PermissionDenied):
        raise
    except ModelkeepError as error:
        raise Invalid(f"{source.address} does not answer as a server of MLflow's does: {error.message}") from None
    return source


def origin_of(address: str) -> str:
    """The name under which the registry remembers what came from an address."""
    if address.startswith(("http://", "https://")):
        return HttpTransport(address).address
    return os.path.realpath(Path(address.removeprefix("sqlite:///").removeprefix("file://")).expanduser())
