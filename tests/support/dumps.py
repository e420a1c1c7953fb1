"""Everything that a server's API tells, as plain values that can be compared."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

from tests.support.wire import Wire

MLFLOW = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


def everything(wire: Wire) -> dict[str, Any]:
    """Registered models, versions, aliases, tags, experiments, runs, logged models, events and the bytes of files."""
    return {**registry(wire), "events": events(wire), "files": files(wire)}


def registry(wire: Wire, like: str = "%") -> dict[str, Any]:
    """Registered models with their versions, and experiments with what is in them, whose names are like a pattern."""
    named = f"name LIKE '{like}'"
    experiments = _pages(wire.get, "experiments/search", "experiments", filter=named, view_type="ALL", max_results=1000)
    ids = [experiment["experiment_id"] for experiment in experiments]
    inside = {"experiment_ids": ids, "max_results": 50}
    return {
        "models": _pages(wire.get, "registered-models/search", "registered_models", filter=named, max_results=100),
        "versions": _pages(wire.get, "model-versions/search", "model_versions", filter=named, max_results=1000),
        "experiments": experiments,
        "runs": _pages(wire.post, "runs/search", "runs", run_view_type="ALL", **inside) if ids else [],
        "logged models": _pages(wire.post, "logged-models/search", "models", **inside) if ids else [],
    }


def _pages(ask: Any, call: str, name: str, **fields: Any) -> list[Any]:
    found: list[Any] = []
    token = None
    while token != "":
        answer = ask(f"{MLFLOW}/{call}", **fields, **({"page_token": token} if token else {}))
        assert answer.status == 200, answer
        found += answer.json.get(name, [])
        token = answer.json.get("next_page_token") or ""
    return found


def events(wire: Wire, until: int | None = None) -> list[Any]:
    """Every event, or those up to a position."""
    found: list[Any] = []
    while True:
        after = found[-1]["position"] if found else 0
        page = wire.get("/api/2.0/modelkeep/events", after=after, limit=1000).json.get("events", [])
        if not page:
            return [event for event in found if until is None or event["position"] <= until]
        found += page


def files(wire: Wire, folder: str = "") -> dict[str, str]:
    """SHA-256 of the bytes of every file below a folder, by path."""
    found = {}
    for entry in wire.get(f"{FILES}?path={quote(folder)}" if folder else FILES).json.get("files", []):
        path = f"{folder}/{entry['path']}" if folder else entry["path"]
        if entry["is_dir"]:
            found |= files(wire, path)
        else:
            answer = wire.send("GET", f"{FILES}/{quote(path)}")
            assert answer.status == 200, (path, answer)
            found[path] = hashlib.sha256(answer.body).hexdigest()
    return found
