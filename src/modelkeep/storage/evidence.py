"""Rows of evidence and of its values. They are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelkeep.domain.datasets import CONTEXT_TAG
from modelkeep.domain.evidence import API, RUN_VALUES_LIMIT, Evidence, Fact
from modelkeep.domain.metrics import LARGEST
from modelkeep.storage import bulk
from modelkeep.storage.database import Row, Transaction
from modelkeep.storage.events import canonical

_COLUMNS = """
    e.id, e.manifest_id, p.digest, e.kind, e.source, e.passed, e.producer, e.verified, e.tool, e.dataset_name,
    e.dataset_digest, e.content, e.creation_timestamp
"""
_FACT = """
    e.id, e.kind, e.source, e.passed, e.producer, e.verified, e.dataset_name, e.dataset_digest, e.creation_timestamp
"""
# By place: it is part of every registration, and apsw looks each name up.
_INSERT = """
    INSERT INTO evidence (manifest_id, kind, source, passed, producer, verified, tool, dataset_name, dataset_digest,
        content, creation_timestamp)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_NEWEST_WITH = f"""
    SELECT {_FACT}, v.value FROM evidence_values v JOIN evidence e ON e.id = v.evidence_id
    WHERE v.manifest_id = :manifest_id AND v.key = :key{{}} ORDER BY v.evidence_id DESC LIMIT 1
"""
# By place, as most rules about a metric ask.
_NEWEST = _NEWEST_WITH.format("").replace(":manifest_id", "?").replace(":key", "?")
# A megabyte of values is not decoded for the one that a rule asks for.
SMALL_CONTENT = 4096
_LATEST = f"""
    SELECT {_FACT}, NULL, CASE WHEN length(e.content) <= {SMALL_CONTENT} THEN e.content END
    FROM evidence e WHERE e.manifest_id = ? ORDER BY e.id DESC LIMIT 1
"""
# What a run's metrics were measured on is not recorded with them, so it is taken to be what the run read to measure.
_OF_RUN = """
    SELECT measured.key, measured.value, NULL FROM (
        SELECT key, value FROM latest_metrics
        WHERE run_id = :run_id AND is_nan = 0 AND value > :lowest AND value < :largest ORDER BY key LIMIT :limit
    ) AS measured
    UNION ALL
    SELECT d.name, NULL, d.digest FROM (
        SELECT i.dataset_id FROM run_datasets i
        LEFT JOIN run_dataset_tags t ON t.run_id = i.run_id AND t.dataset_id = i.dataset_id AND t.key = :context
        WHERE i.run_id = :run_id
        ORDER BY CASE t.value WHEN 'validation' THEN 0 WHEN 'evaluation' THEN 1 WHEN 'eval' THEN 1 WHEN 'testing' THEN 2
            WHEN 'test' THEN 2 WHEN 'training' THEN 3 WHEN 'train' THEN 3 ELSE 4 END, i.dataset_id
        LIMIT 1
    ) AS chosen JOIN datasets d ON d.id = chosen.dataset_id
"""


def content_of(values: dict[str, float], environment: dict[str, str], details: dict[str, Any]) -> str:
    """The one text of what evidence holds."""
    return canonical({"values": values, "environment": environment, "details": details})


def insert(
    tx: Transaction,
    *,
    manifest_id: int,
    kind: str,
    source: str,
    passed: bool | None,
    producer: str,
    verified: bool,
    tool: str | None,
    dataset_name: str | None,
    dataset_digest: str | None,
    values: dict[str, float],
    content: str,
    now: int,
) -> int:
    """Insert a piece of evidence with its values; its id.

    Args:
        content: as `content_of` says it.
    """
    row = tx.one(
        _INSERT,
        (
            manifest_id,
            kind,
            source,
            None if passed is None else int(passed),
            producer,
            int(verified),
            tool,
            dataset_name,
            dataset_digest,
            content,
            now,
        ),
    )
    assert row is not None
    bulk.write_flat(
        tx,
        "INSERT INTO evidence_values (manifest_id, evidence_id, key, value)",
        [each for pair in values.items() for each in pair],
        2,
        "",
        (manifest_id, row[0]),
    )
    return row[0]


def of_run(tx: Transaction, run_id: str) -> tuple[dict[str, float], str | None, str | None]:
    """The newest finite value of each metric of a run, at most 1,000 by key, and the name and digest of a data set.

    Of several data sets that the run read it is the one for validation, else evaluation, else testing, else training,
    else any; of several of these the first.
    """
    rows = tx.all(
        _OF_RUN,
        {
            "run_id": run_id,
            "lowest": -LARGEST,
            "largest": LARGEST,
            "limit": RUN_VALUES_LIMIT,
            "context": CONTEXT_TAG,
        },
    )
    values: dict[str, float] = {}
    name = digest = None
    for key, value, third in rows:
        if third is None:
            values[key] = value
        else:
            name, digest = key, third
    return values, name, digest


