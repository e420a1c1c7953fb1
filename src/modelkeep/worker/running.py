"""Runs the background work in one thread of one process of all that serve a database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelkeep.blobs.hashing import Stopped

log = logging.getLogger("modelkeep.worker")

# How soon another process takes over from one that died.
ELECTION_SECONDS = 10.0
STOP_SECONDS = 5.0

Work = Callable[[threading.Event], None]


@dataclass(slots=True)
class Chore:
    """Something to be done every so often.

    Attributes:
        work: does it, and returns, or raises Stopped, soon after the event it is given is set.
        seconds: from one end to the next start.
    """

    name: str
    work: Work
    seconds: float
    next_start: float = 0.0


class Background:
    """A thread that does chores while this process is the one chosen for it.

    Args:
        is_chosen: whether it is, without waiting; asked before each round, because the choice may be lost.
        chores: done one after the other, so they never compete.
    """

    def __init__(self, is_chosen: Callable[[], bool], chores: Sequence[Chore]):
        self._is_chosen = is_chosen
        self._chores = chores
        self._stopping = threading.Event()
        # A daemon: a disk that hangs must not keep the server from ending.
        self._thread = threading.Thread(target=self._run, name="modelkeep-background", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the work, and wait until it has ended."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.error("the background work did not stop within %.0f seconds", STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self._may_work():
                self._stopping.wait(ELECTION_SECONDS)
                continue
            self._do_what_is_due()
            next_start = min(chore.next_start for chore in self._chores)
            self._stopping.wait(max(0.0, next_start - time.monotonic()))

    def _may_work(self) -> bool:
        try:
            return self._is_chosen()
        except Exception:
            # A database that is away comes back; until then nobody can be chosen.
            log.exception("it could not be found out which process does the background work")
            return False

    def _do_what_is_due(self) -> None:
        for chore in self._chores:
            if self._stopping.is_set() or time.monotonic() < chore.next_start:
                continue
            try:
                chore.work(self._stopping)
            except Stopped:
                return
            except Exception:
                # A full disk or a busy database passes; the next round tries again.
                log.exception("%s failed", chore.name)
            chore.next_start = time.monotonic() + chore.seconds
