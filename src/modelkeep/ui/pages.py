"""Pages for people: which page a path leads to, and how it is sent."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from modelkeep.api import errors
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import ModelkeepError, NotFound
from modelkeep.registry.handle import Registry
from modelkeep.ui import events, experiments, logged_models, models, reference, rendering, runs, static, versions
from modelkeep.ui.links import Links
from modelkeep.ui.visits import Answer, Visit, read_query

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
View = Callable[[Visit], Answer]

_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'self'; script-src '{script}'"
)
_FOR_EVER = "public, max-age=31536000, immutable"


def _nothing(visit: Visit) -> Answer:
    raise NotFound(f"There is no page at {visit.path[:500]}. Start from the list of models.")


def _static(visit: Visit) -> Answer:
    found = static.find(visit.parts["file"])
    if found is None:
        raise NotFound(f"There is no file {visit.path[:500]}. Reload the page that asked for it.")
    return Answer(found[0], content_type=found[1], headers=[("cache-control", _FOR_EVER)])


# A model's name has no slash, but may hold anything else.
_ROUTES: tuple[tuple[re.Pattern[str], View], ...] = tuple(
    (re.compile(pattern, re.DOTALL), view)
    for pattern, view in (
        (r"/(?:models/?)?", models.index),
        (r"/models/(?P<name>[^/]+)/?", models.show),
        (r"/models/(?P<name>[^/]+)/compare/?", versions.compare),
        (r"/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)/?", versions.show),
        (r"/experiments/?", experiments.index),
        (r"/experiments/(?P<experiment_id>[^/]+)/?", experiments.show),
        (r"/experiments/(?P<experiment_id>[^/]+)/runs/(?P<run_id>[^/]+)/?", runs.show),
        (r"/experiments/(?P<experiment_id>[^/]+)/models/(?P<model_id>[^/]+)/?", logged_models.show),
        (r"/runs/(?P<run_id>[^/]+)/?", runs.show),
        (r"/logged-models/(?P<model_id>[^/]+)/?", logged_models.show),
        (r"/activity/?", events.index),
        (r"/api/?", reference.show),
        (r"/static/(?P<file>[^/]+)", _static),
        (r"/(?:models|experiments|runs|logged-models|activity|static)/.*", _nothing),
    )
)


class Pages:
    """The pages of one registry.

    Args:
        readers: where the pages are made, so that the event loop goes on meanwhile.
        base_path: the prefix of every link, without a slash at its end.
    """

    def __init__(self, registry: Registry, readers: ThreadPoolExecutor, base_path: str):
        self._registry = registry
        self._readers = readers
        self._links = Links(base_path)
        policy = _POLICY.format(script=static.script_hash())
        self._headers = [
            (b"content-security-policy", policy.encode()),
            (b"referrer-policy", b"same-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"SAMEORIGIN"),
        ]

    def match(self, method: str, path: str) -> Callable[[Actor, Scope, Send], Awaitable[None]] | None:
        """The page of a path, or None."""
        if method in ("GET", "HEAD"):
            for pattern, view in _ROUTES:
                if found := pattern.fullmatch(path):
                    return partial(self._answer, view, found.groupdict())
        return None

    async def _answer(self, view: View, parts: dict[str, str], actor: Actor, scope: Scope, send: Send) -> None:
        loop = asyncio.get_running_loop()
        answer = await loop.run_in_executor(self._readers, self._make, view, parts, actor, scope)
        headers = [
            *self._headers,
            (b"content-type", answer.content_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            *((name.encode(), value.encode()) for name, value in answer.headers),
        ]
        if not any(name == "cache-control" for name, _ in answer.headers):
            headers.append((b"cache-control", b"private, no-cache"))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})

    def _make(self, view: View, parts: dict[str, str], actor: Actor, scope: Scope) -> Answer:
        visit = Visit(actor, self._registry, self._links, scope["path"], parts, {}, _address(scope, self._links.base))
        try:
            visit.query = read_query(scope["query_string"].decode("ascii", "replace"))
            # One snapshot for all that a page reads, so that its parts agree with each other.
            with self._registry.database.read():
                return view(visit)
        except ModelkeepError as error:
            return rendering.page("error.html", visit, errors.status_of(error), message=error.message)


def _address(scope: Scope, base: str) -> str:
    """This server's address as the reader wrote it, for the lines of code that pages show."""
    host = dict(scope["headers"]).get(b"host", b"localhost").decode("latin-1")
    return f"{scope.get('scheme', 'http')}://{host}{base}"
