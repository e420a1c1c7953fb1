"""The `modelkeep` command."""

from __future__ import annotations

import click

from modelkeep.cli.backup import backup
from modelkeep.cli.fsck import fsck
from modelkeep.cli.import_ import import_
from modelkeep.cli.restore import restore
from modelkeep.cli.serve import serve
from modelkeep.cli.tokens import tokens
from modelkeep.domain.errors import ModelkeepError
from modelkeep.version import VERSION


class Commands(click.Group):
    """A group whose commands end with one line on standard error when something is wrong."""

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except ModelkeepError as error:
            raise click.ClickException(error.message) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="modelkeep")
def main() -> None:
    """A model registry that speaks MLflow's API."""


main.add_command(fsck)
main.add_command(import_)
main.add_command(backup)
main.add_command(restore)
main.add_command(serve)
main.add_command(tokens)
