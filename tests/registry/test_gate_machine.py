"""No order of calls finds a way around a gate, and the events alone say what the registry is like.

The machine does anything to a few models. After each step every new event is checked by a model of its own, which knows no
more than the policies, the evidence and the tags: what entered a guarded target must have had what the policies in force
asked for at that moment. Then the state that the events lead to is compared with what the registry answers.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError, Refused
from modelkeep.domain.events import Event
from modelkeep.domain.moves import Wanted
from modelkeep.registry import (
    aliases,
    events,
    evidence,
    metrics,
    models,
    opening,
    policies,
    promotions,
    rollbacks,
    runs,
    versions,
)
from tests.registry import gating, replaying
from tests.registry.conftest import clear
from tests.registry.gating import ADMIN, CI, WRITER
from tests.registry.replaying import Replayed

EVE = Actor("eve", "writer", True, "embedded")
NAMES = ["churn-a", "churn-b", "scratch"]
TARGETS = ["Production", "@champion"]
PLACES = [*TARGETS, "Staging", "Archived", "None", "@rollback", "@other"]

names = st.sampled_from(NAMES)
numbers = st.integers(1, 4)
places = st.sampled_from(PLACES)
values = st.sampled_from([0.5, 0.7, 0.9])
contents = st.sampled_from([gating.mlmodel(mark) for mark in "ab"])
keys = st.sampled_from(["owner", "ticket"])


class Gates(RuleBasedStateMachine):
    database: str | None = None

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        if self.database is not None:
            clear(self.database, self.folder / "data")
        opening.prepare(self.folder / "data", database=self.database)
        self.registry = opening.open_registry(self.folder / "data", database=self.database)
        self.state = Replayed()
        self.position = 0
        # By version, what bytes it has; by bytes, the evidence: producer and value, the newest last.
        self.bytes: dict[tuple[int, int], str] = {}
        self.evidence: dict[str, list[tuple[str | None, float]]] = {}
        self.restored: set[int] = set()
        # By position of a move: the model's name then, and whether it was forced.
        self.moves: dict[int, tuple[str, bool]] = {}
        models.create(WRITER, self.registry, NAMES[0])
        models.create(WRITER, self.registry, NAMES[2])

    def teardown(self) -> None:
        opening.close(self.registry)
        shutil.rmtree(self.folder)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Whatever is wrong with a call, it is an error with a sentence."""
        try:
            yield
        except ModelkeepError as error:
            assert len(error.message) > 10

    # What may be done.

    @rule(name=names)
    def create(self, name: str) -> None:
        with self.attempt():
            models.create(WRITER, self.registry, name)

    @rule(name=names, content=contents, auc=values)
    def register(self, name: str, content: bytes, auc: float) -> None:
        run = runs.create(WRITER, self.registry, experiment_id="0")
        metrics.log(WRITER, self.registry, run.id, key="auc", value=auc, timestamp=1)
        with self.attempt():
            gating.register(self.registry, name, content, run.id)
        metrics.log(WRITER, self.registry, run.id, key="auc", value=0.99, timestamp=2)

    @rule(name=names, to=names, number=numbers)
    def copy(self, name: str, to: str, number: int) -> None:
        with self.attempt():
            versions.register(WRITER, self.registry, to, f"models:/{name}/{number}")

    @rule(
        name=names, number=numbers, actor=st.sampled_from([CI, EVE, Actor("ci", "writer", False, "http")]), auc=values
    )
    def measure(self, name: str, number: int, actor: Actor, auc: float) -> None:
        with self.attempt():
            added = evidence.add(actor, self.registry, "validation", name, number, values={"auc": auc})
            self.evidence.setdefault(added.digest, []).append((actor.name if actor.verified else None, auc))

    @rule(name=names, number=numbers, to=places, archive=st.sampled_from([None, True, False]))
    def promote(self, name: str, number: int, to: str, archive: bool | None) -> None:
        self.check_refusal(
            lambda: promotions.promote(WRITER, self.registry, name, number, to, archive), name, {(number, to)}
        )

    @rule(
        name=names,
        number=numbers,
        stage=st.sampled_from(["Production", "production", "Staging"]),
        archive=st.booleans(),
    )
    def transition(self, name: str, number: int, stage: str, archive: bool) -> None:
        self.check_refusal(
            lambda: promotions.transition(WRITER, self.registry, name, number, stage, archive),
            name, {(number, stage.capitalize())},
        )  # fmt: skip

    @rule(name=names, number=numbers, alias=st.sampled_from(["champion", "rollback", "other"]))
    def point(self, name: str, number: int, alias: str) -> None:
        self.check_refusal(
            lambda: aliases.point(WRITER, self.registry, name, alias, number), name, {(number, f"@{alias}")}
        )

    @rule(name=names, moves=st.lists(st.tuples(numbers, places), min_size=2, max_size=3))
    def promote_several(self, name: str, moves: list[tuple[int, str]]) -> None:
        wanted = [Wanted(name, str(number), target) for number, target in moves]
        self.check_refusal(lambda: promotions.promote_all(WRITER, self.registry, wanted), name, set(moves))

    @rule(name=names, number=numbers, to=st.sampled_from(TARGETS))
    def force(self, name: str, number: int, to: str) -> None:
        with self.attempt():
            promotions.promote(ADMIN, self.registry, name, number, to, force=True, reason="fire")

    @rule(name=names, of=places)
    def roll_back(self, name: str, of: str) -> None:
        with self.attempt():
            rollbacks.rollback(WRITER, self.registry, name, of)

    @rule(name=names, alias=st.sampled_from(["champion", "rollback", "other"]))
    def delete_alias(self, name: str, alias: str) -> None:
        with self.attempt():
            aliases.delete(WRITER, self.registry, name, alias)

    @rule(name=names, to=names)
    def rename(self, name: str, to: str) -> None:
        with self.attempt():
            models.rename(WRITER, self.registry, name, to)

    @rule(name=names)
    def delete_model(self, name: str) -> None:
        with self.attempt():
            models.delete(WRITER, self.registry, name)

    @rule(name=names)
    def restore_model(self, name: str) -> None:
        with self.attempt():
            models.restore(WRITER, self.registry, name)

    @rule(name=names, number=numbers)
    def delete_version(self, name: str, number: int) -> None:
        with self.attempt():
            versions.delete(WRITER, self.registry, name, number)

    @rule(name=names, number=numbers)
    def restore_version(self, name: str, number: int) -> None:
        with self.attempt():
            versions.restore(WRITER, self.registry, name, number)

    @rule(name=names, number=numbers, key=keys, present=st.booleans())
    def tag(self, name: str, number: int, key: str, present: bool) -> None:
        with self.attempt():
            if present:
                versions.set_tag(WRITER, self.registry, name, number, key, "x")
            else:
                versions.delete_tag(WRITER, self.registry, name, number, key)

    @rule(name=names, number=numbers, text=st.sampled_from([None, "good"]))
    def describe(self, name: str, number: int, text: str | None) -> None:
        with self.attempt():
            versions.update(WRITER, self.registry, name, number, text)
            models.update(WRITER, self.registry, name, text)

    @rule(
        policy=st.sampled_from(["one", "two"]), pattern=st.sampled_from(["churn-*", "churn-b", "*"]),
        guarded=st.sampled_from([TARGETS, TARGETS[:1], TARGETS[1:]]), auc=values, only_ci=st.booleans(),
        tag=st.sampled_from([None, "owner"]), strict=st.booleans(), follows=st.booleans(),
    )  # fmt: skip
    def apply(
        self, policy: str, pattern: str, guarded: list[str], auc: float, only_ci: bool, tag: str | None, strict: bool,
        follows: bool,
    ) -> None:  # fmt: skip
        metric = {"metric": "auc", "at_least": auc, "on_rollback": strict, **({"from": ["ci"]} if only_ci else {})}
        document = {
            "policy": policy, "models": [pattern], "targets": guarded,
            "rules": [metric, *([{"tags": [tag]}] if tag else [])],
            "follow": {"rollback": "previous of @champion"} if follows else {},
        }  # fmt: skip
        policies.apply(ADMIN, self.registry, document)

    @rule(policy=st.sampled_from(["one", "two"]))
    def retire(self, policy: str) -> None:
        with self.attempt():
            policies.retire(ADMIN, self.registry, policy)

    # What must hold.

    def check_refusal(self, call: Callable[[], Any], name: str, moves: set[tuple[int, str]]) -> None:
        """Do it; nothing is refused that had what the policies ask for."""
        owner = next((key for key, each in self.state.models.items() if each.live and each.name == name), None)
        lacking = owner is None or any(
            number in self.state.models[owner].versions and self.lacks(owner, number, target)
            for number, target in moves
        )
        try:
            call()
        except Refused:
            assert lacking
        except ModelkeepError as error:
            assert len(error.message) > 10

    @invariant()
    def nothing_entered_without_what_it_needed(self) -> None:
        if not hasattr(self, "state"):
            return
        for event in events.page(ADMIN, self.registry, after=self.position, limit=1000):
            self.position = event.position
            before = {key: each.name for key, each in self.state.models.items()}
            self.learn(event)
            self.state.apply(event)
            self.check(event, before)
        while self.restored:
            self.check_standing(self.restored.pop(), None)
        assert replaying.seen(self.registry) == self.state.seen()

    def learn(self, event: Event) -> None:
        """Note what a registration says of its bytes and of its run."""
        if event.kind != "version.registered":
            return
        digest = event.payload["digest"]
        self.bytes[event.model_id or 0, event.payload["version"]] = digest
        taken = event.payload["evidence"]
        if taken is not None:
            self.evidence.setdefault(digest, []).append((None, taken["values"]["auc"]))

    def check(self, event: Event, before: dict[int, str]) -> None:
        said, owner = event.payload, event.model_id or 0
        if event.kind in ("stage.changed", "alias.moved"):
            target, number = (said["to"], said["version"]) if "version" in said else (f"@{said['alias']}", said["to"])
            self.moves[event.position] = (self.state.models[owner].name, bool(said.get("forced")))
            if number is None or target not in TARGETS or said.get("forced"):
                return
            earned_as = None
            if said["cause"] == "rollback":
                name, forced = self.moves[said["returns_to"]]
                earned_as = None if forced else name
            assert not self.lacks(owner, number, target, earned_as), (event, self.state.policies)
        elif event.kind == "model.renamed":
            self.check_standing(owner, before[owner])
        elif event.kind == "model.restored":
            self.restored.add(owner)

    def check_standing(self, owner: int, old_name: str | None) -> None:
        """What a model carries into a name satisfies the policies that did not cover it before."""
        for target in TARGETS:
            for number in self.state.models[owner].holders(target):
                fresh = [
                    each for each in self.guarding(owner, target) if old_name is None or not covers(each, old_name)
                ]
                assert not any(self.fails(owner, number, each["rules"]) for each in fresh)

    def guarding(self, owner: int, target: str) -> list[dict[str, Any]]:
        name = self.state.models[owner].name
        return [each for each in self.state.policies.values() if target in each["targets"] and covers(each, name)]

    def lacks(self, owner: int, number: int, target: str, earned_as: str | None = None) -> bool:
        """Whether a policy in force asks for what a version does not have; of what had earned its place, only on rollback."""
        for policy in self.guarding(owner, target):
            eased = earned_as is not None and covers(policy, earned_as)
            if self.fails(owner, number, [each for each in policy["rules"] if not eased or each.get("on_rollback")]):
                return True
        return False

    def fails(self, owner: int, number: int, rules: list[dict[str, Any]]) -> bool:
        tags = self.state.models[owner].versions[number].tags
        known = self.evidence.get(self.bytes[owner, number], [])
        for each in rules:
            if "tags" in each and not all(key in tags for key in each["tags"]):
                return True
            if "metric" in each:
                counted = [value for producer, value in known if "from" not in each or producer in each["from"]]
                if not counted or counted[-1] < each["at_least"]:
                    return True
        return False


def covers(policy: dict[str, Any], name: str) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in policy["models"])


SOAK = os.environ.get("MODELKEEP_SOAK")


@pytest.mark.parametrize(("where", "examples"), [("sqlite", 3000 if SOAK else 25), ("postgres", 300 if SOAK else 4)])
def test_no_order_of_calls_finds_a_way_around_a_gate(request, where, examples):
    machine = type("OnOne", (Gates,), {})
    machine.database = None if where == "sqlite" else request.getfixturevalue("used_database")

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=50, deadline=None, database=None, derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
