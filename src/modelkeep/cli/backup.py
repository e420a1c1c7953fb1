"""`modelkeep backup`: copy a registry, while its server runs."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click

from modelkeep.cli.options import of_registry, refuse_server, settings_of
from modelkeep.domain.actors import Actor
from modelkeep.domain.backups import Copy, Snapshot
from modelkeep.registry import backups as verbs

_PROGRESS_SECONDS = 0.1


@click.command()
@click.argument("folder", metavar="DIR")
@of_registry
@click.option("--list", "as_list", is_flag=True, help="Show the snapshots in DIR instead of making one.")
@click.option("--verify", is_flag=True, help="Read the files already in DIR as well, and copy damaged ones anew.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def backup(folder: str, data: str | None, database: str | None, as_list: bool, verify: bool, as_json: bool) -> None:
    """Back the registry up into DIR, while its server runs or not.

    Files that DIR has already are not copied again. Ends with 0 when all of it is in DIR, else with 1: then files
    that are missing or damaged in the data folder were left out and are named, or nothing was made and it says why.
    """
    if as_list:
        _list(Path(folder), as_json)
        return
    settings = settings_of(data, database)
    refuse_server(settings, "dump it with pg_dump, and copy the folder 'blobs' of the data folder afterwards.")
    started = time.monotonic()
    with_progress, end_progress = progress_on_terminal()
    try:
        snapshot, copy = verbs.make(
            local_actor(), Path(settings.data), Path(folder), verify=verify, progress=with_progress
        )
    finally:
        end_progress()
    if as_json:
        click.echo(json.dumps(_shape(snapshot) | copied_shape(copy)))
    else:
        click.echo(
            f"Snapshot {snapshot.name} of {snapshot.files:,} files ({size_text(snapshot.size)}) is in {folder}: "
            f"{copy.copied_files:,} copied ({size_text(copy.copied_bytes)}), {copy.present_files:,} were there. "
            f"It took {time.monotonic() - started:.1f} s."
        )
    complain(copy, f"in {settings.data}")
    if not copy.whole:
        sys.exit(1)


def _list(folder: Path, as_json: bool) -> None:
    found = verbs.list_all(local_actor(), folder)
    if as_json:
        click.echo(json.dumps([_shape(snapshot) for snapshot in found]))
        return
    for snapshot in found:
        moment = datetime.fromtimestamp(snapshot.created_timestamp / 1000, UTC)
        lost = len(snapshot.missing) + len(snapshot.damaged)
        click.echo(
            f"{snapshot.name}  position {snapshot.position}  {moment:%Y-%m-%d %H:%M} UTC  {snapshot.files:,} files  "
            f"{size_text(snapshot.size)}{f'  {lost:,} left out' if lost else ''}"
        )


def _shape(snapshot: Snapshot) -> dict[str, object]:
    return {"snapshot": snapshot.name} | asdict(snapshot)


def copied_shape(copy: Copy) -> dict[str, object]:
    """What was copied, and what could not be."""
    return {
        "copied_files": copy.copied_files,
        "copied_bytes": copy.copied_bytes,
        "present_files": copy.present_files,
        "missing": copy.missing,
        "damaged": copy.damaged,
    }


def complain(copy: Copy, where: str) -> None:
    """Name what could not be copied, a line each, on standard error."""
    for digest in copy.missing:
        click.echo(f"missing {where}: {digest}", err=True)
    for digest in copy.damaged:
        click.echo(f"damaged {where}: {digest}", err=True)


def local_actor() -> Actor:
    """Whoever runs the command on the machine that holds the folders."""
    return Actor(getpass.getuser(), "admin", False, "embedded")


def progress_on_terminal() -> tuple[Callable[[Copy], None], Callable[[], None]]:
    """What shows how far copying is, on standard error if that is a terminal, and what ends the line."""
    if not sys.stderr.isatty():
        return lambda copy: None, lambda: None
    shown = 0.0

    def show(copy: Copy) -> None:
        nonlocal shown
        if time.monotonic() - shown < _PROGRESS_SECONDS:
            return
        shown = time.monotonic()
        done = copy.copied_files + copy.present_files + len(copy.missing) + len(copy.damaged)
        click.echo(
            f"\r{done:,} of {copy.expected_files:,} files, {size_text(copy.copied_bytes)} copied ", nl=False, err=True
        )

    def end() -> None:
        if shown:
            click.echo(err=True)

    return show, end


def size_text(size: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
