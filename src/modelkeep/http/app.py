"""The ASGI application: guard, identity, routing, and every error as one JSON object."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from modelkeep.api.errors import EndpointNotFound, MethodNotAllowed, WorkspacesDisabled
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, ModelkeepError, Unavailable
from modelkeep.http import artifacts, identity, probes
from modelkeep.http.addresses import Addresses
from modelkeep.http.api import Api, Done, Endpoint, Routes, read_body
from modelkeep.http.exchange import Exchange, Reply
from modelkeep.http.forwarding import Answering, Asking
from modelkeep.http.guard import Guard
from modelkeep.http.measuring import Measures
from modelkeep.http.outages import Outages
from modelkeep.http.responding import Receive, Scope, Send, error_answer, internal_error, send_json
from modelkeep.registry import opening
from modelkeep.registry.handle import Registry

log = logging.getLogger("modelkeep.http")

_NO_FIELDS: dict[str, str] = {}


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
        self._outages = Outages()
        self._logs = edge.access_log != "off"
        self._writer: Asking | None = None
        self._calls = {
            (prefix + path).encode(): {method.encode(): endpoint for method, endpoint in methods.items()}
            for path, methods in self._routes.whole().items()
            for prefix in {"", edge.base_path}
        }

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

    def endpoint(self, method: bytes, path: bytes) -> Endpoint | None:
        """The call of the API table that a request's line names, without fields in its path; None for all else."""
        methods = self._calls.get(path)
        return None if methods is None else methods.get(method)

    def asking(self) -> Asking:
        """The end of a link to the process that writes, to which calls are passed on from now on."""
        asking = Asking()
        if self._reads.at_once:
            self._writer = asking
        return asking

    def answering(self) -> Answering:
        """The end of a link on which another process passes its calls on to this one."""
        return Answering(self._call_at)

    def _call_at(self, scope: Scope, body: bytes, reply: Reply) -> None:
        endpoint = self.endpoint(scope["method"].encode(), scope["path"].encode())
        assert endpoint is not None
        self.call(endpoint, scope, body, reply)

    def call(self, endpoint: Endpoint, scope: Scope, body: bytes, reply: Reply) -> None:
        """Answer a whole request to a call of the table: `reply` is called now or later, once, on the loop.

        Every API request runs through this, and a point read is over in 40 µs: what it does not need is not called.
        """
        if endpoint.is_short_write and self._writer is not None and self._writer.is_open:
            self._writer.ask(scope, body, reply)
            return
        exchange = Exchange(scope, endpoint.tally)
        done = partial(self._called, exchange, reply)
        try:
            self._admit(exchange)
            _check_workspace(exchange.headers)
            identify, asks_database = self._identification(exchange)
        except Exception as error:
            done(None, error)
            return
        if asks_database and not self._reads.at_once:
            self._reads.search(identify).add_done_callback(
                lambda found: self._perform(endpoint, exchange, found.result, body, done)
            )
        else:
            self._perform(endpoint, exchange, identify, body, done)

    def _perform(
        self, endpoint: Endpoint, exchange: Exchange, identify: Callable[[], Actor], body: bytes, done: Done
    ) -> None:
        try:
            exchange.actor = identify()
            answer = self._api.answer(endpoint, _NO_FIELDS, exchange.actor, exchange, body, done)
        except Exception as error:
            done(None, error)
        else:
            if answer is not None:
                done(answer, None)

    def _called(self, exchange: Exchange, reply: Reply, body: bytes | None, error: BaseException | None) -> None:
        if body is not None:
            status = 200
            reply(200, body, exchange.answer_headers(200))
        else:
            status, body, headers = error_answer(self._explain(exchange, error))
            reply(status, body, headers + exchange.answer_headers(status))
        self._note(exchange, status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that is not a whole one to a call: a file, a page, a body in chunks, a path with fields."""
        if self._edge.base_path:
            scope = self._without_base(scope)
        exchange = Exchange(scope, self._others)
        begun = _Begun(send, exchange)
        try:
            self._admit(exchange)
            methods, fields = self._routes.find(scope["path"])
            endpoint = methods.get(scope["method"])
            if endpoint is not None:
                await self._answer_call(endpoint, fields, exchange, receive, begun.send)
            else:
                await self._other(exchange, receive, begun.send, methods)
        except Exception as error:
            found = self._explain(exchange, error)
            if not begun.status:  # otherwise it is too late to say anything: the server cuts the connection
                status, body, headers = error_answer(found)
                await send_json(begun.send, status, body, headers)
        self._note(exchange, begun.status)

    async def _answer_call(
        self, endpoint: Endpoint, fields: dict[str, str], exchange: Exchange, receive: Receive, send: Send
    ) -> None:
        exchange.tally = endpoint.tally
        _check_workspace(exchange.headers)
        actor = await self._identify(exchange)
        body = b"" if endpoint.call.method == "GET" else await read_body(exchange.headers, receive)
        later = asyncio.get_running_loop().create_future()
        answer = self._api.answer(endpoint, fields, actor, exchange, body, partial(_resolve, later))
        await send_json(send, 200, await later if answer is None else answer)

    def _admit(self, exchange: Exchange) -> None:
        scope, headers = exchange.scope, exchange.headers
        if len(headers) < len(scope["headers"]):
            _check_repeated(scope)
        self._guard.check(scope["method"], scope["path"], self._proxies.host(scope, headers), headers.get(b"origin"))

    def _explain(self, exchange: Exchange, error: BaseException | None) -> ModelkeepError:
        """What the caller hears of an error."""
        if isinstance(error, ModelkeepError):
            if isinstance(error, Unavailable):
                self._outages.note(error)
            return error
        log.error(
            "a request failed",
            exc_info=error,
            extra={"request_id": exchange.request_id.decode(), "path": exchange.scope["path"]},
        )
        return internal_error()

    def _note(self, exchange: Exchange, status: int) -> None:
        seconds = exchange.seconds()
        exchange.tally.add(status, seconds)
        if self._logs:
            self._log(exchange, status, seconds)

    def _identification(self, exchange: Exchange) -> tuple[Callable[[], Actor], bool]:
        """What tells who calls, and whether it asks the database."""
        secret = identity.secret_in(exchange.headers.get(b"authorization"), self._edge.auth)
        return partial(identity.identify, self._registry, secret, exchange.request_id), secret is not None

    async def _identify(self, exchange: Exchange) -> Actor:
        identify, asks_database = self._identification(exchange)
        exchange.actor = await self._reads.point(identify) if asks_database else identify()
        return exchange.actor

    async def _other(self, exchange: Exchange, receive: Receive, send: Send, known: dict[str, Endpoint]) -> None:
        """Everything that is not in the API table."""
        scope = exchange.scope
        method, path = scope["method"], scope["path"]
        open_to_all = self._probes.match(method, path)
        if open_to_all is not None:
            exchange.tally = self._measures.tally(path)
            await open_to_all(send)
            return
        receiver = artifacts.match_signed(method, path)
        if receiver is not None:
            exchange.tally = self._measures.tally("artifacts")
            await receiver(self._api.access, scope, receive, send)
            return
        handler = artifacts.match(method, path)
        if handler is not None:
            exchange.tally = self._measures.tally("artifacts")
            _check_workspace(exchange.headers)
            await handler(self._api.access, await self._identify(exchange), scope, receive, send)
            return
        page = self._pages.match(method, path)
        if page is not None:
            exchange.tally = self._measures.tally("pages")
            await page(await self._identify(exchange), self._proxies.believed(scope, exchange.headers), send)
            return
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

    def _log(self, exchange: Exchange, status: int, seconds: float) -> None:
        scope, actor = exchange.scope, exchange.actor
        if self._edge.access_log == "writes" and scope["method"] in ("GET", "HEAD"):
            return
        log.info(
            "request",
            extra={
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "request_id": exchange.request_id.decode(),
                "client": self._proxies.client(scope),
                "actor": actor.name if actor else None,
                "change_id": actor.change_ids[-1] if actor and actor.change_ids else None,
            },
        )


class _Begun:
    """A `send` that adds headers to the answer and remembers its status."""

    __slots__ = ("_exchange", "_send", "status")

    def __init__(self, send: Send, exchange: Exchange):
        self._send = send
        self.status = 0
        self._exchange = exchange

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._exchange.answer_headers(self.status)]}
        await self._send(message)


def _resolve(future: asyncio.Future[bytes], body: bytes | None, error: BaseException | None) -> None:
    if future.cancelled():
        return
    if body is not None:
        future.set_result(body)
    else:
        assert error is not None
        future.set_exception(error)


def _check_repeated(scope: Scope) -> None:
    if sum(name == b"host" for name, _ in scope["headers"]) > 1:
        raise Invalid("The request has more than one Host header.")


def _check_workspace(headers: dict[bytes, bytes]) -> None:
    workspace = headers.get(b"x-mlflow-workspace")
    if workspace is not None and workspace.strip() not in (b"", b"default"):
        raise WorkspacesDisabled("Workspace APIs are not available: workspaces are not enabled on this server")
