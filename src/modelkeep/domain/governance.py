"""Governance: the policies that are applied and the stages there are, as of one revision of both."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from modelkeep.domain import stages as stages_domain
from modelkeep.domain.policies import Policy
from modelkeep.domain.stages import Stages

# Of moves, which policies judge them: matching the names of models takes as long as a rule.
_MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a policy as it was applied.

    Attributes:
        name, revision: revisions are counted from 1.
        document: as it was written; None in the revision that retired it.
        author, verified: who applied it, and whether a token proved it.
        creation_timestamp: UTC milliseconds.
    """

    name: str
    revision: int
    document: dict[str, Any] | None
    author: str
    verified: bool
    creation_timestamp: int


@dataclass(frozen=True, slots=True)
class Governance:
    """What governs promotions.

    Attributes:
        revision: the id of the last change of all this, empty before the first; None before it was looked up.
        stages: those there are.
        policies: those applied, each with its revision.
    """

    revision: str | None = None
    stages: Stages = field(default=stages_domain.DEFAULT)
    policies: tuple[tuple[Policy, int], ...] = ()
    _guarding: dict[tuple[str, str, str], list[tuple[Policy, int]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def guarding(self, model: str, target: str, move: str) -> list[tuple[Policy, int]]:
        """The policies that judge a move, each with its revision."""
        move_of_model = (model, target, move)
        found = self._guarding.get(move_of_model)
        if found is None:
            if len(self._guarding) >= _MOST_REMEMBERED:
                self._guarding.clear()
            found = [(policy, revision) for policy, revision in self.policies if policy.guards_move(*move_of_model)]
            self._guarding[move_of_model] = found
        return found

    def followers(self, model: str) -> dict[str, str]:
        """The aliases that name the previous version of a target, each with that target."""
        return {
            alias: followed
            for policy, _ in self.policies
            if policy.follow and policy.covers(model)
            for alias, followed in policy.follow.items()
        }

    def guarded_targets(self, model: str, move: str) -> list[str]:
        """The targets of a model for which a kind of move is judged."""
        found: dict[str, None] = {}
        for policy, _ in self.policies:
            if move in policy.moves and policy.covers(model):
                found |= dict.fromkeys(policy.targets)
        return list(found)
