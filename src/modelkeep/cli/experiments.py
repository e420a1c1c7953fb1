"""`modelkeep experiments`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, every, filtered, limited, ordered
from modelkeep.client.entities import ViewType
from modelkeep.domain.errors import NotFound

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import Experiment

_PAGE = 1000


@click.group()
def experiments() -> None:
    """List and show experiments."""


@experiments.command(name="list")
@filtered
@ordered
@limited
@connected()
def list_experiments(
    client: Client, filter_string: str | None, order_by: tuple[str, ...], limit: int | None, as_json: bool
) -> None:
    """List experiments, the newest first: id, name, when it was made."""
    found = every(
        lambda size, token: client.search_experiments(
            ViewType.ACTIVE_ONLY, size, filter_string, list(order_by) or None, token
        ),
        limit,
        _PAGE,
    )
    if as_json:
        outputs.document([experiment.to_dictionary() for experiment in found])
    else:
        outputs.table(
            ("id", "name", "created"),
            ((each.experiment_id, each.name, outputs.moment(each.creation_time)) for each in found),
        )


@experiments.command()
@click.argument("experiment")
@connected()
def show(client: Client, experiment: str, as_json: bool) -> None:
    """Show an experiment, by its name or id."""
    found = find_experiment(client, experiment)
    if as_json:
        outputs.document(found.to_dictionary())
        return
    outputs.fields(
        [
            ("id", found.experiment_id),
            ("name", found.name),
            ("state", found.lifecycle_stage),
            ("created", outputs.moment(found.creation_time)),
            ("updated", outputs.moment(found.last_update_time)),
            ("files", found.artifact_location),
            *((f"tag {key}", value) for key, value in found.tags.items()),
        ]
    )


def find_experiment(client: Client, given: str) -> Experiment:
    """The experiment of this name, else of this id.

    Raises:
        NotFound: there is neither.
    """
    found = client.get_experiment_by_name(given)
    if found is not None:
        return found
    if given.isdigit():
        return client.get_experiment(given)
    raise NotFound(f"There is no experiment '{given}'. `modelkeep experiments list` shows them.")
