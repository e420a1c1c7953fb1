"""From a request's headers to the actor."""

from __future__ import annotations

import base64
import binascii

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Unauthenticated
from modelkeep.domain.tokens import PREFIX
from modelkeep.http.access import Access
from modelkeep.registry import tokens


async def identify(access: Access, authorization: str | None, required: bool, request_id: str) -> Actor:
    """The actor of a request.

    A token is accepted as `Bearer <token>` or as the password of `Basic`, which is how the `mlflow` client sends
    MLFLOW_TRACKING_TOKEN and MLFLOW_TRACKING_PASSWORD. With authentication off other credentials are ignored.

    Raises:
        Unauthenticated: a token is required and missing, or it is unknown or revoked.
    """
    secret = _secret(authorization) if authorization else None
    if secret is not None and (required or secret.startswith(PREFIX)):
        token = await access.reads.point(lambda: tokens.identify(access.registry, secret))
        return Actor(token.user, token.role, True, "http", request_id)
    if required:
        raise Unauthenticated(
            "This registry needs a token. Set MLFLOW_TRACKING_TOKEN to the one that "
            "`modelkeep tokens create` printed, or give it as the password."
        )
    return Actor("anonymous", "admin", False, "http", request_id)


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
