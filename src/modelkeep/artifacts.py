"""`modelkeep.artifacts`, as MLflow has it: files by their addresses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelkeep.client import active
from modelkeep.client.client import Client
from modelkeep.client.entities import FileInfo
from modelkeep.domain.errors import Invalid


def download_artifacts(
    artifact_uri: str | None = None,
    run_id: str | None = None,
    artifact_path: str | None = None,
    dst_path: str | None = None,
    tracking_uri: str | None = None,
) -> str:
    """Copy files to the local disk and return where they are.

    Args:
        artifact_uri: `models:/…`, `runs:/…` or `mlflow-artifacts:/…`; or else
        run_id, artifact_path: a run and a path in it.
        dst_path: a folder; a new temporary one by default.
        tracking_uri: of another registry than the one that is used.
    """
    if (artifact_uri is None) == (run_id is None):
        raise Invalid("Exactly one of artifact_uri and run_id must be provided.")
    client = Client(tracking_uri) if tracking_uri else active.client()
    if artifact_uri is not None:
        if artifact_path is not None:
            raise Invalid("artifact_path cannot be given with artifact_uri. Add it to the address.")
        return str(client.download_uri(artifact_uri, dst_path))
    return client.download_artifacts(run_id or "", artifact_path or "", dst_path)


def list_artifacts(run_id: str, artifact_path: str | None = None) -> list[FileInfo]:
    """What is directly in a folder of a run."""
    return active.client().list_artifacts(run_id, artifact_path)


def load_text(artifact_uri: str) -> str:
    """The text in a file."""
    return Path(download_artifacts(artifact_uri)).read_text(encoding="utf-8")


def load_dict(artifact_uri: str) -> dict[str, Any]:
    """The dict in a JSON file."""
    return json.loads(load_text(artifact_uri))


__all__ = ["download_artifacts", "list_artifacts", "load_dict", "load_text"]
