"""What a registry must be like by its events alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelkeep.domain.events import Event
from modelkeep.registry import models, policies, stages, versions
from modelkeep.registry.handle import Registry
from tests.registry.gating import ADMIN


@dataclass
class ReplayedVersion:
    stage: str = "None"
    live: bool = True
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass
class ReplayedModel:
    name: str
    live: bool = True
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    versions: dict[int, ReplayedVersion] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)

    def holders(self, target: str) -> set[int]:
        """The live versions that hold a target."""
        if target.startswith("@"):
            return {self.aliases[target[1:]]} if target[1:] in self.aliases else set()
        return {number for number, each in self.versions.items() if each.live and each.stage == target}


@dataclass
class Replayed:
    """The state after some events; `apply` checks that each of them fits the state before it."""

    models: dict[int, ReplayedModel] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    stages: list[str] = field(default_factory=lambda: ["None", "Staging", "Production", "Archived"])

    def apply(self, event: Event) -> None:
        said = event.payload
        noun, _, verb = event.kind.partition(".")
        if noun == "policy":
            if verb == "applied":
                self.policies[said["policy"]] = said["document"]
            else:
                del self.policies[said["policy"]]
        elif noun == "stages":
            self.stages = said["stages"]
        elif event.kind == "model.created":
            assert event.model_id not in self.models
            self.models[event.model_id or 0] = ReplayedModel(
                said["model"], True, said["description"], dict(said["tags"])
            )
        elif noun in ("model", "version", "stage", "alias"):
            self._apply(self.models[event.model_id or 0], event)

    def _apply(self, model: ReplayedModel, event: Event) -> None:
        said, kind = event.payload, event.kind
        assert said["model"] == model.name or kind == "model.renamed"
        if kind == "model.renamed":
            assert said["from"] == model.name
            model.name = said["model"]
        elif kind in ("model.deleted", "model.restored"):
            assert model.live == (kind == "model.deleted")
            model.live = not model.live
        elif kind == "version.registered":
            assert said["version"] not in model.versions
            model.versions[said["version"]] = ReplayedVersion("None", True, said["description"], dict(said["tags"]))
        elif kind == "alias.moved":
            assert model.aliases.get(said["alias"]) == said["from"]
            assert said["from"] != said["to"]
            if said["to"] is None:
                del model.aliases[said["alias"]]
            else:
                assert model.versions[said["to"]].live
                model.aliases[said["alias"]] = said["to"]
        else:
            self._apply_to(model.versions[said["version"]] if "version" in said else model, event)

    def _apply_to(self, subject: Any, event: Event) -> None:
        said, verb = event.payload, event.kind.partition(".")[2]
        if event.kind == "stage.changed":
            assert subject.stage == said["from"]
            assert said["from"] != said["to"]
            assert subject.live
            subject.stage = said["to"]
        elif verb in ("deleted", "restored"):
            assert subject.live == (verb == "deleted")
            subject.live = not subject.live
        elif verb == "updated":
            subject.description = said["description"]
        elif verb == "tag_set":
            subject.tags[said["key"]] = said["value"]
        elif verb == "tag_deleted":
            del subject.tags[said["key"]]

    def seen(self) -> dict[str, Any]:
        """What callers see of it: live models by name, their versions, the policies and the stages."""
        return {
            "policies": self.policies,
            "stages": self.stages,
            "models": {
                model.name: (
                    model.description,
                    model.tags,
                    {
                        number: (
                            each.stage,
                            each.description,
                            each.tags,
                            sorted(alias for alias, to in model.aliases.items() if to == number),
                        )
                        for number, each in model.versions.items()
                        if each.live
                    },
                )
                for model in self.models.values()
                if model.live
            },
        }


def seen(registry: Registry) -> dict[str, Any]:
    """The same, as the registry answers it; at most 1,000 models and versions."""
    found = versions.search(ADMIN, registry, None, 1000).items
    return {
        "policies": {each.name: each.document for each in policies.all_applied(ADMIN, registry)},
        "stages": list(stages.get(ADMIN, registry).names),
        "models": {
            model.name: (
                model.description,
                dict(model.tags),
                {
                    each.number: (each.current_stage, each.description, dict(each.tags), sorted(each.aliases))
                    for each in found
                    if each.name == model.name
                },
            )
            for model in models.search(ADMIN, registry, None, 1000).items
        },
    }
