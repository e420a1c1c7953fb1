"""Handing work from an event loop to a thread at once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

log = logging.getLogger("modelkeep.http")


class Hand:
    """One thread that does what an event loop hands it, in order.

    The loop waits until the work has begun. Otherwise it would keep the interpreter for what it does next, up to the switch
    interval of 5 ms, while a commit that needs the interpreter only to start waits beside an idle disk: measured 1.9 ms
    of a batch's 7.
    """

    def __init__(self, name: str):
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._begun = threading.Lock()
        self._begun.acquire()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def give(self, work: Callable[[], None]) -> None:
        """Have `work` done, which raises nothing, and return when it has begun."""
        self._queue.put(work)
        self._begun.acquire()

    def close(self) -> None:
        """Wait for what was handed over, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            self._begun.release()
            try:
                work()
            except Exception:  # whatever it was: without this thread the loop would wait for ever
                log.exception("work that was handed to a thread failed")
