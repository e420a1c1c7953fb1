"""What is measured: one row per operation, with the ratio it has to reach."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from bench.fill import ALIAS, CREATED, GUARDED, GUARDED_VERSIONS, MODEL, NEW_VERSIONS, Content
from bench.load import Address

Requests = Callable[[Content, Address], Iterator[bytes]]
Gist = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    requests: Requests  # endless; each request is new, and every write changes something
    needed: float | None = None  # ours / MLflow's; None: reported only
    needed_on_postgres: float | None = None  # the same where both are on PostgreSQL
    gist: Gist | None = None  # what both servers' answers to the first request must agree on
    connections: int | None = None  # None: as the command line says
    units_per_request: int = 1
    unit: str = "req/s"


def get_version(content: Content, address: Address) -> Iterator[bytes]:
    numbers = range(1, content.versions + 1)
    return itertools.cycle([_get(address, "model-versions/get", name=MODEL, version=n) for n in numbers])


def get_by_alias(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.repeat(_get(address, "registered-models/alias", name=MODEL, alias=ALIAS))


def get_run(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.cycle([_get(address, "runs/get", run_id=run) for run in content.runs])


def get_small_model(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.cycle([_get(address, "registered-models/get", name=name) for name in content.small_models])


def get_large_model(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.repeat(_get(address, "registered-models/get", name=MODEL))


def search_versions(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.repeat(_get(address, "model-versions/search", filter=f"name='{MODEL}'", max_results=100))


def search_models(content: Content, address: Address) -> Iterator[bytes]:
    return itertools.repeat(_get(address, "registered-models/search", max_results=100))


def set_version_tag(content: Content, address: Address) -> Iterator[bytes]:
    for turn in itertools.count():
        tag = {"key": "checked", "value": f"check {turn}"}
        body = {"name": MODEL, "version": f"{turn % content.versions + 1}", **tag}
        yield _post(address, "model-versions/set-tag", body)


def set_alias(content: Content, address: Address) -> Iterator[bytes]:
    # From one version to the next: requests that overtake one another still each move the alias.
    for turn in itertools.count(1):
        body = {"name": MODEL, "alias": ALIAS, "version": f"{turn % content.versions + 1}"}
        yield _post(address, "registered-models/alias", body)


def transition_stage(content: Content, address: Address) -> Iterator[bytes]:
    # Every version to Staging, then every version to Production, and so on. With three stages a
    # transition that fails does not turn the next one of that version into no change.
    for turn in itertools.count():
        stage = ("Staging", "Production", "Archived")[turn // content.versions % 3]
        body = {"name": MODEL, "version": f"{turn % content.versions + 1}", "stage": stage}
        yield _post(address, "model-versions/transition-stage", {**body, "archive_existing_versions": False})


def transition_guarded(content: Content, address: Address) -> Iterator[bytes]:
    for turn in itertools.count():
        stage = ("Staging", "Production", "Archived")[turn // GUARDED_VERSIONS % 3]
        body = {"name": GUARDED, "version": f"{turn % GUARDED_VERSIONS + 1}", "stage": stage}
        yield _post(address, "model-versions/transition-stage", {**body, "archive_existing_versions": False})


def register_version(content: Content, address: Address) -> Iterator[bytes]:
    for turn in itertools.count():
        body = {"name": NEW_VERSIONS, "source": f"s3://models/{NEW_VERSIONS}/{turn}"}
        yield _post(address, "model-versions/create", {**body, "run_id": content.runs[turn % len(content.runs)]})


def log_metric(content: Content, address: Address) -> Iterator[bytes]:
    for turn in itertools.count(1):
        body = {"run_id": content.log_runs[turn % len(content.log_runs)], "key": "loss"}
        yield _post(address, "runs/log-metric", {**body, **_point(turn)})


def log_batch(content: Content, address: Address) -> Iterator[bytes]:
    """Batches of 1,000 new points, ten metrics at a hundred steps. Rendering one costs as much as a fast
    server takes to store it, so each is a copy of one text with new digits in the same places."""
    mark = 77_777_777
    # Time goes on from batch to batch, as it does along a run: "17" and the mark and three digits are milliseconds.
    points = [
        {
            "key": f"metric-{i % 10}",
            "value": 0.0,
            "timestamp": int(f"17{mark}{i // 10:03}"),
            "step": mark * 100 + i // 10,
        }
        for i in range(1000)
    ]
    for point in points:
        point["value"] = float(f"{point['step'] % 100}.{mark}")
    drafts = [_post(address, "runs/log-batch", {"run_id": run, "metrics": points}) for run in content.log_runs]
    for turn in itertools.count(10_000_000):
        yield drafts[turn % len(drafts)].replace(b"%d" % mark, b"%d" % turn)


def _point(step: int) -> dict[str, Any]:
    return {"value": 1 / step if step else 1.0, "timestamp": CREATED + step, "step": step}


def _get(address: Address, call: str, **query: object) -> bytes:
    return f"GET /api/2.0/mlflow/{call}?{urlencode(query)} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n\r\n".encode()


def _post(address: Address, call: str, body: dict[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return (
        f"POST /api/2.0/mlflow/{call} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
    ).encode() + text


def _gist_of_version(answer: dict[str, Any]) -> object:
    version = answer["model_version"]
    return version["name"], version["version"], version["source"], _pairs(version["tags"])


def _gist_of_model(answer: dict[str, Any]) -> object:
    model = answer["registered_model"]
    return model["name"], [(v["version"], _pairs(v["tags"])) for v in model["latest_versions"]]


def _gist_of_run(answer: dict[str, Any]) -> object:
    data = answer["run"]["data"]
    return _pairs(data["params"]), _pairs(data["metrics"]), _pairs(data["tags"])


def _gist_of_versions(answer: dict[str, Any]) -> object:
    return len(answer["model_versions"]), [len(v["tags"]) for v in answer["model_versions"]]


def _gist_of_models(answer: dict[str, Any]) -> object:
    return [(m["name"], [v["version"] for v in m["latest_versions"]]) for m in answer["registered_models"]]


def _pairs(items: list[dict[str, Any]]) -> object:
    return sorted((item["key"], item["value"]) for item in items)


READS = (
    Case("version", "get a model version", get_version, 60, 20, _gist_of_version),
    Case("alias", "get a version by alias", get_by_alias, 60, 20, _gist_of_version),
    Case("run", "get a run", get_run, 60, 12, _gist_of_run),
    Case("model", "get a registered model (2 versions)", get_small_model, gist=_gist_of_model),
    Case("large-model", "get a registered model (many versions)", get_large_model, gist=_gist_of_model),
    Case("search-versions", "search versions of one model, page of 100", search_versions, 30, gist=_gist_of_versions),
    Case("search-models", "search registered models, page of 100", search_models, 30, gist=_gist_of_models),
)
WRITES = (
    Case("set-tag", "set a version tag", set_version_tag, 80, 20),
    Case("set-alias", "set an alias", set_alias, 80, 20),
    Case("stage", "transition a stage", transition_stage, 80, 20),
    Case("register", "register a version", register_version, 60, 20),
)
METRICS = (
    Case("log-metric", "log one metric", log_metric),
    Case("log-batch", "log 1,000 metrics at once", log_batch, 30, units_per_request=1000, unit="metrics/s"),
)


def _reported(case: Case, connections: int | None = None) -> Case:
    """The same case without a threshold, with as many connections as given."""
    name = case.name if connections is None else f"{case.name}-{connections}"
    return replace(case, name=name, connections=connections, needed=None, needed_on_postgres=None)


# Durable writes are judged at 64 connections: sharing one commit among many callers is what is measured, and the
# fewer callers there are, the more it is the machine's own latency of waking a thread. They are reported at 16 too.
CASES = (
    *READS,
    *(_reported(case) for case in WRITES),
    Case("guarded", "transition a stage past a policy", transition_guarded, 60, connections=16),
    *(replace(case, name=f"{case.name}-64", connections=64) for case in WRITES),
    _reported(WRITES[-1], 1),
    *METRICS,
    _reported(METRICS[-1], 1),
)


# The same cases, with what has to be reached where both servers are on PostgreSQL.
POSTGRES_CASES = tuple(replace(case, needed=case.needed_on_postgres) for case in CASES)
