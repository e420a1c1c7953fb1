"""Sixteen clients at once: each target is one register, and every gate was passed with what it asked for.

They promote, archive, roll back, rename and post evidence at random. Afterwards the events are gone through one by one: each
must fit the state before it, each answer must be the change that it says it is, and what the events lead to must be what the
registry answers.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from modelkeep.domain.events import Event
from modelkeep.registry import events, opening
from tests.registry import gating, replaying
from tests.registry.gating import ADMIN
from tests.registry.replaying import Replayed
from tests.support.servers import start_server
from tests.support.wire import Answer, Wire

CLIENTS = 16
CALLS_EACH = 3000 if os.environ.get("MODELKEEP_SOAK") else 30
VERSIONS = 5
NAMES = ["churn", "churn-eu", "churn-us"]
OURS = "/api/2.0/modelkeep"
MLFLOW = "/api/2.0/mlflow"
GUARDED = ["Production", "@champion"]
LEAST = 0.8


@dataclass
class Told:
    """What a client asked for and what it was told."""

    kind: str
    asked: dict[str, Any]
    answer: Answer

    @property
    def change_id(self) -> str | None:
        return self.answer.headers.get("x-modelkeep-change-id")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("empty_database")


@pytest.fixture
def folder(tmp_path: Path, database: str | None) -> Path:
    """A data folder with two models of five versions each, of which some have passed."""
    folder = tmp_path / "data"
    opening.prepare(folder, database=database)
    registry = opening.open_registry(folder, database=database)
    for name in NAMES[:2]:
        gating.stock(registry, VERSIONS, name)
        for number in range(1, VERSIONS):
            gating.measure(registry, number, name, auc=0.9)
    gating.apply(
        registry, {"metric": "auc", "at_least": LEAST, "on_rollback": True}, follow={"rollback": "previous of champion"}
    )
    opening.close(registry)
    return folder


def test_every_target_is_one_register(folder: Path, database: str | None) -> None:
    with start_server(folder, database=database) as server, ThreadPoolExecutor(CLIENTS) as pool:
        told = [each for found in pool.map(lambda seed: play(server.url, seed), range(CLIENTS)) for each in found]

    assert {each.answer.status for each in told} <= {200, 400, 403, 404, 409}, [
        each for each in told if each.answer.status >= 500
    ]
    by_change = {each.change_id: each for each in told if each.answer.status == 200 and each.change_id}
    registry = opening.open_registry(folder, database=database)
    try:
        happened = list(everything(registry))
        assert [each.position for each in happened] == list(range(1, len(happened) + 1))
        state = go_through(happened, by_change)
        assert replaying.seen(registry) == state.seen()
    finally:
        opening.close(registry)
    done = {each.kind for each in by_change.values()}
    assert done == {"promote", "transition", "alias", "archive", "rollback", "rename", "measure"}
    assert any(each.answer.status == 403 for each in told)
    assert any(each.answer.status == 409 for each in told)


def play(url: str, seed: int) -> list[Told]:
    chosen, wire = random.Random(seed), Wire(url)
    return [ask(wire, chosen) for _ in range(CALLS_EACH)]


def ask(wire: Wire, chosen: random.Random) -> Told:
    name, version, target = chosen.choice(NAMES), str(chosen.randint(1, VERSIONS)), chosen.choice(GUARDED)
    kind = chosen.choice(
        ["promote"] * 4 + ["transition", "alias", "archive", "rollback", "rollback", "rename", "measure"]
    )
    expected = str(chosen.randint(0, VERSIONS)) if chosen.random() < 0.5 else None
    asked: dict[str, Any] = {"name": name, "version": version}
    if kind == "promote":
        asked |= {"target": target, "expected_version": expected}
        return Told(kind, asked, wire.post(f"{OURS}/promotions/promote", **asked))
    if kind == "rollback":
        asked = {"name": name, "target": target, "expected_version": expected}
        return Told(kind, asked, wire.post(f"{OURS}/promotions/rollback", **asked))
    if kind in ("transition", "archive"):
        asked |= (
            {"stage": "Production", "archive_existing_versions": True}
            if kind == "transition"
            else {"stage": "Archived"}
        )
        return Told(kind, asked, wire.post(f"{MLFLOW}/model-versions/transition-stage", **asked))
    if kind == "alias":
        asked |= {"alias": "champion"}
        return Told(kind, asked, wire.post(f"{MLFLOW}/registered-models/alias", **asked))
    if kind == "rename":
        asked = {"name": name, "new_name": chosen.choice(NAMES)}
        return Told(kind, asked, wire.post(f"{MLFLOW}/registered-models/rename", **asked))
    asked |= {"kind": "validation", "values": {"auc": chosen.choice([0.7, 0.9, 0.9])}}
    return Told(kind, asked, wire.post(f"{OURS}/evidence/add", **asked))


def everything(registry: Any) -> Iterator[Event]:
    after = 0
    while found := events.page(ADMIN, registry, after=after, limit=1000):
        yield from found
        after = found[-1].position


def go_through(happened: list[Event], by_change: dict[str | None, Told]) -> Replayed:
    """The state at the end; every change on the way is looked at."""
    state, bytes_of, auc = Replayed(), {}, {}
    left = dict(by_change)
    for change_id, group in groupby(happened, lambda event: event.change_id):
        change = list(group)
        told = left.pop(change_id, None)
        if told is not None:
            check_before(state, told, change)
        for event in change:
            said = event.payload
            state.apply(event)
            if event.kind == "version.registered":
                bytes_of[event.model_id, said["version"]] = said["digest"]
            elif event.kind == "evidence.added":
                auc[said["digest"]] = said["values"]["auc"]
            elif event.kind in ("stage.changed", "alias.moved"):
                entered = said["to"] if "version" in said else f"@{said['alias']}"
                number = said.get("version", said["to"])
                if entered in GUARDED and number is not None:
                    assert auc[bytes_of[event.model_id, number]] >= LEAST, event
        for model in state.models.values():
            assert len(model.holders("Production")) <= 1, change
        if told is not None:
            check_after(state, told, change)
    assert not left, "an answer tells of a change that never was"
    return state


def check_before(state: Replayed, told: Told, change: list[Event]) -> None:
    """The expected version was the holder when the change was made."""
    expected = told.asked.get("expected_version")
    if expected is not None:
        (model,) = [each for each in state.models.values() if each.name == told.asked["name"]]
        assert max(model.holders(told.asked["target"]), default=0) == int(expected), (told, change)


def check_after(state: Replayed, told: Told, change: list[Event]) -> None:
    """What the caller was told is how it was right after the change."""
    asked = told.asked
    name = asked.get("new_name", asked["name"])
    (model,) = [each for each in state.models.values() if each.name == name]
    if told.kind == "measure" or told.kind == "rename":
        return
    target = asked.get("target") or asked.get("stage") or "@champion"
    number = int(told.answer.json["model_version"]["version"] if told.kind == "rollback" else asked["version"])
    assert number in model.holders(target), (told, change)
    if told.kind in ("promote", "rollback"):
        shape = told.answer.json["model_version"]
        assert shape["current_stage"] == model.versions[number].stage
        assert set(shape.get("aliases", [])) == {alias for alias, to in model.aliases.items() if to == number}
