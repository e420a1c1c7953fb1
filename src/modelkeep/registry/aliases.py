"""Aliases: named references to one version each."""

from __future__ import annotations

from modelkeep.domain import actors, names, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.versions import Version
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import aliases as rows
from modelkeep.storage import models as model_rows
from modelkeep.storage import versions as version_rows


def point(actor: Actor, registry: Registry, name: str, alias: str, version: str | int) -> None:
    """Point an alias at a live version, creating or moving it.

    Raises:
        Invalid: the alias is not allowed.
        NotFound: there is no such version.
    Events: alias.moved
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    names.check_alias(alias)
    number = names.check_version(version)
    with Change(actor, registry) as change:
        owner = version_rows.get_owner(change.tx, name, number)
        before = rows.find(change.tx, owner, alias)
        if before != number:
            rows.point(change.tx, owner, alias, number)
            _record(change, owner, name, alias, before, number, "alias set")


def delete(actor: Actor, registry: Registry, name: str, alias: str) -> None:
    """Delete an alias; a missing one is no error, as in MLflow.

    Raises:
        NotFound: there is no live model of this name.
    Events: alias.moved, to nothing
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    texts.required(alias, "alias")
    with Change(actor, registry) as change:
        owner = model_rows.get_id(change.tx, name)
        before = rows.find(change.tx, owner, alias)
        if before is not None:
            rows.delete(change.tx, owner, alias)
            _record(change, owner, name, alias, before, None, "alias deleted")


def _record(
    change: Change, owner: int, name: str, alias: str, before: int | None, after: int | None, cause: str
) -> None:
    change.record("alias.moved", owner, **{"model": name, "alias": alias, "from": before, "to": after, "cause": cause})


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
