"""Rows of model versions and their tags."""

from __future__ import annotations

from typing import Any

import msgspec

from modelkeep.domain import versions
from modelkeep.domain.models import PROMPT_TAG
from modelkeep.domain.versions import Version
from modelkeep.storage import joins
from modelkeep.storage.database import Row, Transaction
from modelkeep.storage.ordering import CompiledOrder

# SQLite reads tags and aliases in the order of their keys, as they lie in the table, and would sort them again if told.
COLUMNS = """
    v.model_id, m.name, v.number, v.current_stage, v.status, v.status_message, v.source, v.storage_location, v.run_id,
    v.run_link, v.logged_model_id, v.description, v.user_id, v.creation_timestamp, v.last_updated_timestamp,
    v.promoted_timestamp, v.deleted_timestamp, v.manifest_id,
    (SELECT json_group_array(json_array(t.key, t.value) /*postgres ORDER BY t.key*/) FROM version_tags t
        WHERE t.model_id = v.model_id AND t.number = v.number),
    (SELECT json_group_array(a.alias /*postgres ORDER BY a.alias*/) FROM aliases a WHERE a.model_id = v.model_id AND a.number = v.number)
"""
_LIVE = "m.deleted_timestamp IS NULL AND v.deleted_timestamp IS NULL"
_OF_NUMBER = "v.model_id = m.id AND v.number = :number"
_OF_ALIAS = "b.model_id = m.id AND b.alias = :alias"
_WIDTH = 20
_NEWEST_IN_EACH = """(SELECT {} FROM versions s
                    WHERE s.model_id = {} AND s.deleted_timestamp IS NULL{}
                    ORDER BY s.current_stage DESC, s.number DESC LIMIT 1)"""
_BEFORE = " AND s.current_stage < n.stage"
_MOVE = """
    UPDATE versions SET current_stage = ?, promoted_timestamp = ?, last_updated_timestamp = ?
    WHERE model_id = ? AND number = ?
"""


def from_row(row: Row) -> Version:
    """A version from COLUMNS."""
    tags, aliases = row[18], row[19]
    return Version(  # type: ignore[call-arg] # mypy cannot count a slice
        *row[:18],
        msgspec.json.decode(tags) if tags != "[]" else [],
        msgspec.json.decode(aliases) if aliases != "[]" else [],
    )


def find(tx: Transaction, name: str, number: int) -> Version | None:
    """The live version of a live model, or None."""
    row = tx.one(
        f"""
        SELECT {COLUMNS} FROM models m CROSS JOIN {joins.each("versions", "v", _OF_NUMBER)}
        WHERE m.name = :name AND {_OF_NUMBER} AND {_LIVE}
        """,
        {"name": name, "number": number},
    )
    return None if row is None else from_row(row)


def get(tx: Transaction, name: str, number: int) -> Version:
    """The live version of a live model, or NotFound."""
    found = find(tx, name, number)
    if found is None:
        raise versions.not_found(name, number)
    return found


def find_by_alias(tx: Transaction, name: str, alias: str) -> Version | None:
    """The version that an alias of a live model points to, or None."""
    row = tx.one(
        f"""
        SELECT {COLUMNS} FROM models m CROSS JOIN {joins.each("aliases", "b", _OF_ALIAS)}
        CROSS JOIN {joins.each("versions", "v", "v.model_id = m.id AND v.number = b.number")}
        WHERE m.name = :name AND {_OF_ALIAS} AND v.model_id = m.id AND v.number = b.number AND {_LIVE}
        """,
        {"name": name, "alias": alias},
    )
    return None if row is None else from_row(row)


def find_newest(tx: Transaction, model_id: int) -> Version | None:
    """The live version with the highest number, or None."""
    row = tx.one(
        f"""
        SELECT {COLUMNS} FROM models m JOIN versions v ON v.model_id = m.id
        WHERE m.id = :id AND {_LIVE} ORDER BY v.number DESC LIMIT 1
        """,
        {"id": model_id},
    )
    return None if row is None else from_row(row)


