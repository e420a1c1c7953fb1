"""Rows of the parameters of runs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import msgspec

from modelkeep.storage import bulk
from modelkeep.storage.database import Transaction


def insert(tx: Transaction, run_id: str, params: Mapping[str, str]) -> None:
    """Insert the parameters that a run does not have yet; those it has stay as they are."""
    bulk.write(tx, "INSERT INTO params (run_id, key, value)", run_id, list(params.items()), "ON CONFLICT DO NOTHING")


def values(tx: Transaction, run_id: str, keys: list[str]) -> dict[str, str]:
    """The values of those parameters that a run has."""
    row = tx.one(
        """
        SELECT json_group_object(key, value) FROM params
        WHERE run_id = :run_id AND key IN (SELECT value FROM json_each(:keys))
        """,
        {"run_id": run_id, "keys": json.dumps(keys)},
    )
    assert row is not None
    return msgspec.json.decode(row[0], type=dict[str, str])
