"""Clients that move versions about at random, and a log of what they asked and were answered."""

from __future__ import annotations

import itertools
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.support.wire import Answer, Wire

API = "/api/2.0/mlflow"
OURS = "/api/2.0/modelkeep"
COVERED = "churn-*"
LEAST_AUC = 0.8
NAMES = ("churn-0", "churn-1", "churn-2", "churn-3", "open-0", "open-1")
MODELS = 3
# What the run behind each version had measured; None: nothing, and "unpinned": no files either.
AUCS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.5, None, "unpinned")
TARGETS = ("Production", "Staging", "@champion", "@challenger")
POLICIES: tuple[dict[str, Any], ...] = (
    {
        "policy": "auc-gate", "models": [COVERED], "targets": ["Production", "@champion"],
        "rules": [{"metric": "auc", "at_least": LEAST_AUC, "evidence_kind": "run"}],
    },
    {
        "policy": "f1-gate", "models": [COVERED], "targets": ["@champion"],
        "rules": [{"metric": "f1", "no_worse_than": "holder", "when_absent": "pass", "evidence_kind": "validation"}],
        "follow": {"rollback": 'previous of "@champion"'},
    },
)  # fmt: skip
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Call:
    """What a client asked, and what it was answered.

    Attributes:
        id: names its events: the server puts the request's id into them.
        asked: `do`, one of the methods of `Client`, with its arguments.
        change: the change id that the answer names.
        began, ended: between these, by the clock of all clients, it happened.
    """

    id: str
    asked: dict[str, Any]
    status: int
    change: str | None
    answer: dict[str, Any]
    began: float
    ended: float

    def __str__(self) -> str:
        return f"{self.id} {self.asked} answered {self.status} {self.answer.get('message', '')} in {self.change}"


class Client:
    """One thread's worth of calls.

    Args:
        known: the names that the models have by what the clients were told; all share the list.
    """

    def __init__(self, url: str, chance: random.Random, known: list[str]):
        self._wire = Wire(url)
        self._chance = chance
        self._known = known
        self.calls: list[Call] = []

    def wander(self, turns: int) -> list[Call]:
        """Make some random calls."""
        chance = self._chance
        works = (
            self._promote,
            self._release,
            self._transition,
            self._alias,
            self._roll_back,
            self._rename,
            self._measure,
        )
        for _ in range(turns):
            work = chance.choices((*works, self._look, self._unalias), weights=(7, 2, 3, 2, 4, 2, 2, 1, 1))[0]
            name = chance.choice(self._known) if chance.random() < 0.95 else chance.choice(NAMES)
            work(name)
        return self.calls

    def _promote(self, name: str) -> None:
        target = self._chance.choice(TARGETS)
        expected = self._expected(name, target)
        archive = target == "Production" or self._chance.random() < 0.6
        self.promote(name, self._version(), target, archive, expected)

    def _release(self, name: str) -> None:
        self.release(name, self._version())

    def _transition(self, name: str) -> None:
        stage = self._chance.choice(("Production", "Staging", "Archived", "Archived", "None"))
        archive = stage == "Production" or (stage == "Staging" and self._chance.random() < 0.5)
        self.transition(name, self._version(), stage, archive)

    def _alias(self, name: str) -> None:
        self.alias(name, self._version(), self._chance.choice(("champion", "challenger")))

    def _unalias(self, name: str) -> None:
        self.unalias(name, self._chance.choice(("champion", "challenger")))

    def _roll_back(self, name: str) -> None:
        target = self._chance.choice(TARGETS)
        self.rollback(name, target, self._expected(name, target))

    def _rename(self, name: str) -> None:
        self.rename(name, self._chance.choice(NAMES))

    def _measure(self, name: str) -> None:
        self.measure(name, self._version(), self._chance.randrange(5) / 10)

    def _look(self, name: str) -> None:
        self.look(name, self._chance.choice(TARGETS))

    def _version(self) -> int:
        return self._chance.randint(1, len(AUCS))

    def _expected(self, name: str, target: str) -> int | None:
        """Sometimes who holds a target, as far as this client can see."""
        return self.look(name, target) if self._chance.random() < 0.4 else None

    def promote(self, name: str, version: int, target: str, archive: bool = True, expected: int | None = None) -> Call:
        body: dict[str, Any] = {"archive_existing_versions": archive}
        if expected is not None:
            body["expected_version"] = str(expected)
        asked = {"name": name, "moves": [(version, target, archive)], "expected": expected}
        body |= {"name": name, "version": str(version), "target": target}
        return self._do("promote", asked, "POST", f"{OURS}/promotions/promote", body)

    def release(self, name: str, version: int) -> Call:
        targets = ("Production", "@champion")
        body = {"moves": [{"name": name, "version": str(version), "target": target} for target in targets]}
        asked = {"name": name, "moves": [(version, target, True) for target in targets]}
        return self._do("promote", asked, "POST", f"{OURS}/promotions/promote-all", body)

    def transition(self, name: str, version: int, stage: str, archive: bool) -> Call:
        body = {"name": name, "version": str(version), "stage": stage, "archive_existing_versions": archive}
        asked = {"name": name, "moves": [(version, stage, archive)]}
        return self._do("promote", asked, "POST", f"{API}/model-versions/transition-stage", body)

    def alias(self, name: str, version: int, alias: str) -> Call:
        body = {"name": name, "version": str(version), "alias": alias}
        asked = {"name": name, "moves": [(version, f"@{alias}", True)]}
        return self._do("promote", asked, "POST", f"{API}/registered-models/alias", body)

    def unalias(self, name: str, alias: str) -> Call:
        body = {"name": name, "alias": alias}
        return self._do("unalias", body, "DELETE", f"{API}/registered-models/alias", body)

    def rollback(self, name: str, target: str, expected: int | None = None) -> Call:
        body: dict[str, Any] = {"name": name, "target": target}
        if expected is not None:
            body["expected_version"] = str(expected)
        asked = {"name": name, "target": target, "expected": expected}
        return self._do("rollback", asked, "POST", f"{OURS}/promotions/rollback", body)

    def rename(self, name: str, new_name: str) -> Call:
        body = {"name": name, "new_name": new_name}
        call = self._do("rename", body, "POST", f"{API}/registered-models/rename", body)
        if call.status == 200 and name in self._known:
            self._known[self._known.index(name)] = new_name
        return call

    def measure(self, name: str, version: int, f1: float) -> Call:
        body: dict[str, Any] = {"name": name, "version": str(version), "kind": "validation", "values": {"f1": f1}}
        body |= {"dataset_name": "holdout", "dataset_digest": "d1"}
        asked = {"name": name, "version": version, "f1": f1}
        return self._do("measure", asked, "POST", f"{OURS}/evidence/add", body)

    def look(self, name: str, target: str) -> int:
        """Who holds a target, 0 for nobody."""
        asked = {"name": name, "target": target}
        if target.startswith("@"):
            path = f"{API}/registered-models/alias?name={name}&alias={target[1:]}"
            answer = self._do("look", asked, "GET", path).answer
            return int(answer.get("model_version", {}).get("version", 0))
        path = f"{API}/registered-models/get-latest-versions?name={name}&stages={target}"
        found = self._do("look", asked, "GET", path).answer.get("model_versions", [])
        return int(found[0]["version"]) if found else 0

    def _do(self, do: str, asked: dict[str, Any], method: str, path: str, body: Any = None) -> Call:
        request = f"call-{next(_numbers)}"
        content = None if body is None else json.dumps(body).encode()
        headers = {"X-Request-Id": request} | ({} if body is None else {"Content-Type": "application/json"})
        began = time.monotonic()
        # Once: sent again after a lost answer, it would be another call.
        answer = self._wire._once(method, path, content, headers)
        ended = time.monotonic()
        change = answer.headers.get("x-modelkeep-change-id")
        call = Call(request, {"do": do, **asked}, answer.status, change, answer.json, began, ended)
        self.calls.append(call)
        return call


