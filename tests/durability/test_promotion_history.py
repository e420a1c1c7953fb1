"""16 clients move versions about at once: what came of it is what one register for each target would have done.

`MODELKEEP_SEED` plays the choices of an earlier run again, though not the order in which they met. `MODELKEEP_SOAK` makes
the histories long.
"""

from __future__ import annotations

import copy
import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.durability.histories import History, Violation, World, check, read_events, read_lists
from tests.durability.promoters import API, NAMES, Call, Client, let_wander, stock
from tests.support.servers import start_server
from tests.support.wire import Wire

CLIENTS = 16
TURNS = 1000 if os.environ.get("MODELKEEP_SOAK") else 40
ROUNDS = 8 if os.environ.get("MODELKEEP_SOAK") else 1
SEED = "MODELKEEP_SEED"
CARRIED = "open-0"


@pytest.mark.timeout(3600 if os.environ.get("MODELKEEP_SOAK") else 300)
@pytest.mark.parametrize("turn", range(ROUNDS))
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_targets_are_linear_registers_behind_their_policies(
    database: str, turn: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    print(f"seed {seed}")  # shown when the test fails
    address = request.getfixturevalue("empty_database") if database == "postgresql" else None
    with start_server(tmp_path, "--processes", "2", database=address) as server:
        stock(server.url)
        wire = Wire(server.url)
        start = read_events(wire)[-1]["position"]
        calls = let_wander(server.url, seed, CLIENTS, TURNS)
        history = _history(wire, start, calls)

        world = check(history)

        _assert_is_now(wire, world)
    statuses = {call.status for call in calls}
    assert statuses >= {200, 403, 409}, statuses


def _history(wire: Wire, start: int, calls: list[Call]) -> History:
    names = [name for name in NAMES if wire.get(f"{API}/registered-models/get", name=name).status == 200]
    return History(read_events(wire), start, calls, read_lists(wire, names))


def _assert_is_now(wire: Wire, world: World) -> None:
    """What the registry says of its models now is what its events lead to."""
    for model in world.models.values():
        found = wire.get(f"{API}/registered-models/get", name=model.name).json["registered_model"]
        assert {each["alias"]: int(each["version"]) for each in found.get("aliases", [])} == model.aliases
        search = f"name = '{model.name}'"
        versions = wire.get(f"{API}/model-versions/search", filter=search, max_results=100).json["model_versions"]
        assert {int(each["version"]): each["current_stage"] for each in versions} == model.stages


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The history of one client, in which everything happens that can be told wrongly."""
    with start_server(tmp_path_factory.mktemp("told")) as server:
        stock(server.url)
        wire = Wire(server.url)
        start = read_events(wire)[-1]["position"]
        client = Client(server.url, random.Random(0), list(NAMES))
        name = NAMES[0]
        client.measure(name, 1, 0.1)
        client.measure(name, 2, 0.2)
        client.promote(name, 1, "Production", expected=0)
        client.promote(name, 2, "Production", expected=1)
        client.promote(name, 3, "Production", expected=1)
        client.promote(name, 6, "Production")
        client.promote(name, 1, "@champion")
        client.promote(name, 2, "@champion")
        client.promote(name, 1, "@champion")
        client.rollback(name, "Production")
        client.promote(name, 1, "Production")
        client.promote(name, 4, "Staging", archive=False)
        client.promote(name, 5, "Staging", archive=False)
        client.promote(name, 4, "Staging")
        client.look(name, "@champion")
        client.rename(name, CARRIED)
        client.promote(CARRIED, 6, "Production")
        client.rename(CARRIED, name)
        assert [call.status for call in client.calls] == [
            200, 200, 200, 200, 409, 403, 200, 200, 403, 200, 200, 200, 200, 200, 200, 200, 200, 403,
        ]  # fmt: skip
        return _history(wire, start, client.calls)


def test_an_honest_history_is_accepted(told: History) -> None:
    check(told)


def _event(history: History, **said: Any) -> dict[str, Any]:
    return next(
        event
        for event in history.events
        if event["position"] > history.start and said.items() <= {**event["payload"], "kind": event["kind"]}.items()
    )


def _say(history: History, where: dict[str, Any], **said: Any) -> None:
    _event(history, **where)["payload"].update(said)


def _swap_changes(history: History) -> None:
    """Two promotions told in the other order."""
    first, second = (_event(history, kind="alias.moved", to=to)["change_id"] for to in (1, 2))
    order = {first: second, second: first}
    changes: dict[str, list[dict[str, Any]]] = {}
    for event in history.events:
        changes.setdefault(event["change_id"], []).append(event)
    history.events = [event for change in changes for event in changes[order.get(change, change)]]
    _count(history)


def _count(history: History) -> None:
    for position, event in enumerate(history.events, 1):
        event["position"] = position


def _lose(history: History, **said: Any) -> None:
    history.events.remove(_event(history, **said))
    _count(history)


def _answer(history: History, index: int, **changed: Any) -> None:
    history.calls[index] = replace(history.calls[index], **changed)


def _two_in_production(history: History) -> None:
    """The second promotion did not archive, and was not asked to."""
    _lose(history, version=1, to="Archived")
    _answer(history, 3, asked={**history.calls[3].asked, "moves": [(2, "Production", False)]})


def _carried(history: History) -> None:
    """A model took a version that does not pass under a policy with it."""
    event = next(event for event in history.events[::-1] if event["kind"] == "promotion.refused")
    event |= {"kind": "model.renamed", "payload": {"from": CARRIED, "model": NAMES[0]}}
    _answer(history, -1, status=200, change=event["change_id"])


def _late(history: History) -> None:
    """The second promotion is said to have been asked for when everything was over."""
    last = history.calls[-1].ended
    _answer(history, 3, began=last + 1, ended=last + 2)


def _forget(history: History) -> None:
    history.lists[CARRIED, "@champion"] = []


def _unmeasure(history: History) -> None:
    """What the run behind version 1 had measured is below the bound."""
    event = next(event for event in history.events if event["kind"] == "version.registered")
    event["payload"]["evidence"]["values"]["auc"] = 0.79


def _overmeasure(history: History) -> None:
    """What the run behind version 6 had measured is above the bound."""
    registered = [event for event in history.events if event["kind"] == "version.registered"]
    registered[5]["payload"]["evidence"]["values"]["auc"] = 0.8


TAMPERINGS: dict[str, tuple[Callable[[History], None], str]] = {
    "from-of-a-stage": (lambda h: _say(h, {"version": 2, "to": "Production"}, **{"from": "Staging"}), "was in None"),
    "from-of-an-alias": (lambda h: _say(h, {"alias": "champion", "to": 2}, **{"from": 3}), "the alias was at 1"),
    "another-version": (lambda h: _say(h, {"version": 5, "to": "Staging"}, version=3), "not what was asked for"),
    "order": (_swap_changes, "the alias was at"),
    "a-gap": (lambda h: h.events.remove(_event(h, kind="alias.moved")), "positions have gaps"),
    "not-archived": (lambda h: _lose(h, version=1, to="Archived"), "not what was asked for"),
    "two-in-production": (_two_in_production, "several versions in Production"),
    "carried": (_carried, "carried 6 into Production"),
    "nothing-moved": (lambda h: _lose(h, alias="champion", to=1), "the alias was at None"),
    "a-refusal-unsaid": (lambda h: _lose(h, kind="promotion.refused", version=6), "true at no moment"),
    "nobody-asked": (lambda h: _event(h, alias="champion", to=2).update(request_id="x"), "nobody asked for"),
    "another-change": (lambda h: _answer(h, 2, change="x"), "names another change"),
    "expected": (lambda h: _answer(h, 3, asked={**h.calls[3].asked, "expected": 2}), "compare-and-set found 1"),
    "conflict": (lambda h: _answer(h, 4, asked={**h.calls[4].asked, "expected": 2}), "true at no moment"),
    "conflict-as-success": (lambda h: _answer(h, 4, status=200), "true at no moment"),
    "success-as-refusal": (lambda h: _answer(h, 3, status=403), "a refusal changed something"),
    "success-as-conflict": (lambda h: _answer(h, 3, status=409), "an answer other than 200"),
    "a-stale-look": (
        lambda h: _answer(h, 14, answer={"model_version": {"version": "1"}}),
        "true at no moment",
    ),
    "a-late-call": (_late, "out of its time"),
    "not-enough-measured": (_unmeasure, "1 entered Production without evidence"),
    "enough-measured": (_overmeasure, "a version was refused that passes"),
    "no-policies": (
        lambda h: _say(h, {"cause": "promotion", "version": 2, "to": "Production"}, policies=[]),
        "does not name the policies",
    ),
    "another-origin": (
        lambda h: _say(h, {"cause": "rollback", "to": "Production"}, returns_to=h.start + 1),
        "the rollback returned to",
    ),
    "a-stale-follower": (lambda h: _say(h, {"alias": "rollback", "to": 1}, to=3), "@rollback is at 3"),
    "a-list-without-entries": (_forget, "history.list"),
    "a-list-with-another-time": (
        lambda h: h.lists[CARRIED, "Staging"][0].update(since=1),
        "history.list",
    ),
}


@pytest.mark.parametrize("how", TAMPERINGS)
def test_a_history_that_was_tampered_with_is_refused(told: History, how: str) -> None:
    tampered = copy.deepcopy(told)
    tamper, problem = TAMPERINGS[how]
    tamper(tampered)

    with pytest.raises(Violation, match=problem):
        check(tampered)
