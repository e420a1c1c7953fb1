"""The `modelkeep` command. A noun's module is imported when the noun is named, so that none pays for another."""

from __future__ import annotations

import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from modelkeep.cli import codes
from modelkeep.domain.errors import ModelkeepError
from modelkeep.version import VERSION


class Place(NamedTuple):
    """Where a command is, and its summary: `modelkeep --help` would have to load all of them for it.

    Attributes:
        has_codes: an error has a code of its own kind; commands that work on a data folder end with 1 for any.
    """

    module: str
    attribute: str
    summary: str
    has_codes: bool = True


# In the order of `modelkeep --help`.
COMMANDS = {
    "models": Place("models", "models", "List, make, describe and delete registered models."),
    "versions": Place("versions", "versions", "List, compare, download, describe and delete versions."),
    "alias": Place("aliases", "alias", "Point aliases, such as @champion, at versions."),
    "stage": Place("stages", "stage", "Move versions to a stage."),
    "register": Place("register", "register", "Register files as the next version of a model."),
    "verify": Place("verify", "verify", "Compare every file of a version with its manifest."),
    "validate": Place("validate", "validate", "Measure a version, judge it, and record what came out."),
    "evidence": Place("evidence", "evidence", "Add and list what was measured of a version's files."),
    "runs": Place("runs", "runs", "List and show runs."),
    "experiments": Place("experiments", "experiments", "List and show experiments."),
    "events": Place("events", "events", "Show what changed in the registry, oldest first."),
    "doctor": Place("doctor", "doctor", "Check that the registry can be used from here."),
    "import": Place("import_", "import_", "Bring what another registry has."),
    "serve": Place("serve", "serve", "Run the server.", has_codes=False),
    "tokens": Place("tokens", "tokens", "Make, list and revoke tokens.", has_codes=False),
    "backup": Place("backup", "backup", "Back a registry up, while its server runs or not.", has_codes=False),
    "restore": Place("restore", "restore", "Make a data folder from a backup.", has_codes=False),
    "fsck": Place("fsck", "fsck", "Read every stored file and say what is wrong.", has_codes=False),
    "completion": Place("completion", "completion", "Print a script that makes a shell complete."),
}


class Commands(click.Group):
    """A group that loads a command when it is used, and ends with one line and a code when something is wrong."""

    def list_commands(self, context: click.Context) -> list[str]:
        """The names of every command."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name, or None."""
        place = COMMANDS.get(name)
        if place is None:
            return None
        command: click.Command = getattr(importlib.import_module(f"modelkeep.cli.{place.module}"), place.attribute)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands of `--help`."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in COMMANDS.items()])

    def shell_complete(self, context: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands, or the options, that begin with what was typed."""
        found = [CompletionItem(name, help=place.summary) for name, place in COMMANDS.items()]
        return [
            *(item for item in found if item.value.startswith(incomplete)),
            *click.Command.shell_complete(self, context, incomplete),
        ]

    def invoke(self, context: click.Context) -> Any:
        """Run the command that was named, and turn what went wrong into a line and a code."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
            return result
        except ModelkeepError as error:
            place = COMMANDS[context.invoked_subcommand or ""]
            raise Failed(error.message, codes.of(error) if place.has_codes else codes.REFUSED) from None
        except KeyboardInterrupt:
            context.exit(codes.INTERRUPTED)
        except OSError as error:
            if error.errno != errno.EPIPE:
                raise Failed(str(error), codes.REFUSED) from None
            # Whoever reads this has read enough, as `head` does. What is still buffered goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            context.exit(codes.OK)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command line and exit with its code, or return it when `standalone_mode` is off."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            # A name that the terminal's encoding lacks is shown escaped, as it is on standard error.
            sys.stdout.reconfigure(errors="backslashreplace")
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, False, **extra)
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
            sys.exit(code if isinstance(code, int) else codes.OK)
        except click.Abort:
            _say("Nothing was done.")
            sys.exit(codes.REFUSED)
        except click.UsageError as error:
            command = error.ctx.command_path if error.ctx else "modelkeep"
            _say(f"{error.format_message()} See `{command} --help`.")
            sys.exit(codes.USAGE)
        except click.ClickException as error:
            _say(error.format_message())
            sys.exit(error.exit_code)
        except Failed as error:
            _say(str(error))
            sys.exit(error.code)


class Failed(Exception):
    """What went wrong in a command, and the code that it ends with."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def _say(message: str) -> None:
    """One line on standard error, whatever is in the message."""
    text = " ".join(message.split())
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    click.echo(f"Error: {shown}", err=True)


@click.group("modelkeep", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="modelkeep")
def main() -> None:
    """A model registry that speaks MLflow's API.

    Commands that talk to a registry take its address from --uri, else from MODELKEEP_URI; a server's token from
    MODELKEEP_TOKEN.
    """