def stock(url: str) -> None:
    """Make the models, each with versions of which some pass the policies, and apply those."""
    wire = Wire(url)
    for name in NAMES[:MODELS]:
        _check(wire.post(f"{API}/registered-models/create", name=name))
        for auc in AUCS:
            _register(wire, name, auc)
    for document in POLICIES:
        _check(wire.post(f"{OURS}/policies/apply", document=document))


def _register(wire: Wire, name: str, auc: float | str | None) -> None:
    if auc == "unpinned":
        _check(wire.post(f"{API}/model-versions/create", name=name, source="s3://elsewhere/model"))
        return
    run = _check(wire.post(f"{API}/runs/create", experiment_id="0")).json["run"]["info"]
    folder = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    # Bytes that no other version has: evidence is about bytes.
    path = f"{OURS.removesuffix('/modelkeep')}/mlflow-artifacts/artifacts/{folder}/model/MLmodel"
    _check(wire.send("PUT", path, json.dumps({"flavors": {}, "mark": run["run_id"]}).encode()))
    if auc is not None:
        _check(wire.post(f"{API}/runs/log-metric", run_id=run["run_id"], key="auc", value=auc, timestamp=1))
    source = f"runs:/{run['run_id']}/model"
    _check(wire.post(f"{API}/model-versions/create", name=name, source=source, run_id=run["run_id"]))


def let_wander(url: str, seed: int, clients: int, turns: int) -> list[Call]:
    """Let clients do as they like at the same time; every call that they made."""
    chance = random.Random(seed)
    known = list(NAMES[:MODELS])
    everyone = [Client(url, random.Random(chance.random()), known) for _ in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        return [call for calls in pool.map(lambda client: client.wander(turns), everyone) for call in calls]


def _check(answer: Answer) -> Answer:
    assert answer.status == 200, answer
    return answer
