"""Rows of the parameters of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping

from modelkeep.storage.sqlite import Transaction


def insert(tx: Transaction, run_id: str, params: Mapping[str, str]) -> None:
    """Insert the parameters that a run does not have yet; those it has stay as they are."""
    tx.many(
        "INSERT INTO params (run_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [(run_id, key, value) for key, value in params.items()],
    )


def values(tx: Transaction, run_id: str, keys: list[str]) -> dict[str, str]:
    """The values of those parameters that a run has."""
    rows = tx.all(
        "SELECT key, value FROM params WHERE run_id = :run_id AND key IN (SELECT value FROM json_each(:keys))",
        {"run_id": run_id, "keys": json.dumps(keys)},
    )
    return dict(rows)