def page(
    tx: Transaction, *, manifest_id: int, kind: str | None = None, before: int | None = None, limit: int
) -> list[Evidence]:
    """Evidence about a manifest, newest first, at most `limit`; only what is older than the id `before`."""
    conditions = (" AND e.kind = :kind" if kind is not None else "") + (
        " AND e.id < :before" if before is not None else ""
    )
    rows = tx.all(
        f"""
        SELECT {_COLUMNS} FROM evidence e JOIN manifests p ON p.id = e.manifest_id
        WHERE e.manifest_id = :manifest_id{conditions} ORDER BY e.id DESC LIMIT :limit
        """,
        {"manifest_id": manifest_id, "kind": kind, "before": before, "limit": limit},
    )
    return [_from_row(row) for row in rows]


def _from_row(row: Row) -> Evidence:
    content = msgspec.json.decode(row[11])
    return Evidence(  # type: ignore[call-arg] # mypy cannot count a slice
        *row[:5],
        _truth(row[5]),
        row[6],
        bool(row[7]),
        *row[8:11],
        content["values"],
        content["environment"],
        content["details"],
        row[12],
    )


def _truth(value: int | None) -> bool | None:
    return None if value is None else bool(value)


def latest(tx: Transaction, manifest_id: int) -> tuple[Fact, dict[str, float]] | None:
    """The newest evidence of all about a manifest, and its values; none of them when there are very many."""
    row = tx.one(_LATEST, (manifest_id,))
    if row is None:
        return None
    return _fact(row[:10]), {} if row[10] is None else msgspec.json.decode(row[10])["values"]


def newest_with(
    tx: Transaction,
    manifest_id: int,
    key: str,
    *,
    kind: str | None = None,
    producers: Sequence[str] | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Fact | None:
    """The newest evidence about a manifest that has a value for a key, with that value; None when there is none.

    Args:
        kind: only evidence of this kind.
        producers: only what one of these posted, as a token proved.
        dataset_name, dataset_digest: only what was measured on that.
        since, until: only what was recorded in that time, both ends included, in UTC milliseconds.
    """
    parameters: dict[str, Any] = {"manifest_id": manifest_id, "key": key}
    conditions = _conditions(parameters, kind, dataset_name, dataset_digest, since, until)
    if producers is not None:
        # From what each of them posted, however much others have: CROSS JOIN keeps SQLite to that order.
        return _newest_of(
            tx,
            f"""
            SELECT {_FACT}, v.value FROM evidence e CROSS JOIN evidence_values v
            WHERE {_POSTED} AND v.manifest_id = :manifest_id AND v.key = :key AND v.evidence_id = e.id{conditions}
            ORDER BY e.id DESC LIMIT 1
            """,
            parameters,
            producers,
        )
    if conditions:
        row = tx.one(_NEWEST_WITH.format(conditions), parameters)
    else:
        row = tx.one(_NEWEST, (manifest_id, key))
    return None if row is None else _fact(row)


def newest(
    tx: Transaction,
    manifest_id: int,
    kind: str | None = None,
    *,
    producers: Sequence[str] | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
    has_dataset: bool = False,
    since: int | None = None,
    until: int | None = None,
) -> Fact | None:
    """The newest evidence about a manifest, None when there is none; otherwise as `newest_with`.

    Args:
        has_dataset: only what names the digest of a data set, whichever.
    """
    parameters: dict[str, Any] = {"manifest_id": manifest_id}
    conditions = _conditions(parameters, kind, dataset_name, dataset_digest, since, until)
    if has_dataset:
        conditions += " AND e.dataset_name IS NOT NULL AND e.dataset_digest IS NOT NULL"
    select = f"SELECT {_FACT}, NULL FROM evidence e WHERE"
    if producers is not None:
        return _newest_of(tx, f"{select} {_POSTED}{conditions} ORDER BY e.id DESC LIMIT 1", parameters, producers)
    row = tx.one(f"{select} e.manifest_id = :manifest_id{conditions} ORDER BY e.id DESC LIMIT 1", parameters)
    return None if row is None else _fact(row)


# In the words of the index evidence_by_producer.
_POSTED = f"e.manifest_id = :manifest_id AND e.producer = :producer AND e.source = '{API}' AND e.verified = 1"


def _newest_of(tx: Transaction, sql: str, parameters: dict[str, Any], producers: Sequence[str]) -> Fact | None:
    """The newest of what a statement finds of each producer."""
    newest: Row | None = None
    for producer in dict.fromkeys(producers):
        row = tx.one(sql, {**parameters, "producer": producer})
        if row is not None and (newest is None or row[0] > newest[0]):
            newest = row
    return None if newest is None else _fact(newest)


def _conditions(
    parameters: dict[str, Any],
    kind: str | None,
    dataset_name: str | None,
    dataset_digest: str | None,
    since: int | None,
    until: int | None,
) -> str:
    """Conditions on evidence, whose values are added to the parameters."""
    conditions = ""
    for column, value in (("kind", kind), ("dataset_name", dataset_name), ("dataset_digest", dataset_digest)):
        if value is not None:
            conditions += f" AND e.{column} = :{column}"
            parameters[column] = value
    if since is not None:
        conditions += " AND e.creation_timestamp >= :since"
        parameters["since"] = since
    if until is not None:
        conditions += " AND e.creation_timestamp <= :until"
        parameters["until"] = until
    return conditions


def _fact(row: Row) -> Fact:
    number, kind, source, passed, producer, verified, dataset_name, dataset_digest, created, value = row
    return Fact(
        number, kind, source, _truth(passed), producer, bool(verified), dataset_name, dataset_digest, created, value
    )
