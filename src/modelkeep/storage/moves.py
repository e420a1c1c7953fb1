"""Rows of moves: what entered each target, when, and which move a rollback of it returns to."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from modelkeep.domain.moves import Entry, Holding
from modelkeep.domain.targets import NOWHERE
from modelkeep.storage.database import Row, Transaction

# By place, and as VALUES: an INSERT that selects from its own table gathers the rows in another one first.
_INSERT = """
    INSERT INTO moves (model_id, target, position, number, below, recorded_timestamp)
    VALUES (?1, ?2, (SELECT max(position) FROM events), /*sqlite*/?3/*postgres CAST(?3 AS bigint)*/,
        coalesce(/*sqlite*/?4/*postgres CAST(?4 AS bigint)*/, (
            SELECT CASE WHEN number IS NULL THEN below ELSE position END FROM moves
            WHERE model_id = ?1 AND target = ?2 ORDER BY position DESC LIMIT 1
        ), 0),
        (SELECT recorded_timestamp FROM events ORDER BY position DESC LIMIT 1))
"""
_STAGE = "substr(s.target, 1, 1) <> '@'"


def insert(tx: Transaction, model_id: int, target: str, number: int | None, below: int | None = None) -> None:
    """Note that the newest event put a version into a target, or nothing.

    Args:
        below: the position of the move that a rollback from here returns to, 0 for none; by default the move before.
    """
    tx.run(_INSERT, (model_id, target, number, below))


def top(tx: Transaction, model_id: int, target: str) -> Entry | None:
    """The move by which a version last entered a target, None when none ever did."""
    row = tx.one(
        """
        SELECT position, number, below, recorded_timestamp FROM moves
        WHERE model_id = :model_id AND target = :target AND number IS NOT NULL ORDER BY position DESC LIMIT 1
        """,
        {"model_id": model_id, "target": target},
    )
    return None if row is None else Entry(*row)


def get(tx: Transaction, model_id: int, target: str, position: int) -> Entry | None:
    """The move of a version into a target at a position, or None."""
    row = tx.one(
        """
        SELECT position, number, below, recorded_timestamp FROM moves
        WHERE model_id = :model_id AND target = :target AND position = :position AND number IS NOT NULL
        """,
        {"model_id": model_id, "target": target, "position": position},
    )
    return None if row is None else Entry(*row)


def alias_at(tx: Transaction, model_id: int, target: str, position: int) -> int | None:
    """The version an alias pointed to right after a position, or None."""
    row = tx.one(
        """
        SELECT number FROM moves WHERE model_id = :model_id AND target = :target AND position <= :position
        ORDER BY position DESC LIMIT 1
        """,
        {"model_id": model_id, "target": target, "position": position},
    )
    return None if row is None else row[0]


def in_stage_at(tx: Transaction, model_id: int, stage: str, position: int) -> list[int]:
    """The versions that were in a stage right after a position, the newest number first."""
    rows = tx.all(
        f"""
        SELECT DISTINCT e.number FROM moves e
        WHERE e.model_id = :model_id AND e.target = :stage AND e.position <= :position AND NOT EXISTS (
            SELECT 1 FROM moves s WHERE s.model_id = e.model_id AND s.number = e.number
                AND s.position > e.position AND s.position <= :position AND {_STAGE}
        )
        ORDER BY e.number DESC
        """,
        {"model_id": model_id, "stage": stage, "position": position},
    )
    return [row[0] for row in rows]


def targets(tx: Transaction, model_id: int) -> list[str]:
    """Every target that anything of a model ever entered."""
    rows = tx.all(
        "SELECT DISTINCT target FROM moves WHERE model_id = :model_id ORDER BY target", {"model_id": model_id}
    )
    return [row[0] for row in rows if row[0] != NOWHERE]


def position_at(tx: Transaction, timestamp: int) -> int:
    """The position of the last event recorded at a time or before, 0 when there is none.

    Times never fall as positions grow, so it halves its way to it.
    """
    row = tx.one("SELECT coalesce(max(position), 0) FROM events", {})
    low, high = 0, row[0] if row else 0
    while low < high:
        middle = (low + high + 1) // 2
        row = tx.one(
            "SELECT recorded_timestamp FROM events WHERE position <= :position ORDER BY position DESC LIMIT 1",
            {"position": middle},
        )
        if row is not None and row[0] <= timestamp:
            low = middle
        else:
            high = middle - 1
    return low


_HOLDING = """
    e.position, e.recorded_timestamp, e.number, v.actor, v.verified, v.change_id, v.payload,
    (SELECT min(n.position) FROM moves n WHERE n.model_id = e.model_id AND n.position > e.position AND {leaves})
