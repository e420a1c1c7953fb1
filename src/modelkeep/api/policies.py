"""Policies on the wire: `/api/2.0/modelkeep/policies/…`."""

from __future__ import annotations

from typing import Any

from modelkeep.api.call import Call, Empty, Int64, Reply, Request
from modelkeep.api.promotions import JudgementShape, judgement_shape
from modelkeep.domain.backtests import Trial
from modelkeep.domain.governance import Revision
from modelkeep.domain.policies import Policy, Standing


class PolicyShape(Reply):
    """A revision of a policy as it was written; the one that retired it has no document."""

    policy: str
    revision: int
    author: str
    verified: bool
    creation_timestamp: int
    document: dict[str, Any] | None = None


class PolicyReply(Reply):
    policy: PolicyShape


class PoliciesReply(Reply):
    policies: list[PolicyShape] = []


def _policy(revision: Revision) -> PolicyShape:
    return PolicyShape(
        revision.name, revision.revision, revision.author, revision.verified, revision.creation_timestamp,
        revision.document,
    )  # fmt: skip


def policy_reply(revision: Revision) -> PolicyReply:
    return PolicyReply(_policy(revision))


def policies_reply(revisions: list[Revision]) -> PoliciesReply:
    return PoliciesReply([_policy(revision) for revision in revisions])


class ReadingReply(Reply):
    """How a policy is understood: its rules in words."""

    policy: str
    models: list[str] = []
    targets: list[str] = []
    moves: list[str] = []
    rules: list[str] = []
    on_rollback: list[str] = []


def reading_reply(policy: Policy) -> ReadingReply:
    return ReadingReply(
        policy.name,
        list(policy.models),
        list(policy.targets),
        list(policy.moves),
        [guard.rule.words for guard in policy.guards],
        [guard.rule.words for guard in policy.guards if guard.on_rollback],
    )


class StandingShape(Reply):
    """A version that holds a guarded target; `message` says why it would be refused today."""

    target: str
    version: str
    passes: bool
    message: str | None = None
    judgements: list[JudgementShape] = []


class StandingReply(Reply):
    standing: list[StandingShape] = []


def standing_reply(found: list[Standing]) -> StandingReply:
    return StandingReply(
        [
            StandingShape(
                each.target,
                str(each.version),
                each.passes,
                each.message,
                [judgement_shape(one) for one in each.judgements],
            )
            for each in found
        ]
    )


class TrialShape(Reply):
    """A past promotion: `outcome` is `would pass`, `would refuse` or `cannot tell`."""

    model: str
    version: str
    target: str
    position: int
    timestamp: int
    outcome: str
    reasons: list[str] = []


class TrialsReply(Reply):
    trials: list[TrialShape] = []


def trials_reply(trials: list[Trial]) -> TrialsReply:
    return TrialsReply(
        [
            TrialShape(
                each.model,
                str(each.version),
                each.target,
                each.position,
                each.timestamp,
                each.outcome,
                list(each.reasons),
            )
            for each in trials
        ]
    )


class Document(Request):
    document: dict[str, Any] | None = None


class Named(Request):
    policy: str | None = None


class Get(Named):
    revision: Int64 | None = None


class Model(Request):
    name: str | None = None


class Try(Document):
    limit: Int64 | None = None


_POLICY = "policy"

CALLS = (
    Call(
        "POST", "modelkeep/policies/apply", Document, "policies.apply", "govern", _POLICY,
        "Apply a policy, in the place of an earlier revision of its name.", policy_reply, PolicyReply, ("document",),
    ),
    Call(
        "POST", "modelkeep/policies/lint", Document, "policies.lint", "read", _POLICY,
        "How a policy would be understood; nothing is changed.", reading_reply, ReadingReply, ("document",),
    ),
    Call(
        "POST", "modelkeep/policies/test", Try, "backtests.run", "read", _POLICY,
        "What a policy would have said of past promotions; nothing is changed.", trials_reply, TrialsReply,
        ("document",),
    ),
    Call(
        "POST", "modelkeep/policies/retire", Named, "policies.retire", "govern", _POLICY,
        "Take a policy out of force.", required=("policy",),
    ),
    Call(
        "GET", "modelkeep/policies/get", Get, "policies.get", "read", _POLICY,
        "A policy in force, or one of its revisions.", policy_reply, PolicyReply, ("policy",),
    ),
    Call(
        "GET", "modelkeep/policies/list", Empty, "policies.all_applied", "read", _POLICY,
        "The policies in force.", policies_reply, PoliciesReply,
    ),
    Call(
        "GET", "modelkeep/policies/history", Named, "policies.history", "read", _POLICY,
        "The revisions of a policy, the newest first.", policies_reply, PoliciesReply, ("policy",),
    ),
    Call(
        "GET", "modelkeep/policies/standing", Model, "policies.standing", "read", _POLICY,
        "The versions that hold guarded targets of a model, and whether they would be let in today.",
        standing_reply, StandingReply, ("name",),
    ),
)  # fmt: skip
