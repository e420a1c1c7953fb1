"""Calls that one process of a server passes on to the one that writes.

A link is a stream of frames in both directions: four bytes of length (big-endian), then MessagePack of a call or of an
answer.
"""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Any

import msgspec

from modelkeep.domain.errors import Unavailable
from modelkeep.http.exchange import Reply
from modelkeep.http.responding import Headers, Scope, error_answer

log = logging.getLogger("modelkeep.http")

_SIZE = struct.Struct(">I")


class Asked(msgspec.Struct, array_like=True):
    """A call on its way to the process that writes."""

    number: int
    method: str
    path: str
    query: bytes
    scheme: str
    client: tuple[str, int] | None
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Answered(msgspec.Struct, array_like=True):
    """The answer to a call."""

    number: int
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Link(asyncio.Protocol):
    """One end of a link.

    Args:
        kind: what comes in.
        take: is called with each of it.
    """

    def __init__(self, kind: Any, take: Callable[[Any], None]):
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._take = take
        self._received = bytearray()
        self._unsent: list[bytes] = []
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, message: Any) -> None:
        """Send a message, with those that follow it before the loop looks at its sockets again."""
        if not self._unsent:
            asyncio.get_running_loop().call_soon(self._flush)
        frame = self._encode(message)
        self._unsent += (_SIZE.pack(len(frame)), frame)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if not self._transport.is_closing():
            self._transport.write(b"".join(unsent))

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        at = 0
        while len(received) - at >= _SIZE.size:
            end = at + _SIZE.size + _SIZE.unpack_from(received, at)[0]
            if end > len(received):
                break
            self._take(self._decode(memoryview(received)[at + _SIZE.size : end]))
            at = end
        del received[:at]


class Answering(_Link):
    """The end at the process that writes.

    Args:
        call: answers a call of the table, as `App.call_at` does.
    """

    def __init__(self, call: Callable[[Scope, bytes, Reply], None]):
        super().__init__(Asked, self._answer)
        self._call = call

    def _answer(self, asked: Asked) -> None:
        scope = {
            "type": "http",
            "method": asked.method,
            "path": asked.path,
            "raw_path": asked.path.encode(),
            "query_string": asked.query,
            "scheme": asked.scheme,
            "client": asked.client,
            "headers": asked.headers,
        }
        self._call(scope, asked.body, partial(self._reply, asked.number))

    def _reply(self, number: int, status: int, body: bytes, headers: Headers) -> None:
        self.send(Answered(number, status, headers, body))


class Asking(_Link):
    """The end at a process that passes its calls on."""

    def __init__(self) -> None:
        super().__init__(Answered, self._answer)
        self._numbers = count()
        self._waiting: dict[int, Reply] = {}

    @property
    def is_open(self) -> bool:
        """Whether calls can be passed on."""
        return self._transport is not None and not self._transport.is_closing()

    def ask(self, scope: Scope, body: bytes, reply: Reply) -> None:
        """Pass a whole request on; `reply` is called later, once."""
        number = next(self._numbers)
        self._waiting[number] = reply
        client = scope.get("client")
        self.send(
            Asked(
                number,
                scope["method"],
                scope["path"],
                scope["query_string"],
                scope["scheme"],
                client,
                scope["headers"],
                body,
            )
        )

    def connection_lost(self, exc: Exception | None) -> None:
        waiting, self._waiting = self._waiting, {}
        gone = Unavailable(
            "The process that writes ended before it answered. The change may have been made: look before you repeat it."
        )
        for reply in waiting.values():
            _give(reply, *error_answer(gone))

    def _answer(self, answered: Answered) -> None:
        _give(self._waiting.pop(answered.number), answered.status, answered.body, answered.headers)


def _give(reply: Reply, status: int, body: bytes, headers: Headers) -> None:
    try:
        reply(status, body, headers)
    except Exception:  # whatever it is, the others on the link have to hear too
        log.exception("an answer could not be given")
