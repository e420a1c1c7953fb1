"""What clients were told, and whether a server still holds it.

A client has names of its own, so that what it was told is all there is to know about them; one model is shared by all,
for the numbers of its versions. The last thing a client asked for before the server died may or may not have happened.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.support.wire import Answer, Wire

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
MULTIPART = "/api/2.0/mlflow-artifacts/mpu"
SHARED = "shared"


@dataclass
class Told:
    """What one client knows. `perhaps` is the change in flight when the server died: (field, key, value)."""

    name: str
    model: bool = False
    run: str | None = None
    folder: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)  # of its own model: number to source
    shared: dict[str, str] = field(default_factory=dict)  # of the shared model: source to number
    batches: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # path to digest
    perhaps: tuple[str, str, str] | None = None


class Died(Exception):
    """The server did not answer."""


class Client:
    """A thread's worth of writes, until the server dies."""

    def __init__(self, url: str, told: Told, chance: random.Random):
        self._wire = Wire(url)
        self.told = told
        self._chance = chance
        self._count = 0
        self.error: BaseException | None = None
        self.is_set_up = threading.Event()
        self._multipart = True
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._set_up()
            for work in self._works():
                work()
                self.is_set_up.set()
        except Died:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.is_set_up.set()

    def _set_up(self) -> None:
        told = self.told
        self._change("model", "", "", "POST", "registered-models/create", name=told.name)
        told.model = True
        self._register()
        told.perhaps = None
        info = self._call("POST", "runs/create", experiment_id="0")["run"]["info"]
        told.run, told.folder = info["run_id"], info["artifact_uri"].removeprefix("mlflow-artifacts:/")

    def _works(self) -> Iterator[Callable[[], None]]:
        works = [
            self._register, self._register_shared, self._tag, self._alias, self._stage, self._log, self._upload,
            self._upload, self._upload_in_parts,
        ]  # fmt: skip
        while True:
            self._count += 1
            yield self._chance.choice(works)

    def _register(self) -> None:
        source = f"s3://bucket/{self.told.name}/{self._count}"
        reply = self._change(
            "versions", "", source, "POST", "model-versions/create", name=self.told.name, source=source
        )
        self.told.versions[reply["model_version"]["version"]] = source

    def _register_shared(self) -> None:
        source = f"s3://bucket/{SHARED}/{self.told.name}/{self._count}"
        reply = self._change("shared", source, "", "POST", "model-versions/create", name=SHARED, source=source)
        self.told.shared[source] = reply["model_version"]["version"]

    def _tag(self) -> None:
        key, value = f"key-{self._chance.randrange(5)}", f"value {self._count}"
        path = "registered-models/set-tag"
        self._change("tags", key, value, "POST", path, name=self.told.name, key=key, value=value)
        self.told.tags[key] = value

    def _alias(self) -> None:
        alias, version = f"alias-{self._chance.randrange(3)}", self._chance.choice(list(self.told.versions))
        path = "registered-models/alias"
        self._change("aliases", alias, version, "POST", path, name=self.told.name, alias=alias, version=version)
        self.told.aliases[alias] = version

    def _stage(self) -> None:
        stage = self._chance.choice(["Staging", "Production", "Archived", "None"])
        version = self._chance.choice(list(self.told.versions))
        body = {"name": self.told.name, "version": version, "stage": stage, "archive_existing_versions": False}
        self._change("stages", version, stage, "POST", "model-versions/transition-stage", **body)
        self.told.stages[version] = stage

    def _log(self) -> None:
        key = f"batch-{self._count}"
        body = {
            "run_id": self.told.run,
            "metrics": [{"key": key, "value": step, "timestamp": 1, "step": step} for step in range(20)],
            "params": [{"key": key, "value": key}],
            "tags": [{"key": key, "value": key}],
        }
        self._change("batches", key, key, "POST", "runs/log-batch", **body)
        self.told.batches[key] = key

    def _upload(self) -> None:
        path, content = self._file()
        self.told.perhaps = ("files", path, _digest(content))
        _check(self._send("PUT", f"{FILES}/{path}", content))
        self.told.files[path] = _digest(content)
        self.told.perhaps = None

    def _upload_in_parts(self) -> None:
        if not self._multipart:
            return self._upload()
        path, content = self._file()
        folder, _, name = path.rpartition("/")
        parts = [content[at : at + 100_000] for at in range(0, len(content), 100_000)] or [b""]
        body = json.dumps({"path": name, "num_parts": len(parts)}).encode()
        answer = self._send("POST", f"{MULTIPART}/create/{folder}", body)
        if answer.status == 501:
            self._multipart = False
            return None
        _check(answer)
        upload, sent = answer.json, []
        for credential, part in zip(upload["credentials"], parts, strict=True):
            url = credential["url"]
            address = "/" + url.split("/", 3)[3] if "://" in url else url
            etag = _check(self._send("PUT", address, part, credential.get("headers") or {})).headers.get("etag")
            sent.append({"part_number": credential["part_number"], "etag": etag, "url": url})
        body = json.dumps({"path": name, "upload_id": upload["upload_id"], "parts": sent}).encode()
        self.told.perhaps = ("files", path, _digest(content))
        _check(self._send("POST", f"{MULTIPART}/complete/{folder}", body))
        self.told.files[path] = _digest(content)
        self.told.perhaps = None
        return None

    def _file(self) -> tuple[str, bytes]:
        size = self._chance.choice([0, 1, 1000, 1000, 50_000, 50_000, 300_000, 1_500_000])
        path = f"{self.told.folder}/folder-{self._chance.randrange(2)}/file-{self._chance.randrange(20)}"
        return path, self._chance.randbytes(size)

    def _change(self, what: str, key: str, value: str, method: str, path: str, /, **fields: Any) -> Any:
        self.told.perhaps = (what, key, value)
        reply = self._call(method, path, **fields)
        self.told.perhaps = None
        return reply

    def _call(self, method: str, path: str, /, **fields: Any) -> Any:
        return _check(self._send(method, f"{API}/{path}", json.dumps(fields).encode())).json

    def _send(self, method: str, path: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
        given = {"Content-Type": "application/json", **(headers or {})}
        try:
            # Once: sent again after the server is back, it would be another change.
            return self._wire._once(method, path, body, given)
        except (OSError, http.client.HTTPException) as error:
            raise Died from error


def _check(answer: Answer) -> Answer:
    assert answer.status == 200, answer
    return answer


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def assert_kept(wire: Wire, told: Told) -> None:
    """Everything that a client was told is there, and of what it was not told at most the last."""
    perhaps = told.perhaps
    if not told.model:
        return
    model = _check(wire.get(f"{API}/registered-models/get", name=told.name)).json["registered_model"]
    _assert_equal(told, "tags", {tag["key"]: tag["value"] for tag in model.get("tags", [])}, told.tags)
    aliases = {alias["alias"]: alias["version"] for alias in model.get("aliases", [])}
    _assert_equal(told, "aliases", aliases, told.aliases)
    versions = versions_of(wire, told.name)
    known = set(told.versions.values())
    sources = {version["source"] for version in versions}
    in_flight = {perhaps[2]} if perhaps is not None and perhaps[0] == "versions" else set()
    assert known <= sources <= known | in_flight
    assert {v["version"]: v["source"] for v in versions if v["source"] in known} == told.versions
    stages = {v["version"]: v["current_stage"] for v in versions if v["current_stage"] != "None"}
    _assert_equal(told, "stages", stages, {v: stage for v, stage in told.stages.items() if stage != "None"})
    if told.run is not None:
        _assert_run(wire, told)
        _assert_files(wire, told)


def _assert_run(wire: Wire, told: Told) -> None:
    data = _check(wire.get(f"{API}/runs/get", run_id=told.run)).json["run"].get("data", {})
    params = {param["key"]: param["value"] for param in data.get("params", [])}
    tags = {tag["key"] for tag in data.get("tags", []) if tag["key"].startswith("batch-")}
    metrics = {metric["key"]: metric["step"] for metric in data.get("metrics", [])}
    _assert_equal(told, "batches", params, told.batches)
    # Also of the batch that was not acknowledged: all of it or nothing.
    assert tags == set(params) == set(metrics)
    assert set(metrics.values()) <= {19, "19"}


def _assert_files(wire: Wire, told: Told) -> None:
    found = {path: read_file(wire, path) for path in walk(wire, told.folder)}
    _assert_equal(told, "files", found, told.files)


def _assert_equal(told: Told, what: str, found: dict[str, str], expected: dict[str, str]) -> None:
    perhaps = told.perhaps
    if found != expected and perhaps is not None and perhaps[0] == what:
        expected = {**expected, perhaps[1]: perhaps[2]}
        if what == "stages" and perhaps[2] == "None":
            del expected[perhaps[1]]
    assert found == expected, (told.name, what, perhaps)


def read_file(wire: Wire, path: str) -> str:
    """The digest of a file's bytes, which is the one that its ETag names."""
    answer = _check(wire.send("GET", f"{FILES}/{quote(path)}"))
    digest = _digest(answer.body)
    assert answer.headers["etag"] == f'"{digest}"', path
    return digest


def walk(wire: Wire, folder: str) -> Iterator[str]:
    """The path of every file below a folder, as the listing shows them."""
    for entry in _check(wire.send("GET", f"{FILES}?path={quote(folder)}")).json.get("files", []):
        path = f"{folder}/{entry['path']}" if folder else entry["path"]
        if entry["is_dir"]:
            yield from walk(wire, path)
        else:
            yield path


def versions_of(wire: Wire, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: str | None = None
    while token is None or token:
        query = {"filter": f"name = '{name}'", "max_results": 1000} | ({"page_token": token} if token else {})
        page = _check(wire.get(f"{API}/model-versions/search", **query)).json
        found += page.get("model_versions", [])
        token = page.get("next_page_token", "")
    return found


def assert_shared_numbers(wire: Wire, everyone: list[Told]) -> None:
    """The versions of the shared model: each acknowledged one under its number, the others explained, no gap."""
    found = {version["source"]: int(version["version"]) for version in versions_of(wire, SHARED)}
    told = {source: int(number) for one in everyone for source, number in one.shared.items()}
    in_flight = {one.perhaps[1] for one in everyone if one.perhaps is not None and one.perhaps[0] == "shared"}
    assert {source: found.get(source) for source in told} == told
    assert set(found) <= set(told) | in_flight
    assert sorted(found.values()) == list(range(1, len(found) + 1))
