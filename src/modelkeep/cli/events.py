"""`modelkeep events`: what changed, and what is changing."""

from __future__ import annotations

import errno
import re
import select
import stat
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from os import fstat
from typing import TYPE_CHECKING, Any

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected
from modelkeep.domain.errors import Unavailable

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import Event

_PAGE = 1000
_WAIT_SECONDS = 20.0
# Nobody is told when the reader of a pipe goes away, so it is looked at between two waits.
_PIPE_WAIT_SECONDS = 2.0
_LONGEST_PAUSE_SECONDS = 20
_AGO = re.compile(r"([0-9]{1,9})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _moment(context: click.Context, parameter: click.Parameter, given: str | None) -> int | None:
    """UTC milliseconds from a time as people write it."""
    if given is None:
        return None
    if ago := _AGO.fullmatch(given):
        return int((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise click.BadParameter(
            f"'{given}' is no time: write 30m, 2h or 7d (ago), or 2026-01-31, or 2026-01-31T12:00:00 (UTC)."
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


@click.command()
@click.option(
    "--after", type=click.IntRange(min=0), metavar="POSITION", help="Only events after this position. [default: 0]"
)
@click.option(
    "--since", callback=_moment, metavar="TIME", help="Only from then on: 2h (ago), 2026-01-31, or with a time."
)
@click.option("--until", callback=_moment, metavar="TIME", help="Only up to then.")
@click.option("--model", help="Only events of the registered model of this name.")
@click.option("--actor", help="Only what this user did.")
@click.option(
    "--kind", "kinds", multiple=True, help="As version.registered, or version for all of its kinds. Repeatable."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="End after so many. [default: all]")
@click.option("-f", "--follow", is_flag=True, help="Go on with events as they happen, until Ctrl-C.")
@connected()
def events(
    client: Client,
    after: int | None,
    since: int | None,
    until: int | None,
    model: str | None,
    actor: str | None,
    kinds: tuple[str, ...],
    limit: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Show what changed in the registry, oldest first: position, time, and a sentence.

    With --follow it begins with the next event, unless --after or --since says otherwise, and prints each as it
    happens; with --json, as one object on a line. It outlasts restarts of the server. Ctrl-C ends it with 130, a
    reader that goes away with 0.
    """
    chosen: dict[str, Any] = {"model": model, "actor": actor, "kinds": list(kinds) or None, "since": since}
    if not follow:
        found = _known(client, after or 0, limit, {**chosen, "until": until})
        if as_json:
            outputs.document([event.to_dictionary() for event in found])
        else:
            outputs.table(("position", "time", "what"), (_cells(event) for event in found))
        return
    if until is not None:
        raise click.UsageError("--follow has no end, so --until means nothing with it. Leave one of them out.")
    if after is None:
        after = _newest_position(client) if since is None else 0
    client.events(after, limit=1, **chosen)  # a server that is not there from the beginning is an error
    for event in _coming(client, after, limit, chosen):
        if as_json:
            click.echo(outputs.json_text(event.to_dictionary()))
        else:
            outputs.said_in_cells(_cells(event))


def _cells(event: Event) -> tuple[Any, ...]:
    return event.position, outputs.moment(event.recorded_timestamp), event.sentence


def _known(client: Client, after: int, limit: int | None, chosen: dict[str, Any]) -> Iterator[Event]:
    """Events after a position, up to the newest of now."""
    left = limit
    while left is None or left > 0:
        found = client.events(after, limit=_PAGE if left is None else min(_PAGE, left), **chosen)
        if not found:
            return
        yield from found
        left = None if left is None else left - len(found)
        after = int(found.token or after)


def _coming(client: Client, after: int, limit: int | None, chosen: dict[str, Any]) -> Iterator[Event]:
    """Events after a position, and those to come for as long as somebody reads them."""
    is_pipe = stat.S_ISFIFO(fstat(sys.stdout.fileno()).st_mode)
    left = limit
    failures = 0
    while left is None or left > 0:
        wait = 0.0 if failures else _PIPE_WAIT_SECONDS if is_pipe else _WAIT_SECONDS
        try:
            found = client.events(after, limit=_PAGE if left is None else min(_PAGE, left), wait=wait, **chosen)
        except Unavailable as error:
            if not failures:
                click.echo(f"{outputs.cell(error.message)} Following goes on when it does.", err=True)
            time.sleep(min(2**failures, _LONGEST_PAUSE_SECONDS))
            failures += 1
            continue
        failures = 0
        yield from found
        left = None if left is None else left - len(found)
        after = int(found.token or after)
        if is_pipe and _is_left(sys.stdout.fileno()):
            raise BrokenPipeError(errno.EPIPE, "The reader of the pipe is gone.")


def _is_left(descriptor: int) -> bool:
    """Whether nobody reads a pipe any more (poll(2): POLLERR at its writing end)."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _newest_position(client: Client) -> int:
    """The position of the newest event, 0 when there is none. Found by halving."""
    bound = 1
    while client.events(bound - 1, limit=1):
        bound *= 2
    low, high = bound // 2, bound - 1
    # There is an event after `low - 1`, and none after `high`.
    while low < high:
        middle = (low + high + 1) // 2
        if client.events(middle - 1, limit=1):
            low = middle
        else:
            high = middle - 1
    return low
