"""The transport without a server: the verbs, called in process on a data folder, safe beside a server on the same one.

The only file of the SDK that imports the registry, and only when it is used. No JSON is made or read: the arguments go
through the same conversion as a request's, and the verb's result through the same reply function.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, get_type_hints

import msgspec

from modelkeep.api.arguments import complete, convert
from modelkeep.api.call import Call
from modelkeep.client.calls import Progress, of_verb
from modelkeep.client.contexts import user_name
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid, OutOfSpace

if TYPE_CHECKING:
    from modelkeep.registry.handle import Registry

CHUNK_BYTES = 1024 * 1024
POLL_SECONDS = 0.05
LONGEST_WAIT = 20


class EmbeddedTransport:
    """Calls the verbs on a data folder, which is made when there is none.

    Args:
        folder: the data folder, as `modelkeep serve --data` takes it.
    Raises:
        Invalid: the folder cannot be used, or holds something else.
    """

    is_local = True

    def __init__(self, folder: Path):
        self.address = str(folder)
        self._folder = folder
        self._user = user_name()
        self._endpoints: dict[str, _Endpoint] = {}
        self._lock = threading.Lock()
        self._registry: Registry | None = None
        self._open()

    def close(self) -> None:
        """Close the files; the next call opens them again."""
        from modelkeep.registry import opening

        with self._lock:
            if self._registry is not None:
                opening.close(self._registry)
                self._registry = None

    def forget(self) -> None:
        """Leave the files to the process that this one was forked from, whose they are."""
        self._lock = threading.Lock()
        self._registry = None

    def _open(self) -> Registry:
        from modelkeep.registry import opening

        with self._lock:
            if self._registry is None:
                opening.prepare(self._folder)
                self._registry = opening.open_registry(self._folder)
            return self._registry

    def _actor(self) -> Actor:
        # Whoever can open the folder can do everything to it, so no role would protect anything.
        return Actor(self._user, "admin", False, "embedded")

    def call(self, verb: str, arguments: dict[str, Any]) -> Any:
        """See `calls.Transport`."""
        endpoint = self._endpoints.get(verb)
        if endpoint is None:
            endpoint = self._endpoints[verb] = _Endpoint(of_verb(verb))
        registry = self._registry or self._open()
        if endpoint.call.waits:
            return self._wait(endpoint, registry, dict(arguments))
        given = endpoint.arguments(arguments)
        actor = self._actor()
        try:
            result = endpoint.verb(actor, registry, **given)
        except OutOfSpace:
            if not endpoint.call.frees:
                raise
            result = _on_reserve(registry, actor, lambda: endpoint.verb(actor, registry, **given))
        return None if endpoint.reply is None else endpoint.reply(result)

    def _wait(self, endpoint: _Endpoint, registry: Registry, arguments: dict[str, Any]) -> Any:
        given = endpoint.arguments(arguments)
        wait = given.pop("wait") or 0.0
        if not 0 <= wait <= LONGEST_WAIT:
            raise Invalid(f"Parameter 'wait' must be between 0 and {LONGEST_WAIT} seconds, got {wait}.")
        deadline = time.monotonic() + wait
        while True:
            found = endpoint.verb(self._actor(), registry, **given)
            if found or time.monotonic() >= deadline:
                assert endpoint.reply is not None
                return endpoint.reply(found)
            # Other processes write too, and none of them tells this one.
            time.sleep(POLL_SECONDS)

    # Files --------------------------------------------------------------------------------------------------

    def send(self, path: str, file: Path, digest: str, size: int, progress: Progress) -> None:
        """See `calls.Transport`."""
        from modelkeep.registry import artifacts

        registry, actor = self._registry or self._open(), self._actor()
        artifacts.check_upload(actor, registry, path)
        upload = registry.blobs.begin(size)
        try:
            with file.open("rb", buffering=0) as source:
                while chunk := source.read(CHUNK_BYTES):
                    upload.write(chunk)
                    progress(len(chunk))
            artifacts.store(actor, registry, path, upload)
        finally:
            upload.abort()

    def fetch(self, path: str, to: IO[bytes], progress: Progress, digest: str | None = None) -> str | None:
        """See `calls.Transport`."""
        from modelkeep.registry import artifacts

        registry = self._registry or self._open()
        found = artifacts.find(self._actor(), registry, path)
        with registry.blobs.open(found.digest) as source:
            source.seek(to.tell())
            while chunk := source.read(CHUNK_BYTES):
                to.write(chunk)
                progress(len(chunk))
        return found.digest

    def remove(self, path: str) -> None:
        """See `calls.Transport`."""
        from modelkeep.registry import artifacts

        artifacts.delete(self._actor(), self._registry or self._open(), path)


class _Endpoint:
    """A call with its verb, ready to be used."""

    __slots__ = ("_convert", "_fields", "_nothing", "_on_the_wire", "_required", "call", "reply", "verb")

    def __init__(self, call: Call):
        from modelkeep.registry.verbs import resolve

        shape = call.request
        hints = get_type_hints(shape)
        self.call = call
        self.verb = resolve(call.verb)
        # An address is of no use without a server to reach there.
        reply = call.reply
        self.reply: Callable[[Any], Any] | None = (
            (lambda result: reply(result, "")) if reply is not None and call.is_addressed else reply
        )
        self._fields = shape.__struct_fields__
        self._nothing: dict[str, Any] = dict.fromkeys(self._fields)
        self._on_the_wire = dict(zip(self._fields, shape.__struct_encode_fields__, strict=True))
        self._required = call.required
        self._convert = any(hints[name] != (str | None) for name in self._fields)

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        """The verb's arguments.

        Raises:
            Invalid: one has the wrong type, or one that is required is missing.
        """
        if not self._convert:
            for value in given.values():
                if type(value) is not str and value is not None:
                    break
            else:
                return complete(self._nothing | given, self._required, self._on_the_wire)
        named = {self._on_the_wire[name]: value for name, value in given.items()}
        arguments = msgspec.structs.asdict(convert(named, self.call.request))
        return complete(arguments, self._required, self._on_the_wire)


def _on_reserve(registry: Registry, actor: Actor, work: Callable[[], Any]) -> Any:
    """Do a delete once more on a full disk, where space is kept back for that."""
    from modelkeep.registry import commits

    (job,) = commits.run_and_commit(registry.database, deque([commits.Job(work, actor, frees=True)]))
    if job.error is not None:
        raise job.error
    return job.result
