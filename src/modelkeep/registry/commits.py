"""A batch: the work of many callers under one commit, so that one fsync carries them all.

Each piece of work calls verbs, and each verb runs in a savepoint of its own: one that fails takes nothing of its
neighbours with it. When the commit fails, nobody is told that anything was kept.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelkeep.domain.errors import ModelkeepError
from modelkeep.storage.sqlite import Database, explain

MOST_JOBS = 64
MOST_SECONDS = 0.005


@dataclass(slots=True)
class Job:
    """Work for a batch, and how it ended: `error` is None when it succeeded. `waiter` is the caller's own.

    A job with `is_long` may take longer than an event loop can spare.
    """

    work: Callable[[], Any]
    waiter: Any = None
    is_long: bool = False
    result: Any = None
    error: BaseException | None = None


def run(database: Database, queue: deque[Job]) -> list[Job]:
    """Do the work at the head of a queue in the open transaction: at most 64 jobs or 5 ms, at least one job."""
    done: list[Job] = []
    deadline = time.monotonic() + MOST_SECONDS
    database.enter()
    try:
        while queue and len(done) < MOST_JOBS:
            job = queue.popleft()
            done.append(job)
            try:
                job.result = job.work()
            except ModelkeepError as error:
                job.error = error
            except Exception as error:
                job.error = explain(error)
            if not database.in_transaction or time.monotonic() > deadline:
                break
    finally:
        database.leave()
    return done


def commit(database: Database, done: list[Job]) -> None:
    """Make a batch durable; when that fails every job of it has failed."""
    try:
        database.commit()
    except ModelkeepError as error:
        for job in done:
            job.error = error


def run_and_commit(database: Database, queue: deque[Job]) -> list[Job]:
    """A whole batch, in the thread that calls."""
    try:
        database.begin()
    except ModelkeepError as error:
        failed = list(queue)
        queue.clear()
        for job in failed:
            job.error = error
        return failed
    done = run(database, queue)
    commit(database, done)
    return done
