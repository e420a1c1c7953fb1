"""The options that several commands have: where the registry is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from modelkeep import config
from modelkeep.config import Settings
from modelkeep.domain.errors import Invalid
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry

Command = TypeVar("Command", bound=Callable[..., Any])


def of_registry(command: Command) -> Command:
    """Give a command the options `--data` and `--database`."""
    data = click.option("--data", default=None, help="Data folder of the registry. [MODELKEEP_DATA]")
    database = click.option(
        "--database", default=None, help="Its PostgreSQL database, if it has one. [MODELKEEP_DATABASE]"
    )
    return data(database(command))


def settings_of(data: str | None, database: str | None) -> Settings:
    """The settings of a command that does not listen.

    Raises:
        Invalid: an option, a variable or the settings file is wrong.
    """
    return config.load({"data": data, "database": database, "insecure": True})


@contextmanager
def opened(settings: Settings, *, check_only: bool = False, read_only: bool = False) -> Iterator[Registry]:
    """The registry, open.

    Args:
        check_only: do not make it or bring it to the current schema, but refuse it.
        read_only: refuse every change.
    """
    folder, database = Path(settings.data), settings.database or None
    opening.prepare(folder, read_only=check_only, database=database)
    registry = opening.open_registry(folder, read_only=read_only, database=database)
    try:
        yield registry
    finally:
        opening.close(registry)


def refuse_server(settings: Settings, what: str) -> None:
    """Refuse to back up or restore a registry whose rows are in a database server.

    Args:
        what: how it is done there.
    Raises:
        Invalid: they are.
    """
    if settings.database:
        raise Invalid(
            f"The rows of this registry are in a PostgreSQL database, which has its own means: {what} See docs/postgresql.md."
        )
