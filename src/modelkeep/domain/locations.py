"""Where the files of an experiment, a run or a logged model are: addresses, never paths of a disk."""

from __future__ import annotations

import re
from urllib.parse import unquote

from modelkeep.domain import artifacts, texts
from modelkeep.domain.errors import Invalid

LIMIT = 2048
# Addresses that carry a host: whoever may name one can make a reader connect to it. MLflow 3.17.2 refuses them too
# (`mlflow/utils/uri.py`, rejected_host_addressed_scheme).
HOST_ADDRESSED = frozenset({"ftp", "sftp", "hdfs", "viewfs", "http", "https", "r2", "b2", "abfss"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+):(.*)", re.DOTALL)


def check(location: object, field: str = "artifact_location") -> str:
    """Return an address for files, without a slash at its end.

    Raises:
        Invalid: it is a path on a disk, names another host, holds '..', a fragment or parameters, or is too long.
    """
    text = texts.check(location, field, LIMIT)
    match = _SCHEME.fullmatch(text)
    scheme = match[1].lower() if match else "file"
    if match is None or scheme == "file":
        raise Invalid(
            f"Invalid value {text!r} for parameter '{field}': a path on a disk cannot be used here. Leave it out, and "
            "the files are kept by this server, or give the address of an object store such as 's3://bucket/path'."
        )
    if scheme in ("runs", "models"):
        raise Invalid(f"Artifact location cannot be a {scheme}:/ URI. Given: '{text}'")
    if scheme in HOST_ADDRESSED or (scheme == "mlflow-artifacts" and match[2].startswith("//")):
        raise Invalid(
            f"Invalid value {text!r} for parameter '{field}': addresses on other hosts ({scheme}:) are not accepted. "
            "Leave it out, or give the address of an object store such as 's3://bucket/path'."
        )
    if "#" in text or ";" in text:
        raise Invalid(f"'{field}' URL can't include fragments or params. Given: '{text}'")
    if ".." in re.split(r"[/\\?&=]", _decoded(text)) or "\\" in text:
        raise Invalid(f"Invalid value {text!r} for parameter '{field}': it must not hold '..' or backslashes.")
    if scheme == "mlflow-artifacts":
        root = artifacts.root_of(text)
        if not root:
            raise Invalid(f"Invalid value {text!r} for parameter '{field}': name a folder below 'mlflow-artifacts:/'.")
        if artifacts.is_of_versions(root):
            raise Invalid(
                f"Invalid value {text!r} for parameter '{field}': '{artifacts.VERSIONS_ROOT}' is where the files of "
                "registered versions are, which nothing else can be added to. Name another folder."
            )
        return f"{artifacts.SCHEME}/{root}"
    return text.rstrip("/")


def _decoded(text: str) -> str:
    for _ in range(10):
        further = unquote(text)
        if further == text:
            break
        text = further
    return text


def below(location: str, *parts: str) -> str:
    """The address of a folder inside a location; a query stays at the end."""
    path, mark, query = location.partition("?")
    return "/".join((path.rstrip("/"), *parts)) + mark + query
