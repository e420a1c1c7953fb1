"""A progress bar for transfers that take long enough to wonder, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
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
    import click

    lock = threading.Lock()
    began = time.monotonic()

    def so_far(done: int | None) -> str:
        seconds = max(time.monotonic() - began, 1e-6)
        bytes_done = size if done is None else done
        return f"{bytes_done / 1e6:,.1f} of {size / 1e6:,.1f} MB, {bytes_done / 1e6 / seconds:,.0f} MB/s"

    with click.progressbar(length=size, label=what, file=sys.stderr, item_show_func=so_far) as bar:

        def advance(count: int) -> None:
            with lock:
                bar.update(count, bar.pos + count)

        yield advance


def _unseen(count: int) -> None:
    pass
