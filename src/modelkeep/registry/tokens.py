"""Tokens: make, list, revoke, and tell whose a secret is."""

from __future__ import annotations

import os
import secrets

from modelkeep.domain import actors, texts, tokens
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import PermissionDenied, Unauthenticated
from modelkeep.domain.tokens import Token
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import tokens as rows


def create(actor: Actor, registry: Registry, user: str, role: str) -> Token:
    """Make a token for a user; its secret is in the answer and nowhere else.

    Raises:
        Invalid: the user's name or the role is not allowed.
        PermissionDenied: the actor is no administrator, or nobody proved who calls over HTTP.
    Events: token.created
    """
    _require_administrator(actor)
    texts.required(user, "user", 200)
    tokens.check_role(role)
    secret = tokens.PREFIX + secrets.token_urlsafe(32)
    with Change(actor, registry) as change:
        token = Token(os.urandom(6).hex(), user, role, change.now, None)
        rows.insert(change.tx, token, tokens.digest(secret))
        change.record("token.created", token_id=token.id, user=user, role=role)
    token.secret = secret
    return token


def _require_administrator(actor: Actor) -> None:
    actors.require(actor, "administer", "tokens")
    if actor.via == "http" and not actor.verified:
        raise PermissionDenied(
            "Tokens can be managed over HTTP only by a verified administrator. Start the server with --auth, "
            "or run `modelkeep tokens` on the server's own machine with --data."
        )


def list_all(actor: Actor, registry: Registry) -> list[Token]:
    """Every token without its secret, the oldest first.

    Raises:
        PermissionDenied: as `create`.
    """
    _require_administrator(actor)
    with registry.database.read() as tx:
        return rows.all_tokens(tx)


def revoke(actor: Actor, registry: Registry, token_id: str) -> Token:
    """Make a token worthless, from the next request on.

    Raises:
        NotFound: there is no such token.
        PermissionDenied: as `create`.
    Events: token.revoked
    """
    _require_administrator(actor)
    texts.required(token_id, "token_id")
    with Change(actor, registry) as change:
        token = rows.find(change.tx, token_id)
        if token is None:
            raise tokens.not_found(token_id)
        if token.revoked_timestamp is None:
            rows.revoke(change.tx, token_id, change.now)
            change.record("token.revoked", token_id=token_id, user=token.user)
            token.revoked_timestamp = change.now
        return token


def identify(registry: Registry, secret: str) -> Token:
    """Whose an active token's secret is.

    Raises:
        Unauthenticated: no active token has it.
    """
    with registry.database.read_statement() as tx:
        token = rows.find_active(tx, tokens.digest(secret))
    if token is None:
        raise Unauthenticated("The token is unknown or revoked. Ask an administrator for a new one.")
    return token
