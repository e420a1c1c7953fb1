"""`models:/`, `runs:/` and `mlflow-artifacts:/` addresses of files, as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from modelkeep.domain.errors import Invalid


@dataclass(frozen=True, slots=True)
class OfVersion:
    """What `models:/name/3`, `models:/name/Production`, `models:/name/latest` or `models:/name@alias` says.

    Exactly one of `number`, `stage` and `alias` is given; none of them means the newest version.
    """

    name: str
    number: str | None = None
    stage: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class OfRun:
    """What `runs:/<run id>/<path>` says; the empty path is all of the run's files."""

    run_id: str
    path: str


def of_version(uri: str) -> OfVersion | None:
    """The version that an address names, None when it is another kind of address or names a logged model.

    Raises:
        Invalid: it is a `models:/` address that means nothing.
    """
    if not uri.startswith("models:/"):
        return None
    address = uri.removeprefix("models:/").strip("/")
    name, slash, suffix = address.partition("/")
    if slash:
        name, suffix = unquote(name), unquote(suffix)
        if not name or not suffix or "/" in suffix:
            raise _malformed(uri)
        if suffix.isdigit():
            return OfVersion(name, number=suffix)
        return OfVersion(name, stage=None if suffix.lower() == "latest" else suffix)
    name, at, alias = address.rpartition("@")
    if not at:
        if not address:
            raise _malformed(uri)
        return None
    if not name or not alias:
        raise _malformed(uri)
    return OfVersion(unquote(name), alias=unquote(alias))


def _malformed(uri: str) -> Invalid:
    return Invalid(
        f"'{uri}' names no model: write it as models:/<name>/<version>, models:/<name>/<stage>, models:/<name>/latest "
        "or models:/<name>@<alias>."
    )


def of_logged_model(uri: str) -> str | None:
    """The id of the logged model that `models:/m-…` names, or None."""
    if not uri.startswith("models:/"):
        return None
    address = uri.removeprefix("models:/").strip("/")
    return address if address and "/" not in address and "@" not in address else None


def of_run(uri: str) -> OfRun | None:
    """The place in a run that an address names, or None.

    Raises:
        Invalid: it is a `runs:/` address without a run.
    """
    if not uri.startswith("runs:/"):
        return None
    run_id, _, path = uri.removeprefix("runs:/").strip("/").partition("/")
    if not run_id:
        raise Invalid(f"'{uri}' names no run: write it as runs:/<run id>/<path>.")
    return OfRun(run_id, path)
