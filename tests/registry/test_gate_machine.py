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
# One of the live models, or one of the live versions of any: they are counted round.
which = st.integers(0, 11)
# What would empty the registry is rarely done.
rarely = st.integers(0, 3)
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
        for name in (NAMES[0], NAMES[2]):
            models.create(WRITER, self.registry, name)
        self.catch_up()
        for place, mark in enumerate("aabb"):
            self.register(place, gating.mlmodel(mark), 0.7)
            self.catch_up()
        self.measure(0, CI, 0.7)
        self.apply("one", "churn-*", TARGETS, 0.7, True, None, False, True)
        self.catch_up()

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

    def name(self, place: int) -> str:
        """One of the live models."""
        live = [each.name for each in self.state.models.values() if each.live] or NAMES
        return live[place % len(live)]

    def version(self, place: int) -> tuple[str, int]:
        """One of the live versions."""
        live = [
            (model.name, number)
            for model in self.state.models.values()
            if model.live
            for number, each in model.versions.items()
            if each.live
        ]
        return live[place % len(live)] if live else (NAMES[0], 1)

    @rule(name=names, chance=rarely)
    def create(self, name: str, chance: int) -> None:
        with self.attempt():
            if chance == 0:
                models.create(WRITER, self.registry, name)

    @rule(place=which, content=contents, auc=values)
    def register(self, place: int, content: bytes, auc: float) -> None:
        run = runs.create(WRITER, self.registry, experiment_id="0")
        metrics.log(WRITER, self.registry, run.id, key="auc", value=auc, timestamp=1)
        with self.attempt():
            gating.register(self.registry, self.name(place), content, run.id)
        metrics.log(WRITER, self.registry, run.id, key="auc", value=0.99, timestamp=2)

    @rule(place=which, to=which)
    def copy(self, place: int, to: int) -> None:
        name, number = self.version(place)
        with self.attempt():
            versions.register(WRITER, self.registry, self.name(to), f"models:/{name}/{number}")

    @rule(place=which, actor=st.sampled_from([CI, CI, EVE, Actor("ci", "writer", False, "http")]), auc=values)
    def measure(self, place: int, actor: Actor, auc: float) -> None:
        with self.attempt():
            added = evidence.add(actor, self.registry, "validation", *self.version(place), values={"auc": auc})
            self.evidence.setdefault(added.digest, []).append((actor.name if actor.verified else None, auc))

    @rule(place=which, to=places, archive=st.sampled_from([None, True, False]))
    def promote(self, place: int, to: str, archive: bool | None) -> None:
        name, number = self.version(place)
        self.check_refusal(
            lambda: promotions.promote(WRITER, self.registry, name, number, to, archive), name, {(number, to)}
        )

    @rule(place=which, to=st.sampled_from(TARGETS))
    def promote_to_a_guarded_target(self, place: int, to: str) -> None:
        self.promote(place, to, None)

    @rule(place=which, stage=st.sampled_from(["Production", "production", "Staging"]), archive=st.booleans())
    def transition(self, place: int, stage: str, archive: bool) -> None:
        name, number = self.version(place)
        self.check_refusal(
            lambda: promotions.transition(WRITER, self.registry, name, number, stage, archive),
            name, {(number, stage.capitalize())},
        )  # fmt: skip

    @rule(place=which, alias=st.sampled_from(["champion", "champion", "rollback", "other"]))
    def point(self, place: int, alias: str) -> None:
        name, number = self.version(place)
        self.check_refusal(
            lambda: aliases.point(WRITER, self.registry, name, alias, number), name, {(number, f"@{alias}")}
        )

    @rule(place=which, moves=st.lists(st.tuples(st.integers(0, 3), places), min_size=2, max_size=3))
    def promote_several(self, place: int, moves: list[tuple[int, str]]) -> None:
        name, number = self.version(place)
        moved = {(max(1, number - below), target) for below, target in moves}
        wanted = [Wanted(name, str(each), target) for each, target in sorted(moved)]
        self.check_refusal(lambda: promotions.promote_all(WRITER, self.registry, wanted), name, moved)

    @rule(place=which, to=st.sampled_from(TARGETS))
    def force(self, place: int, to: str) -> None:
        with self.attempt():
            promotions.promote(ADMIN, self.registry, *self.version(place), to, force=True, reason="fire")

    @rule(place=which, of=st.sampled_from([*TARGETS, *PLACES]))
    def roll_back(self, place: int, of: str) -> None:
        with self.attempt():
            rollbacks.rollback(WRITER, self.registry, self.name(place), of)

    @rule(place=which, alias=st.sampled_from(["champion", "rollback", "other"]))
    def delete_alias(self, place: int, alias: str) -> None:
        with self.attempt():
            aliases.delete(WRITER, self.registry, self.name(place), alias)

    @rule(place=which, to=names)
    def rename(self, place: int, to: str) -> None:
        with self.attempt():
            models.rename(WRITER, self.registry, self.name(place), to)

    @rule(place=which, chance=rarely)
    def delete_model(self, place: int, chance: int) -> None:
        with self.attempt():
            if chance == 0:
                models.delete(WRITER, self.registry, self.name(place))

    @rule(name=names)
    def restore_model(self, name: str) -> None:
        with self.attempt():
            models.restore(WRITER, self.registry, name)

    @rule(place=which, chance=rarely)
    def delete_version(self, place: int, chance: int) -> None:
        with self.attempt():
            if chance == 0:
                versions.delete(WRITER, self.registry, *self.version(place))

    @rule(place=which, number=st.integers(1, 5))
    def restore_version(self, place: int, number: int) -> None:
        with self.attempt():
            versions.restore(WRITER, self.registry, self.name(place), number)

    @rule(place=which, key=keys, present=st.booleans())
    def tag(self, place: int, key: str, present: bool) -> None:
        with self.attempt():
            if present:
                versions.set_tag(WRITER, self.registry, *self.version(place), key, "x")
            else:
                versions.delete_tag(WRITER, self.registry, *self.version(place), key)

    @rule(place=which, text=st.sampled_from([None, "good"]))
    def describe(self, place: int, text: str | None) -> None:
        with self.attempt():
            name, number = self.version(place)
            versions.update(WRITER, self.registry, name, number, text)
            models.update(WRITER, self.registry, name, text)

    @rule(
        policy=st.sampled_from(["one", "two"]), pattern=st.sampled_from(["churn-*", "churn-*", "churn-b", "*"]),
        guarded=st.sampled_from([TARGETS, TARGETS, TARGETS[:1], TARGETS[1:]]), auc=values, only_ci=st.booleans(),
        tag=st.sampled_from([None, None, None, "owner"]), strict=st.booleans(), follows=st.booleans(),
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

    # Ways around that chance alone would take long to find.

    @rule(place=which, to=st.sampled_from(TARGETS))
    def force_and_come_back(self, place: int, to: str) -> None:
        self.force(place, to)
        self.promote(place + 1, to, None)
        self.roll_back(place, to)

    @rule(place=which, auc=values)
    def hide_and_come_back(self, place: int, auc: float) -> None:
        name = self.name(place)
        with self.attempt():
            models.delete(WRITER, self.registry, name)
        self.apply("one", "*", TARGETS, auc, True, None, False, False)
        self.restore_model(name)

    @rule(place=which, to=st.sampled_from(TARGETS))
    def change_under_another_name(self, place: int, to: str) -> None:
        name, number = self.version(place)
        with self.attempt():
            models.rename(WRITER, self.registry, name, "aside")
            for each in (number, number - 1, number - 2):
                self.catch_up()
                with self.attempt():
                    promotions.promote(WRITER, self.registry, "aside", max(1, each), to)
        with self.attempt():
            models.rename(WRITER, self.registry, "aside", name)
        with self.attempt():
            rollbacks.rollback(WRITER, self.registry, name, to)

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
        if hasattr(self, "state"):
            self.catch_up()

    def catch_up(self) -> None:
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
