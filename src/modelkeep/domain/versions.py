"""A version of a registered model."""

from __future__ import annotations

from dataclasses import dataclass

from modelkeep.domain.errors import NotFound

READY = "READY"


@dataclass(slots=True)
class Version:
    """A model version, identified by (model id, number). Times are UTC milliseconds.

    `promoted_timestamp` is when it entered its current stage. `manifest_id` is what it is pinned to, None when it is not.
    `tags` is a list of (key, value), `aliases` of names.
    """

    model_id: int
    name: str
    number: int
    current_stage: str
    status: str
    status_message: str | None
    source: str
    storage_location: str | None
    run_id: str | None
    run_link: str | None
    logged_model_id: str | None
    description: str | None
    user_id: str | None
    creation_timestamp: int
    last_updated_timestamp: int
    promoted_timestamp: int | None
    deleted_timestamp: int | None
    manifest_id: int | None
    tags: list[list[str]]
    aliases: list[str]


def not_found(name: str, number: int) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"Model Version (name={name}, version={number}) not found")