"""
_LEAVES_ALIAS = "n.target = e.target"
_LEAVES_STAGE = "n.number = e.number AND substr(n.target, 1, 1) <> '@'"


def history(tx: Transaction, model_id: int, target: str, before: int, limit: int) -> list[Holding]:
    """Who held a target, those that came before a position, the newest first."""
    leaves = _LEAVES_ALIAS if target.startswith("@") else _LEAVES_STAGE
    rows = tx.all(
        f"""
        SELECT {_HOLDING.format(leaves=leaves)} FROM moves e JOIN events v ON v.position = e.position
        WHERE e.model_id = :model_id AND e.target = :target AND e.position < :before AND e.number IS NOT NULL
        ORDER BY e.position DESC LIMIT :limit
        """,
        {"model_id": model_id, "target": target, "before": before, "limit": limit},
    )
    ends = _ends(tx, (row[7] for row in rows if row[7] is not None))
    return [_holding(target, row, ends) for row in rows]


def _ends(tx: Transaction, positions: Iterable[int]) -> dict[int, tuple[int, str]]:
    rows = tx.all(
        "SELECT position, recorded_timestamp, actor FROM events WHERE position IN (SELECT value FROM json_each(:positions))",
        {"positions": msgspec.json.encode(list(positions)).decode()},
    )
    return {row[0]: (row[1], row[2]) for row in rows}


def _holding(target: str, row: Row, ends: dict[int, tuple[int, str]]) -> Holding:
    payload = msgspec.json.decode(row[6])
    ended = ends.get(row[7]) if row[7] is not None else None
    return Holding(
        target=target,
        position=row[0],
        version=row[2],
        since=row[1],
        until=ended[0] if ended else None,
        actor=row[3],
        verified=bool(row[4]),
        ended_by=ended[1] if ended else None,
        cause=payload.get("cause", ""),
        reason=payload.get("reason"),
        change_id=row[5],
        returns_to=payload.get("returns_to"),
        forced=bool(payload.get("forced")),
        policies=payload.get("policies", []),
    )


def held(tx: Transaction, model_id: int, target: str, number: int) -> list[tuple[int, int | None]]:
    """When a version entered a target, and when it left it, None when it has not; in UTC milliseconds, in order."""
    # A version that stays while others leave enters its stage once more, and has not left it.
    leaves = _LEAVES_ALIAS if target.startswith("@") else f"{_LEAVES_STAGE} AND n.target <> e.target"
    rows = tx.all(
        f"""
        SELECT e.recorded_timestamp, (
            SELECT n.recorded_timestamp FROM moves n WHERE n.model_id = e.model_id AND n.position > e.position AND {leaves}
            ORDER BY n.position LIMIT 1
        )
        FROM moves e WHERE e.model_id = :model_id AND e.number = :number AND e.target = :target ORDER BY e.position
        """,
        {"model_id": model_id, "target": target, "number": number},
    )
    return [(row[0], row[1]) for row in rows]


def recent_entries(
    tx: Transaction, targets: list[str], before: int, limit: int
) -> list[tuple[int, str, str, bool, Entry]]:
    """The last moves into any of some targets before a position, the newest first.

    Each with the model's id, its name now, the target, and whether it was a rollback.
    """
    rows = tx.all(
        """
        SELECT e.model_id, m.name, e.target, v.payload, e.position, e.number, e.below, e.recorded_timestamp
        FROM events v
        JOIN moves e ON e.model_id = v.model_id AND e.position = v.position
            AND e.target IN (SELECT value FROM json_each(:targets)) AND e.number IS NOT NULL
        JOIN models m ON m.id = v.model_id
        WHERE v.kind IN ('stage.changed', 'alias.moved') AND v.position < :before
        ORDER BY v.position DESC LIMIT :limit
        """,
        {"targets": msgspec.json.encode(targets).decode(), "before": before, "limit": limit},
    )
    return [(*row[:3], "returns_to" in msgspec.json.decode(row[3]), Entry(*row[4:])) for row in rows]
