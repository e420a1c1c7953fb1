"""The calls of the API table: a dictionary look-up, then decode, verb, encode."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from modelkeep.api.call import Call
from modelkeep.api.table import CALLS
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, ModelkeepError, TooLarge, Unavailable
from modelkeep.http.access import access_to
from modelkeep.http.addresses import Addresses
from modelkeep.http.decoding import BODY_LIMIT, Decoder
from modelkeep.http.exchange import Exchange
from modelkeep.http.measuring import Measures, Tally
from modelkeep.http.receiving import next_message
from modelkeep.http.responding import Receive
from modelkeep.registry import idempotency
from modelkeep.registry.commits import Job
from modelkeep.registry.handle import Registry
from modelkeep.registry.verbs import Verb, resolve

log = logging.getLogger("modelkeep.http")

# Takes the body of an answer and None, or None and what went wrong.
Done = Callable[[bytes | None, BaseException | None], None]

LONGEST_WAIT = 20
BODY_SECONDS = 60
POLL_SECONDS = 0.25
_DETACHED = 4
# The key of a tag and a folder may hold slashes, which arrive decoded.
_FIELD = {"tag_key": ".+", "folder": ".*"}
_NO_FIELDS: dict[str, str] = {}
_PREFIXES = ("/api/{version}/", "/ajax-api/{version}/")


@dataclass(slots=True)
class Endpoint:
    """A call with its verb and decoder, ready to be used.

    Attributes:
        tally: counts its answers.
        is_short_write: it shares a batch with others. One process makes those of all; what is long takes more
            processor time than one process has, most of it to decode.
    """

    call: Call
    verb: Verb
    decoder: Decoder
    tally: Tally
    is_short_write: bool


class Routes:
    """Where each method and path leads."""

    def __init__(self, measures: Measures, calls: tuple[Call, ...] = CALLS):
        self.calls = calls
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        for call in calls:
            is_short_write = call.method != "GET" and call.action != "read" and not (call.is_detached or call.is_long)
            endpoint = Endpoint(call, resolve(call.verb), Decoder(call), measures.tally(call.verb), is_short_write)
            for prefix in _PREFIXES:
                self._add(prefix.format(version=call.version) + call.path, call.method, endpoint)

    def _add(self, path: str, method: str, endpoint: Endpoint) -> None:
        if "{" not in path:
            self._exact.setdefault(path, {})[method] = endpoint
            return
        parts = re.split(r"\{(\w+)\}", path)
        pattern = "".join(
            f"(?P<{part}>{_FIELD.get(part, '[^/]+')})" if odd % 2 else re.escape(part) for odd, part in enumerate(parts)
        )
        # Where the root is the folder, a client leaves out its slash too.
        pattern = pattern.replace("/(?P<folder>.*)", "(?:/(?P<folder>.*))?")
        for known, methods in self._patterns:
            if known.pattern == pattern:
                methods[method] = endpoint
                return
        self._patterns.append((re.compile(pattern), {method: endpoint}))

    def whole(self) -> dict[str, dict[str, Endpoint]]:
        """The endpoints of the paths without fields, by path and method."""
        return self._exact

    def find(self, path: str) -> tuple[dict[str, Endpoint], dict[str, str]]:
        """The endpoints of a path by method, with the fields that stand in the path; none where there is no call."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, _NO_FIELDS
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict("")
        return {}, _NO_FIELDS