def find_deleted(tx: Transaction, model_id: int, number: int) -> Version | None:
    """The deleted version, or None."""
    row = tx.one(
        f"""
        SELECT {COLUMNS} FROM models m JOIN versions v ON v.model_id = m.id
        WHERE m.id = :id AND v.number = :number AND v.deleted_timestamp IS NOT NULL
        """,
        {"id": model_id, "number": number},
    )
    return None if row is None else from_row(row)


def latest(tx: Transaction, model_ids: list[int]) -> list[Version]:
    """The newest live version of every stage, of each of the models.

    Steps from stage to stage in the index instead of reading every version, so the cost does not grow with them. The
    subqueries order by the stage although its newest number is all they need: it ties them to that index. PostgreSQL has
    one of them for both columns.
    """
    rows = tx.all(
        f"""
        WITH RECURSIVE newest (model_id, stage, number) AS (
            SELECT ids.value, /*sqlite*/{_NEWEST_IN_EACH.format("s.current_stage", "ids.value", "")},
                {_NEWEST_IN_EACH.format("s.number", "ids.value", "")}
            FROM json_each(:model_ids) AS ids/*postgres s.current_stage, s.number
            FROM (SELECT cast(json_array_elements_text(cast(:model_ids AS json)) AS bigint) AS value) AS ids
            CROSS JOIN LATERAL {_NEWEST_IN_EACH.format("s.current_stage, s.number", "ids.value", "")} AS s*/
            UNION ALL
            SELECT n.model_id, /*sqlite*/{_NEWEST_IN_EACH.format("s.current_stage", "n.model_id", _BEFORE)},
                {_NEWEST_IN_EACH.format("s.number", "n.model_id", _BEFORE)}
            FROM newest n WHERE n.stage IS NOT NULL/*postgres s.current_stage, s.number
            FROM newest n CROSS JOIN LATERAL {_NEWEST_IN_EACH.format("s.current_stage, s.number", "n.model_id", _BEFORE)} AS s*/
        )
        SELECT {COLUMNS} FROM newest n
        CROSS JOIN {joins.each("versions", "v", "v.model_id = n.model_id AND v.number = n.number")}
        CROSS JOIN {joins.each("models", "m", "m.id = v.model_id")}
        WHERE v.model_id = n.model_id AND v.number = n.number AND m.id = v.model_id
        /*postgres ORDER BY n.model_id, n.stage DESC*/
        """,
        {"model_ids": msgspec.json.encode(model_ids).decode()},
    )
    return [from_row(row) for row in rows]


def numbers_in_stage(tx: Transaction, model_id: int, stage: str) -> list[int]:
    """The numbers of the live versions in a stage, oldest first."""
    rows = tx.all(
        """
        SELECT number FROM versions
        WHERE model_id = :id AND current_stage = :stage AND deleted_timestamp IS NULL ORDER BY number
        """,
        {"id": model_id, "stage": stage},
    )
    return [row[0] for row in rows]


def is_prompt(version: Version) -> bool:
    """Whether a version is one of a prompt, which has no files."""
    return any(key == PROMPT_TAG for key, _ in version.tags)


def pin(tx: Transaction, model_id: int, number: int, now: int, manifest_id: int, location: str) -> None:
    """Pin a version to a manifest, whose files are at a location."""
    update(tx, model_id, number, now, manifest_id=manifest_id, storage_location=location)


