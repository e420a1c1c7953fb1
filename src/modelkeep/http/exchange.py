"""One request and what is known of it while it is answered."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from itertools import count

from modelkeep.domain.actors import Actor
from modelkeep.http.measuring import Tally
from modelkeep.http.responding import Headers, Scope

# Takes the status, the body and the headers of a whole JSON answer that are not those of every such answer.
Reply = Callable[[int, bytes, Headers], None]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
_prefix = b""
_numbers = count(1)


def _begin_ids() -> None:
    """Request ids that no other process gives, not even one that was forked from this."""
    global _prefix
    _prefix = os.urandom(5).hex().encode()


_begin_ids()
os.register_at_fork(after_in_child=_begin_ids)


class Exchange:
    """A request with its answer to come.

    Attributes:
        headers: of the request, by name; the last of those with the same name.
        request_id: the client's own X-Request-Id, or one made here.
        tally: counts the answer.
        actor: whose request it is, once that is known.
        started: when its head was there, by `time.perf_counter`.
    """

    __slots__ = ("actor", "headers", "request_id", "scope", "started", "tally")

    def __init__(self, scope: Scope, tally: Tally):
        self.started = time.perf_counter()
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self.headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = b"%s%x" % (_prefix, next(_numbers))
        self.request_id = request_id
        self.tally = tally
        self.actor: Actor | None = None

    def answer_headers(self, status: int) -> Headers:
        """The headers that name the request and the change it made; what a refused call began to change was undone."""
        headers: Headers = [(b"x-request-id", self.request_id)]
        if status == 200 and self.actor is not None and self.actor.change_ids:
            headers.append((b"x-modelkeep-change-id", self.actor.change_ids[-1].encode()))
        return headers

    def seconds(self) -> float:
        """The time since it started."""
        return time.perf_counter() - self.started
