"""Promotions: moving versions to targets past their policies, back again, and what held what when. MLflow has none of it.

A target is a stage, such as `Production`, or an alias, such as `@champion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import Entity, ModelVersion, PagedList, model_version
from modelkeep.client.values import moment, version_text

if TYPE_CHECKING:
    from modelkeep.client.client import Client

Moment = int | str | datetime


class Verdict(Entity, frozen=True):
    """What a rule said: `outcome` is `passed`, `failed`, or `missing` when there was nothing to judge by."""

    rule: str
    outcome: str
    reason: str
    measured: float | None = None
    evidence: list[str] = []


class Judgement(Entity, frozen=True):
    """What a policy said of a version's move into (`enter`), out of (`leave`) or away with (`delete`) a target."""

    policy: str
    revision: int | None
    model: str
    version: str
    target: str
    move: str
    passed: bool
    verdicts: list[Verdict]


class Explanation(Entity, frozen=True):
    """What would become of a promotion: `message` says why it would be refused. True when it is allowed."""

    version: str
    target: str
    allowed: bool
    message: str
    judgements: list[Judgement]

    def __bool__(self) -> bool:
        return self.allowed


class Holding(Entity, frozen=True):
    """A version that held a target from `since` until `until` (UTC milliseconds), which is None while it holds it.

    `returns_to` is the position of the promotion that a rollback returned to.
    """

    target: str
    version: str
    position: int
    since: int
    until: int | None
    actor: str
    verified: bool
    ended_by: str | None
    cause: str
    reason: str | None
    change_id: str
    returns_to: int | None
    forced: bool
    policies: list[dict[str, Any]]


class TargetChange(Entity, frozen=True):
    """Which versions held a target at two moments."""

    target: str
    before: list[str]
    after: list[str]


class Override(Entity, frozen=True):
    """A promotion that was forced past a refusal; open while `closed_timestamp` is None."""

    position: int
    target: str
    version: str
    reason: str
    actor: str
    timestamp: int
    closed_timestamp: int | None = None
    closed_by: str | None = None
    note: str | None = None


def judgement(shape: Any) -> Judgement:
    """A judgement from its shape."""
    verdicts = [
        Verdict(each.rule, each.outcome, each.reason, each.measured, list(each.evidence)) for each in shape.verdicts
    ]
    return Judgement(
        shape.policy, shape.revision, shape.model, shape.version, shape.target, shape.move, bool(shape.passed), verdicts
    )


def _override(shape: Any) -> Override:
    return Override(
        shape.position, shape.target, shape.version, shape.reason, shape.actor, shape.timestamp, shape.closed_timestamp,
        shape.closed_by, shape.note,
    )  # fmt: skip


def promote(
    client: Client,
    name: str,
    version: str | int,
    target: str,
    *,
    archive_existing_versions: bool | None = None,
    expected_version: str | int | None = None,
    reason: str | None = None,
    force: bool = False,
) -> ModelVersion:
    """Move a version to a target, if the policies that guard it let it pass.

    Args:
        archive_existing_versions: move every other version of the stage to Archived; done unless it is False.
        expected_version: the version that holds the target now, 0 for none; when another does, nothing is changed.
        reason: why, for the history.
        force: promote although a policy refuses it; needs a reason and the permission to override.
    Raises:
        Refused: a policy does not let it pass; the message names each failed rule.
        Conflict: another version holds the target than was expected.
    """
    reply = client.call(
        "promotions.promote",
        name=name,
        version=version_text(version),
        target=target,
        archive_existing_versions=archive_existing_versions,
        expected_version=version_text(expected_version),
        reason=reason,
        force=force or None,
    )
    return model_version(reply.model_version)


