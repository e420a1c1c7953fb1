"""`modelkeep tokens`: who may do what."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click

from modelkeep import config
from modelkeep.domain.actors import ROLES, Actor
from modelkeep.domain.tokens import Token
from modelkeep.registry import opening
from modelkeep.registry import tokens as verbs
from modelkeep.registry.handle import Registry

_data = click.option("--data", default=None, help="Data folder of the registry. [MODELKEEP_DATA]")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def tokens() -> None:
    """Make, list and revoke tokens, on the machine that holds the data folder."""


@contextmanager
def _open(data: str | None) -> Iterator[tuple[Actor, Registry]]:
    folder = Path(config.load({"data": data, "insecure": True}).data)
    opening.prepare(folder)
    registry = opening.open_registry(folder)
    try:
        yield Actor(getpass.getuser(), "admin", False, "embedded"), registry
    finally:
        opening.close(registry)


@tokens.command()
@click.option("--user", required=True, help="Whose token it is; the name in every event.")
@click.option("--role", required=True, type=click.Choice(list(ROLES)), help="What it allows.")
@_data
@_json
def create(user: str, role: str, data: str | None, as_json: bool) -> None:
    """Make a token. It is shown once: only its hash is stored."""
    with _open(data) as (actor, registry):
        token = verbs.create(actor, registry, user, role)
    if as_json:
        click.echo(json.dumps(_shape(token) | {"secret": token.secret}))
    else:
        click.echo(token.secret)
        click.echo(f"Token {token.id} of {user} with the role {role}. It is not shown again.", err=True)


@tokens.command(name="list")
@_data
@_json
def list_tokens(data: str | None, as_json: bool) -> None:
    """List every token, without its secret."""
    with _open(data) as (actor, registry):
        found = verbs.list_all(actor, registry)
    if as_json:
        click.echo(json.dumps([_shape(token) for token in found]))
        return
    for token in found:
        state = f"revoked {_day(token.revoked_timestamp)}" if token.revoked_timestamp else "active"
        click.echo(f"{token.id}  {token.user}  {token.role}  made {_day(token.creation_timestamp)}  {state}")


@tokens.command()
@click.argument("token_id")
@_data
@_json
def revoke(token_id: str, data: str | None, as_json: bool) -> None:
    """Make a token worthless, from the next request on."""
    with _open(data) as (actor, registry):
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
