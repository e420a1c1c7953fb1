"""Policies: the rules that guard targets; and the stages there are. MLflow has neither."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import Entity
from modelkeep.client.promotions import Judgement, judgement
from modelkeep.domain.errors import Invalid, NotImplementedHere
from modelkeep.domain.stages import STAGES

if TYPE_CHECKING:
    from modelkeep.client.client import Client

Document = Mapping[str, Any] | str | os.PathLike[str]


class Policy(Entity, frozen=True):
    """A revision of a policy; the one that retired it has no document."""

    policy: str
    revision: int
    author: str
    verified: bool
    creation_timestamp: int
    document: dict[str, Any] | None = None


class PolicyReading(Entity, frozen=True):
    """How a policy is understood: `rules` in words, and those of them that a rollback has to pass too."""

    policy: str
    models: list[str]
    targets: list[str]
    moves: list[str]
    rules: list[str]
    on_rollback: list[str]


class Standing(Entity, frozen=True):
    """A version that holds a guarded target; `message` says why it would be refused today."""

    target: str
    version: str
    passes: bool
    message: str | None
    judgements: list[Judgement]


class Trial(Entity, frozen=True):
    """A past promotion, and what a policy would have said: `would pass`, `would refuse` or `cannot tell`."""

    model: str
    version: str
    target: str
    position: int
    timestamp: int
    outcome: str
    reasons: list[str]


class Stages(Entity, frozen=True):
    """The stages in order, and for some of them those that may follow."""

    stages: list[str]
    transitions: dict[str, list[str]]


def read(document: Document) -> dict[str, Any]:
    """A policy's document, from a mapping, YAML text, or the path of a file of YAML or JSON.

    Raises:
        Invalid: there is no such file, or it is not YAML, or not a mapping.
    """
    if isinstance(document, Mapping):
        return dict(document)
    text, place = document, "The text"
    if not isinstance(document, str) or ("\n" not in document and ":" not in document):
        place = f"The file '{os.fspath(document)}'"
        try:
            text = Path(document).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(f"{place} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    import yaml

    try:
        found = yaml.load(str(text), _plain_loader())
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(f"{place} is not YAML: {' '.join(str(error).split())}.") from None
    if not isinstance(found, dict):
        raise Invalid(f"{place} holds no policy, which is a mapping with the keys policy, models, targets and rules.")
    return found


def _plain_loader() -> Any:
    """YAML's safe loader, but dates stay the texts that they are in JSON, and `on` is the word it looks like."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc] # without types
        yaml_implicit_resolvers = {
            first: [(tag, form) for tag, form in resolvers if not tag.endswith((":timestamp", ":bool"))]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver(
        "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
    )
    return Loader


def _policy(shape: Any) -> Policy:
    return Policy(
        shape.policy, shape.revision, shape.author, bool(shape.verified), shape.creation_timestamp, shape.document
    )


def apply(client: Client, document: Document) -> Policy:
    """Apply a policy, in the place of an earlier revision of its name. What stands in its targets stays there.

    Args:
        document: a mapping, YAML text, or the path of a file of YAML or JSON.
    Raises:
        Invalid: what is wrong with it.
    """
    return _policy(client.call("policies.apply", document=read(document)).policy)


def lint(client: Client, document: Document) -> PolicyReading:
    """How a policy would be understood; nothing is changed.

    Raises:
        Invalid: what is wrong with it.
    """
    reply = client.call("policies.lint", document=read(document))
    return PolicyReading(reply.policy, reply.models, reply.targets, reply.moves, reply.rules, reply.on_rollback)


def retire(client: Client, policy: str) -> None:
    """Take a policy out of force."""
    client.call("policies.retire", policy=policy)


def get(client: Client, policy: str, revision: int | None = None) -> Policy:
    """A policy in force, or one of its revisions."""
    return _policy(client.call("policies.get", policy=policy, revision=revision).policy)


def all_applied(client: Client) -> list[Policy]:
    """The policies in force, by name."""
    return [_policy(shape) for shape in client.call("policies.all_applied").policies]


def history(client: Client, policy: str) -> list[Policy]:
    """The revisions of a policy, the newest first."""
    return [_policy(shape) for shape in client.call("policies.history", policy=policy).policies]


def standing(client: Client, name: str) -> list[Standing]:
    """The versions that hold guarded targets of a model, and whether they would be let in today."""
    return [
        Standing(
            each.target, each.version, bool(each.passes), each.message, [judgement(one) for one in each.judgements]
        )
        for each in client.call("policies.standing", name=name).standing
    ]


def test(client: Client, document: Document, limit: int | None = None) -> list[Trial]:
    """What a policy would have said of the last promotions into its targets, the newest first; nothing is changed.

    Args:
        limit: how many promotions, 1 to 1,000, by default 100.
    """
    reply = client.call("backtests.run", document=read(document), limit=limit)
    return [
        Trial(each.model, each.version, each.target, each.position, each.timestamp, each.outcome, list(each.reasons))
        for each in reply.trials
    ]


def stages(client: Client) -> Stages:
    """The stages of the registry, and which may follow which; those of a server of MLflow's are its four."""
    try:
        reply = client.call("stages.get")
    except NotImplementedHere:
        return Stages(list(STAGES), {})
    return Stages(list(reply.stages), reply.transitions or {})


def configure_stages(client: Client, stages: list[str], transitions: Mapping[str, list[str]] | None = None) -> Stages:
    """Set the stages of the registry, MLflow's four among them.

    Args:
        transitions: the stages that may follow a stage; one that is left out may be followed by any.
    """
    reply = client.call(
        "stages.configure", stages=stages, transitions=None if transitions is None else dict(transitions)
    )
    return Stages(list(reply.stages), reply.transitions or {})
