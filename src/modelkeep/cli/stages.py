"""`modelkeep stage`: the stages, and which versions are in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, number_of, version_argument
from modelkeep.client.addresses import OfVersion
from modelkeep.domain.errors import Invalid

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@click.group()
def stage() -> None:
    """Move versions to a stage."""


@stage.command(name="set")
@version_argument
@click.argument("stage")
@click.option("--archive-existing", is_flag=True, help="Move the other versions of that stage to Archived.")
@connected()
def set_stage(client: Client, named: OfVersion, stage: str, archive_existing: bool, as_json: bool) -> None:
    """Move a version to a stage.

    For example: modelkeep stage set churn/3 Production --archive-existing
    """
    version = client.transition_model_version_stage(
        named.name, number_of(client, named), stage, archive_existing_versions=archive_existing
    )
    if as_json:
        outputs.document(version.to_dictionary())
    else:
        outputs.said(f"Version {version.version} of '{version.name}' is in {version.current_stage}.")


@stage.command()
@click.argument("name")
@connected()
def show(client: Client, name: str, as_json: bool) -> None:
    """Show the newest version in each stage of a registered model."""
    found = {version.current_stage: version for version in client.get_latest_versions(name)}
    versions = [found[stage] for stage in client.get_stages().stages if stage in found]
    if as_json:
        outputs.document([version.to_dictionary() for version in versions])
    else:
        outputs.table(
            ("stage", "version", "aliases", "created"),
            (
                (each.current_stage, each.version, each.aliases, outputs.moment(each.creation_timestamp))
                for each in versions
            ),
        )


@stage.command(name="list")
@connected()
def list_stages(client: Client, as_json: bool) -> None:
    """List the stages of the registry, and which may follow each."""
    found = client.get_stages()
    if as_json:
        outputs.document(found.to_dictionary())
    else:
        outputs.table(
            ("stage", "may be followed by"),
            (
                (name, ", ".join(found.transitions[name]) if name in found.transitions else "any")
                for name in found.stages
            ),
        )


@stage.command()
@click.argument("file", type=click.Path(dir_okay=False))
@connected()
def configure(client: Client, file: str, as_json: bool) -> None:
    """Set the stages of the registry from a file of YAML.

    It has `stages`, a list of names with MLflow's four among them, and if wanted `transitions`, the stages that may follow
    some of them.
    """
    from modelkeep.client.policies import read

    document = read(Path(file))
    if unknown := [key for key in document if key not in ("stages", "transitions")]:
        raise Invalid(f"The file '{file}' has {unknown[0]!r}; it may have 'stages' and 'transitions'.")
    found = client.call("stages.configure", **document)
    if as_json:
        outputs.document({"stages": found.stages, "transitions": found.transitions or {}})
    else:
        outputs.said(f"The stages are {', '.join(found.stages)}.")
