"""Versions with files of their own, evidence about them, and policies that guard targets."""

from __future__ import annotations

import json
from typing import Any

from modelkeep.domain.actors import Actor
from modelkeep.domain.evidence import Evidence
from modelkeep.domain.governance import Revision
from modelkeep.registry import aliases, events, evidence, models, policies, runs, versions
from modelkeep.registry.handle import Registry
from tests.registry.storing import store

ADMIN = Actor("ann", "admin", True, "embedded")
CI = Actor("ci", "writer", True, "embedded")
WRITER = Actor("wil", "writer", True, "embedded")
NAME = "churn"
SKOPS = {"sklearn": {"serialization_format": "skops"}}


def mlmodel(mark: object, flavors: dict[str, Any] | None = None, kind: str | None = None) -> bytes:
    """An MLmodel file that no other mark has; with a signature when the type of its input is given."""
    document: dict[str, Any] = {"flavors": SKOPS if flavors is None else flavors, "mark": str(mark)}
    if kind is not None:
        document["signature"] = {
            "inputs": json.dumps([{"name": "age", "type": kind}]),
            "outputs": json.dumps([{"name": "y", "type": "double"}]),
        }
    return json.dumps(document).encode()


def register(
    registry: Registry, name: str = NAME, content: bytes | None = None, run_id: str | None = None, **more: Any
) -> int:
    """Register the next version of a model, with files that no other has unless they are given; its number."""
    run = runs.create(ADMIN, registry, experiment_id="0") if run_id is None else runs.get(ADMIN, registry, run_id)
    folder = f"{run.artifact_uri.removeprefix('mlflow-artifacts:/')}/model"
    store(registry, f"{folder}/MLmodel", mlmodel(folder) if content is None else content)
    return versions.register(ADMIN, registry, name, f"runs:/{run.id}/model", run.id, **more).number


def stock(registry: Registry, count: int, name: str = NAME) -> None:
    """A model with some versions."""
    models.create(ADMIN, registry, name)
    for _ in range(count):
        register(registry, name)


def measure(registry: Registry, version: int, name: str = NAME, actor: Actor = CI, **values: float) -> Evidence:
    """Evidence about a version, on one dataset."""
    return evidence.add(
        actor, registry, "validation", name, version, values=values, dataset_name="holdout", dataset_digest="d1"
    )


def apply(registry: Registry, *rules: dict[str, Any], **changed: Any) -> Revision:
    """Apply a policy over Production and @champion of models whose names begin with churn."""
    document = {
        "policy": "gate", "models": ["churn*"], "targets": ["Production", "@champion"],
        "rules": list(rules) or [{"metric": "auc", "at_least": 0.85}], **changed,
    }  # fmt: skip
    return policies.apply(ADMIN, registry, document)


def stage_of(registry: Registry, version: int, name: str = NAME) -> str:
    return versions.get(ADMIN, registry, name, version).current_stage


def stages_of(registry: Registry, count: int, name: str = NAME) -> list[str]:
    return [stage_of(registry, number, name) for number in range(1, count + 1)]


def pointed(registry: Registry, alias: str, name: str = NAME) -> int | None:
    return dict(models.get(ADMIN, registry, name).aliases).get(alias)


def point(registry: Registry, alias: str, version: int, name: str = NAME) -> None:
    aliases.point(WRITER, registry, name, alias, version)


def told(registry: Registry, *kinds: str, after: int = 0) -> list[dict[str, Any]]:
    """What the events of some kinds say, in order."""
    return [each.payload for each in events.page(ADMIN, registry, kinds=list(kinds), after=after)]
