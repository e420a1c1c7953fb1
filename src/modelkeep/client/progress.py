"""A progress bar for transfers that take long enough to wonder, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from modelkeep.client.calls import Progress

# Less than this is over before anybody has read the bar.
WORTH_BYTES = 32 * 1024 * 1024


@contextlib.contextmanager
def watching(what: str, size: int) -> Iterator[Progress]:
    """Show how much of `size` bytes is done; the function in between is told of bytes, by any thread."""
    if size < WORTH_BYTES or not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    lock = threading.Lock()
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size)

        def advance(count: int) -> None:
            with lock:
                bar.advance(task, count)

        yield advance


def _unseen(count: int) -> None:
    pass
