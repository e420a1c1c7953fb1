"""Tokens: how a principal proves who calls. Only a token's SHA-256 is kept; the secret is shown once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from modelkeep.domain.actors import ROLES
from modelkeep.domain.errors import Invalid, NotFound

PREFIX = "mk_"


@dataclass(slots=True)
class Token:
    """A token of a principal. Times are UTC milliseconds; `secret` is set only in the answer that creates it."""

    id: str
    user: str
    role: str
    creation_timestamp: int
    revoked_timestamp: int | None
    secret: str | None = None


def digest(secret: str) -> str:
    """What is stored of a secret. Secrets are 256 random bits, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def check_role(role: object) -> str:
    """Return a role, or raise Invalid."""
    if not isinstance(role, str) or role not in ROLES:
        raise Invalid(f"There is no role {role!r}: choose one of {', '.join(ROLES)}.")
    return role


def not_found(token_id: str) -> NotFound:
    return NotFound(f"Token with id={token_id} not found. `modelkeep tokens list` shows the ids.")
