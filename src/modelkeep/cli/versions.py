"""`modelkeep versions`: the versions of registered models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import (
    connected,
    every,
    filtered,
    find,
    is_sure,
    limited,
    number_of,
    ordered,
    text_of,
    version_argument,
    versions_argument,
)
from modelkeep.client.addresses import OfVersion
from modelkeep.domain.errors import NotFound

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import ModelVersion, Run

_PAGE = 10_000


@click.group()
def versions() -> None:
    """List, compare, download, describe and delete versions.

    VERSION is written as churn/3, churn@champion, churn/Production or churn/latest, with or without models:/ before it.
    """


@versions.command(name="list")
@click.argument("name", required=False)
@filtered
@ordered
@limited
@connected()
def list_versions(
    client: Client,
    name: str | None,
    filter_string: str | None,
    order_by: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """List versions, of one registered model or of all, the last changed first.

    Prints for each its model, number, stage, aliases, when it was made, and the run it comes from.
    """
    if name is not None:
        client.get_registered_model(name)  # a name that does not exist is an error, and not an empty list
        of_model = f"name = '{name.replace(chr(39), chr(39) * 2)}'"
        filter_string = f"{of_model} AND {_one_term(filter_string)}" if filter_string else of_model
    found = every(
        lambda size, token: client.search_model_versions(filter_string, size, list(order_by) or None, token),
        limit,
        _PAGE,
    )
    if as_json:
        outputs.document([version.to_dictionary() for version in found])
        return
    outputs.table(
        ("name", "version", "stage", "aliases", "created", "run"),
        (
            (
                version.name,
                version.version,
                version.current_stage,
                version.aliases,
                outputs.moment(version.creation_timestamp),
                version.run_id,
            )
            for version in found
        ),
    )


def _one_term(filter_string: str) -> str:
    # MLflow's own server knows neither parentheses nor OR.
    return f"({filter_string})" if re.search(r"\bor\b", filter_string, re.IGNORECASE) else filter_string


@versions.command()
@version_argument
@connected()
def show(client: Client, named: OfVersion, as_json: bool) -> None:
    """Show a version: where it comes from, its stage, aliases, tags and description."""
    version = find(client, named)
    if as_json:
        outputs.document(version.to_dictionary())
        return
    outputs.fields(
        [
            ("name", version.name),
            ("version", version.version),
            ("stage", version.current_stage),
            ("aliases", version.aliases),
            ("status", version.status),
            ("created", outputs.moment(version.creation_timestamp)),
            ("updated", outputs.moment(version.last_updated_timestamp)),
            ("user", version.user_id),
            ("source", version.source),
            ("run", version.run_id),
            *((f"tag {key}", value) for key, value in version.tags.items()),
            ("description", version.description),
        ]
    )


@versions.command()
@version_argument
@connected()
def files(client: Client, named: OfVersion, as_json: bool) -> None:
    """List the files of a version: path, size in bytes, SHA-256."""
    found = client.list_model_version_files(named.name, number_of(client, named))
    if as_json:
        outputs.document([file.to_dictionary() for file in found])
    else:
        outputs.table(
            ("path", "size", "sha-256"), ((file.path, outputs.size_text(file.size), file.digest) for file in found)
        )


@versions.command()
@version_argument
@click.argument("path", required=False, default="")
@click.option("--to", metavar="DIR", help="Folder to write to. [default: NAME-NUMBER, here]")
@connected()
def download(client: Client, named: OfVersion, path: str, to: str | None, as_json: bool) -> None:
    """Copy the files of a version, or the file or folder at PATH in it, to a folder on this machine.

    Every file is checked against the manifest of the version. Prints where they are.
    """
    from modelkeep.client import artifacts

    number = number_of(client, named)
    place = artifacts.download(client, OfVersion(named.name, number), to or f"{named.name}-{number}", path)
    if as_json:
        outputs.document({"name": named.name, "version": number, "path": str(place)})
    else:
        outputs.said(str(place))


@versions.command()
@version_argument
@click.argument("key")
@click.argument("value")
@connected()
def tag(client: Client, named: OfVersion, key: str, value: str, as_json: bool) -> None:
    """Set a tag of a version."""
    number = number_of(client, named)
    client.set_model_version_tag(named.name, number, key, value)
    _changed(client, named.name, number, f"has the tag '{key}' = '{value}'", as_json)


@versions.command()
@version_argument
@click.argument("key")
@connected()
def untag(client: Client, named: OfVersion, key: str, as_json: bool) -> None:
    """Delete a tag of a version. One that is not there is no error."""
    number = number_of(client, named)
    client.delete_model_version_tag(named.name, number, key)
    _changed(client, named.name, number, f"has no tag '{key}'", as_json)


@versions.command()
@version_argument
@click.argument("text", required=False)
@click.option("--file", metavar="FILE", help="Take the text from a file; - is standard input.")
@connected()
def describe(client: Client, named: OfVersion, text: str | None, file: str | None, as_json: bool) -> None:
    """Replace a version's description."""
    number = number_of(client, named)
    client.update_model_version(named.name, number, text_of(text, file))
    _changed(client, named.name, number, "has a new description", as_json)


