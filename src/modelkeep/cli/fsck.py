"""`modelkeep fsck`: read every stored file and say what is wrong."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections import Counter
from dataclasses import asdict

import click

from modelkeep.cli.options import of_registry, opened, settings_of
from modelkeep.config import Settings
from modelkeep.domain.actors import Actor
from modelkeep.domain.blobs import Finding, Progress
from modelkeep.domain.errors import ModelkeepError
from modelkeep.registry import findings

_DAMAGED = 1
_FAILED = 2
_TELL_SECONDS = 0.2


@click.command()
@of_registry
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line: each finding, then the summary.")
@click.option("--repair", is_flag=True, help="Delete orphaned files and quarantine damaged ones.")
@click.pass_context
def fsck(context: click.Context, data: str | None, database: str | None, as_json: bool, repair: bool) -> None:
    """Read every stored file and say which are missing, corrupt, orphaned, or no files of the store at all.

    Works beside a running server. Without --repair nothing is written. Ends with 0 when all is well, 1 when something
    was found, 2 when it could not run.
    """
    meter = _Meter()
    try:
        found = _inspect(settings_of(data, database), as_json, repair, meter)
    except (ModelkeepError, OSError) as error:
        meter.clear()
        click.echo(f"Error: {error}", err=True)
        context.exit(_FAILED)
    progress = meter.progress
    if as_json:
        click.echo(json.dumps({"files": progress.blobs, "bytes": progress.bytes, "found": dict(found)}))
    else:
        what = ", ".join(f"{count:,} {kind}" for kind, count in found.items()) or "all is well"
        click.echo(f"{progress.blobs:,} blobs, {progress.bytes:,} bytes read: {what}.")
    context.exit(_DAMAGED if found else 0)


def _inspect(settings: Settings, as_json: bool, repair: bool, meter: _Meter) -> Counter[str]:
    found: Counter[str] = Counter()
    with opened(settings, check_only=True, read_only=not repair) as registry:
        actor = Actor(getpass.getuser(), "admin", False, "embedded")
        for finding in findings.inspect(actor, registry, repair, meter.tell):
            found[finding.kind] += 1
            meter.clear()
            click.echo(json.dumps(asdict(finding)) if as_json else _line(finding))
    meter.clear()
    return found


def _line(finding: Finding) -> str:
    needed = f" Needed by {', '.join(finding.needed_by)}." if finding.needed_by else ""
    done = " Repaired." if finding.repaired else ""
    # A file's name may hold anything; a terminal should not obey it.
    text = f"{finding.kind} {finding.place}: {finding.what}{needed}{done}"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class _Meter:
    """How far it is, on the last line of a terminal."""

    def __init__(self) -> None:
        self.progress = Progress()
        self._is_shown = sys.stderr.isatty()
        self._told = 0.0

    def tell(self, progress: Progress) -> None:
        self.progress = progress
        if self._is_shown and time.monotonic() - self._told > _TELL_SECONDS:
            self._told = time.monotonic()
            share = f"{progress.blobs:,} of {progress.all_blobs:,} blobs"
            sizes = f"{progress.bytes / 1e9:,.2f} of {progress.all_bytes / 1e9:,.2f} GB"
            click.echo(f"\r\x1b[K{share}, {sizes}", nl=False, err=True)

    def clear(self) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)
