"""The calls of the API table as an ASGI application: a dictionary look-up, then decode, verb, encode."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import msgspec

from modelkeep.api.call import Call
from modelkeep.api.table import CALLS
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, ModelkeepError, TooLarge
from modelkeep.http.access import access_to
from modelkeep.http.addresses import Addresses
from modelkeep.http.decoding import BODY_LIMIT, Decoder
from modelkeep.http.measuring import Measures, Tally
from modelkeep.http.responding import Headers, Receive, Scope
from modelkeep.registry import idempotency
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

Verb = Callable[..., Any]
LONGEST_WAIT = 20
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
        is_point: a bounded read whose whole request is its query.
    """

    call: Call
    verb: Verb
    decoder: Decoder
    tally: Tally
    is_point: bool


def resolve(name: str) -> Verb:
    """The function behind `noun.verb`.

    Raises:
        LookupError: there is none.
    """
    module, _, function = name.partition(".")
    try:
        return getattr(importlib.import_module(f"modelkeep.registry.{module}"), function)
    except (ImportError, AttributeError):
        raise LookupError(f"The API table names the verb '{name}', which modelkeep.registry does not have.") from None


class Routes:
    """Where each method and path leads."""

    def __init__(self, measures: Measures, calls: tuple[Call, ...] = CALLS):
        self.calls = calls
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        for call in calls:
            is_point = call.method == "GET" and call.cost == "point" and "{" not in call.path
            endpoint = Endpoint(call, resolve(call.verb), Decoder(call), measures.tally(call.verb), is_point)
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
        for known, methods in self._patterns:
            if known.pattern == pattern:
                methods[method] = endpoint
                return
        self._patterns.append((re.compile(pattern), {method: endpoint}))

    def find(self, path: str) -> tuple[dict[str, Endpoint], dict[str, str]]:
        """The endpoints of a path by method, with the fields that stand in the path; none where there is no call."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, _NO_FIELDS
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict()
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

    def read(self, endpoint: Endpoint, actor: Actor, query: bytes) -> bytes:
        """The JSON body of a bounded read, made here and now: the caller has seen to it that this thread may wait.

        Raises:
            ModelkeepError: what the verb refused, or what was wrong with the request.
        """
        arguments = endpoint.decoder.query(query.decode("ascii", "replace"))
        return self._body(endpoint.call, endpoint.verb(actor, self._registry, **arguments))

    async def answer(
        self,
        endpoint: Endpoint,
        path_fields: dict[str, str],
        actor: Actor,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
    ) -> bytes:
        """The JSON body of a successful answer.

        Raises:
            ModelkeepError: what the verb refused, or what was wrong with the request.
        """
        call, verb, registry = endpoint.call, endpoint.verb, self._registry
        query = scope["query_string"].decode("ascii", "replace")
        if call.method == "GET" and (query or path_fields):
            arguments = endpoint.decoder.query(query, path_fields)
        else:
            arguments = _arguments(endpoint, path_fields, query, headers, await read_body(headers, receive))
        if call.waits:
            return await self._wait(endpoint, actor, arguments)
        if call.action == "read" or call.method == "GET":
            work = lambda: self._body(call, verb(actor, registry, **arguments))  # noqa: E731
            return await (self.reads.point(work) if call.cost == "point" else self.reads.search(work))
        if call.is_detached:
            address = (self._addresses.of_server(scope, headers),) if call.is_addressed else ()
            work = lambda: self._body(call, verb(actor, registry, **arguments), *address)  # noqa: E731
            return await self._loop.run_in_executor(self._detached, work)
        key = headers.get(b"idempotency-key") if call.creates else None
        if key is None:
            work = lambda: verb(actor, registry, **arguments)  # noqa: E731
            return self._body(call, await self.writes.submit(actor, work, call.is_long, call.frees))
        given, fingerprint = key.decode("latin-1"), _fingerprint(call, arguments)
        return await self.writes.submit(
            actor,
            lambda: idempotency.once(
                actor, registry, given, fingerprint, lambda: self._body(call, verb(actor, registry, **arguments))
            ),
        )

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
        ModelkeepError: the client went away.
    """
    announced = headers.get(b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > BODY_LIMIT:
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
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


def change_headers(actor: Actor) -> Headers:
    """The header that names the change a call recorded."""
    return [(b"x-modelkeep-change-id", actor.change_ids[-1].encode())] if actor.change_ids else []
