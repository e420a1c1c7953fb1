"""`modelkeep verify`: is a version still what was registered?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelkeep.cli import codes, outputs
from modelkeep.cli.clients import connected, find, version_argument
from modelkeep.client.addresses import OfVersion

if TYPE_CHECKING:
    from modelkeep.client.client import Client


@click.command()
@version_argument
@connected()
@click.pass_context
def verify(context: click.Context, client: Client, named: OfVersion, as_json: bool) -> None:
    """Read every file of a version again and compare it with the manifest it was registered with.

    For example: modelkeep verify models:/churn/3

    Ends with 0 when every byte is right, else with 1, and names the files that are not.
    """
    from modelkeep.client import verifying

    version = find(client, named)
    checked = list(verifying.verify(client, version))
    wrong = [each for each in checked if each.problem is not None]
    size = sum(each.file.size for each in checked)
    if as_json:
        outputs.document(
            {
                "name": version.name,
                "version": version.version,
                "files": len(checked),
                "bytes": size,
                "wrong": [{**each.file.to_dictionary(), "problem": each.problem} for each in wrong],
            }
        )
    else:
        for each in wrong:
            outputs.said(f"{each.file.path}: {each.problem}")
        what = f"{len(wrong):,} of {len(checked):,} files are not what was registered" if wrong else "all is well"
        outputs.said(f"Version {version.version} of '{version.name}': {len(checked):,} files, {size:,} bytes: {what}.")
    if wrong:
        context.exit(codes.REFUSED)
