"""A connection: uvicorn's, with a short way for the calls of the API table.

Most requests are a few hundred bytes to a call of the table. They are collected here and answered with one write, as soon
as the call is done, without a task, a queue or a message between. Measured on writes: 480 µs of processor time for a
request instead of 780. Everything else takes uvicorn's way through the ASGI application.

Requests are answered one after the other. What the client sent behind one that is not answered yet waits: at most what
came with one read, since nothing more is read meanwhile. A refusal of what cannot be read waits in the same line.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Any, ClassVar
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from modelkeep.api import errors
from modelkeep.domain.errors import Invalid, ModelkeepError, TooLarge
from modelkeep.http.api import Endpoint
from modelkeep.http.responding import FIXED_HEADERS, Headers, Scope
from modelkeep.http.sending import STALLED_SECONDS, send_file

log = logging.getLogger("modelkeep.http")

# A request whose head takes longer, or of whose short body nothing arrives for longer, is given up.
INCOMPLETE_SECONDS = 30
LINGER_SECONDS = 2
KEEP_ALIVE_SECONDS = 120
# Of a request's line and headers; and of what is neither those nor a body, such as trailers.
HEAD_LIMIT = 64 * 1024
# What is longer is read by the application, which may refuse it unread.
BODY_LIMIT = 1024 * 1024
# Of a body that is streamed, what is kept here before the client has to wait.
UNREAD_BYTES = 64 * 1024
# Of answers, what is kept until the client takes it before its next request is read. A page of a search is smaller.
UNSENT_BYTES = 512 * 1024

_FIXED = b"".join(b"%b: %b\r\n" % header for header in FIXED_HEADERS)
_HEADS = {status: line + _FIXED for status, line in STATUS_LINE.items()}
_OFFERS = frozenset({b"upgrade", b"http2-settings"})


class _Nobody:
    """Stands for the event that a cycle's task waits for, where there is no task."""

    def set(self) -> None:
        """Wake nobody."""


class Call:
    """A request to a call of the table; it stands where uvicorn keeps its cycle of request and response."""

    message_event: ClassVar[_Nobody] = _Nobody()
    __slots__ = ("chunks", "disconnected", "endpoint", "keep_alive", "more_body", "response_complete", "scope")

    def __init__(self, endpoint: Endpoint, scope: Scope, keep_alive: bool):
        self.endpoint = endpoint
        self.scope = scope
        self.chunks: list[bytes] = []
        self.more_body = True
        self.keep_alive = keep_alive
        self.disconnected = False
        self.response_complete = False


class _Cycle(RequestResponseCycle):
    """uvicorn's cycle, and the extension `http.response.zerocopysend` of ASGI for files.

    Attributes:
        is_cut: the client has ended its side of the connection before the end of the body, but still listens.
    """

    is_cut = False

    def __init__(self, connection: Connection, **options: Any):
        super().__init__(transport=connection.transport, flow=connection.flow, **options)
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._size = 0

    def take(self, chunk: bytes) -> None:
        """Keep a piece of the body until it is asked for; uvicorn's own way copies every byte twice more."""
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > UNREAD_BYTES:
            self.flow.pause_reading()
        self.message_event.set()

    async def receive(self) -> Any:
        if self._chunks:
            chunk = self._chunks.popleft()
            self._size -= len(chunk)
            if not self._chunks and self.more_body:
                self.flow.resume_reading()
                self.message_event.clear()
            return {"type": "http.request", "body": chunk, "more_body": self.more_body or bool(self._chunks)}
        if self.is_cut:
            return {"type": "http.disconnect"}
        message = await super().receive()
        return await self.receive() if self._chunks else message

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.zerocopysend":
            if not self.disconnected:
                await self._send_file(message["file"].fileno(), message["offset"], message["count"])
            return
        if message["type"] == "http.response.start" and self.more_body and not self.is_cut:
            # What is left of the body would be taken for the next request.
            message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            self.transport = _Lingering(self._connection)  # type: ignore[assignment]
        await super().send(message)

    async def _send_file(self, file: int, start: int, count: int) -> None:
        try:
            is_sent = await send_file(self.transport, file, start, count)
        except OSError as error:
            # The answer has begun, so the only way to say that it failed is to end it before its announced length.
            log.error("a download was cut off: %s", error)
            is_sent = False
        if is_sent:
            self.expected_content_length -= count
            await super().send({"type": "http.response.body", "body": b""})
        else:
            self.disconnected = True
            self.transport.abort()


class _Lingering:
    """A transport whose `close` lets the client read what it was sent, although it has not stopped sending."""

    def __init__(self, connection: Connection):
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection.transport, name)

    def close(self) -> None:
        self._connection.linger()


