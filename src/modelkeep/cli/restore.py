"""`modelkeep restore`: make a data folder from a backup."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from modelkeep.cli.backup import complain, copied_shape, local_actor, progress_on_terminal, size_text
from modelkeep.cli.options import refuse_server, settings_of
from modelkeep.registry import backups as verbs


@click.command()
@click.argument("folder", metavar="DIR")
@click.option("--data", default=None, help="Data folder to make; it is empty or does not exist. [MODELKEEP_DATA]")
@click.option(
    "--database", default=None, help="Not restored by this command: see docs/postgresql.md. [MODELKEEP_DATABASE]"
)
@click.option(
    "--position", type=int, default=None, help="Event position of the snapshot to take. [default: the newest]"
)
@click.option("--allow-missing", is_flag=True, help="Restore even if files are missing or damaged in DIR.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(
    folder: str, data: str | None, database: str | None, position: int | None, allow_missing: bool, as_json: bool
) -> None:
    """Make a data folder from the backup in DIR, checking every byte.

    Ends with 0 when the data folder was made, else with 1: then files that are missing or damaged in DIR are named,
    or it says what else was wrong.
    """
    settings = settings_of(data, database)
    refuse_server(settings, "put back the folder 'blobs' of the data folder, and then the database with pg_restore.")
    target = settings.data
    with_progress, end_progress = progress_on_terminal()
    try:
        snapshot, copy, made = verbs.restore(
            local_actor(),
            Path(folder),
            Path(target),
            position=position,
            allow_missing=allow_missing,
            progress=with_progress,
        )
    finally:
        end_progress()
    if as_json:
        shape = {"snapshot": snapshot.name, "position": snapshot.position, "restored": made}
        click.echo(json.dumps(shape | copied_shape(copy)))
    elif made:
        click.echo(
            f"Snapshot {snapshot.name} is restored in {target}: {copy.copied_files:,} files "
            f"({size_text(copy.copied_bytes)}). Start it with `modelkeep serve --data {target}`."
        )
    complain(copy, f"in {folder}")
    if not made:
        click.echo(
            "Nothing was restored. Copy those files anew with `modelkeep backup --verify` if the registry still has them, "
            "take another snapshot with --position, or do without them with --allow-missing.",
            err=True,
        )
        sys.exit(1)
