"""Policies: applying them, looking at them, and trying them on what was promoted before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelkeep.domain import actors, names, policies, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, NotFound
from modelkeep.domain.governance import Governance, Revision
from modelkeep.domain.policies import Policy, Standing
from modelkeep.domain.stages import Stages
from modelkeep.domain.targets import of_alias
from modelkeep.registry import gates, governing, holders
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.storage import models as model_rows
from modelkeep.storage import policies as rows
from modelkeep.storage import versions as version_rows
from modelkeep.storage.database import Transaction

HISTORY_LIMIT = 1000
MOST_POLICIES = 1000
STANDING_LIMIT = 1000


def lint(actor: Actor, registry: Registry, document: dict[str, Any] | None = None) -> Policy:
    """The policy that a document describes, as `apply` would take it. Nothing is changed.

    Raises:
        Invalid: a sentence about the first thing that is wrong.
    """
    actors.require(actor, "read", "policies")
    with registry.database.read() as tx:
        return _parsed(governing.current(tx, registry), document)


def _parsed(current: Governance, document: dict[str, Any] | None) -> Policy:
    if document is None:
        raise Invalid("Missing value for required parameter 'document': the policy.")
    _check_size(document, current.stages)
    made = policies.parse(document, current.stages)
    others = [policy for policy, _ in current.policies if policy.name != made.name]
    for policy in (made, *others):
        for alias in policy.follow:
            for guarding in (made, *others):
                if of_alias(alias) in guarding.follow.values():
                    raise Invalid(
                        f"The policy '{guarding.name}' cannot follow '@{alias}', which follows another target itself, as the "
                        f"policy '{policy.name}' asks."
                    )
                if of_alias(alias) in guarding.targets:
                    raise Invalid(
                        f"The alias '{alias}' is kept by the registry, as the policy '{policy.name}' asks, so the policy "
                        f"'{guarding.name}' cannot guard it."
                    )
                if (
                    guarding is not policy
                    and alias in guarding.follow
                    and guarding.follow[alias] != policy.follow[alias]
                ):
                    raise Invalid(
                        f"The policies '{policy.name}' and '{guarding.name}' say different things of '{alias}'."
                    )
    return made


def apply(actor: Actor, registry: Registry, document: dict[str, Any] | None = None) -> Revision:
    """Apply a policy, in the place of an earlier revision of its name. What stands in its targets stays there.

    Args:
        document: with the keys `policy` (its name), `models`, `targets` and `rules`; the reference of policies says the rest.
    Raises:
        Invalid: a sentence about the first thing that is wrong.
        Conflict: there are too many policies.
    Events: policy.applied
    """
    actors.require(actor, "govern", "policies")
    with Change(actor, registry) as change:
        current = governing.current(change.tx, registry)
        made = _parsed(current, document)
        assert document is not None
        before = rows.newest(change.tx, made.name)
        if before is not None and before.document == document:
            return before
        if len(current.policies) >= MOST_POLICIES:
            raise Conflict(f"There are {MOST_POLICIES:,} policies already. Retire some first.")
        number = 1 if before is None else before.revision + 1
        revision = Revision(made.name, number, document, actor.name, actor.verified, change.now)
        rows.insert(change.tx, change.id, revision)
        change.record("policy.applied", policy=made.name, revision=number, document=document)
        return revision


def _check_size(document: dict[str, Any], stages: Stages) -> None:
    try:
        size = rows.size_of(document)
    except (TypeError, ValueError, OverflowError, RecursionError):
        policies.parse(document, stages)
        raise Invalid("The policy holds something that JSON cannot say.") from None
    if size > policies.MOST_BYTES:
        raise Invalid(
            f"The policy has {size:,} bytes; at most {policies.MOST_BYTES:,} are allowed. Split it into several."
        )


def retire(actor: Actor, registry: Registry, policy: str) -> None:
    """Take a policy out of force; its revisions stay to be looked at.

    Raises:
        NotFound: there is no such policy in force.
    Events: policy.retired
    """
    actors.require(actor, "govern", "policies")
    name = policies.check_name(policy)
    with Change(actor, registry) as change:
        before = rows.newest(change.tx, name)
        if before is None or before.document is None:
            raise _not_found(name)
        number = before.revision + 1
        rows.insert(change.tx, change.id, Revision(name, number, None, actor.name, actor.verified, change.now))
        change.record("policy.retired", policy=name, revision=number)


def _not_found(name: str) -> NotFound:
    return NotFound(f"There is no policy '{name}' in force. `modelkeep policy list` names those that are.")


def get(actor: Actor, registry: Registry, policy: str, revision: int | None = None) -> Revision:
    """A policy in force, or one of its revisions.

    Raises:
        NotFound: there is none, or no such revision.
    """
    actors.require(actor, "read", "policies")
    name = policies.check_name(policy)
    with registry.database.read() as tx:
        if revision is not None:
            found = rows.get(tx, name, texts.integer(revision, "revision", 1))
            if found is None:
                raise NotFound(f"The policy '{name}' has no revision {revision}.")
            return found
        found = rows.newest(tx, name)
    if found is None or found.document is None:
        raise _not_found(name)
    return found


def all_applied(actor: Actor, registry: Registry) -> list[Revision]:
    """The policies in force, by name."""
    actors.require(actor, "read", "policies")
    with registry.database.read() as tx:
        return rows.applied(tx)


def history(actor: Actor, registry: Registry, policy: str) -> list[Revision]:
    """The revisions of a policy, the newest first, at most 1,000.

    Raises:
        NotFound: there never was one of this name.
    """
    actors.require(actor, "read", "policies")
    name = policies.check_name(policy)
    with registry.database.read() as tx:
        found = rows.history(tx, name, HISTORY_LIMIT)
    if not found:
        raise NotFound(f"There never was a policy '{name}'.")
    return found


def guarding(actor: Actor, registry: Registry, name: str) -> list[Policy]:
    """The policies in force for models of a name."""
    actors.require(actor, "read", "policies")
    with registry.database.read() as tx:
        return [policy for policy, _ in governing.current(tx, registry).policies if policy.covers(name)]


def standing(actor: Actor, registry: Registry, name: str) -> list[Standing]:
    """Every version of a model that holds a guarded target, and whether the policies would let it in today.

    Raises:
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        current = governing.current(tx, registry)
        return list(_standing(tx, registry, current, name, model_rows.get_id(tx, name)))


def _standing(tx: Transaction, registry: Registry, current: Governance, name: str, owner: int) -> Iterator[Standing]:
    now = registry.clock()
    for target in current.guarded_targets(name, policies.ENTER):
        for number in holders.now(tx, owner, target)[:STANDING_LIMIT]:
            attempt = Attempt(version_rows.get(tx, name, number), target, policies.ENTER)
            judgements = gates.judge(tx, registry, current, attempt, now)
            refused = [judgement for judgement in judgements if not judgement.passed]
            yield Standing(target, number, not refused, gates.message([attempt], refused) or None, judgements)
