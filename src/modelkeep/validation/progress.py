"""What is being done, on a terminal only."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

# A step in words, and which share of all of it is done.
Tell = Callable[[str, float], None]


@contextlib.contextmanager
def watching(what: str) -> Iterator[Tell]:
    """Show the step that is being done and a bar, while there is something to wait for."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda step, share: bar.update(task, description=f"{what}: {step}", completed=share)


def _unseen(step: str, share: float) -> None:
    pass