def insert(tx: Transaction, version: Version) -> None:
    """Insert a version with its tags; aliases are rows of their own."""
    tx.run(
        """
        INSERT INTO versions (model_id, number, current_stage, status, source, storage_location, run_id, run_link,
            logged_model_id, description, user_id, creation_timestamp, last_updated_timestamp, manifest_id)
        VALUES (:model_id, :number, :current_stage, :status, :source, :storage_location, :run_id, :run_link,
            :logged_model_id, :description, :user_id, :creation_timestamp, :last_updated_timestamp, :manifest_id)
        """,
        {
            "model_id": version.model_id,
            "number": version.number,
            "current_stage": version.current_stage,
            "status": version.status,
            "source": version.source,
            "storage_location": version.storage_location,
            "run_id": version.run_id,
            "run_link": version.run_link,
            "logged_model_id": version.logged_model_id,
            "description": version.description,
            "user_id": version.user_id,
            "creation_timestamp": version.creation_timestamp,
            "last_updated_timestamp": version.last_updated_timestamp,
            "manifest_id": version.manifest_id,
        },
    )
    if version.tags:
        tx.many(
            "INSERT INTO version_tags (model_id, number, key, value, last_updated_timestamp) VALUES (?, ?, ?, ?, ?)",
            [
                (version.model_id, version.number, key, value, version.last_updated_timestamp)
                for key, value in version.tags
            ],
        )


def move(tx: Transaction, model_id: int, number: int, now: int, stage: str) -> None:
    """Put a version into a stage, now."""
    tx.run(_MOVE, (stage, now, now, model_id, number))


def update(tx: Transaction, model_id: int, number: int, now: int, **columns: Any) -> None:
    """Set columns of a version and its last update."""
    settings = "".join(f"{column} = :{column}, " for column in columns)
    tx.run(
        f"UPDATE versions SET {settings}last_updated_timestamp = :now WHERE model_id = :model_id AND number = :number",
        {**columns, "now": now, "model_id": model_id, "number": number},
    )


def set_tag(tx: Transaction, model_id: int, number: int, key: str, value: str) -> bool:
    """Set a tag; False when it had that value already."""
    changed = tx.run(
        """
        INSERT INTO version_tags (model_id, number, key, value, last_updated_timestamp)
        VALUES (:id, :number, :key, :value,
            (SELECT last_updated_timestamp FROM versions WHERE model_id = :id AND number = :number))
        ON CONFLICT (model_id, number, key) DO UPDATE SET value = excluded.value
            WHERE version_tags.value <> excluded.value
        """,
        {"id": model_id, "number": number, "key": key, "value": value},
    )
    return changed > 0


def delete_tag(tx: Transaction, model_id: int, number: int, key: str) -> bool:
    """Delete a tag; False when there was none."""
    changed = tx.run(
        "DELETE FROM version_tags WHERE model_id = :id AND number = :number AND key = :key",
        {"id": model_id, "number": number, "key": key},
    )
    return changed > 0


def page(
    tx: Transaction, tables: str, condition: str, order: CompiledOrder, parameters: dict[str, Any]
) -> list[tuple[Version, list[Any]]]:
    """Live versions of live models that meet a condition, in order, each with its keyset key.

    Args:
        tables: what is searched and what leads there: see `storage.leads`.
        parameters: those of the condition and the order, and `limit`.
    """
    rows = tx.all(order.page(COLUMNS, _WIDTH, f"FROM {tables} WHERE {_LIVE} AND {condition}"), parameters)
    return [(from_row(row), list(row[_WIDTH:])) for row in rows]


def get_owner(tx: Transaction, name: str, number: int) -> int:
    """The id of the live model that has this live version, or NotFound."""
    row = tx.one(
        f"""
        SELECT m.id FROM models m CROSS JOIN {joins.each("versions", "v", _OF_NUMBER)}
        WHERE m.name = :name AND {_OF_NUMBER} AND {_LIVE}
        """,
        {"name": name, "number": number},
    )
    if row is None:
        raise versions.not_found(name, number)
    return row[0]


def any_in_stage(tx: Transaction, stage: str) -> tuple[str, int] | None:
    """The name and number of a version that is in a stage, None when there is none."""
    row = tx.one(
        """
        SELECT m.name, v.number FROM versions v JOIN models m ON m.id = v.model_id
        WHERE v.current_stage = :stage AND v.current_stage <> 'None' AND v.deleted_timestamp IS NULL LIMIT 1
        """,
        {"stage": stage},
    )
    return None if row is None else (row[0], row[1])
