"""Where a read runs: the only place that knows whether the event loop may wait for the database.

SQLite answers a bounded read in less time than a thread needs to wake up, so it is asked on the loop itself. A database
on another machine is never asked there: one slow answer would hold up every request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from modelkeep.registry.handle import Registry

T = TypeVar("T")

# Searches on SQLite keep a core busy, and two of them the interpreter.
SQLITE_THREADS = 2
# Threads that wait for another machine leave the interpreter alone; each has a connection while it reads.
SERVER_THREADS = 16


class Reads:
    """The reads of one event loop.

    Attributes:
        at_once: whether bounded reads run on the loop.
        threads: where the others run.
    """

    def __init__(self, registry: Registry, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self.at_once = registry.database.answers_at_once
        count = SQLITE_THREADS if self.at_once else SERVER_THREADS
        self.threads = ThreadPoolExecutor(count, thread_name_prefix="modelkeep-reader")

    async def point(self, work: Callable[[], T]) -> T:
        """The result of a bounded read."""
        if self.at_once:
            return work()
        return await self._loop.run_in_executor(self.threads, work)

    def search(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """The result to come of a read that may take long."""
        return self._loop.run_in_executor(self.threads, work)

    async def close(self) -> None:
        """Wait for the reads that have begun; only then may the registry be closed."""
        await self._loop.run_in_executor(None, self.threads.shutdown)
