"""Rows of principals and their tokens."""

from __future__ import annotations

from modelkeep.domain.tokens import Token
from modelkeep.storage.database import Transaction

_COLUMNS = "id, principal, role, creation_timestamp, revoked_timestamp"


def insert(tx: Transaction, token: Token, digest: str) -> None:
    """Insert a token, and its principal when it is new."""
    tx.run(
        "INSERT INTO principals (name, creation_timestamp) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING",
        {"name": token.user, "now": token.creation_timestamp},
    )
    tx.run(
        """
        INSERT INTO tokens (id, principal, role, digest, creation_timestamp)
        VALUES (:id, :user, :role, :digest, :now)
        """,
        {"id": token.id, "user": token.user, "role": token.role, "digest": digest, "now": token.creation_timestamp},
    )


def find_active(tx: Transaction, digest: str) -> Token | None:
    """The token with this digest that is not revoked, or None."""
    row = tx.one(
        f"SELECT {_COLUMNS} FROM tokens WHERE digest = :digest AND revoked_timestamp IS NULL", {"digest": digest}
    )
    return None if row is None else Token(*row)


def find(tx: Transaction, token_id: str) -> Token | None:
    """The token of an id, revoked or not, or None."""
    row = tx.one(f"SELECT {_COLUMNS} FROM tokens WHERE id = :id", {"id": token_id})
    return None if row is None else Token(*row)


def all_tokens(tx: Transaction) -> list[Token]:
    """Every token, the oldest first."""
    return [Token(*row) for row in tx.all(f"SELECT {_COLUMNS} FROM tokens ORDER BY creation_timestamp, id", {})]


def revoke(tx: Transaction, token_id: str, now: int) -> None:
    """Mark a token as revoked."""
    tx.run("UPDATE tokens SET revoked_timestamp = :now WHERE id = :id", {"id": token_id, "now": now})
