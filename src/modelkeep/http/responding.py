"""Sending answers: JSON with its headers, and errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from modelkeep.api import errors
from modelkeep.domain.errors import ModelkeepError, Unauthenticated, Unavailable

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

FIXED_HEADERS: Headers = [
    (b"content-type", b"application/json"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
]


async def send_json(send: Send, status: int, body: bytes, extra: Headers | None = None) -> None:
    """Send a whole JSON answer."""
    headers = [*FIXED_HEADERS, (b"content-length", b"%d" % len(body))]
    if extra:
        headers += extra
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def error_answer(error: ModelkeepError) -> tuple[int, bytes, Headers]:
    """The status, body and further headers that say an error."""
    headers: Headers = []
    if isinstance(error, Unavailable):
        headers.append((b"retry-after", b"1"))
    if isinstance(error, errors.MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b'Basic realm="modelkeep"'))
    return errors.status_of(error), errors.encode(error), headers


def internal_error() -> ModelkeepError:
    """What a caller hears of a defect: nothing of the inside. The log has the rest."""
    return ModelkeepError("The server failed on this request. The log names it by the X-Request-Id of this answer.")
