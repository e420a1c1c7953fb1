"""Small answers for load balancers, scrapers and stock clients; none of them needs a token."""

from __future__ import annotations

import ipaddress
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec

from modelkeep.api import openapi
from modelkeep.api.call import Call
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError
from modelkeep.http.measuring import Measures
from modelkeep.http.reading import Reads
from modelkeep.http.responding import Scope, Send
from modelkeep.registry import events
from modelkeep.registry.handle import Registry

# The release whose REST contract this server speaks; stock clients choose features by it.
MLFLOW_VERSION = "3.17.2"
FREE_BYTES_NEEDED = 64 * 1024 * 1024

_SERVER_INFO = {
    "store_type": "SqlStore",
    "workspaces_enabled": False,
    "trace_archival_enabled": False,
    "multipart_uploads_enabled": True,
    "multipart_downloads_enabled": False,
    "presigned_upload_run_id_supported": False,
    "presigned_upload_model_id_supported": False,
    "features_enabled": {"gateway": False},
}

_FORWARDED = (b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto")

log = logging.getLogger("modelkeep.http")

Answer = Callable[[Send], Awaitable[None]]


class Probes:
    """`/health`, `/ready`, `/metrics`, `/version`, server-info and the API's own description."""

    def __init__(self, registry: Registry, reads: Reads, measures: Measures, calls: tuple[Call, ...]):
        self._registry = registry
        self._reads = reads
        self._measures = measures
        self._calls = calls
        self._answers: dict[str, Answer] = {
            "/health": _text(200, "OK"),
            "/version": _text(200, MLFLOW_VERSION),
            "/ready": self._ready,
            "/metrics": self._metrics,
            "/api/openapi.json": self._openapi,
        }
        for prefix in ("/api", "/ajax-api"):
            self._answers[f"{prefix}/3.0/mlflow/server-info"] = _json(_SERVER_INFO)
        self._answers["/ajax-api/3.0/mlflow/ui-telemetry"] = _json({})
        self._answers["/.well-known/databricks-config"] = _json({})

    def match(self, method: str, path: str) -> Answer | None:
        """The answer of a path, or None."""
        if method in ("GET", "HEAD") or (method == "POST" and path.endswith("/ui-telemetry")):
            return self._answers.get(path)
        return None

    async def _ready(self, send: Send) -> None:
        problems = await self._reads.point(lambda: list(self._problems()))
        status = 503 if problems else 200
        await _send(
            send, status, b"application/json", msgspec.json.encode({"ready": not problems, "problems": problems})
        )

    def _problems(self) -> Iterator[str]:
        yield from self._registry.database.problems()
        try:
            events.last_position(Actor("modelkeep", "reader", True, "background"), self._registry)
        except ModelkeepError as error:
            yield f"The database does not answer: {error.message}"
        except Exception:  # whatever it is, the server is not ready, and says so
            log.exception("the database failed the readiness check")
            yield "The database failed. The log says how."
        free = shutil.disk_usage(self._registry.folder).free
        if free < FREE_BYTES_NEEDED:
            yield f"Only {free:,} bytes are free on the disk of the data folder; {FREE_BYTES_NEEDED:,} are needed."

    async def _metrics(self, send: Send) -> None:
        await _send(send, 200, b"text/plain; version=0.0.4; charset=utf-8", self._measures.text().encode())

    async def _openapi(self, send: Send) -> None:
        await _send(send, 200, b"application/json", openapi.document(self._calls))


class Proxies:
    """Whether a peer is a proxy whose X-Forwarded headers are believed."""

    def __init__(self, networks: tuple[str, ...]):
        self._networks = tuple(ipaddress.ip_network(network, strict=False) for network in networks)

    def host(self, scope: Scope, headers: dict[bytes, bytes]) -> bytes:
        """The Host the client asked for."""
        if self._networks and b"x-forwarded-host" in headers and self._trusts(scope):
            return headers[b"x-forwarded-host"].split(b",")[0].strip()
        return headers.get(b"host", b"")

    def believed(self, scope: Scope, headers: dict[bytes, bytes]) -> Scope:
        """The scope with the scheme and Host that the client used, for the addresses that pages show."""
        if not self._networks or not self._trusts(scope):
            return scope
        scheme = headers.get(b"x-forwarded-proto", scope["scheme"].encode()).split(b",")[0].strip().decode("latin-1")
        others = [(name, value) for name, value in scope["headers"] if name != b"host"]
        return {**scope, "scheme": scheme, "headers": [*others, (b"host", self.host(scope, headers))]}

    def are_hidden(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether there is a proxy whose word is not taken, so that the client's own address of the server is unknown."""
        return any(name in headers for name in _FORWARDED) and not self._trusts(scope)

    def client(self, scope: Scope) -> str:
        """The address of the client, for the log."""
        if self._networks and self._trusts(scope):
            for name, value in scope["headers"]:
                if name == b"x-forwarded-for":
                    return value.split(b",")[-1].strip().decode("latin-1")
        return scope["client"][0] if scope.get("client") else ""

    def _trusts(self, scope: Scope) -> bool:
        peer = scope["client"][0] if scope.get("client") else ""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _text(status: int, text: str) -> Answer:
    return lambda send: _send(send, status, b"text/plain; charset=utf-8", text.encode())


def _json(value: Any) -> Answer:
    body = msgspec.json.encode(value)
    return lambda send: _send(send, 200, b"application/json", body)


async def _send(send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [
        (b"content-type", content_type),
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"SAMEORIGIN"),
        (b"content-length", b"%d" % len(body)),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
