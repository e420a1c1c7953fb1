"""Tokens on the wire: `/api/2.0/modelkeep/tokens/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Empty, Reply, Request
from modelkeep.domain.tokens import Token


class TokenShape(Reply):
    """A token; `secret` only in the answer that creates it. Times are UTC milliseconds."""

    token_id: str
    user: str
    role: str
    creation_timestamp: int
    revoked_timestamp: int | None = None
    secret: str | None = None


class TokenReply(Reply):
    token: TokenShape


class TokensReply(Reply):
    tokens: list[TokenShape] = []


def _shape(token: Token) -> TokenShape:
    return TokenShape(token.id, token.user, token.role, token.creation_timestamp, token.revoked_timestamp, token.secret)


def _reply(token: Token) -> TokenReply:
    return TokenReply(_shape(token))


def _list_reply(found: list[Token]) -> TokensReply:
    return TokensReply([_shape(token) for token in found])


class Create(Request):
    user: str | None = None
    role: str | None = None


class Revoke(Request):
    token_id: str | None = None


CALLS = (
    Call(
        "POST", "modelkeep/tokens/create", Create, "tokens.create", "administer", "token",
        "Make a token for a user; its secret is shown this once.", _reply, TokenReply, ("user", "role"),
    ),
    Call(
        "GET", "modelkeep/tokens/list", Empty, "tokens.list_all", "administer", "token",
        "Every token, without its secret.", _list_reply, TokensReply,
    ),
    Call(
        "POST", "modelkeep/tokens/revoke", Revoke, "tokens.revoke", "administer", "token",
        "Make a token worthless.", _reply, TokenReply, ("token_id",),
    ),
)  # fmt: skip
