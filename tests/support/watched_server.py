"""`modelkeep serve` with a record of the threads that asked its database: one line `THREAD METHOD` for each pair.

Run as `python -m tests.support.watched_server RECORD serve …`. The database says that it does not answer at once, as one
on another machine would; asked on the event loop's thread it fails.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from typing import Any

from modelkeep.cli.main import main
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry

LOOP = "MainThread"


class WatchedDatabase:
    """A database, whose calls are recorded by thread."""

    answers_at_once = False

    def __init__(self, database: Any, record: int):
        self._database = database
        self._record = record
        self._seen: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._database, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def watched(*args: Any, **kwargs: Any) -> Any:
            self._note(name)
            return value(*args, **kwargs)

        return watched

    def _note(self, name: str) -> None:
        thread = threading.current_thread().name.partition("_")[0]
        line = f"{thread} {name}"
        if line not in self._seen:
            self._seen.add(line)
            os.write(self._record, f"{line}\n".encode())
        if thread == LOOP and name != "close":
            raise AssertionError(f"the event loop asked the database: {name}")


def run(record_path: str) -> None:
    record = os.open(record_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    open_registry = opening.open_registry
    prepare = opening.prepare

    def open_watched(*args: Any, **kwargs: Any) -> Registry:
        registry = open_registry(*args, **kwargs)
        registry.database = WatchedDatabase(registry.database, record)  # type: ignore[assignment]
        return registry

    def prepare_and_watch(*args: Any, **kwargs: Any) -> None:
        # What is done before the server listens may wait for the database where it likes.
        prepare(*args, **kwargs)
        opening.open_registry = open_watched

    opening.prepare = prepare_and_watch
    main()


if __name__ == "__main__":
    path = sys.argv.pop(1)
    run(path)