class Api:
    """Answers the calls of the table for one registry and one event loop."""

    def __init__(self, registry: Registry, addresses: Addresses):
        self._registry = registry
        self._addresses = addresses
        self._detached = ThreadPoolExecutor(_DETACHED, thread_name_prefix="modelkeep-detached")
        self._loop = asyncio.get_running_loop()
        self.access = access_to(registry)
        self.reads, self.writes = self.access.reads, self.access.writes
        self._polls: set[asyncio.Task[bytes]] = set()
        self._stopping = False
        self._encode = msgspec.json.Encoder().encode

    async def close(self) -> None:
        """Finish what is being read and written; only then may the registry be closed."""
        await self.reads.close()
        await self._loop.run_in_executor(None, self._detached.shutdown)
        await self.writes.close()

    def stop_waiting(self) -> None:
        """Answer the long polls now, so that the server can stop."""
        self._stopping = True
        self.writes.wake()

    def answer(
        self, endpoint: Endpoint, path_fields: dict[str, str], actor: Actor, exchange: Exchange, body: bytes, done: Done
    ) -> bytes | None:
        """The JSON body of a successful answer, when it can be told at once; else None, and `done` is called with it.

        Args:
            body: of the request.
            done: takes the body of the answer and None, or None and what went wrong.
        Raises:
            ModelkeepError: what the verb refused, or what was wrong with the request.
        """
        call, verb, registry = endpoint.call, endpoint.verb, self._registry
        query = exchange.scope["query_string"].decode("ascii", "replace")
        if call.method == "GET" and (query or path_fields):
            arguments = endpoint.decoder.query(query, path_fields)
        else:
            arguments = _arguments(endpoint, path_fields, query, exchange.headers, body)
        if call.waits:
            waiting = self._loop.create_task(self._wait(endpoint, actor, arguments))
            self._polls.add(waiting)
            waiting.add_done_callback(self._polls.discard)
            waiting.add_done_callback(partial(_tell, done))
        elif call.action == "read" or call.method == "GET":
            if call.cost == "point" and self.reads.at_once:
                return self._body(call, verb(actor, registry, **arguments))
            work = lambda: self._body(call, verb(actor, registry, **arguments))  # noqa: E731
            self.reads.search(work).add_done_callback(partial(_tell, done))
        elif call.is_detached:
            address = (self._addresses.of_server(exchange.scope, exchange.headers),) if call.is_addressed else ()
            work = lambda: self._body(call, verb(actor, registry, **arguments), *address)  # noqa: E731
            self._loop.run_in_executor(self._detached, work).add_done_callback(partial(_tell, done))
        else:
            self._write(endpoint, actor, exchange, arguments, done)
        return None

    def _write(
        self, endpoint: Endpoint, actor: Actor, exchange: Exchange, arguments: dict[str, Any], done: Done
    ) -> None:
        call, verb, registry = endpoint.call, endpoint.verb, self._registry
        key = exchange.headers.get(b"idempotency-key") if call.creates else None
        if key is None:
            work = lambda: verb(actor, registry, **arguments)  # noqa: E731
            self.writes.add(Job(work, actor, partial(self._written, call, done), call.is_long, call.frees))
            return
        given, fingerprint = key.decode("latin-1"), _fingerprint(call, arguments)
        once = lambda: idempotency.once(  # noqa: E731
            actor, registry, given, fingerprint, lambda: self._body(call, verb(actor, registry, **arguments))
        )
        self.writes.add(Job(once, actor, lambda job: done(job.result, job.error)))

    def _written(self, call: Call, done: Done, job: Job) -> None:
        if job.error is not None:
            done(None, job.error)
            return
        try:
            body = self._body(call, job.result)
        except Exception as error:
            done(None, error)
        else:
            done(body, None)

    async def _wait(self, endpoint: Endpoint, actor: Actor, arguments: dict[str, Any]) -> bytes:
        """Ask the verb until it returns something or the time asked for is over."""
        wait = arguments.pop("wait") or 0.0
        if not 0 <= wait <= LONGEST_WAIT:
            raise Invalid(f"Parameter 'wait' must be between 0 and {LONGEST_WAIT} seconds, got {wait}.")
        deadline = self._loop.time() + wait
        while True:
            found = await self.reads.search(lambda: endpoint.verb(actor, self._registry, **arguments))
            left = deadline - self._loop.time()
            if found or left <= 0 or self._stopping:
                return self._body(endpoint.call, found)
            # Another process may write too, so a poll stays needed beside this process's own signal.
            await self.writes.wait_for_one(min(left, POLL_SECONDS))

    def _body(self, call: Call, result: Any, *address: str) -> bytes:
        return b"{}" if call.reply is None else self._encode(call.reply(result, *address))


def _tell(done: Done, future: asyncio.Future[bytes]) -> None:
    if future.cancelled():
        done(None, Unavailable("The server is stopping."))
    elif (error := future.exception()) is not None:
        done(None, error)
    else:
        done(future.result(), None)


def _arguments(
    endpoint: Endpoint, path_fields: dict[str, str], query: str, headers: dict[bytes, bytes], data: bytes
) -> dict[str, Any]:
    """The verb's arguments from a request's body; of a DELETE without one, from its query."""
    method, decoder = endpoint.call.method, endpoint.decoder
    if method in ("POST", "PUT"):
        if headers.get(b"content-type") != b"application/json":
            _check_content_type(headers)
    elif method == "DELETE" and query:
        if not data.strip():
            return decoder.query(query, path_fields)
        _check_same(decoder.query_fields(query), decoder.body(data, path_fields))
    return decoder.body(data, path_fields)


def _fingerprint(call: Call, arguments: dict[str, Any]) -> str:
    # The standard library's encoder escapes what is not ASCII, so text that is not valid Unicode gets as far as the
    # verb, which says what is wrong with it.
    text = json.dumps([call.path, msgspec.to_builtins(arguments)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_same(query: dict[str, Any], body: dict[str, Any]) -> None:
    for name, value in query.items():
        if body.get(name) not in (None, value):
            raise Invalid(f"The parameter '{name}' differs between the query and the body. Give it once.")


def _check_content_type(headers: dict[bytes, bytes]) -> None:
    if b"content-type" not in headers:
        raise Invalid("Bad Request. Content-Type header is missing.")
    content_type = headers[b"content-type"].decode("latin-1")
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise Invalid(f"Bad Request. Content-Type must be one of ['application/json'], got {content_type[:80]!r}.")


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """A request's whole body.

    Raises:
        TooLarge: it is over BODY_LIMIT; what is too long by its own account is not read at all.
        ModelkeepError: the client went away, or stood still for BODY_SECONDS.
    """
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > BODY_LIMIT:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await next_message(receive, BODY_SECONDS)
        if message["type"] == "http.disconnect":
            raise _cut_short()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_LIMIT:
            raise _too_large()
        if not message.get("more_body", False):
            return b"".join([*chunks, chunk]) if chunks else chunk
        chunks.append(chunk)


def _cut_short() -> ModelkeepError:
    return Invalid("The request's body ended before it was complete.")


def _too_large() -> ModelkeepError:
    return TooLarge(f"The request's body is over {BODY_LIMIT:,} bytes. Send it in smaller parts.")
