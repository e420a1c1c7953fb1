"""A registered model: a name with versions, aliases and tags."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelkeep.domain.errors import AlreadyExists, NotFound
from modelkeep.domain.versions import Version

PROMPT_TAG = "mlflow.prompt.is_prompt"


@dataclass(slots=True)
class Model:
    """A registered model. Times are UTC milliseconds.

    `id` is for life and belongs to one model only; `name` is unique among live models. `tags` and `aliases` are
    lists of pairs: (key, value) and (alias, version number).
    """

    id: int
    name: str
    description: str | None
    user_id: str | None
    creation_timestamp: int
    last_updated_timestamp: int
    deleted_timestamp: int | None
    tags: list[list[str]]
    aliases: list[tuple[str, int]]
    latest_versions: list[Version] = field(default_factory=list)

    @property
    def is_prompt(self) -> bool:
        """Whether this is a prompt, which MLflow keeps in the same table and hides from model search."""
        return any(key == PROMPT_TAG and value.lower() == "true" for key, value in self.tags)


def not_found(name: str) -> NotFound:
    """The error that stock clients match by its text."""
    return NotFound(f"Registered Model with name={name} not found")


def already_exists(name: str) -> AlreadyExists:
    """The error that stock clients match by its text."""
    return AlreadyExists(f"Registered Model (name={name}) already exists.")
