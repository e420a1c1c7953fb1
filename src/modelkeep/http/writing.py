"""Waiting on the event loop for the writer thread: one wake-up of the loop for a whole batch of commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modelkeep.registry.handle import Registry


class Writes:
    """Queues writes of one event loop."""

    def __init__(self, registry: Registry, loop: asyncio.AbstractEventLoop):
        self._database = registry.database
        self._loop = loop
        self._waiting: set[asyncio.Future[None]] = set()

    def submit(self, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Queue `work` for the writer; the future is resolved when its commit is durable."""
        future = self._loop.create_future()
        self._database.submit(work, self._done, future)
        return future

    async def wait_for_one(self, seconds: float) -> None:
        """Wait until this process has committed something, at most `seconds`."""
        woken = self._loop.create_future()
        self._waiting.add(woken)
        try:
            await asyncio.wait((woken,), timeout=seconds)
        finally:
            self._waiting.discard(woken)

    def _done(self, outcomes: list[Any]) -> None:
        self._loop.call_soon_threadsafe(self._resolve, outcomes)

    def _resolve(self, outcomes: list[Any]) -> None:
        for job, result, error in outcomes:
            if job.future.cancelled():  # the client went away; the write stands
                continue
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)
