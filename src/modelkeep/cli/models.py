"""`modelkeep models`: registered models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, every, filtered, is_sure, limited, ordered, pairs_of, text_of

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import RegisteredModel

_PAGE = 1000
_name = click.argument("name")


@click.group()
def models() -> None:
    """List, make, describe and delete registered models."""


@models.command(name="list")
@filtered
@ordered
@limited
@connected()
def list_models(
    client: Client, filter_string: str | None, order_by: tuple[str, ...], limit: int | None, as_json: bool
) -> None:
    """List registered models, by name.

    Prints for each its name, the number of its newest version, its aliases, when it was last changed, and the first
    line of its description.
    """
    found = every(
        lambda size, token: client.search_registered_models(filter_string, size, list(order_by) or None, token),
        limit,
        _PAGE,
    )
    if as_json:
        outputs.document([model.to_dictionary() for model in found])
        return
    outputs.table(
        ("name", "newest", "aliases", "updated", "description"),
        (
            (
                model.name,
                _newest(model),
                model.aliases,
                outputs.moment(model.last_updated_timestamp),
                (model.description or "").strip().partition("\n")[0],
            )
            for model in found
        ),
    )


def _newest(model: RegisteredModel) -> int | None:
    return max((int(version.version) for version in model.latest_versions), default=None)


@models.command()
@_name
@connected()
def show(client: Client, name: str, as_json: bool) -> None:
    """Show a registered model: its aliases, tags, description, and the newest version of each stage."""
    _print(client.get_registered_model(name), as_json)


def _print(model: RegisteredModel, as_json: bool) -> None:
    if as_json:
        outputs.document(model.to_dictionary())
        return
    stages = {version.current_stage: version.version for version in model.latest_versions}
    outputs.fields(
        [
            ("name", model.name),
            ("created", outputs.moment(model.creation_timestamp)),
            ("updated", outputs.moment(model.last_updated_timestamp)),
            ("newest", _newest(model)),
            ("stages", stages),
            ("aliases", model.aliases),
            *((f"tag {key}", value) for key, value in model.tags.items()),
            ("description", model.description),
        ]
    )


def _done(model: RegisteredModel, sentence: str, as_json: bool) -> None:
    if as_json:
        outputs.document(model.to_dictionary())
    else:
        outputs.said(sentence)


@models.command()
@_name
@click.option("--description", help="What it is.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag. Repeatable.")
@connected(makes=True)
def create(client: Client, name: str, description: str | None, tags: tuple[str, ...], as_json: bool) -> None:
    """Make a registered model without versions."""
    model = client.create_registered_model(name, dict(pairs_of(tags)), description)
    _done(model, f"Registered model '{model.name}' was made.", as_json)


@models.command()
@_name
@click.argument("new_name")
@connected()
def rename(client: Client, name: str, new_name: str, as_json: bool) -> None:
    """Give a registered model another name. Its versions, aliases and history stay with it."""
    model = client.rename_registered_model(name, new_name)
    _done(model, f"Registered model '{name}' is called '{model.name}' now.", as_json)


@models.command()
@_name
@click.argument("text", required=False)
@click.option("--file", metavar="FILE", help="Take the text from a file; - is standard input.")
@connected()
def describe(client: Client, name: str, text: str | None, file: str | None, as_json: bool) -> None:
    """Replace a registered model's description."""
    model = client.update_registered_model(name, text_of(text, file))
    _done(model, f"Registered model '{name}' has a new description.", as_json)


@models.command()
@_name
@click.argument("key")
@click.argument("value")
@connected()
def tag(client: Client, name: str, key: str, value: str, as_json: bool) -> None:
    """Set a tag of a registered model."""
    client.set_registered_model_tag(name, key, value)
    _changed(client, name, f"Tag '{key}' of registered model '{name}' is '{value}'.", as_json)


@models.command()
@_name
@click.argument("key")
@connected()
def untag(client: Client, name: str, key: str, as_json: bool) -> None:
    """Delete a tag of a registered model. One that is not there is no error."""
    client.delete_registered_model_tag(name, key)
    _changed(client, name, f"Registered model '{name}' has no tag '{key}'.", as_json)


def _changed(client: Client, name: str, sentence: str, as_json: bool) -> None:
    if as_json:
        _print(client.get_registered_model(name), as_json)
    else:
        outputs.said(sentence)


@models.command()
@_name
@is_sure
@connected()
def delete(client: Client, name: str, is_sure: bool, as_json: bool) -> None:
    """Delete a registered model with its versions. `modelkeep models restore` brings it back."""
    outputs.confirm(f"Delete registered model '{name}' with all of its versions?", is_sure)
    client.delete_registered_model(name)
    if as_json:
        deleted: dict[str, Any] = {"name": name, "deleted": True}
        outputs.document(deleted)
    else:
        outputs.said(f"Registered model '{name}' was deleted. `modelkeep models restore` brings it back.")


@models.command()
@_name
@connected()
def restore(client: Client, name: str, as_json: bool) -> None:
    """Bring back the registered model of this name that was deleted last."""
    model = client.restore_registered_model(name)
    _done(model, f"Registered model '{model.name}' is back.", as_json)
