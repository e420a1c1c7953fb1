"""The same content for both servers, through the REST API they share."""

import http.client
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bench.load import Address

CREATED = 1_700_000_000_000
MODEL = "churn"
NEW_VERSIONS = "zz-registering"  # after the small models by name: outside the page of 100 that is searched
ALIAS = "champion"
GUARDED = "guarded"  # its versions have files of their own; Modelkeep guards every stage of it
GUARDED_VERSIONS = 40


@dataclass(frozen=True)
class Content:
    versions: int  # of MODEL, each with two tags
    small_models: list[str]  # two versions each
    runs: list[str]  # five params, five metrics and three tags each
    log_runs: list[str]  # what the cases that log write to


def fill(address: Address, *, versions: int = 300, small_models: int = 150, clients: int = 8) -> Content:
    """Create models, versions and runs. Versions of one model are created one after another, so that
    both servers give the same number to the same version."""
    names = [f"small-{i:03}" for i in range(small_models)]
    with ThreadPoolExecutor(clients) as pool:
        runs = list(pool.map(lambda i: _create_run(address, i), range(20)))
        work = [pool.submit(_create_model, address, MODEL, versions, runs)]
        work += [pool.submit(_create_model, address, name, 2, runs) for name in names]
        work += [pool.submit(_create_model, address, NEW_VERSIONS, 0, runs)]
        work += [pool.submit(_create_guarded, address, runs)]
        log_runs = list(pool.map(lambda i: _create_run(address, 100 + i), range(64)))
        for done in work:
            done.result()
    call(address, "POST", "registered-models/alias", {"name": MODEL, "alias": ALIAS, "version": "1"})
    return Content(versions, names, runs, log_runs)


def _create_model(address: Address, name: str, versions: int, runs: list[str]) -> None:
    call(address, "POST", "registered-models/create", {"name": name, "description": f"What {name} is for."})
    for number in range(1, versions + 1):
        tags = [{"key": "dataset", "value": f"customers-{number}"}, {"key": "team", "value": "growth"}]
        body = {"name": name, "source": f"s3://models/{name}/{number}", "tags": tags}
        call(address, "POST", "model-versions/create", {**body, "run_id": runs[number % len(runs)]})


def _create_guarded(address: Address, runs: list[str]) -> None:
    call(address, "POST", "registered-models/create", {"name": GUARDED})
    for number in range(1, GUARDED_VERSIONS + 1):
        run = runs[number % len(runs)]
        url = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/guarded-{number}/weights"
        put(address, url, f"weights of version {number}".encode())
        body = {"name": GUARDED, "source": f"runs:/{run}/guarded-{number}", "run_id": run}
        call(address, "POST", "model-versions/create", body)


def guard(address: Address) -> None:
    """Apply a policy, which only Modelkeep has, that judges each promotion of a version of GUARDED and lets it pass."""
    document = {
        "policy": "bench", "models": [GUARDED], "targets": ["Staging", "Production", "Archived"],
        "rules": [{"metric": "metric-0", "at_least": 0}],
    }  # fmt: skip
    url, body = "/api/2.0/modelkeep/policies/apply", json.dumps({"document": document}).encode()
    status, text = _try(address, "POST", url, body)
    if status != 200:
        raise RuntimeError(f"POST {url} answered {status}: {text[:500].decode('utf-8', 'replace')}")


def _create_run(address: Address, number: int) -> str:
    tags = [{"key": "mlflow.runName", "value": f"run-{number}"}]
    body = {"experiment_id": "0", "start_time": CREATED + number, "run_name": f"run-{number}", "tags": tags}
    run_id = str(call(address, "POST", "runs/create", body)["run"]["info"]["run_id"])
    batch = {
        "run_id": run_id,
        "params": [{"key": f"param-{i}", "value": f"{number * i}"} for i in range(5)],
        "metrics": [_metric(f"metric-{i}", number + i / 10) for i in range(5)],
        "tags": [{"key": f"tag-{i}", "value": f"value {number}"} for i in range(3)],
    }
    call(address, "POST", "runs/log-batch", batch)
    return run_id


def _metric(key: str, value: float) -> dict[str, Any]:
    return {"key": key, "value": value, "timestamp": CREATED, "step": 0}


_connections = threading.local()


def call(address: Address, method: str, path: str, body: object) -> dict[str, Any]:
    """One call below /api/2.0/mlflow, tried again while the server fails at it: MLflow answers some
    concurrent writes on SQLite with errors. Raises RuntimeError for a refusal, or after 20 tries."""
    url, payload = f"/api/2.0/mlflow/{path}", json.dumps(body).encode()
    for attempt in range(20):
        status, text = _try(address, method, url, payload)
        if status == 200:
            return dict(json.loads(text))
        if attempt and b"RESOURCE_ALREADY_EXISTS" in text:
            return {}  # the attempt before it succeeded without saying so
        if status not in (0, 408, 429) and status < 500:
            break
        time.sleep(0.02 * (attempt + 1))
    raise RuntimeError(f"{method} {url} answered {status}: {text[:500].decode('utf-8', 'replace')}")


def put(address: Address, url: str, content: bytes) -> None:
    """Store a small file. Raises RuntimeError when it is refused."""
    status, text = _try(address, "PUT", url, content)
    if status != 200:
        raise RuntimeError(f"PUT {url} answered {status}: {text[:500].decode('utf-8', 'replace')}")


def _try(address: Address, method: str, url: str, payload: bytes) -> tuple[int, bytes]:
    connection = _kept_connection(address)
    try:
        connection.request(method, url, payload, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException) as broken:
        connection.close()
        return 0, str(broken).encode()


def _kept_connection(address: Address) -> http.client.HTTPConnection:
    kept: dict[Address, http.client.HTTPConnection] = _connections.__dict__.setdefault("by_address", {})
    if address not in kept:
        kept[address] = http.client.HTTPConnection(*address, timeout=60)
    return kept[address]
