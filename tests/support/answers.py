"""The answers that a client in this process gets, seen from the log of the library it sends its requests with."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# A line of urllib3's connection pool. Not its arguments: `mlflow` takes them out where an address holds a signature.
_LINE = re.compile(r'"(?P<request>[A-Z]+ \S+) HTTP/[0-9.]+" (?P<status>[0-9]{3}) ')


@dataclass(frozen=True)
class Answer:
    """What a server answered. `request` is the method and the path with its query."""

    status: int
    request: str


@contextmanager
def answers() -> Iterator[list[Answer]]:
    """Collects every answer to this process meanwhile, retried ones included, in order."""
    seen = _AnswerLog()
    logger = logging.getLogger("urllib3.connectionpool")
    level = logger.level
    logger.addHandler(seen)
    logger.setLevel(logging.DEBUG)
    try:
        yield seen.answers
    finally:
        logger.setLevel(level)
        logger.removeHandler(seen)


class _AnswerLog(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.answers: list[Answer] = []

    def emit(self, record: logging.LogRecord) -> None:
        if line := _LINE.search(record.getMessage()):
            self.answers.append(Answer(int(line["status"]), line["request"]))
