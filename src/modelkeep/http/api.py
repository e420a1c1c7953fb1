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
from modelkeep.http.decoding import BODY_LIMIT, Decoder
from modelkeep.http.responding import Headers, Receive, Scope
from modelkeep.http.writing import Writes
from modelkeep.registry import idempotency
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

Verb = Callable[..., Any]
LONGEST_WAIT = 20
POLL_SECONDS = 0.25
# The key of a tag may hold slashes, which arrive decoded.
_FIELD = {"tag_key": ".+"}
_PREFIXES = ("/api/{version}/", "/ajax-api/{version}/")


@dataclass(slots=True)
class Endpoint:
    """A call with its verb and decoder, ready to be used."""

    call: Call
    verb: Verb
    decoder: Decoder

    @property
    def name(self) -> str:
        """The call's name in metrics and logs."""
        return self.call.verb


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

    def __init__(self, calls: tuple[Call, ...] = CALLS):
        self.calls = calls
        self._exact: dict[str, dict[str, Endpoint]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Endpoint]]] = []
        for call in calls:
            endpoint = Endpoint(call, resolve(call.verb), Decoder(call))
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

    def find(self, path: str) -> tuple[dict[str, Endpoint], dict[str, str]] | None:
        """The endpoints of a path by method, with the fields that stand in the path."""
        methods = self._exact.get(path)
        if methods is not None:
            return methods, {}
        for pattern, methods in self._patterns:
            if match := pattern.fullmatch(path):
                return methods, match.groupdict()
        return None


class Api:
    """Answers the calls of the table for one registry and one event loop."""

    def __init__(self, registry: Registry, readers: ThreadPoolExecutor):
        self._registry = registry
        self._readers = readers
        self._loop = asyncio.get_running_loop()
        self.writes = Writes(registry, self._loop)
        self._stopping = False
        self._encode = msgspec.json.Encoder().encode

    def stop_waiting(self) -> None:
        """Answer the long polls now, so that the server can stop."""
        self._stopping = True
        self.writes.wake()

    async def answer(
        self, endpoint: Endpoint, path_fields: dict[str, str], actor: Actor, scope: Scope, receive: Receive
    ) -> bytes:
        """The JSON body of a successful answer.

        Raises:
            ModelkeepError: what the verb refused, or what was wrong with the request.
        """
        arguments = await self._arguments(endpoint, path_fields, scope, receive)
        call, verb, registry = endpoint.call, endpoint.verb, self._registry
        if call.waits:
            return await self._wait(endpoint, actor, arguments)
        if call.action == "read" or call.method == "GET":
            if call.cost == "point":
                return self._body(call, verb(actor, registry, **arguments))
            work = lambda: self._body(call, verb(actor, registry, **arguments))  # noqa: E731
            return await self._loop.run_in_executor(self._readers, work)
        key = _header(scope, b"idempotency-key") if call.creates else None
        if key is None:
            return self._body(call, await self.writes.submit(lambda: verb(actor, registry, **arguments), call.is_long))
        fingerprint = _fingerprint(call, arguments)
        return await self.writes.submit(
            lambda: idempotency.once(
                actor, registry, key, fingerprint, lambda: self._body(call, verb(actor, registry, **arguments))
            )
        )

    async def _wait(self, endpoint: Endpoint, actor: Actor, arguments: dict[str, Any]) -> bytes:
        """Ask the verb until it returns something or the time asked for is over."""
        wait = arguments.pop("wait") or 0.0
        if not 0 <= wait <= LONGEST_WAIT:
            raise Invalid(f"Parameter 'wait' must be between 0 and {LONGEST_WAIT} seconds, got {wait}.")
        deadline = self._loop.time() + wait
        while True:
            found = await self._loop.run_in_executor(
                self._readers, lambda: endpoint.verb(actor, self._registry, **arguments)
            )
            left = deadline - self._loop.time()
            if found or left <= 0 or self._stopping:
                return self._body(endpoint.call, found)
            # Another process may write too, so a poll stays needed beside this process's own signal.
            await self.writes.wait_for_one(min(left, POLL_SECONDS))

    def _body(self, call: Call, result: Any) -> bytes:
        return b"{}" if call.reply is None else self._encode(call.reply(result))

    async def _arguments(
        self, endpoint: Endpoint, path_fields: dict[str, str], scope: Scope, receive: Receive
    ) -> dict[str, Any]:
        method, decoder = scope["method"], endpoint.decoder
        query = scope["query_string"].decode("ascii", "replace")
        if method == "GET" and (query or path_fields):
            return decoder.fields(decoder.query_fields(query) | path_fields) if path_fields else decoder.query(query)
        data = await read_body(scope, receive)
        if method in ("POST", "PUT"):
            _check_content_type(scope)
        if not data.strip() and query and method == "DELETE":
            return decoder.fields(decoder.query_fields(query) | path_fields)
        if method == "DELETE" and query:
            _check_same(decoder.query_fields(query), decoder.body(data, path_fields))
        if path_fields:
            return decoder.body(data, path_fields)
        return decoder.body(data)


def _fingerprint(call: Call, arguments: dict[str, Any]) -> str:
    # The standard library's encoder escapes what is not ASCII, so text that is not valid Unicode gets as far as the
    # verb, which says what is wrong with it.
    text = json.dumps([call.path, msgspec.to_builtins(arguments)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_same(query: dict[str, Any], body: dict[str, Any]) -> None:
    for name, value in query.items():
        if body.get(name) not in (None, value):
            raise Invalid(f"The parameter '{name}' differs between the query and the body. Give it once.")


def _check_content_type(scope: Scope) -> None:
    content_type = _header(scope, b"content-type")
    if content_type is None:
        raise Invalid("Bad Request. Content-Type header is missing.")
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise Invalid(f"Bad Request. Content-Type must be one of ['application/json'], got {content_type[:80]!r}.")


def _header(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


async def read_body(scope: Scope, receive: Receive) -> bytes:
    """A request's whole body.

    Raises:
        TooLarge: it is over BODY_LIMIT; what is too long by its own account is not read at all.
        ModelkeepError: the client went away.
    """
    announced = _header(scope, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > BODY_LIMIT:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _cut_short()
    if not message.get("more_body", False):
        body = message.get("body", b"")
        if len(body) > BODY_LIMIT:
            raise _too_large()
        return body
    chunks = [message.get("body", b"")]
    size = len(chunks[0])
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _cut_short()
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > BODY_LIMIT:
            raise _too_large()
    return b"".join(chunks)


def _cut_short() -> ModelkeepError:
    return Invalid("The request's body ended before it was complete.")


def _too_large() -> ModelkeepError:
    return TooLarge(f"The request's body is over {BODY_LIMIT:,} bytes. Send it in smaller parts.")


def change_headers(actor: Actor) -> Headers:
    """The header that names the change a call recorded."""
    return [(b"x-modelkeep-change-id", actor.change_ids[-1].encode())] if actor.change_ids else []
