"""What the log hears of answers with 503: the first at once, and from then on one line for all of ten seconds."""

from __future__ import annotations

import logging
import time

from modelkeep.domain.errors import Unavailable

log = logging.getLogger("modelkeep.http")

LOG_SECONDS = 10.0


class Outages:
    """The outages of one process."""

    def __init__(self) -> None:
        self._answers = 0
        self._next_line = 0.0

    def note(self, error: Unavailable) -> None:
        """Note an answer, and log it unless a line was written lately."""
        self._answers += 1
        now = time.monotonic()
        if now < self._next_line:
            return
        log.warning(
            "a request was answered 503: %s",
            error.message,
            extra={"answers_since_last_line": self._answers, "cause": _cause(error)},
        )
        self._answers, self._next_line = 0, now + LOG_SECONDS


def _cause(error: BaseException) -> str | None:
    """The first line of what lies behind an error. That may say hosts and users, but no password."""
    if error.__cause__ is None:
        return None
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
