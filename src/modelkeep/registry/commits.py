"""A batch: the work of many callers under one commit, so that one fsync carries them all.

Each piece of work calls verbs, and one that fails takes nothing of its neighbours with it: if it had changed something
by then, the batch is undone and done again with a savepoint for each verb. When the commit fails, for whatever reason,
nobody is told that anything was kept.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError, OutOfSpace, Unavailable
from modelkeep.storage.database import Database

log = logging.getLogger("modelkeep.commits")

MOST_JOBS = 64
MOST_SECONDS = 0.005
# Of a database that takes a round trip for each statement: 5 ms would close a batch after three to ten jobs, and each
# batch waits for a commit. Nobody's event loop waits for it.
MOST_SECONDS_AWAY = 0.05
# How often a batch in which a verb failed half-way is done again. Once is enough, unless each time the database chooses it
# as the victim of a deadlock with someone else.
MOST_REPEATS = 3


def _nothing(job: Job) -> None:
    """Nobody waits."""


@dataclass(slots=True)
class Job:
    """Work for a batch, and how it ended: `error` is None when it succeeded. `then` is for whoever queues it.

    The work may be done twice, and must have no other effect than on the database and on `actor`. A job with `is_long`
    may take longer than an event loop can spare; one with `frees` deletes, and may use the space kept back for that.
    """

    work: Callable[[], Any]
    actor: Actor | None = None
    then: Callable[[Job], None] = _nothing
    is_long: bool = False
    frees: bool = False
    result: Any = None
    error: BaseException | None = None


def run(database: Database, queue: deque[Job], *, long_too: bool = True) -> list[Job]:
    """Do the work at the head of a queue in the open transaction: at most 64 jobs or 5 ms, 50 ms on a database that
    is away.

    Args:
        long_too: whether jobs marked as long are done; otherwise the batch ends before the first of them.
    """
    done: list[Job] = []
    deadline = time.monotonic() + (MOST_SECONDS if database.answers_at_once else MOST_SECONDS_AWAY)
    database.enter()
    try:
        while queue and len(done) < MOST_JOBS and (long_too or not queue[0].is_long):
            job = queue.popleft()
            done.append(job)
            _do(database, job)
            if database.spoiled or not database.in_transaction or time.monotonic() > deadline:
                break
        for _ in range(MOST_REPEATS):
            if not database.spoiled:
                break
            database.start_over()
            for job in done:
                _do(database, job)
    finally:
        database.leave()
    return done


def _do(database: Database, job: Job) -> None:
    job.error = job.result = None
    if job.actor is not None:
        job.actor.change_ids.clear()
    try:
        job.result = job.work()
    except ModelkeepError as error:
        job.error = error
    except Exception as error:
        job.error = database.explain(error)


def commit(database: Database, done: list[Job]) -> list[Job]:
    """Make a batch durable and return it; when that fails every job of it has failed.

    On a full disk its deletes are done once more, on the space kept back for them.
    """
    _commit(database, done)
    without_room = deque(job for job in done if job.frees and isinstance(job.error, OutOfSpace))
    while without_room:
        try:
            database.begin_on_reserve()
        except Exception as error:
            fail(take_all(without_room), error)
        else:
            _commit(database, run(database, without_room))
    return done


def _commit(database: Database, done: list[Job]) -> None:
    try:
        database.commit()
    except Exception as error:
        # A full disk can make SQLite give up the transaction in the middle: the commit then knows no reason.
        full = (job.error for job in done if isinstance(job.error, OutOfSpace))
        fail(done, next(full, error))


def run_and_commit(database: Database, queue: deque[Job]) -> list[Job]:
    """A whole batch, in the thread that calls."""
    try:
        database.begin()
    except Exception as error:
        return fail(take_all(queue), error)
    return commit(database, run(database, queue))


def take_all(queue: deque[Job]) -> list[Job]:
    """Empty a queue to which another thread may be adding."""
    taken: list[Job] = []
    while queue:
        taken.append(queue.popleft())
    return taken


def fail(jobs: list[Job], error: Exception) -> list[Job]:
    """Give every job an error that its caller may hear: nothing of it was kept."""
    if not isinstance(error, ModelkeepError):
        log.error("a batch of %d writes failed", len(jobs), exc_info=error)
        error = Unavailable("The database failed on this change. Nothing of it was kept; try again.")
    for job in jobs:
        job.error = error
    return jobs
