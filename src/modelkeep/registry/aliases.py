"""Aliases: named references to one version each."""

from __future__ import annotations

from modelkeep.domain import actors, names, policies, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.targets import of_alias
from modelkeep.domain.versions import Version
from modelkeep.registry import following, gates, governing, moving, promotions
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.storage import aliases as rows
from modelkeep.storage import models as model_rows
from modelkeep.storage import versions as version_rows


def point(actor: Actor, registry: Registry, name: str, alias: str, version: str | int) -> None:
    """Point an alias at a live version, creating or moving it.

    Raises:
        Invalid: the alias is not allowed.
        NotFound: there is no such version.
        Refused: a policy that guards the alias does not let the version pass.
    Events: alias.moved; or promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    names.check_alias(alias)
    number = names.check_version(version)
    promotions.point(actor, registry, name, number, alias)


def delete(actor: Actor, registry: Registry, name: str, alias: str) -> None:
    """Delete an alias; a missing one is no error, as in MLflow.

    Raises:
        NotFound: there is no live model of this name.
        Refused: a policy that guards the alias does not let the version leave it.
    Events: alias.moved, to nothing; or promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    texts.required(alias, "alias")
    refusal = None
    with Change(actor, registry) as change:
        owner = model_rows.get_id(change.tx, name)
        before = rows.find(change.tx, owner, alias)
        if before is not None:
            governance = governing.current(change.tx, registry)
            if governance.policies:
                version, target = version_rows.get(change.tx, name, before), of_alias(alias)
                attempts = [Attempt(version, target, move) for move in (policies.LEAVE, policies.DELETE)]
                refusal = gates.check(change, governance, attempts)
            if refusal is None:
                moving.alias(change, owner, name, alias, before, None, "alias deleted")
                following.follow(change, governance, owner, name, but=alias)
    if refusal is not None:
        raise refusal


def get(actor: Actor, registry: Registry, name: str, alias: str) -> Version:
    """The version an alias points to; `latest`, in any case, is the highest live number.

    Raises:
        Invalid: the model has no such alias (MLflow answers this code, and its users match it).
        NotFound: there is no live model of this name, or no version for `latest`.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    texts.required(alias, "alias")
    if alias.lower() == "latest":
        with registry.database.read() as tx:
            found = version_rows.find_newest(tx, model_rows.get_id(tx, name))
        if found is None:
            raise NotFound(f"Registered Model with name={name} has no versions.")
        return found
    with registry.database.read_statement() as tx:
        found = version_rows.find_by_alias(tx, name, alias)
    if found is None:
        with registry.database.read() as tx:
            model_rows.get_id(tx, name)
        raise Invalid(f"Registered model alias {alias} not found.")
    return found
