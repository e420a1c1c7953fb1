"""Promotions, rollbacks and their history on the wire: `/api/2.0/modelkeep/{promotions,history,overrides}/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.api.versions import Named, VersionReply, VersionShape, version_reply, version_shape
from modelkeep.domain.moves import Holding, Override, Point, Wanted
from modelkeep.domain.paging import Page
from modelkeep.domain.policies import Explanation, Judgement
from modelkeep.domain.versions import Version


class VerdictShape(Reply):
    """What a rule said: `outcome` is passed, failed, or missing when there was nothing to judge by."""

    rule: str
    outcome: str
    reason: str
    measured: float | None = None
    evidence: list[str] = []


class JudgementShape(Reply):
    """What a policy said of a version's move into (`enter`), out of (`leave`) or away with (`delete`) a target."""

    policy: str
    model: str
    version: str
    target: str
    move: str
    passed: bool
    revision: int | None = None
    verdicts: list[VerdictShape] = []


def judgement_shape(judgement: Judgement) -> JudgementShape:
    return JudgementShape(
        policy=judgement.policy,
        model=judgement.model,
        version=str(judgement.version),
        target=judgement.target,
        move=judgement.move,
        passed=judgement.passed,
        revision=judgement.revision,
        verdicts=[
            VerdictShape(each.rule, each.outcome, each.reason, each.measured, [str(number) for number in each.evidence])
            for each in judgement.verdicts
        ],
    )


class VersionsReply(Reply):
    model_versions: list[VersionShape] = []


def versions_reply(versions: list[Version]) -> VersionsReply:
    return VersionsReply([version_shape(version) for version in versions])


class ExplanationReply(Reply):
    """`allowed` says whether the promotion would be done; `message` says why not."""

    version: str
    target: str
    allowed: bool
    message: str
    judgements: list[JudgementShape] = []


def explanation_reply(explanation: Explanation) -> ExplanationReply:
    return ExplanationReply(
        str(explanation.version),
        explanation.target,
        explanation.allowed,
        explanation.message,
        [judgement_shape(each) for each in explanation.judgements],
    )


class PolicyPassedShape(Reply):
    policy: str
    revision: int | None = None
    passed: bool = True


class HoldingShape(Reply):
    """A version that held a target from `since` until `until` (UTC milliseconds), which is left out while it holds it."""

    target: str
    version: str
    position: int
    since: int
    actor: str
    verified: bool
    cause: str
    change_id: str
    until: int | None = None
    ended_by: str | None = None
    reason: str | None = None
    returns_to: int | None = None
    forced: bool = False
    policies: list[PolicyPassedShape] = []


class HistoryReply(Reply):
    holdings: list[HoldingShape] = []
    next_page_token: str | None = None


def history_reply(page: Page[Holding]) -> HistoryReply:
    return HistoryReply(
        [
            HoldingShape(
                target=each.target,
                version=str(each.version),
                position=each.position,
                since=each.since,
                until=each.until,
                actor=each.actor,
                verified=each.verified,
                cause=each.cause,
                change_id=each.change_id,
                ended_by=each.ended_by,
                reason=each.reason,
                returns_to=each.returns_to,
                forced=each.forced,
                policies=[
                    PolicyPassedShape(told["policy"], told.get("revision"), told.get("passed", True))
                    for told in each.policies
                ],
            )
            for each in page.items
        ],
        page.next_page_token,
    )


class PointShape(Reply):
    """Who held a target at two moments."""

    target: str
    before: list[str] = []
    after: list[str] = []


class DiffReply(Reply):
    targets: list[PointShape] = []


def diff_reply(points: list[Point]) -> DiffReply:
    return DiffReply([PointShape(each.target, [*map(str, each.before)], [*map(str, each.after)]) for each in points])


class OverrideShape(Reply):
    """A forced promotion; it is open while `closed_timestamp` is left out."""

    position: int
    target: str
    version: str
    reason: str
    actor: str
    timestamp: int
    closed_timestamp: int | None = None
    closed_by: str | None = None
    note: str | None = None


class OverrideReply(Reply):
    override: OverrideShape


class OverridesReply(Reply):
    overrides: list[OverrideShape] = []


def _override(override: Override) -> OverrideShape:
    return OverrideShape(
        override.position, override.target, str(override.version), override.reason, override.actor, override.timestamp,
        override.closed_timestamp, override.closed_by, override.note,
    )  # fmt: skip


def override_reply(override: Override) -> OverrideReply:
    return OverrideReply(_override(override))


def overrides_reply(overrides: list[Override]) -> OverridesReply:
    return OverridesReply([_override(each) for each in overrides])


class Explain(Named):
    target: str | None = None
    archive_existing_versions: bool | None = None


class Promote(Explain):
    expected_version: str | None = None
    reason: str | None = None
    force: bool | None = None


class PromoteAll(Request):
    moves: list[Wanted] | None = None
    reason: str | None = None


class Rollback(Request):
    name: str | None = None
    target: str | None = None
    expected_version: str | None = None
    reason: str | None = None


class List(Request):
    name: str | None = None
    target: str | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class At(Request):
    name: str | None = None
    target: str | None = None
    timestamp: Int64 | None = None
    position: Int64 | None = None


class Diff(Request):
    name: str | None = None
    from_timestamp: Int64 | None = None
    from_position: Int64 | None = None
    to_timestamp: Int64 | None = None
    to_position: Int64 | None = None


class Model(Request):
    name: str | None = None


class Close(Request):
    position: Int64 | None = None
    note: str | None = None


_VERSION = "model version"
_TARGET = "target"
_NAMED = ("name", "version", "target")

CALLS = (
    Call(
        "POST", "modelkeep/promotions/promote", Promote, "promotions.promote", "write", _VERSION,
        "Move a version to a target, past the policies that guard it.", version_reply, VersionReply, _NAMED,
    ),
    Call(
        "POST", "modelkeep/promotions/promote-all", PromoteAll, "promotions.promote_all", "write", _VERSION,
        "Move several versions, all or none, judged against the state before any moves.",
        versions_reply, VersionsReply, ("moves",),
    ),
    Call(
        "GET", "modelkeep/promotions/explain", Explain, "promotions.explain", "read", _VERSION,
        "What each rule says of a promotion, without trying it.", explanation_reply, ExplanationReply, _NAMED,
    ),
    Call(
        "POST", "modelkeep/promotions/rollback", Rollback, "rollbacks.rollback", "write", _TARGET,
        "Return a target to the version that held it before.", version_reply, VersionReply, ("name", "target"),
    ),
    Call(
        "GET", "modelkeep/history/list", List, "history.page", "read", _TARGET,
        "Every version that held a target, the newest first.", history_reply, HistoryReply, ("name", "target"),
    ),
    Call(
        "GET", "modelkeep/history/at", At, "history.at", "read", _TARGET,
        "The version that held a target at a time or an event's position.", version_reply, VersionReply,
        ("name", "target"),
    ),
    Call(
        "GET", "modelkeep/history/diff", Diff, "history.diff", "read", _TARGET,
        "The targets of a model that were held by other versions at two moments.", diff_reply, DiffReply, ("name",),
    ),
    Call(
        "GET", "modelkeep/overrides/list", Model, "history.open_overrides", "read", _VERSION,
        "The forced promotions of a model that nobody has followed up.", overrides_reply, OverridesReply, ("name",),
    ),
    Call(
        "POST", "modelkeep/overrides/close", Close, "history.close_override", "approve", _VERSION,
        "Say how a forced promotion was followed up.", override_reply, OverrideReply, ("position", "note"),
    ),
)  # fmt: skip
