"""`modelkeep alias`: names that point to versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, find, number_of, version_argument
from modelkeep.client.addresses import OfVersion

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@click.group()
def alias() -> None:
    """Point aliases, such as @champion, at versions."""


@alias.command(name="set")
@version_argument
@click.argument("alias")
@connected()
def set_alias(client: Client, named: OfVersion, alias: str, as_json: bool) -> None:
    """Point an alias at a version, wherever it pointed before.

    For example: modelkeep alias set churn/3 champion
    """
    number = number_of(client, named)
    client.set_registered_model_alias(named.name, alias, number)
    if as_json:
        outputs.document({"name": named.name, "alias": alias, "version": number})
    else:
        outputs.said(f"@{alias} of '{named.name}' points to version {number}.")


@alias.command()
@click.argument("name")
@click.argument("alias")
@connected()
def delete(client: Client, name: str, alias: str, as_json: bool) -> None:
    """Delete an alias. One that is not there is no error."""
    client.delete_registered_model_alias(name, alias)
    if as_json:
        outputs.document({"name": name, "alias": alias, "deleted": True})
    else:
        outputs.said(f"'{name}' has no alias @{alias}.")


@alias.command()
@click.argument("name")
@click.argument("alias", required=False)
@connected()
def show(client: Client, name: str, alias: str | None, as_json: bool) -> None:
    """Show which version each alias of a registered model points to, or the version of one ALIAS."""
    if alias is not None:
        version = find(client, OfVersion(name, alias=alias))
        if as_json:
            outputs.document({"name": name, "alias": alias, "version": version.version})
        else:
            outputs.said(version.version)
        return
    aliases = client.get_registered_model(name).aliases
    if as_json:
        outputs.document({"name": name, "aliases": aliases})
    else:
        outputs.table(("alias", "version"), sorted(aliases.items()))
