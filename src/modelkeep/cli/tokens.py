"""`modelkeep tokens`: who may do what."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from modelkeep.cli.options import of_registry, opened, settings_of
from modelkeep.domain.actors import ROLES, Actor
from modelkeep.domain.tokens import Token
from modelkeep.registry import tokens as verbs
from modelkeep.registry.handle import Registry

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def tokens() -> None:
    """Make, list and revoke tokens, on the machine that holds the data folder."""


@contextmanager
def _open(data: str | None, database: str | None) -> Iterator[tuple[Actor, Registry]]:
    with opened(settings_of(data, database)) as registry:
        yield Actor(getpass.getuser(), "admin", False, "embedded"), registry


@tokens.command()
@click.option("--user", required=True, help="Whose token it is; the name in every event.")
@click.option("--role", required=True, type=click.Choice(list(ROLES)), help="What it allows.")
@of_registry
@_json
def create(user: str, role: str, data: str | None, database: str | None, as_json: bool) -> None:
    """Make a token. It is shown once: only its hash is stored."""
    with _open(data, database) as (actor, registry):
        token = verbs.create(actor, registry, user, role)
    if as_json:
        click.echo(json.dumps(_shape(token) | {"secret": token.secret}))
    else:
        click.echo(token.secret)
        click.echo(f"Token {token.id} of {user} with the role {role}. It is not shown again.", err=True)


@tokens.command(name="list")
@of_registry
@_json
def list_tokens(data: str | None, database: str | None, as_json: bool) -> None:
    """List every token, without its secret."""
    with _open(data, database) as (actor, registry):
        found = verbs.list_all(actor, registry)
    if as_json:
        click.echo(json.dumps([_shape(token) for token in found]))
        return
    for token in found:
        state = f"revoked {_day(token.revoked_timestamp)}" if token.revoked_timestamp else "active"
        click.echo(f"{token.id}  {token.user}  {token.role}  made {_day(token.creation_timestamp)}  {state}")


@tokens.command()
@click.argument("token_id")
@of_registry
@_json
def revoke(token_id: str, data: str | None, database: str | None, as_json: bool) -> None:
    """Make a token worthless, from the next request on."""
    with _open(data, database) as (actor, registry):
        token = verbs.revoke(actor, registry, token_id)
    click.echo(json.dumps(_shape(token)) if as_json else f"Token {token.id} of {token.user} is revoked.")


def _shape(token: Token) -> dict[str, object]:
    return {
        "token_id": token.id,
        "user": token.user,
        "role": token.role,
        "creation_timestamp": token.creation_timestamp,
        "revoked_timestamp": token.revoked_timestamp,
    }


def _day(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp / 1000, UTC).strftime("%Y-%m-%d %H:%M")