def promote_all(client: Client, moves: Iterable[Mapping[str, Any]], *, reason: str | None = None) -> list[ModelVersion]:
    """Move several versions, all of them or none.

    Args:
        moves: for each a mapping with `name`, `version` and `target`, and if wanted `archive_existing_versions` and
            `expected_version`.
    Raises:
        Refused: a policy does not let one of them pass; the message names each failed rule of all of them.
    """
    wanted = [
        {
            **move,
            "version": version_text(move.get("version")),
            "expected_version": version_text(move.get("expected_version")),
        }
        for move in moves
    ]
    reply = client.call("promotions.promote_all", moves=wanted, reason=reason)
    return [model_version(shape) for shape in reply.model_versions]


def explain(
    client: Client, name: str, version: str | int, target: str, *, archive_existing_versions: bool | None = None
) -> Explanation:
    """What each rule says of a promotion, without trying it."""
    reply = client.call(
        "promotions.explain",
        name=name,
        version=version_text(version),
        target=target,
        archive_existing_versions=archive_existing_versions,
    )
    return Explanation(
        reply.version, reply.target, bool(reply.allowed), reply.message, [judgement(each) for each in reply.judgements]
    )


def rollback(
    client: Client,
    name: str,
    target: str,
    *,
    expected_version: str | int | None = None,
    reason: str | None = None,
) -> ModelVersion:
    """Return a target to the version that held it before; again, and it goes back further.

    Raises:
        Conflict: nothing held it before that could hold it again, or another version holds it than was expected.
    """
    reply = client.call(
        "rollbacks.rollback", name=name, target=target, expected_version=version_text(expected_version), reason=reason
    )
    return model_version(reply.model_version)


def history(
    client: Client, name: str, target: str, *, max_results: int | None = None, page_token: str | None = None
) -> PagedList[Holding]:
    """Every version that held a target, the newest first, with who put it there and why.

    Args:
        max_results: 1 to 1,000, by default 100.
    """
    reply = client.call("history.page", name=name, target=target, max_results=max_results, page_token=page_token)
    return PagedList(
        [
            Holding(
                each.target, each.version, each.position, each.since, each.until, each.actor, bool(each.verified),
                each.ended_by, each.cause, each.reason, each.change_id, each.returns_to, bool(each.forced),
                [{"policy": told.policy, "revision": told.revision, "passed": told.passed is not False} for told in each.policies],
            )
            for each in reply.holdings
        ],
        reply.next_page_token,
    )  # fmt: skip


def who(client: Client, name: str, target: str) -> Holding | None:
    """The version that holds a target now and who put it there; None when nothing does.

    Of a stage with several versions it is the one that came last.
    """
    found = next(iter(history(client, name, target, max_results=1)), None)
    return found if found is not None and found.until is None else None


def at(client: Client, name: str, target: str, at: Moment) -> ModelVersion:
    """The version that held a target at a moment; its tags and description are today's.

    Args:
        name: as it was then.
        at: UTC milliseconds, a datetime, a text such as `2026-01-31T12:00`, or `#1234`, the position of an event.
    """
    timestamp, position = moment(at)
    reply = client.call("history.at", name=name, target=target, timestamp=timestamp, position=position)
    return model_version(reply.model_version)


def diff(client: Client, name: str, since: Moment, until: Moment | None = None) -> list[TargetChange]:
    """The targets of a model that other versions held at one moment than at another, by default now.

    Args:
        since, until: as in `target_at`.
    """
    first = moment(since)
    last = (None, None) if until is None else moment(until)
    reply = client.call(
        "history.diff", name=name, from_timestamp=first[0], from_position=first[1], to_timestamp=last[0],
        to_position=last[1],
    )  # fmt: skip
    return [TargetChange(each.target, list(each.before), list(each.after)) for each in reply.targets]


def overrides(client: Client, name: str) -> list[Override]:
    """The forced promotions of a model that nobody has followed up."""
    return [_override(shape) for shape in client.call("history.open_overrides", name=name).overrides]


def close_override(client: Client, position: int, note: str) -> Override:
    """Say how a forced promotion was followed up.

    Args:
        position: of the event that forced it, as `list_overrides` tells.
    """
    return _override(client.call("history.close_override", position=position, note=note).override)
