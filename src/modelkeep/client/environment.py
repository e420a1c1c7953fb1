"""What the SDK takes from the environment; nothing else in it reads variables.

MLflow's own variables are understood where they mean the same, so that a job that sets them needs no other.
"""

from __future__ import annotations

import os
from pathlib import Path

from modelkeep.domain.errors import Invalid

TIMEOUT_SECONDS = 120.0
CONNECT_SECONDS = 10.0
RETRIES = 6


def uri() -> str | None:
    """The registry to use when none is named: MODELKEEP_URI, else MLFLOW_TRACKING_URI when it is a server's."""
    ours = os.environ.get("MODELKEEP_URI")
    if ours:
        return ours
    theirs = os.environ.get("MLFLOW_TRACKING_URI", "")
    return theirs if theirs.startswith(("http://", "https://")) else None


def authorization() -> tuple[str, str] | None:
    """The user and password of basic authentication, or an empty user and a token; None when there is neither.

    A user with a password wins over a token, as in MLflow, except over our own MODELKEEP_TOKEN.
    """
    if token := os.environ.get("MODELKEEP_TOKEN"):
        return "", token
    return mlflow_authorization()


def mlflow_authorization() -> tuple[str, str] | None:
    """As `authorization`, by MLflow's own variables alone: no other server is told our token."""
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    if user and password:
        return user, password
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    return ("", token) if token else None


def certificates() -> str | None:
    """A file of certificate authorities to trust instead of the system's: MODELKEEP_CA."""
    return os.environ.get("MODELKEEP_CA") or os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None


def verifies_certificates() -> bool:
    """False with MODELKEEP_VERIFY=false, or MLFLOW_TRACKING_INSECURE_TLS=true."""
    if "MODELKEEP_VERIFY" in os.environ:
        return os.environ["MODELKEEP_VERIFY"].lower() not in ("false", "0", "no", "off")
    return os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() not in ("true", "1")


def timeout() -> float:
    """Seconds without a byte after which a request is given up: MODELKEEP_TIMEOUT."""
    return _number("MODELKEEP_TIMEOUT", TIMEOUT_SECONDS)


def retries() -> int:
    """How often a request is sent again when it failed: MODELKEEP_RETRIES."""
    return int(_number("MODELKEEP_RETRIES", RETRIES))


def cache() -> Path:
    """The folder where downloaded bytes are kept: MODELKEEP_CACHE, else ~/.cache/modelkeep."""
    given = os.environ.get("MODELKEEP_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "modelkeep"


def experiment() -> tuple[str | None, str | None]:
    """The name and the id of the experiment to log to, when the program names none; at most one is used."""
    return (
        os.environ.get("MODELKEEP_EXPERIMENT") or os.environ.get("MLFLOW_EXPERIMENT_NAME"),
        os.environ.get("MLFLOW_EXPERIMENT_ID"),
    )


def run_id() -> str | None:
    """The run to go on with at the first `start_run`, as `mlflow run` sets it."""
    return os.environ.get("MLFLOW_RUN_ID")


def _number(name: str, default: float) -> float:
    text = os.environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1
    if number < 0:
        raise Invalid(f"{name} must be a number that is not negative, got {text!r}.")
    return number
