"""From a request's headers to the actor."""

from __future__ import annotations

import base64
import binascii

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Unauthenticated
from modelkeep.domain.tokens import PREFIX
from modelkeep.registry import tokens
from modelkeep.registry.handle import Registry


def secret_in(authorization: bytes | None, required: bool) -> str | None:
    """The token that a request came with; None for a caller without one, where that is allowed.

    It is accepted as `Bearer <token>` or as the password of `Basic`, which is how the `mlflow` client sends
    MLFLOW_TRACKING_TOKEN and MLFLOW_TRACKING_PASSWORD. With authentication off other credentials are ignored.

    Raises:
        Unauthenticated: a token is required and missing.
    """
    secret = _secret(authorization.decode("latin-1")) if authorization else None
    if secret is not None and (required or secret.startswith(PREFIX)):
        return secret
    if required:
        raise Unauthenticated(
            "This registry needs a token. Set MLFLOW_TRACKING_TOKEN to the one that "
            "`modelkeep tokens create` printed, or give it as the password."
        )
    return None


def identify(registry: Registry, secret: str | None, request_id: bytes) -> Actor:
    """The actor who has a token, for which the database is asked; without one, where none is needed, nobody in particular.

    Raises:
        Unauthenticated: the token is unknown or revoked.
    """
    if secret is None:
        return Actor("anonymous", "admin", False, "http", request_id.decode())
    token = tokens.identify(registry, secret)
    return Actor(token.user, token.role, True, "http", request_id.decode())


def _secret(authorization: str) -> str | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        return decoded.partition(":")[2]
    return None
