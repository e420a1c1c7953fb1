"""Rows of the append-only events table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from modelkeep.domain.actors import Actor
from modelkeep.domain.events import KINDS, Event
from modelkeep.storage.database import Row, Transaction

_encode = msgspec.json.Encoder(order="deterministic").encode
_COLUMNS = "position, recorded_timestamp, actor, verified, via, kind, schema, model_id, change_id, request_id, payload"
_MODELS_APART = 10
# By place, not by name: it is in every change, and apsw looks each name up.
# SQLite numbers a row by itself: the highest position and one. So does this on PostgreSQL, where a sequence would leave a
# gap at every change that is undone, and give numbers in another order than that of the commits. Nobody else takes the
# same number, because whoever writes has the turn until the end of the transaction.
_APPEND = """
    INSERT INTO events (recorded_timestamp, actor, verified, via, kind, schema, model_id, change_id, request_id, payload
        /*postgres , position*/)
    VALUES (/*sqlite*/max/*postgres greatest*/
            (?, coalesce((SELECT recorded_timestamp FROM events ORDER BY position DESC LIMIT 1), 0)),
        ?, ?, ?, ?, ?, ?, ?, ?, ?
        /*postgres , (SELECT coalesce(max(position), 0) + 1 FROM events)*/)
"""


def append(
    tx: Transaction, actor: Actor, now: int, change_id: str, kind: str, model_id: int | None, payload: dict[str, Any]
) -> None:
    """Record one event. Its time is never less than the event's before it, whatever the clock says."""
    tx.run(
        _APPEND,
        (
            now,
            actor.name,
            int(actor.verified),
            actor.via,
            kind,
            KINDS[kind].schema,
            model_id,
            change_id,
            actor.request_id,
            canonical(payload),
        ),
    )


def canonical(payload: dict[str, Any]) -> str:
    """The one text of a payload: keys sorted, no spaces, text as UTF-8."""
    return _encode(payload).decode()


def page(
    tx: Transaction,
    *,
    after: int,
    limit: int,
    model_ids: list[int] | None = None,
    actor: str | None = None,
    kinds: list[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Event]:
    """Events after a position, oldest first; `since` and `until` bound the recorded time, both inclusive."""
    conditions, parameters = _conditions(model_ids, actor, kinds, since, until)
    rows = tx.all(
        f"SELECT {_COLUMNS} FROM events WHERE position > :after{conditions} ORDER BY position LIMIT :limit",
        {**parameters, "after": after, "limit": limit},
    )
    return [_from_row(row) for row in rows]


def _conditions(
    model_ids: list[int] | None, actor: str | None, kinds: list[str] | None, since: int | None, until: int | None
) -> tuple[str, dict[str, Any]]:
    conditions = ""
    parameters: dict[str, Any] = {}
    if model_ids is not None and len(model_ids) == 1:
        conditions += " AND model_id = :model_id"
        parameters["model_id"] = model_ids[0]
    elif model_ids is not None:
        conditions += " AND model_id IN (SELECT value FROM json_each(:model_ids))"
        parameters["model_ids"] = _encode(model_ids).decode()
    if actor is not None:
        conditions += " AND actor = :actor"
        parameters["actor"] = actor
    if kinds is not None:
        conditions += " AND kind IN (SELECT value FROM json_each(:kinds))"
        parameters["kinds"] = _encode(kinds).decode()
    if since is not None:
        conditions += " AND recorded_timestamp >= :since"
        parameters["since"] = since
    if until is not None:
        conditions += " AND recorded_timestamp <= :until"
        parameters["until"] = until
    return conditions, parameters


def _from_row(row: Row) -> Event:
    return Event(*row[:3], bool(row[3]), *row[4:-1], msgspec.json.decode(row[-1]))  # type: ignore[call-arg] # mypy cannot count a slice


def recent(
    tx: Transaction,
    *,
    before: int,
    limit: int,
    model_ids: list[int] | None = None,
    actor: str | None = None,
    kinds: list[str] | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Event]:
    """Events before a position, newest first; otherwise as `page`.

    Asks for each kind and each model by itself, because an index gives the newest of one of them in order, and of
    several only by sorting them all.
    """
    found: list[Event] = []
    for kind in kinds if kinds is not None else (None,):
        for ids in _apart(model_ids):
            conditions, parameters = _conditions(ids, actor, None, since, until)
            if kind is not None:
                conditions += " AND kind = :kind"
                parameters["kind"] = kind
            rows = tx.all(
                f"SELECT {_COLUMNS} FROM events WHERE position < :before{conditions} ORDER BY position DESC LIMIT :limit",
                {**parameters, "before": before, "limit": limit},
            )
            found += [_from_row(row) for row in rows]
    found.sort(key=lambda event: event.position, reverse=True)
    return found[:limit]


def _apart(model_ids: list[int] | None) -> list[list[int] | None]:
    """The ids one by one, unless they are so many that one sort is cheaper."""
    if model_ids is None or len(model_ids) > _MODELS_APART:
        return [model_ids]
    return [[model_id] for model_id in model_ids]


def recent_of_version(tx: Transaction, *, model_id: int, version: int, limit: int, within: int) -> list[Event]:
    """Events that name a version of a model, newest first, among the `within` newest events of the model."""
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM (
            SELECT {_COLUMNS} FROM events WHERE model_id = :model_id ORDER BY position DESC LIMIT :within
        ) AS newest
        WHERE {_named("version")} = :version
            OR (kind = 'alias.moved' AND ({_named("from")} = :version OR {_named("to")} = :version))
        ORDER BY position DESC LIMIT :limit
        """,
        {"model_id": model_id, "version": version, "limit": limit, "within": within},
    )
    return [_from_row(row) for row in rows]


def _named(field: str) -> str:
    """The number that a payload has for a field. Both spell it their own way; `->>` of both would be text on one."""
    return (
        f"/*sqlite*/json_extract(payload, '$.{field}')/*postgres cast(cast(payload AS json) ->> '{field}' AS bigint)*/"
    )


def live_names(tx: Transaction, model_ids: Iterable[int]) -> dict[int, str]:
    """The names that models have now, by id; deleted ones are left out."""
    rows = tx.all(
        """
        SELECT id, name FROM models
        WHERE id IN (SELECT value FROM json_each(:ids)) AND deleted_timestamp IS NULL
        """,
        {"ids": _encode(list(model_ids)).decode()},
    )
    return dict(rows)


def live_versions(tx: Transaction, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the pairs of model id and version number that are not deleted."""
    rows = tx.all(
        """
        SELECT v.model_id, v.number
        FROM /*sqlite*/json_each(:pairs)/*postgres json_array_elements(cast(:pairs AS json))*/ AS pair
        JOIN versions v
            ON v.model_id = /*sqlite*/json_extract(pair.value, '$[0]')/*postgres cast(pair.value ->> 0 AS bigint)*/
            AND v.number = /*sqlite*/json_extract(pair.value, '$[1]')/*postgres cast(pair.value ->> 1 AS bigint)*/
        WHERE v.deleted_timestamp IS NULL
        """,
        {"pairs": _encode(list(pairs)).decode()},
    )
    return set(rows)


def last_position(tx: Transaction) -> int:
    """The newest event's position, 0 when there is none."""
    row = tx.one("SELECT max(position) FROM events", {})
    return (row and row[0]) or 0
