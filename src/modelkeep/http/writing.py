"""Group commit on an event loop.

On SQLite the verbs of a batch run on the loop's own thread and only the commit, which waits for the disk, runs in another: SQLite
gives up the interpreter at every statement, so a second thread that runs statements spends its time winning the
interpreter back (measured: a batch of 16 took four times as long). On a database that does not answer at once the whole
batch runs in the other thread. While one batch commits, the next one gathers.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from modelkeep.domain.actors import Actor
from modelkeep.http.handing import Hand
from modelkeep.registry import commits
from modelkeep.registry.commits import Job
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

T = TypeVar("T")

CLOSE_POLL_SECONDS = 0.05


class Writes:
    """Queues the writes of one event loop."""

    def __init__(self, registry: Registry, loop: asyncio.AbstractEventLoop):
        self._database = registry.database
        self._at_once = registry.database.answers_at_once
        self._loop = loop
        self._thread = Hand("modelkeep-commit")
        self._queue: deque[Job] = deque()
        self._busy = False
        self._waiting: set[asyncio.Future[None]] = set()

    def submit(
        self, actor: Actor, work: Callable[[], Any], is_long: bool = False, frees: bool = False
    ) -> asyncio.Future[Any]:
        """Queue `work`, which calls verbs for `actor`; the future is resolved when its commit is durable.

        Args:
            is_long: it may take longer than the loop can spare, so its batch runs in a thread.
            frees: it deletes, so it is also done when the disk is full.
        """
        future = self._loop.create_future()
        self.add(Job(work, actor, partial(_resolve, future), is_long, frees))
        return future

    def add(self, job: Job) -> None:
        """Queue a job; its `then` is called on the loop when its commit is durable, or has failed."""
        self._queue.append(job)
        if not self._busy:
            self._busy = True
            # Not at once: the requests that arrived together with this one join its batch.
            self._loop.call_soon(self._begin)

    async def close(self) -> None:
        """Finish what is queued; only then may the registry be closed."""
        while self._busy:
            await self.wait_for_one(CLOSE_POLL_SECONDS)
        self._thread.close()

    async def wait_for_one(self, seconds: float) -> None:
        """Wait until this process has committed something, at most `seconds`."""
        woken = self._loop.create_future()
        self._waiting.add(woken)
        try:
            await asyncio.wait((woken,), timeout=seconds)
        finally:
            self._waiting.discard(woken)

    def _begin(self) -> None:
        if not self._at_once or (self._queue and self._queue[0].is_long):
            self._in_thread(lambda: commits.run_and_commit(self._database, self._queue), self._finish)
            return
        try:
            has_turn = self._database.try_begin()
        except Exception as error:
            self._fail_all(error)
        else:
            if has_turn:
                self._run(None)
            else:
                self._in_thread(self._database.begin, self._run)

    def _run(self, _: None) -> None:
        done = commits.run(self._database, self._queue, long_too=False)
        self._in_thread(lambda: commits.commit(self._database, done), self._finish)

    def _finish(self, done: list[Job]) -> None:
        for job in done:
            try:
                job.then(job)
            except Exception:  # whatever it is, the others of the batch have to hear too
                log.exception("a write could not be answered")
        if self._queue:
            self._loop.call_soon(self._begin)
        else:
            self._busy = False
        self.wake()

    def wake(self) -> None:
        """Let everyone who waits for a commit look again."""
        for woken in self._waiting:
            if not woken.done():
                woken.set_result(None)

    def _fail_all(self, error: Exception) -> None:
        self._finish(commits.fail(commits.take_all(self._queue), error))

    def _in_thread(self, work: Callable[[], T], then: Callable[[T], None]) -> None:
        def run() -> None:
            try:
                result = work()
            except Exception as error:
                self._loop.call_soon_threadsafe(self._fail_all, error)
            else:
                self._loop.call_soon_threadsafe(then, result)

        self._thread.give(run)


def _resolve(future: asyncio.Future[Any], job: Job) -> None:
    if future.cancelled():  # the client went away; the write stands
        return
    if job.error is None:
        future.set_result(job.result)
    else:
        future.set_exception(job.error)
