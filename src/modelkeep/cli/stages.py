"""`modelkeep stage`: None, Staging, Production and Archived."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, number_of, version_argument
from modelkeep.client.addresses import OfVersion
from modelkeep.domain.stages import STAGES

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@click.group()
def stage() -> None:
    """Move versions to a stage."""


@stage.command(name="set")
@version_argument
@click.argument("stage", type=click.Choice(STAGES, case_sensitive=False))
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
    versions = [found[stage] for stage in STAGES if stage in found]
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
