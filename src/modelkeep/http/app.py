"""The ASGI application: guard, identity, routing, and every error as one JSON object."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Protocol

from modelkeep.api.errors import EndpointNotFound, MethodNotAllowed, WorkspacesDisabled
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, ModelkeepError
from modelkeep.http import artifacts, identity, probes
from modelkeep.http.addresses import Addresses
from modelkeep.http.api import Api, Endpoint, Routes, change_headers
from modelkeep.http.guard import Guard
from modelkeep.http.measuring import Measures, Tally
from modelkeep.http.responding import Headers, Receive, Scope, Send, internal_error, send_error, send_json
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Edge:
    """What the application needs to know besides the registry.

    Attributes:
        auth: whether every call needs a token.
        base_path: a prefix, such as `/registry`, under which everything is served as well; empty for none.
        allowed_hosts: see Guard.
        trusted_proxies: networks whose X-Forwarded headers are believed.
        access_log: which requests are logged: `off`, `writes` or `all`.
    """

    auth: bool = False
    base_path: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    access_log: str = "off"


class Pages(Protocol):
    """What the application needs of the pages for people: see `modelkeep.ui`."""

    def match(self, method: str, path: str) -> Callable[[Actor, Scope, Send], Awaitable[None]] | None:
        """The page of a path, or None."""


class Background(Protocol):
    """What the application needs of the work that nobody asks for: see `modelkeep.worker`."""

    def stop(self) -> None:
        """End it, before the registry is closed."""


class App:
    """An ASGI application over one registry.

    Args:
        open_registry: opens it, in the process that serves it.
        make_pages: makes the pages for people from the registry, a pool of threads and the base path.
        edge: what else it needs to know.
        start_background: starts what is done to the registry without a request, if anything is.
    """

    def __init__(
        self,
        open_registry: Callable[[], Registry],
        make_pages: Callable[[Registry, ThreadPoolExecutor, str], Pages],
        edge: Edge,
        start_background: Callable[[Registry], Background] | None = None,
    ):
        self._open = open_registry
        self._make_pages = make_pages
        self._edge = edge
        self._start_background = start_background
        self._guard = Guard(edge.allowed_hosts)
        self._proxies = probes.Proxies(edge.trusted_proxies)
        self._measures = Measures()
        self._others = self._measures.tally("other")
        self._routes = Routes(self._measures)
        self._logs = edge.access_log != "off"
        self._ids = count(1)
        self._id_prefix = os.urandom(5).hex().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Open the registry when the server starts, and close it when the last request is answered."""
        await receive()
        self._registry = self._open()
        self._api = Api(self._registry, Addresses(self._proxies, self._edge.base_path))
        self._reads = self._api.reads
        self._probes = probes.Probes(self._registry, self._reads, self._measures, self._routes.calls)
        self._pages = self._make_pages(self._registry, self._reads.threads, self._edge.base_path)
        background = self._start_background(self._registry) if self._start_background else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if background is not None:
            # Elsewhere: it may be waiting for a turn to write that this loop has to give up.
            await asyncio.get_running_loop().run_in_executor(None, background.stop)
        await self._api.close()
        opening.close(self._registry)
        await send({"type": "lifespan.shutdown.complete"})

    def stop_waiting(self) -> None:
        """Answer the long polls now: the server is about to stop."""
        self._api.stop_waiting()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Every request runs through this, and a point read is over in 40 µs: what it does not need is not called.
        started = time.perf_counter()
        headers = dict(scope["headers"])
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = b"%s%x" % (self._id_prefix, next(self._ids))
        extra: Headers = [(b"x-request-id", request_id)]
        begun = actor = None
        tally = self._others
        try:
            if self._edge.base_path:
                scope = self._without_base(scope)
            method, path = scope["method"], scope["path"]
            if len(headers) < len(scope["headers"]):
                _check_repeated(scope)
            self._guard.check(method, path, self._proxies.host(scope, headers), headers.get(b"origin"))
            methods, fields = self._routes.find(path)
            endpoint = methods.get(method)
            if endpoint is not None:
                tally = endpoint.tally
                if b"x-mlflow-workspace" in headers:
                    _check_workspace(headers)
                actor = await self._actor(headers, request_id)
                if endpoint.is_point and (query := scope["query_string"]):
                    body = await self._reads.point(partial(self._api.read, endpoint, actor, query))
                else:
                    body = await self._api.answer(endpoint, fields, actor, scope, headers, receive)
                if actor.change_ids:
                    extra += change_headers(actor)
                status = 200
                await send_json(send, 200, body, extra)
            else:
                begun = _Begun(send, extra)
                tally = await self._other(scope, receive, begun, headers, path, request_id, methods)
                status = begun.status
        except ModelkeepError as error:
            status = await _refuse(send, begun, error, extra)
        except Exception:
            log.exception("a request failed", extra={"request_id": request_id.decode(), "path": scope["path"]})
            status = await _refuse(send, begun, internal_error(), extra)
        seconds = time.perf_counter() - started
        tally.add(status, seconds)
        if self._logs:
            self._log(scope, status, seconds, request_id, actor)

    async def _other(
        self,
        scope: Scope,
        receive: Receive,
        begun: _Begun,
        headers: dict[bytes, bytes],
        path: str,
        request_id: bytes,
        known: dict[str, Endpoint],
    ) -> Tally:
        """Everything that is not in the API table."""
        method = scope["method"]
        open_to_all = self._probes.match(method, path)
        if open_to_all is not None:
            await open_to_all(begun.send)
            return self._measures.tally(path)
        receiver = artifacts.match_signed(method, path)
        if receiver is not None:
            await receiver(self._api.access, scope, receive, begun.send)
            return self._measures.tally("artifacts")
        handler = artifacts.match(method, path)
        if handler is not None:
            _check_workspace(headers)
            actor = await self._actor(headers, request_id)
            await handler(self._api.access, actor, scope, receive, begun.send)
            return self._measures.tally("artifacts")
        page = self._pages.match(method, path)
        if page is not None:
            await page(await self._actor(headers, request_id), self._proxies.believed(scope, headers), begun.send)
            return self._measures.tally("pages")
        if known:
            allowed = tuple(sorted(known))
            raise MethodNotAllowed(f"{path} does not answer {method}; use {' or '.join(allowed)}.", allowed)
        raise EndpointNotFound(f"There is no {method} {path[:500]} here. The calls are listed at /api/openapi.json.")

    def _without_base(self, scope: Scope) -> Scope:
        path, base = scope["path"], self._edge.base_path
        if path == base or path.startswith(base + "/"):
            raw = scope.get("raw_path") or path.encode()
            return {**scope, "path": path[len(base) :] or "/", "raw_path": raw[len(base.encode()) :] or b"/"}
        return scope

    async def _actor(self, headers: dict[bytes, bytes], request_id: bytes) -> Actor:
        authorization = headers.get(b"authorization")
        if authorization is None and not self._edge.auth:
            return Actor("anonymous", "admin", False, "http", request_id.decode())
        return await identity.identify(self._api.access, _text(authorization), self._edge.auth, request_id.decode())

    def _log(self, scope: Scope, status: int, seconds: float, request_id: bytes, actor: Actor | None) -> None:
        if self._edge.access_log == "writes" and scope["method"] in ("GET", "HEAD"):
            return
        log.info(
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "request_id": request_id.decode(),
                "client": self._proxies.client(scope),
                "actor": actor.name if actor else None,
                "change_id": actor.change_ids[-1] if actor and actor.change_ids else None,
            },
        )


class _Begun:
    """A `send` that adds headers to the answer and remembers its status."""

    __slots__ = ("_extra", "raw", "status")

    def __init__(self, raw: Send, extra: Headers):
        self.raw = raw
        self.status = 0
        self._extra = extra

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._extra]}
        await self.raw(message)


async def _refuse(send: Send, begun: _Begun | None, error: ModelkeepError, extra: Headers) -> int:
    if begun is not None and begun.status:
        return begun.status  # too late to say anything: the server cuts the connection
    return await send_error(send, error, extra)


def _check_repeated(scope: Scope) -> None:
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise Invalid("The request has more than one Host header.")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _check_workspace(headers: dict[bytes, bytes]) -> None:
    workspace = headers.get(b"x-mlflow-workspace")
    if workspace is not None and workspace.strip() not in (b"", b"default"):
        raise WorkspacesDisabled("Workspace APIs are not available: workspaces are not enabled on this server")