@versions.command()
@version_argument
@connected()
def pin(client: Client, named: OfVersion, as_json: bool) -> None:
    """Pin a version that was registered before its files arrived to the files that are at its source now."""
    number = number_of(client, named)
    client.pin_model_version(named.name, number)
    _changed(client, named.name, number, "is pinned", as_json)


@versions.command()
@version_argument
@is_sure
@connected()
def delete(client: Client, named: OfVersion, is_sure: bool, as_json: bool) -> None:
    """Delete a version. `modelkeep versions restore` brings it back."""
    number = number_of(client, named)
    outputs.confirm(f"Delete version {number} of '{named.name}'?", is_sure)
    client.delete_model_version(named.name, number)
    if as_json:
        outputs.document({"name": named.name, "version": number, "deleted": True})
    else:
        outputs.said(f"Version {number} of '{named.name}' was deleted. `modelkeep versions restore` brings it back.")


@versions.command()
@version_argument
@connected()
def restore(client: Client, named: OfVersion, as_json: bool) -> None:
    """Bring back a deleted version, in stage None."""
    if named.number is None:
        raise click.UsageError("Name a deleted version by its number, as in churn/3.")
    client.restore_model_version(named.name, named.number)
    _changed(client, named.name, named.number, "is back", as_json)


def _changed(client: Client, name: str, number: str, what: str, as_json: bool) -> None:
    if as_json:
        outputs.document(client.get_model_version(name, number).to_dictionary())
    else:
        outputs.said(f"Version {number} of '{name}' {what}.")


@versions.command()
@versions_argument
@click.option("--differing", is_flag=True, help="Leave out what is the same in all of them.")
@connected()
def compare(client: Client, named: tuple[OfVersion, ...], differing: bool, as_json: bool) -> None:
    """Show versions side by side: stage, aliases, tags, and the metrics and params of their runs.

    For example: modelkeep versions compare churn/3 churn/4 churn@champion
    """
    found = [find(client, each) for each in named]
    runs = [_run_of(client, version) for version in found]
    parts: dict[str, list[dict[str, Any]]] = {
        "stage": [{"stage": version.current_stage} for version in found],
        "aliases": [{"aliases": version.aliases} for version in found],
        "metrics": [run.data.metrics if run else {} for run in runs],
        "params": [run.data.params if run else {} for run in runs],
        "tags": [version.tags for version in found],
    }
    lines = [
        (part, key, values)
        for part, columns in parts.items()
        for key, values in _side_by_side(columns)
        if not differing or any(value != values[0] for value in values)
    ]
    if as_json:
        outputs.document(
            {
                "versions": [version.to_dictionary() for version in found],
                **{
                    part: {key: values for of, key, values in lines if of == part}
                    for part in ("metrics", "params", "tags")
                },
            }
        )
        return
    titles = {"metrics": "metric", "params": "param", "tags": "tag"}
    outputs.table(
        ("", *(f"{version.name}/{version.version}" for version in found)),
        ((f"{titles[part]} {key}" if part in titles else key, *values) for part, key, values in lines),
        is_headed=True,
    )


def _run_of(client: Client, version: ModelVersion) -> Run | None:
    if not version.run_id:
        return None
    try:
        return client.get_run(version.run_id)
    except NotFound:  # a version may name a run of another registry
        return None


def _side_by_side(columns: list[dict[str, Any]]) -> Iterable[tuple[str, list[Any]]]:
    """Each key of any of the columns, in order, with its value in each; None where there is none."""
    for key in sorted({key for column in columns for key in column}):
        yield key, [column.get(key) for column in columns]