class Connection(HttpToolsProtocol):
    """One connection of a client."""

    # The Date of the answers, for the list of headers that uvicorn makes anew each second.
    _dated: ClassVar[tuple[object, bytes]] = (None, b"")

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self._current: Any = None  # what is being answered
        self._reason: ModelkeepError | None = None  # why the parser was stopped from here
        self._refusal: ModelkeepError | None = None  # comes when what is before it is answered
        self._timer: asyncio.TimerHandle | None = None
        self._held: asyncio.TimerHandle | None = None
        self._has_grown = False
        self._has_begun = False  # a request has, that is not complete
        self._is_in_head = True
        self._head_size = 0  # of what came with the head, at least
        self._silent_size = 0  # of what came since a piece of the body
        self._length = 0  # of the body: -1 for one that is not announced, or waits to be asked for
        self._is_offer = False
        self._is_deaf = False
        self._is_going_on = False
        self._has_answered = False

    # What the transport calls

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(UNSENT_BYTES)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = True
        self._unwatch()
        self._let_go()
        for cycle in (self._current, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = not cycle.response_complete
                cycle.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        self._has_grown = True
        if self._is_in_head:
            self._head_size += len(data)
        else:
            self._silent_size += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._stop_reading(self._reason or Invalid("This is not a valid HTTP/1.1 request."))
        else:
            if (self._head_size if self._is_in_head else self._silent_size) > HEAD_LIMIT:
                self._stop_reading(_long_head())
        if self._timer is None and self.timeout_keep_alive_task is None and not self._is_busy() and not self._is_deaf:
            self._watch()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                if self.parser.get_method() == b"CONNECT":
                    raise httptools.HttpParserError("This is no proxy.") from None
                data = data[upgrade.args[0] :]
                self._ignore_offer()
            else:
                return

    def _ignore_offer(self) -> None:
        """Read the head again as if it had not offered to speak something else, which nobody does here."""
        parser = self.parser
        lines = [b"%b %b HTTP/%b" % (parser.get_method(), self.url, parser.get_http_version().encode())]
        lines += [
            b"%b: %b" % (name, _without_offer(name, value)) for name, value in self.headers if name not in _OFFERS
        ]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"\r\n".join([*lines, b"", b""]))

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client sends nothing more; whether it may still be answered."""
        if self._has_begun and not self._is_deaf:
            self._stop_reading(Invalid("The request ended before it was complete."))
        elif not self._is_deaf:
            self._is_deaf = True
            self._close_after()
        return self._is_busy() or bool(self.pipeline) or self._refusal is not None

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._held is not None:
            self._let_go()
            self._go_on()

    # What the parser calls

    def on_message_begin(self) -> None:
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._has_begun = True
        self._length = 0
        self._is_in_head = True
        self._is_offer = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_in_head:  # a trailer, which nobody asked for
            return
        name = name.lower()
        if name == b"content-length":
            self._length = int(value) if self._length >= 0 else -1
        elif name == b"transfer-encoding":
            self._length = -1
        elif name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
            self._length = -1
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser, scope = self.parser, self.scope
        if self._head_size > HEAD_LIMIT and sum(len(n) + len(v) for n, v in self.headers) + len(self.url) > HEAD_LIMIT:
            self._reason = _long_head()
            raise self._reason
        if parser.should_upgrade():
            self._is_offer = True
            return
        self._is_in_head = False
        self._head_size = self._silent_size = 0
        method = parser.get_method()
        raw_path, _, query = self.url.partition(b"?")
        version = parser.get_http_version()
        keep_alive = version != "1.0" and parser.should_keep_alive()
        endpoint = self.app.endpoint(method, raw_path)
        scope["method"] = method.decode("ascii")
        scope["http_version"] = version
        cycle: Any
        if endpoint is not None and 0 <= self._length <= BODY_LIMIT:
            scope["path"] = raw_path.decode("ascii")
            scope["raw_path"] = raw_path
            scope["query_string"] = query
            cycle = Call(endpoint, scope, keep_alive)  # type: ignore[arg-type]
        else:
            self._unwatch()
            url = httptools.parse_url(self.url)
            path = url.path.decode("ascii")
            scope["path"] = unquote(path) if "%" in path else path
            scope["raw_path"] = url.path
            scope["query_string"] = url.query or b""
            cycle = _Cycle(
                self,
                scope=scope,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=False,
                default_headers=self.server_state.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=self.expect_100_continue,
                keep_alive=keep_alive,
                on_response=self.on_response_complete,
            )
        self.cycle = cycle
        if not isinstance(cycle, Call):
            self._line_up(cycle)

    def on_body(self, body: bytes) -> None:
        self._silent_size = 0
        cycle: Any = self.cycle
        if isinstance(cycle, Call):
            cycle.chunks.append(body)
        elif not cycle.response_complete:
            cycle.take(body)

    def on_message_complete(self) -> None:
        if self._is_offer:
            return
        self._is_in_head = True
        self._has_begun = False
        self._head_size = 0
        cycle: Any = self.cycle
        cycle.more_body = False
        if isinstance(cycle, Call):
            self._unwatch()
            self._line_up(cycle)
        else:
            cycle.message_event.set()

    # Answering

    def _is_busy(self) -> bool:
        return self._current is not None and not self._current.response_complete

    def _line_up(self, cycle: Any) -> None:
        """Answer a request, after those before it."""
        if self._is_busy() or self.pipeline or self.flow.write_paused:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))
            if not self._is_busy():
                self._go_on()
        else:
            self._start(cycle)

    def _start(self, cycle: Any) -> None:
        self._current = cycle
        if isinstance(cycle, Call):
            chunks = cycle.chunks
            body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self.app.call(cycle.endpoint, cycle.scope, body, partial(self._reply, cycle))
        else:
            self._start_asgi_task(cycle, self.app)

    def _reply(self, call: Call, status: int, body: bytes, headers: Headers) -> None:
        call.response_complete = True
        if call.disconnected or self.transport.is_closing():
            return
        parts = [_HEADS[status], self._date(), b"content-length: %d\r\n" % len(body)]
        parts += [b"%b: %b\r\n" % header for header in headers]
        parts.append(b"\r\n" if call.keep_alive else b"connection: close\r\n\r\n")
        parts.append(body)
        self.transport.write(b"".join(parts))
        if not call.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Go on with what the client sent behind the request that is answered now."""
        self.server_state.total_requests += 1
        self._go_on()

    def _go_on(self) -> None:
        self._has_answered = True
        if self._is_going_on:  # it is answered at once: below, not deeper and deeper
            return
        self._is_going_on = True
        try:
            while self._has_answered:
                self._has_answered = False
                self._take_next()
        finally:
            self._is_going_on = False

    def _take_next(self) -> None:
        if self.transport.is_closing() or self._is_busy():
            return
        if self.flow.write_paused:  # the client does not read its answers, so no more of its requests are
            self.flow.pause_reading()
            if self._held is None:
                self._held = self.loop.call_later(STALLED_SECONDS, self.transport.abort)
        elif self.pipeline:
            self._start(self.pipeline.pop()[0])
        elif self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self.flow.resume_reading()
            self._unset_keepalive_if_required()
            if not self._has_begun:
                self._unwatch()
                self.timeout_keep_alive_task = self.loop.call_later(
                    self.timeout_keep_alive, self.timeout_keep_alive_handler
                )
            elif self._timer is None:
                self._watch()

    def _date(self) -> bytes:
        headers = self.server_state.default_headers
        dated_for, line = Connection._dated
        if dated_for is not headers:
            line = b"".join(b"%b: %b\r\n" % header for header in headers)
            Connection._dated = (headers, line)
        return line

    # Giving up

    def shutdown(self) -> None:
        """The server is about to stop: answer what is here, and close."""
        if not self._close_after():
            self.transport.close()

    def _close_after(self) -> bool:
        """Close when all is answered that is here whole; False when nothing is."""
        if self.pipeline:
            self.pipeline[0][0].keep_alive = False
        elif self._is_busy():
            self._current.keep_alive = False
        else:
            return False
        return True

    def linger(self) -> None:
        """Close the connection, but listen a moment longer: a reset would take from the client what it has not read."""
        self._is_deaf = True
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _watch(self) -> None:
        self._has_grown = False
        self._timer = self.loop.call_later(INCOMPLETE_SECONDS, self._give_up)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _let_go(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None

    def _give_up(self) -> None:
        self._timer = None
        if self._is_busy() or self.flow.read_paused or (self._has_grown and not self._is_in_head):
            self._watch()
        elif not self.transport.is_closing():
            self.transport.close()

    def _stop_reading(self, error: ModelkeepError) -> None:
        """Read nothing more, and refuse what cannot be read once all before it is answered."""
        self._is_deaf = True
        self._unwatch()
        cycle: Any = self.cycle
        if not self._is_in_head and isinstance(cycle, _Cycle) and not cycle.response_complete:
            # It is being answered, or will be: it hears that its body is cut short.
            cycle.keep_alive = False
            cycle.is_cut = True
            cycle.message_event.set()
            return
        self._refusal = error
        self._go_on()

    def _refuse(self, error: ModelkeepError) -> None:
        body = errors.encode(error)
        head = _HEADS[errors.status_of(error)]
        self.transport.write(b"%bcontent-length: %d\r\nconnection: close\r\n\r\n%b" % (head, len(body), body))
        self.linger()


def _without_offer(name: bytes, value: bytes) -> bytes:
    if name != b"connection":
        return value
    return b",".join(token for token in value.split(b",") if token.strip().lower() not in _OFFERS)


def _long_head() -> ModelkeepError:
    return TooLarge(f"The request's line and headers are over {HEAD_LIMIT:,} bytes. Make them shorter.")
